//! All data of one account, as one JSON document: for its owner (`GET /users/me/export`) and for the operator
//! (`milepost export`).
//!
//! It is written as it is read, a page at a time, so that a million events take no more memory than one. Its last field is
//! `complete`: a document that broke off has none, and is no JSON either.

use async_stream::try_stream;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures::Stream;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::admission::{Place, Turn};
use crate::api_keys::{self, ApiKey};
use crate::app::App;
use crate::audit::{self, Action, Actor, Entry, Part, Subject};
use crate::auth::{Account, Role, Tenant, Viewer, credentials};
use crate::configurations::{Configuration, find_configuration};
use crate::db::{Db, Select};
use crate::error::{Error, Result};
use crate::events::{Event, load_after_sequence};
use crate::jobs::{Job, JobDetail, queries};
use crate::users::{User, find_user, find_user_by_email};
use crate::values::Email;

/// How many rows are read at once.
const PAGE: i64 = 100;

/// Where a row stands in its list: by time, or by id alone.
type Position = (DateTime<Utc>, Uuid);

/// Before all rows.
const BEGINNING: Position = (DateTime::UNIX_EPOCH, Uuid::nil());

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export_me))
}

/// All data of an account.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes the document, which is never in memory as a whole")]
struct Export {
    /// When this was begun; what changed while it was written may be in it or not.
    exported_at: DateTime<Utc>,
    /// The account.
    account: User,
    /// Its sessions.
    sessions: Vec<ExportedSession>,
    /// Its API keys, without their secrets, which nobody has.
    api_keys: Vec<ApiKey>,
    /// A provider's customers; of a customer, the links to providers that they accepted.
    customers: Vec<ExportedCustomer>,
    /// A provider's configurations; a customer has none.
    job_configurations: Vec<Configuration>,
    /// The jobs that the account may see, each with all its events.
    jobs: Vec<ExportedJob>,
    /// The account's own audit log.
    audit_log: Vec<ExportedEntry>,
    /// True, and the end: a document without it broke off.
    complete: bool,
}

/// A session.
#[derive(Debug, Serialize, ToSchema, FromRow)]
struct ExportedSession {
    /// The session's id.
    id: Uuid,
    /// Whether its owner asked to be remembered.
    remembered: bool,
    /// Where it was begun from.
    address: Option<String>,
    /// What the browser said it is.
    user_agent: Option<String>,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it was last used; null: not since it began.
    last_used_at: Option<DateTime<Utc>>,
    /// When it ends in any case.
    expires_at: DateTime<Utc>,
}

/// An act in the account's audit log.
#[derive(Debug, Serialize, ToSchema, FromRow)]
struct ExportedEntry {
    /// The entry's id.
    id: Uuid,
    /// When.
    created_at: DateTime<Utc>,
    /// What was done.
    action: String,
    /// What kind of actor it was.
    actor: String,
    /// The account that acted.
    actor_id: Option<Uuid>,
    /// The key that acted.
    key_id: Option<Uuid>,
    /// What kind of thing it is about.
    subject: Option<String>,
    /// Which one.
    subject_id: Option<Uuid>,
    /// From where.
    address: Option<String>,
    /// The id of the request.
    request_id: Option<Uuid>,
    /// What else there is to say.
    #[schema(value_type = Option<Map<String, Value>>)]
    details: Option<Json<Map<String, Value>>>,
}

/// What links a provider and a customer.
#[derive(Debug, Serialize, ToSchema, FromRow)]
struct ExportedCustomer {
    /// The id of the link.
    id: Uuid,
    /// The provider.
    provider_id: Uuid,
    /// The provider's organization, or the person's name.
    provider_name: String,
    /// The customer's account; null until the invitation is accepted, and after unlinking.
    customer_id: Option<Uuid>,
    /// The invited address.
    email: String,
    /// Until when the open invitation is good.
    invitation_expires_at: Option<DateTime<Utc>>,
    /// Since when no jobs can be opened for them.
    unlinked_at: Option<DateTime<Utc>>,
    /// When the address was first invited.
    created_at: DateTime<Utc>,
    /// When this last changed.
    updated_at: DateTime<Utc>,
}

