//! The signals that the program gets as well.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Running;
use super::terminal::{is_in_front, resize};
use crate::cli::signals::listen_unless_ignored;

/// How soon after the end of the program a signal is still one for the program.
const OF_THE_SAME_MOMENT: Duration = Duration::from_millis(500);
/// What a program may be told.
const PASSED_ON: [Signal; 10] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::CONT,
    Signal::XCPU,
    Signal::WINCH,
];

/// Those that came.
#[derive(Debug)]
pub(in crate::cli::exec) struct Signals(mpsc::Receiver<i32>);

impl Signals {
    /// From now on they no longer do to us what they usually do.
    pub(super) fn listen() -> Self {
        // Where our parent ignores it, the system would throw the program's exit code away.
        let _ = signal(SignalKind::child());
        let (sender, receiver) = mpsc::channel(16);
        for number in PASSED_ON.map(Signal::as_raw) {
            let (Some(mut incoming), sender) = (listen_unless_ignored(number), sender.clone()) else { continue };
            tokio::spawn(async move {
                while incoming.recv().await.is_some() {
                    let _ = sender.send(number).await;
                }
            });
        }
        Self(receiver)
    }

    /// The number of the next.
    pub(super) async fn next(&mut self) -> i32 {
        match self.0.recv().await {
            Some(number) => number,
            None => std::future::pending().await,
        }
    }
}

impl Signals {
    /// Waits until we are asked to end, now that the program has. What comes in the same moment was meant for the program.
    pub(in crate::cli::exec) async fn ask_to_end(&mut self, has_ended_at: Instant) {
        loop {
            let number = self.next().await;
            let asks = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM].map(Signal::as_raw).contains(&number);
            if asks && has_ended_at.elapsed() > OF_THE_SAME_MOMENT {
                return;
            }
        }
    }
}

impl Running {
    /// Gives a signal that we got to the program, unless the terminal has given it to both.
    pub(super) fn pass_on(&self, number: i32) {
        let Some(signal) = Signal::from_named_raw(number) else { return };
        if signal == Signal::WINCH {
            self.pty.iter().for_each(resize);
        }
        let is_typed = [Signal::INT, Signal::QUIT, Signal::WINCH].contains(&signal);
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        match (&self.pty, id) {
            // Its terminal tells it.
            (Some(_), _) if self.has_own_session && signal == Signal::WINCH => {}
            // Ours was typed at by somebody whose keys do not reach the program's: its terminal would tell all in front.
            (Some(pty), _) if self.has_own_session && is_typed => {
                if let Ok(group) = tcgetpgrp(pty) {
                    let _ = kill_process_group(group, signal);
                }
            }
            (_, Some(_)) if is_typed && is_in_front() => {}
            (_, Some(id)) => drop(kill_process(id, signal)),
            (_, None) => {}
        }
    }
}
