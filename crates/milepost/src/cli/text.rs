//! Text for a terminal: cleaned, measured in columns, cut to fit, coloured at the very end.
//!
//! Whatever comes from a server passes through [`clean`] on its way into a [`Line`], and nothing reaches the screen but
//! lines: an escape sequence in a name or a measurement has no way to the terminal.

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use console::{Style, measure_text_width, truncate_str};
use serde_json::{Number, Value};

use crate::jobs::ExpectedEnd;
use crate::progress::{JobStatus, StepStatus};

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Tone {
    /// As the terminal shows text.
    Plain,
    /// What the eye should find first.
    Strong,
    /// What stays in the background.
    Quiet,
    /// Done.
    Good,
    /// Under way.
    Active,
    /// Perhaps not as it should be.
    Doubtful,
    /// Failed.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        // The sixteen colours that a terminal's own theme defines, so that they are readable on light and on dark.
        let style = Style::new().force_styling(true);
        match self {
            Self::Plain => style,
            Self::Strong => style.bold(),
            Self::Quiet => style.dim(),
            Self::Good => style.green(),
            Self::Active => style.cyan().bold(),
            Self::Doubtful => style.yellow(),
            Self::Bad => style.red().bold(),
        }
    }
}

/// One line, in pieces of different tones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Line(Vec<(Tone, String)>);

impl Line {
    /// A line of one piece.
    pub(in crate::cli) fn of(tone: Tone, text: &str) -> Self {
        Self::default().and(tone, text)
    }

    /// The line with another piece behind it.
    pub(in crate::cli) fn and(mut self, tone: Tone, text: &str) -> Self {
        let text = clean(text);
        match self.0.last_mut() {
            Some((last, so_far)) if *last == tone => so_far.push_str(&text),
            _ => self.0.push((tone, text)),
        }
        self
    }

    /// The line with another behind it.
    pub(in crate::cli) fn append(self, other: Self) -> Self {
        other.0.into_iter().fold(self, |line, (tone, text)| line.and(tone, &text))
    }

    /// In columns.
    pub(in crate::cli) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| measure_text_width(text)).sum()
    }

    /// The line, cut with … where it is wider than that.
    pub(in crate::cli) fn cut(self, width: usize) -> Self {
        if self.width() <= width {
            return self;
        }
        let mut room = width;
        let mut kept = Self::default();
        for (tone, text) in self.0 {
            let own = measure_text_width(&text);
            if own < room {
                room -= own;
                kept.0.push((tone, text));
                continue;
            }
            if room > 0 {
                // Forces the mark even where this piece alone would fit: there is more behind it.
                let cut = truncate_str(&(text + "……"), room, "…").into_owned();
                kept.0.push((tone, cut));
            }
            break;
        }
        kept
    }

    /// The line, cut or filled up with blanks to exactly that width.
    pub(in crate::cli) fn fit(self, width: usize) -> Self {
        let line = self.cut(width);
        let missing = width.saturating_sub(line.width());
        line.and(Tone::Plain, &" ".repeat(missing))
    }

    /// `left` and `right` at the two ends of a line; `left` is cut where both do not fit.
    pub(in crate::cli) fn ends(left: Self, right: Self, width: usize) -> Self {
        let right = right.cut(width);
        let room = width - right.width();
        if room < 2 {
            return right;
        }
        left.cut(room - 1).fit(room).append(right)
    }

    /// The text for a terminal, with or without colours.
    pub(in crate::cli) fn render(&self, with_colours: bool) -> String {
        let piece = |(tone, text): &(Tone, String)| match tone {
            Tone::Plain => text.clone(),
            tone if with_colours => tone.style().apply_to(text).to_string(),
            _ => text.clone(),
        };
        self.0.iter().map(piece).collect::<String>()
    }
}

