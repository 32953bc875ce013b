//! The line between a server and PostgreSQL, which a test can cut.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use url::Url;

use super::Database;

/// A line that passes everything on until it is cut.
pub struct Line {
    /// The same database, reached over the line.
    pub database: Database,
    is_whole: watch::Sender<bool>,
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
        let (is_whole, state) = watch::channel(true);
        let target = PgConnectOptions::from_str(&database.url).unwrap();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (target, state) = (target.clone(), state.clone());
                if *state.borrow() {
                    tokio::spawn(pass_on(near, target, state));
                }
            }
        });
        Self { database: Database { url: url.to_string(), ..database.clone() }, is_whole }
    }

    /// Breaks all connections and lets no new ones through.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn pass_on(mut near: TcpStream, target: PgConnectOptions, mut state: watch::Receiver<bool>) {
    let copied = async {
        if let Some(folder) = target.get_socket() {
            let socket = folder.join(format!(".s.PGSQL.{}", target.get_port()));
            return copy_bidirectional(&mut near, &mut UnixStream::connect(socket).await?).await;
        }
        let mut far = TcpStream::connect((target.get_host(), target.get_port())).await?;
        copy_bidirectional(&mut near, &mut far).await
    };
    tokio::select! {
        _ = copied => {}
        _ = state.wait_for(|is_whole| !is_whole) => {}
    }
}
