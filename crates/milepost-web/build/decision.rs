//! What the build script decides, apart from what it does: pure functions, tested in `tests/build_script.rs`.

use std::time::SystemTime;

/// The oldest Node that builds the page: the `engines` of `web/package.json`.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// How what lies in `web/dist` relates to the sources of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dist {
    Missing,
    Stale,
    UpToDate,
}

/// What is embedded, and what has to happen before. Text says what is wrong, for a human.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Use,
    Build,
    UseStale(String),
    Explain(String),
    Fail(String),
}

/// What is known of a `web/dist` that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Built<'a> {
    /// The fingerprint of the sources that it was built from. `npm run build` by hand leaves none.
    pub(crate) fingerprint: Option<&'a str>,
    /// When it was built.
    pub(crate) at: SystemTime,
}

/// Where a fingerprint says what was built it decides; else the times do, as for `make`.
pub(crate) fn state_of(dist: Option<Built<'_>>, fingerprint: &str, changed: Option<SystemTime>) -> Dist {
    let Some(dist) = dist else { return Dist::Missing };
    let is_up_to_date = match dist.fingerprint {
        Some(built_from) => built_from == fingerprint,
        None => changed.is_none_or(|changed| changed <= dist.at),
    };
    if is_up_to_date { Dist::UpToDate } else { Dist::Stale }
}

/// What to do about a `dist` in that state; `npm` says why it cannot be built, or could not.
pub(crate) fn decide(dist: Dist, npm: &Result<(), String>, is_required: bool) -> Decision {
    let reason = match (dist, npm) {
        (Dist::UpToDate, _) => return Decision::Use,
        (_, Ok(())) => return Decision::Build,
        (_, Err(reason)) => reason,
    };
    match (dist, is_required) {
        (Dist::Stale, true) => Decision::Fail(format!(
            "UI=required, but the web page in web/dist is older than its sources and cannot be built: {reason}"
        )),
        (_, true) => Decision::Fail(format!("UI=required, but the web page cannot be built: {reason}")),
        (Dist::Stale, false) => Decision::UseStale(format!(
            "the web page in web/dist is older than its sources and embedded as it is: {reason}"
        )),
        (_, false) => Decision::Explain(format!(
            "built without the web page: {reason}\nWith Node {}.{} or newer, run `make ui` and build again.",
            OLDEST_NODE.0, OLDEST_NODE.1
        )),
    }
}

/// Whether the variable `UI` asks for the page.
pub(crate) fn is_required(ui: Option<&str>) -> Result<bool, String> {
    match ui {
        None | Some("") => Ok(false),
        Some("required") => Ok(true),
        Some(other) => Err(format!("the variable UI is `{other}`; it can be `required`, or not set")),
    }
}

/// Whether a Node with this version (`v20.19.1`) builds the page.
pub(crate) fn check_node(version: &str) -> Result<(), String> {
    let version = version.trim();
    let (major, minor) = OLDEST_NODE;
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(found)), Some(Ok(found_minor))) if (found, found_minor) >= OLDEST_NODE => Ok(()),
        (Some(Ok(_)), Some(Ok(_))) => Err(format!("Node {version} is too old, {major}.{minor} or newer is needed")),
        _ => Err(format!("`node --version` says {version:?}, which is no version")),
    }
}
