//! What a configuration may hold: each limit at its edge, asked of the server and of the schema it publishes.

use serde_json::{Value, json};

use super::schema::Schema;
use super::{configuration, with};
use crate::support::on_both;

const TAG: &str = "/tag";
const NAME: &str = "/name";
const VERSION: &str = "/version";
const STEPS: &str = "/step_configurations";
const STEP_TAG: &str = "/step_configurations/0/tag";
const STEP_NAME: &str = "/step_configurations/0/name";
const POINTS: &str = "/step_configurations/0/points";
const METADATA: &str = "/step_configurations/0/metadata_configurations";
const FIELD_NAME: &str = "/step_configurations/0/metadata_configurations/0/name";
const KIND: &str = "/step_configurations/0/metadata_configurations/0/kind";
const UNITS: &str = "/step_configurations/0/metadata_configurations/0/units";

fn steps(count: usize) -> Value {
    (0..count).map(|n| json!({"tag": format!("s{n}"), "name": "Step", "points": 1})).collect()
}

fn fields(count: usize) -> Value {
    (0..count).map(|n| json!({"name": format!("n{n}")})).collect()
}

/// What is just within the limits.
fn accepted() -> Vec<(&'static str, Value)> {
    let mut cases = vec![
        (TAG, json!("x")),
        (TAG, json!("A-Za_z0.9")),
        (TAG, json!("t".repeat(100))),
        (STEP_TAG, json!(".".repeat(100))),
        (VERSION, json!("0.0.0")),
        (VERSION, json!("1.0.0-rc.1+build.7")),
        (VERSION, json!("1.0.0--")),
        (VERSION, json!(format!("1.0.0+{}", "b".repeat(194)))),
        (VERSION, json!("18446744073709551615.0.0")),
        (POINTS, json!(0)),
        (POINTS, json!(1_000_000)),
        (POINTS, json!(5.0)),
        (POINTS, json!(1e6)),
        (POINTS, json!(-0.0)),
        (STEPS, steps(0)),
        (STEPS, steps(500)),
        (METADATA, fields(0)),
        (METADATA, fields(100)),
        (METADATA, Value::Null),
        (KIND, json!("text")),
        (KIND, json!("number")),
        (KIND, json!("link")),
        (KIND, Value::Null),
        (UNITS, json!("")),
        (UNITS, json!("µ".repeat(200))),
        (UNITS, Value::Null),
    ];
    for name in [NAME, STEP_NAME, FIELD_NAME] {
        cases.extend(
            [json!("n"), json!("n".repeat(200)), json!("é".repeat(200)), json!("\u{1F9E0}".repeat(200))]
                .map(|v| (name, v)),
        );
    }
    cases
}

/// What is just beyond them, or of another type.
fn refused() -> Vec<(&'static str, Value)> {
    let mut cases = vec![
        (STEPS, steps(501)),
        (STEPS, Value::Null),
        (STEPS, json!({})),
        (METADATA, fields(101)),
        (METADATA, json!({})),
        (UNITS, json!("u".repeat(201))),
        (UNITS, json!("µ".repeat(201))),
        (UNITS, json!(1)),
    ];
    for tag in [TAG, STEP_TAG] {
        let bad = ["", "a b", "a/b", "é", "a\n", " a", "a:b", "\u{0661}"];
        cases.extend(bad.map(|bad| (tag, json!(bad))));
        cases.extend([json!("t".repeat(101)), Value::Null, json!(1), json!(["a"])].map(|bad| (tag, bad)));
    }
    for name in [NAME, STEP_NAME, FIELD_NAME] {
        let bad = ["n".repeat(201), "é".repeat(201), "\u{1F9E0}".repeat(201), String::new()];
        cases.extend(bad.map(|bad| (name, json!(bad))));
        cases.extend([Value::Null, json!(1), json!({})].map(|bad| (name, bad)));
    }
    for bad in
        ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0 ", "1.0.0-é", "latest", "-1.0.0"]
    {
        cases.push((VERSION, json!(bad)));
    }
    cases.extend([json!(format!("1.0.0+{}", "b".repeat(195))), json!(1), Value::Null].map(|bad| (VERSION, bad)));
    for bad in [
        json!(1_000_001),
        json!(-1),
        json!(1.5),
        json!(999_999.5),
        json!("5"),
        json!(true),
        Value::Null,
        json!(1e300),
    ] {
        cases.push((POINTS, bad));
    }
    for bad in [json!("Number"), json!(""), json!(1), json!("image"), json!({"number": null}), json!(["number"])] {
        cases.push((KIND, bad));
    }
    cases
}

