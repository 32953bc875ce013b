//! One event a request, durable, from 64 connections: key, configuration, derived state and notification included. Beside
//! it, in turns: the same request answered from memory; on PostgreSQL what pgbench inserts into the same table; on SQLite
//! the same server with a commit for each event.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Plan;
use crate::Result;
use crate::load::{AS_FAST_AS_ANSWERED, Load, Tally};
use crate::postgres::RawEvents;
use crate::report::{Figure, Reach, percentile, print_row};
use crate::server::{DatabaseKind, MemoryServer, Reporter, Server};

const CONNECTIONS: usize = 64;
const JOBS: u64 = 200;
/// So that rates do not limit what is measured.
const UNLIMITED: [&str; 4] = ["--event-rate", "1000000", "--event-burst", "1000000"];
/// Until prepared statements and caches are warm.
const LEAD: Duration = Duration::from_secs(1);

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let server = Server::start(plan, database, &UNLIMITED).await?;
    let grouping = server.provider("ada", JOBS).await?;
    let memory = MemoryServer::start(JOBS).await?;
    let alone = Server::start(plan, database, &[&UNLIMITED[..], &["--event-group", "1"]].concat()).await?;
    let by_itself = alone.provider("ada", JOBS).await?;
    let raw = match database {
        DatabaseKind::Sqlite => None,
        DatabaseKind::Postgres => Some(RawEvents::beside(server.database_url()).await?),
    };
    let length = Duration::from_secs(plan.seconds);
    let (mut ours, mut from_memory, mut ungrouped, mut inserted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(measure(&grouping, length).await?);
        from_memory.push(measure(&memory.reporter, length).await?);
        ungrouped.push(measure(&by_itself, length).await?);
        if let Some(raw) = &raw {
            sleep(Duration::from_secs(1)).await;
            inserted.push(raw.pgbench(CONNECTIONS, JOBS, length)?);
        }
    }
    print_rates(&format!("one event a request, {database}"), &ours);
    print_rates("  answered from memory", &from_memory);
    print_rates("  a commit for each event", &ungrouped);
    let case = format!("one event a request, durable, {database}");
    let to = |what, reference: &[f64], reach| {
        let ratios = ours.iter().zip(reference).map(|(ours, reference)| ours / reference).collect();
        Figure::new(case.clone(), what, ratios, reach)
    };
    Ok(match database {
        DatabaseKind::Sqlite => vec![
            to("× answered from memory", &from_memory, Reach::AtLeast(0.25)),
            to("× a commit for each event", &ungrouped, Reach::AtLeast(8.0)),
        ],
        DatabaseKind::Postgres => {
            print_rates("  pgbench, one row a transaction", &inserted);
            vec![
                to("× pgbench inserting the rows", &inserted, Reach::AtLeast(1.6)),
                to("× answered from memory", &from_memory, Reach::AtLeast(0.4)),
            ]
        }
    })
}

/// Events a second of 64 connections that send the next as soon as they are answered.
async fn measure(reporter: &Reporter, length: Duration) -> Result<f64> {
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now() + Duration::from_millis(100);
    let (reporter, rate) = (reporter.clone(), AS_FAST_AS_ANSWERED);
    let load = Load { reporter, rate, batch: 1, connections: CONNECTIONS, start, lead: LEAD, length };
    let Tally { accepted, too_many, failed, .. } = load.begin().finish().await?;
    if too_many + failed > 0 {
        return Err(format!("{too_many} events were refused and {failed} failed").into());
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    Ok(accepted as f64 / length.as_secs_f64())
}

fn print_rates(what: &str, rates: &[f64]) {
    let [from, median, to] = [0.0, 0.5, 1.0].map(|share| percentile(rates, share));
    print_row(what, &[format!("{median:.0}/s"), format!("from {from:.0}/s"), format!("to {to:.0}/s")]);
}
