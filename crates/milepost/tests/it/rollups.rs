//! What is reported and billed, summed up with the events: the same as worked out from jobs, steps and errors one by one,
//! whatever happened to them and in which order it arrived.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, DurationRound, TimeDelta, Utc};
use milepost::audit::Actor;
use milepost::config::{Retention, RetentionAction};
use milepost::retention::retire_due;
use milepost::rollups::{EVERYBODY, NOBODY};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Milepost, Person, TestServer, on_both};

const SUMS: [&str; 10] =
    ["running", "completed", "error", "abandoned", "finished", "failed", "hours", "steps", "points", "errors"];

/// Customer, series, start and configuration.
type Place = (Uuid, String, DateTime<Utc>, Uuid);
/// The sums of a place that are not zero.
type Sums = BTreeMap<&'static str, i64>;

/// What is stored.
async fn stored(server: &TestServer) -> BTreeMap<Place, Sums> {
    let column = async |name: &str| {
        server
            .column::<i64>(format!("select {name} from rollups order by customer, series, start, configuration"))
            .await
    };
    let ids = async |name: &str| {
        server
            .column::<Uuid>(format!("select {name} from rollups order by customer, series, start, configuration"))
            .await
    };
    let series = "select series from rollups order by customer, series, start, configuration";
    let starts = "select start from rollups order by customer, series, start, configuration";
    let (customers, configurations) = (ids("customer").await, ids("configuration").await);
    let (series, starts) = (server.column::<String>(series).await, server.column::<DateTime<Utc>>(starts).await);
    let mut found: Vec<(Place, Sums)> = (0..series.len())
        .map(|n| ((customers[n], series[n].clone(), starts[n], configurations[n]), Sums::new()))
        .collect();
    for sum in SUMS {
        for (n, value) in column(sum).await.into_iter().enumerate().filter(|(_, value)| *value != 0) {
            found[n].1.insert(sum, value);
        }
    }
    found.into_iter().filter(|(_, sums)| !sums.is_empty()).collect()
}

