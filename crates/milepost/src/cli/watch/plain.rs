//! A job as plain lines, for a file, a pipe or a terminal that can do no more: one for the job as it is, one for each
//! event, one for the end. What concerns the connection goes to standard error.

use std::io::{self, Write};
use std::pin::Pin;

use chrono::SecondsFormat;
use futures::Stream;

use super::follow::next;
use super::watched::{Reported, Silent, Update, Watched};
use super::words::{Words, elapsed};
use super::{Ended, Until};
use crate::cli::Failure;
use crate::cli::server::RequestError;
use crate::cli::text::{Line, Tone, clean, duration, exact_expectation, job_status, percent};
use crate::jobs::{ExpectedEnd, Job};

/// Writes lines until the job ends.
pub(super) async fn follow(
    watched: &mut Watched,
    until: Until,
    mut updates: Pin<&mut (impl Stream<Item = Result<Update, RequestError>> + Send)>,
) -> Result<Ended, Failure> {
    let mut line = Some(first_line(&watched.job, watched.expected_end()));
    loop {
        if let Some(line) = line.take()
            && !write(&line)?
        {
            return Ok(Ended::Unread);
        }
        if let Some(ended) = until.is_reached(watched) {
            write(&last_line(&watched.job))?;
            return Ok(ended);
        }
        let update = next(updates.as_mut()).await?;
        match &update {
            Update::Connected if watched.outage.is_some() => eprintln!("milepost: connected again"),
            Update::Lost(outage) => eprintln!("milepost: {}", clean(&outage.to_string())),
            Update::Snapshot(detail) => line = Some(first_line(&detail.job, detail.expected_end.as_ref())),
            Update::Reported(reported) => line = Some(event_line(watched, reported)),
            Update::Silent(silent) if watched.is_news(silent) => line = silence_line(silent),
            Update::Connected | Update::Silent(_) => {}
        }
        watched.apply(update);
    }
}

/// Writes a line, at once: whoever reads is watching as well. False if nobody reads any more, as behind `head`.
fn write(line: &Line) -> io::Result<bool> {
    match writeln!(io::stdout(), "{}", line.render(false)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

fn first_line(job: &Job, expected: Option<&ExpectedEnd>) -> Line {
    let Job { provider_job_name: name, provider_job_id, tag, version, .. } = job;
    let expected = expected.map_or_else(String::new, |it| format!(", {}", exact_expectation(it)));
    Line::of(Tone::Plain, &format!("{name} ({provider_job_id}, {tag} {version}): {}{expected}", how_far(job)))
}

fn last_line(job: &Job) -> Line {
    let took = elapsed(job, job.finished_at.unwrap_or(job.updated_at)).map(duration);
    let took = took.map_or_else(String::new, |took| format!(", after {took}"));
    Line::of(Tone::Plain, &format!("{}{took}", how_far(job)))
}

/// `running, 42 %, 17 of 41 points, silent since 2026-11-22T09:30:20Z`
fn how_far(job: &Job) -> String {
    let (_, status, _) = job_status(job.status);
    let points = match job.points.total {
        0 => String::new(),
        total => format!(", {} of {total} points", job.points.done),
    };
    let progress = job.progress.map_or_else(String::new, |progress| format!(", {}", percent(Some(progress))));
    let silence =
        job.silent_since.map(|since| format!(", silent since {}", since.to_rfc3339_opts(SecondsFormat::Secs, true)));
    format!("{status}{progress}{points}{}", silence.unwrap_or_default())
}

/// In the place of an event, at the time since which there is none.
fn silence_line(Silent { job }: &Silent) -> Option<Line> {
    let since = job.silent_since?.to_rfc3339_opts(SecondsFormat::Secs, true);
    let line = format!("{since}  {:>5}  {:<8}  nothing has come since then", percent(job.progress), "silent");
    Some(Line::of(Tone::Plain, &line))
}

fn event_line(watched: &Watched, Reported { event, job }: &Reported) -> Line {
    let at = event.occurred_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let Words { kind, step, said, measured, .. } = Words::of(watched, event);
    let parts: Vec<String> = step.into_iter().chain(said).chain(measured).collect();
    let line = format!("{at}  {:>5}  {kind:<8}  {}", percent(job.progress), parts.join(" · "));
    Line::of(Tone::Plain, line.trim_end())
}
