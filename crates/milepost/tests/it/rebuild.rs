//! `milepost rebuild`: the derived state, recomputed from the events, reported and mended.

use chrono::TimeDelta;
use milepost::durations;
use milepost::jobs::rebuild::mend;
use serde_json::{Value, json};

use crate::support::{DatabaseKind, Milepost, Person, Raw, TestServer, on_both};

/// A job `CT-1` with something of everything, and a job `CT-2` that nothing is wrong with.
async fn jobs_with_events(server: &TestServer) -> (Person, String) {
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70), ("send", 0)]).await;
    let job = alice.open_job("scan", "CT-1").await;
    alice.open_job("scan", "CT-2").await;
    let events = json!([
        {"provider_job_id": "CT-1", "kind": "info", "tag": "load", "fraction": 0.25},
        {"provider_job_id": "CT-1", "kind": "error", "tag": "load", "name": "no disk"},
        {"provider_job_id": "CT-1", "kind": "step", "tag": "load", "event_metadata": {"Density": 31.5, "Comment": "ok"}},
        {"provider_job_id": "CT-1", "kind": "info", "tag": "measure", "fraction": 0.5},
        {"provider_job_id": "CT-2", "kind": "complete", "tag": "send"},
    ]);
    let answer = alice.post("/events/batch", events).await.expect(200);
    assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
    durations::catch_up(&server.app).await.unwrap();
    (alice, job)
}

/// The job as it is shown, but for when it was last changed.
async fn shown(person: &Person, job: &str) -> Value {
    let mut shown = person.get(&format!("/jobs/{job}")).await.expect(200);
    shown.as_object_mut().unwrap().remove("updated_at");
    shown
}

/// Changes what only a defect could change: foreign keys look away.
async fn tamper(server: &TestServer, statements: &[String]) {
    let mut raw = server.database.raw().await;
    let look_away = match raw {
        Raw::Sqlite(_) => "pragma foreign_keys = off",
        Raw::Postgres(_) => "set session_replication_role = replica",
    };
    raw.execute(look_away).await.unwrap();
    for statement in statements {
        assert!(raw.execute(statement).await.unwrap() > 0, "{statement}");
    }
}

/// The id of a step of `scan`, in SQL.
fn step(tag: &str) -> String {
    format!("(select id from step_configurations where tag = '{tag}')")
}

