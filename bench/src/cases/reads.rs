//! What people look at, among many jobs and among few, in turns: lists, searches, a job's page, the dashboard's figures.
//! What one waits for must not grow with what there is.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Plan, UNLIMITED};
use crate::client::{Connection, LINES};
use crate::report::{Figure, Reach, milliseconds, percentile, print_row};
use crate::server::{DatabaseKind, Reporter, Server};
use crate::{Failure, Result};

/// The jobs of the smaller of both databases.
const FEW: u64 = 10_000;
const EVENTS_OF_JOB: u64 = 20;
/// Jobs whose events make up a batch of 1,000.
const JOBS_OF_BATCH: u64 = 50;
const CUSTOMERS: u64 = 100;
/// The ids that are kept to be asked for.
const SAMPLE: u64 = 5_000;
/// Rows of a page of which the 1,000th is asked for: there are 9,000 finished jobs of the few.
const ROWS: u64 = 8;
const PAGES: u64 = 1_000;
/// Requests of a round for each second that a condition lasts.
const REQUESTS_A_SECOND: u64 = 50;
/// How much longer it may take among many jobs.
const MOST: f64 = 1.5;
/// Until what follows the writing is done: the log moved into the database, idle connections closed.
const SETTLED: Duration = Duration::from_secs(10);

const TAGS: [&str; 3] = ["kidney", "lung", "heart"];
const STEPS: [&str; 4] = ["load", "left", "right", "report"];

/// A server with jobs in it.
struct Filled {
    _server: Server,
    connection: Connection,
    authorization: String,
    job_ids: Vec<String>,
    /// The past year as a query.
    year: String,
    /// Where the 1,000th pages of all jobs and of the finished ones begin.
    deep: [String; 2],
}

/// Something that is asked for; `number` makes requests differ.
struct Call {
    what: &'static str,
    path: fn(&Filled, number: u64) -> String,
}

/// The longest that a call of the analytics page may take, in milliseconds, among however many jobs.
const MOST_OF_ANALYTICS: f64 = 100.0;

const CALLS: [Call; 12] = [
    Call { what: "list, first page", path: |_, _| "/jobs?steps=true&limit=50".to_owned() },
    Call { what: "list, 1,000th page", path: |filled, _| format!("/jobs?limit={ROWS}&cursor={}", filled.deep[0]) },
    Call {
        what: "running jobs of a kind",
        path: |_, number| format!("/jobs?status=running&tag={}", pick(&TAGS, number)),
    },
    Call {
        what: "a customer's jobs",
        path: |_, number| format!("/jobs?customer={}", customer(number % CUSTOMERS).replace('@', "%40")),
    },
    Call { what: "latest errors", path: |_, _| "/jobs?status=error&sort=-finished_at".to_owned() },
    Call {
        what: "finished jobs, 1,000th page",
        path: |filled, _| format!("/jobs?status=completed&limit={ROWS}&cursor={}", filled.deep[1]),
    },
    Call { what: "search for a job's id", path: |_, number| format!("/jobs?text=se-{:07}", number * 7_919 % FEW) },
    Call { what: "search for a common word", path: |_, _| "/jobs?text=scan".to_owned() },
    Call { what: "job", path: |filled, number| format!("/jobs/{}", filled.job_id(number)) },
    Call {
        what: "timeline of a job",
        path: |filled, number| format!("/jobs/{}/events?order=desc&limit=50", filled.job_id(number)),
    },
    Call {
        what: "a job's numbers beside those of others",
        path: |filled, number| format!("/jobs/{}/distributions", filled.job_id(number)),
    },
    Call { what: "dashboard figures", path: |_, _| "/jobs/summary".to_owned() },
];

