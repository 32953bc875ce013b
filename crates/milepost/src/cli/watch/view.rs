//! The live view: from what is known of a job to the lines of a frame. Pure, so that every size can be tested.

use chrono::{DateTime, FixedOffset};

use super::bar::{Cell, Segment, bar};
use super::screen::Size;
use super::steps::{ROOMY, all_steps, steps_within};
use super::watched::Watched;
use super::words::{Words, elapsed};
use crate::cli::text::{Line, Tone, duration, expectation, job_status, percent, silence, ticking};
use crate::events::Event;
use crate::jobs::JobStep;
use crate::progress::{JobStatus, MILLION, StepStatus};

/// Lines do not get longer than this on a wide terminal: the eye would lose them.
const WIDEST: usize = 110;
/// How many steps are left on the usual screen whole.
const MOST_STEPS: usize = 50;
/// The width of ` 100 %` behind the bar.
const PERCENT: usize = 7;

/// A frame that fits the terminal, the job's most important lines first.
pub(super) fn frame(watched: &Watched, now: DateTime<FixedOffset>, size: Size) -> Vec<Line> {
    let width = size.columns.min(WIDEST);
    let mut lines = head(watched, now, width);
    let foot = foot(watched);
    let room = size.rows.saturating_sub(lines.len() + 1 + foot.len());
    // Steps and events share what is left, and each takes what the other does not need.
    let for_events = if watched.events.is_empty() { 0 } else { (watched.events.len() + 1).min(room / 3) };
    lines.extend(steps_within(&watched.steps, now.to_utc(), width, room - for_events));
    let room = size.rows.saturating_sub(lines.len() + 1 + foot.len());
    lines.extend(event_lines(watched, now, width, room));
    if lines.last() != Some(&Line::default()) {
        lines.push(Line::default());
    }
    lines.truncate(size.rows.saturating_sub(foot.len()));
    lines.extend(foot);
    lines.into_iter().map(|line| line.cut(width)).collect()
}

/// What stays on the usual screen. Of a job that is completed all steps with what they measured, unless that would push
/// the rest far out of sight; else as much as fits.
pub(super) fn summary(watched: &Watched, now: DateTime<FixedOffset>, size: Size) -> Vec<Line> {
    let width = size.columns.min(WIDEST);
    let mut lines = head(watched, now, width);
    if watched.is_completed() && watched.steps.len() <= MOST_STEPS {
        lines.extend(all_steps(&watched.steps, now.to_utc(), width));
    } else {
        // A line for what is wrong with the connection, and one for the prompt.
        let room = size.rows.saturating_sub(lines.len() + 2);
        lines.extend(steps_within(&watched.steps, now.to_utc(), width, room));
    }
    lines.extend(watched.outage.as_ref().map(|outage| outage_line(&outage.reason).cut(width)));
    lines
}

/// The name, the bar, the sums, and when it will have ended.
fn head(watched: &Watched, now: DateTime<FixedOffset>, width: usize) -> Vec<Line> {
    let job = &watched.job;
    let (shape, word, tone) = job_status(job.status);
    let status = Line::of(tone, &format!("{shape} {word}"));
    let origin = format!("{} · {} {} · {}", job.provider_job_id, job.tag, job.version, job.provider_name);
    let took = match (elapsed(job, now.to_utc()), job.status) {
        (None, _) => String::new(),
        (Some(time), JobStatus::Running) => ticking(time),
        (Some(time), _) => duration(time),
    };
    let origin = Line::of(Tone::Quiet, &origin);
    let origin = match silence(job.silent_since, now.to_utc()) {
        Some(silence) => Line::ends(origin, Line::of(Tone::Doubtful, &silence), width),
        None => origin.cut(width),
    };
    let mut lines = vec![
        Line::ends(Line::of(Tone::Strong, &job.provider_job_name), status, width),
        origin,
        Line::default(),
        bar_line(watched, width),
        Line::ends(Line::of(Tone::Quiet, &sums(watched, width)), Line::of(Tone::Plain, &took), width),
    ];
    lines.extend(watched.expected_end().map(|it| Line::of(Tone::Plain, &expectation(it, now)).cut(width)));
    lines.push(Line::default());
    lines
}

