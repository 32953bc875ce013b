//! That a stream ends with the right to it, and is told of rights that are won.

use std::time::Duration;

use chrono::TimeDelta;
use milepost::db::Db;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{next_ids, open_both, provider_with_scans, report_news};
use crate::support::{ApiKey, DatabaseKind, Milepost, Person, Stream, on_both};

async fn expect_both_end(mut streams: [Stream; 2]) {
    for stream in &mut streams {
        stream.expect_end().await;
    }
}

/// A connection that reads, which nobody else has as long as it is held.
async fn connection(db: &Db) -> Box<dyn Send> {
    match db {
        Db::Sqlite { read, .. } => Box::new(read.acquire().await.unwrap()),
        Db::Postgres { shared, .. } => Box::new(shared.acquire().await.unwrap()),
    }
}

on_both! {
    async fn expiring_a_key_ends_its_streams_and_no_others(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let (lost, kept) = (alice.make_key(None).await, alice.make_key(None).await);
        let ending = open_both(&alice.with_key(&lost), &job).await;
        let [mut going_on, _] = open_both(&alice.with_key(&kept), &job).await;
        alice.post(&format!("/api-keys/{}/expire", lost.id), json!({})).await.expect(200);
        expect_both_end(ending).await;
        alice.report("CT-1", "info", None).await;
        assert_eq!(next_ids(&mut going_on, 1).await, [1]);
    }

    async fn a_key_that_ends_by_itself_takes_its_streams_along(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let expires_at = server.clock.now() + TimeDelta::seconds(4);
        let made = alice.post("/api-keys", json!({"note": "short", "expires_at": expires_at})).await.expect(201);
        let key = ApiKey { id: String::new(), key: made["key"].as_str().unwrap().to_owned() };
        let streams = open_both(&alice.with_key(&key), &job).await;
        let remaining = (expires_at - server.clock.now()).to_std().unwrap_or_default();
        sleep(remaining).await;
        expect_both_end(streams).await;
    }

    async fn a_rotated_keys_streams_end_with_the_overlap(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let old = alice.make_key(None).await;
        let mut streams = open_both(&alice.with_key(&old), &job).await;
        alice.post(&format!("/api-keys/{}/rotate", old.id), json!({"overlap": 5})).await.expect(201);
        streams[1].expect_access().await;
        sleep(Duration::from_secs(1)).await;
        alice.report("CT-1", "info", None).await;
        for stream in &mut streams {
            stream.expect().await;
        }
        sleep(Duration::from_secs(4)).await;
        expect_both_end(streams).await;
    }

    async fn signing_out_ends_the_sessions_streams(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let elsewhere = Person::sign_in(&server.url, &alice.email).await;
        let streams = open_both(&alice, &job).await;
        let [mut other_session, _] = open_both(&elsewhere, &job).await;
        alice.post("/logout", json!({})).await.expect(200);
        expect_both_end(streams).await;
        other_session.expect_silence(Duration::from_millis(700)).await;
    }

    async fn disabling_an_account_by_the_command_ends_all_its_streams(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let by_session = open_both(&alice, &job).await;
        let by_key = open_both(&alice.with_new_key("read").await, &job).await;
        let disable = ["user", "--database-url", &server.database.url, "disable", "--email", &alice.email];
        Milepost::new(disable).run().await.expect_success();
        expect_both_end(by_session).await;
        expect_both_end(by_key).await;
    }

    async fn the_former_customer_of_a_job_sees_nothing_more_of_it(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let (carol, dave) = (server.customer_of(&alice, "carol").await, server.customer_of(&alice, "dave").await);
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        let [mut of_carol, mut feed_of_carol] = open_both(&carol, &job).await;
        let [mut of_alice, _] = open_both(&alice, &job).await;
        alice.report("CT-1", "info", None).await;
        assert_eq!(next_ids(&mut of_carol, 1).await, [1]);
        feed_of_carol.expect().await;

        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": dave.id})).await.expect(200);
        alice.report("CT-1", "info", None).await;
        let nothing_more = timeout(Duration::from_secs(1), of_carol.next()).await.expect("the end within a second");
        assert!(nothing_more.is_none(), "{nothing_more:?}");
        // Her stream of all jobs is told so and goes on, without this one.
        feed_of_carol.expect_access().await;
        feed_of_carol.expect_silence(Duration::from_millis(700)).await;
        assert_eq!(next_ids(&mut of_alice, 2).await, [1, 2]);
        assert_eq!(carol.stream(&format!("/jobs/{job}/stream"), Some("0")).await.status, 404);
        let [_, mut feed_of_dave] = open_both(&dave, &job).await;
        alice.report("CT-1", "info", None).await;
        assert_eq!(feed_of_dave.expect().await.data["event"]["sequence"], 3);
    }

    async fn taking_a_job_from_everybody_ends_the_customers_stream(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let carol = server.customer_of(&alice, "carol").await;
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        let [mut stream, _] = open_both(&carol, &job).await;
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": null})).await.expect(200);
        stream.expect_end().await;
    }

    async fn unlinking_a_customer_ends_their_streams_of_jobs(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let carol = server.customer_of(&alice, "carol").await;
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        let [mut stream, mut feed] = open_both(&carol, &job).await;
        let link = alice.get("/customers").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
        alice.delete(&format!("/customers/{link}")).await.expect(200);
        alice.report("CT-1", "info", None).await;
        assert!(stream.next().await.is_none());
        feed.expect_access().await;
        feed.expect_silence(Duration::from_millis(700)).await;
    }

    async fn whoever_gains_a_job_is_told_to_read_again(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let (carol, dave) = (server.customer_of(&alice, "carol").await, server.customer_of(&alice, "dave").await);
        let job = alice.open_job("scan", "CT-1").await;
        let kept = alice.open_job_for(&carol, "scan", "CT-2").await;
        let mut feed_of_carol = carol.stream("/jobs/stream", None).await;
        let mut feed_of_dave = dave.stream("/jobs/stream", None).await;
        let [mut of_alice, mut feed_of_alice] = open_both(&alice, &job).await;
        let [mut of_kept, _] = open_both(&carol, &kept).await;
        for feed in [&mut feed_of_carol, &mut feed_of_dave] {
            feed.expect().await;
        }
        alice.patch(&format!("/jobs/{job}"), json!({"customer_email": carol.email})).await.expect(200);
        feed_of_carol.expect_access().await;
        alice.report("CT-1", "info", None).await;
        assert_eq!(feed_of_carol.expect().await.data["job"]["id"], job);

        // A name is no right, nor is the customer that it had already.
        let same = json!({"provider_job_name": "Knee", "customer_id": carol.id});
        alice.patch(&format!("/jobs/{job}"), same).await.expect(200);
        for feed in [&mut feed_of_carol, &mut feed_of_dave] {
            feed.expect_silence(Duration::from_millis(700)).await;
        }
        // Those whose rights are what they were read nothing but events; streams of a job tell of rights by ending.
        assert_eq!(feed_of_alice.expect().await.event, "event");
        feed_of_alice.expect_silence(Duration::from_millis(100)).await;
        assert_eq!(next_ids(&mut of_alice, 1).await, [1]);
        alice.report("CT-2", "info", None).await;
        assert_eq!(next_ids(&mut of_kept, 1).await, [1]);
    }

    async fn accepting_an_invitation_again_is_told_to_the_customers_stream(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let carol = server.customer_of(&alice, "carol").await;
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        let link = alice.get("/customers").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
        let mut feed = carol.stream("/jobs/stream", None).await;
        feed.expect().await;
        alice.delete(&format!("/customers/{link}")).await.expect(200);
        feed.expect_access().await;
        let token = alice.invite(&carol.email).await;
        feed.expect_silence(Duration::from_millis(700)).await;
        carol.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        feed.expect_access().await;
        alice.report("CT-1", "info", None).await;
        assert_eq!(feed.expect().await.data["job"]["id"], job);
    }

    async fn a_stream_is_not_told_of_rights_that_changed_before_it_began(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let carol = server.customer_of(&alice, "carol").await;
        let job = alice.open_job("scan", "CT-1").await;
        // A server that takes up to half a second to notice what another one committed.
        let other = server.start_beside().await;
        let carol_there = carol.with_new_key("read").await.at(&other);
        for customer in [json!(carol.id), json!(null), json!(carol.id)] {
            alice.patch(&format!("/jobs/{job}"), json!({"customer_id": customer})).await.expect(200);
            let mut feed = carol_there.stream("/jobs/stream", None).await;
            assert_eq!(feed.expect().await.event, "ready");
            feed.expect_silence(Duration::from_millis(700)).await;
        }
    }

    async fn what_waits_for_a_slow_reader_of_all_jobs_is_not_shown_once_the_job_is_anothers(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let (carol, dave) = (server.customer_of(&alice, "carol").await, server.customer_of(&alice, "dave").await);
        let job = alice.open_job_for(&carol, "scan", "LOST").await;
        alice.open_job_for(&carol, "scan", "KEPT").await;
        let key = carol.make_key(None).await;
        let mut feed = carol.with_key(&key).stream("/jobs/stream", None).await;
        feed.expect().await;
        // More than the buffers between server and reader hold, less events than the queue.
        let metadata: Value = (0..15).map(|n| (n.to_string(), json!("x".repeat(4000)))).collect();
        let large = json!({"provider_job_id": "LOST", "kind": "info", "event_metadata": metadata});
        for _ in 0..24 {
            alice.post("/events/batch", json!(vec![large.clone(); 16])).await.expect(200);
        }
        for _ in 0..3 {
            alice.report("KEPT", "info", None).await;
        }
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": dave.id})).await.expect(200);
        // So long that the server has surely noticed.
        sleep(Duration::from_secs(1)).await;
        let mut before = 0;
        loop {
            let message = feed.expect().await;
            match message.event.as_str() {
                "access" => break,
                _ => assert_eq!(message.data["job"]["provider_job_id"], "LOST"),
            }
            before += 1;
        }
        assert!(before < 60, "all that it lost");
        for sequence in [1, 2, 3] {
            let message = feed.expect().await;
            assert_eq!((&message.data["job"]["provider_job_id"], &message.data["event"]["sequence"]), (&json!("KEPT"), &json!(sequence)));
        }
        alice.report("LOST", "info", None).await;
        alice.report("KEPT", "info", None).await;
        assert_eq!(feed.expect().await.data["event"]["sequence"], 4);
    }

    async fn a_right_lost_at_another_server_ends_streams_everywhere(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let carol = server.customer_of(&alice, "carol").await;
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        let key = alice.make_key(None).await;
        let carols_key = carol.make_key(None).await;
        let other = server.start_beside().await;
        let of_alice = open_both(&alice.with_key(&key).at(&other), &job).await;
        let [mut of_carol, _] = open_both(&carol.with_key(&carols_key).at(&other), &job).await;
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": null})).await.expect(200);
        of_carol.expect_end().await;
        alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        expect_both_end(of_alice).await;
    }

    async fn a_key_that_expires_while_the_past_is_read_up_shows_no_more_of_it(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        report_news(&alice, "CT-1", 2500, &"n".repeat(4000)).await;
        for path in [format!("/jobs/{job}/stream"), "/jobs/stream".to_owned()] {
            let key = alice.make_key(None).await;
            let mut past = alice.with_key(&key).stream(&path, Some("0")).await;
            past.expect().await;
            alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
            let mut count = 1;
            while past.next().await.is_some() {
                count += 1;
            }
            assert!(count < 2500, "all of the past of {path}");
        }
    }

    async fn a_key_that_ends_while_its_stream_begins_gets_none(server: TestServer) {
        let alice = provider_with_scans(&server).await.with_new_key("read").await;
        // On PostgreSQL the hub listens on one.
        let connections = match server.database.kind {
            DatabaseKind::Sqlite => 8,
            DatabaseKind::Postgres => 15,
        };
        let mut held = Vec::new();
        for _ in 0..connections {
            held.push(connection(server.app.db()).await);
        }
        let opening = tokio::spawn(async move { alice.stream("/jobs/stream", None).await });
        // It waits for a connection to look up the key, and we stand in the line behind it.
        sleep(Duration::from_millis(300)).await;
        let behind = tokio::spawn({
            let db = server.app.db().clone();
            async move { connection(&db).await }
        });
        sleep(Duration::from_millis(100)).await;
        held.pop();
        let behind = behind.await.unwrap();
        let mut raw = server.database.raw().await;
        raw.execute("update api_keys set expires_at = '2026-01-01 00:00:00+00:00'").await.unwrap();
        drop((held, behind));
        opening.await.unwrap().expect_refusal(401);
    }

    async fn a_customer_reading_up_the_past_sees_nothing_more_once_the_job_is_anothers(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let (carol, dave) = (server.customer_of(&alice, "carol").await, server.customer_of(&alice, "dave").await);
        let job = alice.open_job_for(&carol, "scan", "CT-1").await;
        report_news(&alice, "CT-1", 2500, &"n".repeat(4000)).await;
        // She reads slowly: what is on the way and one page may still come, not the rest of the past.
        let mut past = carol.stream(&format!("/jobs/{job}/stream"), Some("0")).await;
        past.expect().await;
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": dave.id})).await.expect(200);
        let mut last = 1;
        while let Some(message) = past.next().await {
            last = message.id.parse().unwrap();
            assert_ne!(message.data["job"]["customer_email"], dave.email, "{message:?}");
        }
        assert!(last < 2500, "all of the past");
    }
}
