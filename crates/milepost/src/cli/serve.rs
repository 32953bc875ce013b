//! `milepost serve`: the server, until it is told to stop.

use std::io;
use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, Outcome};
use crate::app::App;
use crate::config::{SettingArgs, Settings, warn_of_unknown_variables};
use crate::db::Db;
use crate::observe::metrics::Metrics;
use crate::observe::traces::Traces;
use crate::observe::{log, page};
use crate::serve;
use crate::sources::Clock;

/// What is logged unless told otherwise. PostgreSQL's notices at each start say that tables exist already.
const LOGGED: &str = "info,sqlx::postgres::notice=warn";

/// What `--help` says at its end.
const NOTES: &str = "\
Each setting is a variable of the environment as well, MILEPOST_ and its name in capitals (MILEPOST_PUBLIC_URL), and but
for --config a key of the settings file (public_url = \"https://milepost.example.org\"). Flags beat variables, variables
beat the file. DATABASE_URL is heeded where MILEPOST_DATABASE_URL is not set.

Variables only: MILEPOST_LOG, what is logged (error, warn, info, debug; milepost=debug for our own part), and the OTEL_…
of OpenTelemetry, OTEL_EXPORTER_OTLP_ENDPOINT first, which send traces.";

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: SettingArgs,
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        // Where the system gives pages of 2 MiB unasked, an idle server would keep a dozen of them for the few MiB that it
        // needs. The allocator asks for none (`no_thp`).
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::disable_transparent_huge_pages(true);
        let mut settings = self.settings.resolve()?;
        log::start(LOGGED, settings.log_format).map_err(Failure)?;
        warn_of_unknown_variables();
        let mut signals = StopSignals::listen()?;
        if settings.is_https() && settings.trusted_proxies.is_empty() {
            tracing::warn!(
                "public_url is https and trusted_proxies names no proxy: every call of the API will be refused"
            );
        }
        serve::fit_to_open_files(&mut settings.limits);
        let metrics = Metrics::new(settings.database_url.kind())?;
        let traces = Traces::from_env(&metrics)?;
        let db = Db::open(&settings.database_url).await?;
        db.expect_writable().await?;
        db.migrate().await?;
        let listener = listen(&mut settings).await?;
        let for_metrics = match settings.metrics_listen {
            Some(address) => Some(bind(address, "metrics_listen").await?),
            None => None,
        };
        let (url, database) = (settings.public_url.clone(), settings.database_url.clone());
        let app = App::observed(db, settings, Clock::default(), metrics, traces.clone());
        if let Some(listener) = for_metrics {
            tracing::info!(address = %listener.local_addr()?, "metrics are ready");
            tokio::spawn(page::serve(listener, app.clone()));
        }
        tracing::info!(%url, %database, "milepost is ready");
        let stop = CancellationToken::new();
        let serving = serve::serve(listener, app, stop.clone().cancelled_owned());
        let insisting = async {
            signals.next().await;
            tracing::info!("stopping");
            stop.cancel();
            signals.next().await;
        };
        let served = tokio::select! {
            served = serving => served,
            () = insisting => {
                tracing::warn!("told twice to stop: not waiting for what is under way");
                return Ok(());
            }
        };
        traces.flush().await;
        served?;
        tracing::info!("milepost has stopped");
        Ok(())
    }
}

/// Listens where the settings say, and puts the port into them that the system chose for port 0.
pub(super) async fn listen(settings: &mut Settings) -> Result<TcpListener, Failure> {
    let listener = bind(settings.listen, "listen").await?;
    settings.listening_on(listener.local_addr()?);
    Ok(listener)
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure(format!("cannot listen on {address} (the setting {setting}): {error}")))
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
