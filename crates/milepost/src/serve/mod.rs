//! Serving: lets connections in within the limits, and stops in good order.

mod connection;
mod refusals;
mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ipnet::IpNet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::admission::{Gate, Room, Work};
use crate::app::{self, App};
use crate::caller::network;
use crate::config::Limits;
use crate::durations;
use crate::error::Error;
use crate::jobs::silence;
use crate::live::Hub;
use crate::observe::metrics::Metrics;
use crate::retention;
use refusals::Refusals;

/// How long stopping may take, once the streams were told to end.
const GRACE: Duration = Duration::from_secs(10);
/// What is left of it for closing the database.
const CLOSING: Duration = Duration::from_secs(1);
/// How long nothing is let in after the system had no file left for a connection.
const OUT_OF_FILES: Duration = Duration::from_millis(500);
/// How many connections are told at once that there are too many; the rest is closed without a word.
const TURNED_AWAY: usize = 64;
/// How long the answer to one that is turned away may take.
const TURNING_AWAY: Duration = Duration::from_secs(1);
/// How much waits in the system to be sent over a connection, in bytes.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;
/// Connections to a listener beside the server's own.
const BESIDE: NonZeroU32 = NonZeroU32::new(64).unwrap();
/// Open files beside the connections: the database's, those turned away, the log.
const OTHER_FILES: u64 = 192;

/// What all connections share.
struct Door {
    router: Router,
    /// What may refuse requests before they are routed; nothing of a listener beside the server's own.
    refusing: Option<App>,
    limits: Limits,
    refusals: Refusals,
    trusted_proxies: Vec<IpNet>,
    /// A place for each connection that may be open.
    places: Gate<IpAddr>,
    /// A permit for each that is turned away.
    turned_away: Arc<Semaphore>,
    /// Idle connections end, the others after their answer.
    closing: CancellationToken,
    /// All connections end.
    cut: CancellationToken,
    metrics: Metrics,
}

impl Door {
    fn new(app: &App) -> Arc<Self> {
        Self::with(app::router(app.clone()), Some(app.clone()), app, app.settings().limits)
    }

    fn beside(router: Router, app: &App) -> Arc<Self> {
        let limits = Limits { max_connections: BESIDE, ..app.settings().limits };
        Self::with(router, None, app, limits)
    }

    fn with(router: Router, refusing: Option<App>, app: &App, limits: Limits) -> Arc<Self> {
        let room = |connections| Room { turns: connections, places: connections };
        let (all, each) = (limits.max_connections.get(), limits.connections_of_address());
        Arc::new(Self {
            router,
            refusing,
            limits,
            refusals: Refusals::new(app),
            trusted_proxies: app.settings().trusted_proxies.clone(),
            places: Gate::new(Work::Connections, room(all), room(each)),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
            closing: app.closing().clone(),
            cut: CancellationToken::new(),
            metrics: app.metrics().clone(),
        })
    }
}

/// Serves a router on a listener beside the server's own, with the same times and a few connections, until it stops.
pub(crate) async fn serve_beside(listener: TcpListener, router: Router, app: &App) {
    accept(listener, Door::beside(router, app)).await;
}

/// Serves until told to stop. Then `/readyz` says so; after the delay that load balancers need the listener closes, the
/// streams end, other requests have until the end of those ten seconds, and the database is closed.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let seen = Hub::begin(app.db()).await.map_err(io::Error::other)?;
    let hub = tokio::spawn(app.hub().clone().run(app.db().clone(), seen));
    let clearing = tokio::spawn(app::clear_expired(app.clone()));
    let retiring = tokio::spawn(retention::run(app.clone()));
    let listening = tokio::spawn(silence::watch(app.clone()));
    let measuring = tokio::spawn(durations::follow(app.clone()));
    let door = Door::new(&app);
    let accepting = tokio::spawn(accept(listener, door.clone()));

    stop.await;
    app.stopping().cancel();
    sleep(app.settings().stop_delay).await;
    app.closing().cancel();
    let deadline = Instant::now() + GRACE;
    // Only a panic in these could make them fail, and that has been logged.
    let _ = accepting.await;
    if timeout_at(deadline - CLOSING, door.places.wait_until_empty()).await.is_err() {
        tracing::warn!("connections that did not end in time are cut");
        door.cut.cancel();
    }
    clearing.abort();
    retiring.abort();
    listening.abort();
    measuring.abort();
    let _ = timeout_at(deadline, hub).await;
    // A connection whose query does not end is left to end with the process.
    let _ = timeout_at(deadline, app.db().close()).await;
    Ok(())
}

