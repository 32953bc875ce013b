//! A server that nobody asks for anything: how long it takes to be ready, over a database that is made for it, and what it
//! holds in memory.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Plan;
use crate::Result;
use crate::report::{Figure, Reach};
use crate::server::{DatabaseKind, Server};

/// Until what it does when it starts is done.
const SETTLED: Duration = Duration::from_secs(2);

pub(super) async fn run(plan: &Plan, database: DatabaseKind) -> Result<Vec<Figure>> {
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let begun = Instant::now();
        let server = Server::start(plan, database, &[]).await?;
        ready.push(begun.elapsed().as_secs_f64());
        sleep(SETTLED).await;
        resident.push(server.resident()?);
    }
    let case = format!("idle server, {database}");
    Ok(vec![
        Figure::new(case.clone(), "seconds from start to ready, a new database", ready, Reach::AtMost(0.3)),
        Figure::new(case, "MiB resident", resident, Reach::AtMost(40.0)),
    ])
}
