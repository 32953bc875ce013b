//! How long steps and jobs took, as it is kept in the background, beside the same worked out from all events.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use milepost::audit::Actor;
use milepost::config::{Retention, RetentionAction};
use milepost::durations::{WHOLE_JOB, catch_up};
use milepost::retention::retire_due;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{DatabaseKind, Dice, Milepost, Person, TestServer, eventually, on_both};

/// By job and step: when it finished, how long it took and how long the job went on, in microseconds.
type Durations = BTreeMap<(Uuid, Uuid), (DateTime<Utc>, i64, Option<i64>)>;

async fn stored(server: &TestServer) -> Durations {
    let column = |column: &str| format!("select {column} from durations order by job_id, step_configuration_id");
    let jobs = server.column::<Uuid>(column("job_id")).await;
    let steps = server.column::<Uuid>(column("step_configuration_id")).await;
    let finished = server.column::<DateTime<Utc>>(column("finished_at")).await;
    let durations = server.column::<i64>(column("duration")).await;
    let remaining = server.column::<Option<i64>>(column("remaining")).await;
    let values = finished.into_iter().zip(durations).zip(remaining);
    let values = values.map(|((finished, duration), remaining)| (finished, duration, remaining));
    jobs.into_iter().zip(steps).zip(values).collect()
}

/// An event, as far as durations depend on it.
struct Reported {
    kind: String,
    step: Option<Uuid>,
    /// When it happened, and its place in the job.
    at: (DateTime<Utc>, i64),
}

impl Reported {
    fn finishes(&self, step: Uuid) -> bool {
        self.step == Some(step) && matches!(self.kind.as_str(), "step" | "complete")
    }

    fn decides(&self) -> bool {
        self.kind != "info"
    }
}

async fn events_of(person: &Person, job: &str) -> Vec<Reported> {
    let events = person.get(&format!("/jobs/{job}/events?limit=200")).await.expect(200);
    assert_eq!(events["next"], Value::Null);
    let reported = |event: &Value| Reported {
        kind: event["kind"].as_str().unwrap().to_owned(),
        step: event["step_configuration_id"].as_str().map(|id| id.parse().unwrap()),
        at: (event["occurred_at"].as_str().unwrap().parse().unwrap(), event["sequence"].as_i64().unwrap()),
    };
    events["items"].as_array().unwrap().iter().map(reported).collect()
}

