//! The list of jobs under filters and orders put together at random, beside the same worked out from all jobs.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::{Person, TestServer, on_both};

const STATUSES: [&str; 4] = ["pending", "running", "completed", "error"];
const SORTS: [&str; 6] = ["-created_at", "created_at", "-started_at", "started_at", "-finished_at", "finished_at"];

/// Name and value of a parameter.
type Condition = (&'static str, String);

/// One of a few times, so that many jobs share each; every other one has a fraction of a second.
fn time(number: i64) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::milliseconds(number * 500)
}

fn any_time() -> impl Strategy<Value = DateTime<Utc>> {
    (0..8_i64).prop_map(time)
}

/// A column's value in SQL, as the server writes it.
fn literal(time: Option<DateTime<Utc>>) -> String {
    let text = |it: DateTime<Utc>| format!("'{}'", it.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false));
    time.map_or_else(|| "null".to_owned(), text)
}

fn sample<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// How a job is, as columns to set. Only times and the status: lists read nothing else.
fn any_state() -> impl Strategy<Value = String> {
    let state = (any_time(), any_time(), any_time(), any_time(), select(&STATUSES[..]), any::<bool>());
    state.prop_map(|(created, started, last, finished, status, is_silent)| {
        let begun = status != "pending";
        format!(
            "created_at = {}, started_at = {}, last_event_at = {}, finished_at = {}, silent_since = {},
             status = '{status}'",
            literal(Some(created)),
            literal(begun.then_some(started)),
            literal(begun.then_some(last)),
            literal((status == "completed").then_some(finished)),
            literal((status == "running" && is_silent).then_some(last)),
        )
    })
}

async fn change(server: &TestServer, runner: &mut TestRunner, id: &str) {
    let state = sample(runner, any_state());
    let update = format!("update jobs set {state} where id = {}", server.database.id(id));
    server.database.raw().await.execute(&update).await.unwrap();
}

/// Bob's jobs of two providers among others of theirs: two kinds of job each, in two versions.
async fn jobs_of_two_providers(server: &TestServer, runner: &mut TestRunner) -> (Person, Person) {
    let (alice, mallory) = (server.provider("alice").await, server.provider("mallory").await);
    let bob = server.customer_of(&alice, "bob").await;
    let token = mallory.invite(&bob.email).await;
    bob.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
    for provider in [&alice, &mallory] {
        for (tag, version) in [("brain", "1.0.0"), ("brain", "2.0.0"), ("lung", "1.0.0")] {
            provider.register(tag, version, &[("load", 1)]).await;
        }
        for number in 0..24 {
            let (tag, version) = [("brain", "1.0.0"), ("brain", "2.0.0"), ("lung", "1.0.0")][number % 3];
            let customer = (number % 4 > 0).then_some(&bob.id);
            let job = json!({"provider_job_id": format!("j{number}"), "tag": tag, "version": version, "customer_id": customer});
            let id = provider.post("/jobs", job).await.expect(201)["id"].as_str().unwrap().to_owned();
            change(server, runner, &id).await;
        }
    }
    (alice, bob)
}

/// All jobs somebody may see, read without any filter.
async fn all_jobs(person: &Person) -> Vec<Value> {
    person.get("/jobs?limit=200").await.expect(200)["items"].as_array().unwrap().clone()
}

fn any_conditions(jobs: &[Value], bob: &Person) -> impl Strategy<Value = Vec<Condition>> {
    let ids: Vec<String> = jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    let text = |name: &'static str, values: &[&str]| {
        select(values.iter().map(|value| (name, (*value).to_owned())).collect::<Vec<_>>()).boxed()
    };
    let moment =
        |name: &'static str| any_time().prop_map(move |at| (name, at.to_rfc3339().replace('+', "%2B"))).boxed();
    let each: Vec<BoxedStrategy<Condition>> = vec![
        subsequence(STATUSES.to_vec(), 1..=4).prop_map(|some| ("status", some.join(","))).boxed(),
        subsequence(ids, 1..20).prop_shuffle().prop_map(|some| ("id", some.join(","))).boxed(),
        text("tag", &["brain", "brain", "lung", "liver"]),
        text("version", &["1.0.0", "2.0.0", "3.0.0"]),
        text("customer", &[&bob.id, &bob.email, "nobody@customer.example"]),
        text("text", &["j1", "J2", "3", "_", "Job L", "j1%20job", "rain", "none"]),
        text("provider_job_id", &["j5", "j6", "j7"]),
        moment("from"),
        moment("to"),
        moment("finished_from"),
        moment("last_event_to"),
        text("silent", &["true", "true", "false"]),
    ];
    let count = each.len();
    (subsequence((0..count).collect::<Vec<_>>(), 0..=3))
        .prop_flat_map(move |chosen| chosen.into_iter().map(|index| each[index].clone()).collect::<Vec<_>>())
}

