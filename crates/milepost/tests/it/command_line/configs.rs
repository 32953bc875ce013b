//! `milepost config`: configurations in files, and what is registered.

use serde_json::json;

use super::{Desk, run};
use crate::support::on_both;

const SCAN: &str = r#"
tag = "scan"
name = "Scan"
version = "1.0.0"

[[step_configurations]]
tag = "load"
name = "Load"
points = 1

[[step_configurations]]
tag = "mask"
name = "Mask"
points = 3
metadata_configurations = [{ name = "Volume", kind = "number", units = "ml" }]
"#;

on_both! {
    async fn a_file_is_registered_and_shown_as_a_file_again(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.file("scan.toml", SCAN);
        for _ in 0..2 {
            assert_eq!(run(desk.milepost(["config", "push", "scan.toml"])).await.printed(), "scan 1.0.0 is registered\n");
        }
        let shown = run(desk.milepost(["config", "show", "scan"])).await.printed();
        let expected = json!({"tag": "scan", "name": "Scan", "version": "1.0.0", "step_configurations": [
            {"tag": "load", "name": "Load", "points": 1, "metadata_configurations": []},
            {"tag": "mask", "name": "Mask", "points": 3,
             "metadata_configurations": [{"name": "Volume", "kind": "number", "units": "ml"}]},
        ]});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), expected);
        desk.file("shown.json", &shown);
        assert_eq!(
            run(desk.milepost(["config", "diff", "shown.json"])).await.printed(),
            "scan 1.0.0 is registered as it stands here\n"
        );
    }

    async fn other_content_under_the_same_version_is_shown_as_a_diff(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.file("scan.toml", SCAN);
        run(desk.milepost(["config", "push", "scan.toml"])).await.printed();
        desk.file("scan.toml", &SCAN.replace("points = 3", "points = 5").replace("\"ml\"", "\"l\""));
        let said = run(desk.milepost(["config", "push", "scan.toml"])).await.complaint();
        assert_eq!(
            said,
            "milepost: scan 1.0.0 is registered with other content; give it another version\n\
             \x20 /step_configurations/mask/points: 3 -> 5\n\
             \x20 /step_configurations/mask/metadata_configurations/Volume/units: \"ml\" -> \"l\"\n"
        );
        let diff = run(desk.milepost(["config", "diff", "scan.toml"])).await;
        assert_eq!(diff.code, Some(1));
        assert!(String::from_utf8_lossy(&diff.out).contains("/step_configurations/mask/points: 3 -> 5"), "{diff:?}");
        let diff = run(desk.milepost(["config", "diff", "--json", "scan.toml"])).await;
        let found: serde_json::Value = serde_json::from_slice(&diff.out).unwrap();
        assert_eq!(found[0]["differences"][0], json!({"pointer": "/step_configurations/mask/points", "registered": 3, "sent": 5}));
    }

    async fn how_long_a_job_may_be_silent_is_set_and_left_to_the_server_again(server: TestServer) {
        let desk = Desk::at(&server).await;
        let set = async |limit: &str| run(desk.milepost(["config", "set", "kidney", "--silence-limit", limit])).await;
        assert_eq!(set("20m").await.printed(), "kidney: a job is silent after 20 m 00 s without news\n");
        assert_eq!(desk.alice.get("/configuration-settings/kidney").await.expect(200)["silence_limit"], 1_200);
        assert_eq!(set("auto").await.printed(), "kidney: a job is silent after as long as its step usually takes without news\n");
        assert!(set("1m").await.complaint().contains("must be 120 to 2592000 seconds, is 60"));
        let typo = set("soon").await;
        assert!(typo.code == Some(2) && typo.said().contains("a duration such as 20m or 2h, or auto"), "{}", typo.said());
        let set = run(desk.milepost(["config", "set", "kidney", "--silence-limit", "3h", "--json"])).await.json();
        assert_eq!((&set["tag"], &set["silence_limit"]), (&json!("kidney"), &json!(10_800)));
    }

    async fn many_configurations_of_a_file_are_checked_before_any_is_sent(server: TestServer) {
        let desk = Desk::at(&server).await;
        let scan = |tag: &str, points: i64| {
            json!({"tag": tag, "name": "Scan", "version": "1.0.0",
                "step_configurations": [{"tag": "load", "name": "Load", "points": points}]})
        };
        desk.file("all.json", &json!({"job_configs": [scan("one", 1), scan("two", -1)]}).to_string());
        let said = run(desk.milepost(["config", "push", "all.json"])).await.complaint();
        assert!(said.starts_with("milepost: all.json: configuration 2: step_configurations[0].points: "), "{said}");
        let said = run(desk.milepost(["config", "show", "one"])).await.complaint();
        assert!(said.contains("has no such configuration"), "{said}");
        desk.file("all.json", &json!([scan("one", 1), scan("two", 1)]).to_string());
        let pushed = run(desk.milepost(["config", "push", "--json", "all.json"])).await.json();
        assert_eq!((pushed[0]["tag"].as_str(), pushed[1]["tag"].as_str()), (Some("one"), Some("two")));
        let diff = run(desk.milepost(["config", "diff", "--json", "all.json"])).await.json();
        assert_eq!(diff[1], json!({"tag": "two", "version": "1.0.0", "differences": [], "version_check": null}));
    }

    async fn a_version_that_is_too_small_a_step_is_told_or_refused(server: TestServer) {
        let desk = Desk::at(&server).await;
        desk.file("scan.toml", SCAN);
        run(desk.milepost(["config", "push", "scan.toml"])).await.printed();
        let changed = SCAN.replace("points = 3", "points = 5").replace("name = \"Load\"", "name = \"Read\"");
        desk.file("scan.toml", &changed.replace("1.0.0", "1.1.0"));
        let diff = run(desk.milepost(["config", "diff", "scan.toml"])).await;
        assert_eq!(
            String::from_utf8_lossy(&diff.out),
            "scan 1.1.0 is not registered; since 1.0.0 a major step is needed, 2.0.0 or higher:\n\
             \x20 major: points of step mask changed from 3 to 5\n\
             \x20 patch: name of step load changed from \"Load\" to \"Read\"\n"
        );
        let said = run(desk.milepost(["config", "push", "--version-gate", "refuse", "scan.toml"])).await.complaint();
        let misfit = "is too small a step from 1.0.0: points of step mask changed from 3 to 5 (and 1 more change), \
                      which needs a major step; the lowest version that fits is 2.0.0";
        assert_eq!(said, format!("milepost: scan 1.1.0 {misfit}\n"));
        let shown = run(desk.milepost(["config", "show", "scan", "--config-version", "1.1.0"])).await.complaint();
        assert!(shown.contains("has no such configuration"), "{shown}");

        let pushed = run(desk.milepost(["config", "push", "scan.toml"])).await;
        assert_eq!((pushed.code, String::from_utf8_lossy(&pushed.out).as_ref()), (Some(0), "scan 1.1.0 is registered\n"));
        assert_eq!(
            pushed.said(),
            format!(
                "milepost: scan 1.1.0 {misfit}.\n\
                 \x20 major: points of step mask changed from 3 to 5\n\
                 \x20 patch: name of step load changed from \"Load\" to \"Read\"\n"
            )
        );
        let again = run(desk.milepost(["config", "push", "--version-gate", "refuse", "--json", "scan.toml"])).await;
        let registered: serde_json::Value = serde_json::from_slice(&again.out).unwrap();
        assert_eq!((again.code, &registered[0]["version_check"]["suggested"]), (Some(0), &json!("2.0.0")));
        desk.file("scan.toml", &changed.replace("1.0.0", "1.1.1"));
        let diff = run(desk.milepost(["config", "diff", "scan.toml"])).await;
        assert_eq!(String::from_utf8_lossy(&diff.out), "scan 1.1.1 is not registered; nothing changed since 1.1.0\n");
        let pushed = run(desk.milepost(["config", "push", "scan.toml"])).await.printed();
        assert_eq!(pushed, "scan 1.1.1 is registered\n");
    }
}