/// A job with all that happened to it.
#[derive(Debug, Serialize, ToSchema)]
struct ExportedJob {
    /// The job with its steps.
    #[serde(flatten)]
    job: JobDetail,
    /// Its events, in the order they arrived.
    #[schema(inline)]
    events: Vec<Event>,
}

/// All data of one's account
///
/// One JSON document, to be kept as a file: the account, its sessions and keys, customers, configurations, and all jobs
/// that it may see with all their events. It is written while it is read; the last field is `complete`, and a document
/// that broke off has none.
#[utoipa::path(get, path = "/users/me/export", tag = "Accounts", operation_id = "export_me",
    responses((status = 200, description = "The document, as an attachment", body = Export)))]
async fn export_me(State(app): State<App>, account: Account, viewer: Viewer, actor: Actor) -> Result<Response> {
    let place = app.gates().exports.take(Some(account.user_id), 1)?;
    let turn = place.turn().await?;
    let user = find_user(app.db(), account.user_id).await?.ok_or(Error::NotFound)?;
    let whose = Whose::Own { user, viewer, place };
    record_export(&app, &whose, &actor).await?;
    drop(turn);
    let name = format!("attachment; filename=\"milepost-{}.json\"", app.clock().now().date_naive());
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(document(app, whose))).into_response())
}

/// Whose data is given out, and to whom.
#[derive(Debug)]
pub enum Whose {
    /// An account's, to its owner. It breaks off when their credentials end, and takes a turn for each page: somebody who
    /// reads slowly keeps nobody else from theirs.
    Own {
        /// The account.
        user: User,
        /// Who asks.
        viewer: Viewer,
        /// Among the exports that are under way.
        place: Place,
    },
    /// Of whoever has an address, to the operator: of the account if there is one, and what providers have written to the
    /// address.
    OfAddress {
        /// The address.
        email: Email,
        /// Its account.
        user: Option<User>,
    },
}

impl Whose {
    /// What there is of an address. None: neither an account nor an invitation.
    pub async fn find(db: &Db, email: Email) -> sqlx::Result<Option<Self>> {
        let user = find_user_by_email(db, &email).await?;
        let is_known = user.is_some() || !find_open_links(db, &email).await?.is_empty();
        Ok(is_known.then_some(Self::OfAddress { email, user }))
    }

    fn user(&self) -> Option<&User> {
        match self {
            Self::Own { user, .. } => Some(user),
            Self::OfAddress { user, .. } => user.as_ref(),
        }
    }

    /// The jobs that the account may see; for the operator also those of links that no account has.
    async fn jobs(&self, db: &Db) -> sqlx::Result<Vec<Jobs>> {
        let of_account = self.user().map(|user| Jobs { tenant: Tenant::of_account(user.id, user.role), link: None });
        let of_links = match self {
            Self::Own { .. } => Vec::new(),
            Self::OfAddress { email, .. } => find_open_links(db, email).await?,
        };
        Ok(of_account.into_iter().chain(of_links).collect())
    }
}

/// Some of the jobs in an export.
#[derive(Debug, Clone, Copy)]
struct Jobs {
    /// Who may see them.
    tenant: Tenant,
    /// The customer link that they were opened for; all if none.
    link: Option<Uuid>,
}

/// What providers have of an address that no account has accepted, or has any more.
async fn find_open_links(db: &Db, email: &Email) -> sqlx::Result<Vec<Jobs>> {
    let links: Vec<(Uuid, Uuid)> =
        Select::new("select provider_id, id from customers where customer_id is null and erased_at is null")
            .bind(" and email = ", email.as_str().to_owned())
            .push(" order by id")
            .fetch_all(db)
            .await?;
    let jobs =
        |(provider_id, link)| Jobs { tenant: Tenant::of_account(provider_id, Role::Provider), link: Some(link) };
    Ok(links.into_iter().map(jobs).collect())
}

/// Notes that data is given out: in the account's audit log, or in the operator's where there is none; and with
/// `audit_reads` in those of the providers whose jobs are in it.
pub async fn record_export(app: &App, whose: &Whose, actor: &Actor) -> Result<()> {
    let mut tx = app.db().begin().await?;
    let entry = Entry::new(Action::DataExported, whose.user().map(|user| user.id)).about(Subject::Export);
    audit::record(app, &mut tx, actor, entry).await?;
    tx.commit().await?;
    for jobs in whose.jobs(app.db()).await? {
        audit::record_read_of_all(app, actor, jobs.tenant, Part::Export).await?;
    }
    Ok(())
}

