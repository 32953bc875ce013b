//! Three times as much as the server can take: it must go on recording nearly as much as at its best, refuse the rest at
//! once, and hold no more memory for it. The server has one processor and the load generator the other, which PostgreSQL shares.

use std::pin::pin;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use super::{Plan, UNLIMITED, per_second};
use crate::Result;
use crate::load::{AS_FAST_AS_ANSWERED, Load, Tally};
use crate::report::{Figure, Reach, milliseconds, percentile, print_row, rate};
use crate::server::{DatabaseKind, Reporter, Server};

const JOBS: u64 = 200;
const SERVER_PROCESSOR: usize = 0;
const GENERATOR_PROCESSOR: usize = 1;
/// At its best it has this many requests under way.
const CONNECTIONS: usize = 64;
/// More than the places that the server has for one provider.
const FLOOD_CONNECTIONS: usize = 3000;
const FLOOD: f64 = 3.0;
/// The share of the flood that has to be sent for it to be one. The generator has one processor, and PostgreSQL a part of it.
const ENOUGH: f64 = 0.9;

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let server = Server::start_on(plan, database, &UNLIMITED, Some(SERVER_PROCESSOR)).await?;
    let ada = server.provider("ada", JOBS).await?;
    let _generator = Pinned::to(GENERATOR_PROCESSOR)?;
    let peak_length = Duration::from_secs(plan.seconds.max(5));
    let peak = load(&ada, AS_FAST_AS_ANSWERED, CONNECTIONS, peak_length).await?;
    let peak_rate = per_second(peak.accepted, peak_length);
    sleep(Duration::from_secs(1)).await;

    // A first flood takes what memory the server may take; in a second one it must not grow.
    load(&ada, peak_rate * FLOOD, FLOOD_CONNECTIONS, peak_length).await?;
    let flood = load(&ada, peak_rate * FLOOD, FLOOD_CONNECTIONS, plan.overload);
    let (tally, held) = watching_memory(&server, flood).await?;
    let (first_half, second_half) = held.split_at(held.len() / 2);
    let [early, late] = [first_half, second_half].map(|half| percentile(half, 1.0));
    let seconds = plan.overload.as_secs_f64();
    let figures = [
        format!("peak {peak_rate:.0}/s"),
        format!("sent {}", rate(tally.sent(), seconds)),
        format!("recorded {}", rate(tally.accepted, seconds)),
        format!("refused {}", rate(tally.too_many, seconds)),
        format!("failed {}", tally.failed),
        format!("p99 {}", milliseconds(percentile(&tally.latencies, 0.99))),
        format!("memory at most {early:.0}, then {late:.0} MiB"),
    ];
    print_row(&format!("overload, {database}"), &figures);
    let case = format!("three times what it can take, {}s, {database}", plan.overload.as_secs());
    let of = |what, value, reach| Figure::new(case.clone(), what, vec![value], reach);
    let sent = per_second(tally.sent(), plan.overload) / peak_rate;
    let goodput = per_second(tally.accepted, plan.overload) / peak_rate;
    let refusal = percentile(&tally.refusals, 0.5) * 1000.0;
    Ok(vec![
        of("sent, × its own peak", sent, Reach::AtLeast(FLOOD * ENOUGH)),
        of("recorded, × its own peak", goodput, Reach::AtLeast(0.9)),
        of("ms until refused, median", refusal, Reach::AtMost(50.0)),
        of("memory in the second half at most, × in the first", late / early, Reach::AtMost(1.1)),
        of("requests neither recorded nor refused", per_second(tally.failed, plan.overload), Reach::AtMost(0.0)),
    ])
}

/// What comes of a load, and what of the server was in memory each second, in MiB.
async fn watching_memory(server: &Server, load: impl Future<Output = Result<Tally>>) -> Result<(Tally, Vec<f64>)> {
    let (mut load, mut held) = (pin!(load), Vec::new());
    let mut each_second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            tally = &mut load => return Ok((tally?, held)),
            _ = each_second.tick() => held.push(server.resident()?),
        }
    }
}

/// This process on one processor, as long as it is held.
struct Pinned {
    /// How many processors there were before.
    processors: usize,
}

impl Pinned {
    fn to(processor: usize) -> Result<Self> {
        let processors = available_parallelism()?.get();
        pin(&processor.to_string())?;
        Ok(Self { processors })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = pin(&format!("0-{}", self.processors.saturating_sub(1)));
    }
}

fn pin(processors: &str) -> Result<()> {
    let process = std::process::id().to_string();
    let command = ["--all-tasks", "--cpu-list", "--pid", processors, &process];
    let pinned = Command::new("taskset").args(command).stdout(Stdio::null()).status()?;
    if pinned.success() { Ok(()) } else { Err(format!("taskset could not pin to {processors}").into()) }
}

async fn load(reporter: &Reporter, rate: f64, connections: usize, length: Duration) -> Result<Tally> {
    let (reporter, start) = (reporter.clone(), Instant::now() + Duration::from_secs(1));
    let lead = Duration::from_secs(1);
    Load { reporter, rate, batch: 1, connections, start, lead, length }.begin().finish().await
}
