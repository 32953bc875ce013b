//! `milepost serve`: the server, until it is told to stop.

use clap::Args;
use tokio::net::TcpListener;

use super::{Failure, Outcome};
use crate::app::{self, App};
use crate::config::{SettingArgs, Settings};
use crate::db::Db;
use crate::sources::Clock;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: SettingArgs,
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        let mut settings = self.settings.resolve()?;
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let listener = listen(&mut settings).await?;
        tracing::info!(url = %settings.public_url, database = %settings.database_url, "milepost is ready");
        let app = App::new(db, settings, Clock::default())?;
        app::serve(listener, app, stop_signal()).await?;
        Ok(())
    }
}

/// Listens where the settings say, and puts the port into them that the system chose for port 0.
pub(super) async fn listen(settings: &mut Settings) -> Result<TcpListener, Failure> {
    let address = settings.listen;
    let listener =
        TcpListener::bind(address).await.map_err(|error| Failure(format!("cannot listen on {address}: {error}")))?;
    settings.listening_on(listener.local_addr()?);
    Ok(listener)
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
