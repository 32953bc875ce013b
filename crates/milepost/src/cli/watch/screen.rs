//! The terminal while a job is shown live: a screen beside the usual one, which comes back untouched.

use std::io::{self, Write};

use console::Term;

use crate::cli::text::Line;

/// The alternate screen, no cursor, and no wrapping: a character wider than we believe must not push lines about.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// All of it undone.
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Begin and end of what is to appear at once; terminals that do not know it pass it over.
const BEGIN_FRAME: &str = "\x1b[?2026h\x1b[H";
const END_FRAME: &str = "\x1b[?2026l";
/// Cleared before it is written: behind a line that fills its row the cursor stands on the last character.
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// How much fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Characters in a line.
    pub(super) columns: usize,
    /// Lines.
    pub(super) rows: usize,
}

impl Size {
    fn of(term: &Term) -> Self {
        let (rows, columns) = term.size();
        Self { columns: columns.into(), rows: rows.into() }
    }
}

/// The screen; dropped, it gives the terminal back.
#[derive(Debug)]
pub(super) struct Screen {
    term: Term,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn enter() -> io::Result<Self> {
        write(ENTER)?;
        Ok(Self { term: Term::stdout() })
    }

    /// How much fits now.
    pub(super) fn size(&self) -> Size {
        Size::of(&self.term)
    }

    /// Shows these lines and nothing else.
    pub(super) fn show(&self, lines: &[Line]) -> io::Result<()> {
        let mut text = String::from(BEGIN_FRAME);
        for (index, line) in lines.iter().enumerate() {
            let is_last = index + 1 == lines.len();
            text.push_str(if is_last { CLEAR_REST } else { CLEAR_LINE });
            text.push_str(&render(line));
            text.push_str(if is_last { END_FRAME } else { "\r\n" });
        }
        (&self.term).write_all(text.as_bytes())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = write(LEAVE);
    }
}

/// Leaves lines on the usual screen, made for its size.
pub(super) fn print(lines: impl FnOnce(Size) -> Vec<Line>) -> io::Result<()> {
    let lines = lines(Size::of(&Term::stdout()));
    write(&lines.iter().map(|line| render(line) + "\n").collect::<String>())
}

/// The same where standard error is the screen and the output somebody else's.
pub(super) fn print_beside(lines: impl FnOnce(Size) -> Vec<Line>) -> io::Result<()> {
    let term = Term::stderr();
    let lines = lines(Size::of(&term));
    let with_colours = console::colors_enabled_stderr();
    let text: String = lines.iter().map(|line| line.render(with_colours) + "\n").collect();
    (&term).write_all(text.as_bytes())
}

fn render(line: &Line) -> String {
    line.render(console::colors_enabled())
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
