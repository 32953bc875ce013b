//! `milepost serve`: the server, until it is told to stop.

use std::io;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, Outcome};
use crate::app::App;
use crate::config::{SettingArgs, Settings};
use crate::db::Db;
use crate::serve;
use crate::sources::Clock;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: SettingArgs,
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        let mut settings = self.settings.resolve()?;
        let mut signals = StopSignals::listen()?;
        if settings.is_https() && settings.trusted_proxies.is_empty() {
            tracing::warn!(
                "public_url is https and trusted_proxies names no proxy: every call of the API will be refused"
            );
        }
        serve::fit_to_open_files(&mut settings.limits);
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let listener = listen(&mut settings).await?;
        tracing::info!(url = %settings.public_url, database = %settings.database_url, "milepost is ready");
        let app = App::new(db, settings, Clock::default())?;
        let stop = CancellationToken::new();
        let serving = serve::serve(listener, app, stop.clone().cancelled_owned());
        let insisting = async {
            signals.next().await;
            tracing::info!("stopping");
            stop.cancel();
            signals.next().await;
        };
        tokio::select! {
            served = serving => served?,
            () = insisting => tracing::warn!("told twice to stop: not waiting for what is under way"),
        }
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

/// Ctrl-C and SIGTERM.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves at the next of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
