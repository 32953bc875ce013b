//! The jobs of the demo: months of them, one that has fallen silent, and those under way.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::DemoUser;
use super::api::Api;
use super::recording::{Mishap, Planned, Recording, Variation};
use crate::cli::{Failure, Outcome};
use crate::sources::Clock;

/// Over how many days the past jobs lie, and how many of them before the last day: whatever today is, last month is whole,
/// and so is the one before it.
pub(super) const PAST_DAYS: i64 = 100;
const EARLIER_JOBS: u32 = 148;
/// When the jobs of the last day were opened, in minutes before now.
const LAST_DAY: [i64; 14] = [1400, 1290, 1215, 1090, 960, 905, 850, 710, 600, 480, 395, 250, 140, 50];
/// How many jobs lie in the past.
pub(super) const PAST_JOBS: u32 = EARLIER_JOBS + 14;
/// The first jobs of the second and of the third version of the brain volumes. The third came a fortnight ago.
const SECOND_VERSION: u32 = 45;
const THIRD_VERSION: u32 = 123;
/// Opened 140 minutes ago, and nothing was heard of it since its first minutes.
const SILENT_JOB: u32 = PAST_JOBS - 2;
/// How many jobs are under way at a time, and how many seconds apart they begin.
const LANES: u32 = 3;
const LANE_SECONDS: u32 = 15;
/// How many times as long as the recorded run a job takes: about two minutes. Those of the past took as long as those
/// under way, of whose end they tell.
const STRETCH: f64 = 11.0;

/// A kind of job, and the key of the program that does it.
pub(super) struct Program {
    pub(super) recording: Recording,
    pub(super) api: Api,
}

impl Program {
    /// Registers what it does.
    async fn register(&self) -> Outcome {
        self.api.post("/job-configurations", self.recording.configuration.clone()).await.map(drop)
    }
}

/// What there is to run, and for whom.
pub(super) struct Jobs {
    /// Three versions, in their order.
    pub(super) brain_volumes: [Program; 3],
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

/// The same, but most of them near the middle, as what is measured is.
fn usual(number: u32) -> f64 {
    (spread(number) + spread(number * number + 3) + spread(number * 12 + 7)) / 3.0
}

fn variation(number: u32) -> Variation {
    let slow = if number % 9 == 4 { 2.6 } else { 1.0 };
    // Heads differ little in size, people differ much in how still they lie.
    let size = if is_motion_qc(number) { 0.6 + 1.3 * spread(number).powi(2) } else { 0.94 + 0.12 * usual(number) };
    Variation {
        stretch: STRETCH * slow * (0.85 + 0.3 * spread(number + 3)),
        size,
        scatter: 0.96 + 0.08 * usual(number + 40),
        mishap: mishap(number),
    }
}

/// What goes wrong in a job. In the newest version of the brain volumes it is the segmentation, many times as often.
fn mishap(number: u32) -> Option<Mishap> {
    let is_newest = number >= THIRD_VERSION && !is_motion_qc(number);
    let [failed, retried] = if is_newest { [0.22, 0.42] } else { [0.03, 0.06] };
    match spread(number * 33 + 4) {
        chance if chance < failed => Some(Mishap::Failed),
        chance if chance < retried => Some(Mishap::Retried),
        chance if chance > 0.96 => Some(Mishap::Unreadable),
        _ => None,
    }
}

/// When a job of the past was opened. Weeks have more and more of them.
fn opened_at(number: u32, now: DateTime<Utc>) -> DateTime<Utc> {
    let of_last_day = number.checked_sub(EARLIER_JOBS).and_then(|index| LAST_DAY.get(usize::try_from(index).ok()?));
    if let Some(minutes) = of_last_day {
        return now - TimeDelta::minutes(*minutes);
    }
    let span = TimeDelta::days(PAST_DAYS - 1).to_std().unwrap_or_default();
    let share = (f64::from(number) + 0.8 * spread(number + 7)) / f64::from(EARLIER_JOBS);
    now - TimeDelta::days(PAST_DAYS) + span.mul_f64(share.powf(0.8))
}

impl Jobs {
    fn program(&self, number: u32) -> &Program {
        match number {
            _ if is_motion_qc(number) => &self.motion_qc,
            0..SECOND_VERSION => &self.brain_volumes[0],
            SECOND_VERSION..THIRD_VERSION => &self.brain_volumes[1],
            _ => &self.brain_volumes[2],
        }
    }

    /// Opens a job: most are for one of the customers, some for nobody.
    async fn open(&self, number: u32) -> Result<String, Failure> {
        let Program { recording, api } = self.program(number);
        let id = case_id(number);
        let customer = match number % 10 {
            _ if number % 7 == 6 => None,
            0 | 5 => self.customers.get(2),
            2 | 4 | 7 | 9 => self.customers.get(1),
            _ => self.customers.first(),
        };
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
        self.motion_qc.register().await?;
        for number in 0..EARLIER_JOBS {
            let opened = opened_at(number, now);
            // Each version comes with the first job of it.
            if let 0 | SECOND_VERSION | THIRD_VERSION = number {
                clock.travel_to(opened);
                self.program(number).register().await?;
            }
            self.replay(clock, number, opened).await?;
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
        let mut variation = variation(number);
        if number == SILENT_JOB {
            variation.mishap = None;
        }
        let mut plan = program.recording.plan(variation, &id);
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

    /// One job after the other. The lanes begin apart, and nothing goes wrong in the first, so that there is always a job
    /// whose progress rises.
    async fn keep_lane_busy(&self, lane: u32) -> Outcome {
        sleep(Duration::from_secs((lane * LANE_SECONDS).into())).await;
        for round in 0.. {
            let number = PAST_JOBS + lane + LANES * round;
            let mut variation = variation(number);
            if lane == 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_fails_far_more_often_than_those_before() {
        let rate = |numbers: std::ops::Range<u32>| {
            let runs: Vec<u32> = numbers.filter(|number| !is_motion_qc(*number)).collect();
            let failed =
                runs.iter().filter(|number| mishap(**number).is_some_and(|m| m != Mishap::Unreadable)).count();
            failed * 100 / runs.len()
        };
        assert!(rate(0..THIRD_VERSION) * 5 < rate(THIRD_VERSION..PAST_JOBS));
    }

    #[test]
    fn jobs_of_the_past_are_in_order_and_fill_the_months_before_this_one() {
        let now = DateTime::parse_from_rfc3339("2026-03-31T12:00:00Z").unwrap().to_utc();
        let opened: Vec<_> = (0..PAST_JOBS).map(|number| opened_at(number, now)).collect();
        assert!(opened.is_sorted());
        let of_month = |month: &str| opened.iter().filter(|at| at.format("%Y-%m").to_string() == month).count();
        assert!(of_month("2026-01") > 20 && of_month("2026-02") > 20, "{opened:?}");
    }

    #[test]
    fn a_version_begins_with_a_job_of_its_own() {
        assert!([0, SECOND_VERSION, THIRD_VERSION].iter().all(|number| !is_motion_qc(*number)));
    }

    #[test]
    fn the_first_job_under_way_is_of_the_newest_version_and_no_lane_mixes_kinds() {
        assert!(!is_motion_qc(PAST_JOBS) && PAST_JOBS.is_multiple_of(LANES));
    }
}