/// Asserts that both are the same, and shows what differs.
fn expect_same(stored: &BTreeMap<Place, Sums>, worked: &BTreeMap<Place, Sums>) {
    let places = stored.keys().chain(worked.keys());
    let differing: BTreeMap<&Place, _> = places
        .map(|place| (place, (stored.get(place), worked.get(place))))
        .filter(|(_, (stored, worked))| stored != worked)
        .collect();
    assert!(differing.is_empty(), "stored and worked out: {differing:#?}");
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

fn id(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

/// What is worked out from what the API shows of jobs.
#[derive(Default)]
struct Worked(BTreeMap<Place, Sums>);

impl Worked {
    fn add(
        &mut self,
        customer: Uuid,
        of: &str,
        at: DateTime<Utc>,
        configuration: Uuid,
        sums: &[(&'static str, i64)],
    ) {
        let truncated = |minutes| at.duration_trunc(TimeDelta::minutes(minutes)).unwrap();
        let month = truncated(24 * 60).with_day(1).unwrap();
        let spans = [("days", truncated(24 * 60)), ("quarters", truncated(15)), ("months", month)];
        for (span, start) in spans.into_iter().take(if of == "job" { 3 } else { 2 }) {
            for customer in [customer, EVERYBODY] {
                let place = (customer, format!("{of}_{span}"), start, configuration);
                for (sum, value) in sums {
                    *self.0.entry(place.clone()).or_default().entry(sum).or_default() += value;
                }
            }
        }
    }

    /// A job with its steps and events; one that is to be erased counts as given up if it has not ended.
    async fn add_job(&mut self, provider: &Person, job: &Value, customer: Uuid, is_erased: bool) {
        let kind = id(&job["job_configuration_id"]);
        let status = job["status"].as_str().unwrap();
        let counted = match status {
            "pending" | "running" if is_erased => Some("abandoned"),
            // Those that have not begun are not summed up.
            "pending" => None,
            status => SUMS.into_iter().find(|sum| status == *sum),
        };
        if let Some(counted) = counted {
            self.add(customer, "job", time(&job["created_at"]).unwrap(), kind, &[(counted, 1)]);
        }
        if let Some(finish) = time(&job["finished_at"]) {
            let took = (finish - time(&job["started_at"]).unwrap()).num_microseconds().unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "days in microseconds")]
            let hours = (took as f64 / 3_600e6 * 1e4).round() as i64;
            self.add(customer, "job", finish, kind, &[("finished", 1), ("hours", hours)]);
        }
        for step in job["steps"].as_array().unwrap() {
            if let Some(finish) = time(&step["finished_at"]) {
                let sums = [("steps", 1), ("points", step["points"].as_i64().unwrap())];
                self.add(customer, "job", finish, kind, &sums);
                self.add(customer, "step", finish, id(&step["step_configuration_id"]), &sums);
            }
        }
        let events =
            provider.get(&format!("/jobs/{}/events?limit=200", job["id"].as_str().unwrap())).await.expect(200);
        let mut last_error = None;
        for event in events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "error") {
            let at = time(&event["occurred_at"]).unwrap();
            last_error = Some(at);
            self.add(customer, "job", at, kind, &[("errors", 1)]);
            if !event["step_configuration_id"].is_null() {
                self.add(customer, "step", at, id(&event["step_configuration_id"]), &[("errors", 1)]);
            }
        }
        if status == "error" {
            self.add(customer, "job", last_error.unwrap(), kind, &[("failed", 1)]);
        }
    }

    fn sums(self) -> BTreeMap<Place, Sums> {
        let without_zeros = |sums: Sums| -> Sums { sums.into_iter().filter(|(_, value)| *value != 0).collect() };
        let all = self.0.into_iter().map(|(place, sums)| (place, without_zeros(sums)));
        all.filter(|(_, sums)| !sums.is_empty()).collect()
    }
}

/// Alice with customers and kinds of job, and what she has opened.
struct Lab {
    alice: Person,
    /// With their links; nobody last.
    customers: Vec<(Option<String>, Uuid)>,
    jobs: Vec<String>,
}

const STEPS: [&[&str]; 3] = [&["load", "left", "right"], &["load", "left", "send"], &["scan"]];
const KINDS: [(&str, &str); 3] = [("brain", "1.0.0"), ("brain", "2.0.0"), ("lung", "1.0.0")];

fn sample<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

impl Lab {
    async fn open(server: &TestServer) -> Self {
        let alice = server.provider("alice").await;
        let bob = server.customer_of(&alice, "bob").await;
        server.customer_of(&alice, "carol").await;
        let links = alice.get("/customers").await.expect(200);
        let links = links["items"].as_array().unwrap().iter();
        let mut customers: Vec<(Option<String>, Uuid)> =
            links.map(|link| (Some(link["customer_id"].as_str().unwrap().to_owned()), id(&link["id"]))).collect();
        // Bob comes first.
        customers.sort_by_key(|(customer, _)| customer.as_ref() != Some(&bob.id));
        customers.push((None, NOBODY));
        for ((tag, version), steps) in KINDS.into_iter().zip(STEPS) {
            let steps: Vec<(&str, i64)> = steps.iter().copied().zip([30, 70, 0]).collect();
            alice.register(tag, version, &steps).await;
        }
        let alice = alice.with_new_key("write").await;
        Self { alice, customers, jobs: Vec::new() }
    }

    /// Something that a provider does.
    async fn act(&mut self, runner: &mut TestRunner, now: DateTime<Utc>) {
        let customer = sample(runner, select(self.customers.clone())).0;
        let what = sample(runner, 0..12_u8);
        if self.jobs.is_empty() || what == 0 {
            let (tag, version) = sample(runner, select(&KINDS[..]));
            let job = json!({"provider_job_id": format!("j{}", self.jobs.len()), "tag": tag, "version": version,
                "customer_id": customer});
            let job = self.alice.post("/jobs", job).await.expect(201);
            self.jobs.push(job["id"].as_str().unwrap().to_owned());
            return;
        }
        let number = sample(runner, 0..self.jobs.len());
        if what == 1 {
            let correction = json!({"customer_id": customer});
            self.alice.patch(&format!("/jobs/{}", self.jobs[number]), correction).await.expect(200);
            return;
        }
        let job = self.alice.get(&format!("/jobs/{}", self.jobs[number])).await.expect(200);
        let events: Vec<Value> = (0..sample(runner, 1..5_usize))
            .map(|_| {
                let kind = sample(runner, select(&["step", "step", "step", "info", "error", "complete"][..]));
                let steps = job["steps"].as_array().unwrap();
                let step = &steps[sample(runner, 0..steps.len())]["tag"];
                let named = kind == "step" || sample(runner, any::<bool>());
                // Late ones among them, up to days, and some beside the boundary of a quarter.
                let late = TimeDelta::seconds(sample(runner, select(&[0, 1, 899, 900, 40_000, 200_000][..])));
                json!({"provider_job_id": job["provider_job_id"], "kind": kind, "tag": named.then_some(step),
                    "occurred_at": now - late})
            })
            .collect();
        let answer = self.alice.post("/events/batch", json!(events)).await.expect(200);
        assert!(answer["items"].as_array().unwrap().iter().all(|item| item["status"] == 201), "{answer}");
    }

    /// What the jobs that are there add up to.
    async fn work_out(&self, is_erased: impl Fn(&Value) -> bool) -> Worked {
        let mut worked = Worked::default();
        for job in &self.jobs {
            let job = self.alice.get(&format!("/jobs/{job}")).await.expect(200);
            let customer =
                self.customers.iter().find(|(customer, _)| job["customer_id"].as_str() == customer.as_deref());
            worked.add_job(&self.alice, &job, customer.unwrap().1, is_erased(&job)).await;
        }
        worked
    }
}

on_both! {
    async fn sums_are_what_jobs_steps_and_errors_add_up_to(server: TestServer) {
        let mut runner = TestRunner::deterministic();
        let mut lab = Lab::open(&server).await;
        for hours in 0..60 {
            server.clock.set_offset(TimeDelta::hours(hours * 7));
            lab.act(&mut runner, server.app.clock().now()).await;
            lab.act(&mut runner, server.app.clock().now()).await;
        }
        let worked = lab.work_out(|_| false).await.sums();
        assert!(worked.len() > 100, "{worked:#?}");
        expect_same(&stored(&server).await, &worked);
        server.expect_counts_as_counted().await;

        server.clock.set_offset(TimeDelta::days(40));
        // What is anonymised counts on, and what is deleted too.
        let action = |action| Some(Retention { after: TimeDelta::days(10), action });
        assert!(retire_due(&server.app, action(RetentionAction::Anonymise), &Actor::SERVER).await.unwrap() > 0);
        expect_same(&stored(&server).await, &worked);
        server.expect_counts_as_counted().await;
        let deleted = retire_due(&server.app, action(RetentionAction::Delete), &Actor::SERVER).await.unwrap();
        assert!(deleted > 0);
        expect_same(&stored(&server).await, &worked);
        server.expect_counts_as_counted().await;
    }

    async fn jobs_of_an_erased_customer_count_as_opened_though_never_as_open(server: TestServer) {
        let mut runner = TestRunner::deterministic();
        let mut lab = Lab::open(&server).await;
        for _ in 0..60 {
            lab.act(&mut runner, server.app.clock().now()).await;
        }
        let bob = lab.customers[0].clone();
        for (tag, kind) in [("brain", "info"), ("lung", "error")] {
            let job = json!({"provider_job_id": tag, "tag": tag, "customer_id": bob.0});
            lab.jobs.push(lab.alice.post("/jobs", job).await.expect(201)["id"].as_str().unwrap().to_owned());
            lab.alice.report(tag, kind, None).await;
        }
        let is_bobs = |job: &Value| job["customer_id"].as_str() == bob.0.as_deref();
        let worked = lab.work_out(is_bobs).await.sums();
        assert!(worked.iter().any(|((customer, ..), sums)| *customer == bob.1 && sums.contains_key("abandoned")));
        let arguments = ["erase", "customer", "--provider", &lab.alice.email, "--email", "bob@customer.example", "--yes"];
        server.milepost(&arguments, "").await.expect_success();
        expect_same(&stored(&server).await, &worked);
        server.expect_counts_as_counted().await;
    }

    async fn sums_that_were_tampered_with_are_mended(server: TestServer) {
        let mut runner = TestRunner::deterministic();
        let mut lab = Lab::open(&server).await;
        for _ in 0..30 {
            lab.act(&mut runner, server.app.clock().now()).await;
        }
        let right = stored(&server).await;
        let mut raw = server.database.raw().await;
        raw.execute("update rollups set points = points + 7 where series = 'job_days'").await.unwrap();
        raw.execute("delete from rollups where series = 'step_quarters'").await.unwrap();
        drop(raw);
        let said = Milepost::on(&server.database, &["rebuild", "--check"]).run().await.expect_failure();
        assert!(said.contains("what is stored differs"), "{said}");
        let said = Milepost::on(&server.database, &["rebuild"]).run().await.expect_success();
        assert!(said.contains(": points is too great by 7\n") && said.contains(": steps is too small by "), "{said}");
        expect_same(&stored(&server).await, &right);
    }

    async fn servers_that_report_at_once_count_everything(server: TestServer) {
        let lab = Lab::open(&server).await;
        let beside = server.start_beside().await;
        let opened = (0..12).map(|number| {
            let alice = if number % 2 == 0 { lab.alice.clone() } else { lab.alice.at(&beside) };
            async move {
                let id = format!("j{number}");
                alice.open_job("lung", &id).await;
                for _ in 0..10 {
                    alice.report(&id, "error", Some("scan")).await;
                }
                alice.report(&id, "complete", Some("scan")).await;
            }
        });
        futures::future::join_all(opened).await;
        let errors = "select cast(sum(errors) as bigint) from rollups where series = 'step_days' and customer = ";
        let everybody = server.database.id(&EVERYBODY.to_string());
        assert_eq!(server.column::<i64>(format!("{errors}{everybody}")).await, [120]);
        server.expect_counts_as_counted().await;
    }
}
