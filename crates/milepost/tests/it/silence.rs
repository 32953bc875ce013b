//! Jobs from which nothing comes any more: when they are found, who is told, and how they are listed.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use milepost::jobs::silence::sweep;
use serde_json::{Value, json};

use crate::support::{Answer, DatabaseKind, Person, Raw, Stream, TestServer, eventually, on_both};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A provider with a key, at noon, with a kind of job `scan`: steps `load`, `mask` and `report`.
async fn provider(server: &TestServer) -> Person {
    let alice = server.provider("alice").await.with_new_key("write").await;
    alice.register("scan", "1.0.0", &[("load", 1), ("mask", 3), ("report", 1)]).await;
    server.clock.travel_to(noon());
    alice
}

fn noon() -> DateTime<Utc> {
    time("2026-03-02T12:00:00Z")
}

/// Goes on to so long after noon and looks at all jobs.
async fn sweep_at(server: &TestServer, after_noon: TimeDelta) {
    server.clock.travel_to(noon() + after_noon);
    sweep(&server.app).await.unwrap();
}

/// Steps of the version took so long, the first of them the longest ago.
async fn took(server: &TestServer, version: &str, step: &str, durations: impl IntoIterator<Item = TimeDelta>) {
    let mut inserts = vec!["begin".to_owned()];
    for (number, took) in (0_i64..).zip(durations) {
        let job = server.database.id(&server.clock.new_id().to_string());
        let finished_at = (noon() - TimeDelta::days(30) + TimeDelta::minutes(number)).to_rfc3339();
        inserts.push(format!(
            "insert into durations (job_id, step_configuration_id, job_configuration_id, provider_id, finished_at, duration)
             select {job}, s.id, c.id, c.provider_id, '{finished_at}', {}
             from step_configurations s join job_configurations c on c.id = s.job_configuration_id
             where s.tag = '{step}' and c.version = '{version}'",
            took.num_microseconds().unwrap()
        ));
    }
    inserts.push("commit".to_owned());
    server.database.raw().await.execute(&inserts.join(";\n")).await.unwrap();
}

/// The providers' own ids of the jobs that a query lists, in its order.
async fn listed(person: &Person, query: &str) -> Vec<String> {
    let list = person.get(&format!("/jobs?{query}")).await.expect(200);
    list["items"].as_array().unwrap().iter().map(|job| job["provider_job_id"].as_str().unwrap().to_owned()).collect()
}

async fn silent(person: &Person) -> BTreeSet<String> {
    listed(person, "silent=true").await.into_iter().collect()
}

/// Opens a job and reports that a step of it is under way.
async fn begin(provider: &Person, id: &str, step: &str) -> String {
    let job = provider.open_job("scan", id).await;
    provider.report(id, "info", Some(step)).await;
    job
}

async fn set_limit(provider: &Person, limit: Value) -> Answer {
    provider.patch("/configuration-settings/scan", json!({"silence_limit": limit})).await
}

/// The next message, which says that a job is silent.
async fn next_silence(stream: &mut Stream) -> Value {
    let message = stream.expect().await;
    assert_eq!(message.event, "silence");
    assert!(message.data["job"]["silent_since"].is_string(), "{}", message.data);
    message.data["job"].clone()
}

