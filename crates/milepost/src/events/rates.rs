//! Who is let in to report events, and how many each key may report over time.
//!
//! A key, and a session likewise, has a bucket that holds `event_burst` events and fills at `event_rate` a second. Each
//! process has buckets of its own.
//!
//! A key that was valid within the past second is known here. While it is over its limit it is refused without asking the
//! database: what is refused must cost little, or the limit would protect nothing. Otherwise its event is let in, and the
//! transaction that writes the event looks at the key again, as does whoever refuses the event: a key that has just
//! expired records nothing and learns nothing. Nobody can do anything by that with a key that is not theirs: it is known
//! by the SHA-256 of the whole key, and only once the database has vouched for it. After a second everybody is looked up,
//! so that a key that has expired answers 401 again however fast it asks.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use crate::admission::{Place, Refusal, Work, refuse};
use crate::app::App;
use crate::auth::uses::note_use;
use crate::auth::{Credential, ProviderId, Viewer, credentials};
use crate::config::Limits;
use crate::error::{Error, Result};
use crate::sources::Clock;

/// For how long the database's word on a key counts here.
const VOUCHED: Duration = Duration::from_secs(1);
/// The places that an event takes at the gate, and a batch, whose body may be sixteen times as large.
const EVENT_PLACES: u32 = 1;
const BATCH_PLACES: u32 = 16;

/// The buckets of all keys and sessions that have reported lately.
#[derive(Debug)]
pub struct EventRates {
    buckets: RateLimiter<Uuid, DashMapStateStore<Uuid>, Ticks, NoOpMiddleware<Duration>>,
    known: Mutex<KnownKeys>,
}

/// Our clock, as governor asks it.
#[derive(Debug, Clone)]
struct Ticks(Clock);

impl GovernorClock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A provider's key or session that may write, whose bucket it is.
#[derive(Debug, Clone)]
struct Reporter {
    provider: ProviderId,
    viewer: Viewer,
}

impl Reporter {
    fn of(viewer: Viewer) -> Result<Self> {
        Ok(Self { provider: viewer.writing_provider()?, viewer })
    }
}

/// Whose what was shown is, by its hash. Those whose second is over are cleared away once a second.
#[derive(Debug, Default)]
struct KnownKeys {
    by_hash: HashMap<Vec<u8>, Known>,
    cleared: Duration,
}

#[derive(Debug)]
struct Known {
    reporter: Reporter,
    until: Duration,
}

impl EventRates {
    /// Full buckets of the size and rate that are set.
    #[must_use]
    pub fn new(limits: &Limits, clock: Clock) -> Self {
        let quota = Quota::per_second(limits.event_rate).allow_burst(limits.event_burst);
        let buckets = RateLimiter::new(quota, DashMapStateStore::default(), Ticks(clock));
        Self { buckets, known: Mutex::default() }
    }

    /// Takes so many events out of a bucket: all of them, or none and 429.
    fn spend(&self, reporter: &Reporter, events: usize) -> Result<()> {
        let Some(count) = NonZeroU32::new(u32::try_from(events).unwrap_or(u32::MAX)) else { return Ok(()) };
        match self.buckets.check_key_n(&reporter.viewer.credential().id(), count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_yet)) => {
                Err(refuse(Work::Writes, Refusal::Rate(not_yet.wait_time_from(self.buckets.clock().now()))))
            }
            Err(most) => {
                let detail =
                    format!("a batch has at most {} events here, this one has {events}; send it in parts", most.0);
                Err(Error::invalid("", detail))
            }
        }
    }

    fn find(&self, shown: &[u8]) -> Option<Reporter> {
        let now = self.buckets.clock().now();
        self.known().by_hash.get(shown).filter(|known| known.until > now).map(|known| known.reporter.clone())
    }

    fn remember(&self, shown: Vec<u8>, reporter: Reporter) {
        let now = self.buckets.clock().now();
        let mut known = self.known();
        if now >= known.cleared + VOUCHED {
            known.cleared = now;
            known.by_hash.retain(|_, known| known.until > now);
        }
        known.by_hash.insert(shown, Known { reporter, until: now + VOUCHED });
    }

    fn known(&self) -> MutexGuard<'_, KnownKeys> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the buckets that are full again, which is as good as keeping them.
    pub fn forget_idle(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

/// A provider whose event is let in: there is a place for it, and it is taken out of the bucket.
#[derive(Debug)]
pub(super) struct AdmittedEvent {
    pub(super) provider: ProviderId,
    /// The key by which it is let in without asking the database, which is therefore asked before anything is told.
    pub(super) vouched_key: Option<Uuid>,
    /// Held until it is answered.
    _place: Place,
}

impl FromRequestParts<App> for AdmittedEvent {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let take = |reporter: &Reporter| {
            let place = app.gates().writes.take(Some(reporter.provider.id()), EVENT_PLACES)?;
            app.event_rates().spend(reporter, 1)?;
            Ok(place)
        };
        let known = find_known(parts, app);
        if let Some(reporter) = &known
            && let Credential::Key { id, .. } = reporter.viewer.credential()
        {
            let place = take(reporter)?;
            reporter.viewer.enter(parts);
            note_use(app, reporter.viewer.credential(), None, app.clock().now());
            return Ok(Self { provider: reporter.provider, vouched_key: Some(id), _place: place });
        }
        let (reporter, place) = admit(parts, app, known, take).await?;
        Ok(Self { provider: reporter.provider, vouched_key: None, _place: place })
    }
}

/// A provider whose batch is let in: there is a place for it. How many events it has shows once it is read.
#[derive(Debug)]
pub(super) struct AdmittedBatch {
    reporter: Reporter,
    /// Held until it is answered.
    _place: Place,
}

impl FromRequestParts<App> for AdmittedBatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let take = |reporter: &Reporter| app.gates().writes.take(Some(reporter.provider.id()), BATCH_PLACES);
        let known = find_known(parts, app);
        let (reporter, place) = admit(parts, app, known, take).await?;
        Ok(Self { reporter, _place: place })
    }
}

impl AdmittedBatch {
    pub(super) fn provider(&self) -> ProviderId {
        self.reporter.provider
    }

    /// Takes the events of the batch out of the bucket.
    pub(super) fn spend(&self, app: &App, events: usize) -> Result<()> {
        app.event_rates().spend(&self.reporter, events)
    }
}

/// Whose key or session a request shows, if the database has vouched for it lately.
fn find_known(parts: &Parts, app: &App) -> Option<Reporter> {
    app.event_rates().find(&credentials::shown_hash(&parts.headers, app.settings())?)
}

/// Lets somebody in by `take`, before the database is asked who they are if that is known. It is asked in any case.
async fn admit<T>(
    parts: &mut Parts,
    app: &App,
    known: Option<Reporter>,
    take: impl Fn(&Reporter) -> Result<T>,
) -> Result<(Reporter, T)> {
    let taken = known.as_ref().map(&take).transpose()?;
    let looking = match known {
        Some(reporter) => Some(app.gates().lookups.enter(Some(reporter.provider.id())).await?),
        None => None,
    };
    let reporter = Reporter::of(Viewer::from_request_parts(parts, app).await?)?;
    drop(looking);
    if let Some(shown) = credentials::shown_hash(&parts.headers, app.settings()) {
        app.event_rates().remember(shown, reporter.clone());
    }
    let taken = match taken {
        Some(taken) => taken,
        None => take(&reporter)?,
    };
    Ok((reporter, taken))
}