/// What the events of a job say, each rule by reading all of them again.
async fn expected_of(person: &Person, job: &str, expected: &mut Durations) {
    let job = person.get(&format!("/jobs/{job}")).await.expect(200);
    let id: Uuid = job["id"].as_str().unwrap().parse().unwrap();
    let opened: DateTime<Utc> = job["created_at"].as_str().unwrap().parse().unwrap();
    let steps: Vec<Uuid> = job["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step_configuration_id"].as_str().unwrap().parse().unwrap())
        .collect();
    let events = events_of(person, job["id"].as_str().unwrap()).await;
    let finish = |step: Uuid| events.iter().filter(|event| event.finishes(step)).map(|event| event.at).min();
    let ends_in_error = |of: &dyn Fn(&&Reported) -> bool| {
        let latest = events.iter().filter(|event| event.decides()).filter(of).max_by_key(|event| event.at);
        latest.is_some_and(|latest| latest.kind == "error")
    };
    let completes = events.iter().filter(|event| event.kind == "complete").map(|event| event.at.0).max();
    let last_step = events.iter().filter(|event| event.kind == "step").map(|event| event.at.0).max();
    let all_well =
        steps.iter().all(|step| finish(*step).is_some() && !ends_in_error(&|event| event.step == Some(*step)));
    let is_completed = !events.is_empty() && !ends_in_error(&|_| true) && (completes.is_some() || all_well);
    let end = completes.or(last_step).filter(|_| is_completed);
    let between = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).num_microseconds().unwrap();
    for step in &steps {
        let Some(finished) = finish(*step) else { continue };
        let begun = events.iter().filter(|event| event.step == Some(*step)).map(|event| event.at).min().unwrap();
        let begun = if begun == finished {
            let others = steps.iter().filter(|other| *other != step).filter_map(|other| finish(*other));
            others.filter(|other| *other < finished).max().map_or(opened.min(finished.0), |other| other.0)
        } else {
            begun.0
        };
        let remaining = end.map(|end| between(finished.0, end));
        expected.insert((id, *step), (finished.0, between(begun, finished.0), remaining));
    }
    if let Some(end) = end {
        let whole = between(events.iter().map(|event| event.at).min().unwrap().0, end);
        expected.insert((id, WHOLE_JOB), (end, whole, Some(whole)));
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// An event of a job, of any kind and of any of the past minutes.
fn any_event(dice: &mut Dice, job: &str, now: DateTime<Utc>) -> Value {
    let kind = *dice.pick(&["step", "step", "step", "info", "info", "error", "complete"]);
    let tag = if kind == "step" || dice.below(3) > 0 {
        json!(dice.pick(&["load", "measure", "send"]))
    } else {
        Value::Null
    };
    // Often at the very same time as another.
    let at = now - TimeDelta::seconds(dice.below(40)) * 7 - TimeDelta::microseconds(dice.below(2));
    let occurred_at = if dice.below(4) > 0 { json!(rfc3339(at)) } else { Value::Null };
    json!({"provider_job_id": job, "kind": kind, "tag": tag, "occurred_at": occurred_at})
}

async fn report_all(person: &Person, events: &[Value]) {
    for events in events.chunks(200) {
        let answer = person.post("/events/batch", json!(events)).await.expect(200);
        assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
    }
}

/// A provider with a key, who has a kind of job of three steps.
async fn provider(server: &TestServer) -> Person {
    let alice = server.provider("alice").await.with_new_key("write").await;
    alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70), ("send", 0)]).await;
    alice
}

