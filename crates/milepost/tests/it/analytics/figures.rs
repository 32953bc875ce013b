//! Counts and sums of days, months, customers and steps, in zones whose clocks change, beside the oracle.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use milepost::configurations::version::Version;
use serde_json::{Value, json};

use super::history::{History, at};
use super::oracle::{Everything, Job, is_nothing, parts, start_of, told};
use crate::support::{TestServer, on_both};

const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"];

/// First and last day of a period, and the first day of the period before.
const PERIODS: [(&str, &str, &str, &str); 5] = [
    ("day", "2026-03-02", "2026-04-05", "2026-01-26"),
    ("day", "2026-03-29", "2026-03-29", "2026-03-28"),
    ("month", "2026-03-01", "2026-03-31", "2026-02-01"),
    ("month", "2026-02-01", "2026-04-30", "2025-11-01"),
    ("month", "2026-03-15", "2026-04-03", "2026-02-23"),
];

/// Parameters, and the jobs that fit.
type Filter = (String, Box<dyn Fn(&Job) -> bool>);

fn filters(history: &History) -> Vec<Filter> {
    let bobs_email = history.bob.email.clone();
    let bobs = move |job: &Job| job.email.as_deref() == Some(bobs_email.as_str());
    let (of_bob, brains_of_bob) = (bobs.clone(), bobs.clone());
    vec![
        (String::new(), Box::new(|_| true)),
        ("&tag=brain".to_owned(), Box::new(|job| job.tag == "brain")),
        ("&tag=brain&version=1.10.0".to_owned(), Box::new(|job| job.tag == "brain" && job.version == "1.10.0")),
        (format!("&customer={}", history.bob.id), Box::new(of_bob)),
        (
            format!("&tag=brain&customer={}", history.bob.email),
            Box::new(move |job| job.tag == "brain" && brains_of_bob(job)),
        ),
        ("&customer=none".to_owned(), Box::new(|job| job.customer_link_id.is_none())),
        ("&tag=liver".to_owned(), Box::new(|_| false)),
        ("&customer=nobody@customer.example".to_owned(), Box::new(|_| false)),
    ]
}

/// A question about a period in a zone.
struct Question {
    query: String,
    zone: Tz,
    by: &'static str,
    before: DateTime<Utc>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for name in ZONES {
        let zone: Tz = name.parse().unwrap();
        for (by, first, last, first_before) in PERIODS {
            let next = last.parse::<chrono::NaiveDate>().unwrap().succ_opt().unwrap().to_string();
            questions.push(Question {
                query: format!("zone={name}&by={by}&from={first}&to={last}"),
                zone,
                by,
                before: start_of(zone, first_before),
                from: start_of(zone, first),
                to: start_of(zone, &next),
            });
        }
        let (from, to) = (at("2026-03-10T05:15:00Z"), at("2026-03-31T13:45:00Z"));
        questions.push(Question {
            query: format!("zone={name}&by=day&from=2026-03-10T05:15:00Z&to=2026-03-31T13:45:00Z"),
            zone,
            by: "day",
            before: from - (to - from),
            from,
            to,
        });
    }
    questions
}

impl Question {
    fn is_within(&self, time: DateTime<Utc>) -> bool {
        (self.from..self.to).contains(&time)
    }

    fn is_before(&self, time: DateTime<Utc>) -> bool {
        (self.before..self.from).contains(&time)
    }

