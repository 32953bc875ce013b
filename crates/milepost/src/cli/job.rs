//! `milepost job`: opens jobs, and shows them.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::event::{DeliveryArgs, body};
use super::report::Report;
use super::server::{Server, ServerArgs};
use super::terminal::{note, say};
use super::text::{Line, Tone, clean, exact_expectation, job_status, percent, silence};
use super::{Failure, Outcome, watch};
use crate::jobs::{Job, JobListItem};
use crate::paging::Page;

#[derive(Debug, Args)]
pub(super) struct JobCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open a job; one that is there already is left as it is
    Open(Open),
    /// List jobs, the newest first
    List(List),
    /// Show a job with its steps
    Show(Show),
}

/// Which job is opened.
#[derive(Debug, Args)]
pub(super) struct Opening {
    /// The version of the configuration [default: the newest]
    #[arg(long, value_name = "VERSION")]
    pub(super) config_version: Option<String>,

    /// Who may watch it: an e-mail address or a customer's id
    #[arg(long, value_name = "CUSTOMER")]
    pub(super) customer: Option<String>,

    /// What people call it [default: the configuration's name]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
}

impl Opening {
    /// The report that opens it as one of this kind.
    pub(super) fn report(&self, tag: &str, id: &str) -> Report {
        let (customer_id, customer_email) = match &self.customer {
            Some(customer) if customer.parse::<Uuid>().is_ok() => (Some(json!(customer)), None),
            customer => (None, customer.as_ref().map(|email| json!(email))),
        };
        Report::Open(body([
            ("tag", Some(json!(tag))),
            ("provider_job_id", Some(json!(id))),
            ("version", self.config_version.as_ref().map(|version| json!(version))),
            ("provider_job_name", self.name.as_ref().map(|name| json!(name))),
            ("customer_id", customer_id),
            ("customer_email", customer_email),
        ]))
    }
}

#[derive(Debug, Args)]
struct Open {
    /// The provider's own id of it
    #[arg(long, value_name = "ID", env = "MILEPOST_JOB")]
    id: String,

    /// The tag of its configuration
    #[arg(long, value_name = "TAG")]
    config: String,

    #[command(flatten)]
    opening: Opening,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    delivery: DeliveryArgs,
}

#[derive(Debug, Args)]
struct List {
    /// Only these: pending, running, completed, error
    #[arg(long)]
    status: Option<String>,

    /// Only those that run and have been silent for longer than usual
    #[arg(long)]
    silent: bool,

    /// Only those of this configuration
    #[arg(long, value_name = "TAG")]
    config: Option<String>,

    /// Only those with this in their id or name
    #[arg(long)]
    text: Option<String>,

    /// How many
    #[arg(long, default_value_t = 20)]
    limit: u32,

    #[command(flatten)]
    server: ServerArgs,

    /// As the server answers, in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// The job's id, or the provider's own id of it
    #[arg(value_name = "JOB")]
    job: String,

    #[command(flatten)]
    server: ServerArgs,

    /// As the server answers, in JSON
    #[arg(long)]
    json: bool,
}

impl JobCommand {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::Open(open) => open.run().await,
            Command::List(list) => list.run().await,
            Command::Show(show) => show.run().await,
        }
    }
}

impl Open {
    async fn run(self) -> Outcome {
        let taken = self.delivery.send(&self.server, self.opening.report(&self.config, &self.id)).await?;
        if let Some(server) = taken.filter(|_| console::user_attended() && !self.delivery.is_json()) {
            // It is there, whether it can be shown or not.
            let _ = show(&server, &self.id).await;
        }
        Ok(())
    }
}

impl List {
    async fn run(self) -> Outcome {
        let server = self.server.connect()?;
        let limit = self.limit.to_string();
        let wanted = [("status", &self.status), ("tag", &self.config), ("text", &self.text)];
        let wanted = wanted.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let silent = self.silent.then_some(("silent", "true"));
        let query: Vec<(&str, &str)> = wanted.chain(silent).chain([("limit", limit.as_str())]).collect();
        let query = serde_urlencoded::to_string(query).map_err(|error| Failure(error.to_string()))?;
        let page: Value = server.get(&format!("/jobs?{query}")).await?;
        if self.json {
            return say!("{page}");
        }
        let page: Page<JobListItem> = serde_json::from_value(page).map_err(|error| server.strange(&error))?;
        let longest =
            page.items.iter().map(|item| item.job.provider_job_id.chars().count()).max().unwrap_or_default();
        for item in &page.items {
            say!("{}", row(&item.job, longest, server.clock().now()).render(console::colors_enabled()))?;
        }
        if page.next.is_some() {
            note!("there are more; ask for them with --limit");
        }
        Ok(())
    }
}

/// `case-17   ● running   37 %  Kidney volumes  silent for 12 m 05 s`.
fn row(job: &Job, longest: usize, now: DateTime<Utc>) -> Line {
    let (shape, word, tone) = job_status(job.status);
    let line = Line::of(Tone::Strong, &job.provider_job_id)
        .fit(longest)
        .and(tone, &format!("  {shape} {word:<9}"))
        .and(Tone::Plain, &format!("  {:>5}  {}", percent(job.progress), job.provider_job_name));
    match silence(job.silent_since, now) {
        Some(silence) => line.and(Tone::Doubtful, &format!("  {silence}")),
        None => line,
    }
}

impl Show {
    async fn run(self) -> Outcome {
        let server = self.server.connect()?;
        if self.json {
            let id = watch::find_job(&server, &self.job).await?.job.id;
            let detail: Value = server.get(&format!("/jobs/{id}")).await?;
            return say!("{detail}");
        }
        show(&server, &self.job).await
    }
}

/// Shows how a job is, with its bar where there is a terminal.
async fn show(server: &Server, job: &str) -> Outcome {
    let detail = watch::find_job(server, job).await?;
    if console::user_attended() {
        return watch::print_summary(server, detail);
    }
    let (_, word, _) = job_status(detail.job.status);
    let Job { provider_job_id, provider_job_name, progress, .. } = &detail.job;
    let silence = silence(detail.job.silent_since, server.clock().now());
    let expected = detail.expected_end.as_ref().map(exact_expectation);
    let state: Vec<String> =
        [word.to_owned(), percent(*progress)].into_iter().chain(silence).chain(expected).collect();
    say!("{} {}: {}", clean(provider_job_id), clean(provider_job_name), state.join(", "))?;
    for step in &detail.steps {
        let (_, word, _) = super::text::step_status(step.status);
        say!("  {}: {word}", clean(step.tag.as_str()))?;
    }
    Ok(())
}
