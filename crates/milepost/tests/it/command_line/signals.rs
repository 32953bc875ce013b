//! Signals that `milepost exec` gets are the program's.

use tokio::task::spawn_blocking;

use super::{Desk, ended, run, send, start, until_exists};
use crate::support::{DatabaseKind, TestServer};

#[tokio::test]
async fn signals_reach_the_program() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "CONT", "WINCH"] {
        let ready = desk.folder().join(format!("ready-{signal}"));
        let script =
            format!("trap 'echo got {signal}; exit 21' {signal}; : > ready-{signal}; while :; do sleep 0.05; done");
        let child = start(desk.program(
            "bash",
            ["-c", &format!("exec milepost exec --config kidney --id {signal} -- bash -c \"$0\""), &script],
        ));
        until_exists(&ready).await;
        send(signal, &child);
        let ended = spawn_blocking(|| ended(child)).await.unwrap();
        assert_eq!((ended.code, ended.out), (Some(21), format!("got {signal}\n").into_bytes()));
        assert_eq!(desk.told(signal).await[0].lines().next(), Some("error: bash ended with exit code 21:"));
    }
}

#[tokio::test]
async fn a_program_that_a_signal_ends_ends_us_by_the_same() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    for (signal, number) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("QUIT", 3), ("USR1", 10)] {
        let child = start(desk.exec(signal, "echo begun; : > ready; exec sleep 30"));
        until_exists(&desk.folder().join("ready")).await;
        send(signal, &child);
        let ended = spawn_blocking(|| ended(child)).await.unwrap();
        assert_eq!((ended.signal, ended.out.as_slice()), (Some(number), &b"begun\n"[..]));
        assert_eq!(desk.told(signal).await, [format!("error: sh was ended by SIG{signal}:\nbegun")]);
        std::fs::remove_file(desk.folder().join("ready")).unwrap();
    }
}

#[tokio::test]
async fn what_is_ignored_stays_ignored_as_behind_nohup() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let script = "trap '' HUP INT; exec milepost exec --config kidney --id ignored -- sh -c ': > ready; sleep 1; echo survived'";
    let child = start(desk.program("bash", ["-c", script]));
    until_exists(&desk.folder().join("ready")).await;
    send("HUP", &child);
    send("INT", &child);
    let ended = spawn_blocking(|| ended(child)).await.unwrap();
    assert_eq!((ended.code, ended.out.as_slice()), (Some(0), &b"survived\n"[..]));

    let dispositions = "grep -E '^Sig(Ign|Blk)' /proc/self/status | cut -c 1-15";
    let with = run(desk.exec("dispositions", dispositions)).await.printed();
    assert_eq!(with, run(desk.program("sh", ["-c", dispositions])).await.printed());
}
