//! Signals, where programs that we run are to find them as they would without us.

use std::fs;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for a signal. None: it is ignored, and stays so for the programs that we run, as `nohup` wants it.
pub(super) fn listen_unless_ignored(number: i32) -> Option<Signal> {
    if is_ignored(number) { None } else { signal(SignalKind::from_raw(number)).ok() }
}

/// Only Linux tells; elsewhere no signal is.
fn is_ignored(number: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    u32::try_from(number - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or_default() & 1 == 1)
}
