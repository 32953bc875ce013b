//! The state of a job, held against an oracle: the rules of docs/API.md ("Status and progress") written down once more, slowly,
//! each by reading all events again. Then every rule by its name.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use milepost::configurations::{Metadata, MetadataKind};
use milepost::events::measure;
use milepost::progress::{
    EventKind, Fact, JobStatus, JobSummary, MILLION, Moment, StepStatus, StepSummary, StepView, Totals, progress,
    view_steps,
};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use EventKind::{Complete, Error, Info, Step};

/// What every step of these tests defines.
const DEFINED: [(&str, MetadataKind); 2] = [("Density", MetadataKind::Number), ("Comment", MetadataKind::Text)];

/// An event, as far as the state depends on it.
#[derive(Debug, Clone)]
struct Event {
    kind: EventKind,
    step: Option<usize>,
    occurred_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    fraction: Option<i64>,
    metadata: Option<Map<String, Value>>,
}

/// A job: the points of its steps, and its events in the order of their arrival.
#[derive(Debug, Clone)]
struct Job {
    points: Vec<i64>,
    events: Vec<Event>,
}

/// When the jobs of these tests were opened.
fn opened_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn minute(minutes: i64) -> DateTime<Utc> {
    opened_at() + TimeDelta::minutes(minutes)
}

fn event(kind: EventKind, step: impl Into<Option<usize>>, minutes: i64) -> Event {
    let at = minute(minutes);
    Event { kind, step: step.into(), occurred_at: at, created_at: at, fraction: None, metadata: None }
}

/// The events arrive one a minute, in the order given.
fn job(points: &[i64], events: Vec<Event>) -> Job {
    let mut job = Job { points: points.to_vec(), events };
    for (event, minutes) in job.events.iter_mut().zip(0..) {
        event.created_at = minute(minutes);
    }
    job
}

// What the server makes of it: one event after the other, each folded into the summaries.

/// All that a reader learns of a job.
#[derive(Debug, Clone, PartialEq)]
struct State {
    status: JobStatus,
    progress: Option<f64>,
    points_done: i64,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
    steps: Vec<StepView>,
    metadata: Vec<BTreeMap<String, Value>>,
}

fn fact(event: &Event, sequence: i64) -> Fact {
    let defined = DEFINED.map(|(name, kind)| Metadata {
        id: Uuid::nil(),
        step_configuration_id: Uuid::nil(),
        kind,
        name: name.to_owned(),
        units: None,
        position: 0,
        created_at: opened_at(),
        updated_at: opened_at(),
    });
    Fact {
        kind: event.kind,
        moment: Moment { at: event.occurred_at, sequence },
        created_at: event.created_at,
        fraction: event.fraction,
        metadata: event.metadata.as_ref().map(|sent| measure(sent, &defined).unwrap()).unwrap_or_default(),
    }
}

fn state(job: &Job) -> State {
    let totals = Totals::of(&job.points);
    let mut summary = JobSummary::default();
    let mut steps: Vec<Option<StepSummary>> = vec![None; job.points.len()];
    for (event, sequence) in job.events.iter().zip(1..) {
        let named = event.step.map(|step| (job.points[step], steps[step].take()));
        let after = summary.apply(totals, fact(event, sequence), named);
        if let Some(step) = event.step {
            steps[step] = after;
        }
    }
    let references: Vec<Option<&StepSummary>> = steps.iter().map(Option::as_ref).collect();
    let complete = summary.is_complete();
    State {
        status: summary.status(totals),
        progress: progress(complete, summary.tally.weight_done_millionths, totals.weight_total()),
        points_done: summary.tally.points_done,
        started_at: summary.started_at,
        finished_at: summary.finished_at(totals),
        last_event_at: summary.last_event_at,
        steps: view_steps(opened_at(), complete, &references),
        metadata: steps
            .iter()
            .map(|step| {
                let values = step.iter().flat_map(|step| &step.metadata);
                values.map(|(name, measurement)| (name.clone(), measurement.value.clone())).collect()
            })
            .collect(),
    }
}

