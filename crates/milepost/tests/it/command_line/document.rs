//! What `docs/COMMAND_LINE.md` tells people to do.

use super::{Desk, run};
use crate::support::{DatabaseKind, TestServer};

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/COMMAND_LINE.md"));

/// The blocks of the document, in order.
fn blocks() -> Vec<&'static str> {
    DOCUMENT.split("\n```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1).collect()
}

#[tokio::test]
async fn the_tutorial_leads_from_an_unchanged_script_to_its_steps() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let [script, configuration, rules, single_commands] = <[_; 4]>::try_from(blocks()).unwrap();
    desk.file("volumes.sh", script);
    desk.file("volumes.toml", configuration);
    desk.file("rules.toml", rules);
    let indented = DOCUMENT.lines().filter_map(|line| line.strip_prefix("    "));
    let commands: Vec<&str> =
        indented.filter(|line| line.starts_with("milepost ") || line.starts_with("sh ")).collect();
    let commands: Vec<&str> = commands.into_iter().filter(|line| !line.contains("login")).collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    let plain = run(desk.program("sh", ["volumes.sh"])).await.printed();
    let mut printed = String::new();
    for command in &commands {
        let ended = run(desk.program("sh", ["-c", command])).await;
        assert_eq!(ended.code, Some(0), "{command}: {}", ended.said());
        printed = String::from_utf8(ended.out).unwrap();
    }
    assert_eq!(printed, plain);
    let events = desk.events("case-17").await;
    let steps: Vec<&str> = events.iter().filter_map(|event| event["tag"].as_str()).collect();
    assert!(steps.len() >= 4 && steps[..steps.len() - 2].iter().all(|step| *step == "segment"), "{steps:?}");
    assert_eq!((steps[steps.len() - 2], steps[steps.len() - 1]), ("left", "right"));
    let left = &events[steps.len() - 2];
    assert_eq!((left["kind"].as_str(), &left["event_metadata"]["Volume"]), (Some("step"), &serde_json::json!(151.2)));
    assert_eq!((events.last().unwrap()["kind"].as_str(), events.len()), (Some("complete"), steps.len() + 1));

    desk.alice.invite("carol@clinic.example").await;
    assert_eq!(run(desk.program("sh", ["-ec", single_commands])).await.printed(), "");
    let told = desk.told("case-18").await;
    assert!(told.len() == 5 && told[0] == "info segment: slices are segmented" && told[4] == "complete", "{told:?}");
}
