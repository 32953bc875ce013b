//! How many jobs there were in each day or month, and how they went.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::query::{Filter, PeriodBefore, PeriodTold, Selection};
use super::sums::{self, By, PeriodFigures, add_up, opened};
use crate::app::App;
use crate::auth::ProviderReader;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::{Json, Query};
use crate::period::Part;
use crate::rollups::Sums;
use crate::values::Tag;

/// The most tags that are told of one by one.
const MAX_TAGS: usize = 20;

/// The jobs of a period in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobFigures {
    /// The period.
    period: PeriodTold,
    /// The period before.
    before: PeriodBefore,
    /// The sum of all parts.
    totals: PeriodFigures,
    /// The same of the period before.
    totals_before: PeriodFigures,
    /// All days or months of the period, in order.
    #[schema(max_items = 400)]
    parts: Vec<JobFiguresPart>,
}

/// A day or a month in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobFiguresPart {
    /// Its first day.
    date: NaiveDate,
    /// Its first moment within the period.
    from: DateTime<Utc>,
    /// The first moment behind it, or behind the period.
    to: DateTime<Utc>,
    /// Jobs that had not ended at its end, whenever they were opened.
    open: i64,
    #[serde(flatten)]
    figures: PeriodFigures,
    /// The same by configuration, of those with anything within, by tag: at most the 20 with most in the whole period, then
    /// all others together.
    #[schema(max_items = 21)]
    configurations: Vec<TagFigures>,
}

/// The jobs of a configuration in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TagFigures {
    /// The tag of the configuration; null for all others together.
    tag: Option<Tag>,
    #[serde(flatten)]
    figures: PeriodFigures,
}

/// The jobs of each day or month in figures
///
/// By status, by configuration, and beside the period before.
#[utoipa::path(get, path = "/analytics/jobs", tag = "Analytics", operation_id = "analyse_jobs", params(Filter),
    responses((status = 200, description = "The figures", body = JobFigures)))]
pub(super) async fn read_jobs(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(filter): Query<Filter>,
) -> Result<Json<JobFigures>> {
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let selection = filter.select(&mut snapshot, provider, app.clock().now()).await?;
    let [ever_before, before, parts @ ..] = &load_spans(&mut snapshot, &selection).await?[..] else {
        return Err(Error::internal("there are always two spans"));
    };
    snapshot.commit().await?;

    let named = largest_tags(parts);
    let mut open = ever_before.open() + before.open();
    let tell = |(part, span): (&Part, &SpanSums)| {
        open += span.open();
        JobFiguresPart {
            date: part.date,
            from: part.from,
            to: part.to,
            // Jobs whose events happened before they were opened ended before as well.
            open: open.max(0),
            figures: span.total().into(),
            configurations: span.by_named_tags(&named),
        }
    };
    let told = JobFigures {
        period: selection.period(),
        before: selection.period_before(),
        totals: add_up(parts.iter().flat_map(|span| span.0.values())).into(),
        totals_before: before.total().into(),
        parts: selection.parts.iter().zip(parts).map(tell).collect(),
    };
    Ok(Json(told))
}

/// The sums of a span of time by tag.
#[derive(Default)]
struct SpanSums(BTreeMap<Tag, Sums>);

#[derive(Clone, FromRow)]
struct ByTag {
    tag: Tag,
}

/// All time up to the period before, the period before, and the parts of the period.
async fn load_spans(tx: &mut Tx, selection: &Selection) -> Result<Vec<SpanSums>> {
    let mut boundaries = vec![DateTime::UNIX_EPOCH.min(selection.before), selection.before, selection.from];
    boundaries.extend(selection.parts.iter().map(|part| part.to));
    let mut spans: Vec<SpanSums> = boundaries.iter().skip(1).map(|_| SpanSums::default()).collect();
    let found = sums::load::<ByTag>(tx, selection, &selection.whose.scopes(), &boundaries, By::Tag).await?;
    for sum in found {
        *spans[sum.part].0.entry(sum.key.tag).or_default() += sum.sums;
    }
    Ok(spans)
}

impl SpanSums {
    fn total(&self) -> Sums {
        add_up(self.0.values())
    }

    /// How many more jobs were open at its end than at its beginning.
    fn open(&self) -> i64 {
        let total = self.total();
        opened(&total) - total.abandoned - total.finished - total.failed
    }

    /// By the tags that are told of one by one, and all others together.
    fn by_named_tags(&self, named: &HashSet<&Tag>) -> Vec<TagFigures> {
        let (told, others): (Vec<_>, Vec<_>) = self.0.iter().partition(|(tag, _)| named.contains(tag));
        let told = told.into_iter().map(|(tag, sums)| (Some(tag.clone()), *sums));
        let others = (None, add_up(others.into_iter().map(|(_, sums)| sums)));
        let any = told.chain([others]).filter(|(_, sums)| *sums != Sums::default());
        any.map(|(tag, sums)| TagFigures { tag, figures: sums.into() }).collect()
    }
}

/// The tags with most jobs, steps and errors in all spans together.
fn largest_tags(spans: &[SpanSums]) -> HashSet<&Tag> {
    let mut sizes: BTreeMap<&Tag, i64> = BTreeMap::new();
    for (tag, sums) in spans.iter().flat_map(|span| &span.0) {
        *sizes.entry(tag).or_default() += opened(sums) + sums.finished + sums.failed + sums.steps + sums.errors;
    }
    let mut tags: Vec<_> = sizes.into_iter().collect();
    tags.sort_by_key(|(_, size)| Reverse(*size));
    tags.into_iter().take(MAX_TAGS).map(|(tag, _)| tag).collect()
}
