//! When a running job is silent, and when to look at it next: pure functions of what was reported of it.
//!
//! Events leave the time of the next look as it is, so that it has to be right whatever comes until then: no later than
//! the job may be silent if nothing comes, nor than it may be if the next event comes at once and begins the step that
//! takes the shortest.

use chrono::{DateTime, TimeDelta, Utc};

use crate::progress::{Moment, StepSummary};

/// The least time without news after which a job is silent.
pub const LEAST: TimeDelta = TimeDelta::minutes(2);
/// The same where too little is known of a step.
pub(super) const USUAL: TimeDelta = TimeDelta::hours(1);
/// The longest time between two looks: what is known of steps changes.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// How long the jobs of a configuration may go without news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    /// While a step is under way, for each in their order.
    pub(super) of_steps: Vec<TimeDelta>,
    /// While none is.
    pub(super) otherwise: TimeDelta,
}

/// What events have said of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    latest: Moment,
    finished: Option<Moment>,
}

impl From<&StepSummary> for Reported {
    fn from(summary: &StepSummary) -> Self {
        Self { latest: summary.latest.moment, finished: summary.finished }
    }
}

/// What a look at a job says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing has come for too long.
    Silent,
    /// Something may still come in time; look again then.
    LookAt(DateTime<Utc>),
}

/// When to look first at a job that begins to run, or runs again.
pub(in crate::jobs) fn first_look(news_at: DateTime<Utc>) -> DateTime<Utc> {
    news_at + LEAST
}

/// Looks at a running job, of which `reported` has what events said of each step.
pub(super) fn look(
    now: DateTime<Utc>,
    news_at: DateTime<Utc>,
    limits: &Limits,
    reported: &[Option<Reported>],
) -> Verdict {
    let limit = step_under_way(reported).map_or(limits.otherwise, |step| limits.of_steps[step]);
    let silent_at = news_at + limit;
    if silent_at <= now {
        return Verdict::Silent;
    }
    let unfinished = limits.of_steps.iter().zip(reported).filter(|(_, step)| !is_finished(step.as_ref()));
    // With the last step finished none is under way.
    let least = unfinished.map(|(limit, _)| *limit).fold(limits.otherwise, TimeDelta::min);
    Verdict::LookAt(silent_at.min(now + least.min(LONGEST_PAUSE)))
}

/// The step that a job is at: the unfinished one that was named last; else the first unfinished one behind that which
/// finished last; else the first of all that are unfinished.
fn step_under_way(reported: &[Option<Reported>]) -> Option<usize> {
    let each = || reported.iter().enumerate();
    let begun = each().filter_map(|(place, step)| Some((step.filter(|step| step.finished.is_none())?.latest, place)));
    if let Some((_, place)) = begun.max() {
        return Some(place);
    }
    let finished = each().filter_map(|(place, step)| Some((step.as_ref()?.finished?, place)));
    let behind = finished.max().map_or(0, |(_, place)| place + 1);
    let first_from =
        |from: usize| each().skip(from).find(|(_, step)| !is_finished(step.as_ref())).map(|(place, _)| place);
    first_from(behind).or_else(|| first_from(0))
}

