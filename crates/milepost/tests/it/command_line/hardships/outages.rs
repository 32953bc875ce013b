//! A server that is away.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::super::{ended, run, start, until_exists};
use super::{desk, exec, numbers, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_mid_job_and_comes_back_has_all_of_it() {
    let (server, desk) = desk().await;
    let address = server.address;
    let database = server.stop().await;
    let mut serving = serve(&database, address).await;
    let script = "for i in 1 2 3; do echo $i; sleep 0.1; done; : > three; for i in 4 5 6; do echo $i; sleep 0.3; done
        : > six; for i in 7 8 9; do echo $i; sleep 0.3; done; exit 0";
    let child = start(exec(&desk, "killed", script));
    until_exists(&desk.folder().join("three")).await;
    serving.running.kill();
    until_exists(&desk.folder().join("six")).await;
    let _serving = serve(&database, address).await;
    let ended = spawn_blocking(|| ended(child)).await.unwrap();
    assert_eq!((ended.code, ended.out.as_slice()), (Some(0), &b"1\n2\n3\n4\n5\n6\n7\n8\n9\n"[..]));
    assert!(ended.said().lines().all(|line| line.starts_with("milepost: ")), "{}", ended.said());
    assert_eq!(desk.waiting_files().len(), 0, "it is there as soon as the server is");
    assert_eq!(desk.told("killed").await, numbers(9));
}

#[tokio::test]
async fn a_network_that_refuses_from_the_first_line_loses_and_delays_nothing() {
    let (server, desk) = desk().await;
    let address = server.address;
    let database = server.stop().await;
    let begun = Instant::now();
    let away = run(exec(&desk, "refused", "seq 1 50; exit 4")).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let plain = run(desk.program("seq", ["1", "50"])).await;
    assert_eq!((away.code, &away.out), (Some(4), &plain.out));
    assert!(away.said().contains("cannot reach") && away.said().contains("reports are kept and sent later"));
    let failed = run(desk.milepost(["flush"])).await;
    assert_eq!(failed.code, Some(1));
    let _serving = serve(&database, address).await;
    desk.flush().await;
    let told = desk.told("refused").await;
    assert_eq!(told[..50], numbers(50)[..50]);
    assert!(told[50].starts_with("error: sh ended with exit code 4") && told.len() == 51, "{told:?}");
}

#[tokio::test]
async fn a_script_of_single_commands_keeps_its_order_whoever_delivers() {
    let (server, desk) = desk().await;
    let address = server.address;
    let database = server.stop().await;
    let script = "export MILEPOST_JOB=order; milepost job open --config kidney; for i in 1 2 3 4 5; do milepost event info $i; done";
    let away = run(desk.program("sh", ["-c", script])).await;
    assert_eq!((away.code, away.out.len(), desk.waiting_files().len()), (Some(0), 0, 6), "{}", away.said());
    let _serving = serve(&database, address).await;
    run(desk.milepost(["event", "complete", "--job", "order"])).await.printed();
    assert_eq!(desk.told("order").await, numbers(5));
    assert_eq!(desk.waiting_files().len(), 0);
}
