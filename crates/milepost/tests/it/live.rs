//! Live streams: what a watcher sees, when a stream ends, and that nothing is missed or repeated.

use std::time::Duration;

use chrono::TimeDelta;
use milepost::db::Db;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    ApiKey, Database, DatabaseKind, Line, Milepost, Person, Stream, TestServer, eventually, on_both, status_of,
};

/// A provider with a kind of job `scan`: two steps, 30 and 70 points.
async fn provider_with_scans(server: &TestServer) -> Person {
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
    alice
}

/// Reports news of a job so many times, in batches.
async fn report_news(provider: &Person, provider_job_id: &str, count: usize, name: &str) {
    let news: Vec<Value> =
        (0..count).map(|_| json!({"provider_job_id": provider_job_id, "kind": "info", "name": name})).collect();
    for batch in news.chunks(200) {
        let answer = provider.post("/events/batch", json!(batch)).await.expect(200);
        assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201));
    }
}

/// The ids of the next messages, all of which are events.
async fn next_ids(stream: &mut Stream, count: usize) -> Vec<i64> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let message = stream.expect().await;
        assert_eq!(message.event, "event");
        ids.push(message.id.parse().unwrap());
    }
    ids
}

on_both! {
    async fn a_jobs_stream_begins_with_a_snapshot_and_goes_on_with_its_events(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;

        let mut empty = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        let snapshot = empty.expect().await;
        assert_eq!((snapshot.event.as_str(), snapshot.id.as_str()), ("snapshot", "0"));
        assert_eq!(snapshot.data, alice.get(&format!("/jobs/{job}")).await.expect(200));

        alice.report("CT-1", "info", Some("load")).await;
        let step = alice.report("CT-1", "step", Some("load")).await;
        assert_eq!(next_ids(&mut empty, 1).await, [1]);
        let message = empty.expect().await;
        assert_eq!((message.event.as_str(), message.id.as_str()), ("event", "2"));
        assert_eq!(message.data["event"], step);
        assert_eq!(message.data["job"]["id"], job);
        assert_eq!(message.data["job"]["status"], "running");
        assert_eq!(message.data["job"]["progress"], 0.3);
        assert_eq!(message.data["job"]["points"], json!({"done": 30, "total": 100}));

        let mut later = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        let snapshot = later.expect().await;
        assert_eq!((snapshot.event.as_str(), snapshot.id.as_str()), ("snapshot", "2"));
        assert_eq!(snapshot.data["steps"][0]["status"], "finished");
        later.expect_silence(Duration::from_millis(200)).await;
    }

    async fn a_jobs_stream_shows_no_other_job(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        alice.open_job("scan", "CT-2").await;
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        stream.expect().await;
        alice.report("CT-2", "info", None).await;
        stream.expect_silence(Duration::from_millis(700)).await;
    }

    async fn with_the_id_of_the_last_message_a_jobs_stream_begins_behind_it(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        report_news(&alice, "CT-1", 450, "news").await;
        let path = format!("/jobs/{job}/stream");

        let mut by_header = alice.stream(&path, Some("3")).await;
        assert_eq!(next_ids(&mut by_header, 447).await, (4..=450).collect::<Vec<_>>());
        let mut by_query = alice.stream(&format!("{path}?after=448"), None).await;
        assert_eq!(next_ids(&mut by_query, 2).await, [449, 450]);
        let mut both = alice.stream(&format!("{path}?after=1"), Some("449")).await;
        assert_eq!(next_ids(&mut both, 1).await, [450]);

        let mut from_zero = alice.stream(&path, Some("0")).await;
        assert_eq!(next_ids(&mut from_zero, 450).await, (1..=450).collect::<Vec<_>>());
        alice.report("CT-1", "info", None).await;
        for stream in [&mut by_header, &mut by_query, &mut both, &mut from_zero] {
            assert_eq!(next_ids(stream, 1).await, [451]);
        }
    }

    async fn an_id_from_a_future_that_never_was_begins_anew(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), Some("7")).await;
        assert_eq!(stream.expect().await.event, "snapshot");
        let mut feed = alice.stream("/jobs/stream", Some("999999")).await;
        assert_eq!(feed.expect().await.event, "ready");
    }

    async fn an_id_that_is_none_is_refused(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        for path in [format!("/jobs/{job}/stream"), "/jobs/stream".to_owned()] {
            for bad in ["x", "-1", "%2B1", "1.5", "null", "9223372036854775808"] {
                let request = alice.request(reqwest::Method::GET, &path).header("last-event-id", bad);
                alice.send(request).await.expect_problem(422, &["/Last-Event-ID"]);
                alice.get(&format!("{path}?after={bad}")).await.expect_problem(422, &["/after"]);
            }
            // The header beats the parameter, which must make sense all the same.
            let request = alice.request(reqwest::Method::GET, &format!("{path}?after=x")).header("last-event-id", "0");
            alice.send(request).await.expect_problem(422, &["/after"]);
        }
    }

    async fn the_stream_of_all_jobs_begins_with_its_position_and_resumes_there(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let one = alice.open_job("scan", "CT-1").await;
        alice.open_job("scan", "CT-2").await;
        alice.report("CT-1", "info", None).await;

        let mut feed = alice.stream("/jobs/stream", None).await;
        let ready = feed.expect().await;
        assert_eq!(ready.event, "ready");
        let first = alice.report("CT-1", "info", None).await;
        let second = alice.report("CT-2", "step", Some("load")).await;
        let (a, b) = (feed.expect().await, feed.expect().await);
        assert_eq!((&a.data["event"], &b.data["event"]), (&first, &second));
        assert_eq!(a.data["job"]["id"], one);

        let mut resumed = alice.stream("/jobs/stream", Some(&ready.id)).await;
        assert_eq!([resumed.expect().await.id, resumed.expect().await.id], [a.id.clone(), b.id.clone()]);
        let mut resumed = alice.stream(&format!("/jobs/stream?after={}", a.id), None).await;
        assert_eq!(resumed.expect().await.id, b.id);
        let mut resumed = alice.stream("/jobs/stream", Some(&b.id)).await;
        resumed.expect_silence(Duration::from_millis(200)).await;
    }

    async fn a_customers_stream_has_only_their_jobs(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let (carol, dave) = (server.customer_of(&alice, "carol").await, server.customer_of(&alice, "dave").await);
        let bob = server.provider("bob").await;
        bob.register("scan", "1.0.0", &[("load", 1)]).await;
        bob.open_job("scan", "CT-9").await;
        alice.open_job_for(&carol, "scan", "CT-1").await;
        alice.open_job_for(&dave, "scan", "CT-2").await;
        alice.open_job("scan", "CT-3").await;

        let mut live = carol.stream("/jobs/stream", None).await;
        let ready = live.expect().await;
        for id in ["CT-2", "CT-3", "CT-1"] {
            alice.report(id, "info", None).await;
        }
        bob.report("CT-9", "info", None).await;
        alice.report("CT-1", "step", Some("load")).await;

        let mut resumed = carol.stream("/jobs/stream", Some(&ready.id)).await;
        for feed in [&mut live, &mut resumed] {
            for sequence in [1, 2] {
                let message = feed.expect().await;
                assert_eq!(message.data["job"]["provider_job_id"], "CT-1");
                assert_eq!(message.data["event"]["sequence"], sequence);
            }
            feed.expect_silence(Duration::from_millis(200)).await;
        }
        let mut of_bob = bob.stream("/jobs/stream", Some(&ready.id)).await;
        assert_eq!(of_bob.expect().await.data["job"]["provider_job_id"], "CT-9");
        of_bob.expect_silence(Duration::from_millis(200)).await;
    }

    async fn a_reconnect_under_load_misses_nothing_and_repeats_nothing(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let mut feed = alice.stream("/jobs/stream", None).await;
        let mut position = feed.expect().await.id;
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let alice = alice.clone();
                tokio::spawn(async move {
                    for _ in 0..50 {
                        alice.report("CT-1", "info", None).await;
                    }
                })
            })
            .collect();
        let (mut last, mut of_feed) = (0, Vec::new());
        while last < 200 {
            let mut stream = alice.stream(&format!("/jobs/{job}/stream"), Some(&last.to_string())).await;
            let mut feed = alice.stream("/jobs/stream", Some(&position)).await;
            for _ in 0..20.min(200 - last) {
                let message = stream.expect().await;
                assert_eq!(message.id, (last + 1).to_string());
                last += 1;
                let message = feed.expect().await;
                of_feed.push(message.data["event"]["sequence"].as_i64().unwrap());
                position = message.id;
            }
        }
        assert_eq!(of_feed, (1..=200).collect::<Vec<_>>());
        for writer in writers {
            writer.await.unwrap();
        }
    }

    async fn a_watcher_who_keeps_up_is_not_cut_off_by_a_large_batch(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        stream.expect().await;
        let reading = tokio::spawn(async move { next_ids(&mut stream, 1000).await });
        let batch = vec![json!({"provider_job_id": "CT-1", "kind": "info"}); 1000];
        alice.post("/events/batch", json!(batch)).await.expect(200);
        assert_eq!(reading.await.unwrap(), (1..=1000).collect::<Vec<_>>());
    }

    async fn a_slow_watcher_is_cut_off_and_resumes_without_a_gap(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let key = alice.make_key(None).await;
        alice.open_job("scan", "CT-1").await;
        // Somebody who opens the stream and then does not read.
        let mut slow = TcpStream::connect(server.address).await.unwrap();
        let request = format!(
            "GET /api/v1/jobs/stream HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            server.address, key.key
        );
        slow.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"data: {}\n\n\r\n") {
            slow.read_buf(&mut text).await.unwrap();
        }

        let total = 2500;
        report_news(&alice, "CT-1", total, &"n".repeat(4000)).await;
        // Now it reads on: what was queued before it was cut off, and then the end, far before the last event.
        let read = async {
            let mut chunk = vec![0; 1 << 20];
            loop {
                match slow.read(&mut chunk).await.unwrap() {
                    0 => break,
                    length => text.extend_from_slice(&chunk[..length]),
                }
                if text.ends_with(b"0\r\n\r\n") {
                    break;
                }
            }
        };
        timeout(Duration::from_secs(30), read).await.expect("the stream to be cut off");
        let text = String::from_utf8(text).unwrap();
        let positions: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        let (ready, seen) = positions.split_first().unwrap();
        assert!(seen.len() < total, "a queue without bounds");

        let mut resumed = alice.stream("/jobs/stream", Some(seen.last().unwrap_or(ready))).await;
        for sequence in seen.len() + 1..=total {
            assert_eq!(resumed.expect().await.data["event"]["sequence"], sequence);
        }
    }

    async fn a_stream_does_not_hold_up_the_end_of_the_server(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        let mut feed = alice.stream("/jobs/stream", None).await;
        stream.expect().await;
        feed.expect().await;
        let begun = Instant::now();
        server.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        stream.expect_end().await;
        feed.expect_end().await;
    }

    async fn what_another_server_takes_in_arrives_at_all_watchers(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let alice = alice.with_new_key("write").await;
        let job = alice.open_job("scan", "CT-1").await;
        let (second, third) = (server.start_beside().await, server.start_beside().await);
        let watcher = alice.at(&third);
        let mut stream = watcher.stream(&format!("/jobs/{job}/stream"), None).await;
        stream.expect().await;
        let writers = [alice.clone(), alice.at(&second)].map(|alice| {
            tokio::spawn(async move {
                for _ in 0..20 {
                    alice.report("CT-1", "info", None).await;
                }
            })
        });
        assert_eq!(next_ids(&mut stream, 40).await, (1..=40).collect::<Vec<_>>());
        for writer in writers {
            writer.await.unwrap();
        }
    }
}

