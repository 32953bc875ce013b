//! `milepost demo`: a server with people, weeks of history and jobs under way, on a temporary SQLite file.
//!
//! Everything goes through the server's own API. For the history the server's clock is set back and moved along.

mod recording;

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::serve::{listen, stop_signal};
use super::{Failure, Outcome};
use crate::app::{self, App};
use crate::auth::Role;
use crate::auth::credentials::Secret;
use crate::client;
use crate::config::{SettingArgs, Settings};
use crate::db::Db;
use crate::sources::Clock;
use crate::users::{NewUser, add_user};
use crate::values::Password;
use recording::{Mishap, Planned, Recording, Variation};

/// How many jobs lie in the past, and over how many days.
const PAST_JOBS: u32 = 42;
const PAST_DAYS: i64 = 21;
/// How many jobs are under way at a time.
const LANES: u32 = 3;
/// How many times as long as the recorded run a job under way takes: about two minutes.
const LIVE_STRETCH: f64 = 11.0;
/// A past job took minutes.
const PAST_STRETCH: f64 = 45.0;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Somebody of the demo.
struct DemoUser {
    id: String,
    email: &'static str,
    password: String,
}

const PROVIDER: &str = "ada@aurora-imaging.example";
const CUSTOMERS: [(&str, &str, &str, &str); 2] = [
    ("ines@northside-clinic.example", "Ines", "Moreau", "Northside Clinic"),
    ("tom@harbour-hospital.example", "Tom", "Okafor", "Harbour Hospital"),
];

impl Demo {
    pub(super) async fn run(self) -> Outcome {
        let folder = tempfile::Builder::new().prefix("milepost-demo-").tempdir()?;
        let mut settings = self.settings(folder.path())?;
        let listener = listen(&mut settings).await?;
        let address = settings.listen;
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let clock = Clock::default();
        let app = App::new(db, settings.clone(), clock.clone())?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(app::serve(listener, app.clone(), stop.clone().cancelled_owned()));
        // On an address like 0.0.0.0 we reach ourselves by loopback.
        let own_host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
        let url = format!("http://{own_host}:{}", address.port());
        let outcome = tokio::select! {
            outcome = act(&app, &clock, &settings, url) => outcome,
            () = stop_signal() => Ok(()),
        };
        stop.cancel();
        serving.await.map_err(|error| Failure(error.to_string()))??;
        outcome
    }

    fn settings(self, folder: &Path) -> Result<Settings, Failure> {
        let database_url = format!("sqlite://{}", folder.join("demo.db").display());
        let args = SettingArgs { listen: self.listen, database_url: Some(database_url), ..SettingArgs::default() };
        Ok(args.resolve_alone()?)
    }
}

/// Fills the server with people and history, says where everything is, then keeps jobs under way.
async fn act(app: &App, clock: &Clock, settings: &Settings, url: String) -> Outcome {
    eprintln!("Preparing the demo: {PAST_JOBS} jobs of the past {PAST_DAYS} days …");
    let recording = Recording::read().map_err(|error| Failure(format!("the demo's recording: {error}")))?;
    let today = clock.now();
    let begin = today - TimeDelta::days(PAST_DAYS);
    clock.travel_to(begin - TimeDelta::hours(2));
    let provider_password = new_password();
    let account = Api::new(url.clone(), None)?;
    add_provider(app, &provider_password).await?;
    account.post("/login", json!({"email": PROVIDER, "password": provider_password})).await?;
    let mut customers = Vec::new();
    for (email, first_name, last_name, organization) in CUSTOMERS {
        let password = new_password();
        let invited = account.post("/customers", json!({"email": email})).await?;
        let token = invited["invitation_url"].as_str().and_then(|link| link.rsplit('/').next()).unwrap_or_default();
        let accepted = json!({
            "first_name": first_name, "last_name": last_name, "organization": organization, "password": password,
        });
        let user = Api::new(url.clone(), None)?.post(&format!("/invitations/{token}/accept"), accepted).await?;
        customers.push(DemoUser { id: text(&user["id"]), email, password });
    }
    let key = text(&account.post("/api-keys", json!({"note": "Scanner room 2"})).await?["key"]);
    let api = Api::new(url, Some(key.clone()))?;
    api.post("/job-configurations", recording.configuration.clone()).await?;
    replay_past(&api, clock, &recording, &customers, begin).await?;
    clock.set_offset(TimeDelta::zero());
    let first = case_id(PAST_JOBS);
    let lanes = (0..LANES).map(|lane| keep_busy(&api, &recording, &customers, lane));
    let busy = futures::future::try_join_all(lanes);
    introduce(settings, &provider_password, &customers, &key, &first);
    busy.await.map(drop)
}

async fn add_provider(app: &App, password: &str) -> Outcome {
    let parse = |text: &str| text.to_owned().try_into().map_err(Failure);
    let provider = NewUser {
        email: PROVIDER.to_owned().try_into().map_err(Failure)?,
        password: Password::try_from(password.to_owned()).map_err(Failure)?,
        first_name: parse("Ada")?,
        last_name: parse("Lindqvist")?,
        organization: Some(parse("Aurora Imaging")?),
        role: Role::Provider,
    };
    add_user(app, provider).await?;
    Ok(())
}

