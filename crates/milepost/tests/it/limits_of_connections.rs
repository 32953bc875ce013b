//! Clients that take their time, or too many connections: they are cut off, and the others are served meanwhile.

use std::time::Duration;

use milepost::config::{Limits, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::support::{Database, DatabaseKind, Milepost, TestServer, eventually, on_both, status_of};

const SOON: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_mins(10);

/// A server with other limits.
async fn start(change: impl FnOnce(&mut Limits)) -> TestServer {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    TestServer::start_over(database, |settings| change(&mut settings.limits)).await
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// What comes until the server ends the connection, in good order or not.
async fn read_to_the_end(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let end = async { while !matches!(connection.read_buf(&mut answer).await, Ok(0) | Err(_)) {} };
    timeout(Duration::from_secs(10), end).await.expect("the end of the connection");
    String::from_utf8(answer).unwrap()
}

/// Asks whether the server lives, over a connection that stays open.
async fn asks(connection: &mut TcpStream) -> bool {
    let asked = async {
        connection.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            connection.read_buf(&mut answer).await.ok().filter(|read| *read > 0)?;
        }
        answer.starts_with(b"HTTP/1.1 200 ").then_some(())
    };
    timeout(Duration::from_secs(10), asked).await.expect("an answer").is_some()
}

/// The problem in an answer that is one, with the headers that every answer has.
#[track_caller]
fn problem(answer: &str, status: u16) -> Value {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for header in [
        "content-type: application/problem+json",
        "connection: close",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "referrer-policy: no-referrer",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(head.lines().any(|line| line == header), "{header}: {head}");
    }
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or_else(|| panic!("{head}"));
    id.parse::<Uuid>().unwrap();
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"], status);
    problem
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let server = start(|limits| (limits.header_timeout, limits.idle_timeout) = (SOON, LATE)).await;
    // One that says nothing, and one that always has another header to say.
    let mut silent = connect(&server).await;
    let mut chatty = connect(&server).await;
    chatty.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let (mut reading, mut writing) = chatty.split();
    let mut answer = String::new();
    let chatter = async {
        while writing.write_all(b"X-A: b\r\n").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let end = async {
        tokio::select! { _ = reading.read_to_string(&mut answer) => {}, () = chatter => {} }
    };
    timeout(Duration::from_secs(10), end).await.expect("it is cut off");
    assert_eq!(answer, "");
    assert_eq!(read_to_the_end(&mut silent).await, "");
}

#[tokio::test]
async fn the_head_of_a_later_request_has_no_more_time() {
    let server = start(|limits| (limits.header_timeout, limits.idle_timeout) = (SOON, LATE)).await;
    let mut connection = connect(&server).await;
    assert!(asks(&mut connection).await);
    connection.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    assert_eq!(read_to_the_end(&mut connection).await, "");
}

#[tokio::test]
async fn an_idle_connection_has_its_own_time() {
    let server = start(|limits| (limits.header_timeout, limits.idle_timeout) = (SOON, LATE)).await;
    let mut connection = connect(&server).await;
    for _ in 0..3 {
        assert!(asks(&mut connection).await);
        sleep(2 * SOON).await;
    }
    let server = start(|limits| (limits.header_timeout, limits.idle_timeout) = (LATE, SOON)).await;
    let mut connection = connect(&server).await;
    assert!(asks(&mut connection).await);
    assert_eq!(read_to_the_end(&mut connection).await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_cut_off() {
    let server = start(|_| {}).await;
    let key = server.provider("alice").await.make_key(None).await.key;
    let impatient = |settings: &mut Settings| settings.limits.request_timeout = Duration::from_secs(2);
    let server = TestServer::start_over(server.stop().await, impatient).await;
    let before = server.contents().await;
    for framing in ["content-length: 500", "transfer-encoding: chunked"] {
        let mut connection = connect(&server).await;
        let head = format!("POST /api/v1/events HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n{framing}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(b"1\r\n{\r\n").await.unwrap();
        let problem = problem(&read_to_the_end(&mut connection).await, 408);
        assert_eq!(problem["type"], "urn:milepost:problem:too-slow");
    }
    assert_eq!(server.contents().await, before);
}

on_both! {
    async fn what_takes_too_long_changes_nothing_and_can_be_sent_again(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        alice.open_job("scan", "j1").await;
        let key = alice.make_key(None).await;
        let impatient = |settings: &mut Settings| settings.limits.request_timeout = SOON;
        let server = TestServer::start_over(server.stop().await, impatient).await;
        let alice = alice.with_key(&key).at(&server);
        let before = server.contents().await;

        let mut other = server.database.raw().await;
        match server.database.kind {
            DatabaseKind::Sqlite => other.execute("begin immediate").await.unwrap(),
            DatabaseKind::Postgres => other.execute("begin; select 1 from jobs for update").await.unwrap(),
        };
        let event = json!({"provider_job_id": "j1", "kind": "info", "idempotency_key": "once"});
        for _ in 0..3 {
            let answer = alice.post("/events", event.clone()).await;
            assert_eq!(answer.headers["retry-after"], "1");
            let problem = answer.expect_problem(503, &[]);
            assert_eq!(problem["type"], "urn:milepost:problem:unavailable");
            // It is our limit that ends it, not the database's own.
            assert!(problem["detail"].as_str().unwrap().contains("took too long"), "{problem}");
        }
        other.execute("rollback").await.unwrap();

        let patient = TestServer::start_over(server.stop().await, |_| {}).await;
        assert_eq!(patient.contents().await, before, "what was given up was written");
        let alice = alice.at(&patient);
        let recorded = alice.post("/events", event.clone()).await.expect(201);
        assert_eq!(alice.post("/events", event).await.expect(200)["id"], recorded["id"]);
        patient.expect_state_as_rebuilt().await;
    }

    async fn a_stream_lasts_longer_than_a_request_may(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "j1").await;
        let key = alice.make_key(None).await;
        let impatient = |settings: &mut Settings| settings.limits.request_timeout = Duration::from_secs(2);
        let server = TestServer::start_over(server.stop().await, impatient).await;
        let alice = alice.with_key(&key).at(&server);
        let mut stream = alice.stream(&format!("/jobs/{job}/stream"), None).await;
        assert_eq!(stream.expect().await.event, "snapshot");
        sleep(Duration::from_secs(3)).await;
        alice.report("j1", "info", None).await;
        assert_eq!(stream.expect().await.event, "event");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_off() {
    const ANSWERS: usize = 30;
    let request = |connection: &str| {
        format!("GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n")
    };
    let requests = request("keep-alive").repeat(ANSWERS - 1) + &request("close");
    let received = async |patience: Duration| {
        let server = start(|limits| limits.request_timeout = patience).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut connection = socket.connect(server.address).await.unwrap();
        connection.write_all(requests.as_bytes()).await.unwrap();
        sleep(4 * SOON).await;
        read_to_the_end(&mut connection).await.matches("HTTP/1.1 200 OK\r\n").count()
    };
    assert_eq!(received(LATE).await, ANSWERS);
    assert!(received(SOON).await < ANSWERS);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let server = start(|limits| {
        limits.max_connections = 4.try_into().unwrap();
        limits.max_connections_per_address = Some(5.try_into().unwrap());
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut connection = connect(&server).await;
        assert!(asks(&mut connection).await);
        open.push(connection);
    }
    for _ in 0..3 {
        let mut connection = connect(&server).await;
        connection
            .write_all(b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            .await
            .unwrap();
        let answer = read_to_the_end(&mut connection).await;
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
        problem(&answer, 503);
    }
    for connection in &mut open {
        assert!(asks(connection).await, "those that are in stay in");
    }
    open.pop();
    eventually("there is a place again", async || asks(&mut connect(&server).await).await).await;
}

/// A connection from another address of this machine.
#[cfg(target_os = "linux")]
async fn connect_from(server: &TestServer, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(server.address).await.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_has_half_of_the_connections_unless_told_otherwise() {
    for (each, room) in [(None, 3), (Some(1.try_into().unwrap()), 1)] {
        let server = start(|limits| {
            limits.max_connections = 6.try_into().unwrap();
            limits.max_connections_per_address = each;
        })
        .await;
        let mut open = Vec::new();
        for _ in 0..room {
            open.push(connect(&server).await);
            assert!(asks(open.last_mut().unwrap()).await);
        }
        let mut refused = connect(&server).await;
        refused.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let answer = read_to_the_end(&mut refused).await;
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
        let problem = problem(&answer, 503);
        assert!(problem["detail"].as_str().unwrap().contains("from your address"), "{problem}");
        assert!(asks(&mut connect_from(&server, "127.0.0.2").await).await, "others have theirs");
        assert!(asks(&mut open[0]).await, "those that are in stay in");
        open.pop();
        eventually("there is a place again", async || asks(&mut connect(&server).await).await).await;
    }
}

#[tokio::test]
async fn a_trusted_proxy_may_have_all_connections() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let server = TestServer::start_over(database, |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        settings.limits.max_connections = 4.try_into().unwrap();
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(connect(&server).await);
        assert!(asks(open.last_mut().unwrap()).await);
    }
    assert!(!asks(&mut connect(&server).await).await);
}

#[tokio::test]
async fn what_is_no_request_is_answered_as_everything_is() {
    let server = start(|_| {}).await;
    let headers = (0..101).fold(String::new(), |headers, n| headers + &format!("X-{n}: x\r\n"));
    let large = "x".repeat(64 * 1024);
    for (request, status) in [
        (format!("GET /{large} HTTP/1.1\r\nHost: x\r\n\r\n"), 431),
        (format!("GET /{}", large.repeat(20)), 431),
        (format!("GET / HTTP/1.1\r\nX: {large}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\n{headers}\r\n"), 431),
        ("GET\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/4.2\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nNo header\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1} this is TLS\r\n\r\n".to_owned(), 400),
    ] {
        let mut connection = connect(&server).await;
        // What comes behind the limit may find the connection closed.
        let _ = connection.write_all(request.as_bytes()).await;
        let answer = read_to_the_end(&mut connection).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{:?}: {answer}", request.get(..40));
        problem(&answer, status);
    }
}

/// What `make test-slow` does with thousands for minutes, with hundreds for a moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_slow_clients_keep_nobody_waiting() {
    rlimit::increase_nofile_limit(4096).unwrap();
    let server = start(|_| {}).await;
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    alice.open_job("scan", "j1").await;
    let key = alice.make_key(None).await;
    let alice = alice.with_key(&key);
    let slow = [
        "GET /livez HTTP/1.1\r\nHost: x\r\nX-".to_owned(),
        format!(
            "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: 9999\r\n\r\n{{",
            key.key
        ),
        "GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(9),
    ];
    let mut open = Vec::new();
    for request in slow.iter().cycle().take(600) {
        let mut connection = connect(&server).await;
        connection.write_all(request.as_bytes()).await.unwrap();
        open.push(connection);
    }
    for _ in 0..20 {
        alice.report("j1", "info", None).await;
        assert_eq!(status_of(&server.url, "/livez").await, 200);
    }
    assert_eq!(open.len(), 600);
}

#[tokio::test]
async fn running_out_of_files_ends_nothing() {
    let database = Database::fresh(DatabaseKind::Sqlite).await;
    let server = Milepost::on(&database, &["serve"]).with_open_files(64).serve().await.unwrap();
    let address = server.url.strip_prefix("http://").unwrap();
    assert_eq!(status_of(&server.url, "/readyz").await, 200);
    let mut open = Vec::new();
    for _ in 0..200 {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    sleep(SOON).await;
    drop(open);
    let client = milepost::client::builder().build().unwrap();
    let url = format!("{}/readyz", server.url);
    let is_ready = async || client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200);
    eventually("the server is ready again", is_ready).await;
}
