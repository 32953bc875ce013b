//! Connections that stay open from one request to the next.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{DatabaseKind, TestServer};

/// Sends a request in two parts, as clients do that send the body behind the headers, and gives the answer.
async fn send(connection: &mut TcpStream, head: &str, body: &str) -> String {
    let head = format!("{head}\r\nHost: milepost\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let complete = |answer: &str| {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        (body.len() >= length.parse().unwrap()).then_some(())
    };
    while complete(&answer).is_none() {
        let mut buffer = [0; 4096];
        let read = timeout(Duration::from_secs(5), connection.read(&mut buffer)).await.expect("an answer").unwrap();
        assert!(read > 0, "the connection was closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_refused_unread_does_not_break_the_next() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let alice = server.provider("alice").await;
    let read_key = alice.make_key(Some("read")).await.key;
    let write_key = alice.make_key(None).await.key;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let body = "x".repeat(60_000);
    for (head, status) in [
        ("POST /api/v1/events HTTP/1.1".to_owned(), 401),
        ("POST /api/v1/nowhere HTTP/1.1".to_owned(), 404),
        ("PUT /api/v1/events HTTP/1.1".to_owned(), 405),
        (format!("POST /api/v1/events HTTP/1.1\r\nX-API-Key: {read_key}"), 403),
        (format!("POST /api/v1/events HTTP/1.1\r\nX-API-Key: {write_key}\r\nOrigin: http://evil.example"), 403),
        (format!("POST /api/v1/events HTTP/1.1\r\nX-API-Key: {write_key}\r\nContent-Type: text/csv"), 415),
        (format!("POST /api/v1/events HTTP/1.1\r\nX-API-Key: {write_key}"), 400),
    ] {
        let answer = send(&mut connection, &head, &body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        let next = send(&mut connection, "GET /livez HTTP/1.1", "").await;
        assert!(next.starts_with("HTTP/1.1 200 "), "after {head}: {next}");
    }
}
