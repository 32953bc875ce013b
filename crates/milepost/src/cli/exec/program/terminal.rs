//! Terminals: ours, and the one that the program has instead.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::getpgrp;
use rustix::termios::{
    OptionalActions, Termios, Winsize, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// The size of a terminal that nobody sees.
const USUAL_SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// Our terminal as the program's: nothing that is typed is ours.
pub(super) struct RawTerminal(Termios);

impl RawTerminal {
    /// None: nobody types for us.
    pub(super) fn enter() -> Option<Self> {
        // Whoever is not in front would be stopped for trying.
        if !io::stdin().is_terminal() || !is_in_front() {
            return None;
        }
        let before = tcgetattr(io::stdin().as_fd()).ok()?;
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

/// Gives the program's terminal the size and the manners of ours.
pub(super) fn make_like_ours(pty: &OwnedFd) {
    resize(pty);
    if let Ok(manners) = tcgetattr(io::stdin().as_fd()) {
        let _ = tcsetattr(pty, OptionalActions::Now, &manners);
    }
}

/// Makes the program's terminal as large as ours, if we have one.
pub(super) fn resize(pty: &OwnedFd) {
    let (output, errors, input) = (io::stdout(), io::stderr(), io::stdin());
    let ours: [BorrowedFd<'_>; 3] = [output.as_fd(), errors.as_fd(), input.as_fd()];
    let size = ours.iter().find_map(|file| tcgetwinsize(file).ok()).unwrap_or(USUAL_SIZE);
    let _ = tcsetwinsize(pty, size);
}

/// A terminal for standard error alone, where it goes to one and the output does not: many programs draw their bars there.
/// None: it goes to none.
pub(super) fn for_errors() -> Option<(pty_process::Pty, OwnedFd)> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let (pty, pts) = pty_process::open().ok()?;
    let pts = pts.as_fd().try_clone_to_owned().ok()?;
    resize(&pts);
    // It only passes on: what is to become of lines is decided by ours.
    let mut manners = tcgetattr(&pts).ok()?;
    manners.make_raw();
    tcsetattr(&pts, OptionalActions::Now, &manners).ok()?;
    Some((pty, pts))
}

/// Whether what is typed at the terminal to end programs reaches us, and what we run beside it.
pub(super) fn is_in_front() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}

/// Passes on what is typed, to its end.
pub(super) async fn pass_on_typing(mut to: pty_process::OwnedWritePty) {
    let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut to).await;
}