/// `3 of 9 steps · 17 of 41 points`; where it is narrow the steps alone.
fn sums(watched: &Watched, width: usize) -> String {
    let finished = watched.steps.iter().filter(|step| step.finished_at.is_some()).count();
    let points = watched.job.points;
    match (watched.steps.len(), points.total) {
        (0, _) => "no steps".to_owned(),
        (steps, total) if total == 0 || width < ROOMY => format!("{finished} of {steps} steps"),
        (steps, total) => format!("{finished} of {steps} steps · {} of {total} points", points.done),
    }
}

/// The bar and the percentage behind it.
fn bar_line(watched: &Watched, width: usize) -> Line {
    let cells = bar(&segments(watched), width.saturating_sub(PERCENT));
    let drawn =
        cells.into_iter().fold(Line::default(), |line, cell| line.and(cell_tone(cell), &cell.glyph().to_string()));
    let percent = format!("{:>PERCENT$}", percent(watched.job.progress));
    drawn.and(Tone::Strong, &percent).cut(width)
}

/// A segment for each step; a job without steps is one of its own.
fn segments(watched: &Watched) -> Vec<Segment> {
    if watched.steps.is_empty() {
        let (status, fraction) = match watched.job.status {
            JobStatus::Pending => (StepStatus::Pending, 0),
            JobStatus::Running => (StepStatus::Running, 0),
            JobStatus::Completed => (StepStatus::Finished, MILLION),
            JobStatus::Error => (StepStatus::Error, 0),
        };
        return vec![Segment { points: 1, status, fraction }];
    }
    let segment =
        |step: &JobStep| Segment { points: step.points, status: step.status, fraction: step.fraction.millionths() };
    watched.steps.iter().map(segment).collect()
}

fn cell_tone(cell: Cell) -> Tone {
    match cell {
        Cell::Gap => Tone::Plain,
        Cell::Part { status: StepStatus::Finished, .. } => Tone::Good,
        Cell::Part { status: StepStatus::Running, .. } => Tone::Active,
        Cell::Part { status: StepStatus::Error, .. } => Tone::Bad,
        Cell::Part { status: StepStatus::Pending | StepStatus::Skipped, .. } => Tone::Quiet,
    }
}

/// The latest events that there is room for, behind an empty line.
fn event_lines(watched: &Watched, now: DateTime<FixedOffset>, width: usize, room: usize) -> Vec<Line> {
    let shown = watched.events.len().min(room.saturating_sub(1));
    if shown == 0 {
        return Vec::new();
    }
    let latest = watched.events.iter().skip(watched.events.len() - shown);
    let lines = latest.map(|event| event_line(watched, event, now, width));
    std::iter::once(Line::default()).chain(lines).collect()
}

/// ` 09:30:14  step      Brain mask · Brain volume 1887 ml`; where it is narrow a shape stands for the kind.
fn event_line(watched: &Watched, event: &Event, now: DateTime<FixedOffset>, width: usize) -> Line {
    let at = event.occurred_at.with_timezone(now.offset());
    let at = if at.date_naive() == now.date_naive() { at.format("%H:%M:%S") } else { at.format("%b %d  ") };
    let Words { kind, shape, tone, step, said, measured } = Words::of(watched, event);
    let kind = if width >= ROOMY { format!("{kind:<8}  ") } else { format!("{shape} ") };
    let parts = [(Tone::Plain, step), (Tone::Plain, said), (Tone::Quiet, measured)];
    let mut line = Line::of(Tone::Quiet, &format!(" {at}  ")).and(tone, &kind);
    let mut between = "";
    for (tone, part) in parts {
        let Some(part) = part else { continue };
        line = line.and(Tone::Quiet, between).and(tone, &part);
        between = " · ";
    }
    line
}

/// Whether news come, and how to leave.
fn foot(watched: &Watched) -> Vec<Line> {
    let status = match &watched.outage {
        None => Line::of(Tone::Quiet, " live · Ctrl-C stops watching, not the job"),
        Some(outage) => outage_line(&outage.to_string()),
    };
    vec![status]
}

