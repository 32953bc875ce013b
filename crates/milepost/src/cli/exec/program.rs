//! A program that runs as if we were not there.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, PipeReader, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use super::lines::Lines;
use super::teller::{FRACTION_PAUSE, Teller};
use crate::cli::Failure;

/// How long the output of what the program has started is still passed on once it has ended itself.
const AFTER_THE_END: Duration = Duration::from_secs(1);
const BUFFER: usize = 64 * 1024;
/// Lines that wait to be looked at.
const LINES: usize = 1024;

/// Whether the program is given a terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Terminal {
    /// Where we write to one.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// How a program ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended(ExitStatus);

impl Ended {
    /// Whether it says that all went well.
    pub(super) fn is_well(self) -> bool {
        self.0.success()
    }

    /// Ends us in the same way.
    pub(super) fn exit(ended: io::Result<Self>) -> Result<ExitCode, Failure> {
        // What a shell answers for what it cannot find, or cannot run.
        const NOT_FOUND: i32 = 127;
        const NOT_RUNNABLE: i32 = 126;
        let code = match ended {
            Ok(Self(status)) => {
                if let Some(signal) = status.signal() {
                    // Whoever waits for us sees what they would see of the program. No dump of our own memory.
                    let _ = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                    128 + signal
                } else {
                    status.code().unwrap_or(1)
                }
            }
            Err(error) => {
                eprintln!("milepost: the program cannot be run: {error}");
                if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE }
            }
        };
        // Not by returning: whoever reads from the terminal may not notice that we want to end.
        std::process::exit(code)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "ended with exit code {code}"),
            (None, Some(signal)) => match signal_hook::low_level::signal_name(signal) {
                Some(name) => write!(f, "was ended by {name}"),
                None => write!(f, "was ended by the signal {signal}"),
            },
            (None, None) => f.write_str("ended"),
        }
    }
}

/// Runs a program to its end and tells its lines.
pub(super) async fn run(
    program: &[OsString],
    job: &str,
    terminal: Terminal,
    teller: &mut Teller,
) -> io::Result<Ended> {
    let (sender, mut lines) = mpsc::channel(LINES);
    let mut signals = Signals::listen()?;
    let mut running = Running::start(program, job, terminal, &sender)?;
    drop(sender);
    let mut ticks = interval(FRACTION_PAUSE);
    let status = loop {
        tokio::select! {
            status = running.child.wait() => break status?,
            Some(line) = lines.recv() => teller.line(&line),
            number = signals.next() => running.pass_on(number),
            _ = ticks.tick() => teller.tick(),
        }
    };
    // What was printed last is still on its way; what the program has left running may hold the pipe for ever.
    let copying = async {
        loop {
            tokio::select! {
                biased;
                Some(line) = lines.recv() => teller.line(&line),
                copied = running.copying.join_next() => if copied.is_none() { break },
            }
        }
    };
    let _ = timeout(AFTER_THE_END, copying).await;
    while let Ok(line) = lines.try_recv() {
        teller.line(&line);
    }
    Ok(Ended(status))
}

/// A program under way.
struct Running {
    child: Child,
    /// What passes its output on.
    copying: JoinSet<()>,
    /// What passes on what is typed.
    _typing: JoinSet<()>,
    /// Our end of its terminal.
    pty: Option<OwnedFd>,
    _raw: Option<RawTerminal>,
}

impl Running {
    fn start(program: &[OsString], job: &str, terminal: Terminal, lines: &mpsc::Sender<String>) -> io::Result<Self> {
        let is_terminal = match terminal {
            Terminal::Auto => io::stdout().is_terminal(),
            Terminal::Always => true,
            Terminal::Never => false,
        };
        if is_terminal { Self::start_on_pty(program, job, lines) } else { Self::start_on_pipes(program, job, lines) }
    }

    fn start_on_pipes(program: &[OsString], job: &str, lines: &mpsc::Sender<String>) -> io::Result<Self> {
        let (output, writer) = pipe()?;
        let are_one = are_one_file()?;
        let (errors, error_writer) = if are_one {
            (None, writer.try_clone()?)
        } else {
            let (errors, writer) = pipe()?;
            (Some(errors), writer)
        };
        let child = {
            let mut command = Command::new(&program[0]);
            command.args(&program[1..]).env("MILEPOST_JOB", job).stdout(writer).stderr(error_writer);
            // Our ends of the pipes go with the command.
            command.spawn()?
        };
        let mut copying = JoinSet::new();
        copying.spawn(copy(receiver(output)?, tokio::io::stdout(), lines.clone()));
        if let Some(errors) = errors {
            copying.spawn(copy(receiver(errors)?, tokio::io::stderr(), lines.clone()));
        }
        Ok(Self { child, copying, _typing: JoinSet::new(), pty: None, _raw: None })
    }

