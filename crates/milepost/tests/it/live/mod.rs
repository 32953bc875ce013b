//! Live streams: what a watcher sees, when a stream ends, and that nothing is missed or repeated.

mod rights;
mod servers;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{Person, Stream, TestServer, on_both};

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
        let mut answer = provider.post("/events/batch", json!(batch)).await;
        while answer.status == 429 {
            // On a fast machine it is more than a key may report.
            tokio::time::sleep(Duration::from_millis(200)).await;
            answer = provider.post("/events/batch", json!(batch)).await;
        }
        let answer = answer.expect(200);
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

/// Opens both kinds of stream and reads their first message.
async fn open_both(person: &Person, job: &str) -> [Stream; 2] {
    let mut streams =
        [person.stream(&format!("/jobs/{job}/stream"), None).await, person.stream("/jobs/stream", None).await];
    for stream in &mut streams {
        stream.expect().await;
    }
    streams
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
