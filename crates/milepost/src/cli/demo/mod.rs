//! `milepost demo`: a server with people, three months of history and jobs under way, on a temporary SQLite file.
//!
//! Everything goes through the server's own API. For the history the server's clock is set back and moved along.

mod api;
mod recording;
mod runs;

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::serve::{StopSignals, listen};
use super::terminal::say;
use super::{Failure, Outcome};
use crate::app::App;
use crate::audit::Actor;
use crate::auth::Role;
use crate::auth::credentials::Secret;
use crate::config::{SettingArgs, Settings};
use crate::db::Db;
use crate::serve;
use crate::sources::Clock;
use crate::users::{NewUser, add_user};
use crate::values::NewPassword;
use api::Api;
use recording::Recording;
use runs::{Jobs, PAST_DAYS, PAST_JOBS, Program, case_id};

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

/// Has not answered yet.
const INVITED: &str = "reading-room@lakeside-radiology.example";
const PROVIDER: &str = "ada@aurora-imaging.example";
const CUSTOMERS: [(&str, &str, &str, &str); 3] = [
    ("ines@northside-clinic.example", "Ines", "Moreau", "Northside Clinic"),
    ("tom@harbour-hospital.example", "Tom", "Okafor", "Harbour Hospital"),
    ("mira@valley-trials.example", "Mira", "Castellan", "Valley Trials"),
];

impl Demo {
    pub(super) async fn run(self) -> Outcome {
        let folder = tempfile::Builder::new().prefix("milepost-demo-").tempdir()?;
        let mut settings = self.settings(folder.path())?;
        let mut signals = StopSignals::listen()?;
        let listener = listen(&mut settings).await?;
        let address = settings.listen;
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let clock = Clock::default();
        let app = App::new(db, settings.clone(), clock.clone())?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve::serve(listener, app.clone(), stop.clone().cancelled_owned()));
        // On an address like 0.0.0.0 we reach ourselves by loopback.
        let own_host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
        let url = format!("http://{own_host}:{}", address.port());
        let outcome = tokio::select! {
            outcome = act(&app, &clock, &settings, url) => outcome,
            () = signals.next() => Ok(()),
        };
        stop.cancel();
        serving.await.map_err(|error| Failure(error.to_string()))??;
        outcome
    }

    fn settings(self, folder: &Path) -> Result<Settings, Failure> {
        let database_url = format!("sqlite://{}", folder.join("demo.db").display());
        let args = SettingArgs {
            listen: self.listen,
            database_url: Some(database_url),
            // Months of history come in a moment, by a clock that is moved.
            event_rate: Some(1_000_000),
            event_burst: Some(1_000_000),
            ..SettingArgs::default()
        };
        Ok(args.resolve_alone()?)
    }
}

/// Fills the server with people and history, says where everything is, then keeps jobs under way.
async fn act(app: &App, clock: &Clock, settings: &Settings, url: String) -> Outcome {
    eprintln!("Preparing the demo: {PAST_JOBS} jobs of the past {PAST_DAYS} days …");
    let now = clock.now();
    clock.travel_to(now - TimeDelta::days(PAST_DAYS) - TimeDelta::hours(2));
    let provider = DemoUser { id: String::new(), email: PROVIDER, password: new_password() };
    add_provider(app, &provider.password).await?;
    let account = sign_in(&url, &provider).await?;
    let mut customers = Vec::new();
    for customer in CUSTOMERS {
        customers.push(add_customer(&account, &url, customer).await?);
    }
    let key = make_key(&account, "Scanner room 2", None).await?;
    let night_key = make_key(&account, "Night batch", Some(now + TimeDelta::days(5))).await?;
    let old_key = make_key(&account, "Old workstation", Some(now - TimeDelta::days(9))).await?;
    let unreadable = |error| Failure(format!("the demo's recording: {error}"));
    let program = |recording: serde_json::Result<Recording>, key: &str| -> Result<Program, Failure> {
        Ok(Program { recording: recording.map_err(unreadable)?, api: Api::new(url.clone(), Some(key.to_owned()))? })
    };
    let jobs = Jobs {
        brain_volumes: [
            program(Recording::older_brain_volumes(), &old_key)?,
            program(Recording::brain_volumes(), &key)?,
            program(Recording::newer_brain_volumes(), &key)?,
        ],
        motion_qc: program(Recording::motion_qc(), &night_key)?,
        customers,
    };
    jobs.replay_earlier(clock, now).await?;
    clock.travel_to(now - TimeDelta::hours(26));
    // The session from the beginning has ended by now.
    sign_in(&url, &provider).await?.post("/customers", json!({"email": INVITED})).await?;
    jobs.replay_last_day(clock, now).await?;
    clock.set_offset(TimeDelta::zero());
    introduce(settings, &provider, &jobs.customers, &key)?;
    jobs.keep_busy().await
}

