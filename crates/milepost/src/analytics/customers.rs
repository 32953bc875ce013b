//! For whom there was how much.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::{Filter, PeriodBefore, PeriodTold, Selection, Whose};
use super::sums::{self, By, PeriodFigures, add_up, opened};
use crate::app::App;
use crate::auth::ProviderReader;
use crate::db::{Select, Tx, fetch_for_rows};
use crate::error::Result;
use crate::http::{Json, Query};
use crate::rollups::{NOBODY, Sums};

/// The most customers that are told of one by one.
const MAX_CUSTOMERS: usize = 1_000;

/// The customers of a period in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerFigures {
    /// The period.
    period: PeriodTold,
    /// The period before.
    before: PeriodBefore,
    /// The customers with anything in one of both periods, those with the most points first, then those with the most jobs
    /// opened.
    #[schema(max_items = 1_000)]
    items: Vec<CustomerFiguresItem>,
    /// What there is beside these.
    more: MoreCustomers,
}

/// A customer in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerFiguresItem {
    /// Who; null for the jobs of nobody.
    customer: Option<CustomerTold>,
    #[serde(flatten)]
    figures: PeriodFigures,
    /// The same in the period before.
    before: PeriodFigures,
}

/// A customer.
#[derive(Debug, Clone, Serialize, ToSchema, FromRow)]
pub(super) struct CustomerTold {
    /// The id of the link, as in `GET /customers`.
    id: Uuid,
    /// What jobs take as `customer_id`; null until the invitation is accepted, and after unlinking.
    customer_id: Option<Uuid>,
    /// The invited address; null once erased.
    email: Option<String>,
    /// First name, where there is a `customer_id`.
    first_name: Option<String>,
    /// Last name, where there is a `customer_id`.
    last_name: Option<String>,
    /// Organization, where there is a `customer_id`.
    organization: Option<String>,
}

/// The customers that are not told of one by one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MoreCustomers {
    /// How many.
    customers: usize,
    #[serde(flatten)]
    figures: PeriodFigures,
}

/// The jobs of each customer in figures
///
/// Those with the most points first, and beside the period before.
#[utoipa::path(get, path = "/analytics/customers", tag = "Analytics", operation_id = "analyse_customers", params(Filter),
    responses((status = 200, description = "The figures", body = CustomerFigures)))]
pub(super) async fn read_customers(
    State(app): State<App>,
    ProviderReader(provider): ProviderReader,
    Query(filter): Query<Filter>,
) -> Result<Json<CustomerFigures>> {
    let _pass = app.gates().searches.enter(Some(provider.id())).await?;
    let mut snapshot = app.db().begin_reading().await?;
    let selection = filter.select(&mut snapshot, provider, app.clock().now()).await?;
    let mut told = load_sums(&mut snapshot, &selection).await?;
    told.sort_by_key(|(id, [_, sums])| (Reverse((sums.points, opened(sums))), *id));
    let others = told.split_off(told.len().min(MAX_CUSTOMERS));
    let customers = load_customers(&mut snapshot, &told).await?;
    snapshot.commit().await?;
    let item = |(id, [before, sums]): &(Uuid, [Sums; 2])| CustomerFiguresItem {
        customer: customers.get(id).cloned(),
        figures: (*sums).into(),
        before: (*before).into(),
    };
    let more =
        MoreCustomers { customers: others.len(), figures: add_up(others.iter().map(|(_, [_, sums])| sums)).into() };
    let (period, before) = (selection.period(), selection.period_before());
    Ok(Json(CustomerFigures { period, before, items: told.iter().map(item).collect(), more }))
}

#[derive(Clone, FromRow)]
struct ByCustomer {
    customer: Uuid,
}

/// The sums of the period before and of the period, by customer link, of those with any.
async fn load_sums(tx: &mut Tx, selection: &Selection) -> Result<Vec<(Uuid, [Sums; 2])>> {
    let scopes = match &selection.whose {
        Whose::All => {
            let select =
                Select::new("select id from customers").bind(" where provider_id = ", selection.provider.id());
            let links: Vec<(Uuid,)> = select.fetch_all(&mut *tx).await?;
            links.into_iter().map(|(id,)| id).chain([NOBODY]).collect()
        }
        whose => whose.scopes(),
    };
    let boundaries = [selection.before, selection.from, selection.to];
    let mut sums: BTreeMap<Uuid, [Sums; 2]> = BTreeMap::new();
    for sum in sums::load::<ByCustomer>(tx, selection, &scopes, &boundaries, By::Customer).await? {
        sums.entry(sum.key.customer).or_default()[sum.part] += sum.sums;
    }
    sums.retain(|_, of_both| of_both.iter().any(|sums| *sums != Sums::default()));
    Ok(sums.into_iter().collect())
}

/// Who they are, by link.
async fn load_customers(tx: &mut Tx, links: &[(Uuid, [Sums; 2])]) -> sqlx::Result<HashMap<Uuid, CustomerTold>> {
    let find = "select l.id, l.customer_id, case when l.erased_at is null then l.email end as email, u.first_name,
             u.last_name, u.organization
         from v cross join customers l left join users u on u.id = l.customer_id where l.id = v.id";
    let customers: Vec<CustomerTold> = fetch_for_rows!(tx, find, links, |link| { id: link.0 });
    Ok(customers.into_iter().map(|customer| (customer.id, customer)).collect())
}
