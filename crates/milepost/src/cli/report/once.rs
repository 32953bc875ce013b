//! Commands that report something and end.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use super::SpoolSettings;
use super::courier::{Courier, NotNow, Others};
use super::spool::{Header, Report, Spool};
use crate::cli::Failure;
use crate::cli::server::Server;
use crate::sources::Clock;

/// How long a command waits for the server.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of reports.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct Delivered {
    /// Whether the server has answered for all that waited here.
    pub(in crate::cli) is_complete: bool,
    /// How many reports it has answered for.
    pub(in crate::cli) sent: u64,
    /// What it will never take, a line each.
    pub(in crate::cli) refused: Vec<String>,
    /// Why something still waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) reason: Option<String>,
}

/// Lets reports wait on disk, then sends what waits there, what is older first.
pub(in crate::cli) async fn deliver(server: &Server, reports: Vec<Report>) -> Result<Delivered, Failure> {
    send(server, reports, PATIENCE).await
}

/// Sends what waits.
pub(in crate::cli) async fn flush(server: &Server, patience: Duration) -> Result<Delivered, Failure> {
    send(server, Vec::new(), patience).await
}

async fn send(server: &Server, reports: Vec<Report>, patience: Duration) -> Result<Delivered, Failure> {
    let settings = SpoolSettings::load()?;
    let header = Header::of(server.address(), server.api_key());
    let (mut spool, trouble) = Spool::create(&settings.folder, header, settings.limit);
    if let Some(error) = trouble.filter(|_| !reports.is_empty()) {
        eprintln!("milepost: the report is kept in memory only: {error}");
    }
    for report in reports {
        if !spool.append(report, Clock::default().now()) {
            return Err(Failure("too much waits to be reported already".to_owned()));
        }
    }
    let spool = Mutex::new(spool);
    let mut courier = Courier::new(server.clone());
    let sending = async {
        // In the order in which it was reported: an event needs its job.
        let others = courier.send_left_behind(&settings, &spool).await?;
        courier.send_all(&spool).await?;
        Ok::<Others, NotNow>(others)
    };
    let sent = timeout(patience, sending).await;
    let refused = courier.take_refusals();
    let (is_done, reason) = match sent {
        Err(_) => (false, Some(format!("{} takes too long", server.address()))),
        Ok(Err(not_now)) => (false, Some(not_now.reason)),
        Ok(Ok(Others { foreign: files @ 1.., .. })) => {
            (true, Some(format!("{files} files wait for another server or key")))
        }
        Ok(Ok(_)) => (true, None),
    };
    let is_removed = spool.into_inner().unwrap_or_else(PoisonError::into_inner).remove();
    Ok(Delivered { is_complete: is_done && is_removed, sent: courier.sent(), refused, reason })
}
