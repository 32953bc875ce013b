//! `milepost report`: the server's reports as files.

use super::{Desk, run};
use crate::support::on_both;

on_both! {
    async fn a_report_is_written_as_the_server_makes_it(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.alice.open_job("kidney", "CT-1").await;
        for step in ["load", "left"] {
            desk.alice.report("CT-1", "step", Some(step)).await;
        }
        let printed = run(desk.milepost(["report", "events", "--tag", "kidney", "--version", "1.0.0", "--zone", "Europe/Berlin"])).await.printed();
        let lines: Vec<&str> = printed.split("\r\n").collect();
        assert!(printed.contains("# zone: Europe/Berlin\r\n") && printed.contains("# version: 1.0.0\r\n"), "{printed}");
        assert!(lines[lines.len() - 2].contains(",CT-1,"), "{printed}");

        // The name of a file says in which form.
        let usage = desk.folder().join("usage.json");
        let arguments = ["report", "usage", "--by-version", "--customer", "none", "-o", usage.to_str().unwrap()];
        run(desk.milepost(arguments)).await.printed();
        let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&usage).unwrap()).unwrap();
        assert_eq!((&written["totals"]["steps"], &written["items"][0]["version"]), (&2.into(), &"1.0.0".into()));
        for (name, begins) in [("e.xlsx", &b"PK"[..]), ("e.parquet", b"PAR1"), ("e.ndjson", b"{\"event_id\""), ("e.txt", b"# report")] {
            let path = desk.folder().join(name);
            run(desk.milepost(["report", "events", "--output", path.to_str().unwrap()])).await.printed();
            let written = std::fs::read(&path).unwrap();
            assert!(written.starts_with(begins), "{name}");
            if name == "e.parquet" {
                assert!(written.ends_with(b"PAR1"));
            }
        }
        let out = run(desk.milepost(["report", "events", "--format", "parquet"])).await;
        assert!(out.out.ends_with(b"PAR1"), "to a pipe as well: {}", out.said());
        run(desk.milepost(["report", "events", "--output", "/dev/null"])).await.printed();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    async fn what_is_wrong_is_said_and_leaves_no_file(server: TestServer) {
        let desk = Desk::at(&server).await;
        let path = desk.folder().join("report.csv");
        for (arguments, complaint) in [
            (&["--from", "soon"][..], "/from"),
            (&["--zone", "Europe/Atlantis"], "/zone"),
            (&["--version", "1.0.0"], "/version"),
            (&["--format", "json"], "/format"),
        ] {
            let all = [&["report", "events", "--output", path.to_str().unwrap()], arguments].concat();
            let complained = run(desk.milepost(all)).await.complaint();
            assert!(complained.contains(complaint), "{complained}");
        }
        let nowhere = run(desk.milepost(["report", "usage", "--output", "no/such/folder/report.csv"])).await.complaint();
        assert!(nowhere.contains("cannot write to no/such/folder/report.csv"), "{nowhere}");
        server.stop().await;
        let away = run(desk.milepost(["report", "usage", "--output", path.to_str().unwrap()])).await.complaint();
        assert!(away.contains("cannot reach"), "{away}");
        assert_eq!(std::fs::read_dir(desk.folder()).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name() != "spool"
        }).count(), 0, "nothing is left of them");
    }
}
