//! Where time, ids and secrets come from. They are passed in rather than taken from globals, so that a test or the
//! demo decides what time it is; `clippy.toml` bans the globals.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::{NoContext, Timestamp, Uuid};

/// When durations began to be measured.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A clock in UTC, to the microsecond. Clones share its offset from the system's clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
    /// How long it had run when it was stopped.
    stopped: Arc<OnceLock<Duration>>,
}

impl Clock {
    /// The time, cut to microseconds as both databases keep it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> DateTime<Utc> {
        (Utc::now() + TimeDelta::microseconds(self.offset_micros.load(Ordering::Relaxed))).trunc_subsecs(6)
    }

    /// A time to measure durations by: it goes on evenly even when the system's clock is set. It has no other meaning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        /// Far enough from zero that a clock may be moved back.
        const BEGINNING: Duration = Duration::from_hours(24 * 365 * 100);
        let offset = TimeDelta::microseconds(self.offset_micros.load(Ordering::Relaxed));
        let ahead = offset.max(TimeDelta::zero()).to_std().unwrap_or_default();
        let behind = (-offset).max(TimeDelta::zero()).to_std().unwrap_or_default();
        let running = self.stopped.get().copied().unwrap_or_else(|| STARTED.elapsed());
        (BEGINNING + running + ahead).saturating_sub(behind)
    }

    /// Stops [`Clock::elapsed`], for good: it then moves only with the offset.
    pub fn stop(&self) {
        self.stopped.get_or_init(|| STARTED.elapsed());
    }

    /// Sets the clock so far ahead of the system's, or behind.
    pub fn set_offset(&self, offset: TimeDelta) {
        self.offset_micros.store(offset.num_microseconds().unwrap_or_default(), Ordering::Relaxed);
    }

    /// Sets the clock to a time, from where it goes on.
    pub fn travel_to(&self, time: DateTime<Utc>) {
        self.set_offset(TimeDelta::zero());
        self.set_offset(time - self.now());
    }

    /// A new UUIDv7.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
    }
}

/// Bytes nobody can guess, from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give: nothing that needs a secret may go on then.
#[must_use]
#[expect(clippy::disallowed_methods, clippy::expect_used, reason = "the one place that asks for randomness")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