on_both! {
    async fn a_job_is_silent_once_its_step_takes_longer_than_99_of_100_did(server: TestServer) {
        let alice = provider(&server).await;
        took(&server, "1.0.0", "load", (1..=100).map(TimeDelta::minutes)).await;
        // Only the newest thousand count.
        let long_ago = std::iter::repeat_n(TimeDelta::hours(9), 30);
        took(&server, "1.0.0", "mask", long_ago.chain(std::iter::repeat_n(TimeDelta::minutes(10), 1_000))).await;
        begin(&alice, "loads", "load").await;
        begin(&alice, "masks", "mask").await;
        alice.open_job("scan", "loaded").await;
        alice.report("loaded", "step", Some("load")).await;
        alice.open_job("scan", "pending").await;
        let told = alice.report("loads", "info", None).await["created_at"].clone();

        sweep_at(&server, TimeDelta::minutes(2)).await;
        assert_eq!(silent(&alice).await, BTreeSet::new());
        sweep_at(&server, TimeDelta::minutes(9)).await;
        assert_eq!(silent(&alice).await, BTreeSet::new());
        sweep_at(&server, TimeDelta::minutes(11)).await;
        assert_eq!(silent(&alice).await, ["loaded", "masks"].map(str::to_owned).into());
        sweep_at(&server, TimeDelta::minutes(98)).await;
        assert_eq!(silent(&alice).await.len(), 2);
        sweep_at(&server, TimeDelta::minutes(100)).await;
        assert_eq!(silent(&alice).await.len(), 3);
        let job = alice.get("/jobs?provider_job_id=loads").await.expect(200)["items"][0].clone();
        assert_eq!((&job["silent_since"], &job["status"]), (&told, &json!("running")), "beside its status");
        server.expect_state_as_rebuilt().await;
    }

    async fn where_too_little_is_known_of_a_step_it_takes_an_hour(server: TestServer) {
        let alice = provider(&server).await;
        took(&server, "1.0.0", "load", std::iter::repeat_n(TimeDelta::minutes(5), 19)).await;
        took(&server, "1.0.0", "mask", std::iter::repeat_n(TimeDelta::minutes(5), 20)).await;
        // What other versions took says nothing.
        alice.register("scan", "2.0.0", &[("load", 1)]).await;
        took(&server, "2.0.0", "load", std::iter::repeat_n(TimeDelta::minutes(5), 50)).await;
        for (id, version, step) in [("few", "1.0.0", "load"), ("enough", "1.0.0", "mask"), ("other", "2.0.0", "load")] {
            let job = json!({"provider_job_id": id, "tag": "scan", "version": version});
            alice.post("/jobs", job).await.expect(201);
            alice.report(id, "info", Some(step)).await;
        }
        alice.register("bare", "1.0.0", &[]).await;
        alice.open_job("bare", "bare").await;
        alice.report("bare", "info", None).await;
        sweep_at(&server, TimeDelta::minutes(6)).await;
        assert_eq!(silent(&alice).await, ["enough", "other"].map(str::to_owned).into());
        sweep_at(&server, TimeDelta::minutes(59)).await;
        assert_eq!(silent(&alice).await.len(), 2);
        sweep_at(&server, TimeDelta::minutes(61)).await;
        assert_eq!(silent(&alice).await.len(), 4);
    }

    async fn two_minutes_without_news_are_never_too_long(server: TestServer) {
        let alice = provider(&server).await;
        took(&server, "1.0.0", "load", std::iter::repeat_n(TimeDelta::milliseconds(300), 40)).await;
        begin(&alice, "quick", "load").await;
        sweep_at(&server, TimeDelta::seconds(118)).await;
        assert_eq!(silent(&alice).await.len(), 0);
        alice.report("quick", "info", Some("load")).await;
        for seconds in [125, 180, 235] {
            sweep_at(&server, TimeDelta::seconds(seconds)).await;
            assert_eq!(silent(&alice).await.len(), 0, "{seconds}");
        }
        sweep_at(&server, TimeDelta::seconds(242)).await;
        assert_eq!(silent(&alice).await.len(), 1);
    }

    async fn a_short_step_behind_a_long_one_is_found_in_time(server: TestServer) {
        let alice = provider(&server).await;
        took(&server, "1.0.0", "load", std::iter::repeat_n(TimeDelta::hours(2), 20)).await;
        took(&server, "1.0.0", "mask", std::iter::repeat_n(TimeDelta::minutes(4), 20)).await;
        begin(&alice, "job", "load").await;
        for minute in 1..=30 {
            sweep_at(&server, TimeDelta::minutes(minute)).await;
        }
        alice.report("job", "step", Some("load")).await;
        for minute in 31..=33 {
            sweep_at(&server, TimeDelta::minutes(minute)).await;
            assert_eq!(silent(&alice).await.len(), 0, "{minute}");
        }
        sweep_at(&server, TimeDelta::minutes(34) + TimeDelta::seconds(10)).await;
        assert_eq!(silent(&alice).await.len(), 1);
    }

    async fn a_limit_that_is_set_counts_at_once_and_until_it_is_taken_away(server: TestServer) {
        let alice = provider(&server).await;
        took(&server, "1.0.0", "load", std::iter::repeat_n(TimeDelta::minutes(30), 20)).await;
        alice.register("other", "1.0.0", &[("load", 1)]).await;
        let unset = alice.get("/configuration-settings/scan").await.expect(200);
        assert_eq!(unset, json!({"tag": "scan", "silence_limit": null, "updated_at": null}));
        begin(&alice, "one", "load").await;
        alice.open_job("other", "other").await;
        alice.report("other", "info", Some("load")).await;
        sweep_at(&server, TimeDelta::minutes(3)).await;
        let set = set_limit(&alice, json!(300)).await.expect(200);
        assert_eq!(set["silence_limit"], 300);
        assert_eq!(alice.get("/configuration-settings/scan").await.expect(200), set);
        sweep_at(&server, TimeDelta::minutes(4)).await;
        assert_eq!(silent(&alice).await.len(), 0);
        sweep_at(&server, TimeDelta::minutes(5) + TimeDelta::seconds(5)).await;
        assert_eq!(silent(&alice).await, ["one".to_owned()].into(), "of this kind of job");

        // Longer than usual, and of another version as well.
        assert_eq!(set_limit(&alice, json!(7_200)).await.expect(200)["silence_limit"], 7_200);
        alice.register("scan", "2.0.0", &[("load", 1)]).await;
        alice.report("one", "info", None).await;
        begin(&alice, "two", "load").await;
        sweep_at(&server, TimeDelta::minutes(7)).await;
        sweep_at(&server, TimeDelta::minutes(120)).await;
        assert_eq!(silent(&alice).await, ["other".to_owned()].into());
        assert_eq!(set_limit(&alice, Value::Null).await.expect(200)["silence_limit"], Value::Null);
        sweep_at(&server, TimeDelta::minutes(121)).await;
        assert_eq!(silent(&alice).await.len(), 3);
        assert_eq!(alice.patch("/configuration-settings/scan", json!({})).await.expect(200)["silence_limit"], Value::Null);
    }

    async fn a_bad_limit_is_refused_by_name_and_an_unknown_kind_is_not_found(server: TestServer) {
        let alice = provider(&server).await;
        for bad in [json!(119), json!(2_592_001), json!(-1), json!(300.5), json!("5m"), json!(true)] {
            set_limit(&alice, bad).await.expect_problem(422, &["/silence_limit"]);
        }
        for good in [json!(120), json!(2_592_000), Value::Null] {
            set_limit(&alice, good).await.expect(200);
        }
        alice.patch("/configuration-settings/scan", json!({"silence": 300})).await.expect_problem(422, &["/silence"]);
        let mallory = server.provider("mallory").await;
        for (person, tag) in [(&alice, "none"), (&alice, "%00"), (&mallory, "scan")] {
            let path = format!("/configuration-settings/{tag}");
            person.get(&path).await.expect_problem(404, &[]);
            person.patch(&path, json!({"silence_limit": 300})).await.expect_problem(404, &[]);
        }
    }

    async fn the_next_event_heals_and_it_may_happen_again(server: TestServer) {
        let alice = provider(&server).await;
        let job = begin(&alice, "job", "load").await;
        let since = async || alice.get(&format!("/jobs/{job}")).await.expect(200)["silent_since"].clone();
        let minutes = TimeDelta::minutes;
        for hour in [0, 100, 200] {
            sweep_at(&server, minutes(hour + 61)).await;
            assert!(since().await.is_string(), "{hour}");
            alice.report("job", "info", None).await;
            assert_eq!(since().await, Value::Null);
            sweep_at(&server, minutes(hour + 63)).await;
            assert_eq!(since().await, Value::Null);
            // In error it is at rest; it runs again after that.
            alice.report("job", "error", Some("load")).await;
            sweep_at(&server, minutes(hour + 99)).await;
            alice.report("job", "step", Some("load")).await;
        }
        alice.report("job", "error", None).await;
        sweep_at(&server, TimeDelta::days(3)).await;
        assert_eq!(since().await, Value::Null);
        alice.report("job", "complete", None).await;
        sweep_at(&server, TimeDelta::days(6)).await;
        assert_eq!(since().await, Value::Null);
        server.expect_state_as_rebuilt().await;
    }

    async fn an_event_that_comes_while_a_job_is_looked_at_counts(server: TestServer) {
        let alice = provider(&server).await;
        for number in 0..30 {
            begin(&alice, &format!("j{number}"), "load").await;
        }
        server.clock.travel_to(noon() + TimeDelta::minutes(90));
        let reports = async {
            for number in 0..30 {
                alice.report(&format!("j{number}"), "info", None).await;
            }
        };
        let (swept, ()) = tokio::join!(sweep(&server.app), reports);
        swept.unwrap();
        sweep(&server.app).await.unwrap();
        assert_eq!(silent(&alice).await.len(), 0);
        sweep_at(&server, TimeDelta::minutes(92)).await;
        assert_eq!(silent(&alice).await.len(), 0);
        sweep_at(&server, TimeDelta::minutes(152)).await;
        assert_eq!(silent(&alice).await.len(), 30, "each of them is due");
        server.expect_state_as_rebuilt().await;
    }

    async fn of_two_servers_exactly_one_records_each_silence(server: TestServer) {
        let alice = provider(&server).await;
        // The other server starts by the present time.
        server.clock.set_offset(TimeDelta::zero());
        let now = server.clock.now();
        for number in 0..60 {
            begin(&alice, &format!("j{number}"), "load").await;
        }
        let beside = server.start_beside().await;
        let mut feeds = [alice.stream("/jobs/stream", None).await, alice.at(&beside).stream("/jobs/stream", None).await];
        for feed in &mut feeds {
            assert_eq!(feed.expect().await.event, "ready");
        }
        for one in [&server, &beside] {
            one.clock.travel_to(now + TimeDelta::minutes(90));
        }
        let sweeps = tokio::join!(
            sweep(&server.app), sweep(&beside.app), sweep(&server.app), sweep(&beside.app), sweep(&beside.app));
        for swept in [sweeps.0, sweeps.1, sweeps.2, sweeps.3, sweeps.4] {
            swept.unwrap();
        }
        eventually("all are found", || async { alice.get("/jobs/summary").await["silent"] == 60 }).await;
        assert_eq!(server.column::<i64>("select count(*) from silences").await, [60]);
        assert_eq!(server.column::<i64>("select count(distinct job_id) from silences").await, [60]);
        for feed in &mut feeds {
            let mut told = BTreeSet::new();
            let mut position = 0;
            for _ in 0..60 {
                let message = feed.expect().await;
                let id: i64 = message.id.parse().unwrap();
                assert!(id > position, "in the order of the log");
                position = id;
                assert!(told.insert(message.data["job"]["id"].as_str().unwrap().to_owned()));
            }
            feed.expect_silence(Duration::from_millis(700)).await;
        }
        server.expect_counts_as_counted().await;
        beside.stop().await;
    }

    async fn streams_tell_of_silence_to_both_sides_and_to_nobody_else(server: TestServer) {
        let alice = provider(&server).await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let (bob, carol) = (server.customer_of(&owner, "bob").await, server.customer_of(&owner, "carol").await);
        let job = alice.open_job_for(&bob, "scan", "job").await;
        alice.report("job", "info", Some("load")).await;
        let path = format!("/jobs/{job}/stream");
        let mut of_job = [alice.stream(&path, None).await, bob.stream(&path, None).await];
        let mut of_all = [alice.stream("/jobs/stream", None).await, bob.stream("/jobs/stream", None).await];
        let mut of_carol = carol.stream("/jobs/stream", None).await;
        for stream in of_job.iter_mut().chain(&mut of_all).chain([&mut of_carol]) {
            stream.expect().await;
        }
        sweep_at(&server, TimeDelta::minutes(61)).await;
        let as_told = alice.get("/jobs").await.expect(200)["items"][0].clone();
        for stream in &mut of_job {
            let message = stream.expect().await;
            assert_eq!((message.event.as_str(), message.id.as_str()), ("silence", ""), "the id stays that of the last event");
            assert_eq!(message.data, json!({"job": as_told}));
        }
        let position = of_all[0].expect().await;
        assert_eq!((position.event.as_str(), &position.data), ("silence", &json!({"job": as_told})));
        assert_eq!(next_silence(&mut of_all[1]).await["id"], job);
        alice.report("job", "info", Some("load")).await;
        for stream in of_job.iter_mut().chain(&mut of_all) {
            let message = stream.expect().await;
            assert_eq!((message.event.as_str(), &message.data["job"]["silent_since"]), ("event", &Value::Null));
            if message.id != "2" {
                assert_eq!(message.id.parse::<i64>().unwrap(), position.id.parse::<i64>().unwrap() + 1, "the next in the log");
            }
        }
        of_carol.expect_silence(Duration::from_millis(300)).await;
    }

    async fn a_stream_that_goes_on_misses_no_silence(server: TestServer) {
        let alice = provider(&server).await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let bob = server.customer_of(&owner, "bob").await.with_new_key("read").await;
        let job = alice.open_job_for(&bob, "scan", "job").await;
        alice.report("job", "info", Some("load")).await;
        begin(&alice, "another", "load").await;
        begin(&alice, "healed", "load").await;
        let of_job = format!("/jobs/{job}/stream");
        sweep_at(&server, TimeDelta::minutes(61)).await;
        alice.report("healed", "info", None).await;

        for person in [&alice, &bob] {
            // Behind the last event nothing was missed, but the job is silent.
            let mut stream = person.stream(&of_job, Some("1")).await;
            assert_eq!(next_silence(&mut stream).await["id"], job);
            stream.expect_silence(Duration::from_millis(300)).await;
            let mut stream = person.stream(&of_job, Some("0")).await;
            let message = stream.expect().await;
            assert_eq!((message.event.as_str(), message.id.as_str()), ("event", "1"));
            assert!(message.data["job"]["silent_since"].is_string());
            next_silence(&mut stream).await;
            let mut stream = person.stream(&of_job, None).await;
            let snapshot = stream.expect().await;
            assert!(snapshot.event == "snapshot" && snapshot.data["silent_since"].is_string());
            stream.expect_silence(Duration::from_millis(300)).await;
        }

        let mut feed = alice.stream("/jobs/stream", Some("3")).await;
        let first = feed.expect().await;
        assert_eq!(first.event, "silence");
        let mut named = BTreeSet::from([first.data["job"]["provider_job_id"].as_str().unwrap().to_owned()]);
        named.insert(next_silence(&mut feed).await["provider_job_id"].as_str().unwrap().to_owned());
        assert_eq!(named, ["another", "job"].map(str::to_owned).into(), "what has healed since is told by its event");
        let healing = feed.expect().await;
        assert_eq!((healing.event.as_str(), healing.id.as_str()), ("event", "7"));
        assert_eq!(healing.data["job"]["silent_since"], Value::Null);
        feed.expect_silence(Duration::from_millis(300)).await;

        let mut behind = alice.stream("/jobs/stream", Some(&first.id)).await;
        next_silence(&mut behind).await;
        assert_eq!(behind.expect().await.id, "7");
        let mut bobs_feed = bob.stream("/jobs/stream", Some("0")).await;
        assert_eq!(bobs_feed.expect().await.id, "1");
        assert_eq!(next_silence(&mut bobs_feed).await["id"], job);
        bobs_feed.expect_silence(Duration::from_millis(300)).await;
    }

    async fn a_long_log_of_silences_and_events_is_resumed_in_order(server: TestServer) {
        let alice = provider(&server).await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let bob = server.customer_of(&owner, "bob").await.with_new_key("read").await;
        for number in 0..230 {
            alice.open_job_for(&bob, "scan", &format!("j{number}")).await;
        }
        let all: Vec<Value> = (0..230).map(|number| json!({"provider_job_id": format!("j{number}"), "kind": "info"})).collect();
        let report_all = async || {
            for batch in all.chunks(115) {
                alice.post("/events/batch", json!(batch)).await.expect(200);
            }
        };
        report_all().await;
        let mut live = [alice.stream("/jobs/stream", Some("230")).await, bob.stream("/jobs/stream", Some("230")).await];
        sweep_at(&server, TimeDelta::minutes(61)).await;
        let some: Vec<Value> = all[..20].to_vec();
        alice.post("/events/batch", json!(some)).await.expect(200);
        let mut resumed = [alice.stream("/jobs/stream", Some("230")).await, bob.stream("/jobs/stream", Some("230")).await];
        for stream in live.iter_mut().chain(&mut resumed) {
            let mut position = 230;
            let mut silent = BTreeSet::new();
            while position < 480 {
                let message = stream.expect().await;
                let id: i64 = message.id.parse().unwrap();
                assert!(id > position, "{id} behind {position}");
                position = id;
                let job = message.data["job"]["id"].as_str().unwrap().to_owned();
                match message.event.as_str() {
                    "silence" => assert!(silent.insert(job)),
                    _ => drop(silent.remove(&job)),
                }
            }
            assert_eq!(silent.len(), 210);
        }
        server.expect_counts_as_counted().await;
    }

    async fn silent_jobs_are_listed_and_counted(server: TestServer) {
        let alice = provider(&server).await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let bob = server.customer_of(&owner, "bob").await.with_new_key("read").await;
        for (number, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
            match number % 2 {
                0 => alice.open_job_for(&bob, "scan", id).await,
                _ => alice.open_job("scan", id).await,
            };
            alice.report(id, "info", Some("load")).await;
        }
        alice.open_job_for(&bob, "scan", "pending").await;
        sweep_at(&server, TimeDelta::minutes(61)).await;
        alice.report("d", "info", None).await;
        assert_eq!(listed(&alice, "silent=true").await, ["c", "b", "a"]);
        assert_eq!(listed(&alice, "silent=true&status=running&sort=created_at").await, ["a", "b", "c"]);
        assert_eq!(listed(&alice, "silent=true&sort=-started_at").await, ["c", "b", "a"]);
        assert_eq!(listed(&alice, "silent=true&sort=finished_at").await, [""; 0]);
        assert_eq!(listed(&alice, "silent=true&status=completed").await, [""; 0]);
        assert_eq!(listed(&alice, "silent=false").await, ["pending", "d"]);
        assert_eq!(listed(&alice, &format!("silent=true&customer={}", bob.email)).await, ["c", "a"]);
        assert_eq!(listed(&bob, "silent=true").await, ["c", "a"]);
        assert_eq!(listed(&bob, "silent=false").await, ["pending"]);
        let page = alice.get("/jobs?silent=true&limit=2").await.expect(200);
        let next = page["next"].as_str().unwrap();
        assert_eq!(listed(&alice, &format!("silent=true&limit=2&cursor={next}")).await, ["a"]);
        assert_eq!(alice.get("/jobs/summary").await.expect(200)["silent"], 3);
        alice.get("/jobs?silent=maybe").await.expect_problem(422, &["/silent"]);
        let mallory = server.provider("mallory").await;
        assert_eq!(listed(&mallory, "silent=true").await, [""; 0]);
    }

    async fn what_was_found_is_kept_for_a_week(server: TestServer) {
        let alice = provider(&server).await;
        begin(&alice, "job", "load").await;
        sweep_at(&server, TimeDelta::minutes(61)).await;
        let count = async || server.column::<i64>("select count(*) from silences").await[0];
        assert_eq!(count().await, 1);
        // Another server clears away as it starts, by a clock that is far ahead.
        let beside = server.start_beside().await;
        eventually("it is cleared away", || async { count().await == 0 }).await;
        assert_eq!(silent(&alice).await.len(), 1, "but not forgotten");
        beside.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_jobs_are_found_by_their_own_index() {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let server = TestServer::start(kind).await;
        let alice = provider(&server).await;
        let who = server.database.id(&alice.id);
        for (column, index) in
            [("provider_id", "silent_jobs_of_provider"), ("customer_id", "silent_jobs_of_customer")]
        {
            let query = format!(
                "select jobs.id, jobs.created_at as at from jobs where jobs.{column} = {who} and jobs.silent_since is not null
                 order by jobs.created_at desc, jobs.id desc limit 51"
            );
            let mut raw = server.database.raw().await;
            let plan = match &mut raw {
                Raw::Sqlite(connection) => {
                    let explained = sqlx::AssertSqlSafe(format!("explain query plan {query}"));
                    let rows: Vec<(i64, i64, i64, String)> =
                        sqlx::query_as(explained).fetch_all(connection).await.unwrap();
                    rows.into_iter().map(|row| row.3).collect()
                }
                Raw::Postgres(_) => {
                    raw.execute("set enable_seqscan = off").await.unwrap();
                    raw.texts(&format!("explain {query}")).await
                }
            };
            assert!(plan.iter().any(|line| line.contains(index)), "{}", plan.join("\n"));
            assert!(!plan.iter().any(|line| line.contains("Sort") || line.contains("B-TREE")), "{}", plan.join("\n"));
        }
    }
}
