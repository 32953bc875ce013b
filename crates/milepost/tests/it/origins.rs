//! What browsers may do with our cookie from elsewhere, and what every answer says about itself.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use url::Url;

use crate::support::{Answer, PASSWORD, Person, TestServer, on_both};

/// Changes the person's own profile with these headers: the unsafe request that all of this is about.
async fn change(person: &Person, headers: &[(&str, &str)]) -> Answer {
    let request = person.request(Method::PATCH, "/users/me").json(&json!({"last_name": "Changed"}));
    person.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// Any request to any path of the server.
async fn ask(server: &TestServer, method: &str, path: &str) -> Answer {
    let nobody = server.nobody();
    let mut request = nobody.request(method.parse().unwrap(), "").build().unwrap();
    *request.url_mut() = Url::parse(&format!("{}{path}", server.url)).unwrap();
    Answer::read(milepost::client::builder().build().unwrap().execute(request).await.unwrap()).await
}

#[track_caller]
fn assert_no_cors(headers: &HeaderMap) {
    let cors = headers.keys().find(|name| name.as_str().starts_with("access-control"));
    assert!(cors.is_none(), "{headers:?}");
}

on_both! {
    async fn a_browser_on_our_own_page_may_write(server: TestServer) {
        let alice = server.provider("alice").await;
        let own = server.url.as_str();
        for headers in [
            vec![],  // a program
            vec![("Sec-Fetch-Site", "same-origin")],
            vec![("Sec-Fetch-Site", "none")],  // typed by the person themselves
            vec![("Origin", own)],
            vec![("Sec-Fetch-Site", "same-origin"), ("Origin", own)],
        ] {
            change(&alice, &headers).await.expect(200);
        }
    }

    async fn a_browser_on_another_page_may_not(server: TestServer) {
        let alice = server.provider("alice").await;
        let own = server.url.as_str();
        let port = server.address.port();
        let other_port = format!("http://127.0.0.1:{}", port ^ 1);
        let other_scheme = format!("https://127.0.0.1:{}", port ^ 1);
        let other_name = format!("http://localhost:{port}");
        let suffix = format!("{own}.evil.example");
        let user = format!("http://127.0.0.1:{port}@evil.example");
        let before = alice.get("/users/me").await.expect(200);
        for headers in [
            vec![("Sec-Fetch-Site", "cross-site")],
            vec![("Sec-Fetch-Site", "same-site")],  // another port or a sister domain
            vec![("Sec-Fetch-Site", "Same-Origin")],
            vec![("Sec-Fetch-Site", "")],
            // It beats the origin.
            vec![("Sec-Fetch-Site", "cross-site"), ("Origin", own)],
            vec![("Origin", "null")],
            vec![("Origin", "")],
            vec![("Origin", "https://evil.example")],
            vec![("Origin", "file://")],
            vec![("Origin", "chrome-extension://abcdef")],
            vec![("Origin", other_port.as_str())],
            vec![("Origin", other_scheme.as_str())],
            vec![("Origin", other_name.as_str())],
            vec![("Origin", suffix.as_str())],
            vec![("Origin", user.as_str())],
            // Nobody told us to trust a proxy.
            vec![("Origin", "https://evil.example"), ("X-Forwarded-Host", "evil.example")],
            vec![("Origin", "https://evil.example"), ("Forwarded", "host=evil.example;proto=https")],
        ] {
            let answer = change(&alice, &headers).await;
            assert_no_cors(&answer.headers);
            assert_eq!(answer.status, 403, "{headers:?}");
            answer.expect_problem(403, &[]);
        }
        assert_eq!(alice.get("/users/me").await.expect(200), before);
    }

    async fn every_unsafe_method_is_covered(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = alice.make_key(None).await;
        let evil = |method: Method, path: &str| {
            alice.request(method, path).header("Origin", "https://evil.example").header("Content-Type", "text/plain")
        };
        for (method, path) in [
            (Method::POST, "/login".to_owned()),  // or a victim would work in the attacker's account
            (Method::POST, "/logout".to_owned()),
            (Method::POST, format!("/api-keys/{}/expire", key.id)),
            (Method::POST, format!("/api_keys/{}/rotate", key.id)),
            (Method::DELETE, "/customers/0".to_owned()),
            (Method::PUT, "/users/me".to_owned()),
            (Method::PATCH, "/users/me".to_owned()),
            (Method::POST, "/nowhere".to_owned()),
        ] {
            alice.send(evil(method, &path)).await.expect_problem(403, &[]);
        }
        alice.with_key(&key).get("/users/me").await.expect(200);
    }

    async fn reading_is_not_affected(server: TestServer) {
        let alice = server.provider("alice").await;
        for headers in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Origin", "null")] {
            let request = alice.request(Method::GET, "/users/me").header(headers.0, headers.1);
            let answer = alice.send(request).await;
            // The page that asked cannot read it.
            assert_no_cors(&answer.headers);
            answer.expect(200);
        }
    }

    async fn a_preflight_allows_nothing(server: TestServer) {
        let alice = server.provider("alice").await;
        let request = alice
            .request(Method::OPTIONS, "/users/me")
            .header("Origin", "https://evil.example")
            .header("Access-Control-Request-Method", "PATCH")
            .header("Access-Control-Request-Headers", "content-type");
        let answer = alice.send(request).await;
        assert_no_cors(&answer.headers);
        answer.expect_problem(405, &[]);
    }

    async fn behind_https_a_page_on_http_is_another_origin(server: TestServer) {
        server.provider("alice").await;
        let server = TestServer::start_behind_https(server.stop().await).await;
        let nobody = Person::nobody_by_https(&server.url);
        let login = json!({"email": "alice@provider.example", "password": PASSWORD});
        let from = async |origin: &str| {
            let request = nobody.request(Method::POST, "/login").json(&login);
            nobody.send(request.header("Host", "milepost.example").header("Origin", origin)).await
        };
        from("https://milepost.example").await.expect(200);
        from("https://milepost.example:443").await.expect(200);
        // Whoever is on the line can put a page on http there.
        from("http://milepost.example").await.expect_problem(403, &[]);
        from("https://milepost.example:8443").await.expect_problem(403, &[]);
        from("https://evil.milepost.example").await.expect_problem(403, &[]);
    }

    async fn what_is_not_there_answers_with_a_problem(server: TestServer) {
        for path in [
            "/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/jobs/", "/api/v1//jobs", "/api/v2/jobs",
            "/api/v1/users", "/api/v1/JOBS", "/api/docs/nothing", "/api/nothing", "/.env",
            "/api/v1/job_configurations/a/b", "/api/v1/invitations/%FF", "/api/v1/jobs/%FF/events/%00",
        ] {
            let answer = ask(&server, "GET", path).await;
            let expected = if path == "/api/v1/users" { 405 } else { 404 };
            assert_eq!(answer.status, expected, "{path}: {}", answer.text);
            assert_no_cors(&answer.headers);
            answer.expect_problem(expected, &[]);
        }
    }

    async fn an_unknown_method_answers_with_a_problem(server: TestServer) {
        for (method, path) in [
            ("PUT", "/api/v1/jobs"),
            ("DELETE", "/api/v1/users/me"),
            ("POST", "/api/v1/users/me"),
            ("GET", "/api/v1/login"),
            ("TRACE", "/api/v1/jobs"),
            ("PROPFIND", "/api/v1/job_configurations"),
            ("POST", "/livez"),
            ("POST", "/api/openapi.json"),
            ("POST", "/api/docs/"),
        ] {
            let answer = ask(&server, method, path).await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
            let allowed = answer.headers.get("allow").map(|allow| allow.to_str().unwrap().to_owned());
            assert!(allowed.is_some_and(|allow| !allow.is_empty() && !allow.contains(method)), "{method} {path}");
            answer.expect_problem(405, &[]);
        }
    }

    async fn what_is_private_stays_out_of_caches(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "job-1").await;
        for answer in [
            alice.get("/users/me").await,
            alice.get("/jobs").await,
            alice.get(&format!("/jobs/{job}")).await,
            alice.get("/job_configurations").await,
            alice.post("/api-keys", json!({"note": ""})).await,
            alice.post("/login", json!({"email": alice.email, "password": PASSWORD})).await,
            alice.get("/jobs/0").await,  // what is refused, too
            server.nobody().get("/users/me").await,
            change(&alice, &[("Origin", "null")]).await,
            alice.get("/nothing").await,
        ] {
            assert_eq!(answer.headers["cache-control"], "no-store", "{}", answer.text);
            assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{}", answer.text);
        }
        let stream = alice.request(Method::GET, &format!("/jobs/{job}/stream")).send().await.unwrap();
        assert_eq!(stream.headers()["cache-control"], "no-store");
    }

    async fn the_server_says_that_it_lives_and_is_ready(server: TestServer) {
        for path in ["/livez", "/readyz", "/", "/api/openapi.json"] {
            let answer = ask(&server, "GET", path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert_no_cors(&answer.headers);
        }
        assert_eq!(ask(&server, "GET", "/api/openapi.json").await["openapi"], "3.1.0");
    }

    async fn a_server_without_its_database_lives_but_is_not_ready(server: TestServer) {
        let alice = server.provider("alice").await;
        server.app.db().close().await;
        assert_eq!(ask(&server, "GET", "/livez").await.status, 200);
        let unready = ask(&server, "GET", "/readyz").await;
        assert_eq!(unready.headers["retry-after"], "1");
        let problem = unready.expect_problem(503, &[]);
        alice.get("/jobs").await.expect_problem(503, &[]);
        // What the operator may read stays with the operator.
        for word in ["pool", "sqlx", "sqlite", "postgres"] {
            assert!(!problem.to_string().to_lowercase().contains(word), "{problem}");
        }
    }

    async fn the_readers_page_needs_no_other_host(server: TestServer) {
        let page = ask(&server, "GET", "/api/docs/").await;
        assert_eq!(page.status, 200);
        let others: Vec<&str> = page.text.split('"').filter(|text| text.starts_with("http") || text.starts_with("//")).collect();
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(page.body, Value::Null);
    }
}
