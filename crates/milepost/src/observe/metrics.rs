//! The numbers that Prometheus asks for, in a registry of each server's own. Labels have few values: never an id, an
//! address or a path, which would cost memory for each of them and tell what they say.

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::app::API;
use crate::error::{Error, Problem, ProblemType, Result};
use crate::events::Event;
use crate::progress::EventKind;

/// Seconds, from an answer out of memory to one that nobody waits for any more.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Events of a commit.
const EVENTS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
/// Why events are refused most of all: these are there from the start, so that the first one is seen as a rise.
const REASONS: [&str; 8] =
    ["bad-json", "forbidden", "internal", "invalid", "not-found", "too-large", "too-many-requests", "unavailable"];

/// The numbers of one server.
#[derive(Clone)]
pub struct Metrics(Arc<Numbers>);

/// What is counted. Those that are looked up when somebody asks are in `page.rs`.
pub struct Numbers {
    pub(super) registry: Registry,
    requests: IntCounterVec,
    pub(super) request_duration: HistogramVec,
    pub(super) requests_in_flight: IntGauge,
    connections: IntGauge,
    events_recorded: IntCounterVec,
    events_repeated: IntCounter,
    events_refused: IntCounterVec,
    events_waiting: IntGauge,
    commit_duration: Histogram,
    commit_events: Histogram,
    sign_ins: IntCounterVec,
    /// Streams that ended because their watcher read too slowly.
    pub streams_cut_off: IntCounter,
    pub(super) streams: IntGaugeVec,
    pub(super) ready: IntGauge,
    pub(super) database_connections: IntGaugeVec,
    pub(super) database_connections_max: IntGaugeVec,
    pub(super) database_size: IntGaugeVec,
    pub(super) work_used: IntGaugeVec,
    pub(super) work_room: IntGaugeVec,
    pub(super) disk_free: IntGaugeVec,
    pub(super) disk_size: IntGaugeVec,
    /// Times that spans could not be sent.
    pub trace_export_failures: IntCounter,
}

impl std::ops::Deref for Metrics {
    type Target = Numbers;

    fn deref(&self) -> &Numbers {
        &self.0
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// All numbers at zero, of a server over this kind of database.
    pub fn new(database: &'static str) -> Result<Self> {
        Numbers::new(database).map(|numbers| Self(Arc::new(numbers))).map_err(Error::internal)
    }
}

impl Numbers {
    fn new(database: &'static str) -> prometheus::Result<Self> {
        let new = Family { registry: Registry::new() };
        let numbers = Self {
            requests: new.counters(
                "http_requests_total",
                "Requests by route, method and status; 499: the client went away before the answer.",
                &["route", "method", "status"],
            )?,
            request_duration: new.histograms(
                "http_request_duration_seconds",
                "How long answers took, streams apart.",
                &["route", "method"],
            )?,
            requests_in_flight: new.gauge("http_requests_in_flight", "Requests that wait for their answer.")?,
            connections: new.gauge("http_connections", "Connections that are open.")?,
            events_recorded: new.counters("events_recorded_total", "Events that were recorded.", &["kind"])?,
            events_repeated: new
                .counter("events_repeated_total", "Events that were sent again under their idempotency key.")?,
            events_refused: new.counters(
                "events_refused_total",
                "Events that were refused, by the type of the problem; a batch that is refused whole counts once.",
                &["reason"],
            )?,
            events_waiting: new.gauge("events_waiting", "Events that wait for their turn to be written.")?,
            commit_duration: new.histogram(
                "commit_duration_seconds",
                "How long it took to make a group of events durable once its turn had come.",
                &SECONDS,
            )?,
            commit_events: new.histogram("commit_events", "Events of a commit.", &EVENTS)?,
            sign_ins: new.counters("sign_ins_total", "Attempts to sign in by how they ended.", &["result"])?,
            streams_cut_off: new
                .counter("streams_cut_off_total", "Streams that ended because their watcher read too slowly.")?,
            streams: new.gauges("streams", "Live streams that are open.", &["of"])?,
            ready: new.gauge("ready", "1 if the database answers and the server is not stopping.")?,
            database_connections: new.gauges(
                "database_connections",
                "Connections to the database by pool and whether they are used.",
                &["pool", "state"],
            )?,
            database_connections_max: new.gauges(
                "database_connections_max",
                "The most connections a pool makes.",
                &["pool"],
            )?,
            database_size: new.gauges("database_size_bytes", "SQLite's file and its log.", &["file"])?,
            work_used: new.gauges(
                "work_used",
                "Turns and places that are taken; who has a place and no turn waits.",
                &["work", "of"],
            )?,
            work_room: new.gauges("work_room", "Turns and places that there are.", &["work", "of"])?,
            disk_free: new.gauges("disk_free_bytes", "What is free where SQLite's file is.", &["disk"])?,
            disk_size: new.gauges("disk_size_bytes", "The size of the disk where SQLite's file is.", &["disk"])?,
            trace_export_failures: new
                .counter("trace_export_failures_total", "Times that spans could not be sent.")?,
            registry: new.registry,
        };
        #[cfg(target_os = "linux")]
        numbers.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        for kind in EventKind::ALL {
            numbers.events_recorded.with_label_values(&[kind.as_str()]);
        }
        for reason in REASONS {
            numbers.events_refused.with_label_values(&[reason]);
        }
        for result in ["accepted", "refused", "throttled"] {
            numbers.sign_ins.with_label_values(&[result]);
        }
        numbers.describe_build(database)?;
        Ok(numbers)
    }