// What docs/API.md says of it: each rule reads all events.

/// The events by (`occurred_at`, sequence): they are in the order of their sequences, and sorting is stable.
fn in_order(events: &[Event]) -> Vec<&Event> {
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by_key(|event| event.occurred_at);
    sorted
}

fn ends_in_error<'a>(events: impl DoubleEndedIterator<Item = &'a Event>) -> bool {
    events.rev().find(|event| event.kind != Info).is_some_and(|latest| latest.kind == Error)
}

fn oracle(job: &Job) -> State {
    let sorted = in_order(&job.events);
    let complete = sorted.iter().any(|event| event.kind == Complete);
    let naming = |step: usize| sorted.iter().copied().filter(move |event| event.step == Some(step));
    let finish = |step: usize| naming(step).find(|event| matches!(event.kind, Step | Complete));
    let fraction = |step: usize| naming(step).filter_map(|event| event.fraction).max().unwrap_or(0);
    let all: Vec<usize> = (0..job.points.len()).collect();
    let is_finished = |step: &&usize| finish(**step).is_some();
    let steps: Vec<StepView> = all.iter().map(|step| oracle_step(job, *step)).collect();

    let all_well = !steps.is_empty() && steps.iter().all(|step| step.status == StepStatus::Finished);
    let status = match () {
        () if sorted.is_empty() => JobStatus::Pending,
        () if ends_in_error(sorted.iter().copied()) => JobStatus::Error,
        () if complete || all_well => JobStatus::Completed,
        () => JobStatus::Running,
    };
    let last = |kind| sorted.iter().rev().find(|event| event.kind == kind).map(|event| event.occurred_at);
    State {
        status,
        progress: match () {
            () if complete => Some(1.0),
            () if all.is_empty() => None,
            () => {
                let weigh_alike = job.points.iter().all(|points| *points == 0);
                let weight = |step: &usize| if weigh_alike { 1 } else { job.points[*step] };
                let earned = |step: &usize| if finish(*step).is_some() { MILLION } else { fraction(*step) };
                let done: i64 = all.iter().map(|step| weight(step) * earned(step)).sum();
                let total: i64 = all.iter().map(|step| weight(step) * MILLION).sum();
                Some(exact_ratio(done, total))
            }
        },
        points_done: all.iter().filter(is_finished).map(|step| job.points[*step]).sum(),
        started_at: sorted.first().map(|event| event.occurred_at),
        finished_at: if status == JobStatus::Completed { last(Complete).or(last(Step)) } else { None },
        last_event_at: job.events.last().map(|event| event.created_at),
        steps,
        metadata: all.iter().map(|step| oracle_metadata(naming(*step))).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "six steps of a million points in millionths are below 2^53")]
fn exact_ratio(done: i64, total: i64) -> f64 {
    done as f64 / total as f64
}

fn oracle_step(job: &Job, step: usize) -> StepView {
    let sorted = in_order(&job.events);
    let naming: Vec<&Event> = sorted.iter().copied().filter(|event| event.step == Some(step)).collect();
    let finishes = |event: &&Event| matches!(event.kind, Step | Complete);
    let finish = naming.iter().copied().find(finishes);
    let begins_with_finish = naming.first().is_some_and(finishes);
    // The first finish of each other step, as far as it is before this one's, the latest last.
    let mut finished_steps = HashSet::new();
    let earlier_finish = sorted
        .iter()
        .copied()
        .filter(finishes)
        .filter(|event| event.step.is_some_and(|other| finished_steps.insert(other)))
        .take_while(|event| event.step != Some(step))
        .last();
    let started_at = match (naming.first(), finish, earlier_finish) {
        (Some(_), Some(_), Some(earlier)) if begins_with_finish => Some(earlier.occurred_at),
        (Some(_), Some(own), None) if begins_with_finish => Some(opened_at().min(own.occurred_at)),
        (first, ..) => first.map(|event| event.occurred_at),
    };
    let errors = naming.iter().filter(|event| event.kind == Error).count();
    let one_more = naming.last().is_some_and(|latest| latest.kind != Error);
    StepView {
        status: match () {
            () if ends_in_error(naming.iter().copied()) => StepStatus::Error,
            () if finish.is_some() => StepStatus::Finished,
            () if job.events.iter().any(|event| event.kind == Complete) => StepStatus::Skipped,
            () if !naming.is_empty() => StepStatus::Running,
            () => StepStatus::Pending,
        },
        fraction: match finish {
            Some(_) => MILLION,
            None => naming.iter().filter_map(|event| event.fraction).max().unwrap_or(0),
        },
        started_at,
        started_at_inferred: begins_with_finish,
        finished_at: finish.map(|event| event.occurred_at),
        attempts: i64::try_from(errors).unwrap() + i64::from(one_more),
    }
}

