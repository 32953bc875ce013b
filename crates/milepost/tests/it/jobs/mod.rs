//! Jobs: opened once, pinned to a version, corrected, found again.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Person, on_both};

mod distributions;
mod lists;
mod random_lists;
mod summary;

/// A provider with a kind of job `brain`, steps `load` for 1 point and `scan` for 3.
async fn provider(server: &crate::support::TestServer) -> Person {
    let alice = server.provider("alice").await;
    alice.register("brain", "1.0.0", &[("load", 1), ("scan", 3)]).await;
    alice
}

/// The providers' own ids of the jobs that a query lists, in its order.
async fn listed(person: &Person, query: &str) -> Vec<String> {
    let list = person.get(&format!("/jobs?{query}")).await.expect(200);
    let items = list["items"].as_array().unwrap();
    items.iter().map(|job| job["provider_job_id"].as_str().unwrap().to_owned()).collect()
}

fn percent_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

on_both! {
    async fn a_job_is_opened_with_the_newest_version_and_the_configurations_name(server: TestServer) {
        let alice = provider(&server).await;
        let bob = server.customer_of(&alice, "bob").await;
        let newest = alice.register("brain", "1.10.0", &[("load", 5)]).await;
        alice.register("brain", "1.9.0", &[]).await;
        alice.register("brain", "2.0.0-rc.1", &[]).await;
        let body = json!({"provider_job_id": "j1", "tag": "brain", "customer_id": bob.id});
        let job = alice.post("/jobs", body).await.expect(201);
        assert_eq!((&job["version"], &job["job_configuration_id"]), (&json!("1.10.0"), &newest["id"]));
        assert_eq!((&job["provider_job_id"], &job["provider_job_name"]), (&json!("j1"), &json!("Job brain")));
        assert_eq!((&job["provider_id"], &job["provider_name"]), (&json!(alice.id), &json!("alice Provider")));
        assert_eq!((&job["customer_id"], &job["customer_email"]), (&json!(bob.id), &json!(bob.email)));
        assert_eq!((&job["status"], &job["progress"]), (&json!("pending"), &json!(0.0)));
        assert_eq!((&job["points"], &job["last_sequence"]), (&json!({"done": 0, "total": 5}), &json!(0)));
        for time in ["started_at", "finished_at", "last_event_at"] {
            assert_eq!(job.get(time), Some(&Value::Null), "{time}");
        }
        assert_eq!(job["created_at"], job["updated_at"]);
        let read = alice.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(read["steps"].as_array().unwrap().len(), 1);
        assert_eq!(bob.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await.expect(200), read);
    }

    async fn a_version_and_a_name_may_be_asked_for(server: TestServer) {
        let alice = provider(&server).await;
        alice.register("brain", "2.0.0", &[]).await;
        let name = "\u{1F9E0}".repeat(200);
        let body = json!({"provider_job_id": "é".repeat(200), "tag": "brain", "version": "1.0.0", "provider_job_name": name});
        let job = alice.post("/jobs", body).await.expect(201);
        assert_eq!((&job["version"], &job["provider_job_name"]), (&json!("1.0.0"), &json!(name)));
    }

    async fn opened_again_it_is_the_job_as_it_was_pinned_even_if_newer_versions_exist(server: TestServer) {
        let alice = provider(&server).await;
        let bob = server.customer_of(&alice, "bob").await;
        let body = json!({"provider_job_id": "j1", "tag": "brain", "customer_id": bob.id});
        let job = alice.post("/jobs", body.clone()).await.expect(201);
        alice.register("brain", "2.0.0", &[("load", 1)]).await;
        let before = server.contents().await;
        assert_eq!(alice.post("/jobs", body).await.expect(200), job);
        for same in [
            json!({"provider_job_id": "j1", "tag": "brain", "customer_email": bob.email}),
            json!({"provider_job_id": "j1", "tag": "brain", "customer_id": bob.id, "version": "1.0.0"}),
            json!({"provider_job_id": "j1", "tag": "brain", "customer_id": bob.id, "provider_job_name": "Renamed"}),
        ] {
            assert_eq!(alice.post("/jobs", same).await.expect(200), job);
        }
        assert_eq!(server.contents().await, before);
        alice.report("j1", "step", Some("scan")).await;
        let body = json!({"provider_job_id": "j1", "tag": "brain", "customer_id": bob.id});
        assert_eq!(alice.post("/jobs", body).await.expect(200)["progress"], 0.75);
    }

    async fn opened_at_once_many_times_it_is_one_job(server: TestServer) {
        let alice = provider(&server).await;
        let posts = (0..8).map(|_| alice.post("/jobs", json!({"provider_job_id": "j1", "tag": "brain"})));
        let answers = futures::future::join_all(posts).await;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(200)), (1, 7));
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    }

    async fn another_tag_version_or_customer_under_the_same_id_is_a_conflict(server: TestServer) {
        let alice = provider(&server).await;
        let (bob, carol) = (server.customer_of(&alice, "bob").await, server.customer_of(&alice, "carol").await);
        alice.register("brain", "2.0.0", &[]).await;
        alice.register("lung", "2.0.0", &[]).await;
        let opened = json!({"provider_job_id": "j1", "tag": "brain", "customer_id": bob.id});
        alice.post("/jobs", opened).await.expect(201);
        alice.open_job("brain", "j2").await;
        let before = server.contents().await;
        for other in [
            json!({"provider_job_id": "j1", "tag": "lung", "customer_id": bob.id}),
            json!({"provider_job_id": "j1", "tag": "brain", "version": "1.0.0", "customer_id": bob.id}),
            json!({"provider_job_id": "j1", "tag": "brain", "customer_id": carol.id}),
            json!({"provider_job_id": "j1", "tag": "brain", "customer_email": carol.email}),
            json!({"provider_job_id": "j1", "tag": "brain"}),
            json!({"provider_job_id": "j2", "tag": "brain", "customer_id": bob.id}),
        ] {
            alice.post("/jobs", other).await.expect_problem(409, &[]);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn the_same_id_of_another_provider_is_another_job(server: TestServer) {
        let alice = provider(&server).await;
        let mallory = server.provider("mallory").await;
        mallory.register("brain", "1.0.0", &[("load", 1)]).await;
        assert_ne!(alice.open_job("brain", "j1").await, mallory.open_job("brain", "j1").await);
        assert_eq!(listed(&alice, "provider_job_id=j1").await, ["j1"]);
    }

    async fn a_job_that_cannot_be_opened_changes_nothing(server: TestServer) {
        let alice = provider(&server).await;
        let bob = server.customer_of(&alice, "bob").await;
        let mallory = server.provider("mallory").await;
        let stranger = server.customer_of(&mallory, "stranger").await;
        let before = server.contents().await;
        let nobody = "018f4e9c-0000-7000-8000-000000000000";
        let good = json!({"provider_job_id": "j9", "tag": "brain", "customer_id": null, "customer_email": null});
        for (field, value, pointer) in [
            ("provider_job_id", json!(""), "/provider_job_id"), ("provider_job_id", json!("é".repeat(201)), "/provider_job_id"),
            ("provider_job_id", json!("a\0"), "/provider_job_id"), ("provider_job_id", json!(7), "/provider_job_id"),
            ("provider_job_id", Value::Null, "/provider_job_id"), ("tag", json!("lung"), "/tag"), ("tag", json!("a b"), "/tag"),
            ("tag", Value::Null, "/tag"), ("version", json!("9.9.9"), "/version"), ("version", json!("1"), "/version"),
            ("version", json!("latest"), "/version"), ("provider_job_name", json!(""), "/provider_job_name"),
            ("provider_job_name", json!("n".repeat(201)), "/provider_job_name"), ("customer_id", json!(nobody), "/customer_id"),
            ("customer_id", json!("bob"), "/customer_id"), ("customer_id", json!(7), "/customer_id"),
            ("customer_id", json!(stranger.id), "/customer_id"), ("customer_id", json!(alice.id), "/customer_id"),
            ("customer_email", json!(stranger.email), "/customer_email"), ("customer_email", json!("x"), "/customer_email"),
            ("customer_email", json!("nobody@customer.example"), "/customer_email"), ("priority", json!(1), "/priority"),
        ] {
            let mut body = good.clone();
            body[field] = value;
            let shown = body.to_string();
            let answer = alice.post("/jobs", body).await;
            assert_eq!(answer.status, 422, "{shown}: {}", answer.text);
            answer.expect_problem(422, &[pointer]);
        }
        let both = json!({"provider_job_id": "j9", "tag": "brain", "customer_id": bob.id, "customer_email": bob.email});
        alice.post("/jobs", both).await.expect_problem(422, &["/customer_email"]);
        alice.post("/jobs", json!({"tag": "brain"})).await.expect_problem(422, &["/provider_job_id"]);
        alice.post("/jobs", json!(["j9", "brain"])).await.expect_problem(422, &[""]);
        alice.post_text("/jobs", "application/json", "{\"tag\": \"\\ud800\"}").await.expect_problem(400, &[]);
        alice.post_text("/jobs", "text/plain", good.to_string()).await.expect_problem(415, &[]);
        assert_eq!(server.contents().await, before);
    }

    async fn a_foreign_and_an_unknown_customer_get_the_same_answer(server: TestServer) {
        let alice = provider(&server).await;
        let mallory = server.provider("mallory").await;
        let stranger = server.customer_of(&mallory, "stranger").await;
        let open = async |field: &str, value: &str| {
            alice.post("/jobs", json!({"provider_job_id": "j1", "tag": "brain", field: value})).await.text
        };
        let nobody = "018f4e9c-0000-7000-8000-000000000000";
        assert_eq!(open("customer_id", &stranger.id).await, open("customer_id", nobody).await);
        assert_eq!(open("customer_email", &stranger.email).await, open("customer_email", "x@y.example").await);
    }

    async fn a_job_shows_its_steps_in_order_with_metadata_and_units(server: TestServer) {
        let alice = provider(&server).await;
        let job_id = alice.open_job("brain", "j1").await;
        let body = json!({"provider_job_id": "j1", "kind": "step", "tag": "load", "occurred_at": "2026-01-01T00:00:00Z",
            "event_metadata": {"Report": "https://example.com/1", "Density": -12.5, "Ghost": 1}});
        alice.post("/events", body).await.expect(201);
        let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
        assert_eq!(job["steps"][0], json!({
            "step_configuration_id": job["steps"][0]["step_configuration_id"],
            "tag": "load", "name": "Step load", "points": 1, "status": "finished", "fraction": 1.0,
            "started_at": "2026-01-01T00:00:00Z", "started_at_inferred": true, "finished_at": "2026-01-01T00:00:00Z",
            "attempts": 1,
            "metadata": [
                {"name": "Density", "kind": "number", "units": "HU", "value": -12.5},
                {"name": "Comment", "kind": "text", "units": null, "value": null},
                {"name": "Report", "kind": "link", "units": null, "value": "https://example.com/1"},
            ],
        }));
        let scan = &job["steps"][1];
        assert_eq!((&scan["tag"], &scan["status"], &scan["attempts"]), (&json!("scan"), &json!("pending"), &json!(0)));
        assert_eq!((&scan["fraction"], &scan["started_at"], &scan["finished_at"]), (&json!(0.0), &Value::Null, &Value::Null));
        assert!(scan["metadata"].as_array().unwrap().iter().all(|field| field["value"].is_null()));
        assert_eq!(alice.get("/jobs").await["items"][0].get("steps"), None, "a list is without steps");
    }

    async fn a_job_without_steps_has_no_progress_until_it_is_complete(server: TestServer) {
        let alice = provider(&server).await;
        alice.register("note", "1.0.0", &[]).await;
        let job_id = alice.open_job("note", "j1").await;
        let told = async || {
            let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
            json!([job["status"], job["progress"], job["points"], job["steps"]])
        };
        assert_eq!(told().await, json!(["pending", null, {"done": 0, "total": 0}, []]));
        alice.report("j1", "info", None).await;
        assert_eq!(told().await, json!(["running", null, {"done": 0, "total": 0}, []]));
        alice.report("j1", "complete", None).await;
        assert_eq!(told().await, json!(["completed", 1.0, {"done": 0, "total": 0}, []]));
        server.expect_state_as_rebuilt().await;
    }

    async fn a_job_whose_steps_have_no_points_counts_its_steps(server: TestServer) {
        let alice = provider(&server).await;
        alice.register("free", "1.0.0", &[("a", 0), ("b", 0), ("c", 0), ("d", 0)]).await;
        let job_id = alice.open_job("free", "j1").await;
        alice.report("j1", "step", Some("c")).await;
        let job = alice.get(&format!("/jobs/{job_id}")).await.expect(200);
        assert_eq!((&job["progress"], &job["points"]), (&json!(0.25), &json!({"done": 0, "total": 0})));
    }

    async fn the_name_of_a_job_can_be_corrected_and_is_found(server: TestServer) {
        let alice = provider(&server).await;
        let bob = server.customer_of(&alice, "bob").await;
        let job_id = alice.open_job_for(&bob, "brain", "j1").await;
        server.clock.set_offset(TimeDelta::seconds(5));
        let path = format!("/jobs/{job_id}");
        let job = alice.patch(&path, json!({"provider_job_name": "Thorax"})).await.expect(200);
        assert_eq!((&job["provider_job_name"], &job["customer_id"]), (&json!("Thorax"), &json!(bob.id)));
        assert_ne!(job["updated_at"], job["created_at"]);
        assert_eq!(listed(&alice, "text=thorax").await, ["j1"]);
        assert!(listed(&alice, "text=brain").await.is_empty());
        for nothing in [json!({}), json!({"provider_job_name": null})] {
            assert_eq!(alice.patch(&path, nothing).await.expect(200)["provider_job_name"], "Thorax");
        }
        for (body, pointer) in [
            (json!({"provider_job_name": ""}), "/provider_job_name"), (json!({"provider_job_name": 1}), "/provider_job_name"),
            (json!({"provider_job_name": "n".repeat(201)}), "/provider_job_name"), (json!({"status": "error"}), "/status"),
            (json!({"provider_job_id": "j2"}), "/provider_job_id"), (json!([]), ""),
        ] {
            alice.patch(&path, body).await.expect_problem(422, &[pointer]);
        }
        assert_eq!(alice.get(&path).await["provider_job_name"], "Thorax");
        bob.patch(&path, json!({"provider_job_name": "x"})).await.expect_problem(403, &[]);
    }

    async fn a_job_can_be_given_to_another_customer_and_to_nobody(server: TestServer) {
        let alice = provider(&server).await;
        let (bob, carol) = (server.customer_of(&alice, "bob").await, server.customer_of(&alice, "carol").await);
        let job_id = alice.open_job_for(&bob, "brain", "j1").await;
        let path = format!("/jobs/{job_id}");
        let sees = async || [bob.get(&path).await.status, carol.get(&path).await.status];
        assert_eq!(sees().await, [200, 404]);
        let job = alice.patch(&path, json!({"customer_email": carol.email})).await.expect(200);
        assert_eq!((&job["customer_id"], &job["customer_email"]), (&json!(carol.id), &json!(carol.email)));
        assert_eq!(sees().await, [404, 200]);
        for nobody in [json!({"customer_id": null}), json!({"customer_email": null})] {
            alice.patch(&path, json!({"customer_id": bob.id})).await.expect(200);
            assert_eq!(sees().await, [200, 404]);
            let job = alice.patch(&path, nobody).await.expect(200);
            assert_eq!((&job["customer_id"], &job["customer_email"]), (&Value::Null, &Value::Null));
            assert_eq!(sees().await, [404, 404]);
        }
        alice.patch(&path, json!({"customer_id": alice.id})).await.expect_problem(422, &["/customer_id"]);
    }

    async fn each_filter_of_the_list_holds_and_all_of_them_together(server: TestServer) {
        let alice = provider(&server).await;
        let (bob, carol) = (server.customer_of(&alice, "bob").await, server.customer_of(&alice, "carol").await);
        alice.invite("dave@customer.example").await;
        alice.open_job_for(&bob, "brain", "j1").await;
        alice.register("brain", "2.0.0", &[("load", 1)]).await;
        alice.register("lung", "2.0.0", &[("load", 1)]).await;
        alice.open_job_for(&bob, "brain", "j2").await;
        alice.open_job_for(&carol, "lung", "j3").await;
        let body = json!({"provider_job_id": "j4", "tag": "lung", "customer_email": "dave@customer.example"});
        alice.post("/jobs", body).await.expect(201);
        alice.open_job("lung", "j5").await;
        alice.report("j1", "info", None).await;
        alice.report("j2", "error", Some("load")).await;
        alice.report("j3", "complete", None).await;
        for (query, expected) in [
            (String::new(), &["j5", "j4", "j3", "j2", "j1"][..]),
            ("status=pending".to_owned(), &["j5", "j4"]),
            ("status=running".to_owned(), &["j1"]),
            ("status=error,completed".to_owned(), &["j3", "j2"]),
            ("status=running,%20error,running".to_owned(), &["j2", "j1"]),
            ("tag=brain".to_owned(), &["j2", "j1"]),
            ("version=2.0.0".to_owned(), &["j5", "j4", "j3", "j2"]),
            ("tag=brain&version=2.0.0".to_owned(), &["j2"]),
            ("tag=heart".to_owned(), &[]),
            (format!("customer={}", bob.id), &["j2", "j1"]),
            (format!("customer={}", percent_encoded(&bob.email)), &["j2", "j1"]),
            ("customer=CAROL@customer.example".to_owned(), &["j3"]),
            ("customer=dave@customer.example".to_owned(), &["j4"]),
            ("customer=nobody@customer.example".to_owned(), &[]),
            ("provider_job_id=j3".to_owned(), &["j3"]),
            ("provider_job_id=J3".to_owned(), &[]),
            ("text=lung".to_owned(), &["j5", "j4", "j3"]),
            (format!("status=error,running&tag=brain&version=2.0.0&customer={}&text=j2&provider_job_id=j2", bob.id), &["j2"]),
            (format!("status=running&tag=brain&version=2.0.0&customer={}", bob.id), &[]),
        ] {
            assert_eq!(listed(&alice, &query).await, expected, "{query}");
        }
        assert_eq!(listed(&bob, "tag=brain").await, ["j2", "j1"], "a customer filters what they may see");
        assert_eq!(listed(&bob, "version=1.0.0&status=running").await, ["j1"]);
        assert!(listed(&bob, "text=lung").await.is_empty());
    }

    async fn a_text_is_found_in_id_and_name_literally_and_regardless_of_case(server: TestServer) {
        let alice = provider(&server).await;
        for (id, name) in [
            ("a%b", "Percent"), ("a_b", "Underscore"), ("a\\b", "Backslash"), ("axb", "Plain"), ("ÄÖ-7", "Kopf Größe"),
            ("quoted", "Say \"hello\" to"),
        ] {
            alice.post("/jobs", json!({"provider_job_id": id, "tag": "brain", "provider_job_name": name})).await.expect(201);
        }
        for (text, expected) in [
            ("a%b", &["a%b"][..]), ("%", &["a%b"]), ("a_b", &["a_b"]), ("_", &["a_b"]), ("\\", &["a\\b"]), ("A\\B", &["a\\b"]),
            ("PLAIN", &["axb"]), ("äö", &["ÄÖ-7"]), ("GRÖß", &["ÄÖ-7"]), ("f gr", &["ÄÖ-7"]), ("*", &[]), ("a.b", &[]),
            ("a\\b", &["a\\b"]), ("\"hello\"", &["quoted"]), ("y \"h", &["quoted"]), ("\"\"\"", &[]), ("hello NOT x", &[]),
            ("'; drop table jobs", &[]), ("", &["quoted", "ÄÖ-7", "axb", "a\\b", "a_b", "a%b"]),
        ] {
            assert_eq!(listed(&alice, &format!("text={}", percent_encoded(text))).await, expected, "{text:?}");
        }
        assert!(listed(&alice, &format!("text={}", "%25".repeat(200))).await.is_empty());
    }

    async fn a_text_too_long_to_be_found_is_refused(server: TestServer) {
        let alice = provider(&server).await;
        alice.open_job("brain", "j1").await;
        assert!(listed(&alice, &format!("text={}", percent_encoded(&"é".repeat(200)))).await.is_empty());
        alice.get(&format!("/jobs?text={}", "x".repeat(201))).await.expect_problem(422, &["/text"]);
        alice.get(&format!("/jobs?text={}", "x".repeat(60_000))).await.expect_problem(422, &["/text"]);
        alice.get(&format!("/jobs?text={}", "_".repeat(30_000))).await.expect_problem(422, &["/text"]);
    }

    async fn from_is_included_and_to_is_not(server: TestServer) {
        let alice = provider(&server).await;
        let mut opened = Vec::new();
        for id in ["j1", "j2", "j3"] {
            alice.open_job("brain", id).await;
            let job = alice.get(&format!("/jobs?provider_job_id={id}")).await.expect(200);
            opened.push(job["items"][0]["created_at"].as_str().unwrap().to_owned());
        }
        let [first, second, third] = opened.try_into().unwrap();
        assert_eq!(listed(&alice, &format!("from={second}")).await, ["j3", "j2"]);
        assert_eq!(listed(&alice, &format!("to={second}")).await, ["j1"]);
        assert_eq!(listed(&alice, &format!("from={first}&to={third}")).await, ["j2", "j1"]);
        assert!(listed(&alice, &format!("from={second}&to={second}")).await.is_empty());
        let elsewhere = second.parse::<DateTime<Utc>>().unwrap().with_timezone(&chrono::FixedOffset::east_opt(7200).unwrap());
        assert_eq!(listed(&alice, &format!("from={}", percent_encoded(&elsewhere.to_rfc3339()))).await, ["j3", "j2"]);
    }

    async fn pages_stay_in_place_while_jobs_are_added_and_change(server: TestServer) {
        let alice = provider(&server).await;
        for number in 1..=7 {
            alice.open_job("brain", &format!("j{number}")).await;
        }
        let first = alice.get("/jobs?limit=3").await.expect(200);
        alice.open_job("brain", "j8").await;
        alice.report("j3", "info", None).await;
        let next = first["next"].as_str().unwrap();
        let second = alice.get(&format!("/jobs?limit=3&cursor={next}")).await.expect(200);
        let ids: Vec<&Value> = [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).map(|job| &job["provider_job_id"]).collect();
        assert_eq!(ids, ["j7", "j6", "j5", "j4", "j3", "j2"]);
        let last = alice.get(&format!("/jobs?limit=3&cursor={}", second["next"].as_str().unwrap())).await.expect(200);
        assert_eq!((&last["items"][0]["provider_job_id"], &last["next"]), (&json!("j1"), &Value::Null));
        assert_eq!(listed(&alice, "limit=1").await, ["j8"]);
        assert_eq!(alice.get("/jobs?limit=8").await.expect(200)["next"], Value::Null, "full, and the end");
    }

    async fn pages_hold_50_jobs_unless_asked_for_up_to_200(server: TestServer) {
        let alice = provider(&server).await;
        for number in 1..=51 {
            alice.open_job("brain", &format!("j{number}")).await;
        }
        assert_eq!(listed(&alice, "").await.len(), 50);
        assert_eq!(listed(&alice, "limit=200").await.len(), 51);
    }

    async fn jobs_are_listed_by_their_creation_even_if_the_clock_is_set_back(server: TestServer) {
        let alice = provider(&server).await;
        for number in 0..6 {
            // The clock goes back each time, so that the order of creation is not that of opening.
            server.clock.set_offset(TimeDelta::minutes(-number));
            alice.open_job("brain", &format!("j{number}")).await;
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for _ in 0..6 {
            let page = alice.get(&format!("/jobs?limit=1{cursor}")).await.expect(200);
            seen.push(page["items"][0]["provider_job_id"].as_str().unwrap().to_owned());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, ["j0", "j1", "j2", "j3", "j4", "j5"]);
    }

    async fn a_bad_filter_is_refused_by_name(server: TestServer) {
        let alice = provider(&server).await;
        for (query, pointer) in [
            ("limit=0", "/limit"), ("limit=201", "/limit"), ("limit=-1", "/limit"), ("limit=ten", "/limit"), ("limit=", "/limit"),
            ("limit=1&limit=2", "/limit"), ("sort=", "/sort"), ("sort=name", "/sort"), ("sort=%2Bcreated_at", "/sort"),
            ("sort=last_event_at", "/sort"), ("id=", "/id"), ("id=j1", "/id"), ("id=018f4e9c-0000-7000-8000-000000000000,", "/id"),
            ("steps=", "/steps"), ("steps=yes", "/steps"), ("finished_from=today", "/finished_from"),
            ("last_event_to=", "/last_event_to"), ("cursor=", "/cursor"), ("cursor=abc", "/cursor"), ("cursor=-1-1", "/cursor"),
            ("cursor=1-zz", "/cursor"), ("status=", "/status"), ("status=done", "/status"), ("status=running,", "/status"),
            ("status=Running", "/status"), ("tag=a%20b", "/tag"), ("tag=", "/tag"), ("provider_job_id=", "/provider_job_id"),
            ("from=yesterday", "/from"), ("from=", "/from"), ("to=2026-01-01", "/to"), ("to=2026-13-01T00:00:00Z", "/to"),
            ("colour=red", "/colour"), ("text=%00", ""), ("version=", "/version"), ("version=1", "/version"), ("customer=", "/customer"),
            ("customer=bob", "/customer"),
        ] {
            let answer = alice.get(&format!("/jobs?{query}")).await;
            assert_eq!(answer.status, 422, "{query}: {}", answer.text);
            answer.expect_problem(422, &[pointer]);
        }
    }

    async fn what_is_not_there_is_not_found(server: TestServer) {
        let alice = provider(&server).await;
        let mallory = server.provider("mallory").await;
        let job_id = alice.open_job("brain", "j1").await;
        let missing = mallory.get("/jobs/018f4e9c-0000-7000-8000-000000000000").await;
        for path in [format!("/jobs/{job_id}"), format!("/jobs/{job_id}/events"), "/jobs/j1".to_owned(), "/jobs/%00".to_owned()] {
            let answer = mallory.get(&path).await;
            assert_eq!((answer.status, &answer.text), (404, &missing.text), "{path}");
        }
        assert_eq!(mallory.patch(&format!("/jobs/{job_id}"), json!({})).await.status, 404);
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await.status, 200);
    }
}
