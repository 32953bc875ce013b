//! The jobs of the demo: a month of them, one that has fallen silent, and those under way.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::DemoUser;
use super::api::Api;
use super::recording::{Mishap, Planned, Recording, Variation};
use crate::cli::{Failure, Outcome};
use crate::sources::Clock;

/// Over how many days the past jobs lie, and how many of them before the last day.
pub(super) const PAST_DAYS: i64 = 30;
const EARLIER_JOBS: u32 = 52;
/// When the jobs of the last day were opened, in minutes before now.
const LAST_DAY: [i64; 14] = [1400, 1290, 1215, 1090, 960, 905, 850, 710, 600, 480, 395, 250, 140, 50];
/// How many jobs lie in the past.
pub(super) const PAST_JOBS: u32 = EARLIER_JOBS + 14;
/// The first jobs were of the older version.
const OLDER_JOBS: u32 = 8;
/// Opened 140 minutes ago, and nothing was heard of it since its first minutes.
const SILENT_JOB: u32 = PAST_JOBS - 2;
/// How many jobs are under way at a time, and how many seconds apart they begin.
const LANES: u32 = 3;
const LANE_SECONDS: u32 = 15;
/// How many times as long as the recorded run a job under way takes: about two minutes.
const LIVE_STRETCH: f64 = 11.0;
/// A past job took minutes.
const PAST_STRETCH: f64 = 45.0;

/// A kind of job, and the key of the program that does it.
pub(super) struct Program {
    pub(super) recording: Recording,
    pub(super) api: Api,
}

/// What there is to run, and for whom.
pub(super) struct Jobs {
    pub(super) older_brain_volumes: Program,
    pub(super) brain_volumes: Program,
    pub(super) motion_qc: Program,
    pub(super) customers: Vec<DemoUser>,
}

/// The provider's id of a job.
pub(super) fn case_id(number: u32) -> String {
    let kind = if is_motion_qc(number) { "motion" } else { "brain" };
    format!("{kind}-{:04}", number + 1)
}

fn is_motion_qc(number: u32) -> bool {
    number % 3 == 2
}

/// Numbers spread evenly over 0..1 that look like chance and are the same each time.
fn spread(number: u32) -> f64 {
    (f64::from(number) * 0.618_033_988_749_895).fract()
}

fn variation(number: u32, stretch: f64) -> Variation {
    let slow = if number % 9 == 4 { 2.6 } else { 1.0 };
    // Heads differ little in size, people differ much in how still they lie.
    let size = if is_motion_qc(number) { 0.6 + 1.3 * spread(number).powi(2) } else { 0.95 + 0.1 * spread(number) };
    Variation {
        stretch: stretch * slow * (0.85 + 0.3 * spread(number + 3)),
        size,
        scatter: 0.97 + 0.06 * spread(number * 5 + 1),
        mishap: match number % 8 {
            2 => Some(Mishap::Failed),
            5 => Some(Mishap::Retried),
            _ => None,
        },
    }
}

/// When a job of the past was opened.
fn opened_at(number: u32, now: DateTime<Utc>) -> DateTime<Utc> {
    let of_last_day = number.checked_sub(EARLIER_JOBS).and_then(|index| LAST_DAY.get(usize::try_from(index).ok()?));
    if let Some(minutes) = of_last_day {
        return now - TimeDelta::minutes(*minutes);
    }
    let gap = TimeDelta::days(PAST_DAYS - 1).to_std().unwrap_or_default() / EARLIER_JOBS;
    now - TimeDelta::days(PAST_DAYS) + gap.mul_f64(f64::from(number) + 0.8 * spread(number + 7))
}

impl Jobs {
    fn program(&self, number: u32) -> &Program {
        match number {
            _ if is_motion_qc(number) => &self.motion_qc,
            0..OLDER_JOBS => &self.older_brain_volumes,
            _ => &self.brain_volumes,
        }
    }

    /// Opens a job: most are for one of the customers, some for nobody.
    async fn open(&self, number: u32) -> Result<String, Failure> {
        let Program { recording, api } = self.program(number);
        let id = case_id(number);
        let customer =
            if number % 7 == 6 { None } else { self.customers.get(usize::from(matches!(number % 5, 2 | 4))) };
        let what = if is_motion_qc(number) { "Motion check" } else { "Brain volumes" };
        let job = json!({
            "provider_job_id": id,
            "provider_job_name": format!("{what}, subject {:03}", 100 + number),
            "customer_id": customer.map(|customer| &customer.id),
            "tag": recording.configuration["tag"],
            "version": recording.configuration["version"],
        });
        api.post("/jobs", job).await?;
        Ok(id)
    }

    /// The jobs before the last day, at the times when they would have come.
    pub(super) async fn replay_earlier(&self, clock: &Clock, now: DateTime<Utc>) -> Outcome {
        for number in 0..EARLIER_JOBS {
            self.replay(clock, number, opened_at(number, now)).await?;
        }
        Ok(())
    }

    /// The jobs of the last day.
    pub(super) async fn replay_last_day(&self, clock: &Clock, now: DateTime<Utc>) -> Outcome {
        for number in EARLIER_JOBS..PAST_JOBS {
            self.replay(clock, number, opened_at(number, now)).await?;
        }
        Ok(())
    }

    async fn replay(&self, clock: &Clock, number: u32, opened: DateTime<Utc>) -> Outcome {
        clock.travel_to(opened);
        let id = self.open(number).await?;
        let program = self.program(number);
        let mut plan = program.recording.plan(variation(number, PAST_STRETCH), &id);
        // Past jobs told how far they were less often.
        plan.retain(|planned| planned.body.get("fraction").is_none() || planned.after.as_secs() % 20 < 4);
        if number == SILENT_JOB {
            plan.truncate(plan.len() / 2);
        }
        let at = |after: Duration| opened + TimeDelta::from_std(after).unwrap_or_default();
        // Sent together at their end: one by one they would keep those waiting who start the demo.
        clock.travel_to(at(plan.last().map_or(Duration::ZERO, |planned| planned.after)));
        let report = |Planned { after, mut body }: Planned| {
            body["provider_job_id"] = json!(id);
            body["occurred_at"] = json!(at(after));
            body
        };
        program.api.report_all(plan.into_iter().map(report).collect()).await
    }

    /// Jobs under way, for ever.
    pub(super) async fn keep_busy(&self) -> Outcome {
        futures::future::try_join_all((0..LANES).map(|lane| self.keep_lane_busy(lane))).await.map(drop)
    }

    /// One job after the other. The lanes begin apart, and only the last one fails now and then, so that there is always
    /// a job whose progress rises.
    async fn keep_lane_busy(&self, lane: u32) -> Outcome {
        sleep(Duration::from_secs((lane * LANE_SECONDS).into())).await;
        for round in 0.. {
            let number = PAST_JOBS + lane + LANES * round;
            let mut variation = variation(number, LIVE_STRETCH);
            if lane + 1 < LANES {
                variation.mishap = None;
            }
            let id = self.open(number).await?;
            let opened = Instant::now();
            let program = self.program(number);
            for Planned { after, body } in program.recording.plan(variation, &id) {
                sleep_until(opened + after).await;
                // The demo goes on when an event is lost: a machine that sleeps or stalls may make the server refuse one.
                if let Err(failure) = program.api.report(&id, body).await {
                    tracing::warn!(%failure, "the demo lost an event");
                }
            }
        }
        Ok(())
    }
}
