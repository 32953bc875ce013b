//! Reports: what happened, and what is billed, as files. `docs/REPORTS.md` says what is in them.
//!
//! `format.rs` decides in which form, `events.rs` and `usage.rs` read the rows, `csv.rs`, `lines.rs`, `spreadsheet.rs` and
//! `parquet.rs` write them, and `file.rs` sends what is written. `proof.rs` lists the jobs that a row of usage is made of.

mod csv;
mod events;
mod file;
mod filter;
mod format;
mod lines;
mod parquet;
mod proof;
mod spreadsheet;
mod table;
mod usage;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use format::Format;

use crate::app::App;
use crate::audit::{self, Action, Actor, Entry, Part, Subject};
use crate::auth::{ProviderId, ProviderReader, Tenant, Viewer};
use crate::configurations::version::Version;
use crate::customers::Whom;
use crate::error::{Error, Result};
use crate::http::{Json, Query, Several};
use crate::period::{Bound, Period, Zone};
use crate::progress::JobStatus;
use crate::values::Tag;
use events::EventRows;
use file::{Reader, Rows};
use filter::{Asked, Filter};
use spreadsheet::MAX_ROWS;
use table::{Column, Head, zoned};
use usage::{Figures, UsageRow, UsageRows};

/// The most rows of an answer in JSON, which is put together in memory.
const MAX_ITEMS: usize = 20_000;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(report_events))
        .routes(routes!(report_usage))
        .routes(routes!(proof::list_usage_jobs))
}

/// Which events, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// What happened on this day or later, or from this time on.
    #[param(inline, value_type = Option<Bound>, example = "2026-10-01")]
    from: Option<Bound>,
    /// What happened up to this day, or before this time.
    #[param(inline, value_type = Option<Bound>, example = "2026-10-31")]
    to: Option<Bound>,
    /// The time zone of days, and of the times in the report.
    #[param(value_type = Option<Zone>)]
    zone: Option<Zone>,
    /// Of jobs of this configuration.
    #[param(value_type = Option<Tag>)]
    tag: Option<Tag>,
    /// Of this version of it.
    #[param(value_type = Option<Version>)]
    version: Option<Version>,
    /// Of this customer's jobs: a `customer_id`, the `id` in the list of customers, an e-mail address, or `none`.
    #[param(inline, value_type = Option<Whom>)]
    customer: Option<Whom>,
    /// Of jobs that are so now: one status or several, separated by commas.
    #[param(value_type = Option<String>, pattern = "^(pending|running|completed|error)(,(pending|running|completed|error))*$")]
    status: Option<Several<JobStatus>>,
    /// The form; it goes before `Accept`.
    #[param(value_type = Option<String>, pattern = "^(csv|excel|ndjson|xlsx|parquet)$")]
    format: Option<Format>,
    /// Whether the first lines say what the report is of: in CSV unless `false`, in NDJSON if `true`.
    preamble: Option<bool>,
}

/// Which usage, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UsageQuery {
    /// From this day or quarter of an hour on.
    #[param(inline, value_type = Option<Bound>, example = "2026-10-01")]
    from: Option<Bound>,
    /// Up to this day, or before this quarter of an hour.
    #[param(inline, value_type = Option<Bound>, example = "2026-10-31")]
    to: Option<Bound>,
    /// The time zone of days and months.
    #[param(value_type = Option<Zone>)]
    zone: Option<Zone>,
    /// Of this configuration.
    #[param(value_type = Option<Tag>)]
    tag: Option<Tag>,
    /// Of this version of it.
    #[param(value_type = Option<Version>)]
    version: Option<Version>,
    /// Of this customer: a `customer_id`, the `id` in the list of customers, an e-mail address, or `none`.
    #[param(inline, value_type = Option<Whom>)]
    customer: Option<Whom>,
    /// Of jobs that are so now, deleted ones as they were: one status or several, separated by commas.
    #[param(value_type = Option<String>, pattern = "^(pending|running|completed|error)(,(pending|running|completed|error))*$")]
    status: Option<Several<JobStatus>>,
    /// Whether each version of a configuration has rows of its own.
    #[serde(default)]
    by_version: bool,
    /// The form; it goes before `Accept`.
    #[param(inline)]
    format: Option<Format>,
    /// Whether the first lines say what the report is of: in CSV unless `false`, in NDJSON if `true`.
    preamble: Option<bool>,
}

