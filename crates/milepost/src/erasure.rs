//! Erasing a person: `milepost erase`. What the person is called goes from every table; what jobs count for stays.
//!
//! It works in small transactions beside running servers. The address goes last, so that a run that was killed is
//! repeated with the same command; all it repeats is what was not done yet.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Action, Actor, Entry, Noted, Subject, forget_addresses};
use crate::auth::Role;
use crate::config::RetentionAction;
use crate::db::{Db, Select, Tx, on, record_access_change, sql};
use crate::error::{Error, Result};
use crate::jobs::retire::{self, BATCH, Because, Marked};
use crate::users::{User, find_user_by_email};
use crate::values::Email;

/// What was erased.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Whether there was an account.
    pub account: bool,
    /// Its sessions.
    pub sessions: u64,
    /// Its keys.
    pub keys: u64,
    /// Links between a provider and a customer, invitations among them.
    pub links: u64,
    /// Jobs that were anonymised.
    pub jobs: Marked,
}

/// Erases the account of an address, as a provider or a customer, and the address wherever a provider invited it.
/// None: there is no such account or invitation.
pub async fn erase_user(app: &App, email: &Email) -> Result<Option<Erased>> {
    let user = find_user_by_email(app.db(), email).await?;
    let whose = Links::Of { email: email.clone(), user_id: user.as_ref().map(|user| user.id) };
    if user.is_none() && whose.find(app.db()).await?.is_empty() {
        return Ok(None);
    }
    let mut erased = Erased { account: user.is_some(), ..Erased::default() };
    if let Some(user) = &user {
        let mut tx = app.db().begin().await?;
        begin_erasure(app, &mut tx, user.id).await?;
        close_account(app, &mut tx, user, &mut erased).await?;
        tx.commit().await?;
    }
    loop {
        erase_links(app, &whose, &mut erased).await?;
        let Some(user) = &user else { break };
        if user.role == Role::Provider {
            erased.jobs += mark_jobs(app, "provider_id", user.id).await?;
        }
        retire::finish(app).await?;
        forget_addresses(app, Noted::OfAccount(user.id)).await?;
        if forget_account(app, user, &whose, &mut erased).await? {
            // A request that was under way when the account was closed may have been noted since.
            forget_addresses(app, Noted::OfAccount(user.id)).await?;
            break;
        }
    }
    Ok(Some(erased))
}

/// Erases one customer of one provider: the link, its jobs, and from where the customer acted, in the provider's audit
/// log. The customer's account, if there is one, stays. None: the provider has no such customer.
pub async fn erase_customer(app: &App, provider: &Email, customer: &Email) -> Result<Option<Erased>> {
    let Some(provider) = find_user_by_email(app.db(), provider).await? else { return Ok(None) };
    let whose = Links::Between { provider_id: provider.id, email: customer.clone() };
    let mut erased = Erased::default();
    // The account of the address, also where the link has been ended, or erased by a run that was killed right behind.
    let account = find_user_by_email(app.db(), customer).await?.filter(|user| user.role == Role::Customer);
    let noted = account.map(|user| Noted::ByAccountAt { user_id: user.id, provider_id: provider.id });
    if let Some(noted) = noted {
        forget_addresses(app, noted).await?;
    }
    if whose.find(app.db()).await?.is_empty() {
        return Ok(None);
    }
    erase_links(app, &whose, &mut erased).await?;
    if let Some(noted) = noted {
        // Until the link was gone, the customer could act.
        forget_addresses(app, noted).await?;
    }
    Ok(Some(erased))
}

/// Which links to erase.
enum Links {
    /// To an address, or on either side of an account.
    Of { email: Email, user_id: Option<Uuid> },
    /// Of one provider to an address.
    Between { provider_id: Uuid, email: Email },
}