fn oracle_metadata<'a>(naming: impl Iterator<Item = &'a Event>) -> BTreeMap<String, Value> {
    let mut latest = BTreeMap::new();
    for (name, value) in naming.filter_map(|event| event.metadata.as_ref()).flatten() {
        let is_defined = DEFINED.iter().any(|(defined, _)| defined == name);
        if is_defined && !value.is_null() {
            latest.insert(name.clone(), value.clone());
        }
    }
    latest
}

// What is generated.

fn any_kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![4 => Just(Step), 3 => Just(Info), 3 => Just(Error), 1 => Just(Complete)]
}

fn any_points() -> impl Strategy<Value = Vec<i64>> {
    let points = prop_oneof![3 => 0_i64..=10, 1 => Just(0_i64), 1 => Just(1_000_000_i64), 1 => 0_i64..=1_000_000];
    prop_oneof![5 => prop::collection::vec(points, 0..=6), 1 => prop::collection::vec(Just(0_i64), 0..=6)]
}

fn any_metadata() -> impl Strategy<Value = Option<Map<String, Value>>> {
    let density = prop_oneof![(0..9).prop_map(|n| json!(n)), Just(Value::Null)];
    let comment = prop_oneof![(0..9).prop_map(|n| json!(format!("{n} fragments"))), Just(Value::Null)];
    let unknown = prop_oneof![Just(json!("not defined")), Just(json!(true)), Just(Value::Null)];
    let fields = (prop::option::of(density), prop::option::of(comment), prop::option::of(unknown));
    prop::option::of(fields.prop_map(|(density, comment, unknown)| {
        let fields = [("Density", density), ("Comment", comment), ("Unknown", unknown)];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }))
}

prop_compose! {
    /// An event about one of so many steps: of any kind, at a time before or after the job was opened and often that of
    /// others, or at none of its own.
    fn any_event(steps: usize)(
        kind in any_kind(),
        named in any::<Index>(),
        names_a_step in prop::bool::weighted(0.8),
        own_minute in prop::option::weighted(0.8, -4_i64..12),
        arrives_after in prop_oneof![Just(0_i64), 1_i64..90],
        fraction in prop::option::of(prop_oneof![0..=MILLION, Just(0), Just(MILLION)]),
        metadata in any_metadata(),
    ) -> (Event, bool, i64) {
        let step = (steps > 0 && (names_a_step || kind == Step)).then(|| named.index(steps.max(1)));
        let kind = if kind == Step && step.is_none() { Info } else { kind };
        let at = own_minute.map_or(opened_at(), minute);
        let event = Event {
            kind,
            step,
            occurred_at: at,
            created_at: opened_at(),
            fraction: fraction.filter(|_| kind == Info && step.is_some()),
            metadata,
        };
        (event, own_minute.is_some(), arrives_after)
    }
}

