//! What a provider notices of another on the same server that reports ten times as much as it may: its 99th percentile
//! may rise by a fifth. What is beyond the share must get 429, and what is within it must still be recorded.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Plan;
use crate::Result;
use crate::load::{Load, Tally};
use crate::report::{Figure, Reach, milliseconds, percentile, print_row, rate, share};
use crate::server::{DatabaseKind, Server};

/// What the flooding provider may report, events a second: the server's default.
const SHARE: f64 = 500.0;
/// What it reports when it floods, as a multiple of that.
const FLOOD: f64 = 10.0;
/// What the other reports, events a second.
const MODEST: f64 = 100.0;
/// Until a key that floods has emptied its bucket: from then on it gets its rate and no more.
const LEAD: Duration = Duration::from_secs(1);
/// Until the bucket of a key that was emptied is full again, and a bit.
const REFILL: Duration = Duration::from_millis(4_500);
/// How much the 99th percentile of the other may rise.
const MOST: f64 = 1.2;
/// Seconds of a condition, at least: in fewer, a 99th percentile is that of a dozen events, and tells of the disk.
const ENOUGH: u64 = 12;

#[derive(Default)]
struct Condition {
    flooding: Tally,
    modest: Tally,
    seconds: f64,
    p99s: Vec<f64>,
}

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let server = Server::start(plan, database, &[]).await?;
    let ada = server.provider("ada", 1).await?;
    let ben = server.provider("ben", 1).await?;
    let mut conditions = [Condition::default(), Condition::default()];
    for round in 0..plan.rounds {
        for turn in 0..2 {
            let is_flood = (round + turn) % 2 == 1;
            sleep(REFILL).await;
            let length = Duration::from_secs(plan.seconds.max(ENOUGH));
            let start = Instant::now() + Duration::from_millis(200);
            let rate = if is_flood { SHARE * FLOOD } else { SHARE };
            let adas =
                Load { reporter: ada.clone(), rate, batch: 1, connections: 300, start, lead: LEAD, length }.begin();
            let bens =
                Load { reporter: ben.clone(), rate: MODEST, batch: 1, connections: 32, start, lead: LEAD, length }
                    .begin();
            let condition = &mut conditions[usize::from(is_flood)];
            let modest = bens.finish().await?;
            condition.p99s.push(percentile(&modest.latencies, 0.99));
            condition.modest.add(modest);
            condition.flooding.add(adas.finish().await?);
            condition.seconds += length.as_secs_f64();
        }
    }
    let [at_share, at_flood] = &conditions;
    for (what, condition) in [("its share", at_share), ("ten times its share", at_flood)] {
        print_row(&format!("fairness, {database}: A at {what}"), &describe(condition));
    }
    // Of the rounds the median: a disk that stalls for a moment spoils a round, whoever reports in it.
    let ratios = at_share.p99s.iter().zip(&at_flood.p99s).map(|(share, flood)| flood / share).collect();
    let case = format!("a provider beside another at ten times its share, {database}");
    Ok(vec![Figure::new(case, "99th percentile, × that beside one at its share", ratios, Reach::AtMost(MOST))])
}

fn describe(condition: &Condition) -> Vec<String> {
    let Condition { flooding, modest, seconds, .. } = condition;
    vec![
        format!("A sent {}", rate(flooding.sent(), *seconds)),
        format!("recorded {}", rate(flooding.accepted, *seconds)),
        format!("429 {}", share(flooding.too_many, flooding.sent())),
        format!("other {}", flooding.failed),
        format!("B recorded {}", rate(modest.accepted, *seconds)),
        format!("refused {}", modest.too_many + modest.failed),
        format!("p50 {}", milliseconds(percentile(&modest.latencies, 0.5))),
        format!("p99 {}", milliseconds(percentile(&modest.latencies, 0.99))),
        format!("max {}", milliseconds(percentile(&modest.latencies, 1.0))),
    ]
}
