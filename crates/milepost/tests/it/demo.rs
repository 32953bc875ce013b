//! `milepost demo`, as somebody tries it who has just got the binary.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::support::{Milepost, Person, Talking};

/// Starts a demo whose temporary files are in a folder.
fn start(folder: &std::path::Path) -> Talking {
    Milepost::new(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", folder.to_str().unwrap()).start_talking()
}

fn count_files(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_signs_in_and_watches_a_job_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = start(folder.path());
    let said = demo.says("gone with Ctrl-C").await.to_owned();
    assert_eq!(count_files(folder.path()), 1);
    let url = said.lines().find_map(|line| line.strip_prefix("The same by hand, at ")).unwrap();
    let words = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let by_hand: Vec<_> = words.filter(|words| words.len() == 4 && words[2] == "password").collect();
    let mut people = Vec::new();
    for [role, email, _, password] in by_hand.iter().map(|words| <[&str; 4]>::try_from(words.as_slice()).unwrap()) {
        let somebody = Person::nobody(url);
        let user = somebody.post("/login", json!({"email": email, "password": password})).await.expect(200);
        assert_eq!(user["role"], role.to_lowercase());
        let jobs = somebody.get("/jobs").await.expect(200);
        assert!(jobs["items"].as_array().unwrap().len() > 10, "{jobs}");
        people.push(somebody);
    }
    let [provider, _, _, _] = people.as_slice() else { panic!("{said}") };
    let mut stream = provider.stream("/jobs/stream", None).await;
    let mut sequences = HashMap::new();
    let moves = async {
        loop {
            let message = stream.read().await.expect("a message");
            let job = &message.data["job"];
            let Some(sequence) = job["last_sequence"].as_i64() else { continue };
            if sequences.insert(job["id"].to_string(), sequence).is_some_and(|before| before < sequence) {
                return;
            }
        }
    };
    // One that is measured takes seconds from one event to the next.
    timeout(Duration::from_secs(30), moves).await.expect("a job that moves");
    assert_eq!(demo.running.end_by("INT").await, Some(0));
    assert_eq!(count_files(folder.path()), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_that_is_stopped_while_it_prepares_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = start(folder.path());
    demo.says("Preparing the demo").await;
    assert_eq!(demo.running.end_by("TERM").await, Some(0));
    assert_eq!(count_files(folder.path()), 0);
}
