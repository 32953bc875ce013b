//! The server that answers events from memory: what `make bench` compares the real one with. It does all that the real one
//! does but for writing an event, so nothing that it acknowledges is kept.

use std::process::ExitCode;

use clap::Parser;
use milepost::cli::Cli;
use mimalloc::MiMalloc;

/// As the real one has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    eprintln!("milepost-from-memory: for measuring only; no event that is acknowledged is kept");
    Cli::parse().run()
}
