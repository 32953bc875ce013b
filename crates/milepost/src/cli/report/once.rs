//! Commands that report something and end.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};

use super::SpoolSettings;
use super::courier::{Cause, Courier, NotNow, Others, lock};
use super::spool::{Header, Report, Spool};
use crate::cli::Failure;
use crate::cli::server::Server;
use crate::cli::terminal::{count, note};
use crate::cli::text::clean;
use crate::sources::Clock;

/// How long a command waits for the server.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits for another process to open the job.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(1);
/// Between two tries, the first time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Waiting longer than this in vain is noted, so that the next command need not.
const LONG: Duration = Duration::from_secs(1);

/// What became of reports.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct Delivered {
    /// Whether the server has answered for all that waited here.
    pub(in crate::cli) is_complete: bool,
    /// How many reports it has answered for.
    pub(in crate::cli) sent: u64,
    /// What it will never take, a line each.
    pub(in crate::cli) refused: Vec<String>,
    /// How many reports are lost: neither the server nor the disk took them.
    pub(in crate::cli) lost: usize,
    /// Why something still waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) reason: Option<String>,
    /// What waits for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) others: Option<String>,
}

/// Lets reports wait on disk, then sends what waits there, what is older first.
pub(in crate::cli) async fn deliver(server: &Server, reports: Vec<Report>) -> Result<Delivered, Failure> {
    let (mut courier, spool) = begin(server, reports)?;
    if courier.is_away() {
        let reason = Some(format!("{} did not answer just now", server.address()));
        let lost = lock(&spool).unsaved();
        spool.into_inner().unwrap_or_else(PoisonError::into_inner).remove();
        return Ok(Delivered { lost, reason, ..Delivered::default() });
    }
    let delivered = send(&mut courier, spool, PATIENCE, Whose::Own).await;
    // What waits for others is their affair as long as nobody asks for it.
    Ok(Delivered { others: None, ..delivered })
}

/// Sends what waits.
pub(in crate::cli) async fn flush(server: &Server, patience: Duration) -> Result<Delivered, Failure> {
    let (mut courier, spool) = begin(server, Vec::new())?;
    Ok(send(&mut courier, spool, patience, Whose::All).await)
}

fn begin(server: &Server, reports: Vec<Report>) -> Result<(Courier, Mutex<Spool>), Failure> {
    super::outlive_file_limit();
    let settings = SpoolSettings::load()?;
    let header = Header::of(server.address(), server.api_key());
    let (mut spool, trouble) = Spool::create(&settings.folder, header, settings.limit);
    if let Some(error) = trouble.filter(|_| !reports.is_empty()) {
        note!("the report cannot wait in {}: {error}", settings.folder.display());
    }
    for report in reports {
        if !spool.append(report, Clock::default().now()) {
            return Err(Failure("too much waits to be reported already".to_owned()));
        }
    }
    Ok((Courier::new(server.clone(), settings), Mutex::new(spool)))
}

/// Whose reports are to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    All,
}

async fn send(courier: &mut Courier, spool: Mutex<Spool>, patience: Duration, whose: Whose) -> Delivered {
    let begun = Instant::now();
    let mut last_reason = None;
    let sending = async {
        let mut pause = FIRST_PAUSE;
        loop {
            let not_now = match send_once(courier, &spool).await {
                Ok(Others { early: 1.., .. }) if whose == Whose::All => {
                    let reason = "another program is still to open the job of what waits".to_owned();
                    NotNow { reason, after: None, cause: Cause::Early }
                }
                Ok(others) => return Ok(others),
                Err(not_now) => not_now,
            };
            let left = match not_now.cause {
                Cause::Early if whose == Whose::Own => PATIENCE_WITH_OTHERS,
                Cause::Busy | Cause::Early => patience,
                Cause::Unreachable | Cause::Key => return Err(not_now),
            };
            let after = not_now.after.unwrap_or(pause);
            if begun.elapsed() + after > left {
                return Err(not_now);
            }
            last_reason = Some(not_now.reason);
            sleep(after).await;
            pause *= 2;
        }
    };
    let sent = timeout(patience, sending).await;
    let is_in_vain = !matches!(&sent, Ok(Ok(_) | Err(NotNow { cause: Cause::Busy | Cause::Early | Cause::Key, .. })));
    courier.note_away(is_in_vain && begun.elapsed() > LONG);
    let (is_done, reason, others) = match sent {
        Err(_) => (false, last_reason.or_else(|| Some("the server takes too long".to_owned())), None),
        Ok(Err(not_now)) => (false, Some(not_now.reason), None),
        Ok(Ok(others)) => (true, None, describe(others)),
    };
    let lost = lock(&spool).unsaved();
    let is_removed = spool.into_inner().unwrap_or_else(PoisonError::into_inner).remove();
    let refused = courier.take_refusals();
    Delivered { is_complete: is_done && is_removed, sent: courier.sent(), refused, lost, reason, others }
}

/// In the order in which it was reported: an event needs its job.
async fn send_once(courier: &mut Courier, spool: &Mutex<Spool>) -> Result<Others, NotNow> {
    let others = courier.send_left_behind(spool).await?;
    courier.send_all(spool).await?;
    Ok(others)
}

fn describe(others: Others) -> Option<String> {
    let Others { foreign, unreadable, .. } = others;
    let said = [(foreign, "for another server or key"), (unreadable, "that cannot be read")];
    let said: Vec<String> = said
        .into_iter()
        .filter(|(files, _)| *files > 0)
        .map(|(files, which)| clean(&format!("{} {which}", count(files, "file"))))
        .collect();
    (!said.is_empty()).then(|| said.join("; "))
}
