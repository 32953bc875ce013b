//! The headers of every answer, and what is said where browsers reach us by https.

use std::collections::BTreeSet;

use reqwest::redirect::Policy;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, PASSWORD, Person, TestServer, on_both};

const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Every method and path of the OpenAPI document, its ids unknown ones.
fn operations() -> Vec<(Method, String)> {
    let document = json!(milepost::app::openapi());
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "01a20507-5af6-74f1-be79-1eb3bd8d1ccb").replace("{token}", "unknown");
        for method in item.as_object().unwrap().keys() {
            operations.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    operations
}

/// What the server answers beside its API.
const OTHERS: [&str; 14] = [
    "/livez",
    "/readyz",
    "/metrics",
    "/",
    "/sign-in",
    "/favicon.svg",
    "/assets/nothing.js",
    "/.well-known/change-password",
    "/api",
    "/api/nothing",
    "/api/v1/nothing",
    "/api/openapi.json",
    "/api/docs",
    "/api/docs/",
];

async fn ask(url: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let client = milepost::client::builder().redirect(Policy::none()).build().unwrap();
    let request = client.request(method, format!("{url}{path}"));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

#[track_caller]
fn assert_headers(what: &str, response: &Response) {
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
    let policy = header("content-security-policy").unwrap_or_else(|| panic!("{what} has no policy"));
    assert!(
        policy.starts_with("default-src 'none';") && policy.ends_with("frame-ancestors 'none'"),
        "{what}: {policy}"
    );
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(header("x-frame-options"), Some("DENY"), "{what}");
    assert_eq!(header("referrer-policy"), Some("no-referrer"), "{what}");
    assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"), "{what}");
    assert!(header("cache-control").is_some(), "{what}");
    if what.contains("/api/v1") {
        assert_eq!(policy, DATA_POLICY, "{what}");
        assert_eq!(header("cache-control"), Some("no-store"), "{what}");
    }
}

on_both! {
    async fn every_answer_has_its_headers(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = format!("Bearer {}", alice.make_key(None).await.key);
        let mut statuses = BTreeSet::new();
        let own = operations();
        assert!(own.len() > 25);
        let others = OTHERS.iter().map(|path| (Method::GET, (*path).to_owned()));
        for (method, path) in own.into_iter().chain(others) {
            for headers in [
                vec![],
                vec![("authorization", key.as_str())],
                vec![("authorization", key.as_str()), ("content-type", "application/json")],
                vec![("origin", "https://evil.example")],
            ] {
                let response = ask(&server.url, method.clone(), &path, &headers).await;
                assert_headers(&format!("{method} {path} {headers:?}"), &response);
                assert!(!response.headers().contains_key("strict-transport-security"), "{path}");
                statuses.insert(response.status().as_u16());
            }
            let response = ask(&server.url, Method::TRACE, &path, &[]).await;
            assert_headers(&format!("TRACE {path}"), &response);
        }
        for status in [200, 303, 400, 401, 403, 404] {
            assert!(statuses.remove(&status), "nothing answered {status}, but {statuses:?}");
        }
    }

    async fn an_answer_that_writes_and_a_stream_have_them_too(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "j1").await;
        let event = json!({"provider_job_id": "j1", "kind": "info"});
        let login = json!({"email": alice.email, "password": PASSWORD});
        for request in [
            alice.request(Method::POST, "/events").json(&event),
            alice.request(Method::POST, "/events").body(" ".repeat(100_000)),
            alice.request(Method::POST, "/login").json(&login),
            alice.request(Method::GET, &format!("/jobs/{job}/stream")),
            alice.request(Method::GET, "/jobs/stream"),
        ] {
            let response = request.send().await.unwrap();
            assert_headers(response.url().clone().as_str(), &response);
        }
        server.app.db().close().await;
        let response = ask(&server.url, Method::GET, "/readyz", &[]).await;
        assert_eq!(response.status(), 503);
        assert_headers("without a database", &response);
    }

    async fn a_file_of_the_page_may_only_do_what_a_worker_needs(server: TestServer) {
        if !milepost_web::BUILT {
            return;
        }
        let response = ask(&server.url, Method::GET, "/favicon.svg", &[]).await;
        assert_eq!(response.status(), 200);
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(policy, "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'");
    }

    async fn by_plain_http_nothing_is_said_where_https_is_public(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = format!("Bearer {}", alice.make_key(None).await.key);
        let server = TestServer::start_behind_https(server.stop().await).await;
        let others = OTHERS.iter().map(|path| (Method::GET, (*path).to_owned()));
        for (method, path) in operations().into_iter().chain(others) {
            for proxied in [&[][..], &[("x-forwarded-proto", "http")], &[("x-forwarded-proto", "https, http")]] {
                let headers = [&[("authorization", key.as_str())], proxied].concat();
                let response = ask(&server.url, method.clone(), &path, &headers).await;
                assert_headers(&format!("{method} {path}"), &response);
                assert_eq!(response.headers()["strict-transport-security"], HSTS, "{path}");
                let (status, location) = (response.status().as_u16(), response.headers().get("location").cloned());
                match path.as_str() {
                    "/livez" | "/readyz" => assert_eq!(status, 200, "{path}"),
                    "/metrics" => assert!(!matches!(status, 308 | 403), "{path}: {status}"),
                    path if path.starts_with("/api") => {
                        let problem = Answer::read(response).await.expect_problem(403, &[]);
                        assert_eq!(problem["type"], "urn:milepost:problem:https-required", "{path}");
                        assert!(problem["detail"].as_str().unwrap().contains("trusted_proxies"), "{problem}");
                        assert_eq!(location, None, "{path}");
                    }
                    path => {
                        assert_eq!(status, 308, "{path}");
                        assert_eq!(location.unwrap(), format!("https://milepost.example{path}"));
                    }
                }
            }
        }
        let place = ask(&server.url, Method::GET, "//evil.example/a%20b?c=d&e", &[]).await;
        assert_eq!(place.headers()["location"], "https://milepost.example//evil.example/a%20b?c=d&e");
        let posted = ask(&server.url, Method::POST, "/sign-in", &[]).await;
        assert_eq!(Answer::read(posted).await.expect_problem(403, &[])["type"], "urn:milepost:problem:https-required");
    }

    async fn by_https_everything_is_as_ever(server: TestServer) {
        let server = TestServer::start_behind_https(server.stop().await).await;
        let by_https = &[("x-forwarded-proto", "https")][..];
        for (path, status) in [("/", 200), ("/api/v1/server", 200), ("/api/v1/jobs", 401), ("/api/docs/", 200)] {
            let response = ask(&server.url, Method::GET, path, by_https).await;
            assert_eq!(response.status(), status, "{path}");
            assert_headers(path, &response);
            assert_eq!(response.headers()["strict-transport-security"], HSTS, "{path}");
        }
    }

    async fn a_proxy_that_nobody_trusts_is_not_believed_nor_sent_round_in_circles(server: TestServer) {
        let https = |settings: &mut milepost::config::Settings| {
            settings.public_url = "https://milepost.example".parse().unwrap();
        };
        let server = TestServer::start_over(server.stop().await, https).await;
        for path in ["/", "/api/v1/server"] {
            let response = ask(&server.url, Method::GET, path, &[("x-forwarded-proto", "https")]).await;
            let problem = Answer::read(response).await.expect_problem(403, &[]);
            assert_eq!(problem["type"], "urn:milepost:problem:https-required", "{path}");
        }
        Person::nobody_by_https(&server.url).get("/jobs").await.expect_problem(403, &[]);
    }
}

#[tokio::test]
async fn what_is_no_request_has_them_too_and_only_https_speaks_of_https() {
    use crate::support::{Database, DatabaseKind};
    let server = TestServer::start_behind_https(Database::fresh(DatabaseKind::Sqlite).await).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(b"nonsense\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(&format!("\r\nstrict-transport-security: {HSTS}\r\n")), "{answer}");
    assert!(serde_json::from_str::<Value>(answer.split("\r\n\r\n").nth(1).unwrap()).is_ok(), "{answer}");
}
