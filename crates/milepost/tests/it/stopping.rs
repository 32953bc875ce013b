//! A server that is told to stop: not ready any more, in good order, soon, and without loss.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use milepost::config::Settings;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::support::{Database, Milepost, Person, ServerProcess, TestServer, eventually, on_both};

/// How often the server is started anew.
const RESTARTS: usize = 5;
const JOBS: [&str; 3] = ["S-0", "S-1", "S-2"];

async fn start(database: &Database) -> ServerProcess {
    Milepost::on(database, &["serve"]).serve().await.unwrap_or_else(|said| panic!("the server did not start: {said}"))
}

/// A client that reports one event after the other, each until it is acknowledged, and tells how many there were.
async fn report_on(
    number: usize,
    person: Person,
    address: watch::Receiver<String>,
    is_over: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) -> usize {
    let mut round = 0;
    while !is_over.load(Ordering::Relaxed) {
        let job = JOBS[(number + round) % JOBS.len()];
        let event = json!({"provider_job_id": job, "kind": "info", "idempotency_key": format!("{number}-{round}")});
        loop {
            let person = person.at_address(&address.borrow());
            let request = person.request(Method::POST, "/events").json(&event).timeout(Duration::from_secs(20));
            match request.send().await {
                Ok(answer) if matches!(answer.status().as_u16(), 200 | 201) => break,
                Ok(answer) => assert_eq!(answer.status(), 503, "{}", answer.text().await.unwrap()),
                Err(error) => assert!(!error.is_timeout(), "the server took the event and did not answer: {error}"),
            }
            sleep(Duration::from_millis(10)).await;
        }
        count.fetch_add(1, Ordering::Relaxed);
        round += 1;
    }
    round
}

on_both! {
    async fn a_restart_under_load_fails_no_event(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let mut jobs = Vec::new();
        for id in JOBS {
            jobs.push(alice.open_job("scan", id).await);
        }
        let alice = alice.with_new_key("write").await;
        let database = server.stop().await;

        let (address, at) = watch::channel("http://127.0.0.1:1".to_owned());
        let (is_over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients: Vec<_> = (0..6)
            .map(|n| tokio::spawn(report_on(n, alice.clone(), at.clone(), is_over.clone(), count.clone())))
            .collect();
        for _ in 0..RESTARTS {
            let mut server = start(&database).await;
            address.send_replace(server.url.clone());
            let before = count.load(Ordering::Relaxed);
            while count.load(Ordering::Relaxed) < before + 20 {
                sleep(Duration::from_millis(5)).await;
            }
            server.terminate();
            assert_eq!(server.ended().await, Some(0));
        }
        let server = start(&database).await;
        address.send_replace(server.url.clone());
        is_over.store(true, Ordering::Relaxed);
        let mut reported = 0;
        for client in clients {
            reported += client.await.unwrap();
        }

        let alice = alice.at_address(&server.url);
        let mut recorded = 0;
        for job in &jobs {
            recorded += alice.get(&format!("/jobs/{job}")).await.expect(200)["last_sequence"].as_u64().unwrap();
        }
        assert_eq!(recorded, reported as u64, "an event is missing or there twice");
    }

    async fn nothing_holds_up_the_end(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "j1").await;
        let key = alice.make_key(None).await;
        let database = server.stop().await;
        // Without limits of time, so that nothing but the end of the server ends them.
        let serve = Milepost::on(&database, &["serve"]).env("MILEPOST_REQUEST_TIMEOUT", "1h");
        let mut server = serve.env("MILEPOST_HEADER_TIMEOUT", "1h").serve().await.unwrap();
        let alice = alice.with_key(&key).at_address(&server.url);

        let stream = alice.request(Method::GET, &format!("/jobs/{job}/stream"));
        let mut stream = stream.send().await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some());
        let connect = async || TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
        let mut idle = connect().await;
        idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(idle.read(&mut [0; 1024]).await.unwrap() > 0);
        let mut half_a_head = connect().await;
        half_a_head.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        let mut half_a_body = connect().await;
        let head = format!("POST /api/v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: 99\r\n\r\n{{", key.key);
        half_a_body.write_all(head.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(100)).await;

        server.terminate();
        // In good order: the stream's end is said, not its connection broken.
        let end = async { while stream.chunk().await.unwrap().is_some() {} };
        timeout(Duration::from_secs(5), end).await.expect("the stream ends at once");
        let end = async { while idle.read(&mut [0; 1024]).await.unwrap() > 0 {} };
        timeout(Duration::from_secs(5), end).await.expect("an idle connection ends at once");
        assert_eq!(server.ended().await, Some(0));
    }

    async fn what_is_under_way_is_finished(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        alice.open_job("scan", "j1").await;
        let key = alice.make_key(None).await.key;
        let event = json!({"provider_job_id": "j1", "kind": "info"}).to_string();
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: {}\r\n\r\n", event.len());
        connection.write_all(head.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(100)).await;
        let address = server.address;
        server.begin_to_stop();
        let closed = async || TcpStream::connect(address).await.is_err();
        eventually("nobody is let in any more", closed).await;
        connection.write_all(event.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
        server.stop().await;
    }

    async fn it_says_so_before_it_stops(server: TestServer) {
        let delayed = |settings: &mut Settings| settings.stop_delay = Duration::from_secs(3);
        let server = TestServer::start_over(server.stop().await, delayed).await;
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "j1").await;
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        stream.expect().await;
        let readiness = async || reqwest::get(format!("{}/readyz", server.url)).await.unwrap().status().as_u16();
        assert_eq!(readiness().await, 200);
        server.begin_to_stop();
        eventually("it is not ready", async || readiness().await == 503).await;
        // All else goes on, also for those who only come now.
        alice.report("j1", "info", None).await;
        assert_eq!(stream.expect().await.event, "event");
        assert_eq!(server.nobody().get("/server").await.status, 200);
        let address = server.address;
        eventually("nobody is let in any more", async || TcpStream::connect(address).await.is_err()).await;
        stream.expect_end().await;
        server.stop().await;
    }

    async fn told_twice_it_does_not_wait(server: TestServer) {
        let database = server.stop().await;
        let mut server = Milepost::on(&database, &["serve", "--stop-delay", "5m"]).serve().await.unwrap();
        let readiness = async || reqwest::get(format!("{}/readyz", server.url)).await.unwrap().status().as_u16();
        server.terminate();
        eventually("it is not ready", async || readiness().await == 503).await;
        server.terminate();
        assert_eq!(server.ended().await, Some(0));
    }
}

#[tokio::test]
async fn a_delay_is_a_duration() {
    for (delay, complaint) in
        [("6m", "longer than five minutes"), ("soon", "not a duration"), ("-1s", "not a duration")]
    {
        let delay = format!("--stop-delay={delay}");
        Milepost::new(["serve", &delay]).run().await.expect_complaint(complaint);
    }
}
