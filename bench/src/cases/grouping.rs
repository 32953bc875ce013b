//! How many events a second a server makes durable, one a request by 64 connections, with group commit and without.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Plan;
use crate::Result;
use crate::load::{Load, Tally};
use crate::report::{percentile, print_row};
use crate::server::{DatabaseKind, Reporter, Server};

const CONNECTIONS: usize = 64;
const JOBS: u64 = 200;
/// More than any server takes: whoever gets an answer sends the next at once.
const RATE: f64 = 1e6;
/// What the table asks of SQLite; of PostgreSQL, which groups commits by itself, it asks nothing here.
const LEAST_ON_SQLITE: f64 = 8.0;

struct Condition {
    name: &'static str,
    _server: Server,
    reporter: Reporter,
    rates: Vec<f64>,
    tally: Tally,
}

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<()> {
    let mut conditions = Vec::new();
    for (name, group) in [("one commit an event", "1"), ("group commit", "500")] {
        let settings = ["--event-group", group, "--event-rate", "1000000", "--event-burst", "1000000"];
        let server = Server::start(plan, database, &settings).await?;
        let reporter = server.provider("ada", JOBS).await?;
        conditions.push(Condition { name, _server: server, reporter, rates: Vec::new(), tally: Tally::default() });
    }
    for _ in 0..plan.rounds {
        for condition in &mut conditions {
            sleep(Duration::from_secs(1)).await;
            let (length, start) = (Duration::from_secs(plan.seconds), Instant::now() + Duration::from_millis(200));
            let reporter = condition.reporter.clone();
            let tally =
                Load { reporter, rate: RATE, connections: CONNECTIONS, start, lead: Duration::from_secs(1), length }
                    .begin()
                    .finish()
                    .await?;
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            condition.rates.push(tally.accepted as f64 / length.as_secs_f64());
            condition.tally.add(tally);
        }
    }
    for Condition { name, rates, tally, .. } in &conditions {
        let median = percentile(rates, 0.5);
        let figures = [
            format!("{median:.0}/s"),
            format!("from {:.0}/s", percentile(rates, 0.0)),
            format!("to {:.0}/s", percentile(rates, 1.0)),
            format!("refused {}", tally.too_many + tally.failed),
        ];
        print_row(&format!("grouping, {database}: {name}"), &figures);
    }
    let ratios: Vec<f64> =
        conditions[0].rates.iter().zip(&conditions[1].rates).map(|(alone, grouped)| grouped / alone).collect();
    let ratio = percentile(&ratios, 0.5);
    let verdict = match database {
        DatabaseKind::Sqlite if ratio < LEAST_ON_SQLITE => format!("at least {LEAST_ON_SQLITE}: NOT kept"),
        DatabaseKind::Sqlite => format!("at least {LEAST_ON_SQLITE}: kept"),
        DatabaseKind::Postgres => String::new(),
    };
    print_row(&format!("grouping, {database}: what it gains"), &[format!("{ratio:.2}"), verdict]);
    Ok(())
}