/// Text that can do nothing but be read: line breaks and tabs become blanks, other control characters and those that
/// turn the direction of writing become a mark.
pub(in crate::cli) fn clean(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
            '\u{fffd}'
        }
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// A duration as people say it, its two greatest units.
pub(in crate::cli) fn duration(duration: TimeDelta) -> String {
    let millis = duration.num_milliseconds().max(0);
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..10 => format!("{seconds}.{} s", millis % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// The duration of what is still under way: without the parts of a second, which would only flicker.
pub(in crate::cli) fn ticking(so_far: TimeDelta) -> String {
    match so_far.num_seconds() {
        seconds @ ..60 => format!("{} s", seconds.max(0)),
        _ => duration(so_far),
    }
}

/// How long a job has been silent, if it is.
pub(in crate::cli) fn silence(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<String> {
    since.map(|since| format!("silent for {}", ticking(now - since)))
}

/// Progress in whole percent, cut off: 100 % is only what is done. A blank stands where there is none to tell.
pub(in crate::cli) fn percent(progress: Option<f64>) -> String {
    match progress {
        Some(progress) => format!("{:.0} %", (progress.clamp(0.0, 1.0) * 100.0 + 1e-9).floor()),
        None => "– %".to_owned(),
    }
}

/// When a job will have ended, by the clocks here: `done between 14:05 and 14:20`.
pub(in crate::cli) fn expectation(expected: &ExpectedEnd, now: DateTime<FixedOffset>) -> String {
    /// Intervals narrower than this are told to the second.
    const NARROW: TimeDelta = TimeDelta::minutes(2);
    let Some((from, to)) = expected.from.zip(expected.to) else { return longer_than(expected) };
    let here = |at: DateTime<Utc>| at.with_timezone(now.offset());
    let clock =
        |at: DateTime<Utc>| here(at).format(if to - from < NARROW { "%H:%M:%S" } else { "%H:%M" }).to_string();
    let day = |at: DateTime<Utc>| match (here(at).date_naive() - now.date_naive()).num_days() {
        0 => String::new(),
        1 => "tomorrow ".to_owned(),
        _ => here(at).format("%b %d ").to_string(),
    };
    let ((first_day, first), (last_day, last)) = ((day(from), clock(from)), (day(to), clock(to)));
    match (first_day == last_day, first == last) {
        (true, true) => format!("done {first_day}about {first}"),
        (true, false) => format!("done {first_day}between {first} and {last}"),
        (false, _) => format!("done between {first_day}{first} and {last_day}{last}"),
    }
}

/// The same for programs.
pub(in crate::cli) fn exact_expectation(expected: &ExpectedEnd) -> String {
    let Some((from, to)) = expected.from.zip(expected.to) else { return longer_than(expected) };
    let [from, to] = [from, to].map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    format!("done between {from} and {to}")
}

/// Where too few past runs took as long.
fn longer_than(expected: &ExpectedEnd) -> String {
    let late = if expected.overdue { ": later than expected" } else { "" };
    format!("under way longer than {} of {} past runs{late}", expected.ended, expected.runs)
}

/// The shape, the word and the tone of a step's status.
pub(in crate::cli) fn step_status(status: StepStatus) -> (&'static str, &'static str, Tone) {
    match status {
        StepStatus::Pending => ("○", "pending", Tone::Quiet),
        StepStatus::Running => ("●", "running", Tone::Active),
        StepStatus::Finished => ("✓", "finished", Tone::Good),
        StepStatus::Error => ("✗", "error", Tone::Bad),
        StepStatus::Skipped => ("–", "skipped", Tone::Quiet),
    }
}

/// The shape, the word and the tone of a job's status.
pub(in crate::cli) fn job_status(status: JobStatus) -> (&'static str, &'static str, Tone) {
    match status {
        JobStatus::Pending => ("○", "pending", Tone::Quiet),
        JobStatus::Running => ("●", "running", Tone::Active),
        JobStatus::Completed => ("✓", "completed", Tone::Good),
        JobStatus::Error => ("✗", "error", Tone::Bad),
    }
}

/// A metadata value; none for null, which means not measured.
pub(in crate::cli) fn value_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number_text(number)),
        other => Some(other.to_string()),
    }
}

