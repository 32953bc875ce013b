//! What an attacker tries between the lines: requests that two servers would read differently, paths, methods and content
//! types in disguise, headers that claim to be somebody, names that look like others.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{TestServer, on_both};

/// All that the server says to these bytes, until it closes the connection or has been quiet for a while.
async fn say(server: &TestServer, bytes: &str) -> String {
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed with something unread may break; what came before counts.
    let _ = timeout(Duration::from_secs(5), connection.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

on_both! {
    async fn no_request_hides_in_another(server: TestServer) {
        const HIDDEN: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
        for head in [
            "Content-Length: 40\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 4",
            "Content-Length: 5\r\nContent-Length: 40",
            "Content-Length: 5, 40",
            "Content-Length: +5",
            "Content-Length: 0x5",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding : chunked",
            " Transfer-Encoding: chunked",
            "X: y\r\n folded: z",
            "X: y\rTransfer-Encoding: chunked",
        ] {
            let answer = say(&server, &format!("POST /api/v1/login HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n0\r\n\r\n{HIDDEN}")).await;
            // Refused, and the connection with it: what follows is not read as a request.
            assert_eq!(statuses(&answer), ["400"], "{head}: {answer}");
        }
        // Where the length is beyond doubt, the body is a body whatever it looks like.
        let length = HIDDEN.len();
        for method in ["GET", "DELETE", "POST"] {
            let request = format!("{method} /api/v1/users/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{HIDDEN}");
            assert_eq!(statuses(&say(&server, &request).await).len(), 1, "{method}");
        }
    }

    async fn a_request_names_one_host(server: TestServer) {
        for (version, hosts, status) in [
            ("1.1", "Host: x\r\n", "200"),
            ("1.1", "", "400"),
            ("1.1", "Host: x\r\nHost: y\r\n", "400"),
            ("1.0", "", "200"),
            ("1.0", "Host: x\r\nHost: x\r\n", "400"),
        ] {
            let request = format!("GET /livez HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
            let answer = say(&server, &request).await;
            assert!(answer.split(' ').nth(1) == Some(status), "{request}{answer}");
        }
    }

    async fn no_path_leads_around_the_rules(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = alice.with_new_key("read").await;
        let request = key.request(Method::GET, "/users/me").build().unwrap();
        let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
        for path in [
            "/api/v1/jobs/../api-keys", "/api/v1/jobs/..;/api-keys", "/api/v1/jobs/%2e%2e/api-keys", "/api/v1/jobs%2f..%2fapi-keys",
            "/api/v1/./api-keys", "/api/v1//api-keys", "/api//v1/api-keys", "/api/v1/api-keys;a=b", "/api/v1/api-keys/", "/api/v1/api-keys%00",
            "/api/v1/api-keys%20", "/api/v1/%61pi-keys", "/api/v1\\api-keys", "/assets/../api/v1/api-keys",
            "/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/.git/config", "/.well-known/../.env",
        ] {
            let answer = say(&server, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}\r\n\r\n")).await;
            let refused = matches!(statuses(&answer).as_slice(), ["404" | "403" | "400"]);
            assert!(refused && !answer.contains("\"items\"") && !answer.contains("root:"), "{path}: {answer}");
        }
        // Others are the page, which has nothing to tell.
        for path in ["//api/v1/api-keys", "/API/v1/api-keys", "/%61pi/v1/api-keys"] {
            let answer = say(&server, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}\r\n\r\n")).await;
            assert!(answer.contains("content-type: text/html") && !answer.contains("\"items\""), "{path}: {answer}");
        }
    }

    async fn no_header_makes_a_request_another_one(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let customer = alice.post("/customers", json!({"email": "carol@customer.example"})).await.expect(201);
        let path = format!("/customers/{}", customer["id"].as_str().unwrap());
        for header in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"] {
            alice.send(alice.request(Method::POST, &path).header(header, "DELETE")).await.expect_problem(405, &[]);
        }
        alice.send(alice.request(Method::POST, &format!("{path}?_method=DELETE"))).await.expect_problem(405, &[]);
        assert_eq!(alice.get("/customers").await.expect(200)["items"].as_array().unwrap().len(), 1);
        let nobody = server.nobody();
        for (header, value) in [
            ("X-Original-URL", "/livez"), ("X-Rewrite-URL", "/livez"), ("X-Forwarded-User", "alice@provider.example"),
            ("X-Remote-User", alice.id.as_str()), ("X-User-ID", alice.id.as_str()), ("X-Real-IP", "127.0.0.1"),
            ("X-Forwarded-For", "127.0.0.1"), ("Authorization", "Basic YWxpY2U6YWxpY2U="),
        ] {
            nobody.send(nobody.request(Method::GET, "/customers").header(header, value)).await.expect_problem(401, &[]);
        }
    }

    async fn an_invitation_leads_to_the_public_address_whatever_the_host(server: TestServer) {
        let alice = server.provider("alice").await;
        let request = alice.request(Method::POST, "/customers").json(&json!({"email": "carol@customer.example"}));
        let request = request.header("X-Forwarded-Host", "evil.example").header("Forwarded", "host=evil.example");
        let invited = alice.send(request.header("Host", "evil.example")).await.expect(201);
        assert!(invited["invitation_url"].as_str().unwrap().starts_with(&format!("{}/invitations/", server.url)), "{invited}");
    }

    async fn a_form_of_another_page_is_not_taken_for_json(server: TestServer) {
        let alice = server.provider("alice").await;
        // What a page may send anywhere without being asked first.
        for content_type in ["text/plain", "text/plain; charset=application/json", "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=application/json", "application/json, text/plain", "text/json", "application/xml"] {
            alice.post_text("/customers", content_type, r#"{"email": "x@customer.example"}"#).await.expect_problem(415, &[]);
        }
        assert_eq!(alice.get("/customers").await.expect(200)["items"], json!([]));
    }

    async fn nothing_sent_ends_up_in_a_header(server: TestServer) {
        let alice = server.provider("alice").await;
        for path in ["/jobs?text=%0d%0aSet-Cookie:%20a=b", "/jobs/%0d%0aSet-Cookie:%20a=b", "/nothing%0d%0aSet-Cookie:%20a=b"] {
            let answer = alice.get(path).await;
            assert!(answer.headers.get("set-cookie").is_none() && answer.headers.get("location").is_none(), "{path}");
        }
        // Nor does a request's own id become ours.
        let answer = alice.send(alice.request(Method::GET, "/users/me").header("X-Request-Id", "chosen")).await;
        assert_ne!(answer.headers["x-request-id"], "chosen");
    }

    async fn two_addresses_never_look_the_same(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.invite("carol@customer.example").await;
        for hidden in ["\u{200b}", "\u{200d}", "\u{ad}", "\u{202e}", "\u{2066}", "\u{feff}", "\u{e0041}", "\u{0}", "\u{7f}"] {
            let email = format!("car{hidden}ol@customer.example");
            alice.post("/customers", json!({"email": email})).await.expect_problem(422, &["/email"]);
        }
    }

    async fn a_small_request_gets_no_large_answer(server: TestServer) {
        let alice = server.provider("alice").await;
        let fields = vec![json!({"name": "a"}); 50_000];
        let step = json!({"tag": "a", "name": "a", "points": 1, "metadata_configurations": fields});
        let body = json!({"tag": "a", "name": "a", "version": "1.0.0", "step_configurations": [step]});
        let refused = alice.post("/job-configurations", body).await;
        assert!(refused.status == 422 && refused.text.len() < 20_000, "{} bytes", refused.text.len());
        assert_eq!(refused["errors"].as_array().unwrap().len(), 100);
        assert!(refused["detail"].as_str().unwrap().starts_with("50000 values"), "{}", refused["detail"]);
    }
}
