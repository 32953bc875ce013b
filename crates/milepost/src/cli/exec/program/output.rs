//! The program's output on its way to ours.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cli::exec::lines::Lines;

const BUFFER: usize = 64 * 1024;
/// How long we wait for what others print into the program's output once it has ended itself.
const AFTER_THE_END: Duration = Duration::from_secs(1);
/// No pipe holds more of what the program itself has printed.
const LARGEST_PIPE: usize = 1024 * 1024;

/// Where output comes from.
#[derive(Debug)]
pub(super) enum Source {
    Pipe(Receiver),
    Pty(pty_process::OwnedReadPty),
}

impl Source {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.read(buffer).await,
            Self::Pty(pty) => pty.read(buffer).await,
        }
    }
}

/// Output that others go on writing to behind a program that has ended.
#[derive(Debug)]
pub(super) struct Rest {
    from: Stdio,
    to: Stdio,
}

/// An output of ours.
pub(super) trait Output: AsyncWrite + Unpin {
    /// The same, for another process.
    fn stdio() -> Stdio;
}

impl Output for tokio::io::Stdout {
    fn stdio() -> Stdio {
        io::stdout().into()
    }
}

impl Output for tokio::io::Stderr {
    fn stdio() -> Stdio {
        io::stderr().into()
    }
}

/// Passes bytes on as they come, and hands over the lines that they make. Where nobody reads on, the program finds that
/// out from its own next write. Gives what is still open when the program has ended.
pub(super) async fn copy<O: Output>(
    mut from: Source,
    mut to: O,
    lines: mpsc::Sender<Vec<String>>,
    has_ended: CancellationToken,
) -> Option<Rest> {
    let (mut splitter, mut buffer) = (Lines::default(), vec![0; BUFFER]);
    let mut since_the_end = 0;
    let is_open = loop {
        let read = if has_ended.is_cancelled() {
            if since_the_end > LARGEST_PIPE {
                break true;
            }
            let Ok(read) = timeout(AFTER_THE_END, from.read(&mut buffer)).await else { break true };
            since_the_end += read.as_ref().copied().unwrap_or_default();
            read
        } else {
            tokio::select! {
                biased;
                read = from.read(&mut buffer) => read,
                () = has_ended.cancelled() => continue,
            }
        };
        let Ok(length @ 1..) = read else { break false };
        let bytes = &buffer[..length];
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            break false;
        }
        let mut found = Vec::new();
        splitter.take(bytes, |line| found.push(line.to_owned()));
        if !found.is_empty() {
            let _ = lines.send(found).await;
        }
    };
    let mut found = Vec::new();
    splitter.finish(|line| found.push(line.to_owned()));
    let _ = lines.send(found).await;
    match from {
        Source::Pipe(pipe) if is_open => Some(Rest { from: pipe.into_blocking_fd().ok()?.into(), to: O::stdio() }),
        _ => None,
    }
}

/// Leaves it to somebody who stays: what the program has left running neither loses what it prints, nor is ended by
/// printing it.
pub(super) fn pass_on_rest(rest: Rest) {
    let _ = Command::new("cat").stdin(rest.from).stdout(rest.to).stderr(Stdio::null()).spawn();
}
