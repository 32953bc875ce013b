//! How a page of the list is found among a million jobs: read in the order of an index, so that it costs the same
//! wherever it is.
//!
//! A filter is served in one of three ways: it has few jobs, which are then read and sorted; or an index has the jobs of
//! each of its values in the order asked for, and the beginnings of these are merged; or all jobs are walked through in
//! that order until there are enough, which is soon where many fit. We decide, since SQLite knows nothing of how many
//! jobs have which values.

use uuid::Uuid;

use super::{JobFilter, Time};
use crate::auth::Tenant;
use crate::configurations::version::Version;
use crate::db::{Select, Tx, Value as Bound, containing};
use crate::error::{Error, Result};
use crate::http::Several;
use crate::jobs::{Job, queries};
use crate::paging::{Cursor, Page};
use crate::values::{Email, Instant, Tag};

/// A condition with at most so many jobs is served by reading all of them, where others can be merged.
const FEW: i64 = 2_000;
/// The same, where the other way is to walk through all jobs of the tenant.
const FEW_OF_ALL: i64 = 20_000;
/// The most configurations that are named one by one: SQLite takes longer for each, and at most 32,766 values.
const MAX_CONFIGURATIONS: usize = 1_000;
/// The most values of a condition whose jobs are merged.
const MAX_MERGED: usize = 64;

const CONFIGURATION: &str = "jobs.job_configuration_id";
/// An operator that takes no values: an index has just the jobs that fit.
const IS_SET: &str = "is not null";

/// A condition that an index serves: the column is, or compares with, one of the values, or is set.
struct Condition {
    column: &'static str,
    operator: &'static str,
    /// What finds the values of the column by those given, where these are not values of the column themselves.
    found_by: Option<&'static str>,
    values: Vec<Bound>,
    /// The times by which an index has the jobs of each value in order.
    ordered_by: &'static [Time],
    /// Whether the index begins with the tenant; one that does not is of what belongs to one provider alone.
    of_tenant: bool,
}

impl Condition {
    fn of_tenant(
        column: &'static str,
        operator: &'static str,
        values: Vec<Bound>,
        ordered_by: &'static [Time],
    ) -> Self {
        Self { column, operator, found_by: None, values, ordered_by, of_tenant: true }
    }

    fn since(column: &'static str, operator: &'static str, time: Instant, ordered_by: &'static [Time]) -> Self {
        Self::of_tenant(column, operator, vec![time.0.into()], ordered_by)
    }

    fn of_ids(column: &'static str, ids: Vec<Uuid>) -> Self {
        let values = ids.into_iter().map(Bound::from).collect();
        Self { column, operator: "in", found_by: None, values, ordered_by: &[Time::Created], of_tenant: false }
    }

    /// Whether an index has the jobs of each value together.
    fn is_choice(&self) -> bool {
        matches!(self.operator, "in" | IS_SET)
    }

    /// Whether no job can fit.
    fn is_impossible(&self) -> bool {
        self.operator != IS_SET && self.values.is_empty()
    }

    /// The condition in SQL.
    fn sql(&self, select: &mut Select) -> String {
        if self.operator == IS_SET {
            return format!("{} {IS_SET}", self.column);
        }
        let values: Vec<String> = self.values.iter().map(|value| select.value(value.clone())).collect();
        let values = values.join(", ");
        match self.found_by {
            None => format!("{} {} ({values})", self.column, self.operator),
            Some(found_by) => format!("{} {} ({found_by} ({values}))", self.column, self.operator),
        }
    }

    /// The same for each value alone.
    fn alternatives(&self, select: &mut Select) -> Vec<String> {
        if self.operator == IS_SET {
            return vec![self.sql(select)];
        }
        self.values.iter().map(|value| format!("{} = {}", self.column, select.value(value.clone()))).collect()
    }

    /// All jobs of the tenant and the condition.
    fn with_tenant(&self, tenant: &str, condition: &str) -> String {
        if self.of_tenant {
            format!("{tenant} and {condition}")
        } else {
            format!("{condition} and {}", checked(tenant))
        }
    }
}

