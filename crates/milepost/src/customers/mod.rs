//! Customers: whom a provider may open jobs for. Invited by e-mail address, linked when they accept, unlinked by the
//! provider. Only a linked customer sees jobs; the schema's foreign keys hold that too.

mod invitations;
mod whom;

pub(crate) use whom::{Whom, of_links};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Action, Actor, Entry, Subject, record};
use crate::auth::credentials::Secret;
use crate::auth::{ProviderAccount, ProviderId};
use crate::db::{On, Select, Tx, on, record_access_change, sql};
use crate::error::{Error, Result};
use crate::http::{Json, PathId, Query};
use crate::paging::{Cursor, Page, Paging};
use crate::values::Email;

/// How long an invitation is good for.
const INVITATION_LIFETIME: TimeDelta = TimeDelta::days(14);

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(invite_customer, list_customers))
        .routes(routes!(unlink_customer))
        .merge(invitations::routes())
}

/// How far an invitation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CustomerStatus {
    /// The invitation is open.
    Invited,
    /// The customer is linked.
    Accepted,
}

/// A customer of the caller.
#[expect(clippy::struct_field_names, reason = "the column is called so")]
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Customer {
    /// The id of the link, for unlinking.
    id: Uuid,
    /// The provider.
    provider_id: Uuid,
    /// What `POST /jobs` takes as `customer_id`; null until the invitation is accepted.
    customer_id: Option<Uuid>,
    /// The invited address.
    email: Email,
    /// Whether the invitation was accepted.
    status: CustomerStatus,
    /// First name, once accepted.
    first_name: Option<String>,
    /// Last name, once accepted.
    last_name: Option<String>,
    /// Organization, once accepted.
    organization: Option<String>,
    /// Until when the open invitation is good.
    invitation_expires_at: Option<DateTime<Utc>>,
    /// When the address was first invited.
    created_at: DateTime<Utc>,
    /// When this last changed.
    updated_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct CustomerRow {
    id: Uuid,
    provider_id: Uuid,
    customer_id: Option<Uuid>,
    email: Email,
    first_name: Option<String>,
    last_name: Option<String>,
    organization: Option<String>,
    invitation_expires_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A customer and the person behind it.
const SELECT: &str = "select l.id, l.provider_id, l.customer_id, l.email, u.first_name, u.last_name, u.organization,
        l.invitation_expires_at, l.created_at, l.updated_at
    from customers l left join users u on u.id = l.customer_id";

impl From<CustomerRow> for Customer {
    fn from(row: CustomerRow) -> Self {
        let status = if row.customer_id.is_some() { CustomerStatus::Accepted } else { CustomerStatus::Invited };
        Self {
            id: row.id,
            provider_id: row.provider_id,
            customer_id: row.customer_id,
            email: row.email,
            status,
            first_name: row.first_name,
            last_name: row.last_name,
            organization: row.organization,
            invitation_expires_at: row.invitation_expires_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A customer and, this once, the link to hand over.
#[derive(Debug, Serialize, ToSchema)]
struct InvitedCustomer {
    #[serde(flatten)]
    customer: Customer,
    /// The link that accepts the invitation, shown this once; null if it was accepted before.
    invitation_url: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    /// The customer's address.
    email: Email,
}

/// Invite a customer
///
/// Answers with a link to hand over. Inviting an address again gives a new link and makes the old one void.
#[utoipa::path(post, path = "/customers", tag = "Customers", operation_id = "invite_customer",
    request_body = NewInvitation, responses(
        (status = 201, description = "Invited", body = InvitedCustomer),
        (status = 200, description = "Invited again, or accepted before", body = InvitedCustomer)))]
async fn invite_customer(
    State(app): State<App>,
    ProviderAccount(provider): ProviderAccount,
    actor: Actor,
    Json(new): Json<NewInvitation>,
) -> Result<Response> {
    let now = app.clock().now();
    let token = Secret::new_token();
    let mut tx = app.db().begin().await?;
    let new_id = app.clock().new_id();
    let (id,): (Uuid,) = on!(&mut tx, |c| {
        sqlx::query_as(
            "insert into customers (id, provider_id, email, invitation_hash, invitation_expires_at, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $6)
             on conflict (provider_id, email) do update set unlinked_at = null, updated_at = excluded.updated_at,
                 invitation_hash =
                     case when customers.customer_id is null then excluded.invitation_hash end,
                 invitation_expires_at =
                     case when customers.customer_id is null then excluded.invitation_expires_at end
             returning id",
        )
        .bind(new_id)
        .bind(provider.id())
        .bind(new.email)
        .bind(token.hash())
        .bind(now + INVITATION_LIFETIME)
        .bind(now)
        .fetch_one(c)
        .await
    })?;
    let customer = find_customer(&mut tx, provider, id).await?.ok_or(Error::NotFound)?;
    if customer.status == CustomerStatus::Invited {
        let entry = Entry::new(Action::CustomerInvited, provider.id()).about(Subject::Customer(id));
        record(&app, &mut tx, &actor, entry.with("again", id != new_id)).await?;
    }
    tx.commit().await?;
    let invitation_url = match customer.status {
        CustomerStatus::Invited => Some(app.settings().url_of(&format!("/invitations/{}", token.reveal()))),
        CustomerStatus::Accepted => None,
    };
    let status = if id == new_id { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(InvitedCustomer { customer, invitation_url })).into_response())
}

/// The caller's customers, newest first
#[utoipa::path(get, path = "/customers", tag = "Customers", operation_id = "list_customers", params(Paging),
    responses((status = 200, description = "A page of customers", body = Page<Customer>)))]
