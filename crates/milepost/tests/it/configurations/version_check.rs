//! A new version is compared with the release before it: whether its step is large enough for what it changes.

use serde_json::{Value, json};

use super::{configuration, with};
use crate::support::{Person, on_both};

/// The configuration under another version.
fn version(version: &str) -> Value {
    with("/version", json!(version))
}

/// One that changes the points of a step, which is major.
fn with_points(version: &str, points: i64) -> Value {
    let mut changed = with("/version", json!(version));
    changed["step_configurations"][0]["points"] = json!(points);
    changed
}

/// One that has a step more, which is minor.
fn with_step(version: &str) -> Value {
    let mut changed = with("/version", json!(version));
    let step = json!({"tag": "end", "name": "End", "points": 1});
    changed["step_configurations"].as_array_mut().unwrap().push(step);
    changed
}

async fn push(person: &Person, configuration: Value) -> Value {
    person.post("/job-configurations", configuration).await.expect(201)["version_check"].clone()
}

/// What it was compared with, the step that is needed, the one that is taken, what is suggested.
fn told(check: &Value) -> Value {
    json!([check["compared_with"], check["needed"], check["taken"], check["fits"], check["suggested"]])
}

on_both! {
    async fn a_step_that_is_too_small_is_registered_and_told(server: TestServer) {
        let alice = server.provider("alice").await;
        assert_eq!(push(&alice, configuration()).await, Value::Null);
        let registered = alice.post("/job-configurations", with_points("1.0.1", 3)).await.expect(201);
        let detail = "points of step load changed from 2 to 3";
        let expected = json!({
            "compared_with": "1.0.0", "needed": "major", "taken": "patch", "fits": false, "suggested": "2.0.0",
            "warning": format!("1.0.1 is too small a step from 1.0.0: {detail}, which needs a major step; the lowest version that fits is 2.0.0."),
            "changes": [{"pointer": "/step_configurations/load/points", "detail": detail, "needs": "major"}],
            "more_changes": 0,
        });
        assert_eq!(registered["version_check"], expected);
        // The same again, and on reading; whatever comes later.
        push(&alice, with_points("2.0.0", 3)).await;
        push(&alice, version("1.0.0+again")).await;
        assert_eq!(alice.post("/job-configurations", with_points("1.0.1", 3)).await.expect(200), registered);
        let path = format!("/job-configurations/{}", registered["id"].as_str().unwrap());
        assert_eq!(alice.get(&path).await.expect(200), registered);
    }

    async fn what_fits_is_told_as_well(server: TestServer) {
        let alice = server.provider("alice").await;
        push(&alice, configuration()).await;
        assert_eq!(told(&push(&alice, version("1.0.1")).await), json!(["1.0.0", "none", "patch", true, "1.0.1"]));
        assert_eq!(told(&push(&alice, with_step("1.1.0")).await), json!(["1.0.1", "minor", "minor", true, "1.1.0"]));
        assert_eq!(told(&push(&alice, with_points("2.0.0", 3)).await), json!(["1.1.0", "major", "major", true, "2.0.0"]));
        let check = push(&alice, with_points("9.0.0", 3)).await;
        assert_eq!(told(&check), json!(["2.0.0", "none", "major", true, "2.0.1"]));
        assert_eq!((&check["warning"], &check["changes"]), (&Value::Null, &json!([])));
    }

    async fn a_misfit_is_refused_where_that_is_asked_for(server: TestServer) {
        let alice = server.provider("alice").await;
        let refuse = "/job-configurations?version_gate=refuse";
        alice.post(refuse, configuration()).await.expect(201);
        let before = server.contents().await;
        let problem = alice.post(refuse, with_points("1.0.1", 3)).await.expect_problem(422, &["/version"]);
        assert!(problem["detail"].as_str().unwrap().contains("the lowest version that fits is 2.0.0"), "{problem}");
        assert_eq!(server.contents().await, before);
        for bad in ["version_gate=off", "version_gate=", "gate=refuse"] {
            let answer = alice.post(&format!("/job-configurations?{bad}"), with_points("2.0.0", 3)).await;
            answer.expect_problem(422, &[if bad.starts_with("gate") { "/gate" } else { "/version_gate" }]);
        }
        alice.post("/job-configurations?version_gate=warn", with_points("1.0.1", 3)).await.expect(201);
        // What is registered is not refused, though it does not fit; nor is what fits.
        alice.post(refuse, with_points("1.0.1", 3)).await.expect(200);
        alice.post(refuse, with_points("2.0.0", 3)).await.expect(201);
        alice.post(refuse, with_points("2.0.0", 4)).await.expect_problem(409, &[]);
    }

    async fn the_one_before_is_the_highest_release_below(server: TestServer) {
        let alice = server.provider("alice").await;
        let bob = server.provider("bob").await;
        push(&bob, configuration()).await;
        // Pre-releases promise nothing.
        assert_eq!(push(&alice, with_step("1.0.0-rc.1")).await, Value::Null);
        assert_eq!(push(&alice, version("1.0.0-rc.2")).await, Value::Null);
        assert_eq!(push(&alice, version("1.0.0")).await, Value::Null);
        assert_eq!(push(&alice, version("0.9.0")).await, Value::Null);
        push(&alice, with_points("3.0.0", 3)).await;
        for (sent, expected) in [
            (with_points("1.0.1", 3), json!(["1.0.0", "major", "patch", false, "2.0.0"])),
            (with_step("1.1.0-rc.1"), json!(["1.0.1", "major", "minor", false, "2.0.0"])),
            (with_step("2.0.0"), json!(["1.0.1", "major", "major", true, "2.0.0"])),
            (version("2.0.1-rc.1"), json!(["2.0.0", "major", "patch", false, "4.0.0"])),
            (with_step("2.0.0+build"), json!(["2.0.0", "none", "none", true, "2.0.1"])),
            (with_points("2.0.0+other", 3), json!(["2.0.0+build", "major", "none", false, "3.0.1"])),
            (with_points("3.0.1", 3), json!(["3.0.0", "none", "patch", true, "3.0.1"])),
            (with_points("0.9.1", 3), json!(["0.9.0", "major", "patch", false, "0.10.0"])),
            (with_step("0.10.0"), json!(["0.9.1", "major", "major", true, "0.10.0"])),
        ] {
            assert_eq!(told(&push(&alice, sent.clone()).await), expected, "{}", sent["version"]);
        }
    }

    async fn what_is_suggested_may_be_registered(server: TestServer) {
        let alice = server.provider("alice").await;
        // Two lines of releases, the second without the step of the first.
        for registered in [version("1.0.0"), with_step("1.1.0"), with_points("2.0.0", 3), with_points("2.0.1", 3)] {
            push(&alice, registered).await;
        }
        let mut field = with_step("1.0.1");
        field["step_configurations"][1]["metadata_configurations"] = json!([{"name": "Side"}]);
        for (mut sent, expected) in [(field, "1.2.0"), (with_points("1.0.1", 5), "3.0.0"), (with_points("1.0.1", 3), "2.0.2")] {
            let path = "/job-configurations?version_gate=refuse";
            alice.post(path, sent.clone()).await.expect_problem(422, &["/version"]);
            let outlook = alice.post("/job-configurations/check", sent.clone()).await.expect(200);
            assert_eq!(outlook["version_check"]["suggested"], expected);
            sent["version"] = json!(expected);
            alice.post(path, sent).await.expect(201);
        }
    }

    async fn among_many_later_releases_one_above_all_is_suggested(server: TestServer) {
        let alice = server.provider("alice").await;
        push(&alice, version("1.0.0")).await;
        for minor in 1..=20 {
            push(&alice, with_points(&format!("1.0.{minor}"), 3)).await;
        }
        let sent = with_step("1.0.0+more");
        let outlook = alice.post("/job-configurations/check", sent).await.expect(200);
        assert_eq!(told(&outlook["version_check"]), json!(["1.0.0", "minor", "none", false, "2.0.0"]));
    }

    async fn what_registering_would_say_is_told_without_registering(server: TestServer) {
        let alice = server.provider("alice").await;
        let check = "/job-configurations/check";
        assert_eq!(alice.post(check, configuration()).await.expect(200), json!({"differences": null, "version_check": null}));
        push(&alice, configuration()).await;
        let before = server.contents().await;
        assert_eq!(alice.post(check, configuration()).await.expect(200), json!({"differences": [], "version_check": null}));
        let outlook = alice.post(check, with_points("1.0.1", 3)).await.expect(200);
        assert_eq!(outlook["differences"], Value::Null);
        assert_eq!(told(&outlook["version_check"]), json!(["1.0.0", "major", "patch", false, "2.0.0"]));
        let difference = json!({"pointer": "/step_configurations/load/points", "registered": 2, "sent": 3});
        let other = json!({"differences": [difference], "version_check": null});
        assert_eq!(alice.post(check, with_points("1.0.0", 3)).await.expect(200), other);
        alice.post(check, with("/version", json!("1"))).await.expect_problem(422, &["/version"]);
        alice.post(check, with("/step_configurations/1/tag", json!("load"))).await.expect_problem(422, &["/step_configurations/1/tag"]);
        assert_eq!(server.contents().await, before);
        assert_eq!(push(&alice, with_points("1.0.1", 3)).await, outlook["version_check"]);
        let again = alice.post(check, with_points("1.0.1", 3)).await.expect(200);
        assert_eq!(again, json!({"differences": [], "version_check": outlook["version_check"]}));
    }
}
