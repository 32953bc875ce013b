//! How much the server takes on at once. A [`Gate`] lets so much in to be worked on, lets so much wait, and refuses the
//! rest at once, so that overload costs little and memory stays bounded. It counts for each account apart as well, or for
//! each address where nobody has shown an account yet: one that floods waits behind itself, while the turns of the others
//! come as before.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use crate::config::Limits;
use crate::db::Db;
use crate::error::{Error, Result};

/// How long anybody waits for a turn before being told to come back.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The places for what providers write: of all under way at once.
pub const WRITE_PLACES: u32 = 8192;
/// When to come back where nobody can tell when there will be room.
const SOON: Duration = Duration::from_secs(1);

/// How often the log says that there is too much to do.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// What there can be too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// What providers write: events, jobs, configurations.
    Writes,
    /// Finding out whose events they are and of which jobs.
    Lookups,
    /// Lists, distributions and summaries of jobs, and analytics.
    Searches,
    /// All data of an account.
    Exports,
    /// Hashing passwords.
    Passwords,
    /// Live streams.
    Streams,
    /// Connections.
    Connections,
}

impl Work {
    /// In a word, for whoever counts it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writes => "writes",
            Self::Lookups => "lookups",
            Self::Searches => "searches",
            Self::Exports => "exports",
            Self::Passwords => "passwords",
            Self::Streams => "streams",
            Self::Connections => "connections",
        }
    }
}

/// Why a request is refused with which nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The key has reported as many events as it may, until so much later.
    Rate(Duration),
    /// The account, or the address, has as much under way as one may.
    HolderFull,
    /// The server has as much under way as it may, or could not get to it in time.
    ServerFull,
}

/// The answer to a request that is refused for what else is under way. All such refusals are made here.
#[must_use]
pub fn refuse(work: Work, refusal: Refusal) -> Error {
    let error = match (refusal, work) {
        (Refusal::Rate(retry_after), _) => {
            let detail = "This key has reported as many events as it may for now; go on after Retry-After.";
            Error::TooManyRequests { detail, retry_after }
        }
        (Refusal::HolderFull, Work::Passwords) => {
            Error::Busy("Too many are signing in from your address at once; try again in a moment.")
        }
        (Refusal::HolderFull, Work::Connections) => {
            Error::Busy("More connections are open from your address than the server takes; try again.")
        }
        (Refusal::HolderFull, Work::Streams) => Error::TooManyRequests {
            detail: "Your account has as many streams open as it may; close some first.",
            retry_after: SOON,
        },
        (Refusal::HolderFull, _) => Error::TooManyRequests {
            detail: "Your account has as many requests of this kind under way as it may; let some finish first.",
            retry_after: SOON,
        },
        (Refusal::ServerFull, Work::Passwords) => {
            Error::Busy("Too many people are signing in at once; try again in a moment.")
        }
        (Refusal::ServerFull, Work::Streams) => {
            Error::Busy("The server has as many streams open as it may; try again in a moment.")
        }
        (Refusal::ServerFull, Work::Connections) => {
            Error::Busy("More connections are open than the server takes; try again.")
        }
        (Refusal::ServerFull, _) => Error::Busy("The server has too much to do at once; try again in a moment."),
    };
    if let Error::Busy(reason) = error {
        warn_now_and_then(work, reason);
    }
    error
}

/// Tells the operator of an overload, but not of each request in it.
fn warn_now_and_then(work: Work, reason: &str) {
    static WARNED: Mutex<Option<Instant>> = Mutex::new(None);
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
        *warned = Some(Instant::now());
        tracing::warn!(?work, reason, "there is more to do than is taken on at once; the rest is refused with 503");
    }
}

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Worked on at once.
    pub turns: u32,
    /// Worked on or waiting.
    pub places: u32,
}

/// How much of a gate's room is taken.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// By what.
    pub work: Work,
    /// What is taken.
    pub used: Room,
    /// What there is.
    pub room: Room,
}

