//! What the calls refuse, and how much they look at and tell of at most.

use chrono::{DateTime, TimeDelta, Utc};
use milepost::durations::catch_up;
use serde_json::{Value, json};

use super::history::at;
use crate::support::{DatabaseKind, Person, TestServer, on_both};

const CALLS: [&str; 4] =
    ["/analytics/jobs?", "/analytics/steps?", "/analytics/customers?", "/analytics/metadata?tag=brain&step=load&"];

/// A provider with a kind of job `brain` of one step, and a job of it.
async fn provider(server: &TestServer) -> (Person, String) {
    let alice = server.provider("alice").await;
    alice.register("brain", "1.0.0", &[("load", 2)]).await;
    let job = alice.open_job("brain", "j1").await;
    alice.report("j1", "step", Some("load")).await;
    (alice, job)
}

/// So many finishes of a step each minute before a time, as if they had been reported.
async fn pretend(server: &TestServer, (job, step): (&str, &str), count: i64, before: DateTime<Utc>) {
    let database = &server.database;
    let (job, step) = (database.id(job), database.id(step));
    let insert = |number: i64| {
        let at = (before - TimeDelta::minutes(number + 1)).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false);
        let id = database.id(&format!("00000000-0000-4000-8000-{number:012x}"));
        format!("({id}, '{at}', {})", (number + 1) * 1_000_000)
    };
    let values: Vec<String> = (0..count).map(insert).collect();
    let finished_at = match database.kind {
        DatabaseKind::Sqlite => "column2",
        DatabaseKind::Postgres => "cast(column2 as timestamptz)",
    };
    let sql = format!(
        "insert into durations (job_id, step_configuration_id, job_configuration_id, provider_id, finished_at, duration)
         select column1, {step}, job_configuration_id, provider_id, {finished_at}, column3
         from jobs, (values {}) as rows where jobs.id = {job}",
        values.join(", ")
    );
    database.raw().await.execute(&sql).await.unwrap();
}