/// A number with at most six digits behind those that a person would say: 0.1 + 0.2 is 0.3.
fn number_text(number: &Number) -> String {
    let Some(value) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e15).contains(&magnitude) {
        return format!("{value:e}");
    }
    let rounded = if magnitude >= 1.0 { format!("{value:.4}") } else { format!("{value:.6}") };
    rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn escape_sequences_and_control_characters_are_defused() {
        assert_eq!(clean("\u{1b}[2Jboo\u{7}\u{9b}31m\u{7f}"), "\u{fffd}[2Jboo\u{fffd}\u{fffd}31m\u{fffd}");
        assert_eq!(clean("two\r\nlines\tand a tab"), "two  lines and a tab");
        assert_eq!(clean("abc\u{202e}def"), "abc\u{fffd}def");
        assert_eq!(clean("Größe 脳 🧠"), "Größe 脳 🧠");
    }

    #[test]
    fn durations_read_naturally() {
        let said = |millis| duration(TimeDelta::milliseconds(millis));
        assert_eq!(said(-5000), "0 ms");
        assert_eq!(said(840), "840 ms");
        assert_eq!(said(9_990), "9.9 s");
        assert_eq!(said(42_000), "42 s");
        assert_eq!(said(72_000), "1 m 12 s");
        assert_eq!(said(3_720_000), "1 h 02 m");
        assert_eq!(said(3 * 86_400_000 + 4 * 3_600_000), "3 d 04 h");
        assert_eq!(ticking(TimeDelta::milliseconds(4_700)), "4 s");
        assert_eq!(ticking(TimeDelta::milliseconds(-4_700)), "0 s");
    }

    #[test]
    fn numbers_have_no_more_digits_than_they_need() {
        let said = |value: Value| value_text(&value).unwrap();
        assert_eq!(said(json!(1887.0)), "1887");
        assert_eq!(said(json!(0.1 + 0.2)), "0.3");
        assert_eq!(said(json!(-22.1)), "-22.1");
        assert_eq!(said(json!(0.0)), "0");
        assert_eq!(said(json!(9_007_199_254_740_991_i64)), "9007199254740991");
        assert_eq!(said(json!(1.5e-9)), "1.5e-9");
        assert_eq!(said(json!(6.02e23)), "6.02e23");
    }

    #[test]
    fn progress_is_100_percent_only_when_it_is() {
        assert_eq!(percent(Some(0.999_999)), "99 %");
        assert_eq!(percent(Some(1.0)), "100 %");
        assert_eq!(percent(Some(0.29)), "29 %");
        assert_eq!(percent(None), "– %");
    }

    #[test]
    fn long_text_is_cut_by_columns_not_by_characters() {
        assert_eq!(Line::of(Tone::Plain, "brain volumes").cut(8).render(false), "brain v…");
        assert_eq!(Line::of(Tone::Plain, "脳の体積の測定").cut(8).render(false), "脳の体…");
        assert_eq!(Line::of(Tone::Plain, "ab").and(Tone::Bad, "cd").cut(2).render(false), "a…");
        let both = Line::ends(Line::of(Tone::Plain, "left end"), Line::of(Tone::Plain, "right"), 12);
        assert_eq!(both.render(false), "left … right");
    }

    proptest! {
        #[test]
        fn a_line_is_never_wider_than_its_room(text in "\\PC{0,40}", more in "\\PC{0,40}", width in 0_usize..60) {
            let line = Line::of(Tone::Plain, &text).and(Tone::Bad, &more);
            prop_assert!(line.clone().cut(width).width() <= width);
            prop_assert_eq!(line.fit(width).width(), width);
        }
    }
}