/// The gates of a server. A process has its own: several over one database each take on so much.
#[derive(Debug)]
pub struct Gates {
    /// For what providers write. Of events a place stands for 64 KiB of body, and is taken before that is read; they wait
    /// for no turn here, but for the group that they are written with.
    pub writes: Gate,
    /// For finding out whose events they are and of which jobs: of the few connections that read, a provider that floods
    /// takes two.
    pub lookups: Gate,
    /// For what reads many rows.
    pub searches: Gate,
    /// For what reads all rows of an account: a place as long as the document is written, a turn for each page of it.
    pub exports: Gate,
    /// For hashing passwords, by the [network](crate::caller::network) they come from: nobody has an account before.
    pub passwords: Gate<IpAddr>,
    /// For streams: their places are what counts, they wait for no turn.
    pub streams: Gate,
}

impl Gates {
    /// The room that a server has over its database.
    #[must_use]
    pub fn new(db: &Db, limits: &Limits) -> Self {
        let room = |turns, places| Room { turns, places };
        // SQLite has one writer anyway: what counts is that the turns at it go round. PostgreSQL's commits wait for each
        // other as well, and those that do hold connections that everybody needs.
        let (writers, writers_each) = match db {
            Db::Sqlite { .. } => (1, 1),
            Db::Postgres { .. } => (8, 4),
        };
        let workers = available_parallelism().map_or(1, usize::from).try_into().unwrap_or(u32::MAX);
        // Streams leave connections to the rest.
        let connections = limits.max_connections.get();
        let streams = (connections - connections.div_ceil(4)).max(1);
        Self {
            writes: Gate::new(Work::Writes, room(writers, WRITE_PLACES), room(writers_each, 1024)),
            lookups: Gate::new(Work::Lookups, room(6, WRITE_PLACES), room(2, 1024)),
            searches: Gate::new(Work::Searches, room(4, 128), room(2, 32)),
            // An account's second export would wait for longer than anybody does: it is told so at once. Whoever reads
            // theirs slowly holds a page of it in memory.
            exports: Gate::new(Work::Exports, room(4, 64), room(1, 1)),
            // An office shares an address.
            passwords: Gate::new(
                Work::Passwords,
                room(workers, workers.saturating_add(64)),
                room(workers.div_ceil(2), 16),
            ),
            streams: Gate::new(Work::Streams, room(streams, streams), room(100, 100)),
        }
    }

    /// How much of the room of each is taken.
    pub fn loads(&self) -> impl Iterator<Item = Load> + use<'_> {
        let of_accounts = [&self.writes, &self.lookups, &self.searches, &self.exports, &self.streams];
        of_accounts.into_iter().map(Gate::load).chain([self.passwords.load()])
    }
}

/// Who holds places.
pub trait Holder: Eq + Hash + Copy {}

/// An account.
impl Holder for Uuid {}
/// An address.
impl Holder for IpAddr {}

/// Lets in as much as there is room for, in all and for each account or address. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate<Who: Holder = Uuid>(Arc<Inner<Who>>);

#[derive(Debug)]
struct Inner<Who> {
    work: Work,
    all: Hall,
    room: Room,
    each: Room,
    patience: Duration,
    /// Of those that hold a place; who leaves last takes the hall along.
    holders: Mutex<HashMap<Who, Hall>>,
}

#[derive(Debug, Clone)]
struct Hall {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Hall {
    fn new(room: Room) -> Self {
        let semaphore = |permits: u32| Arc::new(Semaphore::new(usize::try_from(permits).unwrap_or(usize::MAX)));
        Self { turns: semaphore(room.turns), places: semaphore(room.places) }
    }

    fn take(&self, places: u32) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_many_owned(places).ok()
    }
}

/// The right to wait for turns. Nothing waits without one.
#[derive(Debug)]
pub struct Place<Who: Holder = Uuid> {
    gate: Gate<Who>,
    own: Option<OwnPlace<Who>>,
    _in_all: OwnedSemaphorePermit,
}

/// The place among those of one's own.
#[derive(Debug)]
struct OwnPlace<Who: Holder> {
    gate: Gate<Who>,
    holder: Who,
    hall: Hall,
    permit: Option<OwnedSemaphorePermit>,
}

