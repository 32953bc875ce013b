//! Reading Server-Sent Events: bytes in as they come, messages out. Follows the HTML standard, "9.2.6 Interpreting an
//! event stream"; `retry` is passed over, since we have a pace of our own.

use std::collections::VecDeque;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its name; `message` if it has none.
    pub(super) event: String,
    /// Its lines of data.
    pub(super) data: String,
}

/// What has been read so far. Chunks may end anywhere, in the middle of a character as well.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    /// The last byte was a CR, so that an LF next belongs to it.
    after_cr: bool,
    is_started: bool,
    event: String,
    data: Option<String>,
    messages: VecDeque<Message>,
}

impl Reader {
    /// Takes in the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let completes_crlf = self.after_cr && *byte == b'\n';
            self.after_cr = *byte == b'\r';
            match byte {
                _ if completes_crlf => {}
                b'\r' | b'\n' => self.end_line(),
                _ => self.line.push(*byte),
            }
        }
    }

    /// The next message that is complete.
    pub(super) fn next(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&bytes);
        let line = if self.is_started { &text } else { text.trim_start_matches('\u{feff}') };
        self.is_started = true;
        if line.is_empty() {
            return self.end_message();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments (an empty field name) keep the line open and say nothing.
            _ => {}
        }
    }

    /// An empty line ends a message; one without data is none.
    fn end_message(&mut self) {
        let event = std::mem::take(&mut self.event);
        if let Some(data) = self.data.take() {
            let event = if event.is_empty() { "message".to_owned() } else { event };
            self.messages.push_back(Message { event, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages as (event, data), whatever the chunks are.
    fn read(stream: &str) -> Vec<(String, String)> {
        let whole = read_in_chunks(stream, stream.len().max(1));
        for size in 1..8 {
            assert_eq!(read_in_chunks(stream, size), whole, "in chunks of {size} bytes");
        }
        whole
    }

    fn read_in_chunks(stream: &str, size: usize) -> Vec<(String, String)> {
        let mut reader = Reader::default();
        stream.as_bytes().chunks(size).for_each(|chunk| reader.push(chunk));
        std::iter::from_fn(|| reader.next()).map(|message| (message.event, message.data)).collect()
    }

    fn message(event: &str, data: &str) -> (String, String) {
        (event.to_owned(), data.to_owned())
    }

    #[test]
    fn messages_end_with_an_empty_line() {
        let two = [message("snapshot", "{}"), message("event", "é 脳")];
        assert_eq!(read("event: snapshot\nid: 7\ndata: {}\n\nevent: event\ndata: é 脳\n\n"), two);
    }

    #[test]
    fn lines_end_with_lf_crlf_or_cr() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = "event: a\ndata: 1\n\ndata: 2\n\n".replace('\n', end);
            assert_eq!(read(&stream), [message("a", "1"), message("message", "2")], "{end:?}");
        }
    }

    #[test]
    fn comments_and_unknown_fields_say_nothing() {
        assert_eq!(
            read(": still here\n\nretry: 10\nevent: a\n: in between\ncolour: blue\ndata: 1\n\n: bye\n\n"),
            [message("a", "1")]
        );
    }

    #[test]
    fn data_of_several_lines_is_joined() {
        assert_eq!(read("data: a\ndata\ndata:  b\n\n"), [message("message", "a\n\n b")]);
    }

    #[test]
    fn a_name_without_data_is_no_message_and_names_no_later_one() {
        assert_eq!(read("event: a\n\ndata: 1\n\n"), [message("message", "1")]);
    }

    #[test]
    fn an_incomplete_message_is_none() {
        assert_eq!(read("data: 1\n\ndata: 2\n"), [message("message", "1")]);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(read("\u{feff}data: 1\n\n"), [message("message", "1")]);
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        let mut reader = Reader::default();
        reader.push(b"data: \xff\xfe\n\n");
        assert_eq!(reader.next().unwrap().data, "\u{fffd}\u{fffd}");
    }
}
