//! How much is taken on at once. A test holds places as requests under way do.

use std::num::NonZeroU32;
use std::time::Duration;

use futures::future::join_all;
use milepost::admission::{Gate, Place};
use milepost::db::Log;
use serde_json::json;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::support::{Answer, Person, TestServer, eventually, on_both};

/// How long an answer may take; a stream would go on for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// A provider with a job `j1` and its id.
async fn provider_with_job(server: &TestServer, name: &str) -> (Person, String) {
    let provider = server.provider(name).await;
    provider.register("scan", "1.0.0", &[("load", 1)]).await;
    let job_id = provider.open_job("scan", "j1").await;
    (provider, job_id)
}

/// All places that an account can take.
fn take_own_places(gate: &Gate, of: &Person) -> Vec<Place> {
    let account: Uuid = of.id.parse().unwrap();
    std::iter::from_fn(|| gate.take(Some(account), 1).ok()).collect()
}

/// All places that there are.
fn take_all_places(gate: &Gate) -> Vec<Place> {
    std::iter::from_fn(|| gate.take(None, 1).ok()).collect()
}

async fn report(person: &Person) -> Answer {
    person.post("/events", json!({"provider_job_id": "j1", "kind": "info"})).await
}

#[track_caller]
fn expect_refusal(answer: Answer, status: u16) {
    let retry_after = answer.headers.get("retry-after").cloned();
    answer.expect_problem(status, &[]);
    assert_eq!(retry_after.unwrap(), "1");
}

