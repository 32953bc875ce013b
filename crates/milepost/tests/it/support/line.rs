//! The line between a server and PostgreSQL, which a test can cut or let go silent.

use std::future::pending;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use url::Url;

use super::Database;

/// A line that passes everything on until it is cut.
pub struct Line {
    /// The same database, reached over the line.
    pub database: Database,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy)]
struct State {
    is_whole: bool,
    /// How often it went silent: connections from before stay so.
    silences: u32,
}

impl Line {
    pub async fn to(database: &Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = Url::parse(&database.url).unwrap();
        let pairs: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(key, _)| key != "host" && key != "port").collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair("sslmode", "disable");
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (sender, state) = watch::channel(State { is_whole: true, silences: 0 });
        let target = PgConnectOptions::from_str(&database.url).unwrap();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (target, state) = (target.clone(), state.clone());
                if state.borrow().is_whole {
                    tokio::spawn(pass_on(near, target, state));
                }
            }
        });
        Self { database: Database { url: url.to_string(), ..database.clone() }, state: sender }
    }

    /// Breaks all connections and lets no new ones through.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.is_whole = false);
    }

    pub fn mend(&self) {
        self.state.send_modify(|state| state.is_whole = true);
    }

    /// Passes nothing more on over the connections that there are, and does not break them: the server at their end has
    /// lost its power. New ones lead to the one that took its place.
    pub fn silence(&self) {
        self.state.send_modify(|state| state.silences += 1);
    }
}

async fn pass_on(mut near: TcpStream, target: PgConnectOptions, state: watch::Receiver<State>) {
    if let Some(folder) = target.get_socket() {
        let socket = folder.join(format!(".s.PGSQL.{}", target.get_port()));
        let Ok(mut far) = UnixStream::connect(socket).await else { return };
        copy(&mut near, &mut far, state).await;
    } else {
        let Ok(mut far) = TcpStream::connect((target.get_host(), target.get_port())).await else { return };
        copy(&mut near, &mut far, state).await;
    }
}

async fn copy(
    near: &mut TcpStream,
    far: &mut (impl AsyncRead + AsyncWrite + Unpin),
    mut state: watch::Receiver<State>,
) {
    let silences = state.borrow().silences;
    let mut cut = state.clone();
    let passed_on = async {
        tokio::select! {
            _ = copy_bidirectional(near, far) => {}
            // Both ends are kept as they are.
            () = async { drop(state.wait_for(|state| state.silences > silences).await) } => pending().await,
        }
    };
    tokio::select! {
        () = passed_on => {}
        _ = cut.wait_for(|state| !state.is_whole) => {}
    }
}