/// The right to be worked on, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _own: Option<OwnedSemaphorePermit>,
    _in_all: OwnedSemaphorePermit,
}

/// A turn with its place.
#[derive(Debug)]
pub struct Pass<Who: Holder = Uuid> {
    _turn: Turn,
    _place: Place<Who>,
}

impl<Who: Holder> Gate<Who> {
    /// A gate with room for all together, and for each account or address.
    #[must_use]
    pub fn new(work: Work, all: Room, each: Room) -> Self {
        let (hall, holders) = (Hall::new(all), Mutex::default());
        Self(Arc::new(Inner { work, all: hall, room: all, each, patience: PATIENCE, holders }))
    }

    /// Takes a place and waits for a turn. Whose it is counts where that is known. 429 if the account has no place left,
    /// 503 if the address has none, or nobody has.
    pub async fn enter(&self, holder: Option<Who>) -> Result<Pass<Who>> {
        let place = self.take(holder, 1)?;
        Ok(Pass { _turn: place.turn().await?, _place: place })
    }

    /// Takes so many places, without waiting: what takes more memory takes more of them.
    pub fn take(&self, holder: Option<Who>, places: u32) -> Result<Place<Who>> {
        let own = holder.map(|holder| self.take_own(holder, places)).transpose()?;
        let in_all = self.0.all.take(places).ok_or_else(|| refuse(self.0.work, Refusal::ServerFull))?;
        Ok(Place { gate: self.clone(), own, _in_all: in_all })
    }

    /// How much of the room is taken.
    #[must_use]
    pub fn load(&self) -> Load {
        let Inner { work, all, room, .. } = &*self.0;
        let used = |permits: u32, semaphore: &Semaphore| {
            permits.saturating_sub(u32::try_from(semaphore.available_permits()).unwrap_or(u32::MAX))
        };
        let used = Room { turns: used(room.turns, &all.turns), places: used(room.places, &all.places) };
        Load { work: *work, used, room: *room }
    }

    /// Waits until nobody holds a place.
    pub async fn wait_until_empty(&self) {
        // It is never closed.
        let _all = self.0.all.places.acquire_many(self.0.room.places).await;
    }

    fn take_own(&self, holder: Who, places: u32) -> Result<OwnPlace<Who>> {
        let mut holders = self.halls();
        let hall = holders.get(&holder).cloned().unwrap_or_else(|| Hall::new(self.0.each));
        let permit = hall.take(places).ok_or_else(|| refuse(self.0.work, Refusal::HolderFull))?;
        holders.insert(holder, hall.clone());
        Ok(OwnPlace { gate: self.clone(), holder, hall, permit: Some(permit) })
    }

    /// How many accounts or addresses have something under way.
    #[must_use]
    pub fn holders(&self) -> usize {
        self.halls().len()
    }