on_both! {
    async fn a_provider_that_floods_waits_behind_itself(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server, "alice").await;
        let (bob, _) = provider_with_job(&server, "bob").await;
        // Whoever writes waits for this.
        let mut writing = server.app.db().begin().await.unwrap();
        writing.take_positions(Log::Events, 1).await.unwrap();
        // Of her 1,024 places she has 256 left.
        let held = server.app.gates().writes.take(Some(alice.id.parse().unwrap()), 768).unwrap();
        let flood = tokio::spawn({
            let alice = alice.clone();
            async move { join_all((0..256).map(|_| report(&alice))).await }
        });
        let account: Uuid = alice.id.parse().unwrap();
        let gate = &server.app.gates().writes;
        eventually("her places are taken", async || gate.take(Some(account), 1).is_err()).await;
        for refused in join_all((0..44).map(|_| report(&alice))).await {
            expect_refusal(refused, 429);
        }
        let reported = tokio::spawn({
            let bob = bob.clone();
            async move { report(&bob).await }
        });
        eventually("Bob waits", async || gate.holders() == 2).await;
        drop((writing, held));
        let answers = flood.await.unwrap();
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!(count(201) + count(503), 256);
        assert!(matches!(reported.await.unwrap().status, 201 | 503));
        assert_eq!(alice.get(&format!("/jobs/{job_id}")).await["last_sequence"], count(201));
        report(&alice).await.expect(201);
    }

    async fn writes_beyond_the_places_are_refused_and_change_nothing(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server, "alice").await;
        let (bob, _) = provider_with_job(&server, "bob").await;
        let gate = &server.app.gates().writes;
        let before = server.contents().await;
        let mut own = take_own_places(gate, &alice);
        expect_refusal(report(&alice).await, 429);
        expect_refusal(alice.post("/jobs", json!({"tag": "scan", "provider_job_id": "j2"})).await, 429);
        let configuration = json!({"tag": "other", "name": "Other", "version": "1.0.0", "step_configurations": []});
        expect_refusal(alice.post("/job-configurations", configuration).await, 429);
        expect_refusal(alice.patch(&format!("/jobs/{job_id}"), json!({"provider_job_name": "Other"})).await, 429);
        own.truncate(own.len() - 15);
        let batch = json!([{"provider_job_id": "j1", "kind": "info"}]);
        expect_refusal(alice.post("/events/batch", batch.clone()).await, 429);
        assert_eq!(server.contents().await, before);
        report(&alice).await.expect(201);
        report(&bob).await.expect(201);

        let before = server.contents().await;
        let all = take_all_places(gate);
        expect_refusal(report(&bob).await, 503);
        expect_refusal(bob.post("/events/batch", batch.clone()).await, 503);
        assert_eq!(server.contents().await, before);
        drop((own, all));
        for person in [&alice, &bob] {
            person.post("/events/batch", batch.clone()).await.expect(200);
        }
    }

    async fn searches_are_bounded_and_nothing_else_waits_for_them(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server, "alice").await;
        let (bob, _) = provider_with_job(&server, "bob").await;
        let gate = &server.app.gates().searches;
        let searches = [
            "/jobs?text=scan".to_owned(),
            "/jobs/summary".to_owned(),
            "/analytics/jobs".to_owned(),
            "/analytics/steps".to_owned(),
            "/analytics/metadata?tag=scan&step=load".to_owned(),
            "/analytics/customers".to_owned(),
            format!("/jobs/{job_id}/distributions"),
            format!("/jobs/{job_id}/events"),
            "/audit-log".to_owned(),
        ];
        let own = take_own_places(gate, &alice);
        for search in &searches {
            expect_refusal(alice.get(search).await, 429);
        }
        bob.get("/jobs").await.expect(200);
        let all = take_all_places(gate);
        expect_refusal(bob.get("/jobs").await, 503);
        expect_refusal(bob.get("/jobs/summary").await, 503);
        alice.get(&format!("/jobs/{job_id}")).await.expect(200);
        report(&alice).await.expect(201);
        drop((own, all));
        for search in &searches {
            alice.get(search).await.expect(200);
        }
    }

    async fn an_account_has_one_export_under_way_and_all_have_a_few(server: TestServer) {
        let (alice, _) = provider_with_job(&server, "alice").await;
        let (bob, _) = provider_with_job(&server, "bob").await;
        let gate = &server.app.gates().exports;
        let own = take_own_places(gate, &alice);
        assert_eq!(own.len(), 1);
        expect_refusal(alice.get("/users/me/export").await, 429);
        bob.get("/users/me/export").await.expect(200);
        let all = take_all_places(gate);
        expect_refusal(bob.get("/users/me/export").await, 503);
        alice.get("/jobs").await.expect(200);
        drop((own, all));
        alice.get("/users/me/export").await.expect(200);
    }

    async fn a_password_waits_for_its_turn_whether_there_is_such_an_account_or_not(server: TestServer) {
        let (alice, _) = provider_with_job(&server, "alice").await;
        let gate = &server.app.gates().passwords;
        let turns = join_all((0..gate.load().room.turns).map(|_| gate.enter(None))).await;
        let emails = [alice.email.as_str(), "nobody@provider.example", "no address"];
        let nobody = server.nobody();
        let sign_ins = emails.map(|email| nobody.post("/login", json!({"email": email, "password": "a wrong one"})));
        for answer in join_all(sign_ins).await {
            expect_refusal(answer, 503);
        }
        drop(turns);
    }

    async fn looking_up_whose_events_they_are_is_bounded(server: TestServer) {
        let (alice, _) = provider_with_job(&server, "alice").await;
        let alice = alice.with_new_key("write").await;
        server.clock.stop();
        let all = take_all_places(&server.app.gates().lookups);
        expect_refusal(report(&alice).await, 503);
        // By now the key is known: it does not get as far as the database.
        let mut raw = server.database.raw().await;
        raw.execute("alter table api_keys rename to keys_in_a_drawer").await.unwrap();
        expect_refusal(report(&alice).await, 503);
        raw.execute("alter table keys_in_a_drawer rename to api_keys").await.unwrap();
        drop(all);
        report(&alice).await.expect(201);
    }

    async fn an_account_has_at_most_100_streams(server: TestServer) {
        let (alice, job_id) = provider_with_job(&server, "alice").await;
        let (bob, _) = provider_with_job(&server, "bob").await;
        let job_stream = format!("/jobs/{job_id}/stream");
        let of_job = join_all((0..50).map(|_| alice.stream(&job_stream, None))).await;
        let mut open = join_all((0..50).map(|_| alice.stream("/jobs/stream", None))).await;
        assert!(open.iter().chain(&of_job).all(|stream| stream.status == 200));
        for path in ["/jobs/stream", &job_stream] {
            let refused = timeout(PATIENCE, alice.get(path)).await.expect("an answer, not a stream");
            expect_refusal(refused, 429);
        }
        assert_eq!(bob.stream("/jobs/stream", None).await.status, 200);
        open.pop();
        eventually("there is room again", async || alice.stream("/jobs/stream", None).await.status == 200).await;
    }

    async fn streams_leave_connections_to_the_others(server: TestServer) {
        let few = |settings: &mut milepost::config::Settings| {
            settings.limits.max_connections = NonZeroU32::new(20).unwrap();
            settings.limits.max_connections_per_address = NonZeroU32::new(20);
        };
        let server = TestServer::start_over(server.stop().await, few).await;
        let (alice, _) = provider_with_job(&server, "alice").await;
        let (bob, _) = provider_with_job(&server, "bob").await;
        let open = join_all((0..15).map(|_| alice.stream("/jobs/stream", None))).await;
        assert!(open.iter().all(|stream| stream.status == 200));
        let refused = timeout(PATIENCE, bob.get("/jobs/stream")).await.expect("an answer, not a stream");
        expect_refusal(refused, 503);
        report(&bob).await.expect(201);
        drop(open);
        eventually("there is room again", async || bob.stream("/jobs/stream", None).await.status == 200).await;
    }

    async fn a_search_waits_for_its_turn(server: TestServer) {
        let (alice, _) = provider_with_job(&server, "alice").await;
        let gate = &server.app.gates().searches;
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(gate.enter(None).await.unwrap());
        }
        let waiting = tokio::spawn({
            let alice = alice.clone();
            async move { alice.get("/jobs").await }
        });
        sleep(Duration::from_millis(200)).await;
        assert!(!waiting.is_finished());
        held.pop();
        waiting.await.unwrap().expect(200);
    }
}
