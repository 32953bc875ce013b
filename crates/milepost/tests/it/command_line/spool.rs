//! The files of `docs/SPOOL.md`, as the Python package writes them and as we do.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{Desk, event, run};
use crate::support::{DatabaseKind, TestServer, hex, sha256};

/// A file as another process left it behind.
fn leave(desk: &Desk, name: &str, lines: &[String]) {
    std::fs::create_dir_all(desk.spool()).unwrap();
    std::fs::set_permissions(desk.spool(), PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(desk.spool().join(name), lines.concat()).unwrap();
}

fn header(desk: &Desk, url: &str) -> String {
    header_for(&desk.key, url)
}

fn header_for(key: &str, url: &str) -> String {
    let fingerprint = &hex(&sha256(key))[..16];
    format!("{{\"spool\":1,\"url\":\"{url}\",\"key\":\"{fingerprint}\"}}\n")
}

#[tokio::test]
async fn a_file_that_was_written_as_the_document_says_is_delivered() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let lines = [
        header(&desk, &format!("{}/", server.url)),
        "{\"n\":1,\"at\":1795443366.758,\"open\":{\"tag\":\"kidney\",\"provider_job_id\":\"case-17\",\"provider_job_name\":\"Größe\"}}\n".to_owned(),
        "{\"n\":2,\"at\":1795443366.912,\"event\":{\"provider_job_id\":\"case-17\",\"kind\":\"step\",\"tag\":\"load\"}}\n".to_owned(),
        "{\"n\":3,\"at\":1795443367,\"event\":{\"provider_job_id\":\"case-17\",\"kind\":\"step\",\"tag\":\"left\"}}\n".to_owned(),
        "{\"cancel\":3}\n".to_owned(),
        "nobody can tell what this says\n".to_owned(),
        "{\"n\":4,\"at\":1795443368.5,\"event\":{\"provider_job_id\":\"case-17\",\"kind\":\"step\",\"tag\":\"left\",\"event_metadata\":{\"Density\":5.1}}}\n".to_owned(),
        "{\"n\":5,\"at\":1795443369.0,\"event\":{\"provider_job_id\":\"case-17\",\"kind\":\"compl".to_owned(),
    ];
    leave(&desk, "1795443366758-17-5e884898.jsonl", &lines);
    desk.flush().await;
    assert_eq!(desk.told("case-17").await, ["step load", "step left"]);
    assert_eq!(desk.job("case-17").await["provider_job_name"], "Größe");
    let events = desk.events("case-17").await;
    let at = |seconds: i64, millis: u32| {
        let at = chrono::DateTime::from_timestamp(seconds, millis * 1_000_000).unwrap();
        let told: Vec<chrono::DateTime<chrono::Utc>> =
            events.iter().map(|event| event["occurred_at"].as_str().unwrap().parse().unwrap()).collect();
        told.contains(&at)
    };
    assert!(at(1_795_443_366, 912) && at(1_795_443_368, 500), "{events:?}");
    // The key of an entry is made of the name and its number: what is sent again is recognised.
    let again = json!({"provider_job_id": "case-17", "kind": "step", "tag": "load", "occurred_at": "2026-11-23T13:36:06.912Z", "idempotency_key": "1795443366758-17-5e884898-2"});
    let recorded = desk.alice.post("/events", again).await;
    assert!(recorded.status == 200 || recorded.status == 422, "{}", recorded.text);
    assert_eq!(desk.told("case-17").await.len(), 2);
}

