//! The binary: reads the command line and hands over to the library.

use std::process::ExitCode;

use clap::Parser;
use milepost::cli::Cli;
use mimalloc::MiMalloc;

// What it acknowledges is kept.
#[cfg(feature = "from-memory")]
compile_error!("the feature from-memory is for milepost-from-memory alone: build it with --bin milepost-from-memory");

/// Requests make many futures of a few kilobytes, for which the system's allocator takes a sixth of the time of an event.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