    /// Notes what kind of build this is, and over which database.
    fn describe_build(&self, database: &'static str) -> prometheus::Result<()> {
        let labels = Opts::new("milepost_build_info", "Which version of Milepost this is.")
            .const_label("version", env!("CARGO_PKG_VERSION"))
            .const_label("database", database);
        let info = IntGauge::with_opts(labels)?;
        info.set(1);
        self.registry.register(Box::new(info))
    }

    /// Counts a request, and what it means for sign-ins and events.
    pub(super) fn count_request(&self, route: &str, method: &str, status: u16, problem: Option<&str>) {
        self.requests.with_label_values(&[route, method, &status.to_string()]).inc();
        let Some(route) = route.strip_prefix(API).filter(|_| method == "POST") else { return };
        match (route, status) {
            ("/login", 200) => self.sign_ins.with_label_values(&["accepted"]).inc(),
            ("/login", 401) => self.sign_ins.with_label_values(&["refused"]).inc(),
            ("/login", 429) => self.sign_ins.with_label_values(&["throttled"]).inc(),
            ("/events" | "/events/batch", _) => {
                if let Some(reason) = problem {
                    self.events_refused.with_label_values(&[reason]).inc();
                }
            }
            _ => {}
        }
    }

    /// Counts an event of a batch that was refused.
    pub fn count_refused(&self, problem: &Problem) {
        self.events_refused.with_label_values(&[ProblemType(problem.kind).label()]).inc();
    }

    /// Counts an event that is durable.
    pub fn count_event(&self, event: &Event, is_new: bool) {
        if is_new {
            self.events_recorded.with_label_values(&[event.kind.as_str()]).inc();
        } else {
            self.events_repeated.inc();
        }
    }

    /// Notes that so many events wait for their turn to be written, until what it gives is dropped.
    #[must_use]
    pub fn wait_for_turn(&self, events: usize) -> Present {
        Present::new(&self.events_waiting, i64::try_from(events).unwrap_or(i64::MAX))
    }

    /// Notes that a connection is open until what it gives is dropped.
    #[must_use]
    pub fn open_connection(&self) -> Present {
        Present::new(&self.connections, 1)
    }

    /// Notes a commit: how many events it made durable, and how long that took.
    pub fn count_commit(&self, events: usize, seconds: f64) {
        self.commit_duration.observe(seconds);
        self.commit_events.observe(u32::try_from(events).map_or(f64::INFINITY, f64::from));
    }
}

/// Counts in a gauge as long as it is there.
#[derive(Debug)]
pub struct Present {
    gauge: IntGauge,
    count: i64,
}

impl Present {
    fn new(gauge: &IntGauge, count: i64) -> Self {
        gauge.add(count);
        Self { gauge: gauge.clone(), count }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.gauge.sub(self.count);
    }
}

/// Makes numbers under our name and registers them.
struct Family {
    registry: Registry,
}

impl Family {
    fn options(name: &str, help: &str) -> Opts {
        Opts::new(format!("milepost_{name}"), help)
    }

    fn register<C: Collector + Clone + 'static>(&self, numbers: prometheus::Result<C>) -> prometheus::Result<C> {
        let numbers = numbers?;
        self.registry.register(Box::new(numbers.clone()))?;
        Ok(numbers)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::with_opts(Self::options(name, help)))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(Self::options(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::with_opts(Self::options(name, help)))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(Self::options(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        let options = HistogramOpts::from(Self::options(name, help)).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(options))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::from(Self::options(name, help)).buckets(SECONDS.to_vec());
        self.register(HistogramVec::new(options, labels))
    }
}