fn any_job() -> impl Strategy<Value = Job> {
    let with_events = |points: Vec<i64>| {
        let steps = points.len();
        (Just(points), prop::collection::vec(any_event(steps), 0..14))
    };
    any_points().prop_flat_map(with_events).prop_map(|(points, generated)| {
        let mut now = opened_at();
        let mut events = Vec::new();
        for (mut event, has_own_time, arrives_after) in generated {
            now += TimeDelta::seconds(arrives_after);
            event.created_at = now;
            event.occurred_at = if has_own_time { event.occurred_at } else { now };
            events.push(event);
        }
        Job { points, events }
    })
}

/// A job whose events have distinct times of their own, arriving one a minute.
fn any_job_of_distinct_times() -> impl Strategy<Value = Job> {
    (any_job(), prop::collection::hash_set(-300_i64..300, 14)).prop_map(|(generated, minutes)| {
        let mut events = generated.events;
        for (event, minutes) in events.iter_mut().zip(minutes) {
            event.occurred_at = minute(minutes);
        }
        job(&generated.points, events)
    })
}

/// Such a job, and the same events delivered in another order.
fn any_two_deliveries() -> impl Strategy<Value = (Job, Job)> {
    any_job_of_distinct_times().prop_flat_map(|first| {
        let shuffled = Just(first.events.clone()).prop_shuffle();
        (Just(first), shuffled).prop_map(|(first, events)| {
            let second = job(&first.points, events);
            (first, second)
        })
    })
}

/// Such a job, and the same events delivered with some of them repeated, in any order.
fn any_delivery_with_duplicates() -> impl Strategy<Value = (Job, Job)> {
    any_job_of_distinct_times().prop_flat_map(|first| {
        let count = first.events.len();
        let repeated = prop::collection::vec(any::<Index>(), if count == 0 { 0..=0 } else { 0..=6 });
        let events = first.events.clone();
        let delivered = repeated.prop_map(move |repeated| {
            let again: Vec<Event> = repeated.iter().map(|index| index.get(&events).clone()).collect();
            [events.clone(), again].concat()
        });
        (Just(first), delivered.prop_flat_map(|events| Just(events).prop_shuffle())).prop_map(|(first, events)| {
            let second = job(&first.points, events);
            (first, second)
        })
    })
}

