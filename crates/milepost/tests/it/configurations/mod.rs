//! Job configurations: registered once, immutable, found by tag and version.

mod limits;
mod schema;
mod version_check;

use serde_json::{Value, json};

use crate::support::{Person, on_both};

/// A configuration of two steps, with metadata of every kind.
fn configuration() -> Value {
    json!({"tag": "brain", "name": "Brain volumes", "version": "1.0.0", "step_configurations": [
        {"tag": "load", "name": "Load", "points": 2, "metadata_configurations": [
            {"name": "Matrix", "kind": "text", "units": "voxels"},
            {"name": "Size", "kind": "number", "units": "mm"},
            {"name": "Source", "kind": "link", "units": null},
        ]},
        {"tag": "scan", "name": "Scan", "points": 8, "metadata_configurations": []},
    ]})
}

/// The same with another value at a pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut changed = configuration();
    *changed.pointer_mut(pointer).unwrap() = value;
    changed
}

async fn register(person: &Person, tag: &str, version: &str) -> Value {
    let body = json!({"tag": tag, "name": "A job", "version": version, "step_configurations": []});
    person.post("/job-configurations", body).await.expect(201)
}

/// The versions that a list has, in its order.
async fn versions(person: &Person, query: &str) -> Vec<String> {
    let list = person.get(&format!("/job-configurations?{query}")).await.expect(200);
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["version"].as_str().unwrap().to_owned()).collect()
}

