//! What is known of the job that is watched: a pure function of the updates that came.

use std::collections::VecDeque;
use std::fmt;

use serde::Deserialize;
use tokio::time::Instant;

use crate::events::Event;
use crate::jobs::{ExpectedEnd, Job, JobDetail, JobStep};
use crate::progress::JobStatus;

/// How many of the latest events are kept to be shown.
pub(super) const LATEST: u8 = 8;

/// A message of the stream about one event.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reported {
    /// The event.
    pub(super) event: Event,
    /// Its job as it was when the message was sent: never older than the event.
    pub(super) job: Job,
}

/// The message of the stream that nothing has come for longer than usual.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Silent {
    /// The job as it was when the message was sent.
    pub(super) job: Job,
}

/// What the stream tells.
#[derive(Debug)]
pub(super) enum Update {
    /// It is open, for the first time or again.
    Connected,
    /// It broke off.
    Lost(Outage),
    /// The job as it is, whatever came before.
    Snapshot(Box<JobDetail>),
    /// An event.
    Reported(Box<Reported>),
    /// Nothing has come for longer than usual. This may be told again.
    Silent(Box<Silent>),
}

/// A connection that broke off.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    /// Why.
    pub(super) reason: String,
    /// When the next attempt is made.
    pub(super) retry_at: Instant,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.retry_at.saturating_duration_since(Instant::now()).as_millis().div_ceil(1000);
        match seconds {
            0 => write!(f, "connection lost, trying again ({})", self.reason),
            seconds => write!(f, "connection lost, trying again in {seconds} s ({})", self.reason),
        }
    }
}

/// The job that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    /// The job as it was last told.
    pub(super) job: Job,
    /// Its steps as they were last read; see [`Watched::is_stale`].
    pub(super) steps: Vec<JobStep>,
    /// When it will have ended, as it was last read.
    expected_end: Option<ExpectedEnd>,
    /// The latest events, in the order they arrived.
    pub(super) events: VecDeque<Event>,
    /// Why nothing comes, if nothing does.
    pub(super) outage: Option<Outage>,
    /// The sequence up to which the steps tell.
    steps_as_of: i64,
    /// The sequence up to which events have come.
    seen: i64,
}

impl Watched {
    /// A job of which the events up to `seen` are left out.
    pub(super) fn new(detail: JobDetail, seen: i64) -> Self {
        Self {
            steps_as_of: detail.job.last_sequence,
            job: detail.job,
            steps: detail.steps,
            expected_end: detail.expected_end,
            events: VecDeque::new(),
            outage: None,
            seen,
        }
    }

    /// Takes an update in.
    pub(super) fn apply(&mut self, update: Update) {
        match update {
            Update::Connected => self.outage = None,
            Update::Lost(outage) => self.outage = Some(outage),
            Update::Snapshot(detail) => {
                // The server's history is another one than ours, as after a restored backup: ours counts no more.
                self.events.retain(|event| event.sequence <= detail.job.last_sequence);
                self.seen = detail.job.last_sequence;
                self.steps_as_of = detail.job.last_sequence;
                self.job = detail.job;
                self.steps = detail.steps;
                self.expected_end = detail.expected_end;
            }
            Update::Reported(reported) => self.note(*reported),
            Update::Silent(silent) if self.is_news(&silent) => self.job = silent.job,
            Update::Silent(_) => {}
        }
    }

    /// Whether it is not known that the job is silent, and no event has come since.
    pub(super) fn is_news(&self, Silent { job }: &Silent) -> bool {
        job.last_sequence >= self.job.last_sequence && job.silent_since != self.job.silent_since
    }

    fn note(&mut self, Reported { event, job }: Reported) {
        if event.sequence <= self.seen {
            return;
        }
        self.seen = event.sequence;
        if job.last_sequence >= self.job.last_sequence {
            self.job = job;
        }
        self.events.push_back(event);
        if self.events.len() > usize::from(LATEST) {
            self.events.pop_front();
        }
    }

    /// Takes the job in as it was read again, with its steps.
    pub(super) fn refresh(&mut self, detail: JobDetail) {
        if detail.job.last_sequence < self.job.last_sequence {
            return;
        }
        self.steps_as_of = detail.job.last_sequence;
        self.job = detail.job;
        self.steps = detail.steps;
        self.expected_end = detail.expected_end;
    }

    /// When it will have ended, while it is under way.
    pub(super) fn expected_end(&self) -> Option<&ExpectedEnd> {
        self.expected_end.as_ref().filter(|_| self.job.status == JobStatus::Running)
    }

    /// Whether the steps are older than the job.
    pub(super) fn is_stale(&self) -> bool {
        self.steps_as_of < self.job.last_sequence
    }

    /// Whether the job is completed and every event of it has been seen.
    pub(super) fn is_completed(&self) -> bool {
        self.job.status == JobStatus::Completed && self.has_all_events()
    }

    /// Whether the job is in error and every event of it has been seen. It may be tried again, so that is no end.
    pub(super) fn is_in_error(&self) -> bool {
        self.job.status == JobStatus::Error && self.has_all_events()
    }

    fn has_all_events(&self) -> bool {
        self.seen >= self.job.last_sequence
    }

    /// The step that an event is about.
    pub(super) fn step(&self, event: &Event) -> Option<&JobStep> {
        let id = event.step_configuration_id?;
        self.steps.iter().find(|step| step.step_configuration_id == id)
    }
}