on_both! {
    async fn durations_are_what_all_events_say_whichever_server_wrote_them(server: TestServer) {
        let beside = server.start_beside().await;
        let alice = provider(&server).await;
        let mut dice = Dice::seeded(7);
        let mut jobs = BTreeMap::new();
        for number in 0..24 {
            let own_id = format!("j{number}");
            jobs.insert(own_id.clone(), alice.open_job("scan", &own_id).await);
        }
        let own_ids: Vec<String> = jobs.keys().cloned().collect();
        let (mut was_completed, mut seen) = (HashSet::new(), [0; 3]);
        for _ in 0..6 {
            let now = server.clock.now();
            let mut events: Vec<Value> = Vec::new();
            for _ in 0..40 {
                let job = dice.pick(&own_ids).clone();
                events.push(any_event(&mut dice, &job, now));
            }
            let (here, there) = events.split_at(20);
            let at_beside = alice.at(&beside);
            tokio::join!(report_all(&alice, here), report_all(&at_beside, there));
            let (one, other) = tokio::join!(catch_up(&server.app), catch_up(&beside.app));
            one.unwrap();
            other.unwrap();
            let mut expected = Durations::new();
            for job in jobs.values() {
                expected_of(&alice, job, &mut expected).await;
            }
            assert_eq!(stored(&server).await, expected);
            server.expect_state_as_rebuilt().await;
            let completed: HashSet<Uuid> = expected.keys().filter(|key| key.1 == WHOLE_JOB).map(|key| key.0).collect();
            seen[0] += completed.len();
            seen[1] += was_completed.difference(&completed).count();
            seen[2] += expected.values().filter(|row| row.2.is_none()).count();
            was_completed = completed;
        }
        assert!(seen[0] > 30 && seen[1] > 1 && seen[2] > 30, "completed, not any more, under way: {seen:?}");
    }

    async fn nobody_has_to_ask_for_them(server: TestServer) {
        let alice = provider(&server).await;
        alice.open_job("scan", "CT-1").await;
        alice.report("CT-1", "complete", Some("load")).await;
        eventually("the step and the job are there", || async { stored(&server).await.len() == 2 }).await;
    }

    async fn all_there_is_follows_after_an_upgrade_in_parts(server: TestServer) {
        let server = server.without_event_rates().await;
        let alice = provider(&server).await;
        let mut events = Vec::new();
        for number in 0..230 {
            alice.open_job("scan", &format!("j{number}")).await;
            events.push(json!({"provider_job_id": format!("j{number}"), "kind": "complete", "tag": "load"}));
        }
        report_all(&alice, &events).await;
        catch_up(&server.app).await.unwrap();
        let before = stored(&server).await;
        assert_eq!(before.len(), 460);
        let mut raw = server.database.raw().await;
        raw.execute("delete from durations").await.unwrap();
        raw.execute("update followers set position = 0").await.unwrap();
        catch_up(&server.app).await.unwrap();
        assert_eq!(stored(&server).await, before);
        server.expect_state_as_rebuilt().await;
    }

    async fn places_in_the_log_that_no_event_has_are_passed_over(server: TestServer) {
        let alice = provider(&server).await;
        alice.open_job("scan", "CT-1").await;
        let mut raw = server.database.raw().await;
        for count in 1..=2 {
            raw.execute("update log_positions set position = position + 7 where log = 'events'").await.unwrap();
            catch_up(&server.app).await.unwrap();
            let position = "select position - (select position from log_positions where log = 'events') from followers";
            assert_eq!(server.column::<i64>(position).await, [0]);
            alice.report("CT-1", "step", Some(["load", "measure"][count - 1])).await;
            catch_up(&server.app).await.unwrap();
            assert_eq!(stored(&server).await.len(), count);
        }
    }

    async fn they_go_with_a_job_to_another_customer(server: TestServer) {
        let alice = provider(&server).await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let (bob, carol) = (server.customer_of(&owner, "bob").await, server.customer_of(&owner, "carol").await);
        let job = alice.open_job_for(&bob, "scan", "CT-1").await;
        alice.report("CT-1", "complete", Some("load")).await;
        catch_up(&server.app).await.unwrap();
        let emails = "select coalesce(l.email, '-') from durations d left join customers l on l.id = d.customer_link_id";
        assert_eq!(server.column::<String>(emails).await, [bob.email.as_str(); 2]);
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": carol.id})).await.expect(200);
        assert_eq!(server.column::<String>(emails).await, [carol.email.as_str(); 2], "at once");
        alice.patch(&format!("/jobs/{job}"), json!({"provider_job_name": "A scan"})).await.expect(200);
        assert_eq!(server.column::<String>(emails).await, [carol.email.as_str(); 2]);
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": null})).await.expect(200);
        assert_eq!(server.column::<String>(emails).await, ["-"; 2]);
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": bob.id})).await.expect(200);
        alice.report("CT-1", "step", Some("measure")).await;
        catch_up(&server.app).await.unwrap();
        assert_eq!(server.column::<String>(emails).await, [bob.email.as_str(); 3]);
        server.expect_state_as_rebuilt().await;
    }

    async fn they_are_deleted_with_their_job_and_stay_with_one_that_names_nobody(server: TestServer) {
        let alice = provider(&server).await;
        for own_id in ["CT-1", "CT-2"] {
            alice.open_job("scan", own_id).await;
            alice.report(own_id, "complete", Some("load")).await;
        }
        catch_up(&server.app).await.unwrap();
        let before = stored(&server).await;
        server.clock.set_offset(TimeDelta::days(31));
        let after = TimeDelta::days(30);
        let retention = |action| Some(Retention { after, action });
        assert_eq!(retire_due(&server.app, retention(RetentionAction::Anonymise), &Actor::SERVER).await.unwrap(), 2);
        catch_up(&server.app).await.unwrap();
        assert_eq!(stored(&server).await, before);
        server.expect_state_as_rebuilt().await;
        assert_eq!(retire_due(&server.app, retention(RetentionAction::Delete), &Actor::SERVER).await.unwrap(), 2);
        assert_eq!(stored(&server).await, Durations::new());
    }

    async fn a_rebuild_tells_and_mends_what_is_stored_wrongly(server: TestServer) {
        let alice = provider(&server).await;
        let job = alice.open_job("scan", "CT-1").await;
        alice.report("CT-1", "step", Some("load")).await;
        alice.report("CT-1", "step", Some("measure")).await;
        // The follower does not meet the first again.
        alice.open_job("scan", "CT-2").await;
        alice.report("CT-2", "info", None).await;
        alice.report("CT-2", "info", None).await;
        catch_up(&server.app).await.unwrap();
        let right = stored(&server).await;
        let mut raw = server.database.raw().await;
        let step = |tag: &str| format!("(select id from step_configurations where tag = '{tag}')");
        raw.execute(&format!("update durations set duration = 7 where step_configuration_id = {}", step("load"))).await.unwrap();
        let nil = server.database.id(&WHOLE_JOB.to_string());
        raw.execute(&format!("update durations set step_configuration_id = {nil} where step_configuration_id = {}",
            step("measure"))).await.unwrap();
        let found = Milepost::on(&server.database, &["rebuild", "--check"]).run().await;
        let expected = [
            "duration of step load: duration is 7, events say ",
            "duration of step measure: is not stored, but events say that it has ended",
            "duration of the job: is stored, but events say that it has not ended",
        ];
        let lines: Vec<&str> = found.stdout.lines().collect();
        assert_eq!((lines.len(), found.code), (4, Some(1)), "{found:?}");
        for line in expected {
            assert!(found.stdout.contains(&format!("job {job}: {line}")), "{found:?}");
        }
        let mended = Milepost::on(&server.database, &["rebuild"]).run().await.expect_success();
        assert!(mended.ends_with("2 jobs recomputed, 3 differences mended.\n"), "{mended}");
        assert_eq!(stored(&server).await, right);
    }

    async fn servers_that_follow_at_once_do_not_keep_reporting_or_each_other_waiting(server: TestServer) {
        let server = server.without_event_rates().await;
        let beside = server.start_beside().await;
        let alice = provider(&server).await;
        let owner = Person::sign_in(&server.url, &alice.email).await;
        let customers = [server.customer_of(&owner, "bob").await, server.customer_of(&owner, "carol").await];
        let mut jobs = Vec::new();
        for number in 0..4 {
            jobs.push(alice.open_job("scan", &format!("j{number}")).await);
        }
        let following = async |server: &TestServer| {
            for _ in 0..20 {
                catch_up(&server.app).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reporting = async || {
            for round in 0..60 {
                let kind = ["info", "step", "error", "step"][round % 4];
                alice.report(&format!("j{}", round % 4), kind, Some("load")).await;
            }
        };
        let handing_over = async || {
            for round in 0..40 {
                let customer = json!({"customer_id": customers[round / 4 % 2].id});
                alice.patch(&format!("/jobs/{}", jobs[round % 4]), customer).await.expect(200);
            }
        };
        tokio::join!(following(&server), following(&beside), reporting(), handing_over());
        catch_up(&server.app).await.unwrap();
        let mut expected = Durations::new();
        for id in server.column::<Uuid>("select id from jobs").await {
            expected_of(&alice, &id.to_string(), &mut expected).await;
        }
        assert_eq!(stored(&server).await, expected);
        // And of whom they are.
        server.expect_state_as_rebuilt().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_be_read_keeps_nobody_up() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let alice = provider(&server).await;
    for own_id in ["CT-1", "CT-2"] {
        alice.open_job("scan", own_id).await;
        alice.report(own_id, "complete", Some("load")).await;
    }
    let mut raw = server.database.raw().await;
    raw.execute("update jobs set started_at = 'yesterday' where provider_job_id = 'CT-1'").await.unwrap();
    raw.execute("delete from durations").await.unwrap();
    raw.execute("update followers set position = 0").await.unwrap();
    catch_up(&server.app).await.unwrap();
    assert_eq!(stored(&server).await.len(), 2);
    Milepost::on(&server.database, &["rebuild"]).run().await.expect_success();
    assert_eq!(stored(&server).await.len(), 4);
    server.expect_state_as_rebuilt().await;
}
