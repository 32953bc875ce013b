//! The steps of the live view: each a line with its state, its measurements below it, cut down to the room there is.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::words::{fraction_text, measurements, step_elapsed};
use crate::cli::text::{Line, Tone, duration, step_status, ticking};
use crate::jobs::JobStep;
use crate::progress::{MILLION, StepStatus};

/// The widest duration, `12 m 34 s`, with a blank before it.
const DURATION: usize = 10;
/// From here on there is a column for the percentages of steps, and words have room.
pub(super) const ROOMY: usize = 60;
/// Where the text of a step begins.
const INDENT: usize = 4;
/// Where nothing limits the lines, the terminal may break a measurement into so many: a link that is cut leads nowhere.
const LONGEST: usize = 4;

/// All steps with all that they measured.
pub(super) fn all_steps(steps: &[JobStep], now: DateTime<Utc>, width: usize) -> Vec<Line> {
    let with_details = |step| {
        let line = step_line(step, now, width);
        std::iter::once(line).chain(metadata_lines(step, width, LONGEST))
    };
    steps.iter().flat_map(with_details).collect()
}

/// The steps around the one that matters now, in at most so many lines; where there is room, with what they measured.
pub(super) fn steps_within(steps: &[JobStep], now: DateTime<Utc>, width: usize, room: usize) -> Vec<Line> {
    let focus = focus(steps);
    let shown = window(steps.len(), focus, room);
    let before = left_out(shown.start, "before");
    let after = left_out(steps.len() - shown.end, "after");
    let mut spare = room.saturating_sub(shown.len() + before.iter().len() + after.iter().len());
    let mut details = vec![Vec::new(); steps.len()];
    // Backwards from the focus, then on from it: what was measured last is what one wants to see.
    let middle = (focus + 1).min(shown.end);
    for index in (shown.start..middle).rev().chain(middle..shown.end) {
        let lines = metadata_lines(&steps[index], width, 1);
        if lines.len() <= spare {
            spare -= lines.len();
            details[index] = lines;
        }
    }
    let lines = shown.flat_map(|index| {
        let line = step_line(&steps[index], now, width);
        std::iter::once(line).chain(std::mem::take(&mut details[index]))
    });
    before.into_iter().chain(lines).chain(after).take(room).collect()
}

fn left_out(count: usize, side: &str) -> Option<Line> {
    (count > 0).then(|| Line::of(Tone::Quiet, &format!(" ⋮  {count} {side}")))
}

/// The step that matters now: the last that is under way, else the last that failed, else the first to come.
fn focus(steps: &[JobStep]) -> usize {
    let last = |status: StepStatus| steps.iter().rposition(|step| step.status == status);
    last(StepStatus::Running)
        .or_else(|| last(StepStatus::Error))
        .or_else(|| steps.iter().position(|step| step.status == StepStatus::Pending))
        .unwrap_or(steps.len().saturating_sub(1))
}

/// The steps around `focus` that fit into so many lines, counting those that say how many are left out.
fn window(count: usize, focus: usize, room: usize) -> Range<usize> {
    if count <= room {
        return 0..count;
    }
    let inner = room.saturating_sub(2).max(1);
    let begin = focus.saturating_sub(inner / 2).min(count - inner);
    // At an end of the list the line that says what is left out has room for one more step.
    match (begin, begin + inner) {
        (0 | 1, _) => 0..(inner + 1).min(count),
        (_, end) if end + 1 >= count => count - (inner + 1).min(count)..count,
        (begin, end) => begin..end,
    }
}

/// ` ✓  Brain mask  2 attempts    62 %  running    1 m 12 s`; where it is narrow the percentage stands for `running`.
fn step_line(step: &JobStep, now: DateTime<Utc>, width: usize) -> Line {
    let (shape, word, tone) = step_status(step.status);
    let time = match step_elapsed(step, now) {
        None => String::new(),
        Some((time, true)) => ticking(time),
        Some((time, false)) => duration(time),
    };
    let fraction = step.fraction.millionths();
    let is_partial =
        matches!(step.status, StepStatus::Running | StepStatus::Error) && (1..MILLION).contains(&fraction);
    let progress = if is_partial { fraction_text(fraction) } else { String::new() };
    let word_tone = if step.status == StepStatus::Finished { Tone::Quiet } else { tone };
    let right = if width >= ROOMY {
        Line::of(tone, &format!("{progress:>5}  ")).and(word_tone, &format!("{word:<8}{time:>DURATION$}"))
    } else if step.status == StepStatus::Running && is_partial {
        Line::of(tone, &format!("{progress:<8}{time:>DURATION$}"))
    } else {
        Line::of(word_tone, &format!("{word:<8}{time:>DURATION$}"))
    };
    let attempts = match step.attempts {
        ..=1 => String::new(),
        attempts if width >= ROOMY => format!("  {attempts} attempts"),
        attempts => format!("  {attempts}×"),
    };
    let attempts = Line::of(Tone::Quiet, &attempts);
    let name_tone = if step.status == StepStatus::Running { Tone::Strong } else { Tone::Plain };
    let room = width.saturating_sub(INDENT + attempts.width() + 1 + right.width());
    let left = Line::of(tone, &format!(" {shape}  "))
        .append(Line::of(name_tone, step.name.as_str()).cut(room))
        .append(attempts);
    Line::ends(left, right, width)
}

/// What a step measured, in as many lines as it takes; a line breaks between two measurements, and one that is longer
/// than so many lines is cut.
fn metadata_lines(step: &JobStep, width: usize, longest: usize) -> Vec<Line> {
    let room = width.saturating_sub(INDENT);
    let mut lines: Vec<Line> = Vec::new();
    for (name, value) in measurements(&step.metadata) {
        let item = Line::of(Tone::Quiet, &format!("{name} ")).and(Tone::Plain, &value);
        match lines.last_mut() {
            Some(line) if line.width() + 3 + item.width() <= room => {
                *line = std::mem::take(line).and(Tone::Quiet, " · ").append(item);
            }
            _ => lines.push(item.cut(longest * room)),
        }
    }
    lines.into_iter().map(|line| Line::of(Tone::Plain, &" ".repeat(INDENT)).append(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_the_focus_and_fills_its_room() {
        assert_eq!(window(5, 2, 5), 0..5);
        assert_eq!(window(500, 0, 10), 0..9);
        assert_eq!(window(500, 5, 10), 0..9);
        assert_eq!(window(500, 250, 10), 246..254);
        assert_eq!(window(500, 499, 10), 491..500);
        for room in 3..20 {
            for focus in 0..50 {
                let shown = window(50, focus, room);
                let marks = usize::from(shown.start > 0) + usize::from(shown.end < 50);
                assert!(shown.contains(&focus) && shown.len() + marks == room, "{focus} in {room}: {shown:?}");
            }
        }
    }
}
