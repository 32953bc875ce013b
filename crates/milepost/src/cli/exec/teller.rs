//! What is told of a program: its steps and how far they are as its lines say, and how it ended.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::program::Ended;
use super::rules::{Found, Kind, Rules};
use crate::cli::event::body;
use crate::cli::report::{Report, Reporter};
use crate::cli::terminal::note;

/// Of what only says how far a step is, one event is told in this time.
const FRACTION_PAUSE: Duration = Duration::from_secs(1);
/// How long the end waits for the server.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest text of an event, in characters.
const LONGEST_TEXT: usize = 1000;

/// Tells what a program does.
#[derive(Debug)]
pub(super) struct Teller {
    rules: Rules,
    job: String,
    /// The newest lines.
    last_lines: VecDeque<String>,
    most_lines: usize,
    /// When it was told last how far a step is, and what has not been told yet.
    fractions: BTreeMap<String, (Instant, Option<Found>)>,
    reporter: Reporter,
}

impl Teller {
    pub(super) fn new(rules: Rules, job: String, most_lines: usize, reporter: Reporter) -> Self {
        Self { rules, job, last_lines: VecDeque::new(), most_lines, fractions: BTreeMap::new(), reporter }
    }

    /// Opens the job.
    pub(super) fn open(&mut self, opening: Report) {
        self.report(opening);
    }

    /// Tells what lines say.
    pub(super) fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.line(line);
        }
    }

    /// Says what there is to say of the reporting itself.
    pub(super) fn remark(&self) {
        for remark in self.reporter.take_remarks() {
            note!("{remark}");
        }
    }

    fn line(&mut self, line: &str) {
        if self.most_lines > 0 {
            if self.last_lines.len() == self.most_lines {
                self.last_lines.pop_front();
            }
            self.last_lines.push_back(line.trim_end().chars().take(LONGEST_TEXT).collect());
        }
        let Some(found) = self.rules.find(line) else { return };
        let step = found.step.clone().filter(|_| found.is_mere_fraction());
        let Some(step) = step else {
            if found.kind == Kind::Step {
                // How far it was before is of no interest.
                self.fractions.remove(found.step.as_deref().unwrap_or_default());
            }
            // What was said before is told before.
            self.tell_waiting();
            return self.tell(&found);
        };
        match self.fractions.get_mut(&step) {
            Some((told, waiting)) if told.elapsed() < FRACTION_PAUSE => *waiting = Some(found),
            _ => {
                self.tell(&found);
                self.fractions.insert(step, (Instant::now(), None));
            }
        }
    }

    /// Tells what has waited for its time.
    pub(super) fn tick(&mut self) {
        let due: Vec<Found> = self
            .fractions
            .values_mut()
            .filter(|(told, _)| told.elapsed() >= FRACTION_PAUSE)
            .filter_map(|(told, waiting)| {
                let found = waiting.take()?;
                *told = Instant::now();
                Some(found)
            })
            .collect();
        for found in &due {
            self.tell(found);
        }
    }

    fn tell_waiting(&mut self) {
        let waiting: Vec<Found> = self.fractions.values_mut().filter_map(|(_, waiting)| waiting.take()).collect();
        for found in &waiting {
            self.tell(found);
        }
    }

    /// Tells how the program ended. Gives whether the server has all of it.
    pub(super) async fn end(mut self, program: &[OsString], ended: Result<Ended, &io::Error>) -> bool {
        self.tell_waiting();
        let name = program.first().map(|program| program.to_string_lossy()).unwrap_or_default();
        let reason = match ended {
            Ok(ended) if ended.is_well() => None,
            Ok(ended) => Some(format!("{name} {ended}")),
            Err(error) => Some(format!("{name} cannot be run: {error}")),
        };
        let report = match reason {
            None => self.event("complete", None),
            Some(reason) => self.event("error", Some(self.with_last_lines(&reason))),
        };
        self.report(report);
        let (is_complete, remarks) = self.reporter.finish(PATIENCE).await;
        for remark in remarks {
            note!("{remark}");
        }
        is_complete
    }

    /// The last lines matter most: what is too long is cut before them.
    fn with_last_lines(&self, reason: &str) -> String {
        let lines: Vec<&str> = self.last_lines.iter().map(String::as_str).collect();
        let lines = lines.join("\n");
        let room = LONGEST_TEXT.saturating_sub(reason.chars().count() + 3);
        let length = lines.chars().count();
        let kept: String = lines.chars().skip(length.saturating_sub(room)).collect();
        match (kept.is_empty(), length > room) {
            (true, _) => reason.chars().take(LONGEST_TEXT).collect(),
            (false, true) => format!("{reason}:\n…{kept}"),
            (false, false) => format!("{reason}:\n{kept}"),
        }
    }

    fn tell(&mut self, found: &Found) {
        let report = found.report(&self.job);
        self.report(report);
    }

    fn event(&self, kind: &str, text: Option<String>) -> Report {
        let text = text.map(|text| json!(text));
        Report::Event(body([("provider_job_id", Some(json!(self.job))), ("kind", Some(json!(kind))), ("name", text)]))
    }

    fn report(&mut self, report: Report) {
        self.reporter.report(report);
    }
}
