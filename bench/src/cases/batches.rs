//! Batches of 1,000 events as lines of JSON, beside the same rows by `insert … select … from unnest(…)`, in turns.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Plan, UNLIMITED, per_second};
use crate::Result;
use crate::load::{AS_FAST_AS_ANSWERED, Load, Tally};
use crate::postgres::RawEvents;
use crate::report::{Figure, Reach, percentile, print_row};
use crate::server::{DatabaseKind, Server};

const ROWS: u16 = 1000;
const CONNECTIONS: usize = 4;
const JOBS: u64 = 200;

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let server = Server::start(plan, database, &UNLIMITED).await?;
    let ada = server.provider("ada", JOBS).await?;
    let raw = match database {
        DatabaseKind::Sqlite => None,
        DatabaseKind::Postgres => Some(Arc::new(RawEvents::beside(server.database_url()).await?)),
    };
    let length = Duration::from_secs(plan.seconds);
    let (mut ours, mut inserted) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        sleep(Duration::from_secs(1)).await;
        let (reporter, start) = (ada.clone(), Instant::now() + Duration::from_millis(100));
        let (rate, batch, lead) = (AS_FAST_AS_ANSWERED, ROWS.into(), Duration::from_secs(1));
        let reporting = Load { reporter, rate, batch, connections: CONNECTIONS, start, lead, length }.begin();
        let Tally { accepted, too_many, failed, .. } = reporting.finish().await?;
        if too_many + failed > 0 {
            return Err(format!("{too_many} batches were refused and {failed} failed").into());
        }
        ours.push(per_second(accepted, length) * f64::from(ROWS));
        if let Some(raw) = &raw {
            sleep(Duration::from_secs(1)).await;
            inserted.push(raw.unnest(CONNECTIONS, ROWS.into(), length).await?);
        }
    }
    let median = |rates: &[f64]| format!("{:.0}/s", percentile(rates, 0.5));
    print_row(&format!("batches of {ROWS} as NDJSON, {database}"), &[median(&ours)]);
    if raw.is_none() {
        return Ok(Vec::new());
    }
    print_row("  the same rows by unnest", &[median(&inserted)]);
    let ratios = ours.iter().zip(&inserted).map(|(ours, inserted)| ours / inserted).collect();
    let case = format!("batches of {ROWS} as NDJSON, {database}");
    Ok(vec![Figure::new(case, "× the same rows by unnest", ratios, Reach::AtLeast(0.5))])
}
