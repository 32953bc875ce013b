//! `milepost serve`: the server, until it is told to stop.

use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;

use super::{Failure, Outcome};
use crate::app::{self, App};
use crate::config::{SettingArgs, Settings};
use crate::db::Db;
use crate::observe::metrics::Metrics;
use crate::observe::traces::Traces;
use crate::observe::{log, page};
use crate::sources::Clock;

/// What is logged unless told otherwise. PostgreSQL's notices at each start say that tables exist already.
const LOGGED: &str = "info,sqlx::postgres::notice=warn";

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: SettingArgs,
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        let mut settings = self.settings.resolve()?;
        log::start(LOGGED, settings.log_format).map_err(Failure)?;
        let metrics = Metrics::new(settings.database_url.kind())?;
        let traces = Traces::from_env(&metrics)?;
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let listener = listen(&mut settings).await?;
        let for_metrics = match settings.metrics_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let (url, database) = (settings.public_url.clone(), settings.database_url.clone());
        let app = App::observed(db, settings, Clock::default(), metrics, traces.clone())?;
        if let Some(listener) = for_metrics {
            tracing::info!(address = %listener.local_addr()?, "metrics are ready");
            tokio::spawn(page::serve(listener, app.clone()));
        }
        tracing::info!(%url, %database, "milepost is ready");
        let served = app::serve(listener, app, stop_signal()).await;
        traces.flush().await;
        Ok(served?)
    }
}

/// Listens where the settings say, and puts the port into them that the system chose for port 0.
pub(super) async fn listen(settings: &mut Settings) -> Result<TcpListener, Failure> {
    let listener = bind(settings.listen).await?;
    settings.listening_on(listener.local_addr()?);
    Ok(listener)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure(format!("cannot listen on {address}: {error}")))
}

/// Resolves at Ctrl-C or SIGTERM.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without a handler for SIGTERM the system ends us on it: only Ctrl-C is left to wait for.
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