/// Opens both kinds of stream and reads their first message.
async fn open_both(person: &Person, job: &str) -> [Stream; 2] {
    let mut streams =
        [person.stream(&format!("/jobs/{job}/stream"), None).await, person.stream("/jobs/stream", None).await];
    for stream in &mut streams {
        stream.expect().await;
    }
    streams
}

async fn expect_both_end(mut streams: [Stream; 2]) {
    for stream in &mut streams {
        stream.expect_end().await;
    }
}

/// A connection that reads, which nobody else has as long as it is held.
async fn connection(db: &Db) -> Box<dyn Send> {
    match db {
        Db::Sqlite { read, .. } => Box::new(read.acquire().await.unwrap()),
        Db::Postgres(pool) => Box::new(pool.acquire().await.unwrap()),
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

on_both! {
    async fn an_event_arrives_at_once(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        stream.expect().await;
        let begun = Instant::now();
        for sequence in 1..=10 {
            alice.report("CT-1", "info", None).await;
            assert_eq!(next_ids(&mut stream, 1).await, [sequence]);
        }
        // A hub that is not woken looks twice a second.
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }

    async fn what_is_committed_while_a_server_starts_is_not_lost(server: TestServer) {
        let alice = provider_with_scans(&server).await;
        let alice = alice.with_new_key("write").await;
        let job = alice.open_job("scan", "CT-1").await;
        let posting = tokio::spawn({
            let alice = alice.clone();
            async move {
                for _ in 0..150 {
                    alice.report("CT-1", "info", None).await;
                }
            }
        });
        while !posting.is_finished() {
            let other = server.start_beside().await;
            let mut stream = alice.at(&other).stream(&format!("/jobs/{job}/stream"), None).await;
            let first: i64 = stream.expect().await.id.parse().unwrap();
            let count = usize::try_from((150 - first).min(8)).unwrap();
            let seen = next_ids(&mut stream, count).await;
            assert_eq!(seen, (first + 1..).take(count).collect::<Vec<_>>());
            drop(stream);
            other.stop().await;
        }
        posting.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listening_connection_that_breaks_off_only_delays() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    let alice = provider_with_scans(&server).await;
    let job = alice.open_job("scan", "CT-1").await;
    let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
    stream.expect().await;
    let mut raw = server.database.raw().await;
    let listening = "from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    for round in 1..=3 {
        eventually("it listens", || async {
            server.database.raw().await.number(&format!("select count(*) {listening}")).await == 1
        })
        .await;
        raw.execute(&format!("select pg_terminate_backend(pid) {listening}")).await.unwrap();
        alice.report("CT-1", "info", None).await;
        assert_eq!(next_ids(&mut stream, 1).await, [round]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_a_while_delays_a_stream_and_loses_nothing() {
    let near = TestServer::start(DatabaseKind::Postgres).await;
    let alice = provider_with_scans(&near).await;
    let alice = alice.with_new_key("write").await;
    let job = alice.open_job("scan", "CT-1").await;
    let line = Line::to(&near.database).await;
    let far = TestServer::start_over(line.database.clone(), |_| {}).await;
    let at_far = alice.at(&far);
    let [mut stream, mut feed] = open_both(&at_far, &job).await;

    line.cut();
    for _ in 0..3 {
        let event = json!({"provider_job_id": "CT-1", "kind": "info", "idempotency_key": "k"});
        at_far.post("/events", event).await.expect_problem(503, &[]);
    }
    let batch = json!([{"provider_job_id": "CT-1", "kind": "info"}]);
    let refused = at_far.post("/events/batch", batch).await;
    assert!(refused.status == 503 || refused["items"][0]["status"] == 503, "{}", refused.text);
    assert_eq!(status_of(&far.url, "/readyz").await, 503);
    assert_eq!(status_of(&far.url, "/livez").await, 200);
    for _ in 0..5 {
        alice.report("CT-1", "info", None).await;
    }
    stream.expect_silence(Duration::from_secs(1)).await;

    line.mend();
    assert_eq!(next_ids(&mut stream, 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(next_ids(&mut feed, 5).await.len(), 5);
    let event = json!({"provider_job_id": "CT-1", "kind": "info", "idempotency_key": "k"});
    assert_eq!(at_far.post("/events", event).await.expect(201)["sequence"], 6);
    assert_eq!(next_ids(&mut stream, 1).await, [6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_sqlite_file_see_each_others_events() {
    let server = TestServer::start_over(Database::fresh(DatabaseKind::Sqlite).await, |_| {}).await;
    let alice = provider_with_scans(&server).await;
    let alice = alice.with_new_key("write").await;
    let job = alice.open_job("scan", "CT-1").await;
    let other = Milepost::on(&server.database, &["serve"]).serve().await.unwrap();
    let at_other = alice.at_address(&other.url);
    let mut stream = at_other.stream(&format!("/jobs/{job}/stream"), None).await;
    stream.expect().await;
    alice.report("CT-1", "info", None).await;
    at_other.report("CT-1", "info", None).await;
    assert_eq!(next_ids(&mut stream, 2).await, [1, 2]);
}
