//! A reader of Server-Sent Events, strict about their form.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::time::timeout;

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    pub event: String,
    /// Empty where the message has none, so that a browser keeps the last one.
    pub id: String,
    pub data: Value,
}

/// An open stream.
#[derive(Debug)]
pub struct Stream {
    response: reqwest::Response,
    buffer: String,
    /// How much of the buffer has been read.
    taken: usize,
    pub status: u16,
}

impl Stream {
    pub async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        if status == 200 {
            assert_eq!(response.headers()["content-type"], "text/event-stream");
        }
        Self { response, buffer: String::new(), taken: 0, status }
    }

    /// Asserts that it was refused with this status.
    #[track_caller]
    pub fn expect_refusal(self, status: u16) {
        assert_eq!(self.status, status);
    }

    /// The next message, passing over comments; none at the end of the stream. Waits for at most five seconds.
    pub async fn next(&mut self) -> Option<Message> {
        timeout(Duration::from_secs(5), self.read()).await.expect("a message or the end within 5 seconds")
    }

    /// The next message, which must come.
    pub async fn expect(&mut self) -> Message {
        self.next().await.expect("a message, not the end of the stream")
    }

    /// Asserts that it is told within a second that rights may have changed; another second is for a busy machine.
    pub async fn expect_access(&mut self) {
        let message = timeout(Duration::from_secs(2), self.expect()).await.expect("`access` within a second");
        assert_eq!((message.event.as_str(), message.data), ("access", serde_json::json!({})));
    }

    /// Asserts that nothing comes for a while.
    pub async fn expect_silence(&mut self, duration: Duration) {
        if let Ok(message) = timeout(duration, self.read()).await {
            panic!("expected silence, got {message:?}");
        }
    }

    /// Asserts that the stream ends within a second, whatever comes before; another second is for a busy machine.
    pub async fn expect_end(&mut self) {
        let end = async { while self.read().await.is_some() {} };
        timeout(Duration::from_secs(2), end).await.expect("the end of the stream within a second");
    }

    /// The same for as long as it takes.
    pub async fn read(&mut self) -> Option<Message> {
        loop {
            let rest = &self.buffer[self.taken..];
            if let Some((block, _)) = rest.split_once("\n\n") {
                self.taken += block.len() + 2;
                if let Some(message) = parse(block) {
                    return Some(message);
                }
                continue;
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            // A stream that breaks off is as good as one that ends.
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn parse(block: &str) -> Option<Message> {
    let field =
        |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
    let data = field("data")?;
    let event = field("event").expect("every message has a name");
    let id = field("id");
    let may_have_none = matches!(event.as_str(), "access" | "silence");
    assert!(
        id.is_some() || may_have_none,
        "every message has an id but `access`, and `silence` of a job's stream: {block:?}"
    );
    assert!(id.is_none() || event != "access", "{block:?}");
    Some(Message { event, id: id.unwrap_or_default(), data: serde_json::from_str(&data).unwrap() })
}
