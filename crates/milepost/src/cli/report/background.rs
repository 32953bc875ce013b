//! Reports of a program that runs for a while: they are sent beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::SpoolSettings;
use super::courier::{Courier, lock};
use super::spool::{Header, Report, Spool};
use crate::cli::server::Server;
use crate::sources::Clock;

/// What is reported within this time goes with one request.
const LINGER: Duration = Duration::from_millis(50);
/// Between two looks for what others left behind.
const SWEEP: Duration = Duration::from_secs(60);
/// Between two tries, the first time and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Takes reports at any time and sends them beside whatever is done.
#[derive(Debug)]
pub(in crate::cli) struct Reporter {
    spool: Arc<Mutex<Spool>>,
    wake: Arc<Notify>,
    stopping: CancellationToken,
    sending: JoinHandle<()>,
    has_dropped: bool,
}

impl Reporter {
    /// Begins a file of its own.
    pub(in crate::cli) fn start(server: Server, settings: SpoolSettings) -> Self {
        let header = Header::of(server.address(), server.api_key());
        let (spool, trouble) = Spool::create(&settings.folder, header, settings.limit);
        if let Some(error) = trouble {
            eprintln!("milepost: reports are kept in memory only: {error}");
        }
        let (spool, wake, stopping) =
            (Arc::new(Mutex::new(spool)), Arc::new(Notify::new()), CancellationToken::new());
        let sender = Sender {
            courier: Courier::new(server),
            settings,
            spool: spool.clone(),
            wake: wake.clone(),
            stopping: stopping.clone(),
        };
        Self { spool, wake, stopping, sending: tokio::spawn(sender.run()), has_dropped: false }
    }

    /// Lets a report wait for the server.
    pub(in crate::cli) fn report(&mut self, report: Report) {
        if lock(&self.spool).append(report, Clock::default().now()) {
            self.wake.notify_one();
        } else if !self.has_dropped {
            self.has_dropped = true;
            eprintln!("milepost: too much waits to be reported: what comes now is dropped");
        }
    }

    /// Sends what waits, for so long at most. Gives whether the server has it all; the next run sends the rest.
    pub(in crate::cli) async fn finish(self, patience: Duration) -> bool {
        self.stopping.cancel();
        self.wake.notify_one();
        let abort = self.sending.abort_handle();
        if timeout(patience, self.sending).await.is_err() {
            abort.abort();
        }
        match Arc::try_unwrap(self.spool) {
            Ok(spool) => spool.into_inner().unwrap_or_else(PoisonError::into_inner).remove(),
            // Still held by what was just told to end.
            Err(spool) => !lock(&spool).has_unsent(),
        }
    }
}

struct Sender {
    courier: Courier,
    settings: SpoolSettings,
    spool: Arc<Mutex<Spool>>,
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
            let is_due = swept.is_none_or(|at| at.elapsed() >= SWEEP);
            let sent = self.send(is_due).await;
            for refusal in self.courier.take_refusals() {
                eprintln!("milepost: {refusal}");
            }
            match sent {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    if is_due {
                        swept = Some(Instant::now());
                    }
                }
                Err(not_now) => {
                    if !has_complained {
                        has_complained = true;
                        eprintln!("milepost: {}; reports are kept and sent later", not_now.reason);
                    }
                    if not_now.is_over || (not_now.is_unreachable && self.stopping.is_cancelled()) {
                        return;
                    }
                    tokio::select! {
                        () = sleep(not_now.after.unwrap_or(pause)) => {}
                        () = self.stopping.cancelled(), if !self.stopping.is_cancelled() => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    self.wake.notify_one();
                }
            }
            if self.stopping.is_cancelled() && !lock(&self.spool).has_unsent() {
                return;
            }
        }
    }

    async fn send(&mut self, is_due: bool) -> Result<(), super::courier::NotNow> {
        self.courier.send_all(&self.spool).await?;
        if is_due && !self.stopping.is_cancelled() {
            self.courier.send_left_behind(&self.settings, &self.spool).await?;
        }
        Ok(())
    }
}
