//! Text that would be SQL, a pattern or a path if it got that far: every filter and cursor takes it for what it is, or
//! refuses it. `make test-sql` lets sqlmap try the same for longer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, on_both};

const INJECTIONS: [&str; 24] = [
    "'",
    "\"",
    "\\",
    "%",
    "_",
    "' or '1'='1",
    "' or 1=1 --",
    "x' or 'x' like '%",
    "\" or \"\"=\"",
    "') or ('1'='1",
    "1) or (1=1",
    "1 or 1=1",
    "'; drop table jobs; --",
    "1; delete from events",
    "' union select password from users --",
    "'||(select password from users limit 1)||'",
    "' and (select pg_sleep(9)) is null --",
    "' and randomblob(1000000000) is null --",
    "$1",
    "?1",
    "{0}",
    "../../users/me",
    "\u{ff07} or \u{ff11}=\u{ff11}",
    "a\u{0}b",
];

/// The lists and each of their parameters, from the OpenAPI document: a new one is tried without being named here.
fn parameters() -> Vec<(String, String)> {
    let document = json!(milepost::app::openapi());
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/api/v1").unwrap();
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query" && !path.ends_with("/stream")) {
            found.push((path.to_owned(), parameter["name"].as_str().unwrap().to_owned()));
        }
    }
    found
}

/// A list with one parameter, or several.
async fn ask(person: &Person, path: &str, query: &[(&str, &str)]) -> crate::support::Answer {
    person.get(&format!("{path}?{}", serde_urlencoded::to_string(query).unwrap())).await
}

/// A list without rows, figures of no job, or a file with the names of its columns alone.
fn tells_nothing(answer: &crate::support::Answer) -> bool {
    let is_head = || answer.text.lines().filter(|line| !line.starts_with('#')).count() == 1;
    answer["items"] == json!([]) || answer["totals"]["opened"] == 0 || answer.text.starts_with('#') && is_head()
}

#[test]
fn the_parameters_of_all_lists_are_known() {
    let found = parameters();
    let has = |path: &str, name: &str| found.contains(&(path.to_owned(), name.to_owned()));
    assert!(has("/jobs", "text") && has("/jobs/{id}/events", "cursor") && has("/customers", "cursor"), "{found:?}");
}

on_both! {
    async fn a_parameter_is_text_and_nothing_else(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "job").await;
        alice.report("job", "info", None).await;
        for (path, name) in parameters() {
            let path = path.replace("{id}", &job);
            for injection in INJECTIONS {
                let answer = ask(&alice, &path, &[(&name, injection)]).await;
                // No job, configuration or customer is called so; what is a choice or a cursor cannot be so.
                let is_nothing = answer.status == 200 && tells_nothing(&answer);
                assert!(is_nothing || answer.status == 422, "{path}?{name}={injection}: {} {}", answer.status, answer.text);
            }
        }
        assert_eq!(alice.get("/jobs").await.expect(200)["items"].as_array().unwrap().len(), 1);
    }

    async fn a_cursor_that_was_tampered_with_is_refused(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        alice.open_job("scan", "job-1").await;
        alice.open_job("scan", "job-2").await;
        let cursor = alice.get("/jobs?limit=1").await.expect(200)["next"].as_str().unwrap().to_owned();
        ask(&alice, "/jobs", &[("cursor", &cursor)]).await.expect(200);
        for injection in INJECTIONS.into_iter().filter(|text| !text.contains('\0')) {
            for tampered in [format!("{cursor}{injection}"), format!("{injection}{cursor}"), cursor.replacen('.', injection, 1)] {
                ask(&alice, "/jobs", &[("cursor", &tampered)]).await.expect_problem(422, &["/cursor"]);
            }
        }
    }

    async fn an_id_in_a_path_is_an_id_or_not_there(server: TestServer) {
        let alice = server.provider("alice").await;
        for injection in INJECTIONS {
            let id: String = url::form_urlencoded::byte_serialize(injection.as_bytes()).collect();
            let id = id.replace('+', "%20").replace('.', "%2E");
            for path in ["/jobs/ID", "/jobs/ID/events", "/jobs/ID/distributions", "/job-configurations/ID", "/invitations/ID"] {
                let answer = alice.get(&path.replace("ID", &id)).await;
                assert_eq!(answer.status, 404, "{path} with {injection}: {}", answer.text);
            }
        }
    }

    async fn what_is_stored_comes_back_as_it_was_sent(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let storable = INJECTIONS.into_iter().filter(|text| !text.contains('\0'));
        for injection in storable.clone() {
            let job = alice.open_job("scan", injection).await;
            let event = json!({"provider_job_id": injection, "kind": "info", "name": injection,
                "idempotency_key": injection, "event_metadata": {injection: injection}});
            alice.post("/events", event.clone()).await.expect(201);
            let events = alice.get(&format!("/jobs/{job}/events")).await.expect(200);
            for field in ["provider_job_id", "name", "idempotency_key", "event_metadata"] {
                assert_eq!(events["items"][0][field], event[field], "{injection}");
            }
            // A filter finds what is called exactly so, and that alone.
            let found = ask(&alice, "/jobs", &[("provider_job_id", injection)]).await.expect(200);
            assert_eq!(found["items"].as_array().unwrap().len(), 1, "{injection}");
            assert_eq!(found["items"][0]["id"], job.as_str(), "{injection}");
        }
        let jobs = alice.get("/jobs?limit=200").await.expect(200);
        assert_eq!(jobs["items"].as_array().unwrap().len(), storable.count());
        // Of a pattern's characters each stands for itself.
        for (text, holding) in [("%", "%"), ("_", "_"), ("\\", "\\")] {
            let found = ask(&alice, "/jobs", &[("text", text), ("limit", "200")]).await.expect(200);
            let names = found["items"].as_array().unwrap().iter().map(|job: &Value| job["provider_job_id"].as_str().unwrap().to_owned());
            let expected = INJECTIONS.iter().filter(|injection| injection.contains(holding) && !injection.contains('\0')).count();
            assert_eq!(names.filter(|name| name.contains(holding)).count(), expected, "{text}");
            assert_eq!(found["items"].as_array().unwrap().len(), expected, "{text}: {found}");
        }
    }

    async fn credentials_are_text_and_nothing_else(server: TestServer) {
        let alice = server.provider("alice").await;
        for injection in INJECTIONS {
            for email in [format!("{}{injection}", alice.email), injection.to_owned()] {
                let answer = server.nobody().post("/login", json!({"email": email, "password": injection})).await;
                assert!(matches!(answer.status, 401 | 429), "{email}: {} {}", answer.status, answer.text);
            }
            let Ok(value) = reqwest::header::HeaderValue::from_bytes(injection.as_bytes()) else { continue };
            for header in ["x-api-key", "authorization", "cookie", "last-event-id"] {
                let request = server.nobody().request(Method::GET, "/jobs").header(header, value.clone());
                server.nobody().send(request).await.expect_problem(401, &[]);
            }
        }
    }
}