/// The pieces of the document.
pub fn document(app: App, whose: Whose) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    try_stream! {
        let mut reader = Reader { app, whose };
        yield piece("{\n\"exported_at\": ", &reader.app.clock().now())?;
        yield piece(",\n\"account\": ", &reader.whose.user())?;

        for (name, list) in [
            ("sessions", List::Sessions), ("api_keys", List::ApiKeys), ("customers", List::Customers),
            ("job_configurations", List::Configurations), ("audit_log", List::AuditLog),
        ] {
            yield Bytes::from(format!(",\n\"{name}\": ["));
            let mut separator = "\n";
            let mut after = BEGINNING;
            loop {
                let page = reader.page(list, after).await?;
                let Some((last, _)) = page.last() else { break };
                after = *last;
                for (_, row) in page {
                    yield Bytes::from(format!("{separator}{row}"));
                    separator = ",\n";
                }
            }
            yield Bytes::from_static(b"]");
        }

        yield Bytes::from_static(b",\n\"jobs\": [");
        let mut separator = "\n";
        for jobs in reader.whose.jobs(reader.app.db()).await? {
            let mut after = BEGINNING;
            loop {
                let page = reader.jobs(jobs, after).await?;
                let Some(last) = page.last() else { break };
                after = (last.created_at, last.id);
                for job in page {
                    // It may just have been deleted, or given to somebody else.
                    let Some(job) = reader.job(jobs.tenant, job.id).await? else { continue };
                    let (id, newest) = (job.job.id, job.job.last_sequence);
                    let open = written(&ExportedJob { job, events: Vec::new() })?;
                    yield Bytes::from(format!("{separator}{}", open.strip_suffix("]}").unwrap_or(&open)));
                    separator = ",\n";
                    let (mut sequence, mut between) = (0, "\n");
                    while sequence < newest {
                        let events = reader.events(jobs.tenant, id, sequence, newest).await?;
                        let Some(last) = events.last() else { break };
                        sequence = last.sequence;
                        for event in &events {
                            yield piece(between, event)?;
                            between = ",\n";
                        }
                    }
                    yield Bytes::from_static(b"]}");
                }
            }
        }
        yield Bytes::from_static(b"],\n\"complete\": true\n}\n");
    }
}

/// A row behind what comes before it.
fn piece(before: &str, row: &impl Serialize) -> Result<Bytes> {
    Ok(Bytes::from(format!("{before}{}", written(row)?)))
}

fn written(row: &impl Serialize) -> Result<String> {
    serde_json::to_string(row).map_err(Error::internal)
}

/// The lists before the jobs.
#[derive(Debug, Clone, Copy)]
enum List {
    Sessions,
    ApiKeys,
    Customers,
    Configurations,
    AuditLog,
}

/// Reads a page at a time.
struct Reader {
    app: App,
    whose: Whose,
}

impl Reader {
    /// A page of a list: the rows as they are written. The audit log grows without end, so it is read along its index.
    async fn page(&mut self, list: List, after: Position) -> Result<Vec<(Position, String)>> {
        let _turn = self.begin_page().await?;
        if let List::Customers = list {
            return self.rows(self.customers(), "l.id", after, |row: &ExportedCustomer| row.id).await;
        }
        let Some(user) = self.whose.user() else { return Ok(Vec::new()) };
        match list {
            List::Sessions => {
                let select = Select::new(
                    "select id, remembered, address, user_agent, created_at, last_used_at, expires_at
                     from sessions where user_id = ",
                );
                self.rows(select.bind("", user.id), "id", after, |row: &ExportedSession| row.id).await
            }
            List::ApiKeys => {
                let select = Select::new(format!("select {} from api_keys where user_id = ", api_keys::COLUMNS));
                self.rows(select.bind("", user.id), "id", after, |row: &ApiKey| row.id).await
            }
            List::Customers => Ok(Vec::new()),
            List::AuditLog => {
                let select = Select::new(
                    "select id, created_at, action, actor, actor_id, key_id, subject, subject_id, address, request_id,
                         details
                     from audit_log where tenant_id = ",
                );
                let select = select
                    .bind("", user.id)
                    .bind(" and (created_at, id) > (", after.0)
                    .bind(", ", after.1)
                    .bind(") order by created_at, id limit ", PAGE);
                let rows: Vec<ExportedEntry> = select.fetch_all(self.app.db()).await?;
                rows.iter().map(|row| Ok(((row.created_at, row.id), written(row)?))).collect()
            }
            List::Configurations => self.configuration(user, after).await,
        }
    }

