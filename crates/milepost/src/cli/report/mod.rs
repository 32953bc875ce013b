//! What a provider's programs report from the command line. A report is in a file on disk (`spool`) before anything is
//! sent; the `courier` takes it to the server, beside a program that runs (`background`), before a command ends (`once`),
//! or in the next run.

mod background;
mod courier;
mod noted;
mod once;
mod problem;
mod spool;

use std::env;
use std::path::PathBuf;

use rustix::process::Signal;

use super::Failure;
use super::credentials::user_folder;
use super::signals::listen_unless_ignored;
pub(super) use background::Reporter;
pub(super) use once::{Delivered, deliver, flush};
pub(super) use spool::{Body, Report};

/// Of what waits in a file, in MiB, unless the environment says otherwise.
const USUAL_LIMIT: u64 = 64;

/// Where reports wait.
#[derive(Debug, Clone)]
pub(super) struct SpoolSettings {
    folder: PathBuf,
    /// Bytes that may wait in a file.
    limit: u64,
}

impl SpoolSettings {
    /// From the environment, as `docs/SPOOL.md` says.
    pub(super) fn load() -> Result<Self, Failure> {
        let folder = match env::var_os("MILEPOST_SPOOL").filter(|named| !named.is_empty()) {
            Some(named) => std::path::absolute(named)?,
            None => user_folder("XDG_STATE_HOME", ".local/state")?.join("milepost").join("spool"),
        };
        let megabytes = match env::var("MILEPOST_SPOOL_LIMIT") {
            Err(_) => USUAL_LIMIT,
            Ok(text) => text
                .parse()
                .ok()
                .filter(|limit| *limit > 0)
                .ok_or_else(|| Failure(format!("MILEPOST_SPOOL_LIMIT is a whole number of MiB, not {text:?}")))?,
        };
        Ok(Self { folder, limit: megabytes.saturating_mul(1024 * 1024) })
    }
}

/// From now on a limit on the size of files is told by writing, as a full disk is, instead of ending us.
pub(super) fn outlive_file_limit() {
    drop(listen_unless_ignored(Signal::XFSZ.as_raw()));
}