/// The span of a report.
#[derive(Debug, Serialize, ToSchema)]
struct ReportPeriod {
    /// Its first moment; null if it is open.
    #[schema(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// The first moment behind it; null if it is open.
    #[schema(value_type = Option<DateTime<Utc>>)]
    before: Option<String>,
    /// The zone of its days and months.
    zone: Zone,
}

/// What a report is restricted to; null: it is not.
#[derive(Debug, Serialize, ToSchema)]
struct ReportFilters {
    /// A configuration.
    tag: Option<Tag>,
    /// A version of it.
    version: Option<Version>,
    /// A customer, as asked for.
    customer: Option<String>,
    /// How the jobs are.
    status: Option<Vec<JobStatus>>,
}

/// The report of usage as JSON.
#[derive(Debug, Serialize, ToSchema)]
struct UsageReport {
    /// Its span.
    period: ReportPeriod,
    /// What it is restricted to.
    filters: ReportFilters,
    /// When it was made.
    #[schema(value_type = DateTime<Utc>)]
    made_at: String,
    /// The rows, by month, customer and configuration.
    items: Vec<UsageRow>,
    /// Their sum.
    totals: Figures,
}

/// The report of events
///
/// A row for each event with its job, configuration and step, job by job, as a file that is written while it is sent; one
/// that breaks off is not complete. By default CSV. What is recorded while it is written is not in it.
#[utoipa::path(get, path = "/reports/events", tag = "Reports", operation_id = "report_events", params(EventsQuery),
    responses((status = 200, description = "The report, as an attachment", content(
        (String = "text/csv"),
        (String = "application/x-ndjson"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "application/vnd.apache.parquet"),
    )),
    (status = 406, description = "`Accept` names no form that there is", content_type = "application/problem+json",
        body = crate::error::Problem)))]
async fn report_events(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    viewer: Viewer,
    actor: Actor,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Response> {
    let EventsQuery { from, to, zone, tag, version, customer, status, format, preamble } = query;
    let format = Format::choose(format, &headers, format::OF_EVENTS)?;
    let filter = Filter::new(Asked { from, to, zone, tag, version, customer, status }, Period::new)?;
    let place = app.gates().exports.take(Some(provider.id()), 1)?;
    let turn = place.turn().await?;
    let made_at = app.clock().now();
    let mut head = head("events", events::COLUMNS.to_vec(), &filter, format, preamble, made_at);
    let rows = EventRows::begin(app.db(), provider, filter.clone()).await?;
    if format == Format::Xlsx {
        let count = rows.count(app.db(), i64::from(MAX_ROWS)).await?;
        head.most_rows = Some(fits_a_sheet(u32::try_from(count).unwrap_or(u32::MAX))?);
    }
    record(&app, &actor, provider, "events", format, &filter).await?;
    drop(turn);
    let name = file_name("events", &filter, made_at);
    file::answer(Reader { app, viewer, place, rows: Rows::Events(rows) }, format, head, &name).await
}

/// The report of usage
///
/// A row for each customer, configuration and month of the zone: jobs, finished, failed, steps, points earned and hours. No
/// row holds totals, so that a column adds up to what is billed; as JSON, of at most 20,000 rows, they are beside the rows.
/// By default CSV.
#[utoipa::path(get, path = "/reports/usage", tag = "Reports", operation_id = "report_usage", params(UsageQuery),
    responses((status = 200, description = "The report, but for JSON as an attachment", content(
        (UsageReport = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "application/vnd.apache.parquet"),
    )),
    (status = 406, description = "`Accept` names no form that there is", content_type = "application/problem+json",
        body = crate::error::Problem)))]
async fn report_usage(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    viewer: Viewer,
    actor: Actor,
    headers: HeaderMap,
    Query(query): Query<UsageQuery>,
) -> Result<Response> {
    let UsageQuery { from, to, zone, tag, version, customer, status, by_version, format, preamble } = query;
    let format = Format::choose(format, &headers, format::OF_USAGE)?;
    let filter = Filter::new(Asked { from, to, zone, tag, version, customer, status }, Period::of_quarters)?;
    let made_at = app.clock().now();
    if format == Format::Json {
        return Ok(Json(usage_as_json(&app, provider, filter, by_version, made_at).await?).into_response());
    }
    let place = app.gates().exports.take(Some(provider.id()), 1)?;
    let turn = place.turn().await?;
    let mut head = head("usage", usage::columns(by_version), &filter, format, preamble, made_at);
    let mut snapshot = app.db().begin_reading().await?;
    let rows = UsageRows::begin(&mut snapshot, provider, filter.clone(), by_version).await?;
    if format == Format::Xlsx {
        let count = rows.count(&mut snapshot, MAX_ROWS as usize).await?;
        head.most_rows = Some(fits_a_sheet(u32::try_from(count).unwrap_or(u32::MAX))?);
    }
    snapshot.commit().await?;
    record(&app, &actor, provider, "usage", format, &filter).await?;
    drop(turn);
    let name = file_name("usage", &filter, made_at);
    file::answer(Reader { app, viewer, place, rows: Rows::Usage(rows) }, format, head, &name).await
}