/// Lets connections in until the server stops, then closes the listener.
async fn accept(listener: TcpListener, door: Arc<Door>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = door.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(&door, stream, peer),
            Err(error) if is_of_the_connection(&error) => {}
            // Out of files or memory: asking again at once would spin, ending would be worse.
            Err(error) => {
                tracing::warn!(%error, "could not let a connection in");
                tokio::select! {
                    () = door.closing.cancelled() => return,
                    () = sleep(OUT_OF_FILES) => {}
                }
            }
        }
    }
}

/// Whether it was the client that gave up, while it waited to be let in.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves a connection beside the others, or turns it away if there are too many, in all or from its address.
fn admit(door: &Arc<Door>, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = prepare(&stream, door.limits.request_timeout) {
        tracing::debug!(%error, "could not prepare a connection");
    }
    let address = peer.ip().to_canonical();
    // A proxy brings everybody's.
    let is_trusted = door.trusted_proxies.iter().any(|proxies| proxies.contains(&address));
    let place = match door.places.take((!is_trusted).then(|| network(address)), 1) {
        Ok(place) => place,
        Err(refusal) => return turn_away(door, stream, &refusal),
    };
    let door = door.clone();
    tokio::spawn(async move {
        let _open = door.metrics.open_connection();
        connection::serve(&door, stream, peer).await;
        drop(place);
    });
}

/// Small answers leave at once, and little waits in the system for a client that does not read: left to itself it takes
/// megabytes for each of them, until it has none for anybody.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables, reason = "elsewhere nothing takes the time"))]
fn prepare(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(stream);
        socket.set_tcp_notsent_lowat(UNSENT)?;
        // A client that has vanished, or whose side is full, acknowledges nothing.
        socket.set_tcp_user_timeout(Some(patience))?;
    }
    Ok(())
}

/// Answers 503, whatever was to be asked, and closes.
fn turn_away(door: &Door, mut stream: TcpStream, refusal: &Error) {
    let Ok(place) = door.turned_away.clone().try_acquire_owned() else { return };
    let answer = door.refusals.of(refusal);
    tokio::spawn(async move {
        let told = async {
            stream.write_all(&answer).await?;
            stream.shutdown().await?;
            // Closing before the request was read would take the answer away from the client.
            let mut unread = [0; 1024];
            while stream.read(&mut unread).await? > 0 {}
            io::Result::Ok(())
        };
        // A client that does not listen is none to care for.
        let _ = timeout(TURNING_AWAY, told).await;
        drop(place);
    });
}

/// Asks the system for as many open files as it allows, and takes no more connections than those are enough for.
pub fn fit_to_open_files(limits: &mut Limits) {
    let Ok(files) = rlimit::increase_nofile_limit(u64::MAX) else { return };
    let wanted = limits.max_connections;
    let possible = possible_connections(files, wanted);
    if possible < wanted {
        tracing::warn!(%wanted, %possible, files, "max_connections is lowered to what the limit of open files allows");
        limits.max_connections = possible;
    }
}

/// Of few files, half are for connections.
fn possible_connections(files: u64, wanted: NonZeroU32) -> NonZeroU32 {
    let possible = files.saturating_sub(OTHER_FILES).max(files / 2);
    let possible = u32::try_from(possible).unwrap_or(u32::MAX);
    NonZeroU32::new(possible).unwrap_or(NonZeroU32::MIN).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        let possible = |files| possible_connections(files, NonZeroU32::new(10_000).unwrap()).get();
        assert_eq!(possible(1_048_576), 10_000);
        assert_eq!(possible(10_192), 10_000);
        assert_eq!(possible(10_191), 9_999);
        assert_eq!(possible(1_024), 832);
        assert_eq!(possible(64), 32);
        assert_eq!(possible(0), 1);
    }
}
