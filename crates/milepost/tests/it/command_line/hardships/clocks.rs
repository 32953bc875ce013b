//! A machine whose clock is wrong.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::{Desk, at, run};
use super::{ALL, exec, numbers};
use crate::support::{DatabaseKind, TestServer};

/// A line to a server on which its clock reads another time.
async fn at_another_time(server: &TestServer, ahead: TimeDelta) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, address) = (format!("http://{}", listener.local_addr().unwrap()), server.address);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(address).await.unwrap();
            let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_near, &mut to_far).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = from_far.read(&mut buffer).await {
                    let mut text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    if let Some(at) = text.find("date: ") {
                        let place = at + 6..at + 35;
                        let told = DateTime::parse_from_rfc2822(&text[place.clone()]).unwrap().to_utc();
                        text.replace_range(place, &(told + ahead).format("%a, %d %b %Y %H:%M:%S GMT").to_string());
                    }
                    if to_near.write_all(text.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_a_day_wrong_is_corrected_in_every_command() {
    for ahead in [TimeDelta::days(-1), TimeDelta::days(1)] {
        let server = TestServer::start(DatabaseKind::Sqlite).await;
        // What is a day ahead of the server's own time it would refuse.
        server.clock.set_offset(ahead);
        let desk = Desk::at(&server).await.at_address(&at_another_time(&server, ahead).await);
        desk.file("rules.toml", ALL);
        let begun = server.clock.now();
        assert_eq!(run(exec(&desk, "exec", "seq 1 3; sleep 1; seq 4 6")).await.printed(), "1\n2\n3\n4\n5\n6\n");
        let script = "milepost job open --config kidney --id events; for i in 1 2 3 4 5 6 7 8 9; do milepost event info $i --job events; done; milepost event complete --job events";
        run(desk.program("sh", ["-c", script])).await.printed();
        for (job, last) in [("exec", 6), ("events", 9)] {
            assert_eq!(desk.told(job).await, numbers(last));
            let events = desk.events(job).await;
            let times: Vec<DateTime<Utc>> = events.iter().map(at).collect();
            assert!(times.is_sorted(), "{times:?}");
            let tolerance = TimeDelta::seconds(2);
            assert!(
                times.iter().all(|at| (begun - tolerance..server.clock.now() + tolerance).contains(at)),
                "{times:?}"
            );
        }
        assert_eq!(desk.refused().len(), 0);
    }
}