/// Three summaries of different events of one step.
fn any_three_summaries() -> impl Strategy<Value = [StepSummary; 3]> {
    let of_one_step = || prop::collection::vec(any_event(1), 1..5);
    (of_one_step(), of_one_step(), of_one_step(), Just((1..=12).collect::<Vec<i64>>()).prop_shuffle()).prop_map(
        |(first, second, third, sequences)| {
            let mut sequences = sequences.into_iter();
            [first, second, third].map(|events| {
                let summaries = events
                    .iter()
                    .map(|(event, ..)| StepSummary::of(fact(event, sequences.next().unwrap())))
                    .collect::<Vec<_>>();
                summaries.into_iter().reduce(StepSummary::merge).unwrap()
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_state_is_what_the_rules_say_after_every_event(job in any_job()) {
        for count in 0..=job.events.len() {
            let so_far = Job { points: job.points.clone(), events: job.events[..count].to_vec() };
            prop_assert_eq!(state(&so_far), oracle(&so_far));
        }
    }
}

proptest! {
    #[test]
    fn the_order_of_delivery_makes_no_difference_for_distinct_own_times((first, second) in any_two_deliveries()) {
        prop_assert_eq!(state(&first), state(&second));
    }

    #[test]
    fn a_duplicate_adds_an_attempt_if_it_is_an_error_and_nothing_else(
        (first, repeated) in any_delivery_with_duplicates(),
    ) {
        let (once, mut again) = (state(&first), state(&repeated));
        prop_assert_eq!(again.last_event_at, repeated.events.last().map(|event| event.created_at));
        again.last_event_at = once.last_event_at;
        for (step, view) in again.steps.iter_mut().enumerate() {
            view.attempts -= errors_of(&repeated, step) - errors_of(&first, step);
        }
        prop_assert_eq!(again, once);
    }

    #[test]
    fn equal_times_go_by_arrival(generated in any_job()) {
        let count = generated.events.len();
        let timed = |minutes: &dyn Fn(usize) -> i64| {
            let mut events = generated.events.clone();
            for (index, event) in events.iter_mut().enumerate() {
                event.occurred_at = minute(minutes(index));
            }
            state(&job(&generated.points, events))
        };
        let (at_once, one_by_one) = (timed(&|_| 1), timed(&|index| i64::try_from(index + 1).unwrap()));
        prop_assert_eq!(at_once.status, one_by_one.status);
        prop_assert_eq!(at_once.progress, one_by_one.progress);
        prop_assert_eq!(at_once.metadata, one_by_one.metadata);
        let told = |view: &StepView| (view.status, view.attempts, view.started_at_inferred);
        prop_assert_eq!(
            at_once.steps.iter().map(told).collect::<Vec<_>>(),
            one_by_one.steps.iter().map(told).collect::<Vec<_>>(),
        );
        prop_assert_eq!(at_once.started_at, (count > 0).then(|| minute(1)));
    }

    #[test]
    fn adding_an_event_never_lowers_the_progress(job in any_job()) {
        let mut before = None;
        for count in 0..=job.events.len() {
            let after = state(&Job { points: job.points.clone(), events: job.events[..count].to_vec() }).progress;
            prop_assert!(after >= before, "{before:?} then {after:?}");
            prop_assert!(after.is_none_or(|progress| (0.0..=1.0).contains(&progress)), "{after:?}");
            before = after;
        }
    }

    #[test]
    fn progress_is_exactly_1_once_there_is_any_complete(job in any_job(), at in any::<Index>()) {
        let mut completed = job.clone();
        completed.events.insert(at.index(job.events.len() + 1), event(Complete, None, 0));
        prop_assert_eq!(state(&completed).progress, Some(1.0));
        let is_complete = job.events.iter().any(|event| event.kind == Complete);
        prop_assert!(!is_complete || state(&job).progress == Some(1.0));
    }

    #[test]
    fn without_steps_there_is_no_progress_until_complete(mut job in any_job()) {
        job.points.clear();
        job.events.retain(|event| event.kind != Step);
        job.events.iter_mut().for_each(|event| { event.step = None; event.fraction = None; });
        let complete = job.events.iter().any(|event| event.kind == Complete);
        prop_assert_eq!(state(&job).progress, complete.then_some(1.0));
    }

    #[test]
    fn if_all_points_are_zero_each_step_weighs_1(mut job in any_job()) {
        job.points.iter_mut().for_each(|points| *points = 0);
        let mut alike = job.clone();
        alike.points.iter_mut().for_each(|points| *points = 1);
        prop_assert_eq!(state(&job).progress, state(&alike).progress);
        prop_assert_eq!(state(&job).points_done, 0);
    }

    #[test]
    fn a_finished_step_is_never_undone(job in any_job()) {
        let mut finished: HashSet<usize> = HashSet::new();
        for count in 0..=job.events.len() {
            let now = state(&Job { points: job.points.clone(), events: job.events[..count].to_vec() });
            for step in &finished {
                let view = &now.steps[*step];
                prop_assert!(matches!(view.status, StepStatus::Finished | StepStatus::Error), "{view:?}");
                prop_assert!(view.finished_at.is_some() && view.fraction == MILLION, "{view:?}");
            }
            finished.extend((0..now.steps.len()).filter(|step| now.steps[*step].finished_at.is_some()));
            let points: i64 = finished.iter().map(|step| job.points[*step]).sum();
            prop_assert_eq!(now.points_done, points);
        }
    }

    #[test]
    fn a_step_is_skipped_only_in_a_job_that_has_a_complete(job in any_job()) {
        let complete = job.events.iter().any(|event| event.kind == Complete);
        for view in state(&job).steps {
            prop_assert!(complete || view.status != StepStatus::Skipped, "{view:?}");
            prop_assert!(!complete || !matches!(view.status, StepStatus::Pending | StepStatus::Running), "{view:?}");
            prop_assert!(view.status != StepStatus::Skipped || view.finished_at.is_none(), "{view:?}");
        }
    }

    #[test]
    fn an_inferred_start_is_never_after_the_finish(job in any_job()) {
        for view in state(&job).steps {
            prop_assert!(!view.started_at_inferred || view.started_at <= view.finished_at, "{view:?}");
        }
    }

    #[test]
    fn merging_is_commutative([first, second, _] in any_three_summaries()) {
        prop_assert_eq!(first.clone().merge(second.clone()), second.merge(first));
    }

    #[test]
    fn merging_is_associative([first, second, third] in any_three_summaries()) {
        let left = first.clone().merge(second.clone()).merge(third.clone());
        let right = first.merge(second.merge(third));
        prop_assert_eq!(left, right);
    }
}

fn errors_of(job: &Job, step: usize) -> i64 {
    let errors = job.events.iter().filter(|event| event.kind == Error && event.step == Some(step));
    i64::try_from(errors.count()).unwrap()
}

// The same rules by example, for those who read.

fn statuses(job: &Job) -> Vec<StepStatus> {
    state(job).steps.iter().map(|view| view.status).collect()
}

#[test]
fn a_job_without_events_is_pending_and_so_are_its_steps() {
    let job = job(&[1, 3], vec![]);
    assert_eq!(state(&job).status, JobStatus::Pending);
    assert_eq!(state(&job).progress, Some(0.0));
    assert_eq!(statuses(&job), [StepStatus::Pending, StepStatus::Pending]);
}

#[test]
fn progress_counts_finished_steps_whole_and_the_others_by_their_greatest_fraction() {
    let news = |fraction, minutes| Event { fraction: Some(fraction), ..event(Info, 1, minutes) };
    let job = job(&[1, 3], vec![event(Step, 0, 1), news(500_000, 2), news(200_000, 3)]);
    assert_eq!(state(&job).progress, Some(2.5 / 4.0));
    assert_eq!(state(&job).points_done, 1);
}

#[test]
fn points_done_counts_finished_steps_only_also_after_complete() {
    let job = job(&[1, 3], vec![event(Step, 0, 1), event(Complete, None, 2)]);
    assert_eq!(state(&job).progress, Some(1.0));
    assert_eq!(state(&job).points_done, 1);
    assert_eq!(statuses(&job), [StepStatus::Finished, StepStatus::Skipped]);
}

#[test]
fn a_complete_finishes_the_step_it_names() {
    let job = job(&[1, 3], vec![event(Step, 0, 1), event(Complete, 1, 2)]);
    assert_eq!(state(&job).points_done, 4);
    assert_eq!(statuses(&job), [StepStatus::Finished, StepStatus::Finished]);
}

#[test]
fn a_job_is_completed_when_all_its_steps_are_finished_and_none_is_in_error() {
    let steps = vec![event(Step, 0, 1), event(Step, 1, 2)];
    assert_eq!(state(&job(&[1, 3], steps.clone())).status, JobStatus::Completed);
    assert_eq!(state(&job(&[1, 3], steps)).finished_at, Some(minute(2)));
    let with_error = vec![event(Step, 0, 1), event(Error, 0, 2), event(Step, 1, 3)];
    assert_eq!(state(&job(&[1, 3], with_error)).status, JobStatus::Running);
}

#[test]
fn a_step_after_complete_does_not_reopen_the_job_but_an_error_shows() {
    let completed = vec![event(Complete, None, 1), event(Step, 0, 2)];
    assert_eq!(state(&job(&[1, 3], completed.clone())).status, JobStatus::Completed);
    assert_eq!(state(&job(&[1, 3], completed.clone())).finished_at, Some(minute(1)));
    let failed = [completed, vec![event(Error, None, 3)]].concat();
    assert_eq!(state(&job(&[1, 3], failed.clone())).status, JobStatus::Error);
    assert_eq!(state(&job(&[1, 3], failed)).finished_at, None);
}

#[test]
fn an_error_is_over_when_a_step_follows_and_news_do_not_end_it() {
    let failed = vec![event(Error, 0, 1), event(Info, 0, 2)];
    assert_eq!(state(&job(&[1], failed.clone())).status, JobStatus::Error);
    assert_eq!(statuses(&job(&[1], failed.clone())), [StepStatus::Error]);
    let mended = [failed, vec![event(Step, 0, 3)]].concat();
    assert_eq!(state(&job(&[1], mended)).status, JobStatus::Completed);
}

#[test]
fn attempts_are_the_errors_and_the_try_under_way() {
    let attempts = |kinds: &[EventKind]| {
        let events = kinds.iter().zip(1..).map(|(kind, minutes)| event(*kind, 0, minutes)).collect();
        state(&job(&[1], events)).steps[0].attempts
    };
    assert_eq!(attempts(&[]), 0);
    assert_eq!(attempts(&[Step]), 1);
    assert_eq!(attempts(&[Info, Error]), 1);
    assert_eq!(attempts(&[Info, Error, Info]), 2);
    assert_eq!(attempts(&[Error, Info, Error, Step]), 3);
    assert_eq!(attempts(&[Step, Error]), 1);
}

#[test]
fn a_step_of_which_only_the_end_is_known_began_when_the_one_before_it_ended() {
    let steps = state(&job(&[1, 1, 1], vec![event(Step, 2, 5), event(Step, 0, 9), event(Info, 1, 7)])).steps;
    assert_eq!((steps[2].started_at, steps[2].started_at_inferred), (Some(opened_at()), true));
    assert_eq!((steps[0].started_at, steps[0].started_at_inferred), (Some(minute(5)), true));
    assert_eq!((steps[1].started_at, steps[1].started_at_inferred), (Some(minute(7)), false));
}

#[test]
fn an_inferred_start_before_the_job_was_opened_is_the_finish_itself() {
    let steps = state(&job(&[1], vec![event(Step, 0, -5)])).steps;
    assert_eq!((steps[0].started_at, steps[0].finished_at), (Some(minute(-5)), Some(minute(-5))));
}

#[test]
fn a_step_finishes_at_its_earliest_step_or_complete() {
    let steps = state(&job(&[1], vec![event(Step, 0, 5), event(Complete, 0, 3), event(Step, 0, 4)])).steps;
    assert_eq!(steps[0].finished_at, Some(minute(3)));
}

#[test]
fn a_job_starts_with_its_earliest_event_and_its_last_event_is_the_one_that_arrived_last() {
    let state = state(&job(&[1], vec![event(Info, 0, 8), event(Info, 0, 3), event(Info, 0, 5)]));
    assert_eq!(state.started_at, Some(minute(3)));
    assert_eq!(state.last_event_at, Some(minute(2)), "the third, one a minute from minute 0");
}

#[test]
fn a_completed_job_finished_at_its_last_complete_else_at_its_last_step() {
    let finished_at = |events| state(&job(&[1, 1], events)).finished_at;
    assert_eq!(finished_at(vec![event(Step, 0, 9), event(Step, 1, 4), event(Info, 1, 12)]), Some(minute(9)));
    assert_eq!(finished_at(vec![event(Complete, 0, 3), event(Complete, 1, 2), event(Step, 1, 9)]), Some(minute(3)));
    assert_eq!(finished_at(vec![event(Step, 0, 1)]), None);
}

#[test]
fn a_step_shows_the_latest_value_of_each_name_and_null_is_not_measured() {
    let measuring =
        |metadata: Value, minutes| Event { metadata: metadata.as_object().cloned(), ..event(Info, 0, minutes) };
    let events = vec![
        measuring(json!({"Density": 9, "Comment": "late"}), 9),
        measuring(json!({"Density": 5, "Unknown": "stays in the event"}), 5),
        measuring(json!({"Density": null, "Comment": null}), 11),
    ];
    let values = &state(&job(&[1], events)).metadata[0];
    assert_eq!(json!(values), json!({"Density": 9, "Comment": "late"}));
}
