//! What happens at once: transactions that cross, customers who come and go while jobs are opened for them.

use std::time::Duration;

use milepost::db::{Log, log_position};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::{DatabaseKind, Milepost, TestServer, on_both};

/// Long enough for a request to get as far as it can.
const A_WHILE: Duration = Duration::from_millis(400);

on_both! {
    async fn positions_are_given_in_the_order_of_the_commits(server: TestServer) {
        let db = server.app.db().clone();
        let before = log_position(&db, Log::Events).await.unwrap();
        let mut first = db.begin().await.unwrap();
        first.take_positions(Log::Events, 3).await.unwrap();
        assert_eq!(log_position(&mut first, Log::Events).await.unwrap(), before + 3);
        let second = tokio::spawn({
            let db = db.clone();
            async move {
                let mut tx = db.begin().await.unwrap();
                tx.take_positions(Log::Events, 1).await.unwrap();
                let position = log_position(&mut tx, Log::Events).await.unwrap();
                tx.commit().await.unwrap();
                position
            }
        });
        sleep(A_WHILE).await;
        assert!(!second.is_finished(), "the second waits for the first");
        assert_eq!(log_position(&db, Log::Events).await.unwrap(), before, "nothing is committed yet");
        first.commit().await.unwrap();
        assert_eq!(second.await.unwrap(), before + 4);

        let mut given_up = db.begin().await.unwrap();
        given_up.take_positions(Log::Events, 9).await.unwrap();
        drop(given_up);
        let mut third = db.begin().await.unwrap();
        third.take_positions(Log::Events, 1).await.unwrap();
        assert_eq!(log_position(&mut third, Log::Events).await.unwrap(), before + 5, "a hole");
    }

    async fn nothing_fails_when_everything_happens_at_once(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
        let carol = server.customer_of(&alice, "carol").await;
        let dave = server.customer_of(&alice, "dave").await;
        let mut jobs = Vec::new();
        for n in 0..6 {
            jobs.push(alice.open_job_for(&carol, "scan", &format!("CT-{n}")).await);
        }
        let mut tasks = Vec::new();
        for writer in 0..4_usize {
            let alice = alice.clone();
            tasks.push(tokio::spawn(async move {
                for round in 0..15 {
                    // Every writer names the jobs in another order.
                    let event = |n: usize| {
                        let job = format!("CT-{}", (n * 5 + writer + round) % 6);
                        json!({"provider_job_id": job, "kind": "info", "tag": if n.is_multiple_of(2) { "load" } else { "measure" }})
                    };
                    let batch: Vec<_> = (0..12).map(event).collect();
                    let answer = alice.post("/events/batch", json!(batch)).await.expect(200);
                    assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
                }
            }));
        }
        for job in jobs.clone() {
            let (alice, dave, carol) = (alice.clone(), dave.id.clone(), carol.email.clone());
            tasks.push(tokio::spawn(async move {
                for _ in 0..4 {
                    // She may just be unlinked.
                    let to_carol = alice.patch(&format!("/jobs/{job}"), json!({"customer_email": carol})).await;
                    assert!(matches!(to_carol.status, 200 | 422), "{}", to_carol.text);
                    alice.patch(&format!("/jobs/{job}"), json!({"customer_id": dave})).await.expect(200);
                }
            }));
        }
        let (inviting, email) = (alice.clone(), carol.email.clone());
        let carol_again = carol.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..4 {
                let customers = inviting.get("/customers").await.expect(200);
                let links = customers["items"].as_array().unwrap();
                let link = links.iter().find(|link| link["email"] == email.as_str()).unwrap()["id"].as_str().unwrap();
                inviting.delete(&format!("/customers/{link}")).await.expect(200);
                let token = inviting.invite(&email).await;
                carol_again.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
            }
        }));
        let database = server.database.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..3 {
                Milepost::on(&database, &["rebuild"]).run().await.expect_success();
            }
        }));
        for task in tasks {
            task.await.unwrap();
        }
        let said = Milepost::on(&server.database, &["rebuild", "--check"]).run().await.expect_success();
        assert!(said.contains(" 0 differences "), "{said}");
    }
}

