//! Who read which job: noted where the setting `audit_reads` asks for it.

use uuid::Uuid;

use super::{Action, Actor, Entry, Subject, record};
use crate::app::App;
use crate::auth::Tenant;
use crate::db::{Db, on};
use crate::error::{Error, Result};
use crate::jobs::Job;

/// What of a job was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The job with its steps.
    Job,
    /// Its events.
    Events,
    /// Its events, live.
    Stream,
    /// Its numbers beside those of other jobs.
    Distributions,
    /// The events of all jobs, live.
    StreamOfAll,
    /// All jobs with their events, in the export of an account.
    Export,
    /// Jobs or their events, in a report.
    Report,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Events => "events",
            Self::Stream => "stream",
            Self::Distributions => "distributions",
            Self::StreamOfAll => "stream_of_all",
            Self::Export => "export",
            Self::Report => "report",
        }
    }
}

/// Notes that a job was read, in the log of its provider, where the setting `audit_reads` asks for it. Then a reading that
/// cannot be noted is refused: nobody reads unseen because the disk is full.
pub async fn record_read(app: &App, actor: &Actor, job: &Job, part: Part) -> Result<()> {
    if !app.settings().audit_reads {
        return Ok(());
    }
    let entry = Entry::new(Action::JobRead, job.provider_id).about(Subject::Job(job.id)).with("part", part.as_str());
    record_alone(app, actor, vec![entry]).await
}

/// Notes that something of all jobs of a tenant was asked for, in the logs of the providers whose jobs those are.
pub async fn record_read_of_all(app: &App, actor: &Actor, tenant: Tenant, part: Part) -> Result<()> {
    if !app.settings().audit_reads {
        return Ok(());
    }
    let providers = providers_of(app.db(), tenant).await?;
    let entry = |provider_id| Entry::new(Action::JobRead, provider_id).with("part", part.as_str());
    record_alone(app, actor, providers.into_iter().map(entry).collect()).await
}

/// The providers whose jobs the tenant may see.
async fn providers_of(db: &Db, tenant: Tenant) -> sqlx::Result<Vec<Uuid>> {
    match tenant {
        Tenant::Provider(provider) => Ok(vec![provider.id()]),
        Tenant::Customer(customer) => on!(db, |c| {
            sqlx::query_scalar("select provider_id from customers where customer_id = $1")
                .bind(customer.id())
                .fetch_all(c)
                .await
        }),
    }
}

/// Writes entries of acts that change nothing else. They take their turn among what is written, so that whoever reads as
/// fast as they can keeps nobody from reporting events.
async fn record_alone(app: &App, actor: &Actor, entries: Vec<Entry>) -> Result<()> {
    let _pass = app.gates().writes.enter(actor.user_id()).await?;
    let write = async {
        let mut tx = app.db().begin().await?;
        for entry in entries {
            record(app, &mut tx, actor, entry).await?;
        }
        tx.commit().await
    };
    write.await.map_err(Error::Unavailable)
}
