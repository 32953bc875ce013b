//! What the build script decides: the same files, included.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../build/decision.rs"]
mod decision;
#[path = "../build/sources.rs"]
mod sources;

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use decision::{Built, Decision, Dist, check_node, decide, is_required, state_of};
use tempfile::TempDir;

const NOON: SystemTime = SystemTime::UNIX_EPOCH;

fn later(seconds: u64) -> SystemTime {
    NOON + Duration::from_secs(seconds)
}

/// What is decided without `UI`, and with `UI=required`, in short.
fn decisions(dist: Dist, npm: Result<(), &str>) -> [&'static str; 2] {
    [false, true].map(|is_required| match decide(dist, &npm.map_err(str::to_owned), is_required) {
        Decision::Use => "use",
        Decision::Build => "build",
        Decision::UseStale(reason) => says(&reason, npm, "use stale"),
        Decision::Explain(reason) => says(&reason, npm, "explain"),
        Decision::Fail(reason) => says(&reason, npm, "fail"),
    })
}

/// Every decision but the good ones names what is wrong.
fn says(reason: &str, npm: Result<(), &str>, decision: &'static str) -> &'static str {
    assert!(reason.contains(npm.unwrap_err()), "{reason}");
    decision
}

#[test]
fn what_is_up_to_date_is_used_without_npm() {
    assert_eq!(decisions(Dist::UpToDate, Ok(())), ["use", "use"]);
    assert_eq!(decisions(Dist::UpToDate, Err("Node is not installed")), ["use", "use"]);
}

#[test]
fn what_is_missing_or_stale_is_built() {
    assert_eq!(decisions(Dist::Missing, Ok(())), ["build", "build"]);
    assert_eq!(decisions(Dist::Stale, Ok(())), ["build", "build"]);
}

#[test]
fn what_cannot_be_built_is_used_stale_or_explained_unless_it_is_required() {
    for reason in ["Node is not installed", "Node v18.19.0 is too old", "`npm run build` failed"] {
        assert_eq!(decisions(Dist::Stale, Err(reason)), ["use stale", "fail"]);
        assert_eq!(decisions(Dist::Missing, Err(reason)), ["explain", "fail"]);
    }
}

#[test]
fn only_required_can_be_asked_for() {
    assert_eq!(is_required(None), Ok(false));
    assert_eq!(is_required(Some("")), Ok(false));
    assert_eq!(is_required(Some("required")), Ok(true));
    assert!(is_required(Some("Required")).unwrap_err().contains("`Required`"));
}

#[test]
fn node_is_20_19_or_newer() {
    for version in ["v20.19.0", "v20.20.2\n", "v22.1.0", "v100.0.0"] {
        assert_eq!(check_node(version), Ok(()));
    }
    for version in ["v18.20.4", "v9.0.0", "v19.99.9\n", "v20.18.1"] {
        assert!(check_node(version).unwrap_err().contains("too old"), "{version}");
    }
    for version in ["", "node", "v20", "vtwenty.1"] {
        assert!(check_node(version).unwrap_err().contains("no version"), "{version}");
    }
}

#[test]
fn a_fingerprint_decides_whatever_the_times_say() {
    let built = |fingerprint, at| Some(Built { fingerprint: Some(fingerprint), at });
    assert_eq!(state_of(built("now", NOON), "now", Some(later(9))), Dist::UpToDate);
    assert_eq!(state_of(built("before", later(9)), "now", Some(NOON)), Dist::Stale);
    assert_eq!(state_of(None, "now", Some(NOON)), Dist::Missing);
}

#[test]
fn a_page_built_by_hand_is_up_to_date_while_nothing_is_newer() {
    let built = |at| Some(Built { fingerprint: None, at });
    assert_eq!(state_of(built(later(9)), "now", Some(NOON)), Dist::UpToDate);
    assert_eq!(state_of(built(NOON), "now", Some(NOON)), Dist::UpToDate);
    assert_eq!(state_of(built(NOON), "now", Some(later(1))), Dist::Stale);
    assert_eq!(state_of(built(NOON), "now", None), Dist::UpToDate);
}

/// A folder like `web/`, all of it last changed at noon.
fn web() -> TempDir {
    let web = tempfile::tempdir().unwrap();
    for file in [
        "index.html",
        "package.json",
        "package-lock.json",
        "vite.config.ts",
        "tsconfig.app.json",
        "README.md",
        "src/main.tsx",
        "src/api/types.ts",
        "src/main.test.tsx",
        "public/favicon.svg",
        "dist/index.html",
        "node_modules/react/index.js",
    ] {
        write(&web.path().join(file), file);
    }
    sources::walk(web.path(), &mut |path| File::open(path).unwrap().set_modified(NOON).unwrap()).unwrap();
    web
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Changes a folder like `web/` and tells whether its fingerprint, and the time of its last change, are others then.
fn is_noticed(change: impl FnOnce(&Path)) -> (bool, bool) {
    let web = web();
    let look = || (sources::fingerprint(web.path()).unwrap(), sources::last_change(web.path()).unwrap());
    let before = look();
    assert_eq!(before, look());
    change(web.path());
    let after = look();
    (before.0 != after.0, before.1 != after.1)
}

#[test]
fn a_change_of_any_source_is_noticed() {
    for file in [
        "index.html",
        "package.json",
        "package-lock.json",
        "vite.config.ts",
        "tsconfig.app.json",
        "src/main.tsx",
        "src/api/types.ts",
        "public/favicon.svg",
    ] {
        assert_eq!(is_noticed(|web| write(&web.join(file), "changed")), (true, true), "{file}");
    }
}

#[test]
fn new_renamed_and_removed_sources_are_noticed() {
    assert_eq!(is_noticed(|web| write(&web.join("src/pages/jobs.tsx"), "")), (true, true));
    assert_eq!(is_noticed(|web| write(&web.join("public/robots.txt"), "")), (true, true));
    assert_eq!(
        is_noticed(|web| fs::rename(web.join("src/main.tsx"), web.join("src/app.tsx")).unwrap()),
        (true, true)
    );
    assert_eq!(is_noticed(|web| fs::remove_file(web.join("src/api/types.ts")).unwrap()), (true, true));
}

#[test]
fn what_is_no_source_is_not() {
    for file in ["README.md", "src/main.test.tsx", "dist/index.html", "node_modules/react/index.js"] {
        assert_eq!(is_noticed(|web| write(&web.join(file), "changed")), (false, false), "{file}");
    }
}

#[test]
fn without_sources_nothing_has_changed() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(sources::last_change(empty.path()).unwrap(), None);
    assert_eq!(sources::fingerprint(empty.path()).unwrap().len(), 32);
}
