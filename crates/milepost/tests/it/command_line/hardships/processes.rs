//! Processes that share a spool, or are killed.

use std::process::Command;
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::{Ended, at, in_words, run, send, start, until_exists};
use super::{desk, exec, numbers, serve};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_programs_with_one_spool_lose_mix_up_and_repeat_nothing() {
    let (server, desk) = desk().await;
    let address = server.address;
    let database = server.stop().await;
    let together = async |commands: Vec<Command>| {
        let mut running = JoinSet::new();
        for command in commands {
            running.spawn(run(command));
        }
        running.join_all().await
    };
    let jobs: Vec<String> = (0..16).map(|number| format!("crowd-{number}")).collect();
    // Away for the first of each; there for the second half of the time of the others.
    let first = jobs.iter().map(|job| exec(&desk, job, "seq 1 10; exit 1")).collect();
    assert!(together(first).await.iter().all(|ended| ended.code == Some(1)));
    assert_eq!(desk.waiting_files().len(), 16);
    let second =
        jobs.iter().map(|job| exec(&desk, job, "for i in 11 12 13 14 15; do echo $i; sleep 0.4; done")).collect();
    let (serving, second) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            serve(&database, address).await
        },
        together(second)
    );
    assert!(second.iter().all(|ended: &Ended| ended.code == Some(0) && ended.out == b"11\n12\n13\n14\n15\n"));
    let third = jobs.iter().map(|job| desk.milepost(["event", "info", "16", "--job", job])).collect();
    assert!(together(third).await.iter().all(|ended| ended.code == Some(0)));
    desk.flush().await;
    for job in &jobs {
        let told = desk.told(job).await;
        let sorted_numbers: Vec<String> = {
            let events = desk.events(job).await;
            let mut by_time: Vec<_> =
                events.iter().map(|event| (at(event), event["sequence"].as_i64(), in_words(event))).collect();
            by_time.sort();
            by_time.into_iter().map(|(_, _, words)| words).filter(|words| words.starts_with("info")).collect()
        };
        let expected: Vec<String> = (1..=16).map(|number| format!("info: {number}")).collect();
        assert_eq!(sorted_numbers, expected, "{job}");
        assert_eq!(told.len(), 18, "{job}: {told:?}");
    }
    drop(serving);
    assert_eq!(desk.refused().len(), 0);
}

#[tokio::test]
async fn what_was_told_before_sigkill_is_delivered_by_flush_once_and_in_order() {
    for is_there in [true, false] {
        let (server, desk) = desk().await;
        let (address, mut database) = (server.address, None);
        let mut server = Some(server);
        if !is_there {
            database = Some(server.take().unwrap().stop().await);
        }
        let script = "for i in 1 2 3; do echo $i; sleep 0.1; done; : > three; sleep 20";
        let mut child = start(exec(&desk, "killed", script));
        until_exists(&desk.folder().join("three")).await;
        let all_is_written = || {
            let files = desk.waiting_files();
            files.iter().any(|file| std::fs::read_to_string(file).unwrap().contains("\"name\":\"3\""))
        };
        eventually("three lines are kept", async || all_is_written()).await;
        send("KILL", &child);
        child.wait().unwrap();
        let _serving = match &database {
            Some(database) => Some(serve(database, address).await),
            None => None,
        };
        assert_eq!(desk.waiting_files().len(), 1);
        // As after a death between sending and noting it.
        if is_there {
            let _ = std::fs::remove_file(desk.waiting_files()[0].with_extension("sent"));
        }
        let again = [desk.milepost(["flush"]), desk.milepost(["flush"])].map(run);
        for flushed in futures::future::join_all(again).await {
            assert_eq!(flushed.code, Some(0), "{}", flushed.said());
        }
        assert_eq!(desk.told("killed").await, numbers(3)[..3]);
        assert_eq!((desk.waiting_files().len(), desk.refused().len()), (0, 0));
    }
}

#[tokio::test]
async fn the_file_of_a_process_that_lives_is_left_to_it() {
    let (server, desk) = desk().await;
    let script = "echo 1; : > one; until [ -e two ]; do sleep 0.05; done; echo 2; : > three; sleep 20";
    let mut child = start(exec(&desk, "alive", script));
    until_exists(&desk.folder().join("one")).await;
    eventually("the first is there", async || desk.told("alive").await.len() == 1).await;
    assert_eq!(run(desk.milepost(["flush"])).await.printed(), "0 reports sent\n");
    let address = server.address;
    let database = server.stop().await;
    desk.file("two", "");
    until_exists(&desk.folder().join("three")).await;
    let is_kept =
        || desk.waiting_files().iter().any(|file| std::fs::read_to_string(file).unwrap().contains("\"name\":\"2\""));
    eventually("the second is kept", async || is_kept()).await;
    send("KILL", &child);
    child.wait().unwrap();
    let _serving = serve(&database, address).await;
    desk.flush().await;
    assert_eq!(desk.told("alive").await, numbers(2)[..2]);
}
