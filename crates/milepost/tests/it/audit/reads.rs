//! Who reads which job, where the operator wants to know.

use serde_json::{Value, json};

use super::{Log, refuse_inserts};
use crate::support::{Person, TestServer, on_both};

/// A server on the same database that notes every reading, and a provider and a customer with a job there.
struct Noted {
    server: TestServer,
    alice: Person,
    carol: Person,
    job: String,
}

impl Noted {
    async fn beside(server: &TestServer) -> Self {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        alice.report("CT-1", "step", Some("load")).await;
        let noting = TestServer::start_over(server.database.clone(), |settings| settings.audit_reads = true).await;
        let alice = Person::sign_in(&noting.url, &alice.email).await;
        let carol = Person::sign_in(&noting.url, &carol.email).await;
        Self { server: noting, alice, carol, job }
    }

    async fn another_provider_of_carol(&self, server: &TestServer) -> Person {
        let bob = server.provider("bob").await;
        let token = bob.invite(&self.carol.email).await;
        self.carol.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        Person::sign_in(&self.server.url, &bob.email).await
    }

    fn paths(&self) -> [(String, &'static str); 3] {
        let job = &self.job;
        [
            (format!("/jobs/{job}"), "job"),
            (format!("/jobs/{job}/events?kind=step"), "events"),
            (format!("/jobs/{job}/stream"), "stream"),
        ]
    }
}

/// Reads a path; of a stream the beginning.
async fn read(person: &Person, path: &str) {
    if path.contains("/stream") {
        person.stream(path, None).await.expect().await;
    } else {
        person.get(path).await.expect(200);
    }
}

on_both! {
    async fn every_reading_of_a_job_is_in_the_log_of_its_provider(server: TestServer) {
        let noted = Noted::beside(&server).await;
        let Noted { alice, carol, job, .. } = &noted;
        let (mut log, mut of_carol) = (Log::of(alice).await, Log::of(carol).await);
        let about = ("job", job.as_str());
        for (path, part) in noted.paths() {
            read(carol, &path).await;
            let who = json!({"actor": "user", "actor_id": carol.id, "actor_email": carol.email, "address": "127.0.0.1"});
            let entry = log.expect_one("job_read", &who, about, json!({"part": part})).await;
            assert!(entry["request_id"].is_string(), "{entry}");
        }
        let key = carol.make_key(None).await;
        carol.with_key(&key).get(&format!("/jobs/{job}")).await.expect(200);
        let who = json!({"actor": "key", "actor_id": carol.id, "key_id": key.id});
        log.expect_one("job_read", &who, about, json!({"part": "job"})).await;
        alice.get(&format!("/jobs/{job}/distributions")).await.expect(200);
        let who = json!({"actor": "user", "actor_id": alice.id, "actor_email": alice.email});
        log.expect_one("job_read", &who, about, json!({"part": "distributions"})).await;
        let news = of_carol.news().await;
        assert!(news.iter().all(|entry| entry["action"] != "job_read"), "{news:#?}");
    }

    async fn the_feed_of_all_jobs_is_noted_by_each_provider(server: TestServer) {
        let noted = Noted::beside(&server).await;
        let bob = noted.another_provider_of_carol(&server).await;
        let (mut of_alice, mut of_bob) = (Log::of(&noted.alice).await, Log::of(&bob).await);
        read(&noted.carol, "/jobs/stream").await;
        for log in [&mut of_alice, &mut of_bob] {
            let news = log.news().await;
            let [entry] = news.as_slice() else { panic!("{news:#?}") };
            assert_eq!((&entry["action"], &entry["actor_id"]), (&json!("job_read"), &json!(noted.carol.id)));
            assert_eq!((&entry["subject_id"], &entry["details"]), (&Value::Null, &json!({"part": "stream_of_all"})));
        }
        read(&bob, "/jobs/stream").await;
        assert_eq!(of_bob.news().await[0]["actor_id"], bob.id.as_str());
        of_alice.expect_nothing().await;
    }

    async fn an_export_is_noted_by_each_provider_whose_jobs_are_in_it(server: TestServer) {
        let noted = Noted::beside(&server).await;
        let bob = noted.another_provider_of_carol(&server).await;
        let (mut of_alice, mut of_bob) = (Log::of(&noted.alice).await, Log::of(&bob).await);
        noted.carol.get("/users/me/export").await.expect(200);
        for log in [&mut of_alice, &mut of_bob] {
            let news = log.news().await;
            let [entry] = news.as_slice() else { panic!("{news:#?}") };
            assert_eq!((&entry["action"], &entry["actor_id"]), (&json!("job_read"), &json!(noted.carol.id)));
            assert_eq!((&entry["subject_id"], &entry["details"]), (&Value::Null, &json!({"part": "export"})));
        }
        bob.get("/users/me/export").await.expect(200);
        let news = of_bob.news().await;
        let acts: Vec<&Value> = news.iter().map(|entry| &entry["action"]).collect();
        assert_eq!(acts, ["data_exported", "job_read"]);
        of_alice.expect_nothing().await;
    }

    async fn whoever_reads_and_reads_waits_behind_themselves(server: TestServer) {
        let noted = Noted::beside(&server).await;
        let path = format!("/jobs/{}", noted.job);
        // All that one account may have waiting to be written.
        let places = noted.server.app.gates().writes.take(Some(noted.carol.id.parse().unwrap()), 1024).unwrap();
        noted.carol.get(&path).await.expect_problem(429, &[]);
        noted.alice.get(&path).await.expect(200);
        drop(places);
        noted.carol.get(&path).await.expect(200);
    }

    async fn what_is_not_shown_is_not_noted(server: TestServer) {
        let noted = Noted::beside(&server).await;
        let bob = server.provider("bob").await;
        let bob = Person::sign_in(&noted.server.url, &bob.email).await;
        let (mut of_alice, mut of_bob) = (Log::of(&noted.alice).await, Log::of(&bob).await);
        for (path, _) in noted.paths() {
            bob.get(&path).await.expect(404);
            noted.server.nobody().get(&path).await.expect(401);
        }
        for path in ["/jobs", "/jobs?steps=true", "/jobs/summary"] {
            noted.alice.get(path).await.expect(200);
        }
        of_alice.expect_nothing().await;
        of_bob.expect_nothing().await;
    }

    async fn without_the_setting_reading_leaves_nothing(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "CT-1").await;
        let mut log = Log::of(&alice).await;
        for path in [format!("/jobs/{job}"), format!("/jobs/{job}/events"), format!("/jobs/{job}/distributions")] {
            alice.get(&path).await.expect(200);
        }
        read(&alice, &format!("/jobs/{job}/stream")).await;
        read(&alice, "/jobs/stream").await;
        log.expect_nothing().await;
    }

    async fn a_reading_that_cannot_be_noted_is_refused(server: TestServer) {
        let noted = Noted::beside(&server).await;
        refuse_inserts(&server, "audit_log").await;
        let mut paths: Vec<String> = noted.paths().map(|(path, _)| path).into();
        paths.push("/jobs/stream".to_owned());
        for person in [&noted.alice, &noted.carol] {
            for path in &paths {
                let answer = person.get(path).await;
                assert_eq!(answer.headers["retry-after"], "1", "{path}");
                assert!(!answer.text.contains("CT-1"), "{path}: {}", answer.text);
                answer.expect_problem(503, &[]);
            }
        }
    }
}