fn fits(job: &Value, (name, value): &Condition) -> bool {
    let is = |field: &str| value.split(',').any(|one| job[field] == one);
    let at = |field: &str| job[field].as_str().map(|text| text.parse::<DateTime<Utc>>().unwrap());
    let created = at("created_at").unwrap();
    let limit = || value.replace("%2B", "+").parse::<DateTime<Utc>>().unwrap();
    match *name {
        "customer" => is("customer_id") || is("customer_email"),
        "text" => {
            let searched = format!("{} {}", job["provider_job_id"], job["provider_job_name"]);
            searched.to_lowercase().contains(&value.replace("%20", " ").to_lowercase())
        }
        "from" => created >= limit(),
        "to" => created < limit(),
        "finished_from" => at("finished_at").is_some_and(|at| at >= limit()),
        "last_event_to" => at("last_event_at").unwrap_or(created) < limit(),
        "silent" => job["silent_since"].is_string().to_string() == *value,
        field => is(field),
    }
}

/// The place of a job in an order, if it has one there.
fn place(job: &Value, sort: &str) -> Option<(DateTime<Utc>, String)> {
    let at = |field: &str| job[field].as_str().map(|text| text.parse::<DateTime<Utc>>().unwrap());
    let at = match sort.trim_start_matches('-') {
        "started_at" => at("started_at").or(at("created_at")),
        field => at(field),
    };
    Some((at?, job["id"].as_str().unwrap().to_owned()))
}

fn expected(jobs: &[Value], conditions: &[Condition], sort: &str) -> Vec<String> {
    let fitting = jobs.iter().filter(|job| conditions.iter().all(|condition| fits(job, condition)));
    let mut places: Vec<_> = fitting.filter_map(|job| place(job, sort)).collect();
    places.sort();
    if sort.starts_with('-') {
        places.reverse();
    }
    places.into_iter().map(|(_, id)| id).collect()
}

fn query(limit: usize, sort: &str, conditions: &[Condition]) -> String {
    let filter = conditions.iter().map(|(name, value)| format!("{name}={value}"));
    [format!("limit={limit}"), format!("sort={sort}")].into_iter().chain(filter).collect::<Vec<_>>().join("&")
}

/// A page: the ids of its jobs, and the cursor of the next one.
async fn page(person: &Person, query: &str, cursor: Option<String>) -> (Vec<String>, Option<String>) {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    let page = person.get(&format!("/jobs?{query}{cursor}")).await.expect(200);
    let ids = page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    (ids, page["next"].as_str().map(str::to_owned))
}

on_both! {
    async fn every_query_lists_what_fits_in_its_order(server: TestServer) {
        let mut runner = TestRunner::deterministic();
        let (alice, bob) = jobs_of_two_providers(&server, &mut runner).await;
        for person in [&alice, &bob] {
            let jobs = all_jobs(person).await;
            let conditions = any_conditions(&jobs, &bob);
            let mut found = 0;
            for _ in 0..60 {
                let (conditions, sort, limit) = sample(&mut runner, (&conditions, select(&SORTS[..]), 1..12_usize));
                let query = query(limit, sort, &conditions);
                let (mut listed, mut cursor) = page(person, &query, None).await;
                while cursor.is_some() {
                    let (more, next) = page(person, &query, cursor).await;
                    assert!(!more.is_empty() && more.len() <= limit, "{query}");
                    listed.extend(more);
                    cursor = next;
                }
                assert_eq!(listed, expected(&jobs, &conditions, sort), "{query}");
                found += listed.len();
            }
            assert!(found > 30, "too few jobs fit to say anything: {found}");
        }
    }

    async fn jobs_that_stay_as_they_are_are_listed_once_while_others_change(server: TestServer) {
        let mut runner = TestRunner::deterministic();
        let (alice, _) = jobs_of_two_providers(&server, &mut runner).await;
        for round in 0..24 {
            let sort = SORTS[round % SORTS.len()];
            let conditions: &[Condition] = match round % 4 {
                0 => &[],
                1 => &[("status", "running,completed".to_owned())],
                2 => &[("tag", "brain".to_owned())],
                _ => &[("finished_from", time(2).to_rfc3339().replace('+', "%2B"))],
            };
            let query = query(3, sort, conditions);
            let jobs = all_jobs(&alice).await;
            let changing: Vec<String> = jobs.iter().step_by(4).map(|job| job["id"].as_str().unwrap().to_owned()).collect();
            let (mut listed, mut cursor) = page(&alice, &query, None).await;
            while cursor.is_some() {
                let changed = sample(&mut runner, select(changing.clone()));
                change(&server, &mut runner, &changed).await;
                let (more, next) = page(&alice, &query, cursor).await;
                listed.extend(more);
                cursor = next;
            }
            let stays = |id: &String| !changing.contains(id);
            let mut staying = expected(&jobs, conditions, sort);
            staying.retain(stays);
            listed.retain(stays);
            assert_eq!(listed, staying, "{query}");
        }
    }
}