on_both! {
    async fn what_events_wrote_is_what_a_rebuild_computes(server: TestServer) {
        jobs_with_events(&server).await;
        let said = Milepost::on(&server.database, &["rebuild", "--check"]).run().await.expect_success();
        assert_eq!(said, "2 jobs recomputed, 0 differences found.\n");
    }

    async fn a_rebuild_mends_what_was_tampered_with_and_reports_every_difference(server: TestServer) {
        let (alice, job) = jobs_with_events(&server).await;
        let right = shown(&alice, &job).await;
        let id = server.database.id(&job);
        let now = match server.database.kind {
            DatabaseKind::Sqlite => "'2026-01-01 00:00:00+00:00'",
            DatabaseKind::Postgres => "'2026-01-01 00:00:00+00'",
        };
        let new_id = server.database.id("00000000-0000-7000-8000-000000000001");
        tamper(&server, &[
            format!("update jobs set status = 'completed', points_done = 100, weight_done_millionths = 1,
                     started_at = {now}, finished_at = {now} where id = {id}"),
            format!("update job_steps set status = 'running', errors = 5, attempts = 6, fraction = 1, metadata = '{{}}'
                     where job_id = {id} and step_configuration_id = {}", step("load")),
            format!("delete from job_steps where job_id = {id} and step_configuration_id = {}", step("measure")),
            format!("insert into job_steps (id, job_id, job_configuration_id, step_configuration_id, status, started_at,
                         started_sequence, attempts, errors, fraction, latest_at, latest_sequence, latest_is_error,
                         metadata, created_at, updated_at)
                     select {new_id}, id, job_configuration_id, {}, 'running', {now}, 1, 1, 0, 0, {now}, 1,
                         {}, '{{}}', {now}, {now} from jobs where id = {id}", step("send"),
                    if server.database.kind == DatabaseKind::Sqlite { "0" } else { "false" }),
        ]).await;
        assert_ne!(shown(&alice, &job).await, right);

        let check = || Milepost::on(&server.database, &["rebuild", "--check"]).run();
        let found = check().await;
        assert!(found.stderr.contains("what is stored differs from what the events say"), "{found:?}");
        assert_eq!(found.code, Some(1));
        let reported = |text: &str, what: &str| {
            let lines: Vec<&str> = text.lines().collect();
            let [differences @ .., last] = lines.as_slice() else { panic!("nothing was said") };
            assert_eq!(*last, format!("2 jobs recomputed, {} differences {what}.", differences.len()));
            // What triggers count, which looked away on PostgreSQL, has a test of its own.
            let differences: Vec<&&str> = differences.iter().filter(|line| !line.starts_with("provider ")).collect();
            assert!(differences.iter().all(|line| line.starts_with(&format!("job {job}: "))), "{text}");
            for difference in [
                "state: status is \"completed\", events say \"running\"",
                "state: points_done is 100, events say ",
                "step load: errors is 5, events say 1",
                "step load: metadata is {}, events say {",
                "step measure: is not stored, but events name it",
                "step send: is stored, but no event names it",
            ] {
                assert!(text.contains(difference), "{difference}\n{text}");
            }
        };
        reported(&found.stdout, "found");
        assert_ne!(shown(&alice, &job).await, right, "--check mends nothing");

        reported(&Milepost::on(&server.database, &["rebuild"]).run().await.expect_success(), "mended");
        assert_eq!(shown(&alice, &job).await, right);
        assert_eq!(check().await.expect_success(), "2 jobs recomputed, 0 differences found.\n");
    }

    async fn a_rebuild_mends_what_cannot_be_read(server: TestServer) {
        let (alice, job) = jobs_with_events(&server).await;
        let right = shown(&alice, &job).await;
        let id = server.database.id(&job);
        let mut statements = vec![
            format!("update job_steps set metadata = '{{\"Density\": 31.5}}' where job_id = {id} and step_configuration_id = {}", step("load")),
            format!("update job_steps set metadata = '7' where job_id = {id} and step_configuration_id = {}", step("measure")),
        ];
        let mut expected = vec![
            "step load: metadata cannot be read, events say {\"".to_owned(),
            "step measure: metadata cannot be read, events say {}".to_owned(),
        ];
        if server.database.kind == DatabaseKind::Sqlite {
            // PostgreSQL keeps times only where times belong.
            statements.push(format!("update jobs set last_event_at = 'yesterday', points_done = 7 where id = {id}"));
            statements.push(format!("insert into job_steps select x'01', job_id, job_configuration_id, {}, status, 'today',
                started_sequence, finished_at, finished_sequence, attempts, errors, fraction, latest_at, latest_sequence,
                latest_is_error, outcome_at, outcome_sequence, outcome_is_error, '', created_at, updated_at
                from job_steps where job_id = {id} and step_configuration_id = {}", step("send"), step("load")));
            expected.push("state: last_event_at cannot be read, events say \"20".to_owned());
            expected.push("step send: started_at cannot be read, events say nothing of it".to_owned());
        }
        tamper(&server, &statements).await;
        let reported = |text: &str| {
            for difference in &expected {
                assert!(text.contains(&format!("job {job}: {difference}")), "{difference}\n{text}");
            }
            // A step that is not there is missed in the sums as well.
            let of_jobs = text.lines().filter(|line| !line.starts_with("provider ")).count();
            assert_eq!(of_jobs, expected.len() + 1, "{text}");
        };
        let check = || Milepost::on(&server.database, &["rebuild", "--check"]).run();
        let found = check().await;
        assert!(found.stderr.contains("what is stored differs from what the events say"), "{found:?}");
        reported(&found.stdout);
        reported(&Milepost::on(&server.database, &["rebuild"]).run().await.expect_success());
        assert_eq!(shown(&alice, &job).await, right);
        assert_eq!(check().await.expect_success(), "2 jobs recomputed, 0 differences found.\n");
    }

    async fn what_keeps_a_job_from_being_recomputed_is_told_with_the_job(server: TestServer) {
        let (_, job) = jobs_with_events(&server).await;
        let id = server.database.id(&job);
        tamper(&server, &[format!("update events set event_metadata = '[7]' where job_id = {id} and sequence = 3")]).await;
        let said = Milepost::on(&server.database, &["rebuild"]).run().await.expect_failure();
        assert!(said.contains(&format!("milepost: job {job}: ")), "{said}");
    }

    async fn a_rebuild_runs_while_events_are_posted(server: TestServer) {
        let (alice, _) = jobs_with_events(&server).await;
        let posting = tokio::spawn(async move {
            for round in 0..120 {
                let id = if round % 2 == 0 { "CT-1" } else { "CT-2" };
                alice.report(id, "info", Some("measure")).await;
            }
        });
        let mut rebuilds = 0;
        while !posting.is_finished() || rebuilds == 0 {
            let command: &[&str] = if rebuilds % 2 == 0 { &["rebuild"] } else { &["rebuild", "--check"] };
            let said = Milepost::on(&server.database, command).run().await.expect_success();
            assert!(said.contains(" 0 differences "), "{said}");
            rebuilds += 1;
        }
        posting.await.unwrap();
    }

    async fn what_is_right_is_left_alone_while_others_write(server: TestServer) {
        let (_, job) = jobs_with_events(&server).await;
        let mut writer = server.database.raw().await;
        writer.execute("begin; update jobs set updated_at = updated_at").await.unwrap();
        assert_eq!(mend(&server.app, job.parse().unwrap()).await.unwrap(), Vec::<String>::new());
        writer.execute("rollback").await.unwrap();
    }

    async fn an_event_that_is_missing_is_told(server: TestServer) {
        let (_, job) = jobs_with_events(&server).await;
        let id = server.database.id(&job);
        tamper(&server, &[format!("delete from events where job_id = {id} and sequence = 2")]).await;
        let found = Milepost::on(&server.database, &["rebuild", "--check"]).run().await;
        assert_eq!(found.code, Some(1));
        assert!(found.stdout.contains(&format!("job {job}: event 3: the one before it is missing")), "{found:?}");
        assert!(found.stdout.contains("2 jobs recomputed"), "{found:?}");
    }

    async fn hours_that_count_wrongly_are_told_and_mended(server: TestServer) {
        let (alice, _) = jobs_with_events(&server).await;
        let bob = server.provider("bob").await;
        bob.register("scan", "1.0.0", &[("load", 1)]).await;
        bob.open_job("scan", "CT-1").await;
        server.clock.set_offset(TimeDelta::hours(1));
        bob.report("CT-1", "info", None).await;
        bob.report("CT-1", "error", None).await;
        let right = server.column::<i64>("select events * 1000 + errors from event_hours order by hour, provider_id").await;
        let of = |person: &Person| server.database.id(&person.id);
        let hour = "2025-01-01T00:00:00+00:00";
        let new_id = server.database.id("00000000-0000-7000-8000-000000000001");
        tamper(&server, &[
            format!("update event_hours set events = 9, errors = 0 where provider_id = {}", of(&alice)),
            format!("delete from event_hours where provider_id = {}", of(&bob)),
            format!("insert into event_hours (id, provider_id, hour, events, errors, created_at, updated_at)
                     values ({new_id}, {}, '{hour}', 4, 1, '{hour}', '{hour}')", of(&bob)),
        ]).await;
        let found = Milepost::on(&server.database, &["rebuild", "--check"]).run().await;
        assert_eq!(found.code, Some(1));
        let now = |hours: i64| (server.clock.now() - TimeDelta::hours(hours)).format("%Y-%m-%dT%H:00:00Z").to_string();
        let expected = [
            format!("provider {}: hour {}: events is 9, events say 5", alice.id, now(1)),
            format!("provider {}: hour {}: errors is 0, events say 1", alice.id, now(1)),
            format!("provider {}: hour 2025-01-01T00:00:00Z: events is 4, events say 0", bob.id),
            format!("provider {}: hour 2025-01-01T00:00:00Z: errors is 1, events say 0", bob.id),
            format!("provider {}: hour {}: events is 0, events say 2", bob.id, now(0)),
            format!("provider {}: hour {}: errors is 0, events say 1", bob.id, now(0)),
        ];
        let lines: Vec<&str> = found.stdout.lines().collect();
        let [differences @ .., last] = lines.as_slice() else { panic!("nothing was said") };
        assert_eq!((differences, *last), (&expected.each_ref().map(String::as_str)[..], "3 jobs recomputed, 6 differences found."));

        let mended = Milepost::on(&server.database, &["rebuild"]).run().await.expect_success();
        assert!(mended.ends_with("3 jobs recomputed, 6 differences mended.\n"), "{mended}");
        let counted = server.column::<i64>("select events * 1000 + errors from event_hours order by hour, provider_id").await;
        assert_eq!(counted, right);
        server.expect_state_as_rebuilt().await;
    }

    async fn jobs_that_are_counted_wrongly_are_told_and_mended(server: TestServer) {
        let (alice, _) = jobs_with_events(&server).await;
        let of_alice = server.database.id(&alice.id);
        let quarter = "2025-01-01T00:15:00+00:00";
        let stored = "select jobs from job_counts where jobs <> 0
            union all select finished from job_quarters where finished <> 0 order by 1";
        let right = server.column::<i64>(stored).await;
        tamper(&server, &[
            "delete from job_counts".to_owned(),
            format!("insert into job_counts (provider_id, what, jobs) values ({of_alice}, 'silent', 7)"),
            format!("insert into job_quarters (provider_id, quarter, finished) values ({of_alice}, '{quarter}', 2)"),
        ]).await;
        let found = Milepost::on(&server.database, &["rebuild", "--check"]).run().await;
        assert_eq!(found.code, Some(1));
        for line in [
            "jobs that are silent: 7 are counted, there are 0",
            "quarter of an hour 2025-01-01T00:15:00Z: 2 finished jobs are counted, there are 0",
        ] {
            assert!(found.stdout.contains(&format!("provider {}: {line}\n", alice.id)), "{found:?}");
        }
        Milepost::on(&server.database, &["rebuild"]).run().await.expect_success();
        server.expect_state_as_rebuilt().await;
        assert_eq!(server.column::<i64>(stored).await, right);
    }

    async fn counts_are_mended_by_two_rebuilds_at_once_while_events_are_posted(server: TestServer) {
        let (alice, _) = jobs_with_events(&server).await;
        let posting = tokio::spawn(async move {
            for round in 0..60 {
                alice.report("CT-1", if round % 3 == 0 { "error" } else { "complete" }, None).await;
            }
        });
        for _ in 0..3 {
            tamper(&server, &[
                "update event_hours set events = events + 1000".to_owned(),
                "update job_counts set jobs = jobs + 1000".to_owned(),
                "update job_quarters set finished = finished + 1000".to_owned(),
            ]).await;
            let rebuild = || Milepost::on(&server.database, &["rebuild"]).run();
            let (one, two) = tokio::join!(rebuild(), rebuild());
            one.expect_success();
            two.expect_success();
        }
        posting.await.unwrap();
        server.expect_state_as_rebuilt().await;
    }
}
