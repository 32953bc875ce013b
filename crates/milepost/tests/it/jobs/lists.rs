//! The list of jobs in each order, with steps, and by what the page asks for.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{listed, provider};
use crate::support::{Person, TestServer, on_both};

const SORTS: [&str; 6] = ["-created_at", "created_at", "-started_at", "started_at", "-finished_at", "finished_at"];

/// The providers' own ids of all jobs that a query lists, a page of so many after the other.
async fn paged(person: &Person, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = person.get(&format!("/jobs?limit={limit}&{query}{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        ids.extend(items.iter().map(|job| job["provider_job_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
    }
    panic!("no end after a hundred pages: {ids:?}");
}

/// Reports an event that happened at that hour of the first day of 2026.
async fn report_at(person: &Person, job: &str, kind: &str, hour: i64) {
    let at = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hour);
    person.post("/events", json!({"provider_job_id": job, "kind": kind, "occurred_at": at})).await.expect(201);
}

/// Makes several jobs be opened at the same time: what the clock would hardly do.
async fn open_at_once(server: &TestServer, person: &Person, jobs: &[&str]) {
    for job in jobs {
        person.open_job("brain", job).await;
    }
    let names: Vec<String> = jobs.iter().map(|job| format!("'{job}'")).collect();
    let same = format!(
        "update jobs set created_at = (select min(created_at) from jobs where provider_job_id in ({0}))
        where provider_job_id in ({0})",
        names.join(", ")
    );
    server.database.raw().await.execute(&same).await.unwrap();
}

/// Ten jobs: `a` to `d` opened at the same time, `e` and `f` done at the same time, some begun at the same time, some
/// never begun, one in error.
async fn ten_jobs(server: &TestServer) -> Person {
    let alice = provider(server).await;
    open_at_once(server, &alice, &["a", "b", "c", "d"]).await;
    for job in ["e", "f", "g", "h", "i", "j"] {
        alice.open_job("brain", job).await;
    }
    for (job, kind, hour) in [
        ("j", "info", 1),
        ("i", "info", 2),
        ("h", "info", 2),
        ("g", "info", 2),
        ("a", "info", 3),
        ("g", "complete", 9),
        ("e", "info", 4),
        ("e", "complete", 7),
        ("f", "complete", 7),
        ("a", "complete", 5),
        ("h", "error", 8),
    ] {
        report_at(&alice, job, kind, hour).await;
    }
    alice
}

fn reversed(ids: &[&str]) -> Vec<String> {
    ids.iter().rev().map(|id| (*id).to_owned()).collect()
}