/// A password for one run of the demo: it may listen where others reach it.
fn new_password() -> String {
    Secret::new_token().reveal().chars().take(10).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn case_id(number: u32) -> String {
    format!("brain-{:04}", number + 1)
}

/// Numbers spread evenly over 0..1 that look like chance and are the same each time.
fn spread(number: u32) -> f64 {
    (f64::from(number) * 0.618_033_988_749_895).fract()
}

/// The like as whole hundredths.
fn hundredths(number: u32) -> u8 {
    u8::try_from(number.wrapping_mul(62) % 100).unwrap_or_default()
}

fn variation(number: u32, stretch: f64) -> Variation {
    let slow = if number % 9 == 4 { 2.6 } else { 1.0 };
    Variation {
        stretch: stretch * slow * (0.85 + 0.3 * spread(number + 3)),
        size: 0.95 + 0.1 * spread(number),
        mishap: match number % 8 {
            2 => Some(Mishap::Failed),
            5 => Some(Mishap::Retried),
            _ => None,
        },
    }
}

/// Opens a job: most are for one of the customers, some for nobody.
async fn open(api: &Api, recording: &Recording, customers: &[DemoUser], number: u32) -> Result<String, Failure> {
    let id = case_id(number);
    let customer = if number % 7 == 6 { None } else { customers.get(usize::from(number % 3 == 1)) };
    let job = json!({
        "provider_job_id": id,
        "provider_job_name": format!("Brain volumes, subject {:03}", 100 + number),
        "customer_id": customer.map(|customer| &customer.id),
        "tag": recording.configuration["tag"],
    });
    api.post("/jobs", job).await?;
    Ok(id)
}

/// Weeks of jobs, at the times when they would have come.
async fn replay_past(
    api: &Api,
    clock: &Clock,
    recording: &Recording,
    customers: &[DemoUser],
    begin: DateTime<Utc>,
) -> Outcome {
    let gap = TimeDelta::days(PAST_DAYS) / i32::try_from(PAST_JOBS).unwrap_or(i32::MAX);
    for number in 0..PAST_JOBS {
        let jitter = gap * i32::from(hundredths(number + 7)) / 125;
        let opened = begin + gap * i32::try_from(number).unwrap_or(i32::MAX) + jitter;
        clock.travel_to(opened);
        let id = open(api, recording, customers, number).await?;
        for Planned { after, body } in recording.plan(variation(number, PAST_STRETCH)) {
            // Past jobs told how far they were less often.
            if body.get("fraction").is_some() && after.as_secs() % 20 >= 4 {
                continue;
            }
            clock.travel_to(opened + TimeDelta::from_std(after).unwrap_or_default());
            api.report(&id, body).await?;
        }
    }
    Ok(())
}

/// One job after the other, for ever. The lanes begin apart, and only the last one fails now and then, so that there
/// is always a job whose progress rises.
async fn keep_busy(api: &Api, recording: &Recording, customers: &[DemoUser], lane: u32) -> Outcome {
    tokio::time::sleep(Duration::from_secs(u64::from(lane) * 35)).await;
    for round in 0.. {
        let number = PAST_JOBS + lane + LANES * round;
        let mut variation = variation(number, LIVE_STRETCH);
        if lane + 1 < LANES {
            variation.mishap = None;
        }
        let id = open(api, recording, customers, number).await?;
        let opened = Instant::now();
        for Planned { after, body } in recording.plan(variation) {
            sleep_until(opened + after).await;
            // The demo goes on when an event is lost: a machine that sleeps or stalls may make the server refuse one.
            if let Err(failure) = api.report(&id, body).await {
                tracing::warn!(%failure, "the demo lost an event");
            }
        }
    }
    Ok(())
}

/// Says where everything is.
fn introduce(settings: &Settings, provider_password: &str, customers: &[DemoUser], key: &str, job: &str) {
    let url = settings.public_url.as_str().trim_end_matches('/');
    println!("\nMilepost is running at {url}\n");
    println!("  Start here    {url}/");
    println!("  API reader    {url}/api/docs/\n");
    println!("  Provider      {PROVIDER:<32}  password {provider_password}");
    for customer in customers {
        println!("  Customer      {:<32}  password {}", customer.email, customer.password);
    }
    println!("  API key       {key}\n");
    println!("  Watch a job that is under way, in another terminal:\n");
    println!("    MILEPOST_URL={url} MILEPOST_API_KEY={key} {} watch {job}\n", own_command());
    println!("  Everything is in a temporary file that is gone with Ctrl-C.");
}

/// How this program was called: a path if it is not on the search path.
fn own_command() -> String {
    std::env::args().next().unwrap_or_else(|| "milepost".to_owned())
}

/// The server's API, as a program uses it.
struct Api {
    client: Client,
    url: String,
    key: Option<String>,
}

impl Api {
    fn new(url: String, key: Option<String>) -> Result<Self, Failure> {
        let client =
            client::builder().cookie_store(true).no_proxy().build().map_err(|error| Failure(error.to_string()))?;
        Ok(Self { client, url, key })
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let request = self.client.request(Method::POST, format!("{}/api/v1{path}", self.url)).json(&body);
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let failed = |error: reqwest::Error| Failure(format!("the demo's own server: {error}"));
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let answer: Value = response.json().await.map_err(failed)?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(Failure(format!("the demo's own server: {path}: {answer}")))
        }
    }

    async fn report(&self, provider_job_id: &str, mut body: Value) -> Outcome {
        body["provider_job_id"] = json!(provider_job_id);
        self.post("/events", body).await.map(drop)
    }
}