/// PostgreSQL, where several transactions write side by side.
async fn postgres() -> TestServer {
    TestServer::start(DatabaseKind::Postgres).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_commits_after_a_younger_one_is_not_lost() {
    let server = postgres().await;
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    let old = alice.open_job("scan", "OLD").await;
    alice.open_job("scan", "YOUNG").await;
    let mut feed = alice.stream("/jobs/stream", None).await;
    let ready = feed.expect().await;

    let mut raw = server.database.raw().await;
    raw.execute(&format!("begin; select id from jobs where id = {} for update", server.database.id(&old)))
        .await
        .unwrap();
    let begun_first = tokio::spawn({
        let alice = alice.clone();
        async move { alice.report("OLD", "info", None).await }
    });
    sleep(A_WHILE).await;
    let younger = alice.report("YOUNG", "info", None);
    timeout(Duration::from_secs(5), younger).await.expect("the younger one waits for nobody");
    let young = feed.expect().await;
    assert_eq!(young.data["job"]["provider_job_id"], "YOUNG");
    assert!(!begun_first.is_finished());
    raw.execute("commit").await.unwrap();
    begun_first.await.unwrap();
    let late = feed.expect().await;
    assert_eq!(late.data["job"]["provider_job_id"], "OLD");

    let mut from_ready = alice.stream("/jobs/stream", Some(&ready.id)).await;
    assert_eq!([from_ready.expect().await.id, from_ready.expect().await.id], [young.id.clone(), late.id.clone()]);
    let mut from_young = alice.stream("/jobs/stream", Some(&young.id)).await;
    assert_eq!(from_young.expect().await.id, late.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_opened_while_its_customer_accepts_is_shown_to_them() {
    let server = postgres().await;
    let alice = server.provider("alice").await;
    let bob = server.provider("bob").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    let carol = server.customer_of(&bob, "carol").await;
    alice.invite(&carol.email).await;
    let given = alice.open_job("scan", "CT-1").await;

    let mut raw = server.database.raw().await;
    raw.execute(&format!(
        "begin; update customers set customer_id = {}, invitation_hash = null, invitation_expires_at = null
         where email = '{}' and provider_id = {}",
        server.database.id(&carol.id),
        carol.email,
        server.database.id(&alice.id)
    ))
    .await
    .unwrap();
    let recipient = json!({"tag": "scan", "provider_job_id": "CT-2", "customer_email": carol.email});
    let opening = tokio::spawn({
        let alice = alice.clone();
        async move { alice.post("/jobs", recipient).await.expect(201) }
    });
    let correcting = tokio::spawn({
        let (alice, recipient) = (alice.clone(), json!({"customer_email": carol.email}));
        async move { alice.patch(&format!("/jobs/{given}"), recipient).await.expect(200) }
    });
    sleep(A_WHILE).await;
    raw.execute("commit").await.unwrap();
    assert_eq!(opening.await.unwrap()["customer_id"], carol.id);
    assert_eq!(correcting.await.unwrap()["customer_id"], carol.id);
    assert_eq!(carol.get("/jobs").await.expect(200)["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_opened_while_its_customer_is_unlinked_is_hidden_from_them() {
    let server = postgres().await;
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    let carol = server.customer_of(&alice, "carol").await;
    let job = alice.open_job_for(&carol, "scan", "CT-1").await;
    let link = alice.get("/customers").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();

    // Another job is being given to her: its transaction holds her link.
    let mut raw = server.database.raw().await;
    let other = alice.open_job("scan", "CT-2").await;
    raw.execute(&format!(
        "begin; update jobs set (customer_id, customer_link_id) =
             (select customer_id, customer_link_id from jobs where id = {}) where id = {}",
        server.database.id(&job),
        server.database.id(&other)
    ))
    .await
    .unwrap();
    let unlinking = tokio::spawn({
        let alice = alice.clone();
        async move { alice.delete(&format!("/customers/{link}")).await }
    });
    sleep(A_WHILE).await;
    raw.execute("commit").await.unwrap();
    unlinking.await.unwrap().expect(200);
    assert_eq!(carol.get("/jobs").await.expect(200)["items"], json!([]));
}