/// A condition that is checked and never chooses the index.
fn checked(condition: &str) -> String {
    format!("({condition}) is true")
}

/// A page of the jobs the tenant may see.
pub(super) async fn find_page(tx: &mut Tx, tenant: Tenant, filter: &JobFilter) -> Result<Page<Job>> {
    let (order, time, direction) = filter.sort.parts();
    let cursor = Cursor::read_in_order(filter.cursor.as_deref(), order)?;
    let Some(conditions) = resolve_conditions(tx, tenant, filter).await? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let driver = choose_driver(tx, tenant, &conditions, time).await?;

    let mut select = Select::new(queries::SELECT);
    let of_tenant = format!("jobs.{} = {}", tenant.jobs_column(), select.value(tenant.id()));
    let sources = match driver {
        Driver::Order => vec![of_tenant.clone()],
        Driver::Few(index) => {
            let condition = conditions[index].sql(&mut select);
            let few = conditions[index].with_tenant(&of_tenant, &condition);
            vec![format!("jobs.id in (select jobs.id from jobs where {few})")]
        }
        Driver::Merged(index) => {
            let alternatives = conditions[index].alternatives(&mut select);
            alternatives.iter().map(|one| conditions[index].with_tenant(&of_tenant, one)).collect()
        }
    };
    let mut checks = other_conditions(tenant, filter, &conditions, &mut select)?;
    for (index, condition) in conditions.iter().enumerate() {
        let is_in_order = !condition.is_choice() && condition.ordered_by.contains(&time);
        match driver {
            Driver::Few(driving) | Driver::Merged(driving) if driving == index => {}
            _ if is_in_order => checks.push(condition.sql(&mut select)),
            _ => checks.push(checked(&condition.sql(&mut select))),
        }
    }
    let at = time.column();
    let (sign, word) = direction.words();
    if time == Time::Finished {
        checks.push(format!("{at} is not null"));
    }
    if let Some(cursor) = cursor {
        let (cursor_at, cursor_id) = (select.value(cursor.at), select.value(cursor.tie));
        // SQLite finds the place in an index on an expression by the first of these only.
        checks.push(format!("{at} {sign}= {cursor_at} and ({at}, jobs.id) {sign} ({cursor_at}, {cursor_id})"));
    }
    // In the text: PostgreSQL takes a limit that it does not know for a tenth of all rows, and plans each page anew.
    let limit = filter.limit.and_one();
    let beginnings: Vec<String> = sources
        .iter()
        .map(|source| {
            let all = [std::slice::from_ref(source), &checks].concat().join(" and ");
            format!(
                "select * from (select jobs.id, {at} as at from jobs where {all}
                     order by {at} {word}, jobs.id {word} limit {limit}) as beginning"
            )
        })
        .collect();
    let select = select.push(&format!(
        " where jobs.id in (select merged.id from ({}) as merged order by merged.at {word}, merged.id {word} limit {limit})
          order by {at} {word}, jobs.id {word}",
        beginnings.join(" union all ")
    ));
    let jobs = queries::fetch(select, tx).await?;
    Ok(Page::cut(jobs, filter.limit, |job| Cursor { at: time.of(job), tie: job.id }.in_order(order)))
}

