//! The lines of a program's output, as people would read them.

use console::strip_ansi_codes;

/// What is longer is cut: no rule needs more of a line.
const LONGEST: usize = 64 * 1024;

/// Puts bytes together to lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes bytes in and hands over the lines that they end. A carriage return ends one too: bars are drawn with it.
    pub(super) fn take(&mut self, mut bytes: &[u8], mut each: impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.keep(&bytes[..end]);
            self.hand_over(&mut each);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// The line that nothing has ended.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&str)) {
        self.hand_over(&mut each);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.begun.len()).min(bytes.len());
        self.begun.extend_from_slice(&bytes[..room]);
    }

    fn hand_over(&mut self, each: &mut impl FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.begun);
        // No text of an event holds a NUL: all that is told would be refused for it.
        let line = strip_ansi_codes(&line).replace('\0', "\u{fffd}");
        if !line.trim().is_empty() {
            each(&line);
        }
        self.begun.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for part in parts {
            lines.take(part, |line| found.push(line.to_owned()));
        }
        lines.finish(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn lines_end_with_a_line_feed_or_a_carriage_return_wherever_they_are_cut() {
        assert_eq!(lines(&[b"on", b"e\r\ntwo\n\nthr", b"ee"]), ["one", "two", "three"]);
        assert_eq!(lines(&[b"10%\r20%\r", b"30%"]), ["10%", "20%", "30%"]);
    }

    #[test]
    fn what_only_colours_is_taken_away() {
        assert_eq!(lines(&[b"\x1b[1;32mdone\x1b[0m 3/8\n"]), ["done 3/8"]);
        assert_eq!(lines(&[b"\xff\xfe broken\0\n"]), ["\u{fffd}\u{fffd} broken\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory() {
        assert_eq!(lines(&[&vec![b'x'; 1_000_000]])[0].len(), LONGEST);
    }
}