async fn list_customers(
    State(app): State<App>,
    ProviderAccount(provider): ProviderAccount,
    Query(list): Query<Paging>,
) -> Result<Json<Page<Customer>>> {
    let rows: Vec<CustomerRow> = Select::new(SELECT)
        .bind(" where l.unlinked_at is null and l.provider_id = ", provider.id())
        .newest_first("l", list.cursor, list.limit)
        .fetch_all(app.db())
        .await?;
    let page = Page::cut(rows, list.limit, |row| Cursor { at: row.created_at, tie: row.id });
    Ok(Json(page.map(Customer::from)))
}

/// Unlink a customer
///
/// No jobs can be opened for them any more, those of the past are hidden from them, and an open invitation is void.
/// Inviting the address again and accepting brings the jobs back.
#[utoipa::path(delete, path = "/customers/{id}", tag = "Customers", operation_id = "unlink_customer",
    params(("id" = Uuid, Path, description = "The `id` of the customer in the list")),
    responses((status = 200, description = "The customer as it was", body = Customer)))]
async fn unlink_customer(
    State(app): State<App>,
    ProviderAccount(provider): ProviderAccount,
    actor: Actor,
    PathId(id): PathId,
) -> Result<Json<Customer>> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    lock_link(&mut tx, provider, id).await?;
    let customer = find_customer(&mut tx, provider, id).await?.ok_or(Error::NotFound)?;
    show_jobs(&mut tx, id, None, now).await?;
    on!(&mut tx, |c| {
        sqlx::query(
            "update customers set customer_id = null, invitation_hash = null, invitation_expires_at = null,
                 unlinked_at = $2, updated_at = $2 where id = $1",
        )
        .bind(id)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })?;
    let entry = |tenant_id| Entry::new(Action::CustomerUnlinked, tenant_id).about(Subject::Customer(id));
    record(&app, &mut tx, &actor, entry(provider.id()).with("customer_id", customer.customer_id)).await?;
    if let Some(user_id) = customer.customer_id {
        record(&app, &mut tx, &actor.from_somewhere(), entry(user_id).with("provider_id", provider.id())).await?;
        record_access_change(&mut tx, user_id, now).await?;
    }
    tx.commit().await?;
    Ok(Json(customer))
}

/// Shows all jobs of a link to a user, or to nobody.
async fn show_jobs(tx: &mut Tx, link_id: Uuid, user_id: Option<Uuid>, now: DateTime<Utc>) -> sqlx::Result<()> {
    let lock = tx.lock_clause(" for no key update of jobs");
    let _locked: Vec<(Uuid,)> = on!(&mut *tx, |c| {
        sqlx::query_as(sql!(
            "select id from jobs where customer_link_id = $1 and anonymised_at is null order by id{lock}"
        ))
        .bind(link_id)
        .fetch_all(c)
        .await
    })?;
    on!(tx, |c| {
        sqlx::query(
            "update jobs set customer_id = $2, updated_at = $3 where customer_link_id = $1 and anonymised_at is null",
        )
        .bind(link_id)
        .bind(user_id)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })
}

/// Keeps jobs from being opened for a customer until the transaction ends. Whoever locks both takes the customer first,
/// then the jobs, so that nobody waits in a circle.
async fn lock_link(tx: &mut Tx, provider: ProviderId, id: Uuid) -> sqlx::Result<()> {
    let lock = tx.lock_clause(" for update of customers");
    let _locked: Option<(Uuid,)> = on!(tx, |c| {
        sqlx::query_as(sql!("select id from customers where provider_id = $1 and id = $2{lock}"))
            .bind(provider.id())
            .bind(id)
            .fetch_optional(c)
            .await
    })?;
    Ok(())
}

async fn find_customer(on: impl Into<On<'_>>, provider: ProviderId, id: Uuid) -> sqlx::Result<Option<Customer>> {
    let row: Option<CustomerRow> = on!(on.into(), |c| {
        sqlx::query_as(sql!("{SELECT} where l.provider_id = $1 and l.id = $2 and l.unlinked_at is null"))
            .bind(provider.id())
            .bind(id)
            .fetch_optional(c)
            .await
    })?;
    Ok(row.map(Customer::from))
}

/// For whom a job is: the link, and the customer behind it once the invitation is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Recipient {
    /// The customer link.
    pub link_id: Uuid,
    /// The linked customer.
    pub customer_id: Option<Uuid>,
}

/// Which customer a job is for, as it is asked for.
#[derive(Debug, Clone)]
pub enum RecipientRef {
    /// The `customer_id` of a linked customer.
    Id(Uuid),
    /// The address of a linked or invited customer.
    Email(Email),
}

/// Finds the customer among those of the provider, and keeps the link as it is until the transaction ends: a job opened
/// meanwhile would miss that the invitation is accepted. The answer is the same whether there is such an account or not.
pub async fn find_recipient(tx: &mut Tx, provider: ProviderId, wanted: RecipientRef) -> Result<Recipient> {
    const FIND: &str =
        "select id as link_id, customer_id from customers where unlinked_at is null and provider_id = $1 and";
    let hold = tx.lock_clause(" for share of customers");
    let found: Option<Recipient> = match &wanted {
        RecipientRef::Id(id) => on!(tx, |c| {
            sqlx::query_as(sql!("{FIND} customer_id = $2{hold}"))
                .bind(provider.id())
                .bind(*id)
                .fetch_optional(c)
                .await
        }),
        RecipientRef::Email(email) => on!(tx, |c| {
            sqlx::query_as(sql!("{FIND} email = $2{hold}")).bind(provider.id()).bind(email).fetch_optional(c).await
        }),
    }?;
    let field = match wanted {
        RecipientRef::Id(_) => "/customer_id",
        RecipientRef::Email(_) => "/customer_email",
    };
    found.ok_or_else(|| Error::invalid(field, "is not among your customers; invite them first"))
}
