//! Customers: invited, linked, unlinked; and which jobs they see meanwhile.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, on_both, sha256};

/// What somebody without an account accepts with.
fn new_account() -> Value {
    json!({"first_name": "Carol", "last_name": "Customer", "password": PASSWORD})
}

/// Accepts an invitation with what the person shows.
async fn accept(person: &Person, token: &str, body: Value) -> Answer {
    person.post(&format!("/invitations/{token}/accept"), body).await
}

/// The provider's link to a customer with this address, as the provider sees it.
async fn link_to(provider: &Person, email: &str) -> Value {
    let page = provider.get("/customers").await.expect(200);
    page["items"].as_array().unwrap().iter().find(|row| row["email"] == email).cloned().unwrap_or_default()
}

async fn unlink(provider: &Person, email: &str) {
    let link = link_to(provider, email).await;
    provider.delete(&format!("/customers/{}", link["id"].as_str().unwrap())).await.expect(200);
}

/// The ids of the jobs that somebody sees.
async fn jobs_of(person: &Person) -> Vec<String> {
    let page = person.get("/jobs").await.expect(200);
    page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

on_both! {
    async fn an_invitation_becomes_an_account_and_a_customer(server: TestServer) {
        let alice = server.provider("alice").await;
        let invited = alice.post("/customers", json!({"email": "Carol@Customer.example"})).await.expect(201);
        assert_eq!((&invited["email"], &invited["status"]), (&json!("carol@customer.example"), &json!("invited")));
        assert_eq!(invited["customer_id"], Value::Null);
        let url = invited["invitation_url"].as_str().unwrap();
        let token = url.strip_prefix(&format!("{}/invitations/", server.url)).unwrap();
        assert!(token.len() >= 22 && token.chars().all(|c| c.is_ascii_alphanumeric()), "128 bits in a path: {token}");

        let carol = server.nobody();
        let accepted = accept(&carol, token, new_account()).await;
        assert!(accepted.cookie().has("HttpOnly"));
        let user = accepted.expect(201);
        assert_eq!((&user["email"], &user["role"]), (&json!("carol@customer.example"), &json!("customer")));
        assert_eq!(carol.get("/users/me").await.expect(200), user);
        Person::sign_in(&server.url, "carol@customer.example").await;

        let link = link_to(&alice, "carol@customer.example").await;
        assert_eq!((&link["status"], &link["customer_id"]), (&json!("accepted"), &user["id"]));
        assert_eq!((&link["id"], &link["first_name"]), (&invited["id"], &json!("Carol")));
        assert_eq!(link["invitation_expires_at"], Value::Null);
        // The link is shown when it is made, and not again.
        assert!(link.get("invitation_url").is_none());
    }

    async fn invitations_are_stored_hashed(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("carol@customer.example").await;
        assert_eq!(server.column::<Vec<u8>>("select invitation_hash from customers").await, [sha256(&token)]);
        assert!(!server.keeps(&token).await);
        assert!(!alice.get("/customers").await.text.contains(&token));
    }

    async fn an_address_is_checked(server: TestServer) {
        let alice = server.provider("alice").await;
        for email in ["", "carol", "carol@", "a b@c.example", "carol@c.example, dave@d.example", "carol@c.example\nBcc: x@y.example"] {
            alice.post("/customers", json!({"email": email})).await.expect_problem(422, &["/email"]);
        }
        alice.post("/customers", json!({"email": "c@c.example", "customer_id": alice.id})).await.expect_problem(422, &["/customer_id"]);
        assert_eq!(alice.get("/customers").await.expect(200)["items"], json!([]));
    }

    async fn inviting_again_voids_the_link_before(server: TestServer) {
        let alice = server.provider("alice").await;
        let first = alice.invite("carol@customer.example").await;
        let again = alice.post("/customers", json!({"email": " CAROL@customer.example"})).await.expect(200);
        let second = again["invitation_url"].as_str().unwrap().rsplit('/').next().unwrap();
        accept(&server.nobody(), &first, new_account()).await.expect_problem(404, &[]);
        accept(&server.nobody(), second, new_account()).await.expect(201);
        assert_eq!(alice.get("/customers").await.expect(200)["items"].as_array().unwrap().len(), 1);

        // Once accepted there is nothing to hand over.
        let accepted = alice.post("/customers", json!({"email": "carol@customer.example"})).await.expect(200);
        assert_eq!((&accepted["status"], &accepted["invitation_url"]), (&json!("accepted"), &Value::Null));
    }

    async fn a_customer_accepts_a_second_provider_with_their_session(server: TestServer) {
        let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
        let carol = server.customer_of(&alice, "carol").await;
        let token = bob.invite(&carol.email).await;
        let before = carol.get("/users/me").await.expect(200);
        let answer = accept(&carol, &token, json!({})).await;
        assert!(!answer.headers.contains_key("set-cookie"));
        assert_eq!(answer.expect(200), before);
        assert_eq!(link_to(&bob, &carol.email).await["customer_id"], carol.id.as_str());
        assert_eq!(link_to(&alice, &carol.email).await["customer_id"], carol.id.as_str());
    }

    async fn nobody_else_can_accept_with_a_session(server: TestServer) {
        let alice = server.provider("alice").await;
        let bob = server.provider("bob").await;
        let carol = server.customer_of(&alice, "carol").await;
        let dave = server.customer_of(&alice, "dave").await;
        let token = bob.invite(&carol.email).await;
        accept(&dave, &token, json!({})).await.expect_problem(403, &[]);
        accept(&alice, &token, json!({})).await.expect_problem(403, &[]);
        accept(&carol.with_new_key("read").await, &token, json!({})).await.expect_problem(403, &[]);
        accept(&server.nobody(), &token, json!({})).await.expect_problem(401, &[]);
        // A provider stays a provider, even one whose address is invited.
        let to_alice = bob.invite(&alice.email).await;
        accept(&alice, &to_alice, json!({})).await.expect_problem(403, &[]);
        assert_eq!(alice.get("/users/me").await.expect(200)["role"], "provider");
        // All of which used nothing up.
        accept(&carol, &token, json!({})).await.expect(200);
    }

    async fn accepting_never_changes_an_existing_account(server: TestServer) {
        let alice = server.provider("alice").await;
        let bob = server.provider("bob").await;
        let carol = server.customer_of(&alice, "carol").await;
        let before = carol.get("/users/me").await.expect(200);
        for email in [&carol.email, &alice.email] {
            let token = bob.invite(email).await;
            let takeover = json!({"first_name": "Mallory", "last_name": "M", "password": "mallory's own", "organization": "M"});
            let answer = accept(&server.nobody(), &token, takeover).await;
            assert!(!answer.headers.contains_key("set-cookie"));
            let problem = answer.expect_problem(401, &[]);
            assert!(problem["detail"].as_str().unwrap().contains("sign in"), "{problem}");
            let login = json!({"email": email, "password": "mallory's own"});
            server.nobody().post("/login", login).await.expect(401);
            assert_eq!(link_to(&bob, email).await["status"], "invited");
        }
        assert_eq!(carol.get("/users/me").await.expect(200), before);
        Person::sign_in(&server.url, &carol.email).await;
    }

    async fn a_new_account_needs_names_and_a_password(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("carol@customer.example").await;
        for (body, pointer) in [
            (json!({"first_name": "Carol", "last_name": "C"}), "/password"),
            (json!({"first_name": "Carol", "password": PASSWORD}), "/last_name"),
            (json!({"last_name": "C", "password": PASSWORD}), "/first_name"),
            (json!({"first_name": "Carol", "last_name": "C", "password": "short"}), "/password"),
            (json!({"first_name": "", "last_name": "C", "password": PASSWORD}), "/first_name"),
            (json!({"email": "mallory@customer.example"}), "/email"),
            (json!({"role": "provider"}), "/role"),
        ] {
            accept(&server.nobody(), &token, body).await.expect_problem(422, &[pointer]);
        }
        assert_eq!(link_to(&alice, "carol@customer.example").await["status"], "invited");
        accept(&server.nobody(), &token, new_account()).await.expect(201);
    }

    async fn an_invitation_is_good_for_14_days(server: TestServer) {
        let alice = server.provider("alice").await;
        let in_time = alice.invite("carol@customer.example").await;
        let too_late = alice.invite("dave@customer.example").await;
        server.clock.set_offset(TimeDelta::days(14) - TimeDelta::minutes(1));
        accept(&server.nobody(), &in_time, new_account()).await.expect(201);
        server.clock.set_offset(TimeDelta::days(14) + TimeDelta::minutes(1));
        let late = accept(&server.nobody(), &too_late, new_account()).await;
        let unknown = accept(&server.nobody(), &"x".repeat(43), new_account()).await;
        assert_eq!((late.status, late.text), (404, unknown.text));
    }

    async fn an_invitation_is_good_for_one_use(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("carol@customer.example").await;
        let (one, other) = (server.nobody(), server.nobody());
        let (first, second) = tokio::join!(accept(&one, &token, new_account()), accept(&other, &token, new_account()));
        let (won, lost) = if first.status == 201 { (first, second) } else { (second, first) };
        let carol = won.expect(201);
        assert!(matches!(lost.status, 401 | 404), "{}", lost.text);
        assert_eq!(link_to(&alice, "carol@customer.example").await["customer_id"], carol["id"]);
        accept(&server.nobody(), &token, new_account()).await.expect_problem(404, &[]);

        // The same with sessions.
        let bob = server.provider("bob").await;
        let token = bob.invite("carol@customer.example").await;
        let here = Person::sign_in(&server.url, "carol@customer.example").await;
        let there = Person::sign_in(&server.url, "carol@customer.example").await;
        let (one, other) = tokio::join!(accept(&here, &token, json!({})), accept(&there, &token, json!({})));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404]);
    }

    async fn an_invitation_tells_who_invites_whom_and_until_when(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("Carol@Customer.example").await;
        let path = format!("/invitations/{token}");
        let read = server.nobody().get(&path).await.expect(200);
        let expires_at = link_to(&alice, "carol@customer.example").await["invitation_expires_at"].clone();
        assert_eq!(read, json!({
            "email": "carol@customer.example", "provider_name": "alice Provider", "has_account": false,
            "expires_at": expires_at,
        }));
        alice.patch("/users/me", json!({"organization": "Scans Ltd"})).await.expect(200);
        assert_eq!(server.nobody().get(&path).await.expect(200)["provider_name"], "Scans Ltd");
        // Reading uses nothing up.
        accept(&server.nobody(), &token, new_account()).await.expect(201);

        let bob = server.provider("bob").await;
        let again = bob.invite("carol@customer.example").await;
        let read = server.nobody().get(&format!("/invitations/{again}")).await.expect(200);
        assert_eq!((&read["has_account"], &read["provider_name"]), (&json!(true), &json!("bob Provider")));
    }

    async fn an_invitation_that_is_void_reads_as_one_that_never_was(server: TestServer) {
        let alice = server.provider("alice").await;
        let read = async |token: &str| {
            let answer = server.nobody().get(&format!("/invitations/{token}")).await;
            (answer.status, answer.text)
        };
        let unknown = read(&"x".repeat(43)).await;
        assert_eq!(unknown.0, 404);
        let used = alice.invite("carol@customer.example").await;
        accept(&server.nobody(), &used, new_account()).await.expect(201);
        let replaced = alice.invite("dave@customer.example").await;
        let newer = alice.invite("dave@customer.example").await;
        let unlinked = alice.invite("erin@customer.example").await;
        unlink(&alice, "erin@customer.example").await;
        for token in [&used, &replaced, &unlinked, &newer[1..], "%00", "%FF", "..%2F..%2Fusers", &"x".repeat(5000)] {
            assert_eq!(read(token).await, unknown, "{token}");
        }
        assert_eq!(read(&newer).await.0, 200);
        server.clock.set_offset(TimeDelta::days(14) + TimeDelta::minutes(1));
        assert_eq!(read(&newer).await, unknown);
    }

    async fn what_is_no_token_is_not_found(server: TestServer) {
        let nobody = server.nobody();
        let path_of = |token: &str| format!("/invitations/{token}/accept");
        let unknown = nobody.post(&path_of("unknown"), new_account()).await;
        unknown.clone().expect_problem(404, &[]);
        for token in ["%00", "%FF", "%27%20or%201=1", "..%2F..%2Fusers", &"x".repeat(5000)] {
            let answer = nobody.post(&path_of(token), new_account()).await;
            assert_eq!((answer.status, answer.text), (404, unknown.text.clone()), "{token}");
        }
    }

    async fn unlinking_hides_the_jobs_and_inviting_again_brings_them_back(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job_for(&carol, "scan", "job-1").await;
        let mut stream = carol.stream(&format!("/jobs/{job}/stream"), None).await;
        assert_eq!(stream.expect().await.event, "snapshot");
        let mut feed = carol.stream("/jobs/stream", None).await;
        assert_eq!(feed.expect().await.event, "ready");

        unlink(&alice, &carol.email).await;
        stream.expect_end().await;
        assert!(jobs_of(&carol).await.is_empty());
        for path in ["", "/events", "/stream"] {
            carol.get(&format!("/jobs/{job}{path}")).await.expect_problem(404, &[]);
        }
        alice.report("job-1", "info", None).await;
        feed.expect_access().await;
        feed.expect_silence(std::time::Duration::from_millis(700)).await;
        assert_eq!(alice.get("/customers").await.expect(200)["items"], json!([]));
        let hidden = alice.get(&format!("/jobs/{job}")).await.expect(200);
        assert_eq!((&hidden["customer_id"], &hidden["customer_email"]), (&Value::Null, &json!(carol.email)));
        // No new jobs, by id or by address.
        for (field, value) in [("customer_id", &carol.id), ("customer_email", &carol.email)] {
            let body = json!({"tag": "scan", "provider_job_id": "job-2", field: value});
            alice.post("/jobs", body).await.expect_problem(422, &[&format!("/{field}")]);
        }

        let token = alice.invite(&carol.email).await;
        assert!(jobs_of(&carol).await.is_empty());
        accept(&carol, &token, json!({})).await.expect(200);
        assert_eq!(jobs_of(&carol).await, [job]);
        alice.open_job_for(&carol, "scan", "job-2").await;
    }

    async fn who_reads_slowly_sees_no_more_than_they_may(server: TestServer) {
        let server = server.without_event_rates().await;
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job_for(&carol, "scan", "job-1").await;
        // More than the buffers between server and reader hold.
        let (batches, batch) = (14, 230);
        let event = json!({"provider_job_id": "job-1", "kind": "info", "name": "x".repeat(4096)});
        for _ in 0..batches {
            alice.post("/events/batch", json!(vec![&event; batch])).await.expect(200);
        }
        let key = alice.make_key(None).await;
        let mut of_carol = carol.stream(&format!("/jobs/{job}/stream"), Some("0")).await;
        let mut of_alice = alice.with_key(&key).stream("/jobs/stream", Some("0")).await;
        for stream in [&mut of_carol, &mut of_alice] {
            assert_eq!(stream.expect().await.event, "event");
        }
        unlink(&alice, &carol.email).await;
        alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        for stream in [&mut of_carol, &mut of_alice] {
            let mut seen = 1;
            while stream.next().await.is_some() {
                seen += 1;
            }
            assert!(seen < batches * batch, "all {seen} events, though the right to see them had ended");
        }
    }

    async fn unlinking_voids_the_invitation(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("carol@customer.example").await;
        let link = link_to(&alice, "carol@customer.example").await;
        let path = format!("/customers/{}", link["id"].as_str().unwrap());
        alice.delete(&path).await.expect(200);
        accept(&server.nobody(), &token, new_account()).await.expect_problem(404, &[]);
        alice.delete(&path).await.expect_problem(404, &[]);
        server.nobody().post("/login", json!({"email": "carol@customer.example", "password": PASSWORD})).await.expect(401);
        // A new invitation does not bring the old one back.
        let newer = alice.invite("carol@customer.example").await;
        accept(&server.nobody(), &token, new_account()).await.expect_problem(404, &[]);
        accept(&server.nobody(), &newer, new_account()).await.expect(201);
    }

    async fn one_provider_unlinking_leaves_the_others_alone(server: TestServer) {
        let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
        let carol = server.customer_of(&alice, "carol").await;
        let token = bob.invite(&carol.email).await;
        accept(&carol, &token, json!({})).await.expect(200);
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        bob.register("scan", "1.0.0", &[("load", 1)]).await;
        alice.open_job_for(&carol, "scan", "job-1").await;
        let of_bob = bob.open_job_for(&carol, "scan", "job-1").await;
        assert_eq!(jobs_of(&carol).await.len(), 2);
        unlink(&alice, &carol.email).await;
        assert_eq!(jobs_of(&carol).await, [of_bob]);
    }

    async fn a_job_for_an_invited_address_appears_on_acceptance(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("carol@customer.example").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let body = json!({"tag": "scan", "provider_job_id": "job-1", "customer_email": "Carol@Customer.example"});
        let job = alice.post("/jobs", body.clone()).await.expect(201);
        assert_eq!((&job["customer_id"], &job["customer_email"]), (&Value::Null, &json!("carol@customer.example")));
        alice.open_job("scan", "for nobody").await;

        let carol = server.nobody();
        let user = accept(&carol, &token, new_account()).await.expect(201);
        assert_eq!(jobs_of(&carol).await, [job["id"].as_str().unwrap()]);
        // Opened again with either name of the customer it is the same job.
        assert_eq!(alice.post("/jobs", body).await.expect(200)["customer_id"], user["id"]);
        let by_id = json!({"tag": "scan", "provider_job_id": "job-1", "customer_id": user["id"]});
        alice.post("/jobs", by_id).await.expect(200);
        let for_nobody = json!({"tag": "scan", "provider_job_id": "job-1"});
        alice.post("/jobs", for_nobody).await.expect_problem(409, &[]);
    }

    async fn a_job_opened_while_the_invitation_is_accepted_is_not_lost(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        for round in 0..30 {
            unlink(&alice, &carol.email).await;
            let token = alice.invite(&carol.email).await;
            let job = |part| json!({"tag": "scan", "provider_job_id": format!("job {round}{part}"), "customer_email": carol.email});
            let (accepted, one, other) = tokio::join!(
                accept(&carol, &token, json!({})),
                alice.post("/jobs", job("a")),
                alice.post("/jobs", job("b")),
            );
            accepted.expect(200);
            for job in [one.expect(201), other.expect(201)] {
                carol.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await.expect(200);
            }
        }
    }

    async fn a_job_opened_or_corrected_while_its_customer_is_unlinked_stays_hidden(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let old = format!("/jobs/{}", alice.open_job("scan", "an old job").await);
        for round in 0..30 {
            let link = link_to(&alice, &carol.email).await;
            let path = format!("/customers/{}", link["id"].as_str().unwrap());
            let job = json!({"tag": "scan", "provider_job_id": format!("job {round}"), "customer_id": carol.id});
            let (unlinked, opened, corrected) = tokio::join!(
                alice.delete(&path),
                alice.post("/jobs", job),
                alice.patch(&old, json!({"customer_id": carol.id})),
            );
            unlinked.expect(200);
            assert!(matches!(opened.status, 201 | 422), "{}", opened.text);
            assert!(matches!(corrected.status, 200 | 422), "{}", corrected.text);
            assert!(jobs_of(&carol).await.is_empty());
            let token = alice.invite(&carol.email).await;
            accept(&carol, &token, json!({})).await.expect(200);
        }
    }

    async fn a_job_is_corrected_to_another_customer(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        let dave = server.customer_of(&alice, "dave").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let id = alice.open_job_for(&carol, "scan", "job-1").await;
        let path = format!("/jobs/{id}");
        let mut stream = carol.stream(&format!("{path}/stream"), None).await;
        assert_eq!(stream.expect().await.event, "snapshot");

        let renamed = alice.patch(&path, json!({"provider_job_name": "Knee"})).await.expect(200);
        assert_eq!((&renamed["provider_job_name"], &renamed["customer_id"]), (&json!("Knee"), &json!(carol.id)));
        let given = alice.patch(&path, json!({"customer_id": dave.id})).await.expect(200);
        assert_eq!((&given["customer_id"], &given["customer_email"]), (&json!(dave.id), &json!(dave.email)));
        assert_eq!(given["provider_job_name"], "Knee");
        stream.expect_end().await;
        carol.get(&path).await.expect_problem(404, &[]);
        dave.get(&path).await.expect(200);

        alice.patch(&path, json!({"customer_email": carol.email})).await.expect(200);
        dave.get(&path).await.expect(404);
        carol.get(&path).await.expect(200);
        for nobody in [json!({"customer_id": null}), json!({"customer_email": null})] {
            let kept = alice.patch(&path, nobody).await.expect(200);
            assert_eq!((&kept["customer_id"], &kept["customer_email"]), (&Value::Null, &Value::Null));
            carol.get(&path).await.expect(404);
        }

        // An invited address sees it once it accepts.
        let token = alice.invite("erin@customer.example").await;
        alice.patch(&path, json!({"customer_email": "erin@customer.example"})).await.expect(200);
        let erin = server.nobody();
        accept(&erin, &token, new_account()).await.expect(201);
        erin.get(&path).await.expect(200);

        let both = json!({"customer_id": dave.id, "customer_email": dave.email});
        alice.patch(&path, both).await.expect_problem(422, &["/customer_email"]);
        alice.patch(&path, json!({"provider_job_id": "other"})).await.expect_problem(422, &["/provider_job_id"]);
        erin.get(&path).await.expect(200);
    }

    async fn whoever_is_no_customer_gets_the_same_answer_account_or_not(server: TestServer) {
        let alice = server.provider("alice").await;
        let bob = server.provider("bob").await;
        let dave = server.customer_of(&bob, "dave").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = format!("/jobs/{}", alice.open_job("scan", "job-1").await);
        let missing = server.clock.new_id().to_string();
        let former = server.customer_of(&alice, "former").await;
        unlink(&alice, &former.email).await;
        let ids = [&missing, &dave.id, &bob.id, &alice.id, &former.id].map(|id| json!({"customer_id": id}));
        let emails = ["x@y.example", &dave.email, &bob.email, &alice.email, &former.email].map(|email| json!({"customer_email": email}));
        for (customers, pointer) in [(ids, "/customer_id"), (emails, "/customer_email")] {
            let mut answers = Vec::new();
            for customer in customers {
                let mut body = json!({"tag": "scan", "provider_job_id": "job-2"});
                body.as_object_mut().unwrap().extend(customer.as_object().unwrap().clone());
                for answer in [alice.post("/jobs", body).await, alice.patch(&job, customer).await] {
                    answers.push(answer.text.clone());
                    answer.expect_problem(422, &[pointer]);
                }
            }
            answers.dedup();
            assert_eq!(answers.len(), 1, "{answers:#?}");
        }
        // Inviting tells as little.
        let invited = alice.post("/customers", json!({"email": dave.email})).await.expect(201);
        let unknown = alice.post("/customers", json!({"email": "x@y.example"})).await.expect(201);
        for field in ["customer_id", "status", "first_name", "last_name", "organization"] {
            assert_eq!(invited[field], unknown[field], "{field}");
        }
    }

    async fn customers_are_listed_page_by_page_newest_first(server: TestServer) {
        let alice = server.provider("alice").await;
        for name in ["a", "b", "c"] {
            alice.invite(&format!("{name}@customer.example")).await;
        }
        let first = alice.get("/customers?limit=2").await.expect(200);
        let second = alice.get(&format!("/customers?limit=2&cursor={}", first["next"].as_str().unwrap())).await.expect(200);
        let emails: Vec<&Value> =
            [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).map(|row| &row["email"]).collect();
        assert_eq!(emails, ["c@customer.example", "b@customer.example", "a@customer.example"]);
        assert_eq!(second["next"], Value::Null);
        // Nor is one lost of those that were invited at the same time.
        let mut ids = alice.list_ids("/customers", 200).await;
        server.database.raw().await.execute("update customers set created_at = '2026-01-01T00:00:00+00:00'").await.unwrap();
        ids.sort_by(|a, b| b.cmp(a));
        assert_eq!(alice.list_ids("/customers", 1).await, ids);
        alice.get("/customers?limit=0").await.expect_problem(422, &["/limit"]);
        alice.get("/customers?email=x").await.expect_problem(422, &["/email"]);
    }
}
