//! The log on standard error: for people, or a JSON object on a line. `MILEPOST_LOG` chooses what is in it.
//!
//! What people sent stays out of it at every level that there is: `debug` is the most talkative, since libraries put
//! bytes of requests into `trace`, which `Cargo.toml` leaves out of the binary.

use std::io::IsTerminal;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::LogFormat;

/// The variable that chooses.
const VARIABLE: &str = "MILEPOST_LOG";

/// Begins to log. Fails with what is wrong with `MILEPOST_LOG`.
pub fn start(usual: &str, format: LogFormat) -> Result<(), String> {
    let wanted = std::env::var_os(VARIABLE).unwrap_or_default();
    let filter =
        filter(&wanted.to_string_lossy(), usual).map_err(|error| format!("bad setting: {VARIABLE}: {error}"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would panic where standard error is closed.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// What is wanted, and as usual whatever it gives no level for.
fn filter(wanted: &str, usual: &str) -> Result<EnvFilter, String> {
    let parts: Vec<&str> = wanted.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    for part in &parts {
        // A word without a level would be taken for a target that nobody has, and nothing be logged.
        let (target, level) = part.split_once('=').unwrap_or(("", *part));
        if level.is_empty() || level.parse::<LevelFilter>().is_err() || target.contains(char::is_whitespace) {
            return Err(format!(
                "{part:?} is no level; write error, warn, info, debug or off, or TARGET=LEVEL such as milepost=debug, \
                 with commas between several"
            ));
        }
    }
    let is_complete = parts.iter().any(|part| !part.contains('='));
    let all = if is_complete { parts.join(",") } else { [&[usual], parts.as_slice()].concat().join(",") };
    EnvFilter::try_new(all).map_err(|_| format!("{wanted:?} is no list such as info,milepost=debug"))
}

/// A panic goes into the log like any other error.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, message_of_the_panic = describe(panic.payload()), "panicked");
}

/// The message of a panic if it was written in the source. One that was put together may hold a piece of what somebody
/// sent, as that of a text cut in the middle of a character does.
fn describe(payload: &(dyn std::any::Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(left out, since it may hold what somebody sent)")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::describe;

    fn described(panics: fn()) -> &'static str {
        describe(&*catch_unwind(panics).unwrap_err())
    }

    #[test]
    fn a_panic_tells_only_what_stands_in_the_source() {
        assert_eq!(described(|| panic!("a defect")), "a defect");
        let cut = described(|| drop(String::from("sécret").split_at(2).0.to_owned()));
        assert!(!cut.contains("cret"), "{cut}");
        assert!(!described(|| panic!("{}", "secret".to_owned())).contains("secret"));
    }
}