fn outage_line(reason: &str) -> Line {
    Line::of(Tone::Bad, " ! ").and(Tone::Plain, reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::watch::watched::{Reported, Update};

    const NOW: &str = "2026-11-22T09:30:40Z";

    fn job(status: &str, last_sequence: i64) -> Value {
        let id = "01a20485-a45c-7e9c-8d66-2d4fbfa001e5";
        json!({
            "id": id, "provider_id": id, "provider_name": "Neuro Lab", "customer_id": null, "customer_email": null,
            "job_configuration_id": id, "tag": "brain", "version": "1.0.0", "provider_job_id": "brain-0042",
            "provider_job_name": "Brain volumes from a T1 MRI", "status": status, "progress": 0.42,
            "points": {"done": 12, "total": 30}, "started_at": "2026-11-22T09:29:28Z",
            "finished_at": null, "last_event_at": "2026-11-22T09:30:20Z", "last_sequence": last_sequence,
            "created_at": "2026-11-22T09:29:20Z", "updated_at": "2026-11-22T09:30:20Z",
        })
    }

    fn step(name: &str, points: i64, status: &str, fraction: f64) -> Value {
        let finished_at = (status == "finished").then_some("2026-11-22T09:29:36Z");
        let started_at = (status != "pending").then_some("2026-11-22T09:29:28.500Z");
        json!({
            "step_configuration_id": "01a20485-a45c-7e9c-8d66-2d4fbfa001e6", "tag": "step", "name": name,
            "points": points, "status": status, "fraction": fraction, "started_at": started_at,
            "started_at_inferred": false, "finished_at": finished_at, "attempts": if status == "error" { 2 } else { 1 },
            "metadata": if status == "pending" { json!([]) } else { json!([
                {"name": "Brain volume", "kind": "number", "units": "ml", "value": 1887.25},
                {"name": "Not measured", "kind": "text", "units": null, "value": null},
                {"name": "Report", "kind": "link", "units": null, "value": "https://neuro.example/report/0042"},
            ]) },
        })
    }

    fn watched(status: &str, steps: &[Value]) -> Watched {
        let mut detail = job(status, 0);
        detail["steps"] = json!(steps);
        Watched::new(serde_json::from_value(detail).unwrap(), 0)
    }

    fn report(watched: &mut Watched, sequence: i64, kind: &str, name: &str) {
        let id = "01a20485-a45c-7e9c-8d66-2d4fbfa001e6";
        let step = (kind == "step").then_some(id);
        let event = json!({
            "id": id, "job_id": id, "provider_job_id": "brain-0042", "kind": kind, "name": name, "tag": null,
            "step_configuration_id": step, "event_metadata": {"Surface": 4.5, "Brain volume": 1887.25}, "fraction": null,
            "sequence": sequence, "occurred_at": "2026-11-22T09:30:20Z", "idempotency_key": null,
            "created_at": "2026-11-22T09:30:20Z", "updated_at": "2026-11-22T09:30:20Z",
        });
        let message = json!({"event": event, "job": job("running", sequence)});
        watched.apply(Update::Reported(Box::new(serde_json::from_value::<Reported>(message).unwrap())));
    }

    fn brain() -> Watched {
        let mut watched = watched(
            "running",
            &[
                step("Load and check the image", 2, "finished", 1.0),
                step("Brain mask", 10, "running", 0.5),
                step("Tissue segmentation of grey and white matter, with the liquor between", 16, "error", 0.25),
                step("Report", 2, "pending", 0.0),
            ],
        );
        report(&mut watched, 1, "step", "Load and check the image");
        report(&mut watched, 2, "error", "Out of memory");
        watched
    }

    #[test]
    fn what_is_left_behind_fits_the_screen_unless_the_job_is_done() {
        let now = DateTime::parse_from_rfc3339(NOW).unwrap();
        let left = |status: &str, steps: usize| {
            let watched = watched(status, &vec![step("Slice", 1, "finished", 1.0); steps]);
            summary(&watched, now, Size { columns: 80, rows: 24 }).len()
        };
        assert_eq!(left("running", 30), 22);
        assert_eq!(left("completed", 30), 6 + 30 * 2);
        assert_eq!(left("completed", 500), 22);
    }

    fn frame_text(watched: &Watched, columns: usize, rows: usize) -> String {
        let now = DateTime::parse_from_rfc3339(NOW).unwrap();
        let lines = frame(watched, now, Size { columns, rows });
        lines.iter().map(|line| line.render(false).trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn a_job_at_80_columns() {
        insta::assert_snapshot!(frame_text(&brain(), 80, 24), @r"
        Brain volumes from a T1 MRI                                            ● running
        brain-0042 · brain 1.0.0 · Neuro Lab

        ━━━━━ ━━━━━━━━━━━╾─────────── ━━━━━━━━━×─────────────────────────── ─────   42 %
        1 of 4 steps · 12 of 30 points                                          1 m 12 s

         ✓  Load and check the image                                  finished     7.5 s
            Brain volume 1887.25 ml · Report https://neuro.example/report/0042
         ●  Brain mask                                          50 %  running   1 m 11 s
            Brain volume 1887.25 ml · Report https://neuro.example/report/0042
         ✗  Tissue segmentation of grey and white…  2 attempts  25 %  error
            Brain volume 1887.25 ml · Report https://neuro.example/report/0042
         ○  Report                                                    pending

         09:30:20  step      Load and check the image · Brain volume 1887.25 ml · Surfa…
         09:30:20  error     Out of memory · Brain volume 1887.25 · Surface 4.5

         live · Ctrl-C stops watching, not the job
        ");
    }

    #[test]
    fn a_job_at_40_columns() {
        insta::assert_snapshot!(frame_text(&brain(), 40, 24), @r"
        Brain volumes from a T1 MRI    ● running
        brain-0042 · brain 1.0.0 · Neuro Lab

        ━━ ━━━━━───── ━━━━×─────────── ──   42 %
        1 of 4 steps                    1 m 12 s

         ✓  Load and check t… finished     7.5 s
            Brain volume 1887.25 ml
            Report https://neuro.example/report…
         ●  Brain mask        50 %      1 m 11 s
            Brain volume 1887.25 ml
            Report https://neuro.example/report…
         ✗  Tissue segme…  2× error
            Brain volume 1887.25 ml
            Report https://neuro.example/report…
         ○  Report            pending

         09:30:20  ✓ Load and check the image ·…
         09:30:20  ✗ Out of memory · Brain volu…

         live · Ctrl-C stops watching, not the …
        ");
    }

    #[test]
    fn when_a_job_will_have_ended() {
        let expected = |from: Option<&str>, to: Option<&str>| {
            let mut detail = job("running", 0);
            detail["steps"] = json!([]);
            detail["expected_end"] = json!({
                "from": from, "to": to, "median": from, "runs": 37, "ended": 35, "overdue": from.is_none(),
                "basis": {"version": "1.0.0", "step": null, "since": "2026-11-22T09:29:28Z"},
            });
            Watched::new(serde_json::from_value(detail).unwrap(), 0)
        };
        let lines = |watched: &Watched| frame_text(watched, 60, 12).lines().nth(5).unwrap().to_owned();
        let known = expected(Some("2026-11-22T14:05:00Z"), Some("2026-11-22T14:20:00Z"));
        insta::assert_snapshot!(frame_text(&known, 60, 12), @r"
        Brain volumes from a T1 MRI                        ● running
        brain-0042 · brain 1.0.0 · Neuro Lab

        ─────────────────────────────────────────────────────   42 %
        no steps                                            1 m 12 s
        done between 14:05 and 14:20

         live · Ctrl-C stops watching, not the job
        ");
        let said = |from, to| lines(&expected(Some(from), Some(to)));
        assert_eq!(said("2026-11-22T23:50:00Z", "2026-11-23T02:10:00Z"), "done between 23:50 and tomorrow 02:10");
        assert_eq!(said("2026-11-23T02:10:00Z", "2026-11-23T03:40:00Z"), "done tomorrow between 02:10 and 03:40");
        assert_eq!(
            said("2026-11-25T02:10:00Z", "2026-11-26T03:40:00Z"),
            "done between Nov 25 02:10 and Nov 26 03:40"
        );
        assert_eq!(said("2026-11-22T09:31:00Z", "2026-11-22T09:32:10Z"), "done between 09:31:00 and 09:32:10");
        assert_eq!(said("2026-11-22T09:31:00Z", "2026-11-22T09:31:00Z"), "done about 09:31:00");
        assert_eq!(lines(&expected(None, None)), "under way longer than 35 of 37 past runs: later than expect…");
        let mut ended = known;
        ended.job.status = JobStatus::Completed;
        assert!(!frame_text(&ended, 60, 12).contains("done between"));
    }

    #[test]
    fn a_job_with_500_steps_shows_those_around_the_one_under_way() {
        let mut steps = vec![step("Slice", 1, "finished", 1.0); 250];
        steps.push(step("Slice 251", 1, "running", 0.5));
        steps.extend(vec![step("Slice", 1, "pending", 0.0); 249]);
        insta::assert_snapshot!(frame_text(&watched("running", &steps), 60, 16), @r"
        Brain volumes from a T1 MRI                        ● running
        brain-0042 · brain 1.0.0 · Neuro Lab

        ━━━━━━━━━━━━━━━━━━━━━━━━━━╾──────────────────────────   42 %
        250 of 500 steps · 12 of 30 points                  1 m 12 s

         ⋮  247 before
         ✓  Slice                                 finished     7.5 s
         ✓  Slice                                 finished     7.5 s
         ✓  Slice                                 finished     7.5 s
         ●  Slice 251                       50 %  running   1 m 11 s
         ○  Slice                                 pending
         ○  Slice                                 pending
         ⋮  247 after

         live · Ctrl-C stops watching, not the job
        ");
    }

    #[test]
    fn a_job_without_steps() {
        insta::assert_snapshot!(frame_text(&watched("running", &[]), 60, 12), @r"
        Brain volumes from a T1 MRI                        ● running
        brain-0042 · brain 1.0.0 · Neuro Lab

        ─────────────────────────────────────────────────────   42 %
        no steps                                            1 m 12 s

         live · Ctrl-C stops watching, not the job
        ");
    }

    #[test]
    fn a_silent_job_says_for_how_long() {
        let mut silent = watched("running", &[step("Brain mask", 10, "running", 0.5)]);
        let mut job = job("running", 0);
        job["silent_since"] = json!("2026-11-22T09:18:35Z");
        silent.apply(Update::Silent(serde_json::from_value(json!({"job": job})).unwrap()));
        let text = frame_text(&silent, 60, 16);
        assert_eq!(text.lines().nth(1).unwrap(), "brain-0042 · brain 1.0.0 · Neuro Lab    silent for 12 m 05 s");
        report(&mut silent, 1, "info", "It goes on");
        assert!(!frame_text(&silent, 60, 16).contains("silent"));
    }

    #[test]
    fn hostile_names_stay_text() {
        let mut hostile = watched("running", &[step("\u{1b}[2Jboo\u{7}", 1, "running", 0.5)]);
        report(&mut hostile, 1, "info", "\u{1b}]0;title\u{7}\r\nsecond line\u{9b}5m");
        let text = frame_text(&hostile, 80, 24);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(text.contains("\u{fffd}[2Jboo\u{fffd}") && text.contains("title\u{fffd}  second line"), "{text}");
    }

    proptest! {
        #[test]
        fn a_frame_fits_every_terminal(
            names in prop::collection::vec(
                ("\\PC{1,60}", prop::sample::select(vec!["pending", "running", "finished", "error", "skipped"])),
                0..60,
            ),
            columns in 1_usize..140, rows in 1_usize..60, events in 0..9_i64,
        ) {
            let steps: Vec<Value> = names.iter().map(|(name, status)| step(name, 1, status, 0.3)).collect();
            let mut watched = watched("running", &steps);
            (1..=events).for_each(|sequence| report(&mut watched, sequence, "info", "Iteration 5: 881 ml of grey matter"));
            let now = DateTime::parse_from_rfc3339(NOW).unwrap();
            let lines = frame(&watched, now, Size { columns, rows });
            prop_assert!(lines.len() <= rows, "{} lines in {} rows", lines.len(), rows);
            for line in lines {
                prop_assert!(line.width() <= columns, "{:?}", line);
            }
        }
    }
}
