//! `milepost job` and `milepost event`, as a shell script uses them.

use serde_json::json;

use super::{Desk, run};
use crate::support::on_both;

on_both! {
    async fn a_shell_script_reports_its_steps(server: TestServer) {
        let desk = Desk::at(&server).await;
        let script = "set -e
            export MILEPOST_JOB=case-1
            milepost job open --config kidney --name 'Case 1'
            milepost event step load
            milepost event info 'half way' --step left --fraction 0.5
            milepost event step left Density=5.1 Comment='a b' Report=https://reports.example/1
            milepost event error 'no paper' --step report
            milepost event complete --job case-1";
        assert_eq!(run(desk.program("sh", ["-c", script])).await.printed(), "");
        assert_eq!(
            desk.told("case-1").await,
            ["step load", "info left: half way", "step left", "error report: no paper", "complete"]
        );
        let measured = json!({"Density": 5.1, "Comment": "a b", "Report": "https://reports.example/1"});
        assert_eq!(desk.events("case-1").await[2]["event_metadata"], measured);
        assert_eq!(desk.waiting_files().len(), 0);
    }

    async fn jobs_are_listed_and_shown(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.alice.open_job("kidney", "case-1").await;
        desk.alice.open_job("kidney", "another-case").await;
        desk.alice.report("case-1", "step", Some("load")).await;
        let list = run(desk.milepost(["job", "list"])).await.printed();
        assert_eq!(
            list,
            "another-case  ○ pending      0 %  Job kidney\n\
             case-1        ● running     25 %  Job kidney\n"
        );
        let list = run(desk.milepost(["job", "list", "--status", "running", "--config", "kidney", "--json"])).await.json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert_eq!(
            run(desk.milepost(["job", "show", "case-1"])).await.printed(),
            "case-1 Job kidney: running, 25 %\n  load: finished\n  left: pending\n  right: pending\n  report: pending\n"
        );
        let shown = run(desk.milepost(["job", "show", "case-1", "--json"])).await.json();
        assert_eq!(shown["steps"][0]["status"], "finished");
        assert!(run(desk.milepost(["job", "show", "no-case"])).await.complaint().contains("has no job \"no-case\""));
        let few = run(desk.milepost(["job", "list", "--limit", "1"])).await;
        assert_eq!(few.said(), "milepost: there are more; ask for them with --limit\n");
    }

    async fn jobs_that_are_silent_say_for_how_long(server: TestServer) {
        let desk = Desk::at(&server).await;
        for job in ["case-1", "case-2"] {
            desk.alice.open_job("kidney", job).await;
        }
        desk.alice.report("case-1", "step", Some("load")).await;
        let opened = server.clock.now();
        server.clock.travel_to(opened + chrono::TimeDelta::minutes(63));
        milepost::jobs::silence::sweep(&server.app).await.unwrap();
        let list = run(desk.milepost(["job", "list", "--silent"])).await.printed();
        assert!(list.starts_with("case-1  ● running     25 %  Job kidney  silent for ") && list.lines().count() == 1, "{list}");
        let shown = run(desk.milepost(["job", "show", "case-1"])).await.printed();
        assert!(shown.starts_with("case-1 Job kidney: running, 25 %, silent for "), "{shown}");
    }

    async fn what_is_refused_is_said_and_set_aside_and_fails_no_script_unless_it_is_strict(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.alice.open_job("kidney", "case-1").await;
        let report = |strict: &'static [&str]| {
            let command = ["event", "step", "load", "Density=much", "--job", "case-1"];
            desk.milepost([&command, strict].concat())
        };
        let ended = run(report(&[])).await;
        assert_eq!((ended.code, ended.out.len()), (Some(0), 0));
        let said = ended.said();
        assert!(said.contains("/event_metadata/Density") && said.contains("it is kept in "), "{said}");
        assert_eq!(desk.refused()[0]["event"]["event_metadata"], json!({"Density": "much"}));
        assert_eq!(run(report(&["--strict"])).await.code, Some(1));
        let told = run(report(&["--json"])).await;
        let told: serde_json::Value = serde_json::from_slice(&told.out).unwrap();
        assert_eq!((&told["is_complete"], &told["sent"], told["refused"].as_array().map(Vec::len)), (&json!(true), &json!(1), Some(1)));
        assert!(desk.told("case-1").await.is_empty());

        let of_no_job = run(desk.milepost(["event", "step", "load", "--job", "no-case"])).await;
        assert!(of_no_job.code == Some(0) && of_no_job.said().contains("you have no job no-case"), "{}", of_no_job.said());
    }

    async fn without_a_key_or_a_server_a_script_goes_on(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.alice.open_job("kidney", "case-1").await;
        for (name, value, said) in [
            ("MILEPOST_DISABLED", "1", "nothing is reported: MILEPOST_DISABLED is set"),
            ("MILEPOST_API_KEY", "", "nothing is reported: MILEPOST_API_KEY is not set"),
            ("MILEPOST_URL", "http://127.0.0.1:1", "cannot reach http://127.0.0.1:1"),
            ("MILEPOST_SPOOL_LIMIT", "much", "nothing is reported: MILEPOST_SPOOL_LIMIT"),
            ("MILEPOST_LOG", "gossip", "MILEPOST_LOG"),
        ] {
            for strict in [false, true] {
                let mut command = desk.milepost(["event", "step", "load", "--job", "case-1"]);
                command.env(name, value).args(strict.then_some("--strict"));
                let ended = run(command).await;
                let is_to_fail = strict && name != "MILEPOST_LOG";
                assert_eq!(ended.code == Some(1), is_to_fail, "{name}: {}", ended.said());
                assert!(strict || ended.said().contains(said), "{}", ended.said());
            }
        }
    }
}