    fn halls(&self) -> MutexGuard<'_, HashMap<Who, Hall>> {
        self.0.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Who: Holder> Place<Who> {
    /// Waits until it is one's turn, first among those of one's own, then among all; for no longer than 5 seconds.
    /// A place may be used for one turn after another.
    pub async fn turn(&self) -> Result<Turn> {
        let turn = timeout(self.gate.0.patience, self.next_turn()).await;
        turn.unwrap_or_else(|_| Err(refuse(self.gate.0.work, Refusal::ServerFull)))
    }

    /// The same for as long as it takes: for what is being answered already, and cannot be refused any more.
    pub async fn next_turn(&self) -> Result<Turn> {
        let own = match &self.own {
            Some(own) => Some(own.hall.turns.clone().acquire_owned().await.map_err(Error::internal)?),
            None => None,
        };
        let in_all = self.gate.0.all.turns.clone().acquire_owned().await.map_err(Error::internal)?;
        Ok(Turn { _own: own, _in_all: in_all })
    }
}

impl<Who: Holder> Drop for OwnPlace<Who> {
    fn drop(&mut self) {
        // Under the lock, so that nobody takes a place in a hall that is just being taken out.
        let mut holders = self.gate.halls();
        self.permit = None;
        let places = usize::try_from(self.gate.0.each.places).unwrap_or(usize::MAX);
        if self.hall.places.available_permits() == places {
            holders.remove(&self.holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    const ADA: Option<Uuid> = Some(Uuid::from_u128(1));
    const BEN: Option<Uuid> = Some(Uuid::from_u128(2));
    const CLEO: Option<Uuid> = Some(Uuid::from_u128(3));

    /// One is worked on; of each account three, of all five at once.
    fn gate() -> Gate {
        Gate::new(Work::Searches, Room { turns: 1, places: 5 }, Room { turns: 1, places: 3 })
    }

    fn status(refused: Result<impl Sized>) -> u16 {
        refused.err().map_or(200, |error| error.problem().status)
    }

    /// Whether it has its turn by now.
    fn has_turn<T>(waiting: Pin<&mut impl Future<Output = Result<T>>>) -> Option<T> {
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(entered) => Some(entered.unwrap()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn one_account_cannot_take_the_places_of_the_others() {
        let gate = gate();
        let places: Vec<Place> = (0..3).map(|_| gate.take(ADA, 1).unwrap()).collect();
        assert_eq!(status(gate.take(ADA, 1)), 429);
        let bens = gate.take(BEN, 2).unwrap();
        assert_eq!(status(gate.take(CLEO, 1)), 503);
        drop(bens);
        drop(gate.take(CLEO, 2).unwrap());
        drop(places);
        drop(gate.take(ADA, 3).unwrap());
    }

    #[tokio::test]
    async fn an_account_that_floods_waits_behind_itself() {
        let gate = Gate::new(Work::Searches, Room { turns: 2, places: 9 }, Room { turns: 1, places: 9 });
        let first = gate.enter(ADA).await.unwrap();
        let mut second = pin!(gate.enter(ADA));
        assert!(has_turn(second.as_mut()).is_none());
        let bens = has_turn(pin!(gate.enter(BEN)));
        assert!(bens.is_some(), "there is a turn left, and it is not Ada's");
        drop(first);
        assert!(has_turn(second.as_mut()).is_some());
    }

    #[tokio::test]
    async fn turns_come_in_the_order_in_which_they_were_waited_for() {
        let gate = gate();
        let first = gate.enter(None).await.unwrap();
        let mut second = pin!(gate.enter(ADA));
        let mut third = pin!(gate.enter(BEN));
        assert!(has_turn(second.as_mut()).is_none() && has_turn(third.as_mut()).is_none());
        drop(first);
        assert!(has_turn(third.as_mut()).is_none());
        let turn = has_turn(second.as_mut());
        assert!(turn.is_some());
        drop(turn);
        assert!(has_turn(third.as_mut()).is_some());
    }

    #[tokio::test]
    async fn whoever_waits_for_too_long_is_told_to_come_back() {
        let mut gate = gate();
        Arc::get_mut(&mut gate.0).unwrap().patience = Duration::ZERO;
        let first = gate.enter(ADA).await.unwrap();
        assert_eq!(status(gate.enter(BEN).await), 503);
        drop(first);
        gate.enter(BEN).await.unwrap();
    }

    #[tokio::test]
    async fn accounts_that_have_left_are_forgotten() {
        let gate = gate();
        assert_eq!(status(gate.take(ADA, 4)), 429);
        for account in [ADA, BEN, ADA] {
            let pass = gate.enter(account).await.unwrap();
            let other = gate.take(account, 1).unwrap();
            drop(pass);
            assert_eq!(gate.holders(), 1);
            drop(other);
            assert_eq!(gate.holders(), 0);
        }
        let _all = gate.take(None, 5).unwrap();
        assert_eq!(gate.load().used, Room { turns: 0, places: 5 });
        assert_eq!(status(gate.take(ADA, 1)), 503);
        assert_eq!(gate.holders(), 0, "also when there was no room for it");
    }
}
