//! One event a request, durable, from 64 connections: key, configuration, derived state and notification included. Beside
//! it, in turns: the same server answering the same request from memory; on PostgreSQL what pgbench inserts into the same
//! table; on SQLite the same server with a commit for each event.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Plan, UNLIMITED, per_second};
use crate::Result;
use crate::load::{AS_FAST_AS_ANSWERED, Load, Tally};
use crate::postgres::RawEvents;
use crate::report::{Figure, Reach, percentile, print_row};
use crate::server::{DatabaseKind, Reporter, Server};

const CONNECTIONS: usize = 64;
const JOBS: u64 = 200;
/// Until prepared statements and caches are warm.
const LEAD: Duration = Duration::from_secs(1);

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let server = Server::start(plan, database, &UNLIMITED).await?;
    let grouping = server.provider("ada", JOBS).await?;
    let unwritten = Server::from_memory(plan, &UNLIMITED).await?;
    let memory = unwritten.provider("ada", JOBS).await?;
    let beside = match database {
        DatabaseKind::Sqlite => {
            let alone = Server::start(plan, database, &[&UNLIMITED[..], &["--event-group", "1"]].concat()).await?;
            let reporter = alone.provider("ada", JOBS).await?;
            Beside::Ungrouped { _server: alone, reporter }
        }
        DatabaseKind::Postgres => Beside::Pgbench(RawEvents::beside(server.database_url()).await?),
    };
    let length = Duration::from_secs(plan.seconds);
    // Jobs have their first events.
    measure(&grouping, LEAD).await?;
    measure(&memory, LEAD).await?;
    let (mut ours, mut from_memory, mut compared) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        // Every other round the other way round, so that none always comes after the same.
        let mut turns = [0, 1, 2];
        if round % 2 == 1 {
            turns.reverse();
        }
        for turn in turns {
            match turn {
                0 => ours.push(measure(&grouping, length).await?),
                1 => from_memory.push(measure(&memory, length).await?),
                _ => compared.push(beside.measure(length).await?),
            }
        }
    }
    print_rates(&format!("one event a request, {database}"), &ours);
    print_rates("  answered from memory", &from_memory);
    print_rates(beside.name(), &compared);
    let case = format!("one event a request, durable, {database}");
    let to = |what, reference: &[f64], reach| {
        let ratios = ours.iter().zip(reference).map(|(ours, reference)| ours / reference).collect();
        Figure::new(case.clone(), what, ratios, reach)
    };
    Ok(match database {
        DatabaseKind::Sqlite => vec![
            to("× answered from memory", &from_memory, Reach::AtLeast(0.25)),
            to("× a commit for each event", &compared, Reach::AtLeast(8.0)),
        ],
        DatabaseKind::Postgres => vec![
            to("× pgbench inserting the rows", &compared, Reach::AtLeast(1.6)),
            to("× answered from memory", &from_memory, Reach::AtLeast(0.4)),
        ],
    })
}

/// What a database is compared with.
enum Beside {
    Ungrouped { _server: Server, reporter: Reporter },
    Pgbench(RawEvents),
}

impl Beside {
    fn name(&self) -> &'static str {
        match self {
            Self::Ungrouped { .. } => "  a commit for each event",
            Self::Pgbench(_) => "  pgbench, one row a transaction",
        }
    }

    async fn measure(&self, length: Duration) -> Result<f64> {
        match self {
            Self::Ungrouped { reporter, .. } => measure(reporter, length).await,
            Self::Pgbench(raw) => {
                sleep(Duration::from_secs(1)).await;
                raw.pgbench(CONNECTIONS, length)
            }
        }
    }
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
    Ok(per_second(accepted, length))
}

fn print_rates(what: &str, rates: &[f64]) {
    let [from, median, to] = [0.0, 0.5, 1.0].map(|share| percentile(rates, share));
    print_row(what, &[format!("{median:.0}/s"), format!("from {from:.0}/s"), format!("to {to:.0}/s")]);
}
