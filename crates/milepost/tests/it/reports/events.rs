//! The report of events.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{lines, table};
use crate::support::{Person, TestServer, eventually, on_both};

/// A provider with two customers, jobs of three configurations, and events in all of them.
struct Lab {
    alice: Person,
    carol: Person,
}

impl Lab {
    async fn open(server: &TestServer) -> Self {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.invite("dave@customer.example").await;
        for version in ["1.0.0", "1.1.0"] {
            alice.register("scan", version, &[("load", 30), ("measure", 70)]).await;
        }
        alice.register("render", "1.0.0", &[]).await;
        let job = |id: &str, tag: &str, version: &str| json!({"provider_job_id": id, "tag": tag, "version": version});
        let with = |mut job: Value, name: &str, value: &str| {
            job[name] = json!(value);
            job
        };
        for body in [
            with(job("S-1", "scan", "1.0.0"), "customer_id", &carol.id),
            with(job("S-2", "scan", "1.1.0"), "customer_id", &carol.id),
            with(job("S-3", "scan", "1.1.0"), "customer_email", "dave@customer.example"),
            job("R-1", "render", "1.0.0"),
            job("R-2", "render", "1.0.0"),
        ] {
            alice.post("/jobs", body).await.expect(201);
        }
        let at = |hours: i64| (server.app.clock().now() - Duration::hours(hours)).to_rfc3339();
        let event = |id: &str, kind: &str, tag: Option<&str>, hours: i64| json!({"provider_job_id": id, "kind": kind, "tag": tag, "occurred_at": at(hours)});
        let mut events = vec![
            event("S-1", "info", Some("load"), 48),
            event("S-1", "step", Some("load"), 47),
            event("S-1", "step", Some("measure"), 46),
            event("S-2", "error", Some("measure"), 5),
            event("S-3", "complete", None, 4),
            event("R-1", "info", None, 3),
        ];
        events[0]["fraction"] = json!(0.25);
        events[1]["event_metadata"] = json!({"Density": -5.5, "Comment": "ok", "Big": 1e300, "None": null});
        let answer = alice.post("/events/batch", json!(events)).await.expect(200);
        assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
        Self { alice, carol }
    }
}

/// The provider's ids of the jobs of rows, each once.
fn jobs(rows: &[Value]) -> BTreeSet<&str> {
    rows.iter().map(|row| row["provider_job_id"].as_str().unwrap()).collect()
}

/// The same instant, however it is written.
fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

