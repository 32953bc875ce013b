//! Compressed bodies: counted unpacked.

use std::io::{Read, repeat};

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Person, TestServer, on_both};

fn gzip(mut content: impl Read) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    std::io::copy(&mut content, &mut packed).unwrap();
    packed.finish().unwrap()
}

async fn post_encoded(person: &Person, path: &str, encoding: &str, body: Vec<u8>) -> Answer {
    let request = person.request(Method::POST, path).header("content-type", "application/json");
    person.send(request.header("content-encoding", encoding).body(body)).await
}

async fn provider_with_job(server: &TestServer) -> Person {
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    alice.open_job("scan", "j1").await;
    alice
}

on_both! {
    async fn a_body_may_come_compressed(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let event = json!({"provider_job_id": "j1", "kind": "info", "name": "small"});
        let recorded = post_encoded(&alice, "/events", "gzip", gzip(event.to_string().as_bytes())).await.expect(201);
        assert_eq!(recorded["name"], "small");
        let batch = json!([event, event]).to_string();
        let answer = post_encoded(&alice, "/events/batch", "gzip", gzip(batch.as_bytes())).await.expect(200);
        assert_eq!(answer["items"][1]["status"], 201);
        post_encoded(&alice, "/events", "identity", event.to_string().into()).await.expect(201);
    }

    async fn what_is_unpacked_counts(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let before = server.contents().await;
        let configurations = [("/job-configurations", 4096), ("/job-configurations/check", 4096)];
        for (path, limit) in [("/events", 64), ("/events/batch", 1024), ("/jobs", 256)].into_iter().chain(configurations) {
            let fits = post_encoded(&alice, path, "gzip", gzip(repeat(b' ').take(limit * 1024))).await;
            fits.expect_problem(400, &[]);
            let too_large = post_encoded(&alice, path, "gzip", gzip(repeat(b' ').take(limit * 1024 + 1))).await;
            too_large.expect_problem(413, &[]);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn other_encodings_are_refused(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let event = json!({"provider_job_id": "j1", "kind": "info"}).to_string().into_bytes();
        let before = server.contents().await;
        for encoding in ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "nonsense"] {
            let answer = post_encoded(&alice, "/events", encoding, event.clone()).await;
            assert_eq!(answer.headers["accept-encoding"], "gzip", "{encoding}");
            answer.expect_problem(415, &[]);
        }
        // What is not what it says.
        post_encoded(&alice, "/events", "gzip", event.clone()).await.expect_problem(400, &[]);
        let mut broken = gzip(event.as_slice());
        broken.truncate(broken.len() - 4);
        post_encoded(&alice, "/events", "gzip", broken).await.expect_problem(400, &[]);
        assert_eq!(server.contents().await, before);
    }

    async fn a_bomb_costs_nothing(server: TestServer) {
        let alice = provider_with_job(&server).await;
        // 10 GB of blanks in 10 MB: members one behind the other unpack to all of them.
        let bomb = gzip(repeat(b' ').take(2_000_000)).repeat(5_000);
        for path in ["/events", "/events/batch", "/login"] {
            post_encoded(&alice, path, "gzip", bomb.clone()).await.expect_problem(413, &[]);
        }
        alice.get("/users/me").await.expect(200);
    }
}