on_both! {
    async fn each_limit_holds_at_its_edge_and_the_schema_says_the_same(server: TestServer) {
        let alice = server.provider("alice").await;
        let schema = Schema(alice.get("/job-configurations/schema").await.expect(200));
        for (number, (pointer, value)) in (0..).zip(accepted()) {
            let mut sent = with(pointer, value.clone());
            if pointer != TAG {
                sent["tag"] = json!(format!("tag{number}"));
            }
            let shown: String = format!("{pointer}: {value}").chars().take(100).collect();
            assert_eq!(schema.problems(&sent), Vec::<String>::new(), "{shown}");
            let answer = alice.post("/job-configurations", sent).await;
            assert_eq!(answer.status, 201, "{shown}: {}", answer.text);
        }
        let before = server.contents().await;
        for (pointer, value) in refused() {
            let sent = with(pointer, value.clone());
            let shown: String = format!("{pointer}: {value}").chars().take(100).collect();
            assert_ne!(schema.problems(&sent), Vec::<String>::new(), "{shown}");
            let answer = alice.post("/job-configurations", sent).await;
            assert_eq!(answer.status, 422, "{shown}: {}", answer.text);
            answer.expect_problem(422, &[pointer]);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn a_field_that_is_missing_or_unknown_is_refused_by_name(server: TestServer) {
        let alice = server.provider("alice").await;
        let schema = Schema(alice.get("/job-configurations/schema").await.expect(200));
        let before = server.contents().await;
        for (object, needed) in [
            ("", &["tag", "name", "version", "step_configurations"][..]),
            ("/step_configurations/0", &["tag", "name", "points"]),
            ("/step_configurations/0/metadata_configurations/0", &["name"]),
        ] {
            for field in needed {
                let mut sent = configuration();
                sent.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(*field);
                assert_ne!(schema.problems(&sent), Vec::<String>::new(), "{object}/{field}");
                let answer = alice.post("/job-configurations", sent).await;
                answer.expect_problem(422, &[&format!("{object}/{field}")]);
            }
            let mut sent = configuration();
            sent.pointer_mut(object).unwrap()["position"] = json!(1);
            assert_ne!(schema.problems(&sent), Vec::<String>::new(), "{object}");
            alice.post("/job-configurations", sent).await.expect_problem(422, &[&format!("{object}/position")]);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn what_is_there_twice_is_refused_by_name(server: TestServer) {
        let alice = server.provider("alice").await;
        let before = server.contents().await;
        let step = json!({"tag": "load", "name": "Load", "points": 1});
        let twice = with(STEPS, json!([step, {"tag": "scan", "name": "Scan", "points": 1}, step]));
        alice.post("/job-configurations", twice).await.expect_problem(422, &["/step_configurations/2/tag"]);
        let twice = with(METADATA, json!([{"name": "Size"}, {"name": "size"}, {"name": "Size", "kind": "number"}]));
        let pointer = "/step_configurations/0/metadata_configurations/2/name";
        alice.post("/job-configurations", twice).await.expect_problem(422, &[pointer]);
        let text = configuration().to_string().replacen("\"name\":", "\"name\": \"x\", \"name\":", 1);
        alice.post_text("/job-configurations", "application/json", text).await.expect_problem(422, &[
            "/name",
        ]);
        assert_eq!(server.contents().await, before);
    }

    async fn bad_input_changes_nothing(server: TestServer) {
        let alice = server.provider("alice").await;
        let before = server.contents().await;
        let text = configuration().to_string();
        for (body, status, pointers) in [
            (text.replace("\"points\":2", "\"points\":1e400"), 422, &[POINTS][..]),
            (text.replace("\"points\":2", "\"points\":99999999999999999999"), 422, &[POINTS]),
            (text.replace("Brain volumes", "Brain\\u0000volumes"), 422, &[NAME]),
            (text.replace("Brain volumes", "\\ud800"), 400, &[]),
            (text.replace("voxels", "a\\u0000"), 422, &[UNITS]),
            (format!("[{text}]"), 422, &[""]),
            (r#"["brain", "Brain", "1.0.0", []]"#.to_owned(), 422, &[""]),
            (text[1..].to_owned(), 400, &[]),
            (String::new(), 400, &[]),
        ] {
            assert_ne!(body, text);
            let answer = alice.post_text("/job-configurations", "application/json", body.clone()).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.text);
            answer.expect_problem(status, pointers);
        }
        let step = json!(["load", "Load", 1]);
        alice.post("/job-configurations", with(STEPS, json!([step]))).await.expect_problem(422, &["/step_configurations/0"]);
        let field = json!(["Size", "number", null]);
        alice.post("/job-configurations", with(METADATA, json!([field]))).await.expect_problem(422, &[&format!("{METADATA}/0")]);
        alice.post_text("/job-configurations", "text/plain", text).await.expect_problem(415, &[]);
        let large = with("/name", json!("x".repeat(4 * 1024 * 1024)));
        alice.post("/job-configurations", large).await.expect_problem(413, &[]);
        assert_eq!(server.contents().await, before);
    }
}