/// What the analytics page asks for: a month by days and a year by months, for people in Berlin.
const ANALYTICS: [Call; 8] = [
    Call { what: "jobs of a month by day", path: |_, _| format!("/analytics/jobs?{BERLIN}") },
    Call {
        what: "jobs of a year by month",
        path: |filled, _| format!("/analytics/jobs?{BERLIN}&by=month&{}", filled.year),
    },
    Call { what: "jobs of a year by day", path: |filled, _| format!("/analytics/jobs?{BERLIN}&{}", filled.year) },
    Call { what: "steps of a month", path: |_, _| format!("/analytics/steps?{BERLIN}") },
    Call { what: "steps of a year", path: |filled, _| format!("/analytics/steps?{BERLIN}&by=month&{}", filled.year) },
    Call {
        what: "measurements of a month",
        path: |_, number| {
            format!("/analytics/metadata?{BERLIN}&tag={}&step={}", pick(&TAGS, number), pick(&STEPS, number))
        },
    },
    Call { what: "customers of a month", path: |_, _| format!("/analytics/customers?{BERLIN}") },
    Call {
        what: "customers of a year",
        path: |filled, _| format!("/analytics/customers?{BERLIN}&by=month&{}", filled.year),
    },
];
const BERLIN: &str = "zone=Europe/Berlin";

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let mut few = Filled::with(plan, database, FEW).await?;
    let mut many = Filled::with(plan, database, plan.many_jobs).await?;
    sleep(SETTLED).await;
    let mut figures = Vec::new();
    for call in &CALLS {
        let (mut ratios, mut times) = (Vec::new(), [Vec::new(), Vec::new()]);
        for round in 0..u64::from(plan.rounds) {
            let requests = plan.seconds * REQUESTS_A_SECOND;
            let mut of_round = [Vec::new(), Vec::new()];
            for number in round * requests..(round + 1) * requests {
                of_round[0].push(few.ask(call, number).await?);
                of_round[1].push(many.ask(call, number).await?);
            }
            ratios.push(percentile(&of_round[1], 0.99) / percentile(&of_round[0], 0.99));
            times.iter_mut().zip(of_round).for_each(|(all, of_round)| all.extend(of_round));
        }
        let in_short = |times: &[f64]| {
            format!("p50 {} p99 {}", milliseconds(percentile(times, 0.5)), milliseconds(percentile(times, 0.99)))
        };
        let [of_few, of_many] = times.each_ref().map(|times| in_short(times));
        print_row(
            &format!("{}, {database}", call.what),
            &[format!("{FEW} jobs: {of_few}  "), format!("{} jobs: {of_many}", plan.many_jobs)],
        );
        let case = format!("{}, {} jobs, {database}", call.what, plan.many_jobs);
        figures.push(Figure::new(case, "99th percentile, × that of 10,000 jobs", ratios, Reach::AtMost(MOST)));
    }
    for call in &ANALYTICS {
        figures.push(many.ask_often(plan, database, call).await?);
    }
    Ok(figures)
}

impl Filled {
    /// Opens the jobs and reports their events by the API, as providers do.
    async fn with(plan: &Plan, database: DatabaseKind, jobs: u64) -> Result<Self> {
        let begun = Instant::now();
        let server = Server::start(plan, database, &UNLIMITED).await?;
        let reporter = server.provider("ada", 0).await?;
        let authorization = format!("Bearer {}", reporter.key);
        let mut connection = Connection::to(reporter.address);
        let key = ("authorization", authorization.as_str());
        for tag in TAGS {
            connection.post_json("/api/v1/job-configurations", key, &configuration(tag)).await?;
        }
        for number in 0..CUSTOMERS {
            let invited = json!({"email": customer(number)});
            connection.post_json("/api/v1/customers", ("cookie", &reporter.session), &invited).await?;
        }
        let job_ids = at_once(64, &reporter, jobs, open_job).await?;
        let every = (jobs / SAMPLE).max(1);
        let job_ids = job_ids.into_iter().filter(|(number, _)| number % every == 0).map(|(_, id)| id).collect();
        at_once(4, &reporter, jobs / JOBS_OF_BATCH, report_batch).await?;
        if database == DatabaseKind::Postgres {
            // What autovacuum would do in its time, so that it does not do it while we measure.
            Command::new("psql").args(["--quiet", "--command", "vacuum analyze", server.database_url()]).status()?;
        }
        let today = now().date_naive();
        let year = format!("from={}&to={today}", today - TimeDelta::days(365));
        let mut filled = Self { _server: server, connection, authorization, job_ids, year, deep: Default::default() };
        filled.deep = [filled.find_page("").await?, filled.find_page("&status=completed").await?];
        print_row(
            &format!("{database} filled by the API"),
            &[format!("{jobs} jobs, {} events in {:.0} s", jobs * EVENTS_OF_JOB, begun.elapsed().as_secs_f64())],
        );
        Ok(filled)
    }

    /// The cursor of the 1,000th page, found by turning over all before.
    async fn find_page(&mut self, filter: &str) -> Result<String> {
        let mut cursor = String::new();
        for _ in 1..PAGES {
            let turned = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
            let page = self.get(&format!("/jobs?limit={ROWS}{filter}{turned}")).await?;
            page["next"].as_str().ok_or("too few pages")?.clone_into(&mut cursor);
        }
        Ok(cursor)
    }

    fn job_id(&self, number: u64) -> &str {
        // A prime, so that requests which follow each other are for jobs far from each other.
        pick::<String>(&self.job_ids, number * 7_919)
    }