    #[track_caller]
    fn expect_period(&self, answer: &Value, what: &str) {
        assert_eq!(
            answer["period"],
            json!({"from": self.from, "to": self.to, "zone": self.zone.name(), "by": self.by}),
            "{what}"
        );
        assert_eq!(answer["before"], json!({"from": self.before, "to": self.from}), "{what}");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Asks every question under every filter.
async fn ask_all(server: &TestServer, path: &str, check: impl Fn(&Question, &Everything, &Value, &str)) {
    let history = History::write(server, 7).await;
    let everything = Everything::read(server, &history.alice.id).await;
    for (filter, fits) in filters(&history) {
        let of_filter = everything.of(fits);
        for question in questions() {
            let path = format!("{path}?{}{filter}", question.query);
            let answer = history.alice.get(&path).await.expect(200);
            check(&question, &of_filter, &answer, &path);
        }
    }
}

fn check_jobs(question: &Question, all: &Everything, answer: &Value, what: &str) {
    question.expect_period(answer, what);
    assert_eq!(told(&answer["totals"]), all.figures(|time| question.is_within(time)), "{what}");
    assert_eq!(told(&answer["totals_before"]), all.figures(|time| question.is_before(time)), "{what}");
    let expected = parts(question.zone, question.by, (question.from, question.to));
    assert_eq!(list(&answer["parts"]).len(), expected.len(), "{what}");
    for (part, (date, (from, to))) in list(&answer["parts"]).iter().zip(expected) {
        let what = format!("{what}: {date}");
        assert_eq!((&part["date"], &part["from"], &part["to"]), (&json!(date), &json!(from), &json!(to)), "{what}");
        let within = |time| (from..to).contains(&time);
        assert_eq!(told(part), all.figures(within), "{what}");
        assert_eq!(part["open"], all.jobs.iter().filter(|job| job.is_open(to)).count(), "{what}");
        let tags: BTreeSet<&String> = all.jobs.iter().map(|job| &job.tag).collect();
        let by_tag = tags.into_iter().map(|tag| (tag.clone(), all.of(|job| job.tag == *tag).figures(within)));
        let by_tag: Vec<_> = by_tag.filter(|(_, figures)| !is_nothing(figures)).collect();
        let told_by_tag = |one: &Value| (one["tag"].as_str().unwrap().to_owned(), told(one));
        assert_eq!(list(&part["configurations"]).iter().map(told_by_tag).collect::<Vec<_>>(), by_tag, "{what}");
    }
}

fn check_customers(question: &Question, all: &Everything, answer: &Value, what: &str) {
    question.expect_period(answer, what);
    let mut expected = Vec::new();
    let links: BTreeSet<_> = all.jobs.iter().map(|job| (job.customer_link_id, job.email.clone())).collect();
    for (link, email) in links {
        let of_link = all.of(|job| job.customer_link_id == link);
        let figures = of_link.figures(|time| question.is_within(time));
        let before = of_link.figures(|time| question.is_before(time));
        if !is_nothing(&figures) || !is_nothing(&before) {
            expected.push((link.map(|id| id.to_string()), email, figures, before));
        }
    }
    expected.sort_by_key(|(id, _, figures, _)| {
        let id = id.clone().unwrap_or_else(|| uuid::Uuid::nil().to_string());
        (-figures["points"], -figures["opened"], id)
    });
    let tell = |item: &Value| {
        let text = |field: &str| item["customer"][field].as_str().map(str::to_owned);
        (text("id"), text("email"), told(item), told(&item["before"]))
    };
    assert_eq!(list(&answer["items"]).iter().map(tell).collect::<Vec<_>>(), expected, "{what}");
    assert_eq!(answer["more"]["customers"], 0, "{what}");
    assert!(is_nothing(&told(&answer["more"])), "{what}");
}

fn error_rate(finished: usize, errors: usize) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let rate = (finished + errors > 0).then(|| errors as f64 / (finished + errors) as f64);
    json!(rate)
}

/// By version, how many finished and how many errors there were.
type Versions = BTreeMap<(Vec<u8>, String), (usize, usize)>;

fn check_steps(question: &Question, all: &Everything, answer: &Value, what: &str) {
    question.expect_period(answer, what);
    assert_eq!(answer["more"], 0, "{what}");
    let jobs: BTreeMap<_, _> = all.jobs.iter().map(|job| (job.id, job)).collect();
    let all_finishes = all.finishes();
    let errors: Vec<_> = all.events.iter().filter(|event| event.kind == "error" && event.step.is_some()).collect();
    // By tag and step.
    let mut expected: BTreeMap<(String, String), Versions> = BTreeMap::new();
    let key = |job: &Job| (Version::try_from(job.version.clone()).unwrap().precedence(), job.version.clone());
    for finish in all_finishes.iter().filter(|finish| question.is_within(finish.at)) {
        let versions = expected.entry((finish.job.tag.clone(), finish.step.to_owned())).or_default();
        versions.entry(key(finish.job)).or_default().0 += 1;
    }
    for error in errors.iter().filter(|error| question.is_within(error.occurred_at)) {
        let job = jobs[&error.job_id];
        let versions = expected.entry((job.tag.clone(), error.step.clone().unwrap())).or_default();
        versions.entry(key(job)).or_default().1 += 1;
    }
    assert_eq!(list(&answer["items"]).len(), expected.len(), "{what}");
    for ((tag, step), versions) in expected {
        let what = format!("{what}: {tag} {step}");
        let item = list(&answer["items"]).iter().find(|item| item["tag"] == *tag && item["step"] == *step).unwrap();
        let (finished, failed) = versions.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert_eq!((&item["finished"], &item["errors"]), (&json!(finished), &json!(failed)), "{what}");
        assert_eq!(item["error_rate"], error_rate(finished, failed), "{what}");
        let finished_before = all_finishes
            .iter()
            .filter(|finish| finish.job.tag == tag && finish.step == step && question.is_before(finish.at))
            .count();
        let failed_before = errors
            .iter()
            .filter(|error| jobs[&error.job_id].tag == tag && error.step.as_ref() == Some(&step))
            .filter(|error| question.is_before(error.occurred_at))
            .count();
        assert_eq!(item["error_rate_before"], error_rate(finished_before, failed_before), "{what}");
        let newest = &versions.keys().next_back().unwrap().1;
        assert_eq!(item["name"], format!("Step {step} of {newest}"), "{what}");
        let tell = |version: &Value| {
            let count = |field: &str| usize::try_from(version[field].as_u64().unwrap()).unwrap();
            assert_eq!(version["error_rate"], error_rate(count("finished"), count("errors")), "{what}");
            (version["version"].as_str().unwrap().to_owned(), (count("finished"), count("errors")))
        };
        let expected: Vec<_> = versions.into_iter().map(|((_, version), counts)| (version, counts)).collect();
        assert_eq!(list(&item["versions"]).iter().map(tell).collect::<Vec<_>>(), expected, "{what}");
    }
}

on_both! {
    async fn jobs_by_day_and_month_are_what_the_rows_say(server: TestServer) {
        ask_all(&server, "/analytics/jobs", check_jobs).await;
    }

    async fn customers_are_what_the_rows_say(server: TestServer) {
        ask_all(&server, "/analytics/customers", check_customers).await;
    }

    async fn steps_are_what_the_rows_say(server: TestServer) {
        ask_all(&server, "/analytics/steps", check_steps).await;
    }

    async fn versions_were_first_seen_when_their_first_job_was_opened(server: TestServer) {
        let history = History::write(&server, 3).await;
        let everything = Everything::read(&server, &history.alice.id).await;
        let answer = history.alice.get("/analytics/steps?from=2026-02-01&to=2026-05-01").await.expect(200);
        let mut seen = 0;
        for item in list(&answer["items"]) {
            for version in list(&item["versions"]) {
                let has_begun = everything.jobs.iter().filter(|job| job.status != "pending");
                let of_version = has_begun.filter(|job| item["tag"] == *job.tag && version["version"] == *job.version);
                let first = of_version.map(|job| job.created_at).min().unwrap();
                let told: DateTime<Utc> = serde_json::from_value(version["first_seen"].clone()).unwrap();
                let quarter = first.timestamp() / 900 * 900;
                assert_eq!(told.timestamp(), quarter, "{version}");
                seen += 1;
            }
        }
        assert!(seen > 5, "{answer}");
        // In the order of the newest version's steps.
        let steps = list(&answer["items"]).iter().filter(|item| item["tag"] == "brain");
        let names: Vec<&str> = steps.map(|item| item["step"].as_str().unwrap()).collect();
        assert_eq!(names, ["right", "load", "left", "report"]);
    }
}