/// The conditions that indexes serve; nothing if no job can fit.
async fn resolve_conditions(tx: &mut Tx, tenant: Tenant, filter: &JobFilter) -> Result<Option<Vec<Condition>>> {
    let mut conditions = Vec::new();
    if filter.tag.is_some() || filter.version.is_some() {
        let ids = find_configurations(tx, tenant, filter).await?;
        if ids.len() <= MAX_CONFIGURATIONS {
            conditions.push(Condition {
                of_tenant: matches!(tenant, Tenant::Customer(_)),
                ..Condition::of_ids(CONFIGURATION, ids)
            });
        }
    }
    if let (Tenant::Provider(provider), Some(customer)) = (tenant, &filter.customer) {
        let (column, value) = customer_column(customer)?;
        let select = Select::new("select id from customers")
            .bind(" where provider_id = ", provider.id())
            .bind(&format!(" and {column} = "), value);
        conditions.push(Condition::of_ids("jobs.customer_link_id", fetch_ids(select, tx).await?));
    }
    if let Some(Several(ids)) = &filter.id {
        conditions.push(Condition::of_ids("jobs.id", ids.clone()));
    }
    if let Some(text) = &filter.text {
        conditions.extend(find_by_text(tx, text.as_str()).await?);
    }
    if filter.silent == Some(true) {
        conditions.push(Condition::of_tenant("jobs.silent_since", IS_SET, Vec::new(), &[Time::Created]));
    }
    if let Some(Several(statuses)) = &filter.status {
        let values = statuses.iter().map(|status| Bound::Text(status.as_str().to_owned())).collect();
        conditions.push(Condition::of_tenant(
            "jobs.status",
            "in",
            values,
            &[Time::Created, Time::Started, Time::Finished],
        ));
    }
    let times = [
        ("jobs.created_at", ">=", filter.from, &[Time::Created][..]),
        ("jobs.created_at", "<", filter.to, &[Time::Created]),
        ("jobs.finished_at", ">=", filter.finished_from, &[Time::Finished]),
    ];
    for (column, operator, at, ordered_by) in times {
        conditions.extend(at.map(|at| Condition::since(column, operator, at, ordered_by)));
    }
    Ok((!conditions.iter().any(Condition::is_impossible)).then_some(conditions))
}

/// The jobs with a text, whoever's they are, if they are few. Of many, the page is soon full without the index, which
/// knows three letters each.
async fn find_by_text(tx: &mut Tx, text: &str) -> sqlx::Result<Option<Condition>> {
    if text.chars().count() < 3 {
        return Ok(None);
    }
    let (found_by, value) = tx.jobs_with_text(&text.to_lowercase());
    let values = vec![Bound::Text(value)];
    let mut select = Select::new("");
    let value = select.value(values[0].clone());
    let count = format!("select count(*) from ({found_by} ({value}) limit {}) as some_of_them", FEW + 1);
    let counts: Vec<(i64,)> = select.push(&count).fetch_all(tx).await?;
    let few = counts.first().is_some_and(|(count,)| *count <= FEW);
    Ok(few.then(|| Condition { found_by: Some(found_by), values, ..Condition::of_ids("jobs.id", Vec::new()) }))
}

/// Which condition leads to the jobs.
#[derive(Debug, Clone, Copy)]
enum Driver {
    /// None: they are walked through in the order asked for.
    Order,
    /// The one of this place: all its jobs are read and sorted.
    Few(usize),
    /// The one of this place: the jobs of each of its values are there in order, and are merged.
    Merged(usize),
}

async fn choose_driver(tx: &mut Tx, tenant: Tenant, conditions: &[Condition], time: Time) -> Result<Driver> {
    if let Some(ids) = conditions.iter().position(|condition| condition.column == "jobs.id") {
        return Ok(Driver::Few(ids));
    }
    let can_merge = |c: &Condition| c.is_choice() && c.ordered_by.contains(&time) && c.values.len() <= MAX_MERGED;
    let merged = conditions.iter().position(can_merge);
    let choices = conditions.iter().filter(|condition| condition.is_choice()).count();
    let is_in_order = conditions.iter().all(|condition| condition.ordered_by.contains(&time));
    let is_exact = is_in_order && choices == usize::from(merged.is_some());
    let most = if merged.is_some() { FEW } else { FEW_OF_ALL };
    let few = if is_exact { None } else { find_few(tx, tenant, conditions, most).await? };
    Ok(few.map(Driver::Few).or(merged.map(Driver::Merged)).unwrap_or(Driver::Order))
}