on_both! {
    async fn jobs_are_listed_in_each_order_without_gap_or_repetition(server: TestServer) {
        let alice = ten_jobs(&server).await;
        // Of the same time, those opened later come later; b, c and d have not started: they count as opened.
        let by_creation = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let by_start = ["j", "g", "h", "i", "a", "e", "f", "b", "c", "d"];
        let by_finish = ["a", "e", "f", "g"];
        for limit in [1, 2, 3, 4, 9, 10, 11] {
            for (time, ascending) in [("created_at", &by_creation[..]), ("started_at", &by_start), ("finished_at", &by_finish)] {
                assert_eq!(paged(&alice, &format!("sort={time}"), limit).await, ascending, "{time}, {limit}");
                assert_eq!(paged(&alice, &format!("sort=-{time}"), limit).await, reversed(ascending), "-{time}, {limit}");
            }
            assert_eq!(paged(&alice, "", limit).await, reversed(&by_creation));
        }
    }

    async fn filters_hold_in_each_order_whatever_serves_them(server: TestServer) {
        let alice = ten_jobs(&server).await;
        for version in ["1.1.0", "1.2.0"] {
            alice.register("brain", version, &[("load", 1)]).await;
            alice.open_job("brain", &format!("v{version}")).await;
        }
        for limit in [1, 2, 200] {
            for (query, expected) in [
                ("status=pending,error", &["v1.2.0", "v1.1.0", "h", "d", "c", "b"][..]),
                ("status=pending,error,running,completed&tag=brain&version=1.0.0&sort=created_at",
                    &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
                ("tag=brain&status=pending", &["v1.2.0", "v1.1.0", "d", "c", "b"]),
                ("tag=brain&status=running,error&sort=started_at", &["j", "h", "i"]),
                ("status=completed,error&sort=finished_at", &["a", "e", "f", "g"]),
                ("status=running&sort=finished_at", &[]),
                ("status=completed&sort=-started_at", &["f", "e", "a", "g"]),
                ("finished_from=2026-01-01T07:00:00Z", &["g", "f", "e"]),
                ("finished_from=2026-01-01T07:00:00Z&sort=finished_at", &["e", "f", "g"]),
                ("finished_from=2026-01-01T07:00:00.000001Z&sort=-started_at", &["g"]),
                ("finished_from=2026-01-01T09:00:01Z", &[]),
                ("text=v1&sort=started_at", &["v1.1.0", "v1.2.0"]),
            ] {
                assert_eq!(paged(&alice, query, limit).await, expected, "{query}");
            }
        }
    }

    async fn a_condition_with_many_jobs_is_served_as_one_with_few(server: TestServer) {
        let alice = ten_jobs(&server).await;
        // Beyond what is read and sorted at once, all pending and of one version.
        let new_id = match server.database.kind {
            crate::support::DatabaseKind::Sqlite => "randomblob(16)",
            crate::support::DatabaseKind::Postgres => "gen_random_uuid()",
        };
        let columns = "provider_id, job_configuration_id, search_text, status, points_done, points_total,
            weight_done_millionths, weight_total, steps_total, steps_finished, steps_in_error, last_sequence, created_at,
            updated_at";
        server.database.raw().await.execute(&format!(
            "insert into jobs (id, provider_job_id, provider_job_name, {columns})
             with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 2100)
             select {new_id}, 'many-' || n, 'many', {columns} from jobs, numbers where provider_job_id = 'd'"
        )).await.unwrap();
        for (query, expected) in [
            ("tag=brain&sort=started_at&limit=3", &["j", "g", "h"][..]),
            ("status=pending,error&sort=started_at&limit=1", &["h"]),
            ("status=completed,pending&tag=brain&sort=-created_at&limit=3", &["g", "f", "e"]),
            ("tag=brain&version=1.0.0&status=running,completed,pending,error&sort=-finished_at", &["g", "f", "e", "a"]),
            ("from=2020-01-01T00:00:00Z&sort=finished_at&status=completed,pending", &["a", "e", "f", "g"]),
            ("text=job+brain&status=completed&sort=finished_at", &["a", "e", "f", "g"]),
            ("text=brain&status=error", &["h"]),
        ] {
            assert_eq!(listed(&alice, query).await, expected, "{query}");
        }
        for query in ["status=pending&sort=started_at", "tag=brain&status=pending,error", "tag=brain"] {
            let all = paged(&alice, query, 200).await;
            let mut distinct = all.clone();
            distinct.sort();
            distinct.dedup();
            let expected = match query {
                "tag=brain" => 2110,
                "tag=brain&status=pending,error" => 2104,
                _ => 2103,
            };
            assert_eq!((all.len(), distinct.len()), (expected, expected), "{query}");
        }
    }

    async fn more_configurations_than_can_be_named_break_no_list(server: TestServer) {
        let alice = ten_jobs(&server).await;
        let bob = server.customer_of(&alice, "bob").await;
        alice.open_job_for(&bob, "brain", "bobs").await;
        alice.register("brain", "2.0.0", &[("load", 1)]).await;
        alice.open_job_for(&bob, "brain", "newer").await;
        let new_id = match server.database.kind {
            crate::support::DatabaseKind::Sqlite => "randomblob(16)",
            crate::support::DatabaseKind::Postgres => "gen_random_uuid()",
        };
        let columns = "provider_id, name, version, precedence, created_at, updated_at";
        server.database.raw().await.execute(&format!(
            "insert into job_configurations (id, tag, {columns})
             with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 1100)
             select {new_id}, 'many-' || n, {columns} from job_configurations, numbers where version = '1.0.0'"
        )).await.unwrap();
        assert_eq!(paged(&alice, "version=1.0.0&sort=finished_at", 3).await, ["a", "e", "f", "g"]);
        assert_eq!(paged(&alice, "version=1.0.0", 4).await.len(), 11);
        assert_eq!(paged(&alice, "version=1.0.0&tag=brain&status=error", 4).await, ["h"]);
        assert_eq!(listed(&bob, "version=1.0.0").await, ["bobs"]);
        assert_eq!(listed(&bob, "version=2.0.0").await, ["newer"]);
    }

    async fn a_cursor_of_another_order_is_refused(server: TestServer) {
        let alice = ten_jobs(&server).await;
        for sort in SORTS {
            let page = alice.get(&format!("/jobs?limit=1&sort={sort}")).await.expect(200);
            let next = page["next"].as_str().unwrap();
            for other in SORTS {
                let answer = alice.get(&format!("/jobs?limit=1&sort={other}&cursor={next}")).await;
                if other == sort {
                    answer.expect(200);
                } else {
                    answer.expect_problem(422, &["/cursor"]);
                }
            }
            let beheaded = next.rsplit('.').next().unwrap();
            alice.get(&format!("/jobs?sort={sort}&cursor={beheaded}")).await.expect_problem(422, &["/cursor"]);
            alice.get(&format!("/jobs?sort={sort}&cursor={sort}.")).await.expect_problem(422, &["/cursor"]);
        }
    }

    async fn jobs_may_be_asked_for_by_their_ids(server: TestServer) {
        let alice = provider(&server).await;
        let mut ids = Vec::new();
        for number in 1..=4 {
            ids.push(alice.open_job("brain", &format!("j{number}")).await);
        }
        let missing = "018f4e9c-0000-7000-8000-000000000000";
        assert_eq!(listed(&alice, &format!("id={}", ids[1])).await, ["j2"]);
        let query = format!("id={},{missing},%20{},{}", ids[0], ids[3], ids[0]);
        assert_eq!(listed(&alice, &query).await, ["j4", "j1"]);
        assert_eq!(paged(&alice, &format!("{query}&sort=started_at"), 1).await, ["j1", "j4"]);
        assert_eq!(listed(&alice, &format!("{query}&text=j4")).await, ["j4"]);
        assert!(listed(&alice, &format!("id={missing}")).await.is_empty());
        let of = |count: usize| vec![missing; count].join(",");
        assert!(listed(&alice, &format!("id={}", of(200))).await.is_empty());
        alice.get(&format!("/jobs?id={}", of(201))).await.expect_problem(422, &["/id"]);
    }

    async fn steps_of_a_list_are_those_of_each_job(server: TestServer) {
        let alice = provider(&server).await;
        alice.register("lung", "1.0.0", &[]).await;
        let mut ids = Vec::new();
        for (id, tag) in [("j1", "brain"), ("j2", "brain"), ("j3", "lung"), ("j4", "brain")] {
            ids.push(alice.open_job(tag, id).await);
        }
        alice.register("brain", "2.0.0", &[("scan", 5), ("load", 1), ("send", 0)]).await;
        ids.push(alice.open_job("brain", "j5").await);
        let half = json!({"provider_job_id": "j1", "kind": "info", "tag": "scan", "fraction": 0.25});
        alice.post("/events", half).await.expect(201);
        alice.report("j2", "error", Some("load")).await;
        alice.report("j2", "info", Some("scan")).await;
        alice.report("j2", "complete", None).await;
        alice.report("j5", "step", Some("load")).await;
        let list = alice.get("/jobs?steps=true").await.expect(200);
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 5);
        for (item, id) in items.iter().rev().zip(&ids) {
            let detail = alice.get(&format!("/jobs/{id}")).await.expect(200);
            let brief = |step: &Value| {
                json!({"tag": step["tag"], "name": step["name"], "points": step["points"], "status": step["status"],
                    "fraction": step["fraction"]})
            };
            let expected: Vec<Value> = detail["steps"].as_array().unwrap().iter().map(brief).collect();
            assert_eq!(item["steps"], json!(expected), "{item}");
        }
        let statuses = |item: &Value| -> Vec<String> {
            item["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(statuses(&items[3]), ["error", "skipped"], "j2 is complete");
        assert_eq!(statuses(&items[0]), ["pending", "finished", "pending"], "in the order of the configuration");
        for without in ["", "steps=false"] {
            assert!(alice.get(&format!("/jobs?{without}")).await["items"][0].get("steps").is_none());
        }
        let none = alice.get("/jobs?steps=true&text=nothing").await.expect(200);
        assert_eq!(none, json!({"items": [], "next": null}));
    }

    async fn jobs_without_news_since_a_time_are_found(server: TestServer) {
        let alice = provider(&server).await;
        let start = server.clock.now();
        for id in ["silent", "never", "late"] {
            alice.open_job("brain", id).await;
        }
        alice.report("silent", "info", None).await;
        server.clock.travel_to(start + TimeDelta::hours(2));
        alice.report("late", "info", None).await;
        alice.open_job("brain", "new").await;
        let between = (start + TimeDelta::hours(1)).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        assert_eq!(listed(&alice, &format!("last_event_to={between}")).await, ["never", "silent"]);
        assert_eq!(listed(&alice, &format!("last_event_to={between}&status=running")).await, ["silent"]);
        let last = alice.get("/jobs?provider_job_id=silent").await["items"][0]["last_event_at"].as_str().unwrap().to_owned();
        assert!(listed(&alice, &format!("last_event_to={last}&status=running")).await.is_empty(), "before, not at");
        assert!(listed(&alice, &format!("finished_from={between}")).await.is_empty(), "nothing has finished");
    }

    async fn a_customer_lists_their_own_jobs_in_each_order(server: TestServer) {
        let alice = provider(&server).await;
        let mallory = server.provider("mallory").await;
        mallory.register("brain", "1.0.0", &[("load", 1)]).await;
        let bob = server.customer_of(&alice, "bob").await;
        let token = mallory.invite(&bob.email).await;
        bob.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        let hidden = alice.open_job("brain", "hidden").await;
        let mut ids = vec![hidden];
        for (who, id) in [(&alice, "j1"), (&mallory, "j2"), (&alice, "j3"), (&mallory, "j4")] {
            ids.push(who.open_job_for(&bob, "brain", id).await);
        }
        report_at(&alice, "hidden", "complete", 1).await;
        report_at(&mallory, "j2", "complete", 3).await;
        report_at(&alice, "j1", "complete", 4).await;
        for limit in [1, 2, 5] {
            for (query, expected) in [
                ("sort=created_at", &["j1", "j2", "j3", "j4"][..]),
                ("sort=-started_at", &["j4", "j3", "j1", "j2"]),
                ("sort=finished_at&steps=true", &["j2", "j1"]),
                ("finished_from=2026-01-01T00:00:00Z", &["j2", "j1"]),
                ("status=completed,pending&tag=brain&version=1.0.0", &["j4", "j3", "j2", "j1"]),
            ] {
                assert_eq!(paged(&bob, query, limit).await, expected, "{query}");
            }
            assert_eq!(paged(&bob, &format!("id={}", ids.join(",")), limit).await, ["j4", "j3", "j2", "j1"]);
        }
        assert_eq!(listed(&bob, &format!("customer={}&sort=started_at", bob.id)).await, ["j2", "j1", "j3", "j4"]);
    }
}
