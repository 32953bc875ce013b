//! `/metrics`: the numbers as Prometheus reads them, and where it may.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware, routing};
use prometheus::TextEncoder;
use tokio::net::TcpListener;

use crate::admission::Load;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::headers::complete_answer;
use crate::serve::serve_beside;

/// The text format of Prometheus.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long the database may take to say that it is there, before the numbers go out without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/metrics` among the other routes: for callers on this machine, unless it has a listener of its own.
pub(crate) async fn read_beside(State(app): State<App>, caller: Caller) -> Result<Response> {
    if app.settings().metrics_listen.is_some() || !is_local(caller) {
        return Err(Error::NotFound);
    }
    read(State(app)).await
}

/// Whether somebody on this machine asks. A proxy on it passes on what comes from elsewhere, and says so.
fn is_local(caller: Caller) -> bool {
    caller.address.is_loopback() && !caller.is_forwarded
}

async fn read(State(app): State<App>) -> Result<Response> {
    look_up(&app).await;
    let families = app.metrics().registry.gather();
    let text = TextEncoder::new().encode_to_string(&families).map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

async fn complete(State(app): State<App>, mut response: Response) -> Response {
    complete_answer(&app, false, &mut response);
    response
}

/// Serves `/metrics` by itself until the server stops.
pub async fn serve(listener: TcpListener, app: App) {
    let router = Router::new()
        .route("/metrics", routing::get(read))
        .route("/livez", routing::get(async || "ok\n"))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(middleware::map_response_with_state(app.clone(), complete))
        .with_state(app.clone());
    serve_beside(listener, router, &app).await;
}

/// Looks up the numbers that are not counted as things happen.
async fn look_up(app: &App) {
    let metrics = app.metrics();
    let streams = app.hub().count_streams();
    for (of, count) in [("job", streams.of_a_job), ("jobs", streams.of_all_jobs)] {
        metrics.streams.with_label_values(&[of]).set(to_gauge(count));
    }
    for pool in app.db().pools() {
        let numbers = &metrics.database_connections;
        numbers.with_label_values(&[pool.name, "idle"]).set(i64::from(pool.idle));
        numbers.with_label_values(&[pool.name, "used"]).set(i64::from(pool.size.saturating_sub(pool.idle)));
        metrics.database_connections_max.with_label_values(&[pool.name]).set(i64::from(pool.max));
    }
    for Load { work, used, room } in app.gates().loads() {
        for (numbers, count) in [(&metrics.work_used, used), (&metrics.work_room, room)] {
            numbers.with_label_values(&[work.as_str(), "turns"]).set(i64::from(count.turns));
            numbers.with_label_values(&[work.as_str(), "places"]).set(i64::from(count.places));
        }
    }
    if let Some(file) = app.settings().database_url.file() {
        look_at_file(app, file);
    }
    let answers = tokio::time::timeout(PATIENCE, app.db().ping()).await;
    let is_ready = matches!(answers, Ok(Ok(()))) && !app.closing().is_cancelled();
    metrics.ready.set(i64::from(is_ready));
}

/// How large SQLite's files are, and how much room they have.
fn look_at_file(app: &App, file: &Path) {
    let metrics = app.metrics();
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    for (name, path) in [("main", file.to_owned()), ("wal", PathBuf::from(log))] {
        // A log that was folded into its file is not there.
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        metrics.database_size.with_label_values(&[name]).set(to_gauge(size));
    }
    if let Ok(disk) = rustix::fs::statvfs(file) {
        let bytes = |blocks: u64| to_gauge(blocks.saturating_mul(disk.f_frsize));
        metrics.disk_free.with_label_values(&["database"]).set(bytes(disk.f_bavail));
        metrics.disk_size.with_label_values(&["database"]).set(bytes(disk.f_blocks));
    }
}

fn to_gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_on_this_machine_itself_is_local() {
        let caller =
            |address: &str, is_forwarded| Caller { address: address.parse().unwrap(), is_https: false, is_forwarded };
        assert!(is_local(caller("127.0.0.1", false)));
        assert!(is_local(caller("::1", false)));
        assert!(!is_local(caller("127.0.0.1", true)));
        assert!(!is_local(caller("192.0.2.1", false)));
    }
}