    fn start_on_pty(program: &[OsString], job: &str, lines: &mpsc::Sender<String>) -> io::Result<Self> {
        let failed = |error: pty_process::Error| io::Error::other(error);
        let (pty, pts) = pty_process::open().map_err(failed)?;
        let own_end = pty.as_fd().try_clone_to_owned()?;
        resize(&own_end);
        let mut command = pty_process::Command::new(&program[0]).args(&program[1..]).env("MILEPOST_JOB", job);
        let types = io::stdin().is_terminal();
        if !types {
            command = command.stdin(Stdio::inherit());
        }
        let mut errors = None;
        if !io::stderr().is_terminal() {
            let (reader, writer) = pipe()?;
            errors = Some(reader);
            command = command.stderr(writer);
        }
        let child = command.spawn(pts).map_err(|error| match error {
            pty_process::Error::Io(error) => error,
            other => failed(other),
        })?;
        let (reader, writer) = pty.into_split();
        let mut copying = JoinSet::new();
        copying.spawn(copy(reader, tokio::io::stdout(), lines.clone()));
        if let Some(errors) = errors {
            copying.spawn(copy(receiver(errors)?, tokio::io::stderr(), lines.clone()));
        }
        let mut typing = JoinSet::new();
        if types {
            typing.spawn(pass_on_typing(writer));
        }
        Ok(Self { child, copying, _typing: typing, pty: Some(own_end), _raw: RawTerminal::enter(types) })
    }

    /// Gives a signal that we got to the program, unless the terminal has given it to both.
    fn pass_on(&self, number: i32) {
        if number == Signal::WINCH.as_raw() {
            self.pty.iter().for_each(resize);
            return;
        }
        let is_typed = [Signal::INT.as_raw(), Signal::QUIT.as_raw()].contains(&number);
        if is_typed && self.pty.is_none() && is_in_foreground() {
            return;
        }
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let (Some(id), Some(signal)) = (id, Signal::from_named_raw(number)) {
            let _ = kill_process(id, signal);
        }
    }
}

/// Whether both outputs go to the same place: then they stay in their order.
fn are_one_file() -> io::Result<bool> {
    let (output, errors) = (rustix::fs::fstat(io::stdout())?, rustix::fs::fstat(io::stderr())?);
    Ok((output.st_dev, output.st_ino) == (errors.st_dev, errors.st_ino))
}

fn receiver(pipe: PipeReader) -> io::Result<Receiver> {
    Receiver::from_owned_fd(OwnedFd::from(pipe))
}

/// Passes bytes on as they come, and hands over the lines that they make. Where nobody reads on, the program finds that
/// out from its own next write.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, lines: mpsc::Sender<String>) {
    let (mut splitter, mut buffer) = (Lines::default(), vec![0; BUFFER]);
    let mut found = Vec::new();
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { break };
        let bytes = &buffer[..length];
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            break;
        }
        splitter.take(bytes, |line| found.push(line.to_owned()));
        for line in found.drain(..) {
            let _ = lines.send(line).await;
        }
    }
    splitter.finish(|line| found.push(line.to_owned()));
    for line in found {
        let _ = lines.send(line).await;
    }
}

async fn pass_on_typing(mut to: pty_process::OwnedWritePty) {
    let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut to).await;
}

/// Makes the program's terminal as large as ours, if we have one.
fn resize(pty: &OwnedFd) {
    if let Ok(size) = tcgetwinsize(io::stdout()) {
        let _ = tcsetwinsize(pty, size);
    }
}

/// Whether what is typed at the terminal to end programs reaches us and the program both.
fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Our terminal as the program's: nothing that is typed is ours.
struct RawTerminal(Termios);

impl RawTerminal {
    fn enter(types: bool) -> Option<Self> {
        let before = tcgetattr(io::stdin().as_fd()).ok().filter(|_| types)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.0);
    }
}

/// The signals that the program gets as well.
struct Signals(mpsc::Receiver<i32>);

impl Signals {
    fn listen() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(16);
        for named in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2, Signal::WINCH]
        {
            let number = named.as_raw();
            let (mut incoming, sender) = (signal(SignalKind::from_raw(number))?, sender.clone());
            tokio::spawn(async move {
                while incoming.recv().await.is_some() {
                    let _ = sender.send(number).await;
                }
            });
        }
        Ok(Self(receiver))
    }

    async fn next(&mut self) -> i32 {
        match self.0.recv().await {
            Some(number) => number,
            None => std::future::pending().await,
        }
    }
}