async fn sign_in(url: &str, user: &DemoUser) -> Result<Api, Failure> {
    let account = Api::new(url.to_owned(), None)?;
    account.post("/login", json!({"email": user.email, "password": user.password})).await?;
    Ok(account)
}

async fn add_customer(
    provider: &Api,
    url: &str,
    (email, first_name, last_name, organization): (&'static str, &str, &str, &str),
) -> Result<DemoUser, Failure> {
    let password = new_password();
    let invited = provider.post("/customers", json!({"email": email})).await?;
    let token = invited["invitation_url"].as_str().and_then(|link| link.rsplit('/').next()).unwrap_or_default();
    let accepted = json!({
        "first_name": first_name, "last_name": last_name, "organization": organization, "password": password,
    });
    let user = Api::new(url.to_owned(), None)?.post(&format!("/invitations/{token}/accept"), accepted).await?;
    Ok(DemoUser { id: text(&user["id"]), email, password })
}

async fn make_key(provider: &Api, note: &str, expires_at: Option<DateTime<Utc>>) -> Result<String, Failure> {
    let made = provider.post("/api-keys", json!({"note": note, "expires_at": expires_at})).await?;
    Ok(text(&made["key"]))
}

async fn add_provider(app: &App, password: &str) -> Outcome {
    let parse = |text: &str| text.to_owned().try_into().map_err(Failure);
    let provider = NewUser {
        email: PROVIDER.to_owned().try_into().map_err(Failure)?,
        password: NewPassword::try_from(password.to_owned()).map_err(Failure)?,
        first_name: parse("Ada")?,
        last_name: parse("Lindqvist")?,
        organization: Some(parse("Aurora Imaging")?),
        role: Role::Provider,
    };
    add_user(app, &Actor::OPERATOR, provider).await?;
    Ok(())
}

/// A password for one run of the demo: it may listen where others reach it.
fn new_password() -> String {
    Secret::new_token().reveal().chars().take(10).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Says where everything is.
fn introduce(settings: &Settings, provider: &DemoUser, customers: &[DemoUser], key: &str) -> Outcome {
    let url = settings.public_url.as_str().trim_end_matches('/');
    let people =
        || [("Provider", provider)].into_iter().chain(customers.iter().map(|customer| ("Customer", customer)));
    say!("\nMilepost is running. Open one of these and sign in:\n")?;
    for (role, user) in people() {
        say!("  {role}    {}", sign_in_link(url, user))?;
    }
    say!("\nThe same by hand, at {url}\n")?;
    for (role, user) in people() {
        say!("  {role}    {:<32}password {}", user.email, user.password)?;
    }
    say!("\nFor programs\n")?;
    say!("  API key     {key}")?;
    say!("  API reader  {url}/api/docs/\n")?;
    say!("Watch a job that is under way, in another terminal:\n")?;
    let job = case_id(PAST_JOBS);
    say!("  MILEPOST_URL={url} MILEPOST_API_KEY={key} {} watch {job}\n", own_command())?;
    say!("Everything is in a temporary file that is gone with Ctrl-C.")
}

/// The address of the form for signing in, filled in. What is behind the `#` stays in the browser.
fn sign_in_link(url: &str, user: &DemoUser) -> String {
    let filled = form_urlencoded::Serializer::new(String::new())
        .append_pair("email", user.email)
        .append_pair("password", &user.password)
        .finish();
    format!("{url}/sign-in#{filled}")
}

/// How this program was called: a path if it is not on the search path.
fn own_command() -> String {
    std::env::args().next().unwrap_or_else(|| "milepost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_asks_for_settings_that_a_server_takes() {
        let settings = Demo { listen: None }.settings(Path::new("/tmp")).unwrap();
        // Its history is far more than a key may report at once.
        assert!(settings.limits.event_burst.get() > 100_000);
    }
}