on_both! {
    async fn what_does_not_fit_is_refused_by_its_name(server: TestServer) {
        let (alice, _) = provider(&server).await;
        for call in CALLS {
            for (query, pointer) in [
                ("from=2026-01-01&to=2027-02-05", "/by"),
                ("from=2026-01-01&to=2046-01-01&by=month", "/by"),
                ("from=1970-01-01&to=9998-12-31&by=month", "/by"),
                ("from=2026-02-01&to=2026-01-31", "/to"),
                ("from=2026-02-01T10:07:00Z", "/from"),
                ("to=2026-02-01T10:15:00.5Z", "/to"),
                ("from=yesterday", "/from"),
                ("zone=Mars/Olympus", "/zone"),
                ("by=week", "/by"),
                ("customer=somebody", "/customer"),
                ("version=1", "/version"),
                ("status=error", ""),
            ] {
                let answer = alice.get(&format!("{call}{query}")).await;
                assert_eq!(answer.status, 422, "{call}{query}: {}", answer.text);
                let told = answer["errors"][0]["pointer"].as_str().unwrap();
                assert!(told == pointer || (pointer.is_empty() && told == "/status"), "{call}{query}: {}", answer.text);
            }
            for query in ["from=2026-01-01&to=2027-02-04", "from=2026-01-01&to=2045-12-31&by=month", "from=2026-02-01T10:15:00Z&to=2026-02-01T10:15:00Z"] {
                alice.get(&format!("{call}{query}")).await.expect(200);
            }
        }
        alice.get("/analytics/jobs?version=1.0.0").await.expect_problem(422, &["/version"]);
        alice.get("/analytics/metadata?tag=brain").await.expect_problem(422, &["/step"]);
        alice.get("/analytics/metadata?step=load").await.expect_problem(422, &["/tag"]);
    }

    async fn figures_are_the_providers_alone(server: TestServer) {
        let (alice, _) = provider(&server).await;
        let bob = server.customer_of(&alice, "bob").await;
        let mallory = server.provider("mallory").await;
        for call in CALLS {
            bob.get(call).await.expect_problem(403, &[]);
            server.nobody().get(call).await.expect_problem(401, &[]);
            alice.with_new_key("read").await.get(call).await.expect(200);
            let answer = mallory.get(call).await.expect(200);
            assert!(answer["items"].as_array().is_none_or(Vec::is_empty), "{answer}");
            assert!(answer["totals"].is_null() || answer["totals"]["opened"] == 0, "{answer}");
        }
        assert_eq!(alice.get("/analytics/jobs").await.expect(200)["totals"]["opened"], 1);
    }

    async fn beside_twenty_configurations_all_others_are_told_of_together(server: TestServer) {
        let (alice, _) = provider(&server).await;
        for number in 0..22 {
            let tag = format!("tag{number:02}");
            alice.register(&tag, "1.0.0", &[("load", 1)]).await;
            alice.open_job(&tag, &tag).await;
            // Those with the greater numbers have more.
            for _ in 0..number {
                alice.report(&tag, "error", None).await;
            }
        }
        let answer = alice.get("/analytics/jobs").await.expect(200);
        let part = answer["parts"].as_array().unwrap().last().unwrap();
        let told: Vec<(Option<&str>, i64, i64)> = part["configurations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["tag"].as_str(), one["opened"].as_i64().unwrap(), one["errors"].as_i64().unwrap()))
            .collect();
        assert_eq!(told.len(), 21);
        // `brain`, `tag00` and `tag01` have the least.
        assert_eq!((told[0], told[19], told[20]), ((Some("tag02"), 1, 2), (Some("tag21"), 1, 21), (None, 3, 1)));
        assert_eq!(answer["totals"]["opened"], 23);
    }

    async fn of_many_customers_those_with_most_points_are_told_of(server: TestServer) {
        let (alice, job) = provider(&server).await;
        let database = &server.database;
        // As if three more customers than are told of had had a step each, of 1, 2, 3, … points.
        let values: Vec<String> = (1..=1_003)
            .map(|number| format!("({}, 'c{number}@customer.example', {number})", database.id(&format!("00000000-0000-4000-8000-{number:012x}"))))
            .collect();
        let values = values.join(", ");
        let (mut raw, job) = (database.raw().await, database.id(&job));
        raw.execute(&format!(
            "insert into customers (id, provider_id, email, created_at, updated_at)
             select column1, provider_id, column2, created_at, created_at from jobs, (values {values}) as rows where jobs.id = {job}"
        ))
        .await
        .unwrap();
        for (series, day) in [("job_days", "2026-03-02"), ("job_months", "2026-03-01")] {
            let start = match database.kind {
                DatabaseKind::Sqlite => format!("'{day}T00:00:00+00:00'"),
                DatabaseKind::Postgres => format!("timestamptz '{day}T00:00:00+00:00'"),
            };
            raw.execute(&format!(
                "insert into rollups select provider_id, column1, '{series}', {start}, job_configuration_id, 0, 0, 0, 0, 0, 0, 0, 1, column3, 0
                 from jobs, (values {values}) as rows where jobs.id = {job}"
            ))
            .await
            .unwrap();
        }
        let answer = alice.get("/analytics/customers?from=2026-03-01&to=2026-03-31").await.expect(200);
        let items = answer["items"].as_array().unwrap();
        let told = |item: &Value| json!([item["customer"]["email"], item["points"], item["customer"]["customer_id"]]);
        assert_eq!(items.len(), 1_000);
        assert_eq!(told(&items[0]), json!(["c1003@customer.example", 1_003, null]));
        assert_eq!(told(&items[999]), json!(["c4@customer.example", 4, null]));
        assert_eq!(json!([answer["more"]["customers"], answer["more"]["points"], answer["more"]["steps"]]), json!([3, 6, 3]));
    }

    async fn of_many_steps_the_busiest_are_told_of(server: TestServer) {
        let (alice, _) = provider(&server).await;
        let names: Vec<String> = (0..260).map(|number| format!("step{number}")).collect();
        let steps: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let mut errors = Vec::new();
        for tag in ["first", "second"] {
            alice.register(tag, "1.0.0", &steps).await;
            alice.open_job(tag, tag).await;
            let error = |name: &String| json!({"provider_job_id": tag, "kind": "error", "tag": name});
            errors.extend(names.iter().map(error));
        }
        // All of them failed once, and most of them twice: not `load`, and not the first twenty of the first.
        errors.extend(errors.clone().split_off(20));
        for errors in errors.chunks(500) {
            alice.post("/events/batch", json!(errors)).await.expect(200);
        }
        let answer = alice.get("/analytics/steps").await.expect(200);
        let items = answer["items"].as_array().unwrap();
        assert_eq!((items.len(), &answer["more"]), (500, &json!(21)));
        assert_eq!((&items[0]["tag"], &items[0]["step"], &items[0]["errors"]), (&json!("first"), &json!("step20"), &json!(2)));
        assert!(items.iter().all(|item| item["errors"] == 2));
    }

    async fn of_a_step_version_the_newest_thousand_durations_count(server: TestServer) {
        let (alice, job) = provider(&server).await;
        let configuration = alice.get("/job-configurations").await.expect(200);
        let step = configuration["items"][0]["step_configurations"][0]["id"].as_str().unwrap().to_owned();
        // The roll-ups must know of one at least.
        alice.open_job("brain", "j2").await;
        let first = json!({"provider_job_id": "j2", "kind": "step", "tag": "load", "occurred_at": "2026-01-02T00:00:00Z"});
        alice.post("/events", first).await.expect(201);
        pretend(&server, (&job, &step), 1_200, at("2026-01-20T00:00:00Z")).await;
        let answer = alice.get("/analytics/steps?from=2026-01-01&to=2026-01-31").await.expect(200);
        let item = &answer["items"][0];
        // From one second to a thousand, the newest the shortest.
        assert_eq!((&item["samples"], &item["median"]), (&json!(1_000), &json!(500.5)));
        let of_nobody = alice.get("/analytics/steps?customer=none&from=2026-01-01&to=2026-01-31").await.expect(200);
        assert_eq!(of_nobody["items"], answer["items"]);
    }

    async fn of_a_long_period_measurements_are_spread_over_its_days(server: TestServer) {
        let (alice, _) = provider(&server).await;
        let bulk = |from: &str, count: i64| {
            let first = at(from);
            (0..count).map(move |number| first + TimeDelta::minutes(number)).collect::<Vec<_>>()
        };
        // A thousand on one day, ten on another.
        let times: Vec<_> = bulk("2026-03-02T00:00:00Z", 1_000).into_iter().chain(bulk("2026-03-03T00:00:00Z", 10)).collect();
        let alice = alice.with_new_key("write").await;
        for times in times.chunks(500) {
            let mut events = Vec::new();
            for at in times {
                let job = format!("m{}", at.timestamp());
                alice.open_job("brain", &job).await;
                events.push(json!({"provider_job_id": job, "kind": "step", "tag": "load", "occurred_at": at,
                    "event_metadata": {"Density": at.timestamp() / 60}}));
            }
            alice.post("/events/batch", json!(events)).await.expect(200);
        }
        catch_up(&server.app).await.unwrap();
        let trend = async |query: &str| -> Vec<Value> {
            let answer = alice.get(&format!("/analytics/metadata?tag=brain&step=load&{query}")).await.expect(200);
            let items = answer["items"].as_array().unwrap();
            items[0]["trend"].as_array().unwrap().iter().map(|point| json!([point["date"], point["samples"]])).collect()
        };
        assert_eq!(trend("from=2026-03-01&to=2026-03-31").await, [json!(["2026-03-02", 990]), json!(["2026-03-03", 10])]);
        assert_eq!(trend("from=2026-01-01&to=2026-12-31").await, [json!(["2026-03-02", 999])],
            "six days together; one has the step of this year that measured nothing");
        let newest = alice.get("/analytics/metadata?tag=brain&step=load&from=2026-03-02&to=2026-03-03").await.expect(200);
        let first = at("2026-03-02T00:10:00Z").timestamp() / 60;
        assert_eq!(newest["items"][0]["min"].as_f64(), Some(f64::from(u32::try_from(first).unwrap())), "the ten oldest are left out");
    }
}
