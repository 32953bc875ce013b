//! What answers in the place of the server, or does not answer.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::run;
use super::{desk, exec, numbers};
use crate::support::TestServer;

/// Something that answers every request in the same way; gives its address.
async fn answering(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    stream.write_all(answer.as_bytes()).await.unwrap_or_default();
                }
            });
        }
    });
    address
}

/// Makes the files that wait for one address wait for another.
fn readdress(spool: &Path, from: &str, to: &str) {
    for entry in std::fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&entry).unwrap().replace(from, to);
        std::fs::write(&entry, text).unwrap();
        let _ = std::fs::remove_file(entry.with_extension("sent"));
    }
}

#[tokio::test]
async fn what_stands_in_for_the_server_is_not_believed() {
    let (server, desk) = desk().await;
    let page = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 15\r\n\r\n<p>Nobody</p>\r\n");
    let empty_list = "{\"items\":[],\"next\":null}\r\n";
    let answers = [
        ("page", page("200 OK")),
        ("forbidden", page("403 Forbidden")),
        ("missing", page("404 Not Found")),
        ("json", format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{empty_list}", empty_list.len())),
        (
            "moved",
            format!(
                "HTTP/1.1 301 Moved Permanently\r\nlocation: {}/api/v1/jobs\r\ncontent-length: 0\r\n\r\n",
                server.url
            ),
        ),
    ];
    for (job, answer) in answers {
        let other = format!("http://{}", answering(answer).await);
        let mut exec = exec(&desk, job, "seq 1 3; exit 0");
        exec.env("MILEPOST_URL", &other);
        let ended = run(exec).await;
        assert_eq!((ended.code, ended.out.as_slice()), (Some(0), &b"1\n2\n3\n"[..]));
        assert!(ended.said().contains("kept and sent later"), "{job}: {}", ended.said());
        assert!(job != "moved" || ended.said().contains("it is elsewhere (http://"), "{}", ended.said());
        assert_eq!((desk.waiting_files().len(), desk.refused().len()), (1, 0), "{job}");
        readdress(&desk.spool(), &other, &server.url);
        desk.flush().await;
        assert_eq!(desk.told(job).await, numbers(3), "{job}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_once() {
    let (server, desk) = desk().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hung = format!("http://{}", listener.local_addr().unwrap());
    let event = |number: &str| {
        let mut command = desk.milepost(["event", "info", number, "--job", "hung"]);
        command.env("MILEPOST_URL", &hung);
        command
    };
    let begun = Instant::now();
    for number in ["1", "2", "3"] {
        let ended = run(event(number)).await;
        assert_eq!((ended.code, ended.out.len()), (Some(0), 0), "{}", ended.said());
        assert!(ended.said().contains("what waits is sent later"), "{}", ended.said());
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(desk.waiting_files().len(), 3);
    desk.alice.open_job("kidney", "hung").await;
    readdress(&desk.spool(), &hung, &server.url);
    desk.flush().await;
    assert_eq!(desk.told("hung").await, numbers(3)[..3]);
}

#[tokio::test]
async fn a_server_that_has_too_much_to_do_is_asked_again_when_it_says() {
    let (server, desk) = desk().await;
    desk.alice.open_job("kidney", "busy").await;
    let address = server.url.clone();
    let slow = TestServer::start_over(server.stop().await, |settings| {
        let few = 2.try_into().unwrap();
        (settings.limits.event_rate, settings.limits.event_burst) = (few, few);
    })
    .await;
    assert_ne!(slow.url, address);
    let desk = desk.at_address(&slow.url);
    for number in ["1", "2", "3", "4", "5", "6"] {
        run(desk.milepost(["event", "info", number, "--job", "busy"])).await.printed();
    }
    assert_eq!(desk.told("busy").await, numbers(6)[..6]);
}
