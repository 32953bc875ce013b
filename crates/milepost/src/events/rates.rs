//! Who is let in to report events, and how many each key may report over time.
//!
//! A key, and a session likewise, has a bucket that holds `event_burst` events and fills at `event_rate` a second. Each
//! process has buckets of its own.
//!
//! A key that was valid within the past minute is known here, and its events are let in: the transaction that writes an
//! event looks at the key again, as does whoever refuses it, so that a key that has just expired records nothing and
//! learns nothing. One that was valid within the past second and is over its limit is refused without asking the database,
//! before its request is routed: what is refused must cost little, or the limit would protect nothing. After a second it is
//! looked up, so that a key that has expired answers 401 again however fast it asks. Nobody can do anything by that with a
//! key that is not theirs: it is known by the SHA-256 of the whole key, and only once the database has vouched for it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use super::record::Sender;
use crate::admission::{Place, Refusal, Work, refuse};
use crate::app::App;
use crate::auth::uses::note_use;
use crate::auth::{Credential, ProviderId, Viewer, credentials};
use crate::config::Limits;
use crate::error::{Error, Result};
use crate::sources::Clock;

/// For how long the database's word on a key is enough to refuse it.
const VOUCHED: Duration = Duration::from_secs(1);
/// For how long it is known whose a key is.
const KNOWN: Duration = Duration::from_mins(1);
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

    fn sender(&self, place: Arc<Place>) -> Sender {
        Sender { provider: self.provider, viewer: self.viewer.clone(), place }
    }
}

/// Whose what was shown is, by its hash. What is too old is cleared away once a second.
#[derive(Debug, Default)]
struct KnownKeys {
    by_hash: HashMap<Vec<u8>, Known>,
    cleared: Duration,
}

#[derive(Debug)]
struct Known {
    reporter: Reporter,
    /// When the database vouched for it.
    at: Duration,
}

/// Somebody known by what they show.
#[derive(Debug)]
struct Familiar {
    reporter: Reporter,
    /// Whether the database has vouched for them just now.
    is_vouched: bool,
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

    /// Who shows that, if it is known.
    fn find(&self, shown: &[u8]) -> Option<Familiar> {
        let now = self.buckets.clock().now();
        let known = self.known();
        let Known { reporter, at } = known.by_hash.get(shown).filter(|known| now < known.at + KNOWN)?;
        Some(Familiar { reporter: reporter.clone(), is_vouched: now < *at + VOUCHED })
    }

    fn remember(&self, shown: Vec<u8>, reporter: Reporter) {
        let now = self.buckets.clock().now();
        let mut known = self.known();
        if now >= known.cleared + VOUCHED {
            known.cleared = now;
            known.by_hash.retain(|_, known| now < known.at + KNOWN);
        }
        known.by_hash.insert(shown, Known { reporter, at: now });
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
#[derive(Debug, Clone)]
pub(super) struct AdmittedEvent {
    reporter: Reporter,
    /// The hash of the key, where it is time that the database vouches for it again.
    to_vouch: Option<Vec<u8>>,
    place: Arc<Place>,
}

impl AdmittedEvent {
    pub(super) fn sender(&self) -> Sender {
        self.reporter.sender(self.place.clone())
    }

    /// Notes that its event was recorded, and so its key is valid.
    pub(super) fn vouch(self, app: &App) {
        if let Some(shown) = self.to_vouch {
            app.event_rates().remember(shown, self.reporter);
        }
    }
}

fn take_for_event(app: &App, reporter: &Reporter) -> Result<Arc<Place>> {
    let place = app.gates().writes.take(Some(reporter.provider.id()), EVENT_PLACES)?;
    app.event_rates().spend(reporter, 1)?;
    Ok(Arc::new(place))
}

/// Lets in the event of a known key, or refuses it if the database has just vouched for that key. Of all others nothing is
/// decided: they are asked for who they are when their handler is reached.
pub(crate) fn admit_known(app: &App, request: &mut Request) -> Result<()> {
    let (shown, Some(Familiar { reporter, is_vouched })) = recognise(request.headers(), app) else { return Ok(()) };
    let Credential::Key { .. } = reporter.viewer.credential() else { return Ok(()) };
    match take_for_event(app, &reporter) {
        Ok(place) => {
            let to_vouch = shown.filter(|_| !is_vouched);
            let admitted = AdmittedEvent { reporter, to_vouch, place };
            request.extensions_mut().insert(admitted);
            Ok(())
        }
        Err(refusal) if is_vouched => Err(refusal),
        Err(_) => Ok(()),
    }
}

impl FromRequestParts<App> for AdmittedEvent {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if let Some(admitted) = parts.extensions.remove::<Self>() {
            let viewer = &admitted.reporter.viewer;
            viewer.enter(parts);
            note_use(app, viewer.credential(), None, app.clock().now());
            return Ok(admitted);
        }
        let (reporter, place) = admit(parts, app, |reporter| take_for_event(app, reporter)).await?;
        Ok(Self { reporter, to_vouch: None, place })
    }
}

/// A provider whose batch is let in: there is a place for it. How many events it has shows once it is read.
#[derive(Debug)]
pub(super) struct AdmittedBatch {
    reporter: Reporter,
    place: Arc<Place>,
}

impl FromRequestParts<App> for AdmittedBatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let take = |reporter: &Reporter| app.gates().writes.take(Some(reporter.provider.id()), BATCH_PLACES);
        let (reporter, place) = admit(parts, app, take).await?;
        Ok(Self { reporter, place: Arc::new(place) })
    }
}

impl AdmittedBatch {
    pub(super) fn sender(&self) -> Sender {
        self.reporter.sender(self.place.clone())
    }

    /// Takes the events of the batch out of the bucket.
    pub(super) fn spend(&self, app: &App, events: usize) -> Result<()> {
        app.event_rates().spend(&self.reporter, events)
    }
}

/// The hash of what a request shows, and who that is if it is known.
fn recognise(headers: &HeaderMap, app: &App) -> (Option<Vec<u8>>, Option<Familiar>) {
    let shown = credentials::shown_hash(headers, app.settings());
    let familiar = shown.as_deref().and_then(|shown| app.event_rates().find(shown));
    (shown, familiar)
}

/// Lets somebody in by `take`, before the database is asked who they are if it has just vouched for what they show. It is
/// asked in any case.
async fn admit<T>(parts: &mut Parts, app: &App, take: impl Fn(&Reporter) -> Result<T>) -> Result<(Reporter, T)> {
    let (shown, familiar) = recognise(&parts.headers, app);
    let mut taken = None;
    let mut looking = None;
    if let Some(Familiar { reporter, is_vouched }) = familiar {
        if is_vouched {
            taken = Some(take(&reporter)?);
        }
        looking = Some(app.gates().lookups.enter(Some(reporter.provider.id())).await?);
    }
    let reporter = Reporter::of(Viewer::from_request_parts(parts, app).await?)?;
    drop(looking);
    if let Some(shown) = shown {
        app.event_rates().remember(shown, reporter.clone());
    }
    let taken = match taken {
        Some(taken) => taken,
        None => take(&reporter)?,
    };
    Ok((reporter, taken))
}