    /// How long an answer takes, in seconds.
    async fn ask(&mut self, call: &Call, number: u64) -> Result<f64> {
        let path = (call.path)(self, number);
        let begun = Instant::now();
        self.get(&path).await?;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// How long a call takes that may take only so long.
    async fn ask_often(&mut self, plan: &Plan, database: DatabaseKind, call: &Call) -> Result<Figure> {
        let (mut rounds, requests) = (Vec::new(), plan.seconds * REQUESTS_A_SECOND);
        for round in 0..u64::from(plan.rounds) {
            let mut times = Vec::new();
            for number in round * requests..(round + 1) * requests {
                times.push(self.ask(call, number).await?);
            }
            rounds.push(percentile(&times, 0.99) * 1000.0);
        }
        let case = format!("{}, {} jobs, {database}", call.what, plan.many_jobs);
        print_row(&case, &[format!("p99 {:.1} ms", percentile(&rounds, 0.5))]);
        Ok(Figure::new(case, "99th percentile, ms", rounds, Reach::AtMost(MOST_OF_ANALYTICS)))
    }

    async fn get(&mut self, path: &str) -> Result<Value> {
        let answer = self.connection.get(&format!("/api/v1{path}"), ("authorization", &self.authorization)).await?;
        if answer.status.is_success() {
            return answer.json();
        }
        Err(format!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into())
    }
}

/// Does something for each number up to `count` over so many connections; gives what came of it, in any order.
async fn at_once<T, F>(
    connections: usize,
    reporter: &Reporter,
    count: u64,
    mut work: impl FnMut(Connection, String, u64) -> F + Copy + Send + 'static,
) -> Result<Vec<(u64, T)>>
where
    T: Send + 'static,
    F: Future<Output = Result<(Connection, T)>> + Send,
{
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = Vec::new();
    for _ in 0..connections {
        let (next, address, key) = (next.clone(), reporter.address, reporter.key.clone());
        workers.push(tokio::spawn(async move {
            let mut connection = Connection::to(address);
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, Failure>(done);
                }
                let result;
                (connection, result) = work(connection, format!("Bearer {key}"), number).await?;
                done.push((number, result));
            }
        }));
    }
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.map_err(Failure::from)??);
    }
    Ok(all)
}

async fn open_job(mut connection: Connection, authorization: String, number: u64) -> Result<(Connection, String)> {
    let job = json!({
        "tag": pick(&TAGS, number),
        "provider_job_id": job_name(number),
        "provider_job_name": format!("Scan {number} of the {}", pick(&TAGS, number)),
        "customer_email": customer(number % CUSTOMERS),
    });
    let answer = connection.post_json("/api/v1/jobs", ("authorization", &authorization), &job).await?;
    let id = answer.json()?["id"].as_str().ok_or("no id")?.to_owned();
    Ok((connection, id))
}

async fn report_batch(mut connection: Connection, authorization: String, number: u64) -> Result<(Connection, ())> {
    let jobs = number * JOBS_OF_BATCH..(number + 1) * JOBS_OF_BATCH;
    let lines: String = jobs.flat_map(events_of).map(|event| event.to_string() + "\n").collect();
    let credential = ("authorization", authorization.as_str());
    let answer = connection.post("/api/v1/events/batch", credential, LINES, lines.into()).await?;
    if !answer.status.is_success() || answer.has_problems() {
        return Err(format!("a batch: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
    }
    Ok((connection, ()))
}

/// All events of a job: of ten jobs nine end well, one in a hundred fails, the others are under way. Jobs were spread over
/// the past year, each within ten minutes.
fn events_of(number: u64) -> impl Iterator<Item = Value> {
    let job = job_name(number);
    // A prime: whatever number of jobs there is, they are all over the year.
    let minutes = (number * 7_919 % (365 * 24 * 60)).cast_signed();
    let first = now() - TimeDelta::minutes(minutes + 10);
    (0..EVENTS_OF_JOB).map(move |index| {
        let occurred_at = first + TimeDelta::seconds(30 * index.cast_signed());
        let (step, part) = (pick(&STEPS, index / 5), index % 5);
        let metadata = json!({"Density": number % 97 + index, "Comment": "as measured"});
        let is_last = index + 1 == EVENTS_OF_JOB;
        match (is_last, part, number % 100) {
            (true, _, 50) => {
                json!({"provider_job_id": job, "kind": "error", "name": "No signal", "occurred_at": occurred_at})
            }
            (true, _, rest) if rest % 10 != 9 => {
                json!({"provider_job_id": job, "kind": "complete", "occurred_at": occurred_at})
            }
            (false, 4, _) => {
                json!({"provider_job_id": job, "kind": "step", "tag": step, "event_metadata": metadata,
                    "occurred_at": occurred_at})
            }
            _ => json!({"provider_job_id": job, "kind": "info", "tag": step, "event_metadata": metadata,
                "occurred_at": occurred_at, "fraction": f64::from(u8::try_from(part).unwrap_or_default()) / 5.0}),
        }
    })
}

fn configuration(tag: &str) -> Value {
    let fields = json!([{"name": "Density", "kind": "number", "units": "HU"}, {"name": "Comment"}]);
    let steps: Vec<Value> = STEPS
        .iter()
        .map(|step| json!({"tag": step, "name": step, "points": 5, "metadata_configurations": fields}))
        .collect();
    json!({"tag": tag, "name": format!("Scan of the {tag}"), "version": "1.0.0", "step_configurations": steps})
}

#[expect(clippy::disallowed_methods, reason = "the server's clock is the machine's")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn customer(number: u64) -> String {
    format!("clinic-{number}@customer.example")
}

fn job_name(number: u64) -> String {
    format!("case-{number:07}")
}

fn pick<T>(of: &[T], number: u64) -> &T {
    &of[usize::try_from(number % of.len() as u64).unwrap_or_default()]
}