on_both! {
    async fn a_row_has_the_event_with_its_job_configuration_and_step(server: TestServer) {
        let Lab { alice, carol } = Lab::open(&server).await;
        let rows = lines(&alice, "events").await;
        assert_eq!(rows.len(), 6);
        let mut seen = Vec::new();
        for row in &rows {
            let job = alice.get(&format!("/jobs/{}", row["job_id"].as_str().unwrap())).await.expect(200);
            let events = alice.get(&format!("/jobs/{}/events", row["job_id"].as_str().unwrap())).await.expect(200);
            let event = events["items"].as_array().unwrap().iter().find(|event| event["id"] == row["event_id"]).unwrap();
            for (column, expected) in [
                ("event_kind", &event["kind"]), ("event_name", &event["name"]), ("event_sequence", &event["sequence"]),
                ("event_metadata", &event["event_metadata"]), ("event_fraction", &event["fraction"]),
                ("step_configuration_id", &event["step_configuration_id"]), ("step_tag", &event["tag"]),
                ("provider_id", &json!(alice.id)), ("provider_job_id", &job["provider_job_id"]),
                ("provider_job_name", &job["provider_job_name"]), ("job_status", &job["status"]),
                ("customer_id", &job["customer_id"]), ("customer_email", &job["customer_email"]),
                ("job_configuration_id", &job["job_configuration_id"]), ("configuration_tag", &job["tag"]),
                ("configuration_version", &job["version"]),
            ] {
                assert_eq!(&row[column], expected, "{column} of {row}");
            }
            for (column, expected) in [("occurred_at", &event["occurred_at"]), ("created_at", &event["created_at"]), ("job_created_at", &job["created_at"])] {
                assert_eq!(instant(&row[column]), instant(expected), "{column} of {row}");
            }
            let step = job["steps"].as_array().unwrap().iter().find(|step| step["tag"] == row["step_tag"]);
            let points = step.map_or(&Value::Null, |step| &step["points"]);
            assert_eq!(&row["step_points"], points, "{row}");
            seen.push((job["created_at"].clone().to_string(), instant(&row["occurred_at"])));
        }
        assert!(seen.is_sorted(), "{seen:?}");
        assert_eq!(rows[1]["event_metadata"]["Density"], -5.5);
        assert_eq!(rows[0]["customer_email"], carol.email.as_str());

        // The same in CSV.
        let (csv, _) = table(&alice.get("/reports/events").await, b',');
        assert_eq!(csv.len(), rows.len());
        for (written, row) in csv.iter().zip(&rows) {
            for (name, value) in row.as_object().unwrap() {
                let expected = match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    value if name == "event_fraction" => format!("{:.6}", value.as_f64().unwrap()),
                    value => value.to_string(),
                };
                assert_eq!(written[name], expected.as_str(), "{name} of {row}");
            }
        }
    }

    async fn filters_choose_what_is_in_it(server: TestServer) {
        let Lab { alice, carol } = Lab::open(&server).await;
        let links = alice.get("/customers").await.expect(200);
        let link = |email: &str| {
            let found = links["items"].as_array().unwrap().iter().find(|link| link["email"] == email).unwrap();
            found["id"].as_str().unwrap().to_owned()
        };
        let day = |hours: i64| (server.app.clock().now() - Duration::hours(hours)).to_rfc3339().replace('+', "%2B");
        for (query, expected) in [
            (String::new(), &["R-1", "S-1", "S-2", "S-3"][..]),
            ("tag=scan".to_owned(), &["S-1", "S-2", "S-3"]),
            ("tag=scan&version=1.1.0".to_owned(), &["S-2", "S-3"]),
            ("tag=other".to_owned(), &[]),
            (format!("customer={}", carol.id), &["S-1", "S-2"]),
            (format!("customer={}", carol.email), &["S-1", "S-2"]),
            (format!("customer={}", link("dave@customer.example")), &["S-3"]),
            ("customer=dave%40customer.example".to_owned(), &["S-3"]),
            ("customer=none".to_owned(), &["R-1"]),
            ("customer=nobody%40customer.example".to_owned(), &[]),
            (format!("customer={}", alice.id), &[]),
            ("status=error".to_owned(), &["S-2"]),
            ("status=completed,running".to_owned(), &["R-1", "S-1", "S-3"]),
            (format!("from={}", day(6)), &["R-1", "S-2", "S-3"]),
            (format!("to={}", day(6)), &["S-1"]),
            (format!("from={}&to={}", day(6), day(2)), &["R-1", "S-2", "S-3"]),
            (format!("from={}&to={}&status=error&tag=scan", day(6), day(2)), &["S-2"]),
            ("from=2020-01-01&to=2020-12-31".to_owned(), &[]),
        ] {
            let rows = lines(&alice, &format!("events?{query}")).await;
            assert_eq!(jobs(&rows).into_iter().collect::<Vec<_>>(), expected, "{query}");
        }
        let half_hour = |minutes: i64| (server.app.clock().now() - Duration::minutes(minutes)).to_rfc3339().replace('+', "%2B");
        let rows = lines(&alice, &format!("events?from={}&to={}", half_hour(47 * 60 + 30), half_hour(46 * 60 + 30))).await;
        assert_eq!(rows.iter().map(|row| &row["event_sequence"]).collect::<Vec<_>>(), [&json!(2)], "a period cuts a job");
    }

    async fn what_cannot_be_is_refused_before_it_begins(server: TestServer) {
        let Lab { alice, carol } = Lab::open(&server).await;
        for (query, pointers) in [
            ("format=json", &["/format"][..]), ("format=pdf", &["/format"]), ("version=1.0.0", &["/version"]),
            ("from=yesterday", &["/from"]), ("from=2026-02-01&to=2026-01-01", &["/to"]), ("zone=Europe/Atlantis", &["/zone"]),
            ("customer=nobody", &["/customer"]), ("status=done", &["/status"]), ("tag=%20", &["/tag"]),
        ] {
            alice.get(&format!("/reports/events?{query}")).await.expect_problem(422, pointers);
        }
        assert_eq!(alice.get("/reports/events?by_version=true").await.status, 422);
        let accepting = async |accept: &str, path: &str| {
            alice.send(alice.request(reqwest::Method::GET, path).header("accept", accept)).await
        };
        accepting("text/html", "/reports/events").await.expect_problem(406, &[]);
        accepting("application/json", "/reports/events").await.expect_problem(406, &[]);
        let answer = accepting("application/x-ndjson", "/reports/events").await;
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        let answer = accepting("application/x-ndjson", "/reports/events?format=csv").await;
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
        assert_eq!(alice.get("/reports/events").await.headers["content-type"], "text/csv; charset=utf-8");

        carol.get("/reports/events").await.expect_problem(403, &[]);
        server.nobody().get("/reports/events").await.expect_problem(401, &[]);
        assert_eq!(lines(&alice.with_new_key("read").await, "events").await.len(), 6);
        let bob = server.provider("bob").await;
        assert_eq!(lines(&bob, "events").await, [Value::Null; 0]);
        assert_eq!(lines(&bob, &format!("events?customer={}", carol.id)).await, [Value::Null; 0]);
    }

    async fn a_file_says_what_it_is_of(server: TestServer) {
        let Lab { alice, .. } = Lab::open(&server).await;
        let path = "/reports/events?from=2026-03-01&to=2026-03-31&zone=Europe/Berlin&tag=scan&status=completed,error";
        let answer = alice.get(path).await;
        let (_, said) = table(&answer, b',');
        assert!(said[1].starts_with("# made_at: 20"), "{said:?}");
        assert_eq!(said[0], "# report: events");
        assert_eq!(said[2..], [
            "# zone: Europe/Berlin", "# from: 2026-03-01T00:00:00.000000+01:00", "# before: 2026-04-01T00:00:00.000000+02:00",
            "# tag: scan", "# status: completed,error",
        ]);
        let name = answer.headers["content-disposition"].to_str().unwrap();
        assert_eq!(name, "attachment; filename=\"milepost-events-2026-03-01-to-2026-03-31-scan.csv\"");
        let about: Value = serde_json::from_str(answer.headers["x-report"].to_str().unwrap()).unwrap();
        assert_eq!((&about["zone"], &about["tag"]), (&json!("Europe/Berlin"), &json!("scan")));

        let bare = alice.get(&format!("{path}&preamble=false")).await;
        assert!(bare.text.starts_with("event_id,event_kind,"), "{}", bare.text);
        let said = alice.get(&format!("{path}&format=ndjson&preamble=true")).await;
        let first: Value = serde_json::from_str(said.text.lines().next().unwrap()).unwrap();
        assert_eq!(first["report"]["zone"], "Europe/Berlin");
        let excel = alice.get("/reports/events?format=excel&zone=Asia/Kathmandu").await;
        assert!(excel.text.starts_with("\u{feff}# report: events\r\n"), "{}", excel.text);
        let (rows, _) = table(&excel, b';');
        assert_eq!(rows[0]["event_fraction"], "0,250000");
        assert!(rows[0]["occurred_at"].as_str().unwrap().ends_with("+05:45"), "{rows:?}");
        assert!(rows[1]["event_metadata"].as_str().unwrap().contains("-5.5"), "JSON stays JSON");
    }

    async fn text_that_begins_like_a_formula_is_defused_in_csv_only(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("-scan", "1.0.0", &[("load", 1)]).await;
        let hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=\"a,b\"\r\n=c", "a\"b,c\nd", "脳;=1", "'=1"];
        alice.post("/jobs", json!({"tag": "-scan", "provider_job_id": "=cmd|' /C calc'!A0", "provider_job_name": "-2+3"})).await.expect(201);
        for name in hostile {
            let event = json!({"provider_job_id": "=cmd|' /C calc'!A0", "kind": "info", "name": name, "event_metadata": {"=1": -5}});
            alice.post("/events", event).await.expect(201);
        }
        let (rows, _) = table(&alice.get("/reports/events").await, b',');
        let names: Vec<&str> = rows.iter().map(|row| row["event_name"].as_str().unwrap()).collect();
        let expected = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'\r=1", "'=\"a,b\"\r\n=c", "a\"b,c\nd", "脳;=1", "'=1"];
        assert_eq!(names, expected);
        assert_eq!(rows[0]["provider_job_id"], "'=cmd|' /C calc'!A0");
        assert_eq!((&rows[0]["provider_job_name"], &rows[0]["configuration_tag"]), (&json!("'-2+3"), &json!("'-scan")));
        assert_eq!(rows[0]["event_metadata"], "{\"=1\":-5}");
        let rows = lines(&alice, "events").await;
        assert_eq!(rows.iter().map(|row| row["event_name"].as_str().unwrap()).collect::<Vec<_>>(), hostile);
    }

    async fn pages_join_without_a_gap(server: TestServer) {
        let server = server.without_event_rates().await;
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[]).await;
        // Small jobs that are read together, a large one that is read in parts, and one whose metadata fills pages.
        for number in 0..150 {
            alice.open_job("scan", &format!("small-{number}")).await;
        }
        let mut expected = BTreeSet::new();
        let mut report = async |events: Vec<Value>| {
            let answer = alice.post("/events/batch", json!(events)).await.expect(200);
            for item in answer["items"].as_array().unwrap() {
                assert_eq!(item["status"], 201, "{item}");
                expected.insert(item["event"]["id"].as_str().unwrap().to_owned());
            }
        };
        let event = |job: String, second: i64| {
            let at = (server.app.clock().now() - Duration::seconds(second)).to_rfc3339();
            json!({"provider_job_id": job, "kind": "info", "occurred_at": at})
        };
        report((0..450).map(|n| event(format!("small-{}", n % 149), n)).collect()).await;
        alice.open_job("scan", "large").await;
        // Many at one time, so that a page ends among them.
        report((0..1_700).map(|n| event("large".to_owned(), n / 900)).collect()).await;
        alice.open_job("scan", "heavy").await;
        let long = "x".repeat(4000);
        for _ in 0..6 {
            let heavy = |n: i64| {
                let mut event = event("heavy".to_owned(), n);
                let fields = (0..50).map(|field| (format!("field {field}"), json!(long)));
                event["event_metadata"] = Value::Object(fields.collect());
                event
            };
            report((0..4).map(heavy).collect()).await;
        }
        let rows = lines(&alice, "events").await;
        let ids: Vec<&str> = rows.iter().map(|row| row["event_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), expected.len(), "a row for each event, once");
        assert!(ids.iter().all(|id| expected.contains(*id)));
        let order = |row: &Value| (row["job_id"].to_string(), row["occurred_at"].to_string(), row["event_sequence"].as_i64());
        let mut at = std::collections::BTreeMap::new();
        for row in &rows {
            let (job, occurred_at, sequence) = order(row);
            let last = at.insert(job, (occurred_at.clone(), sequence));
            assert!(last.is_none_or(|last| last < (occurred_at, sequence)), "{row}");
        }
    }

    async fn a_report_is_noted_and_ends_with_the_credentials(server: TestServer) {
        let server = server.without_event_rates().await;
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[]).await;
        alice.open_job("scan", "large").await;
        let padding = "x".repeat(4000);
        let many: Vec<Value> = (0..240).map(|_| json!({"provider_job_id": "large", "kind": "info", "event_metadata": {"text": padding}})).collect();
        for _ in 0..14 {
            alice.post("/events/batch", json!(many)).await.expect(200);
        }
        // 13 MB do not fit between the server and a client that reads only the beginning.
        let mut response = alice.request(reqwest::Method::GET, "/reports/events?to=2100-01-01").send().await.unwrap();
        response.chunk().await.unwrap().unwrap();
        alice.get("/reports/events").await.expect_problem(429, &[]);
        alice.post("/logout", Value::Null).await.expect(200);
        let broke_off = loop {
            match response.chunk().await {
                Ok(Some(_)) => {}
                ended => break ended.is_err(),
            }
        };
        assert!(broke_off, "the client is told");
        let gate = &server.app.gates().exports;
        eventually("the place is free", async || gate.load().used.places == 0).await;

        let alice = Person::sign_in(&server.url, &alice.email).await;
        let mut response = alice.request(reqwest::Method::GET, "/reports/events").send().await.unwrap();
        let mut got = response.chunk().await.unwrap().unwrap().to_vec();
        alice.post("/events", json!({"provider_job_id": "large", "kind": "info", "name": "too late"})).await.expect(201);
        while let Some(chunk) = response.chunk().await.unwrap() {
            got.extend(chunk);
        }
        let read = String::from_utf8(got).unwrap();
        assert_eq!(read.matches(",large,").count(), 14 * 240);
        assert!(!read.contains("too late"), "what is recorded while it is written is not in it");

        let response = alice.request(reqwest::Method::GET, "/reports/events").send().await.unwrap();
        assert_eq!(gate.load().used.places, 1);
        drop(response);
        eventually("work stops when the client goes", async || gate.load().used.places == 0).await;
        let log = alice.get("/audit-log?action=data_exported").await.expect(200);
        let details: Vec<&Value> = log["items"].as_array().unwrap().iter().map(|entry| &entry["details"]).collect();
        assert_eq!(details.len(), 3, "{log}");
        assert_eq!((&details[2]["report"], &details[2]["format"]), (&json!("events"), &json!("csv")));
        assert!(details[2]["before"].as_str().unwrap().starts_with("2100-01-02"), "{log}");
    }

    async fn what_was_deleted_or_made_anonymous_names_nobody(server: TestServer) {
        let Lab { alice, carol } = Lab::open(&server).await;
        server.milepost(&["erase", "customer", "--provider", &alice.email, "--email", &carol.email, "--yes", "--files-later"], "").await.expect_success();
        let rows = lines(&alice, "events").await;
        assert_eq!(rows.len(), 6);
        let text = format!("{rows:?}");
        assert!(!text.contains(&carol.email) && !text.contains("S-1") && !text.contains("-5.5"), "{text}");
        assert_eq!(rows.iter().filter(|row| row["customer_email"].is_null()).count(), 5, "all but Dave's");
    }
}