#[tokio::test]
async fn what_somebody_else_sees_to_is_said_in_the_terms_of_the_command() {
    let server = crate::support::TestServer::start(crate::support::DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    for (arguments, said) in [
        (&["event", "step", "load", "Density", "--job", "x"][..], "it is NAME=VALUE"),
        (&["event", "step", "load", "--strict"], "give --job, or MILEPOST_JOB"),
        (&["event", "info", "--fraction", "0.5", "--job", "x"], "--step <TAG>"),
        (&["exec", "--", "true"], "--config"),
        (&["exec", "--config", "kidney"], "PROGRAM"),
    ] {
        let ended = run(desk.milepost(arguments)).await;
        assert!(matches!(ended.code, Some(1 | 2)) && ended.said().contains(said), "{arguments:?}: {}", ended.said());
    }
}

#[tokio::test]
async fn a_script_that_is_made_for_exec_runs_alone_as_well() {
    let server = crate::support::TestServer::start(crate::support::DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let ended = run(desk.milepost(["event", "info", "half way"])).await;
    assert_eq!((ended.code, ended.out), (Some(0), Vec::new()));
    let mut elsewhere = desk.milepost(["event", "step", "load"]);
    elsewhere.env("MILEPOST_JOB", "").env("MILEPOST_LOG", "gossip");
    assert_eq!(run(elsewhere).await.code, Some(0));
    let mut open = desk.milepost(["job", "open", "--id", "case-1", "--config", "kidney"]);
    open.env("MILEPOST_LOG", "gossip");
    assert_eq!(run(open).await.code, Some(0));
}

#[tokio::test]
async fn a_text_may_begin_with_a_dash() {
    let server = crate::support::TestServer::start(crate::support::DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.alice.open_job("kidney", "case-1").await;
    run(desk.milepost(["event", "error", "-bash: foo: command not found", "--step", "left", "--job", "case-1"]))
        .await
        .printed();
    run(desk.milepost(["event", "info", "-1 of 3", "Density=-5", "--job", "case-1"])).await.printed();
    let told = ["error left: -bash: foo: command not found", "info: -1 of 3"];
    assert_eq!(desk.told("case-1").await, told);
}
