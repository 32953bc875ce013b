//! What the tests speak: servers, people, jobs. Each test has a server of its own, on a port of its own, over a
//! database of its own.

mod answer;
mod binary;
mod cluster;
mod collector;
mod contents;
mod database;
mod dice;
mod line;
mod people;
mod raw;
mod rows;
mod sse;

pub use answer::{Answer, SetCookie};
pub use binary::{Milepost, Output, ServerProcess, Talking};
pub use cluster::Cluster;
pub use collector::{Collector, Traced};
pub use database::{Database, DatabaseKind, hex, sha256};
pub use dice::Dice;
pub use line::Line;
pub use people::{ApiKey, PASSWORD, Person};
pub use raw::Raw;
pub use sse::Stream;

use std::net::SocketAddr;
use std::time::Duration;

use milepost::app::App;
use milepost::config::Settings;
use milepost::db::Db;
use milepost::serve;
use milepost::sources::Clock;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Writes a test once and runs it on both databases:
/// `on_both! { async fn a_job_can_be_opened(server: TestServer) { … } }`
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident: TestServer) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "what the body needs differs from test to test")]
            use super::*;

            async fn check($server: $crate::support::TestServer) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check($crate::support::TestServer::start($crate::support::DatabaseKind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                check($crate::support::TestServer::start($crate::support::DatabaseKind::Postgres).await).await;
            }
        }
    )* };
}
pub(crate) use on_both;

/// A running server.
pub struct TestServer {
    pub url: String,
    pub address: SocketAddr,
    /// Set it to move the server through time.
    pub clock: Clock,
    /// The server's own state, to look behind the API.
    pub app: App,
    pub database: Database,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl TestServer {
    /// A server over a fresh database.
    pub async fn start(kind: DatabaseKind) -> Self {
        Self::start_over(Database::fresh(kind).await, |_| {}).await
    }

    /// A server over a database that may be used already, with other settings.
    pub async fn start_over(database: Database, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_at("127.0.0.1:0", database, change).await
    }

    async fn start_at(address: impl ToSocketAddrs, database: Database, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut settings = Settings::new(address, database.url.parse().unwrap()).unwrap();
        change(&mut settings);
        let db = Db::open(&settings.database_url).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Clock::default();
        let app = App::new(db, settings, clock.clone()).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let served = serve::serve(listener, app.clone(), async move { stopped.cancelled().await });
        let serving = tokio::spawn(async move { served.await.unwrap() });
        Self { url: format!("http://{address}"), address, clock, app, database, stop, serving }
    }

    /// A server whose proxy, this machine, speaks https for it as `https://milepost.example`.
    pub async fn start_behind_https(database: Database) -> Self {
        let change = |settings: &mut Settings| {
            settings.public_url = "https://milepost.example".parse().unwrap();
            settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        };
        Self::start_over(database, change).await
    }

    /// Tells it to stop, without waiting.
    pub fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    /// The same server, in which keys may report as many events as they like.
    pub async fn without_event_rates(self) -> Self {
        Self::start_over(self.stop().await, |settings| {
            let plenty = 1_000_000.try_into().unwrap();
            (settings.limits.event_rate, settings.limits.event_burst) = (plenty, plenty);
        })
        .await
    }

    /// Another process's server on the same database, as far as a test can tell.
    pub async fn start_beside(&self) -> Self {
        Self::start_over(self.database.clone(), |_| {}).await
    }

    /// Stops and starts again, at the same address and on the same database.
    pub async fn restart(self) -> Self {
        let address = self.address;
        Self::start_at(address, self.stop().await, |_| {}).await
    }

    /// Stops and waits until everything is closed; the database remains.
    pub async fn stop(self) -> Database {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.database
    }

    /// Runs `milepost ARGUMENTS` in a process of its own on the database of this server, which goes on running.
    pub async fn milepost(&self, arguments: &[&str], input: &str) -> Output {
        Milepost::on(&self.database, arguments).run_with_input(input).await
    }

    /// Somebody without credentials.
    pub fn nobody(&self) -> Person {
        Person::nobody(&self.url)
    }

    /// A provider, signed in, with a key that may write. Their address is `NAME@provider.example`.
    pub async fn provider(&self, name: &str) -> Person {
        Person::provider(self, name).await
    }

    /// A customer of that provider, invited and accepted, signed in. Their address is `NAME@customer.example`.
    pub async fn customer_of(&self, provider: &Person, name: &str) -> Person {
        Person::customer_of(provider, name).await
    }
}

/// The status of an address, asked for without credentials.
pub async fn status_of(url: &str, path: &str) -> u16 {
    let client = milepost::client::builder().build().unwrap();
    client.get(format!("{url}{path}")).send().await.unwrap().status().as_u16()
}

/// Waits until something holds, for at most five seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..100 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("within 5 seconds: {what}");
}