/// All of it at once, for the page.
async fn usage_as_json(
    app: &App,
    provider: ProviderId,
    filter: Filter,
    by_version: bool,
    made_at: DateTime<Utc>,
) -> Result<UsageReport> {
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let mut rows = UsageRows::begin(&mut snapshot, provider, filter.clone(), by_version).await?;
    let items = rows.all(&mut snapshot, MAX_ITEMS).await?;
    snapshot.commit().await?;
    let mut totals = Figures::default();
    for row in &items {
        totals += row.figures;
    }
    let Filter { period, tag, version, customer, statuses } = filter;
    let time = |time: Option<DateTime<Utc>>| time.map(|time| zoned(period.zone, time));
    Ok(UsageReport {
        period: ReportPeriod { from: time(period.from), before: time(period.to), zone: period.zone },
        filters: ReportFilters { tag, version, customer: customer.map(|whom| whom.in_words()), status: statuses },
        made_at: zoned(period.zone, made_at),
        items,
        totals,
    })
}

/// What a report says of itself.
fn head(
    of: &'static str,
    columns: Vec<Column>,
    filter: &Filter,
    format: Format,
    preamble: Option<bool>,
    made_at: DateTime<Utc>,
) -> Head {
    let zone = filter.period.zone;
    let mut statements = vec![("report", of.to_owned()), ("made_at", zoned(zone, made_at))];
    statements.extend(filter.statements());
    let has_preamble = preamble.unwrap_or(matches!(format, Format::Csv | Format::Excel));
    Head { of, columns, zone, statements, has_preamble, most_rows: None }
}

/// Refuses more rows than a sheet has beside the names of the columns.
fn fits_a_sheet(rows: u32) -> Result<u32> {
    if rows < MAX_ROWS {
        return Ok(rows);
    }
    let most = MAX_ROWS - 1;
    Err(Error::invalid(
        "/format",
        format!("a sheet of xlsx has room for {most} rows, and these are more: ask for less, or for another form"),
    ))
}

/// The name of a report's file, without what it ends with: what it is of, the days, the configuration.
fn file_name(of: &str, filter: &Filter, made_at: DateTime<Utc>) -> String {
    let zone = filter.period.zone;
    let first = filter.period.from.map(|from| zone.date_of(from));
    let last = filter.period.to.map(|to| zone.date_of(to - TimeDelta::microseconds(1)));
    let days = match (first, last) {
        (Some(first), Some(last)) => format!("{first}-to-{last}"),
        (Some(first), None) => format!("from-{first}"),
        (None, Some(last)) => format!("to-{last}"),
        (None, None) => format!("all-{}", zone.date_of(made_at)),
    };
    let tag = filter.tag.as_ref().map(|tag| format!("-{tag}")).unwrap_or_default();
    format!("milepost-{of}-{days}{tag}")
}

/// Notes that data is given out.
async fn record(
    app: &App,
    actor: &Actor,
    provider: ProviderId,
    of: &'static str,
    format: Format,
    filter: &Filter,
) -> Result<()> {
    let entry = Entry::new(Action::DataExported, provider.id())
        .about(Subject::Export)
        .with("report", of)
        .with("format", format.as_str())
        .with("from", filter.period.from)
        .with("before", filter.period.to);
    let mut tx = app.db().begin().await?;
    audit::record(app, &mut tx, actor, entry).await?;
    tx.commit().await?;
    audit::record_read_of_all(app, actor, Tenant::Provider(provider), Part::Report).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_room_for_its_head_and_the_rest() {
        assert_eq!(fits_a_sheet(1_048_575).ok(), Some(1_048_575));
        assert_eq!(fits_a_sheet(1_048_576).err().map(|error| error.problem().status), Some(422));
    }
}
