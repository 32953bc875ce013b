//! All data of an account as one JSON document.

use std::collections::HashSet;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{DatabaseKind, Milepost, PASSWORD, Person, TestServer, eventually, on_both};

/// The rows of a list of an export.
fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().unwrap_or_else(|| panic!("{name} of {document}"))
}

/// The document without what differs each time.
fn without_time(mut document: Value) -> Value {
    // Each export is noted, so that the next has an entry more.
    for name in ["exported_at", "audit_log"] {
        document.as_object_mut().unwrap().remove(name);
    }
    document
}

async fn export(person: &Person) -> Value {
    let answer = person.get("/users/me/export").await;
    let disposition = answer.headers["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"milepost-"), "{disposition}");
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.expect(200)
}

/// A provider with a customer, two kinds of job, and a job with some events for the customer and one for nobody.
async fn people(server: &TestServer, provider: &str, customer: &str) -> (Person, Person) {
    let alice = server.provider(provider).await;
    let carol = server.customer_of(&alice, customer).await;
    alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
    alice.register("render", "2.0.0", &[]).await;
    alice.open_job_for(&carol, "scan", "CT-1").await;
    alice.open_job("render", &format!("of {provider}")).await;
    let event = json!({"provider_job_id": "CT-1", "kind": "step", "tag": "load", "name": "loaded",
        "event_metadata": {"Density": 31.5, "Comment": "ok", "Room": 4}});
    alice.post("/events", event).await.expect(201);
    (alice, carol)
}

/// Asks for the export of somebody over a connection that takes little at once, and reads only its beginning.
async fn read_slowly(server: &TestServer, person: &Person) -> TcpStream {
    let login = json!({"email": person.email, "password": PASSWORD});
    let cookie = server.nobody().post("/login", login).await.cookie();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut connection = socket.connect(server.address).await.unwrap();
    let request = format!(
        "GET /api/v1/users/me/export HTTP/1.1\r\nHost: x\r\nCookie: {}={}\r\nConnection: close\r\n\r\n",
        cookie.name, cookie.value
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut beginning = [0; 12];
    connection.read_exact(&mut beginning).await.unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200");
    connection
}

on_both! {
    async fn a_provider_gets_all_that_is_theirs(server: TestServer) {
        let (alice, carol) = people(&server, "alice", "carol").await;
        let (bob, dave) = people(&server, "bob", "dave").await;
        let key = alice.make_key(None).await;
        let document = export(&alice).await;
        assert_eq!(document["account"], alice.get("/users/me").await.body);
        assert_eq!(list(&document, "sessions").len(), 1);
        assert_eq!(list(&document, "api_keys"), list(&alice.get("/api-keys").await.body, "items"));
        assert_eq!(list(&document, "customers").len(), 1);
        assert_eq!(document["customers"][0]["email"], carol.email.as_str());
        let tags: Vec<&Value> = list(&document, "job_configurations").iter().map(|row| &row["tag"]).collect();
        assert_eq!(tags, ["scan", "render"]);
        assert_eq!(document["job_configurations"][0]["step_configurations"][0]["tag"], "load");
        let jobs = list(&document, "jobs");
        assert_eq!(jobs.len(), 2);
        let mut first = jobs[0].clone();
        let events = first.as_object_mut().unwrap().remove("events").unwrap();
        let path = format!("/jobs/{}", first["id"].as_str().unwrap());
        assert_eq!(first, alice.get(&path).await.body, "a job is as it is shown");
        assert_eq!(events, alice.get(&format!("{path}/events")).await.body["items"]);
        assert_eq!(jobs[1]["events"], json!([]));
        let acts: Vec<&Value> = list(&document, "audit_log").iter().map(|entry| &entry["action"]).collect();
        assert!(acts.contains(&&json!("sign_in")) && acts.contains(&&json!("data_exported")), "{acts:?}");
        assert_eq!(document["complete"], true);
        let text = document.to_string();
        for secret in [&key.key, &bob.email, &dave.email, "of bob", "$argon2"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }

    async fn a_customer_gets_what_they_may_see(server: TestServer) {
        let (alice, carol) = people(&server, "alice", "carol").await;
        people(&server, "bob", "dave").await;
        let document = export(&carol).await;
        assert_eq!(document["account"]["email"], carol.email.as_str());
        assert_eq!(document["job_configurations"], json!([]));
        assert_eq!(list(&document, "customers").len(), 1);
        assert_eq!(document["customers"][0]["provider_name"], "alice Provider");
        let [job] = list(&document, "jobs") else { panic!("{document}") };
        assert_eq!((&job["provider_id"], &job["provider_job_id"]), (&json!(alice.id), &json!("CT-1")));
        assert_eq!(job["events"][0]["event_metadata"]["Density"], 31.5);
        assert!(!document.to_string().contains("of alice"));
    }

    async fn a_customer_is_not_told_who_else_invited_the_address(server: TestServer) {
        let (_, carol) = people(&server, "alice", "carol").await;
        let bob = server.provider("bob").await;
        bob.invite(&carol.email).await;
        let document = export(&carol).await;
        assert_eq!(list(&document, "customers").len(), 1);
        assert!(!document.to_string().contains(&bob.id), "{document}");
        // The operator knows whom they answer.
        let said = server.milepost(&["export", "user", "--email", &carol.email], "").await.expect_success();
        let written: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(list(&written, "customers").len(), 2);
    }

    async fn the_audit_log_is_written_in_the_order_of_time(server: TestServer) {
        let alice = server.provider("alice").await;
        let of_alice = server.database.id(&alice.id);
        let (new_id, at) = match server.database.kind {
            DatabaseKind::Sqlite => ("randomblob(16)", "'2026-01-01T00:00:0' || (n % 3) || '+00:00'"),
            DatabaseKind::Postgres => ("gen_random_uuid()", "timestamptz '2026-01-01T00:00:00Z' + make_interval(secs => n % 3)"),
        };
        let many = format!(
            "insert into audit_log (id, tenant_id, created_at, action, actor)
             with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < 249)
             select {new_id}, {of_alice}, {at}, 'sign_in', 'nobody' from numbers"
        );
        server.database.raw().await.execute(&many).await.unwrap();
        let document = export(&alice).await;
        let entries = list(&document, "audit_log");
        let times: Vec<&str> = entries.iter().map(|entry| entry["created_at"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        let ids: HashSet<&str> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
        let count = server.column::<i64>(format!("select count(*) from audit_log where tenant_id = {of_alice}")).await;
        let count = usize::try_from(count[0]).unwrap();
        assert_eq!((entries.len(), ids.len()), (count, count));
    }

    async fn the_operator_gets_the_same(server: TestServer) {
        let (alice, carol) = people(&server, "alice", "carol").await;
        for person in [&alice, &carol] {
            let said = server.milepost(&["export", "user", "--email", &person.email], "").await.expect_success();
            let written: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(without_time(written), without_time(export(person).await));
        }
        let unknown = Milepost::on(&server.database, &["export", "user", "--email", "x@x.example"]).run().await;
        unknown.expect_complaint("there is no account and no invitation x@x.example");
    }

    async fn somebody_who_was_only_invited_gets_what_was_written_to_them(server: TestServer) {
        let email = "zoe@customer.example";
        let (alice, carol) = people(&server, "alice", "carol").await;
        let (bob, _) = people(&server, "bob", "dave").await;
        let operators = async |email: &str| {
            let said = server.milepost(&["export", "user", "--email", email], "").await.expect_success();
            serde_json::from_str::<Value>(&said).unwrap()
        };
        for email in [email, &carol.email] {
            bob.invite(email).await;
            let job = json!({"tag": "scan", "provider_job_id": format!("of {email}"), "customer_email": email});
            bob.post("/jobs", job).await.expect(201);
            bob.report(&format!("of {email}"), "step", Some("load")).await;
        }
        alice.invite(email).await;

        let document = operators(email).await;
        assert_eq!(document["account"], Value::Null);
        for empty in ["sessions", "api_keys", "job_configurations", "audit_log"] {
            assert_eq!(list(&document, empty).len(), 0, "{empty}");
        }
        assert_eq!(list(&document, "customers").len(), 2);
        let [job] = list(&document, "jobs") else { panic!("{document}") };
        assert_eq!((&job["provider_id"], &job["customer_email"]), (&json!(bob.id), &json!(email)));
        assert_eq!(job["events"][0]["tag"], "load");
        assert_eq!(document["complete"], true);
        let noted = "select count(*) from audit_log where action = 'data_exported' and tenant_id is null and actor = 'operator'";
        assert_eq!(server.column::<i64>(noted).await, [1]);

        // What Bob wrote to Carol's address she gets from the operator, as long as she has not accepted.
        let ids = |document: &Value| list(document, "jobs").iter().map(|job| job["provider_job_id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&export(&carol).await), ["CT-1"]);
        assert_eq!(ids(&operators(&carol.email).await), [json!("CT-1"), json!(format!("of {}", carol.email))]);

        server.milepost(&["erase", "user", "--email", email, "--yes", "--files-later"], "").await.expect_success();
        let erased = server.milepost(&["export", "user", "--email", email], "").await;
        erased.expect_complaint(&format!("there is no account and no invitation {email}"));
    }

    async fn who_reads_slowly_keeps_nobody_from_their_own(server: TestServer) {
        let long = "x".repeat(4000);
        let mut slow = Vec::new();
        // As many as are read at once.
        for name in ["ann", "ben", "cat", "dan"] {
            let (provider, _) = people(&server, name, &format!("customer-of-{name}")).await;
            for _ in 0..2 {
                let many: Vec<Value> = (0..240)
                    .map(|_| json!({"provider_job_id": "CT-1", "kind": "info", "event_metadata": {"Comment": long}}))
                    .collect();
                provider.post("/events/batch", json!(many)).await.expect(200);
            }
            slow.push(read_slowly(&server, &provider).await);
            provider.get("/users/me/export").await.expect_problem(429, &[]);
        }
        let (eve, _) = people(&server, "eve", "fay").await;
        assert_eq!(export(&eve).await["complete"], true);
        let gate = &server.app.gates().exports;
        assert_eq!(gate.load().used.places, 4, "the others are not at their end");
        let mut read = Vec::new();
        slow.remove(0).read_to_end(&mut read).await.unwrap();
        assert!(String::from_utf8(read).unwrap().contains("\"complete\": true\n}\n"));
        drop(slow);
        eventually("their places are free", async || gate.load().used.places == 0).await;
    }

    async fn pages_join_without_a_gap_and_a_session_that_ends_breaks_the_document_off(server: TestServer) {
        let server = server.without_event_rates().await;
        let (alice, _) = people(&server, "alice", "carol").await;
        for number in 0..230 {
            alice.open_job("render", &format!("R-{number}")).await;
        }
        let long = "x".repeat(4000);
        for _ in 0..16 {
            let many: Vec<Value> = (0..240)
                .map(|_| json!({"provider_job_id": "CT-1", "kind": "info", "event_metadata": {"Comment": long}}))
                .collect();
            alice.post("/events/batch", json!(many)).await.expect(200);
        }
        let document = export(&alice).await;
        let jobs = list(&document, "jobs");
        let mut ids: Vec<&str> = jobs.iter().map(|job| job["provider_job_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((jobs.len(), ids.len()), (232, 232));
        let sequences: Vec<i64> = jobs[0]["events"].as_array().unwrap().iter().map(|e| e["sequence"].as_i64().unwrap()).collect();
        assert_eq!(sequences, (1..=3841).collect::<Vec<i64>>());

        // 15 MB do not fit between the server and a client that reads only the beginning.
        let mut response = alice.request(reqwest::Method::GET, "/users/me/export").send().await.unwrap();
        let mut read = response.chunk().await.unwrap().unwrap().to_vec();
        alice.post("/logout", Value::Null).await.expect(200);
        let broke_off = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => read.extend(chunk),
                ended => break ended.is_err(),
            }
        };
        assert!(broke_off, "the client is told");
        assert!(!String::from_utf8_lossy(&read).contains("\"complete\""));
    }
}
