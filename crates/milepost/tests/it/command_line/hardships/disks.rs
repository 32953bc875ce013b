//! Disks and folders that take nothing, and what else lies in them.

use std::process::Command;

use super::super::run;
use super::{desk, exec, numbers, serve};

#[tokio::test]
async fn a_full_disk_costs_nothing_while_the_server_is_there() {
    let (_server, desk) = desk().await;
    // Of half a KiB for a file some reports fit; of none not even the head.
    for (job, blocks) in [("few", 1), ("none", 0)] {
        let limited = format!(
            "ulimit -f {blocks}; exec milepost exec --config kidney --id {job} --rules rules.toml -- seq 1 40"
        );
        let ended = run(desk.program("sh", ["-c", &limited])).await;
        assert_eq!((ended.code, ended.signal, ended.out.len()), (Some(0), None, 111), "{}", ended.said());
        assert_eq!(desk.told(job).await, numbers(40));
        let event = format!(
            "ulimit -f {blocks}; milepost event info more --job {job} && milepost event step load Comment={:0600} --job {job}",
            7
        );
        assert_eq!(run(desk.program("sh", ["-c", &event])).await.code, Some(0));
        assert_eq!(desk.told(job).await[41..], ["info: more", "step load"]);
    }
    assert_eq!(desk.waiting_files().len(), 0);
}

#[tokio::test]
async fn what_neither_the_disk_nor_the_server_takes_is_said_to_be_lost() {
    let (server, desk) = desk().await;
    server.stop().await;
    let limited = |command: &str| desk.program("sh", ["-c", &format!("ulimit -f 0; exec milepost {command}")]);
    let ended = run(limited("exec --config kidney --id lost --rules rules.toml -- seq 1 3")).await;
    assert_eq!((ended.code, ended.out.as_slice()), (Some(0), &b"1\n2\n3\n"[..]));
    assert!(ended.said().contains("5 reports lost: neither the server nor the disk took them"), "{}", ended.said());
    let ended = run(limited("event step load --job lost")).await;
    assert!(ended.code == Some(0) && ended.said().contains("1 report lost"), "{}", ended.said());
    assert!(!ended.said().contains("sent later"), "{}", ended.said());
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_stops_nothing() {
    let (_server, desk) = desk().await;
    desk.file("file", "");
    let open = desk.folder().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    for (folder, said) in [
        ("file/spool", "Not a directory"),
        ("open", "others must not write into it"),
        ("/proc/nothing", "No such file"),
    ] {
        let job = format!("job-{}", folder.replace('/', "-"));
        let mut exec = exec(&desk, &job, "seq 1 3; exit 0");
        exec.env("MILEPOST_SPOOL", folder);
        let ended = run(exec).await;
        assert_eq!((ended.code, ended.out.as_slice()), (Some(0), &b"1\n2\n3\n"[..]));
        assert!(ended.said().contains("in memory only") && ended.said().contains(said), "{}", ended.said());
        assert_eq!(desk.told(&job).await, numbers(3));
    }
    assert_eq!(std::fs::read_dir(&open).unwrap().count(), 0);
}

#[tokio::test]
async fn files_that_nobody_can_read_are_left_alone_and_hold_up_nothing() {
    let (server, desk) = desk().await;
    let address = server.address;
    let database = server.stop().await;
    run(exec(&desk, "good", "seq 1 3")).await;
    let spool = desk.spool();
    let name = |number: u32| spool.join(format!("000000000000{number}-1-0000000{number}.jsonl"));
    std::fs::write(name(1), [0xff; 5000]).unwrap();
    std::fs::write(name(2), "{\"spool\":2,\"url\":\"http://x\",\"key\":\"0\",\"more\":1}\n{}\n").unwrap();
    std::fs::create_dir(name(3)).unwrap();
    assert!(Command::new("mkfifo").arg(name(4)).status().unwrap().success());
    std::os::unix::fs::symlink("/etc/passwd", name(5)).unwrap();
    std::fs::write(name(6), "").unwrap();
    let _serving = serve(&database, address).await;
    let flushed = run(desk.milepost(["flush"])).await;
    assert_eq!((flushed.code, flushed.out.as_slice()), (Some(0), &b"5 reports sent\n"[..]));
    assert!(flushed.said().contains("there stays 6 files that cannot be read"), "{}", flushed.said());
    assert_eq!(desk.told("good").await, numbers(3));
    assert_eq!(run(exec(&desk, "after", "seq 1 3")).await.printed(), "1\n2\n3\n");
    assert_eq!(desk.waiting_files().len(), 6);
}

#[tokio::test]
async fn more_than_may_wait_is_dropped_and_said_and_what_came_before_is_kept() {
    let (server, desk) = desk().await;
    let address = server.address;
    let database = server.stop().await;
    let line = "x".repeat(900);
    let mut exec = exec(&desk, "much", &format!("for i in $(seq 1 2000); do echo $i {line}; done; exit 0"));
    exec.env("MILEPOST_SPOOL_LIMIT", "1");
    let ended = run(exec).await;
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.said().contains("what comes now is dropped") && ended.said().contains("reports lost"),
        "{}",
        ended.said()
    );
    let size = std::fs::metadata(&desk.waiting_files()[0]).unwrap().len();
    assert!((1024 * 1024..1024 * 1024 + 4096).contains(&size), "{size}");
    let _serving = serve(&database, address).await;
    desk.flush().await;
    let told = desk.told("much").await;
    let whole = told.iter().enumerate().all(|(index, words)| words.starts_with(&format!("info: {} x", index + 1)));
    assert!(told.len() > 800 && told.len() < 1200 && whole, "{}", told.len());
}