#[tokio::test]
async fn what_was_sent_as_noted_is_not_sent_again_and_a_note_that_cannot_be_is_not_believed() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.alice.open_job("kidney", "noted").await;
    let entry = |number: u64, tag: &str| {
        format!("{}\n", json!({"n": number, "at": 1_795_443_366.5, "event": event("noted", "step", Some(tag))}))
    };
    let lines = [header(&desk, &server.url), entry(1, "load"), entry(2, "left")];
    let first_two = lines[..2].concat().len();
    leave(&desk, "1795443366758-17-00000001.jsonl", &lines);
    std::fs::write(desk.spool().join("1795443366758-17-00000001.sent"), format!("{first_two:020}\n")).unwrap();
    desk.flush().await;
    assert_eq!(desk.told("noted").await, ["step left"]);
    for (number, note) in ["99999999999999999999\n", "00000000000000099999\n", "", "half"].into_iter().enumerate() {
        let name = format!("1795443366758-17-1000000{number}");
        leave(&desk, &format!("{name}.jsonl"), &[header(&desk, &server.url), entry(1, "right")]);
        std::fs::write(desk.spool().join(format!("{name}.sent")), note).unwrap();
        desk.flush().await;
        assert_eq!(desk.told("noted").await.len(), 2 + number, "{note:?}");
    }
    assert_eq!(std::fs::read_dir(desk.spool()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_waits_for_another_server_or_key_stays_until_somebody_comes_with_it() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.alice.open_job("kidney", "other").await;
    let another_key = desk.alice.make_key(None).await.key;
    let entry =
        format!("{}\n", json!({"n": 1, "at": 1_795_443_366.5, "event": event("other", "step", Some("load"))}));
    leave(&desk, "1795443366758-17-00000001.jsonl", &[header_for(&another_key, &server.url), entry]);
    let flushed = run(desk.milepost(["flush"])).await;
    assert_eq!(flushed.code, Some(0));
    assert_eq!(flushed.said(), "milepost: there stays 1 file for another server or key\n");
    assert!(desk.told("other").await.is_empty());
    // Whoever only reports is not bothered with it.
    assert_eq!(run(desk.milepost(["event", "info", "mine", "--job", "other"])).await.said(), "");
    let mut with_key = desk.milepost(["flush"]);
    with_key.env("MILEPOST_API_KEY", &another_key);
    assert_eq!(run(with_key).await.printed(), "1 report sent\n");
    assert_eq!(desk.told("other").await, ["info: mine", "step load"]);
}

#[tokio::test]
async fn what_somebody_else_may_have_put_there_is_not_sent() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.alice.open_job("kidney", "planted").await;
    let entry = format!("{}\n", json!({"n": 1, "at": 1_795_443_366.5, "event": event("planted", "complete", None)}));
    leave(&desk, "1795443366758-17-00000001.jsonl", &[header(&desk, &server.url), entry]);
    std::fs::set_permissions(desk.spool(), PermissionsExt::from_mode(0o777)).unwrap();
    run(desk.milepost(["event", "info", "mine", "--job", "planted"])).await;
    assert_eq!(desk.told("planted").await, ["info: mine"]);
}

#[tokio::test]
async fn what_we_leave_behind_is_as_the_document_says() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    server.stop().await;
    let begun = milepost::sources::Clock::default().now().timestamp_millis();
    run(desk.exec("left", "exit 0")).await;
    let [file] = <[_; 1]>::try_from(desk.waiting_files()).unwrap();
    let name = file.file_stem().unwrap().to_str().unwrap();
    let parts: Vec<&str> = name.split('-').collect();
    assert!(
        matches!(parts.as_slice(), [millis, pid, random]
        if millis.len() == 13 && millis.parse::<i64>().unwrap() >= begun && pid.parse::<u32>().is_ok() && random.len() == 8),
        "{name}"
    );
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&desk.spool()), mode(&file)), (0o700, 0o600));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(format!("{}\n", text.lines().next().unwrap()), header(&desk, &desk.alice.url));
    assert_eq!(lines[1]["open"], json!({"tag": "kidney", "provider_job_id": "left"}));
    assert_eq!(lines[2]["event"], json!({"provider_job_id": "left", "kind": "complete"}));
    assert_eq!((&lines[1]["n"], &lines[2]["n"], lines.len()), (&json!(1), &json!(2), 3));
    assert!(!text.contains(&desk.key), "the key is in no file");
}

#[tokio::test]
async fn a_line_of_any_length_waits_and_so_does_what_is_behind_it() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.alice.open_job("kidney", "long").await;
    let mut long = event("long", "info", None);
    long["event_metadata"] = json!({"Comment": "x".repeat(1_500_000)});
    let entry =
        |number: u64, event: Value| format!("{}\n", json!({"n": number, "at": 1_795_443_366.5, "event": event}));
    let lines =
        |url: &str| [header(&desk, url), entry(1, long.clone()), entry(2, event("long", "step", Some("left")))];
    let (name, nowhere) = ("1795443366758-17-00000001.jsonl", "http://127.0.0.1:1");
    leave(&desk, name, &lines(nowhere));
    let mut flush = desk.milepost(["flush"]);
    flush.env("MILEPOST_URL", nowhere);
    assert_eq!(run(flush).await.code, Some(1));
    assert_eq!(desk.waiting_files(), [desk.spool().join(name)]);
    leave(&desk, name, &lines(&server.url));
    let flushed = run(desk.milepost(["flush"])).await;
    assert!(flushed.said().contains("refuses"), "{}", flushed.said());
    assert_eq!(desk.told("long").await, ["step left"]);
    assert_eq!(desk.refused().len(), 1);
}

#[tokio::test]
async fn a_note_about_a_clock_that_no_machine_has_is_not_believed() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.alice.open_job("kidney", "noted").await;
    leave(&desk, "noted.json", &[format!("{}", json!({"url": server.url, "clock_ahead_ms": i64::MIN + 1}))]);
    run(desk.milepost(["event", "step", "load", "--job", "noted"])).await.printed();
    assert_eq!(desk.told("noted").await, ["step load"]);
}