/// The place of the condition with the fewest jobs, if there are at most so many.
async fn find_few(tx: &mut Tx, tenant: Tenant, conditions: &[Condition], most: i64) -> Result<Option<usize>> {
    let mut select = Select::new("");
    let of_tenant = format!("jobs.{} = {}", tenant.jobs_column(), select.value(tenant.id()));
    let limit = most + 1;
    let counts: Vec<String> = (0_i64..)
        .zip(conditions)
        .map(|(place, condition)| {
            let sql = condition.sql(&mut select);
            // What belongs to the provider alone has no other's jobs, and its index has all that is counted then: the rows
            // themselves PostgreSQL would read anew each time, of a table larger than a part of what it keeps.
            let all = if condition.of_tenant { format!("{of_tenant} and {sql}") } else { sql };
            let place = select.value(place);
            format!("select {place}, count(*) from (select 1 from jobs where {all} limit {limit}) as some_of_them")
        })
        .collect();
    let counts: Vec<(i64, i64)> = select.push(&counts.join(" union all ")).fetch_all(tx).await?;
    let few = counts.into_iter().filter(|(_, count)| *count <= most).min_by_key(|(_, count)| *count);
    few.map(|(place, _)| usize::try_from(place).map_err(Error::internal)).transpose()
}

/// What no index serves.
fn other_conditions(
    tenant: Tenant,
    filter: &JobFilter,
    served: &[Condition],
    select: &mut Select,
) -> Result<Vec<String>> {
    let mut conditions = Vec::new();
    if served.iter().all(|condition| condition.column != CONFIGURATION) {
        let version = filter.version.as_ref().map(Version::to_string);
        for (column, value) in [("tag", filter.tag.as_ref().map(Tag::to_string)), ("version", version)] {
            conditions.extend(value.map(|value| {
                let value = select.value(value);
                format!("exists (select 1 from job_configurations f where f.id = {CONFIGURATION} and f.{column} = {value})")
            }));
        }
    }
    if let (Tenant::Customer(_), Some(customer)) = (tenant, &filter.customer) {
        let (column, value) = customer_column(customer)?;
        let value = select.value(value);
        conditions.push(format!(
            "exists (select 1 from customers f where f.id = jobs.customer_link_id and f.{column} = {value})"
        ));
    }
    if let Some(id) = &filter.provider_job_id {
        conditions.push(format!("jobs.provider_job_id = {}", select.value(id.to_string())));
    }
    if let Some(text) = &filter.text {
        conditions.push(format!(
            "jobs.search_text like {} escape '\\'",
            select.value(containing(&text.as_str().to_lowercase()))
        ));
    }
    if filter.silent == Some(false) {
        conditions.push("jobs.silent_since is null".to_owned());
    }
    if let Some(at) = filter.last_event_to {
        conditions.push(format!("coalesce(jobs.last_event_at, jobs.created_at) < {}", select.value(at.0)));
    }
    Ok(conditions)
}

/// What names a customer, in the columns of their links.
fn customer_column(customer: &str) -> Result<(&'static str, Bound)> {
    match (customer.parse::<Uuid>(), Email::try_from(customer.to_owned())) {
        (Ok(id), _) => Ok(("customer_id", Bound::Id(id))),
        (_, Ok(email)) => Ok(("email", Bound::Text(email.as_str().to_owned()))),
        _ => Err(Error::invalid("/customer", "is neither an id nor an e-mail address")),
    }
}

/// The configurations that are asked for: the provider's own, or those of the customer's providers. At most one more
/// than are named one by one.
async fn find_configurations(tx: &mut Tx, tenant: Tenant, filter: &JobFilter) -> sqlx::Result<Vec<Uuid>> {
    let select = Select::new("select id from job_configurations where provider_id");
    let of_tenant = match tenant {
        Tenant::Provider(provider) => select.bind(" = ", provider.id()),
        Tenant::Customer(customer) => {
            select.bind(" in (select provider_id from customers where customer_id = ", customer.id()).push(")")
        }
    };
    let select = of_tenant
        .bind_some(" and tag = ", filter.tag.as_ref().map(Tag::to_string))
        .bind_some(" and version = ", filter.version.as_ref().map(Version::to_string))
        .push(&format!(" limit {}", MAX_CONFIGURATIONS + 1));
    fetch_ids(select, tx).await
}

async fn fetch_ids(select: Select, tx: &mut Tx) -> sqlx::Result<Vec<Uuid>> {
    let rows: Vec<(Uuid,)> = select.fetch_all(tx).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
