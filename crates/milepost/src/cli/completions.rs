//! `milepost completions`: what a shell needs to complete our commands.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::terminal::unless_unread;
use super::{Cli, Outcome};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Outcome {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "milepost", &mut script);
        unless_unread(io::Write::write_all(&mut io::stdout(), &script))
    }
}
