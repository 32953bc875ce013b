//! Reports of a program that runs for a while: they are sent beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::SpoolSettings;
use super::courier::{Cause, Courier, NotNow, lock};
use super::spool::{Header, Report, Spool};
use crate::cli::server::Server;
use crate::cli::terminal::count;
use crate::sources::{Clock, random_bytes};

/// What is reported within this time goes with one request.
const LINGER: Duration = Duration::from_millis(50);
/// Between two looks for what others left behind.
const SWEEP: Duration = Duration::from_mins(1);
/// Between two tries, the first time and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Takes reports at any time and sends them beside whatever is done.
#[derive(Debug)]
pub(in crate::cli) struct Reporter {
    spool: Arc<Mutex<Spool>>,
    remarks: Remarks,
    wake: Arc<Notify>,
    stopping: CancellationToken,
    sending: JoinHandle<()>,
    dropped: usize,
}

/// What is to be said to whoever runs the program, when that does not disturb.
#[derive(Debug, Clone, Default)]
struct Remarks(Arc<Mutex<Vec<String>>>);

impl Remarks {
    fn add(&self, remark: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(remark);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reporter {
    /// Begins a file of its own.
    pub(in crate::cli) fn start(server: Server, settings: SpoolSettings) -> Self {
        super::outlive_file_limit();
        let header = Header::of(server.address(), server.api_key());
        let (spool, trouble) = Spool::create(&settings.folder, header, settings.limit);
        let remarks = Remarks::default();
        if let Some(error) = trouble {
            remarks.add(format!("reports are kept in memory only, not in {}: {error}", settings.folder.display()));
        }
        let (spool, wake, stopping) =
            (Arc::new(Mutex::new(spool)), Arc::new(Notify::new()), CancellationToken::new());
        let sender = Sender {
            courier: Courier::new(server, settings),
            spool: spool.clone(),
            remarks: remarks.clone(),
            wake: wake.clone(),
            stopping: stopping.clone(),
        };
        Self { spool, remarks, wake, stopping, sending: tokio::spawn(sender.run()), dropped: 0 }
    }

    /// Lets a report wait for the server.
    pub(in crate::cli) fn report(&mut self, report: Report) {
        if lock(&self.spool).append(report, Clock::default().now()) {
            self.wake.notify_one();
            return;
        }
        if self.dropped == 0 {
            self.remarks.add("too much waits to be reported: what comes now is dropped".to_owned());
        }
        self.dropped += 1;
    }

    /// What there is to say since this was asked last.
    pub(in crate::cli) fn take_remarks(&self) -> Vec<String> {
        self.remarks.take()
    }

    /// Sends what waits, for so long at most; the next run sends the rest. Gives whether the server has it all, and what is
    /// left to say.
    pub(in crate::cli) async fn finish(self, patience: Duration) -> (bool, Vec<String>) {
        self.stopping.cancel();
        self.wake.notify_one();
        let abort = self.sending.abort_handle();
        let is_late = timeout(patience, self.sending).await.is_err();
        if is_late {
            abort.abort();
        }
        let mut lost = lock(&self.spool).unsaved();
        let is_complete = match Arc::try_unwrap(self.spool) {
            Ok(spool) => spool.into_inner().unwrap_or_else(PoisonError::into_inner).remove(),
            // Still held by what was just told to end.
            Err(spool) => !lock(&spool).has_unsent(),
        };
        if is_late && !is_complete {
            self.remarks.add("the server takes too long; reports are kept and sent later".to_owned());
        }
        lost += self.dropped;
        if lost > 0 {
            self.remarks.add(format!("{} lost: neither the server nor the disk took them", count(lost, "report")));
        }
        (is_complete, self.remarks.take())
    }
}

struct Sender {
    courier: Courier,
    spool: Arc<Mutex<Spool>>,
    remarks: Remarks,
    wake: Arc<Notify>,
    stopping: CancellationToken,
}

impl Sender {
    async fn run(mut self) {
        let (mut pause, mut swept, mut has_complained) = (FIRST_PAUSE, None::<Instant>, false);
        loop {
            let _ = timeout(SWEEP, self.wake.notified()).await;
            if !self.stopping.is_cancelled() {
                sleep(LINGER).await;
            }
            let is_stopping = self.stopping.is_cancelled();
            let is_due = is_stopping || swept.is_none_or(|at| at.elapsed() >= SWEEP);
            let sent = self.send(is_due).await;
            self.courier.take_refusals().into_iter().for_each(|refusal| self.remarks.add(refusal));
            match sent {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    if is_due {
                        swept = Some(Instant::now());
                    }
                    if is_stopping {
                        return;
                    }
                }
                Err(NotNow { reason, after, cause }) => {
                    if !has_complained && cause != Cause::Early {
                        has_complained = true;
                        self.remarks.add(format!("{reason}; reports are kept and sent later"));
                    }
                    if cause == Cause::Key || (cause == Cause::Unreachable && self.stopping.is_cancelled()) {
                        return;
                    }
                    tokio::select! {
                        () = sleep(after.unwrap_or(pause).min(LONGEST_PAUSE).mul_f64(jitter())) => {}
                        () = self.stopping.cancelled(), if !is_stopping => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    self.wake.notify_one();
                }
            }
        }
    }

    /// What is reported now does not wait for what is old.
    async fn send(&mut self, is_due: bool) -> Result<(), NotNow> {
        self.courier.send_all(&self.spool).await?;
        if is_due {
            self.courier.send_left_behind(&self.spool).await?;
        }
        self.courier.send_all(&self.spool).await
    }
}

/// Many processes that lost the server together do not come back together: 1 to 1.25.
fn jitter() -> f64 {
    let [random]: [u8; 1] = random_bytes();
    1.0 + f64::from(random) / 1024.0
}