impl Links {
    async fn find<'a>(&self, on: impl Into<crate::db::On<'a>>) -> sqlx::Result<Vec<Uuid>> {
        let mut select = Select::new("select id from customers where erased_at is null and ");
        let condition = match self {
            Self::Of { email, user_id } => {
                let email = select.value(email.as_str().to_owned());
                let user_id = select.value(user_id.unwrap_or_default());
                format!("(email = {email} or customer_id = {user_id} or provider_id = {user_id})")
            }
            Self::Between { provider_id, email } => {
                let email = select.value(email.as_str().to_owned());
                format!("email = {email} and provider_id = {}", select.value(*provider_id))
            }
        };
        let rows: Vec<(Uuid,)> = select.push(&condition).push(" order by id").fetch_all(on).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

async fn erase_links(app: &App, whose: &Links, erased: &mut Erased) -> Result<()> {
    for link in whose.find(app.db()).await? {
        loop {
            erased.jobs += mark_jobs(app, "customer_link_id", link).await?;
            retire::finish(app).await?;
            if erase_link(app, link).await? {
                break;
            }
        }
        erased.links += 1;
    }
    Ok(())
}

/// Anonymises all jobs that have this in a column. They may be under way: they take no more events then.
async fn mark_jobs(app: &App, column: &'static str, id: Uuid) -> Result<Marked> {
    let mut marked = Marked::default();
    let mut after = (DateTime::UNIX_EPOCH, Uuid::nil());
    loop {
        let jobs: Vec<(DateTime<Utc>, Uuid)> =
            Select::new(format!("select created_at, id from jobs where anonymised_at is null and {column} = "))
                .bind("", id)
                .bind(" and (created_at, id) > (", after.0)
                .bind(", ", after.1)
                .bind(") order by created_at, id limit ", BATCH)
                .fetch_all(app.db())
                .await?;
        let Some(last) = jobs.last() else { return Ok(marked) };
        after = *last;
        let ids = jobs.into_iter().map(|(_, id)| id).collect();
        marked += retire::mark(app, ids, RetentionAction::Anonymise, Because::OfAnErasure, |job| {
            job.anonymised_at.is_none()
        })
        .await?;
        tokio::time::sleep(retire::PAUSE).await;
    }
}

/// An address that belongs to nobody.
fn nobodys_address(app: &App) -> String {
    format!("erased-{}@erased.invalid", app.clock().new_id())
}

/// Forgets the address of a link and ends it; it goes on saying for whom jobs count. False: a job was opened for it just
/// now.
async fn erase_link(app: &App, id: Uuid) -> Result<bool> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    let lock = tx.lock_clause(" for update of customers");
    let (provider_id, customer_id): (Uuid, Option<Uuid>) = on!(&mut tx, |c| {
        sqlx::query_as(sql!("select provider_id, customer_id from customers where id = $1{lock}"))
            .bind(id)
            .fetch_one(c)
            .await
    })?;
    let left: Vec<(Uuid,)> = Select::new("select id from jobs where anonymised_at is null")
        .bind(" and customer_link_id = ", id)
        .push(" limit 1")
        .fetch_all(&mut tx)
        .await?;
    if !left.is_empty() {
        return Ok(false);
    }
    begin_erasure(app, &mut tx, id).await?;
    on!(&mut tx, |c| {
        sqlx::query(
            "update customers set email = $2, customer_id = null, invitation_hash = null, invitation_expires_at = null,
                 unlinked_at = coalesce(unlinked_at, $3), erased_at = $3, updated_at = $3
             where id = $1",
        )
        .bind(id)
        .bind(nobodys_address(app))
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })?;
    end_erasure(&mut tx, id, now).await?;
    let entry = |tenant_id| Entry::new(Action::CustomerErased, tenant_id).about(Subject::Customer(id));
    audit::record(app, &mut tx, &Actor::OPERATOR, entry(provider_id).with("customer_id", customer_id)).await?;
    if let Some(user_id) = customer_id {
        audit::record(app, &mut tx, &Actor::OPERATOR, entry(user_id).with("provider_id", provider_id)).await?;
        record_access_change(&mut tx, user_id, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Keeps the account from signing in and ends all that it was signed in with.
async fn close_account(app: &App, tx: &mut Tx, user: &User, erased: &mut Erased) -> sqlx::Result<()> {
    let now = app.clock().now();
    let disabled = on!(&mut *tx, |c| {
        sqlx::query("update users set disabled_at = $2 where id = $1 and disabled_at is null")
            .bind(user.id)
            .bind(now)
            .execute(c)
            .await
            .map(|result| result.rows_affected())
    })?;
    if disabled > 0 {
        let entry = Entry::new(Action::AccountDisabled, user.id).about(Subject::Account(user.id));
        audit::record(app, tx, &Actor::OPERATOR, entry).await?;
    }
    on!(&mut *tx, |c| {
        sqlx::query("update users set password = 'erased', updated_at = $2 where id = $1")
            .bind(user.id)
            .bind(now)
            .execute(c)
            .await
            .map(drop)
    })?;
    delete_credentials(tx, user.id, erased).await?;
    record_access_change(tx, user.id, now).await
}

async fn delete_credentials(tx: &mut Tx, user_id: Uuid, erased: &mut Erased) -> sqlx::Result<()> {
    erased.sessions += delete_of_user(tx, "sessions", user_id).await?;
    erased.keys += delete_of_user(tx, "api_keys", user_id).await?;
    Ok(())
}

async fn delete_of_user(tx: &mut Tx, table: &'static str, user_id: Uuid) -> sqlx::Result<u64> {
    on!(tx, |c| {
        sqlx::query(sql!("delete from {table} where user_id = $1"))
            .bind(user_id)
            .execute(c)
            .await
            .map(|result| result.rows_affected())
    })
}

/// Forgets whose account it is, which ends the erasure. False: there is something left, from requests that were under
/// way while the account was closed.
async fn forget_account(app: &App, user: &User, whose: &Links, erased: &mut Erased) -> Result<bool> {
    let now = app.clock().now();
    let mut tx = app.db().begin().await?;
    on!(&mut tx, |c| {
        sqlx::query(
            "update users set email = $2, first_name = '', last_name = '', organization = null, erased_at = $3,
                 updated_at = $3
             where id = $1",
        )
        .bind(user.id)
        .bind(nobodys_address(app))
        .bind(now)
        .execute(c)
        .await
        .map(drop)
    })?;
    let jobs: Vec<(Uuid,)> = Select::new("select id from jobs where anonymised_at is null")
        .bind(" and provider_id = ", user.id)
        .push(" limit 1")
        .fetch_all(&mut tx)
        .await?;
    if !jobs.is_empty() || !whose.find(&mut tx).await?.is_empty() {
        return Ok(false);
    }
    delete_credentials(&mut tx, user.id, erased).await?;
    end_erasure(&mut tx, user.id, now).await?;
    let entry = Entry::new(Action::AccountErased, user.id).about(Subject::Account(user.id));
    audit::record(app, &mut tx, &Actor::OPERATOR, entry).await?;
    record_access_change(&mut tx, user.id, now).await?;
    tx.commit().await?;
    Ok(true)
}

async fn begin_erasure(app: &App, tx: &mut Tx, subject_id: Uuid) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query(
            "insert into erasures (id, subject_id, created_at, updated_at) values ($1, $2, $3, $3)
             on conflict (subject_id) do nothing",
        )
        .bind(app.clock().new_id())
        .bind(subject_id)
        .bind(app.clock().now())
        .execute(c)
        .await
        .map(drop)
    })
}