on_both! {
    async fn a_configuration_is_registered_and_read_back_with_its_steps_in_order(server: TestServer) {
        let alice = server.provider("alice").await;
        let registered = alice.post("/job-configurations", configuration()).await.expect(201);
        assert_eq!(registered["provider_id"], json!(alice.id));
        assert_eq!(registered["created_at"], registered["updated_at"]);
        let steps = registered["step_configurations"].as_array().unwrap();
        let told = |step: &Value| json!([step["tag"], step["name"], step["points"], step["position"]]);
        assert_eq!(json!(steps.iter().map(told).collect::<Vec<_>>()), json!([["load", "Load", 2, 0], ["scan", "Scan", 8, 1]]));
        assert_eq!(steps[0]["job_configuration_id"], registered["id"]);
        let fields = steps[0]["metadata_configurations"].as_array().unwrap();
        let told = |field: &Value| json!([field["name"], field["kind"], field["units"], field["position"]]);
        assert_eq!(
            json!(fields.iter().map(told).collect::<Vec<_>>()),
            json!([["Matrix", "text", "voxels", 0], ["Size", "number", "mm", 1], ["Source", "link", null, 2]]),
        );
        assert_eq!(fields[0]["step_configuration_id"], steps[0]["id"]);
        let id = registered["id"].as_str().unwrap();
        let mut listed = registered.clone();
        assert_eq!(listed.as_object_mut().unwrap().remove("version_check"), Some(Value::Null));
        for path in [format!("/job-configurations/{id}"), format!("/job_configurations/{id}")] {
            assert_eq!(alice.get(&path).await.expect(200), registered);
        }
        for query in ["", "?tag=brain", "?tag=brain&version=1.0.0", "?tag=brain&version=latest", "?version=latest"] {
            let list = alice.get(&format!("/job-configurations{query}")).await.expect(200);
            assert_eq!(list, json!({"items": [listed], "next": null}), "{query}");
        }
    }

    async fn the_same_again_is_the_one_that_is_registered(server: TestServer) {
        let alice = server.provider("alice").await;
        let registered = alice.post("/job-configurations", configuration()).await.expect(201);
        let before = server.contents().await;
        let mut with_schema = configuration();
        with_schema["$schema"] = json!("https://example.com/api/v1/job-configurations/schema");
        let mut in_other_words = configuration();
        in_other_words["step_configurations"][0]["metadata_configurations"][0] = json!({"units": "voxels", "name": "Matrix"});
        in_other_words["step_configurations"][0]["metadata_configurations"][2] = json!({"name": "Source", "kind": "link"});
        in_other_words["step_configurations"][1]["metadata_configurations"] = Value::Null;
        in_other_words["step_configurations"][1]["points"] = json!(8.0);
        for same in [configuration(), with_schema, in_other_words] {
            assert_eq!(alice.post("/job-configurations", same).await.expect(200), registered);
        }
        assert_eq!(server.contents().await, before);
    }

    async fn registered_many_times_at_once_it_is_one(server: TestServer) {
        let alice = server.provider("alice").await;
        let posts = (0..8).map(|_| alice.post("/job-configurations", configuration()));
        let answers = futures::future::join_all(posts).await;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(200)), (1, 7));
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    }

    async fn other_content_is_a_conflict_with_an_entry_for_each_path(server: TestServer) {
        let alice = server.provider("alice").await;
        let registered = alice.post("/job-configurations", configuration()).await.expect(201);
        let before = server.contents().await;
        let metadata = "/step_configurations/0/metadata_configurations";
        let (size, source) = (json!({"name": "Size", "kind": "number", "units": "mm"}), json!({"name": "Source", "kind": "link", "units": null}));
        let matrix = json!({"name": "Matrix", "kind": "text", "units": "voxels"});
        let (load, scan) = (configuration()["step_configurations"][0].clone(), configuration()["step_configurations"][1].clone());
        let extra = json!({"tag": "end", "name": "End", "points": 1, "metadata_configurations": null});
        let depth = json!({"name": "Depth/~", "kind": "number", "units": "mm"});
        let cases = [
            (with("/name", json!("Other")), json!([["/name", "Brain volumes", "Other"]])),
            (with("/step_configurations/0/points", json!(3)), json!([["/step_configurations/load/points", 2, 3]])),
            (with("/step_configurations/1/name", json!("S")), json!([["/step_configurations/scan/name", "Scan", "S"]])),
            (with(&format!("{metadata}/1/kind"), json!("text")),
                json!([["/step_configurations/load/metadata_configurations/Size/kind", "number", "text"]])),
            (with(&format!("{metadata}/1/units"), json!("cm")),
                json!([["/step_configurations/load/metadata_configurations/Size/units", "mm", "cm"]])),
            (with(&format!("{metadata}/2/units"), json!("")),
                json!([["/step_configurations/load/metadata_configurations/Source/units", null, ""]])),
            (with("/step_configurations", json!([load, scan, extra])),
                json!([["/step_configurations/end", null, extra]])),
            (with("/step_configurations", json!([scan])), json!([["/step_configurations/load", load, null]])),
            (with("/step_configurations", json!([scan, load])),
                json!([["/step_configurations", ["load", "scan"], ["scan", "load"]]])),
            (with(metadata, json!([matrix, size, source, depth])),
                json!([["/step_configurations/load/metadata_configurations/Depth~1~0", null, depth]])),
            (with(metadata, json!([matrix, source])),
                json!([["/step_configurations/load/metadata_configurations/Size", size, null]])),
            (with(metadata, json!([size, matrix, source])),
                json!([["/step_configurations/load/metadata_configurations", ["Matrix", "Size", "Source"], ["Size", "Matrix", "Source"]]])),
        ];
        for (sent, expected) in cases {
            let problem = alice.post("/job-configurations", sent).await.expect_problem(409, &[]);
            let differences = problem["differences"].as_array().unwrap();
            let told: Vec<Value> = differences.iter().map(|d| json!([d["pointer"], d["registered"], d["sent"]])).collect();
            assert_eq!(json!(told), expected);
        }
        let mut many = with("/name", json!("Other"));
        many["step_configurations"][0]["points"] = json!(5);
        many["step_configurations"][1]["tag"] = json!("end");
        let problem = alice.post("/job-configurations", many).await.expect_problem(409, &[]);
        let pointers: Vec<&Value> = problem["differences"].as_array().unwrap().iter().map(|d| &d["pointer"]).collect();
        assert_eq!(pointers, ["/name", "/step_configurations/load/points", "/step_configurations/scan", "/step_configurations/end"]);
        assert!(problem["detail"].as_str().unwrap().contains("4 values differ"), "{problem}");
        assert_eq!(server.contents().await, before);
        assert_eq!(alice.get(&format!("/job-configurations/{}", registered["id"].as_str().unwrap())).await.body, registered);
    }

    async fn latest_goes_by_semver_precedence_releases_before_pre_releases(server: TestServer) {
        let alice = server.provider("alice").await;
        let in_order_of_precedence = [
            "3.0.0-alpha", "3.0.0-alpha.1", "3.0.0-alpha.beta", "3.0.0-beta.2", "3.0.0-beta.11", "3.0.0-rc.1",
            "0.9.0", "0.10.0", "1.0.0", "1.0.2", "1.0.10", "2.0.0",
        ];
        // Each is registered when it is the highest, and then a lower one after it, which changes nothing.
        register(&alice, "brain", "1.0.0-0").await;
        for (version, number) in in_order_of_precedence.iter().zip(1..) {
            register(&alice, "brain", version).await;
            register(&alice, "brain", &format!("0.0.0-0.{number}")).await;
            assert_eq!(versions(&alice, "tag=brain&version=latest").await, [*version]);
            assert_eq!(versions(&alice, "").await, [*version]);
        }
        assert_eq!(versions(&alice, "tag=brain&limit=200").await.len(), 25);
    }

    async fn of_equal_precedence_the_one_registered_later_is_latest(server: TestServer) {
        let alice = server.provider("alice").await;
        for version in ["1.0.0+b", "1.0.0", "1.0.0+a"] {
            register(&alice, "brain", version).await;
            assert_eq!(versions(&alice, "tag=brain&version=latest").await, [version]);
            assert_eq!(versions(&alice, "").await, [version]);
        }
        assert_eq!(versions(&alice, "tag=brain").await, ["1.0.0+a", "1.0.0", "1.0.0+b"]);
        assert_eq!(versions(&alice, "tag=brain&version=1.0.0%2Bb").await, ["1.0.0+b"]);
        let job = alice.post("/jobs", json!({"provider_job_id": "j1", "tag": "brain"})).await.expect(201);
        assert_eq!(job["version"], "1.0.0+a");
    }

    async fn lists_are_paged_newest_first_and_stay_in_place_while_others_are_added(server: TestServer) {
        let alice = server.provider("alice").await;
        for number in 1..=5 {
            register(&alice, "brain", &format!("1.0.{number}")).await;
            register(&alice, &format!("tag{number}"), "1.0.0").await;
        }
        let first = alice.get("/job-configurations?tag=brain&limit=2").await.expect(200);
        register(&alice, "brain", "1.0.6").await;
        let next = first["next"].as_str().unwrap();
        assert_eq!(versions(&alice, &format!("tag=brain&limit=2&cursor={next}")).await, ["1.0.3", "1.0.2"]);
        assert_eq!(versions(&alice, "tag=brain&limit=1").await, ["1.0.6"]);
        let newest = alice.get("/job-configurations?limit=4").await.expect(200);
        let tags: Vec<&Value> = newest["items"].as_array().unwrap().iter().map(|item| &item["tag"]).collect();
        assert_eq!(tags, ["brain", "tag5", "tag4", "tag3"], "the newest version of each tag");
        let rest = alice.get(&format!("/job-configurations?limit=4&cursor={}", newest["next"].as_str().unwrap())).await;
        let tags: Vec<&Value> = rest["items"].as_array().unwrap().iter().map(|item| &item["tag"]).collect();
        assert_eq!(tags, ["tag2", "tag1"]);
        assert_eq!(rest["next"], Value::Null);
        // Nor is one lost of those that were registered at the same time.
        let mut ids = alice.list_ids("/job-configurations", 200).await;
        let same = "update job_configurations set created_at = '2026-01-01T00:00:00+00:00'";
        server.database.raw().await.execute(same).await.unwrap();
        ids.sort_by(|a, b| b.cmp(a));
        assert_eq!(alice.list_ids("/job-configurations", 2).await, ids);
    }

    async fn what_is_not_there_is_an_empty_list_or_not_found(server: TestServer) {
        let alice = server.provider("alice").await;
        register(&alice, "brain", "1.0.0").await;
        for query in ["tag=lung", "tag=lung&version=latest", "tag=brain&version=1.0.1", "tag=Brain"] {
            let list = alice.get(&format!("/job-configurations?{query}")).await.expect(200);
            assert_eq!(list, json!({"items": [], "next": null}), "{query}");
        }
        for id in ["018f4e9c-0000-7000-8000-000000000000", "brain", "1"] {
            alice.get(&format!("/job-configurations/{id}")).await.expect_problem(404, &[]);
        }
    }

    async fn a_bad_filter_is_refused_by_name(server: TestServer) {
        let alice = server.provider("alice").await;
        for (query, pointer) in [
            ("tag=", "/tag"), ("tag=a%20b", "/tag"), ("tag=brain&version=1", "/version"), ("version=1.0.0", "/version"),
            ("tag=brain&version=", "/version"), ("limit=0", "/limit"), ("limit=x", "/limit"), ("cursor=x", "/cursor"),
            ("tag=brain&tag=lung", "/tag"), ("name=x", "/name"),
        ] {
            let answer = alice.get(&format!("/job-configurations?{query}")).await;
            assert_eq!(answer.status, 422, "{query}: {}", answer.text);
            answer.expect_problem(422, &[pointer]);
        }
    }

    async fn the_same_tag_of_another_provider_is_another_configuration(server: TestServer) {
        let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
        let of_alice = alice.post("/job-configurations", configuration()).await.expect(201);
        let of_bob = bob.post("/job-configurations", with("/name", json!("Bob's"))).await.expect(201);
        register(&bob, "brain", "9.0.0").await;
        assert_ne!(of_alice["id"], of_bob["id"]);
        assert_eq!(versions(&alice, "").await, ["1.0.0"]);
        assert_eq!(versions(&alice, "tag=brain&version=latest").await, ["1.0.0"]);
        bob.get(&format!("/job-configurations/{}", of_alice["id"].as_str().unwrap())).await.expect_problem(404, &[]);
        let job = alice.post("/jobs", json!({"provider_job_id": "j1", "tag": "brain"})).await.expect(201);
        assert_eq!(job["job_configuration_id"], of_alice["id"]);
    }
}
