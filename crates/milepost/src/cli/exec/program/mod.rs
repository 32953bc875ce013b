//! A program that runs as if we were not there.

mod output;
mod signals;
mod terminal;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, PipeReader, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use super::teller::Teller;
use crate::cli::Failure;
use crate::cli::terminal::note;
use output::{Rest, Source, copy, pass_on_rest};
use signals::Signals;
use terminal::RawTerminal;

/// Where the program finds the job's id.
const JOB_VARIABLE: &str = "MILEPOST_JOB";
/// How often it is looked whether something is to be told or said by now.
const TICK: Duration = Duration::from_millis(250);
/// Pieces of output whose lines wait to be looked at.
const PIECES: usize = 64;

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
    pub(super) fn exit(ended: Result<Self, &io::Error>) -> Result<ExitCode, Failure> {
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
            Err(error) if error.kind() == io::ErrorKind::NotFound => NOT_FOUND,
            Err(_) => NOT_RUNNABLE,
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

/// Becomes the program, where there is nothing to tell of it. Comes back only if it cannot be run.
pub(super) fn become_program(program: &[OsString], job: &str) -> io::Error {
    let error = std::process::Command::new(&program[0]).args(&program[1..]).env(JOB_VARIABLE, job).exec();
    complain(program, &error);
    error
}

fn complain(program: &[OsString], error: &io::Error) {
    note!("{} cannot be run: {error}", program[0].to_string_lossy());
}

/// Runs a program to its end and tells its lines. The signals that come later are handed over too: they are meant for us.
pub(super) async fn run(
    program: &[OsString],
    job: &str,
    terminal: Terminal,
    teller: &mut Teller,
) -> (io::Result<Ended>, Signals) {
    let mut signals = Signals::listen();
    let (sender, lines) = mpsc::channel(PIECES);
    let ended = match Running::start(program, job, terminal, sender) {
        Ok(running) => running.follow(lines, &mut signals, teller).await,
        Err(error) => {
            complain(program, &error);
            Err(error)
        }
    };
    (ended, signals)
}

/// A program under way.
struct Running {
    child: Child,
    /// What passes its output on.
    copying: JoinSet<Option<Rest>>,
    /// What passes on what is typed.
    _typing: JoinSet<()>,
    has_ended: CancellationToken,
    /// Our end of its terminal.
    pty: Option<OwnedFd>,
    /// Whether it is out of reach of what is typed at our own.
    has_own_session: bool,
    raw: Option<RawTerminal>,
}

impl Running {
    fn start(
        program: &[OsString],
        job: &str,
        terminal: Terminal,
        lines: mpsc::Sender<Vec<String>>,
    ) -> io::Result<Self> {
        let is_terminal = match terminal {
            Terminal::Auto => io::stdout().is_terminal(),
            Terminal::Always => true,
            Terminal::Never => false,
        };
        // Where the system has no terminal to give, the program gets none.
        match is_terminal.then(pty_process::open).and_then(Result::ok) {
            Some((pty, pts)) => Self::start_on_pty(program, job, pty, pts, lines),
            None => Self::start_on_pipes(program, job, terminal, lines),
        }
    }

    fn start_on_pipes(
        program: &[OsString],
        job: &str,
        terminal: Terminal,
        lines: mpsc::Sender<Vec<String>>,
    ) -> io::Result<Self> {
        let (mut copying, has_ended, mut pty) = (JoinSet::new(), CancellationToken::new(), None);
        let (output, writer) = pipe()?;
        let error_writer = if are_one_file() {
            Stdio::from(writer.try_clone()?)
        } else if let Some((own_end, pts)) = terminal::for_errors().filter(|_| terminal == Terminal::Auto) {
            pty = own_end.as_fd().try_clone_to_owned().ok();
            let (reader, _) = own_end.into_split();
            copying.spawn(copy(Source::Pty(reader), tokio::io::stderr(), lines.clone(), has_ended.clone()));
            Stdio::from(pts)
        } else {
            let (errors, writer) = pipe()?;
            copying.spawn(copy(receiver(errors)?, tokio::io::stderr(), lines.clone(), has_ended.clone()));
            Stdio::from(writer)
        };
        copying.spawn(copy(receiver(output)?, tokio::io::stdout(), lines, has_ended.clone()));
        let child = {
            let mut command = Command::new(&program[0]);
            command.args(&program[1..]).env(JOB_VARIABLE, job).stdout(writer).stderr(error_writer);
            // Our ends of the pipes go with the command.
            command.spawn()?
        };
        Ok(Self { child, copying, _typing: JoinSet::new(), has_ended, pty, has_own_session: false, raw: None })
    }

    fn start_on_pty(
        program: &[OsString],
        job: &str,
        pty: pty_process::Pty,
        pts: pty_process::Pts,
        lines: mpsc::Sender<Vec<String>>,
    ) -> io::Result<Self> {
        let own_end = pty.as_fd().try_clone_to_owned()?;
        terminal::make_like_ours(&own_end);
        // Before the program can say or read anything.
        let raw = RawTerminal::enter();
        let mut command = pty_process::Command::new(&program[0]).args(&program[1..]).env(JOB_VARIABLE, job);
        if !io::stdin().is_terminal() {
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
            other => io::Error::other(other),
        })?;
        let (reader, writer) = pty.into_split();
        let (mut copying, has_ended) = (JoinSet::new(), CancellationToken::new());
        if let Some(errors) = errors {
            copying.spawn(copy(receiver(errors)?, tokio::io::stderr(), lines.clone(), has_ended.clone()));
        }
        copying.spawn(copy(Source::Pty(reader), tokio::io::stdout(), lines, has_ended.clone()));
        let mut typing = JoinSet::new();
        if raw.is_some() {
            typing.spawn(terminal::pass_on_typing(writer));
        }
        Ok(Self { child, copying, _typing: typing, has_ended, pty: Some(own_end), has_own_session: true, raw })
    }

    async fn follow(
        mut self,
        mut lines: mpsc::Receiver<Vec<String>>,
        signals: &mut Signals,
        teller: &mut Teller,
    ) -> io::Result<Ended> {
        let mut ticks = interval(TICK);
        // A remark in the middle of what fills a screen would spoil it.
        let may_remark = !self.has_own_session;
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status?,
                Some(piece) = lines.recv() => teller.lines(&piece),
                number = signals.next() => self.pass_on(number),
                _ = ticks.tick() => {
                    teller.tick();
                    if may_remark {
                        teller.remark();
                    }
                }
            }
        };
        self.has_ended.cancel();
        let ended_at = Instant::now();
        // What was printed last is still on its way, as fast as somebody reads it.
        let mut rests = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(piece) = lines.recv() => teller.lines(&piece),
                copied = self.copying.join_next() => match copied {
                    Some(rest) => rests.extend(rest.ok().flatten()),
                    None => break,
                },
                () = signals.ask_to_end(ended_at) => break,
            }
        }
        while let Ok(piece) = lines.try_recv() {
            teller.lines(&piece);
        }
        rests.into_iter().for_each(pass_on_rest);
        drop(self.raw);
        Ok(Ended(status))
    }
}

/// Whether both outputs go to the same place: then they stay in their order.
fn are_one_file() -> bool {
    let place = |file: &dyn AsFd| rustix::fs::fstat(file).ok().map(|found| (found.st_dev, found.st_ino));
    place(&io::stdout()).is_some_and(|output| place(&io::stderr()) == Some(output))
}

fn receiver(pipe: PipeReader) -> io::Result<Source> {
    Receiver::from_owned_fd(OwnedFd::from(pipe)).map(Source::Pipe)
}