async fn end_erasure(tx: &mut Tx, subject_id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("update erasures set erased_at = $2, cleaned_at = null, updated_at = $2 where subject_id = $1")
            .bind(subject_id)
            .bind(now)
            .execute(c)
            .await
            .map(drop)
    })
}

/// How many erasures have left something in the files.
pub async fn count_uncleaned(db: &Db) -> sqlx::Result<i64> {
    let counts: Vec<(i64,)> = Select::new("select count(*) from erasures where erased_at is not null")
        .push(" and cleaned_at is null")
        .fetch_all(db)
        .await?;
    Ok(counts.first().map_or(0, |(count,)| *count))
}

/// Takes the bytes of what was erased from the database's files. False: it could not be done for so long, since somebody
/// did not let go of the database. Refused where we may not rewrite all of it.
pub async fn clean_files(app: &App, patience: Duration) -> Result<bool> {
    retire::finish(app).await?;
    // Requests that were under way when an account was closed, if the run that erased it was killed right behind.
    let accounts: Vec<(Uuid,)> =
        Select::new("select e.subject_id from erasures e join users u on u.id = e.subject_id")
            .push(" where e.erased_at is not null and e.cleaned_at is null")
            .fetch_all(app.db())
            .await?;
    for (id,) in accounts {
        forget_addresses(app, Noted::OfAccount(id)).await?;
    }
    let began_at = app.clock().now();
    if !app.db().clean_files(patience).await? {
        return Ok(false);
    }
    if !app.db().may_clean_statistics().await? {
        return Err(Error::internal(
            "the tables are clean and rewritten, but the planner's statistics, which hold values of columns, are not: the \
             role does not own the database; make it the owner (`alter database … owner to …`), or run \
             `vacuum (full) pg_catalog.pg_statistic` as the owner, and then `milepost erase files`",
        ));
    }
    let mut tx = app.db().begin().await?;
    on!(&mut tx, |c| {
        sqlx::query(
            "update erasures set cleaned_at = $1, updated_at = $1 where erased_at <= $1 and cleaned_at is null",
        )
        .bind(began_at)
        .execute(c)
        .await
        .map(drop)
    })?;
    tx.commit().await?;
    Ok(true)
}