    /// Signing up with an address proves nothing: what others have written to it only the operator gives out.
    fn customers(&self) -> Select {
        let mut select = Select::new("");
        let condition = match &self.whose {
            Whose::Own { user, .. } => {
                let column = match user.role {
                    Role::Provider => "provider_id",
                    Role::Customer => "customer_id",
                };
                format!("l.{column} = {}", select.value(user.id))
            }
            Whose::OfAddress { email, user } => {
                let email = select.value(email.as_str().to_owned());
                let provider_id = select.value(user.as_ref().map(|user| user.id).unwrap_or_default());
                format!("(l.email = {email} or l.provider_id = {provider_id})")
            }
        };
        select.push(&format!(
            "select l.id, l.provider_id, coalesce(p.organization, p.first_name || ' ' || p.last_name)
                 as provider_name, l.customer_id, l.email, l.invitation_expires_at, l.unlinked_at,
                 l.created_at, l.updated_at
             from customers l join users p on p.id = l.provider_id where l.erased_at is null and {condition}"
        ))
    }

    async fn rows<T>(
        &self,
        select: Select,
        id: &str,
        after: Position,
        id_of: impl Fn(&T) -> Uuid,
    ) -> Result<Vec<(Position, String)>>
    where
        T: Serialize + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let rows: Vec<T> = select
            .bind(&format!(" and {id} > "), after.1)
            .bind(&format!(" order by {id} limit "), PAGE)
            .fetch_all(self.app.db())
            .await?;
        rows.iter().map(|row| Ok(((after.0, id_of(row)), written(row)?))).collect()
    }

    /// One configuration: a large one has as much in it as a page of anything else.
    async fn configuration(&self, user: &User, after: Position) -> Result<Vec<(Position, String)>> {
        let Tenant::Provider(provider) = Tenant::of_account(user.id, user.role) else { return Ok(Vec::new()) };
        let next: Vec<(Uuid,)> = Select::new("select id from job_configurations where provider_id = ")
            .bind("", provider.id())
            .bind(" and id > ", after.1)
            .push(" order by id limit 1")
            .fetch_all(self.app.db())
            .await?;
        let Some((id,)) = next.first() else { return Ok(Vec::new()) };
        let configuration: Option<Configuration> = find_configuration(self.app.db(), provider, *id).await?;
        Ok(vec![((after.0, *id), written(&configuration)?)])
    }

    async fn jobs(&mut self, jobs: Jobs, after: Position) -> Result<Vec<Job>> {
        let _turn = self.begin_page().await?;
        Ok(queries::load_after(self.app.db(), jobs.tenant, jobs.link, after, PAGE).await?)
    }

    async fn job(&mut self, tenant: Tenant, id: Uuid) -> Result<Option<JobDetail>> {
        let _turn = self.begin_page().await?;
        queries::find_detail(self.app.db(), tenant, id).await
    }

    /// A page of a job's events; none once the job may not be seen any more.
    async fn events(&mut self, tenant: Tenant, job_id: Uuid, after: i64, newest: i64) -> Result<Vec<Event>> {
        let _turn = self.begin_page().await?;
        if queries::find(self.app.db(), tenant, job_id).await?.is_none() {
            return Ok(Vec::new());
        }
        let events = load_after_sequence(self.app.db(), job_id, after, PAGE.min(newest - after)).await?;
        Ok(events.into_iter().map(|stored| stored.event).collect())
    }

    /// Waits for a turn, and makes sure that the credentials are good still. The operator has no need of either.
    async fn begin_page(&mut self) -> Result<Option<Turn>> {
        let Whose::Own { viewer, place, .. } = &mut self.whose else { return Ok(None) };
        let turn = place.next_turn().await?;
        if !credentials::revalidate(self.app.db(), viewer, self.app.clock().now()).await? {
            return Err(Error::Unauthenticated("Your session has just ended."));
        }
        Ok(Some(turn))
    }
}
