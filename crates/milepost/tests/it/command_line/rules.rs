//! Rules: what a program's lines say, live and of a recorded log.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Desk, at, run};
use crate::support::on_both;

const RULES: &str = r"
[[rule]]
name = 'a kidney is measured'
match = '(?<step>left|right) kidney: (?<Density>[0-9.]+|n/a) HU(, (?<note>.*))?'
event = 'step'
metadata = { Comment = '$note' }

[[rule]]
name = 'loading'
match = 'loaded (?<fraction>[0-9]+/[0-9]+|[0-9.]+%)'
step = 'load'

[[rule]]
name = 'writing'
match = 'wrote (?<percent>[0-9.]+) percent'
step = 'report'

[[rule]]
name = 'trouble'
match = '^ERROR (?<text>.*)'
event = 'error'

[[rule]]
name = 'remark'
match = '^note: '
text = 'it says: $0'

[[rule]]
name = 'never'
match = '^never$'
";

const LOG: &str = "loaded 3/8\r\nnothing of interest\nloaded 37%\nleft kidney: 31.5 HU, clear\nright kidney: 30 HU\n\
    wrote 50 percent\nERROR out of paper\nnote: 5 sheets\n";

on_both! {
    async fn lines_become_events(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.file("rules.toml", RULES);
        desk.file("log.txt", LOG);
        let ended = run(desk.exec_with("case-1", &["--rules", "rules.toml"], "cat log.txt; sleep 1.2; echo 'wrote 75 percent' >&2")).await;
        assert_eq!(ended.out, LOG.as_bytes());
        let told = desk.told("case-1").await;
        assert_eq!(
            told,
            [
                "info load", "info load", "step left", "step right", "info report", "error: out of paper",
                "info: it says: note: ", "info report", "complete",
            ]
        );
        let events = desk.events("case-1").await;
        let of = |number: usize, field: &str| events[number][field].clone();
        assert_eq!((of(0, "fraction"), of(1, "fraction")), (json!(0.375), json!(0.37)));
        assert_eq!((of(4, "fraction"), of(7, "fraction")), (json!(0.5), json!(0.75)));
        assert_eq!((of(2, "event_metadata"), of(3, "event_metadata")), (json!({"Density": 31.5, "Comment": "clear"}), json!({"Density": 30})));
        assert!(events.iter().map(at).is_sorted(), "{events:?}");
    }
}

#[tokio::test]
async fn fractions_of_a_step_are_told_at_most_once_a_second_and_the_last_in_any_case() {
    let server = crate::support::TestServer::start(crate::support::DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("rules.toml", RULES);
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do printf 'loaded %d/20\\r' $i; sleep 0.1; done";
    run(desk.exec_with("case-1", &["--rules", "rules.toml"], script)).await.printed();
    let events = desk.events("case-1").await;
    let fractions: Vec<f64> = events.iter().filter_map(|event| event["fraction"].as_f64()).collect();
    assert!((3..=4).contains(&fractions.len()) && fractions.is_sorted(), "{fractions:?}");
    assert_eq!(
        (fractions[0].to_string(), fractions.last().unwrap().to_string()),
        ("0.05".to_owned(), "0.75".to_owned())
    );
}

#[tokio::test]
async fn a_dry_run_shows_what_rules_make_of_a_log_and_needs_no_server() {
    let server = crate::support::TestServer::start(crate::support::DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("rules.toml", RULES);
    desk.file("log.txt", LOG);
    let dry_run = |more: &[&str]| {
        let mut command = desk.milepost([&["exec", "--rules", "rules.toml", "--dry-run", "log.txt"], more].concat());
        command.env_remove("MILEPOST_API_KEY").env_remove("MILEPOST_URL");
        command
    };
    let shown = run(dry_run(&[])).await;
    assert_eq!(
        String::from_utf8(shown.out).unwrap(),
        "loading: info load 37.5 %\n\
         loading: info load 37.0 %\n\
         a kidney is measured: step left Comment=\"clear\" Density=31.5\n\
         a kidney is measured: step right Density=30\n\
         writing: info report 50.0 %\n\
         trouble: error out of paper\n\
         remark: info it says: note: \n"
    );
    assert_eq!(
        String::from_utf8(shown.err).unwrap(),
        "milepost: no line goes to the rule \"never\"\nmilepost: 7 of 8 lines say something\n"
    );
    let lines = String::from_utf8(run(dry_run(&["--json"])).await.out).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({"rule": "loading", "line": "loaded 3/8", "kind": "info", "step": "load", "fraction": 0.375, "text": null, "metadata": {}})
    );
    assert_eq!(desk.waiting_files().len(), 0);
}

#[tokio::test]
async fn what_a_dry_run_cannot_read_is_said_with_its_place() {
    let server = crate::support::TestServer::start(crate::support::DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("log.txt", LOG);
    let mut text = RULES.to_owned();
    writeln!(text, "[[rule]]\nname = 'wrong'\nmatch = 'x'\nstep = '$side'").unwrap();
    for (rules, said) in [
        (text.as_str(), "rules.toml: rule \"wrong\": there is no group side"),
        ("[[rules]]", "unknown field `rules`"),
    ] {
        desk.file("rules.toml", rules);
        let complaint =
            run(desk.milepost(["exec", "--rules", "rules.toml", "--dry-run", "log.txt"])).await.complaint();
        assert!(complaint.contains(said), "{complaint}");
    }
    let complaint = run(desk.milepost(["exec", "--rules", "rules.toml", "--dry-run", "no.txt"])).await.complaint();
    assert!(complaint.starts_with("milepost: rules.toml: ") || complaint.contains("no.txt"), "{complaint}");
}