fn is_finished(step: Option<&Reported>) -> bool {
    step.is_some_and(|step| step.finished.is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn limits(minutes: &[i64]) -> Limits {
        Limits { of_steps: minutes.iter().map(|minutes| TimeDelta::minutes(*minutes)).collect(), otherwise: USUAL }
    }

    /// What was said of each step: `None`, or when it was named last and whether it is finished.
    fn reported(steps: &[Option<(i64, bool)>]) -> Vec<Option<Reported>> {
        let moment = |seconds| Moment { at: at(seconds), sequence: seconds };
        let of = |(seconds, is_finished): (i64, bool)| Reported {
            latest: moment(seconds),
            finished: is_finished.then_some(moment(seconds)),
        };
        steps.iter().map(|step| step.map(of)).collect()
    }

    #[test]
    fn the_step_under_way_is_the_one_named_last_or_the_next_in_order() {
        let under_way = |steps: &[Option<(i64, bool)>]| step_under_way(&reported(steps));
        assert_eq!(under_way(&[]), None);
        assert_eq!(under_way(&[None, None]), Some(0));
        assert_eq!(under_way(&[Some((1, false)), Some((5, false)), Some((3, false))]), Some(1));
        assert_eq!(under_way(&[Some((1, false)), Some((5, true)), None]), Some(0), "named before the next in order");
        assert_eq!(under_way(&[None, Some((5, true)), None, None]), Some(2));
        assert_eq!(under_way(&[None, Some((5, true)), None, Some((4, true))]), Some(2), "behind the last to finish");
        assert_eq!(under_way(&[None, Some((4, true)), None, Some((5, true))]), Some(0), "none is left behind it");
        assert_eq!(under_way(&[Some((1, true)), Some((2, true))]), None);
    }

    #[test]
    fn a_job_is_silent_when_its_step_has_taken_as_long_as_it_ever_does() {
        let limits = limits(&[5, 30]);
        let first = reported(&[Some((0, false)), None]);
        let second = reported(&[Some((0, true)), None]);
        assert_eq!(look(at(299), at(0), &limits, &first), Verdict::LookAt(at(300)));
        assert_eq!(look(at(300), at(0), &limits, &first), Verdict::Silent);
        assert_eq!(look(at(300), at(0), &limits, &second), Verdict::LookAt(at(1800)));
        assert_eq!(look(at(1800), at(0), &limits, &second), Verdict::Silent);
    }

    #[test]
    fn the_next_look_is_in_time_for_the_shortest_step_that_may_follow() {
        let limits = limits(&[30, 3]);
        assert_eq!(look(at(0), at(0), &limits, &reported(&[None, None])), Verdict::LookAt(at(180)));
        assert_eq!(look(at(0), at(0), &limits, &reported(&[None, Some((0, true))])), Verdict::LookAt(at(1800)));
        let months = Limits { of_steps: vec![TimeDelta::days(60)], otherwise: TimeDelta::days(60) };
        assert_eq!(look(at(0), at(0), &months, &reported(&[None])), Verdict::LookAt(at(3600)), "at least each hour");
    }

    /// An event: seconds after the one before it, the step it names if any, and whether that is finished by it.
    type Event = (i64, Option<usize>, bool);

    /// What is stored at a time: when the last news came and what was said of each step.
    fn state_at(
        now: DateTime<Utc>,
        steps: usize,
        events: &[(DateTime<Utc>, Event)],
    ) -> (DateTime<Utc>, Vec<Option<Reported>>) {
        let mut reported: Vec<Option<Reported>> = vec![None; steps];
        let mut news_at = events[0].0;
        for (sequence, (event_at, (_, named, finishes))) in (1..).zip(events).take_while(|(_, (at, _))| *at <= now) {
            news_at = *event_at;
            if let Some(place) = named.filter(|place| *place < steps) {
                let moment = Moment { at: *event_at, sequence };
                let before = reported[place].and_then(|step| step.finished);
                reported[place] = Some(Reported { latest: moment, finished: before.or(finishes.then_some(moment)) });
            }
        }
        (news_at, reported)
    }

    proptest! {
        #[test]
        fn a_job_is_found_silent_at_the_very_moment_whatever_came_before(
            minutes in prop::collection::vec(2..90_i64, 0..6),
            otherwise in 2..90_i64,
            gaps in prop::collection::vec((0..4_000_i64, prop::option::of(0..6_usize), any::<bool>()), 1..40),
        ) {
            let limits = Limits { otherwise: TimeDelta::minutes(otherwise), ..limits(&minutes) };
            let mut event_at = at(0);
            let events: Vec<(DateTime<Utc>, Event)> = gaps
                .into_iter()
                .map(|event| { event_at += TimeDelta::seconds(event.0); (event_at, event) })
                .collect();
            let limit_at = |now| {
                let (news_at, reported) = state_at(now, minutes.len(), &events);
                news_at + step_under_way(&reported).map_or(limits.otherwise, |step| limits.of_steps[step])
            };
            let next_events = events.iter().skip(1).map(|(at, _)| Some(*at)).chain([None]);
            let silent_at = events
                .iter()
                .zip(next_events)
                .map(|((event_at, _), next)| (limit_at(*event_at), next))
                .find(|(silent_at, next)| next.is_none_or(|next| next > *silent_at))
                .map(|(silent_at, _)| silent_at);

            let mut now = first_look(events[0].0);
            let mut looks = 1;
            loop {
                let (news_at, reported) = state_at(now, minutes.len(), &events);
                match look(now, news_at, &limits, &reported) {
                    Verdict::Silent => break,
                    Verdict::LookAt(next) => {
                        prop_assert!(next > now);
                        now = next;
                        looks += 1;
                    }
                }
            }
            prop_assert_eq!(Some(now), silent_at);
            let most = (now - events[0].0).num_seconds() / LEAST.num_seconds() + i64::try_from(events.len()).unwrap() + 1;
            prop_assert!(looks <= most, "{} looks, {} would do", looks, most);
        }
    }
}
