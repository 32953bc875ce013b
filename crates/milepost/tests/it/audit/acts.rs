//! Every act leaves its entry.

use std::collections::HashSet;

use milepost::audit::{Action, Actor, Entry, record};
use serde_json::{Value, json};

use super::{Log, refuse_inserts, request_id, session_of};
use crate::support::{PASSWORD, Person, TestServer, on_both};

on_both! {
    async fn what_happens_to_keys_is_in_their_owners_log(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut log = Log::of(&alice).await;
        let before = server.clock.now();
        let made = alice.post("/api-keys", json!({"note": "mine", "expires_at": "2099-01-01T00:00:00Z"})).await;
        let id = made["id"].as_str().unwrap();
        let details = json!({"scope": "write", "expires_at": "2099-01-01T00:00:00Z"});
        let entry = log.expect_one("key_created", &session_of(&alice, &made), ("api_key", id), details).await;
        let at: chrono::DateTime<chrono::Utc> = entry["created_at"].as_str().unwrap().parse().unwrap();
        assert!(before <= at && at <= server.clock.now(), "{entry}");

        let rotated = alice.post(&format!("/api-keys/{id}/rotate"), json!({"overlap": 60})).await;
        let details = json!({"new_key_id": rotated["id"], "overlap": 60});
        log.expect_one("key_rotated", &session_of(&alice, &rotated), ("api_key", id), details).await;

        let path = format!("/api-keys/{id}/expire");
        let expired = alice.post(&path, json!({})).await;
        log.expect_one("key_expired", &session_of(&alice, &expired), ("api_key", id), Value::Null).await;
        alice.post(&path, json!({})).await.expect(200);
        log.expect_nothing().await;
    }

    async fn what_is_refused_leaves_no_entry(server: TestServer) {
        let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
        let key = alice.make_key(None).await;
        let link = alice.post("/customers", json!({"email": "carol@customer.example"})).await.expect(201);
        let (mut of_alice, mut of_bob) = (Log::of(&alice).await, Log::of(&bob).await);
        bob.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(404);
        bob.post(&format!("/api-keys/{}/rotate", key.id), json!({})).await.expect(404);
        bob.delete(&format!("/customers/{}", link["id"].as_str().unwrap())).await.expect(404);
        alice.post("/api-keys", json!({"note": 1})).await.expect(422);
        alice.with_key(&key).post("/api-keys", json!({"note": ""})).await.expect(403);
        alice.post("/customers", json!({"email": "nobody"})).await.expect(422);
        server.nobody().post("/invitations/wrong/accept", json!({})).await.expect(404);
        of_alice.expect_nothing().await;
        of_bob.expect_nothing().await;
    }

    async fn a_customers_way_is_in_the_logs_of_both_sides(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut log = Log::of(&alice).await;
        let invited = alice.post("/customers", json!({"email": "carol@customer.example"})).await;
        let link = invited["id"].as_str().unwrap();
        let about = ("customer", link);
        log.expect_one("customer_invited", &session_of(&alice, &invited), about, json!({"again": false})).await;
        let invited = alice.post("/customers", json!({"email": "carol@customer.example"})).await;
        log.expect_one("customer_invited", &session_of(&alice, &invited), about, json!({"again": true})).await;

        let token = invited["invitation_url"].as_str().unwrap().rsplit('/').next().unwrap();
        let mut carol = server.nobody();
        let body = json!({"first_name": "C", "last_name": "C", "password": PASSWORD});
        let accepted = carol.post(&format!("/invitations/{token}/accept"), body).await;
        (carol.id, carol.email) = (accepted["id"].as_str().unwrap().to_owned(), "carol@customer.example".to_owned());
        let who = session_of(&carol, &accepted);
        log.expect_one("customer_accepted", &who, about, json!({"customer_id": carol.id})).await;
        // Made by somebody who has shown a link and nothing else; then it is the new account that accepts.
        let mut of_carol = Log { person: &carol, seen: HashSet::default() };
        let news = of_carol.news().await;
        let actions: Vec<_> = news.iter().map(|entry| (&entry["action"], &entry["actor"])).collect();
        assert_eq!(actions, [(&json!("account_created"), &json!("nobody")), (&json!("customer_accepted"), &json!("user"))]);
        assert_eq!(news[1]["details"], json!({"provider_id": alice.id}));
        assert_eq!(news[1]["request_id"], request_id(&accepted));

        // Inviting somebody who is linked already changes nothing.
        alice.post("/customers", json!({"email": carol.email})).await.expect(200);
        log.expect_nothing().await;

        let unlinked = alice.delete(&format!("/customers/{link}")).await;
        log.expect_one("customer_unlinked", &session_of(&alice, &unlinked), about, json!({"customer_id": carol.id})).await;
        // Where the provider's people sit, and with which address they sign in, is not for their customers.
        let who = json!({"actor": "user", "actor_id": alice.id, "actor_email": null, "address": null, "request_id": null});
        of_carol.expect_one("customer_unlinked", &who, about, json!({"provider_id": alice.id})).await;
        log.expect_nothing().await;

        let bob = server.provider("bob").await;
        let token = bob.invite(&carol.email).await;
        let mut of_bob = Log::of(&bob).await;
        let accepted = carol.post(&format!("/invitations/{token}/accept"), json!({})).await;
        let of_link = bob.get("/customers").await["items"][0]["id"].as_str().unwrap().to_owned();
        let (who, about) = (session_of(&carol, &accepted), ("customer", of_link.as_str()));
        of_bob.expect_one("customer_accepted", &who, about, json!({"customer_id": carol.id})).await;
        of_carol.expect_one("customer_accepted", &who, about, json!({"provider_id": bob.id})).await;
        log.expect_nothing().await;
    }

    async fn a_correction_says_what_it_changed_and_by_which_key(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.invite("dave@customer.example").await;
        let links = alice.get("/customers").await;
        let [dave, of_carol] = [0, 1].map(|n| links["items"][n]["id"].clone());
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "CT-1").await;
        let (path, about) = (format!("/jobs/{job}"), ("job", job.as_str()));
        let mut log = Log::of(&alice).await;

        let named = alice.patch(&path, json!({"provider_job_name": "A name"})).await;
        let details = json!({"fields": ["provider_job_name"]});
        log.expect_one("job_corrected", &session_of(&alice, &named), about, details).await;

        let key = alice.make_key(None).await;
        log.news().await;
        let given = alice.with_key(&key).patch(&path, json!({"customer_id": carol.id})).await;
        let who = json!({
            "actor": "key", "actor_id": alice.id, "actor_email": alice.email, "key_id": key.id, "address": "127.0.0.1",
            "request_id": request_id(&given),
        });
        let details = json!({"fields": ["customer"], "customer_before": null, "customer": of_carol});
        log.expect_one("job_corrected", &who, about, details).await;

        let both = json!({"customer_email": "dave@customer.example", "provider_job_name": "Another"});
        let corrected = alice.patch(&path, both.clone()).await;
        let details = json!({"fields": ["customer", "provider_job_name"], "customer_before": of_carol, "customer": dave});
        log.expect_one("job_corrected", &session_of(&alice, &corrected), about, details).await;

        // What corrects nothing is no correction.
        for nothing in [both, json!({})] {
            alice.patch(&path, nothing).await.expect(200);
        }
        alice.patch(&path, json!({"customer_email": "erin@customer.example"})).await.expect(422);
        carol.patch(&path, json!({"provider_job_name": "Mine"})).await.expect(403);
        log.expect_nothing().await;
    }

    async fn signing_up_is_nobodys_act_in_the_new_accounts_log(server: TestServer) {
        let open = TestServer::start_over(server.database.clone(), |settings| {
            settings.signup = milepost::config::Signup::Open;
        }).await;
        let new = json!({
            "email": "zoe@provider.example", "password": PASSWORD, "first_name": "Z", "last_name": "Z", "role": "provider",
        });
        let made = open.nobody().post("/users", new).await;
        let zoe = Person::sign_in(&open.url, "zoe@provider.example").await;
        let mut log = Log { person: &zoe, seen: HashSet::default() };
        let who = json!({
            "actor": "nobody", "actor_id": null, "actor_email": null, "address": "127.0.0.1",
            "request_id": request_id(&made),
        });
        log.expect_one("account_created", &who, ("account", &zoe.id), Value::Null).await;
    }

    async fn an_act_that_is_rolled_back_leaves_no_entry(server: TestServer) {
        let alice = server.provider("alice").await;
        server.customer_of(&alice, "carol").await;
        let link = alice.get("/customers").await["items"][0]["id"].as_str().unwrap().to_owned();
        let mut log = Log::of(&alice).await;
        let mut tx = server.app.db().begin().await.unwrap();
        let id = alice.id.parse().unwrap();
        record(&server.app, &mut tx, &Actor::OPERATOR, Entry::new(Action::AccountDisabled, Some(id))).await.unwrap();
        drop(tx);
        log.expect_nothing().await;
        // What comes behind the entry in the same transaction fails.
        refuse_inserts(&server, "access_changes").await;
        alice.delete(&format!("/customers/{link}")).await.expect(500);
        log.expect_nothing().await;
        assert_eq!(alice.get("/customers").await["items"][0]["status"], "accepted");
    }

    async fn an_act_that_cannot_be_written_down_does_not_happen(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        let key = alice.make_key(None).await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        let link = alice.get("/customers").await["items"][0]["id"].as_str().unwrap().to_owned();
        let seen = async || {
            let mut seen = Vec::new();
            for path in ["/api-keys", "/customers", &format!("/jobs/{job}")] {
                seen.push(alice.get(path).await.expect(200));
            }
            seen
        };
        let before = seen().await;
        refuse_inserts(&server, "audit_log").await;
        for answer in [
            alice.post("/api-keys", json!({"note": ""})).await,
            alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await,
            alice.post(&format!("/api-keys/{}/rotate", key.id), json!({})).await,
            alice.post("/customers", json!({"email": "dave@customer.example"})).await,
            alice.delete(&format!("/customers/{link}")).await,
            alice.patch(&format!("/jobs/{job}"), json!({"customer_id": null})).await,
        ] {
            answer.expect_problem(500, &[]);
        }
        assert_eq!(seen().await, before);
        let disable = ["user", "disable", "--email", &alice.email];
        server.milepost(&disable, "").await.expect_complaint("refused");
        alice.get("/users/me").await.expect(200);
    }
}
