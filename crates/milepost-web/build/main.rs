//! Builds the web page if that is needed and possible, and embeds it: `web/dist` that is up to date is used as it is,
//! and without Node the binary is built with a page that says how to build the real one. With `UI=required` a page that
//! is missing or stale is an error.

mod decision;
mod npm;
mod sources;
mod table;

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, io};

use decision::{Built, Decision, Dist};

/// What `web/dist` was built from, if this script has built it.
const FINGERPRINT: &str = "dist/.fingerprint";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say("error", &error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=UI");
    println!("cargo::rustc-check-cfg=cfg(ui_built)");
    let is_required = decision::is_required(env::var("UI").ok().as_deref())?;
    let home = variable("CARGO_MANIFEST_DIR")?;
    let out = variable("OUT_DIR")?;
    let web = home.join("../../web");
    let web = web.canonicalize().unwrap_or(web);
    watch(&home.join("build"));
    watch_sources(&web)?;
    let _turn = take_turn(&web);
    match settle(&web, is_required)? {
        Decision::Explain(reason) => {
            say("warning", &reason);
            look_again_when_changed(&web);
            let page = home.join("missing.html");
            watch(&page);
            table::write_explanation(&page, &out)?;
            return Ok(());
        }
        Decision::Fail(reason) => return Err(reason.into()),
        Decision::UseStale(reason) => {
            say("warning", &reason);
            look_again_when_changed(&web.join("dist"));
        }
        Decision::Use | Decision::Build => {}
    }
    println!("cargo::rustc-cfg=ui_built");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    table::write(&web.join("dist"), &out, is_release)?;
    Ok(())
}

/// Decides what to embed, and builds the page on the way if that is decided.
fn settle(web: &Path, is_required: bool) -> io::Result<Decision> {
    let fingerprint = sources::fingerprint(web)?;
    let dist = state(web, &fingerprint)?;
    let npm = if dist == Dist::UpToDate { Ok(()) } else { npm::check(web) };
    let mut decision = decision::decide(dist, &npm, is_required);
    if decision == Decision::Build {
        let built = npm::build(web);
        decision = match built {
            Ok(()) => Decision::Use,
            Err(_) => decision::decide(state(web, &fingerprint)?, &built, is_required),
        };
    }
    if decision == Decision::Use {
        // In a source tree that cannot be written to, the times go on deciding.
        let _ = fs::write(web.join(FINGERPRINT), &fingerprint);
    }
    Ok(decision)
}

fn state(web: &Path, fingerprint: &str) -> io::Result<Dist> {
    let page = web.join("dist/index.html");
    if !page.is_file() {
        return Ok(Dist::Missing);
    }
    let built_from = fs::read_to_string(web.join(FINGERPRINT)).ok();
    let built = Built { fingerprint: built_from.as_deref().map(str::trim), at: fs::metadata(&page)?.modified()? };
    Ok(decision::state_of(Some(built), fingerprint, sources::last_change(web)?))
}

/// Makes cargo run this script again when a source changes. It looks into folders, so new files count; a path that is
/// not there would count as changed every time.
fn watch_sources(web: &Path) -> io::Result<()> {
    sources::root_files(web)?.iter().for_each(|file| watch(file));
    sources::FOLDERS.iter().map(|folder| web.join(folder)).filter(|folder| folder.is_dir()).for_each(|it| watch(&it));
    Ok(())
}

/// What could not be built may be built by hand, or once Node is there.
fn look_again_when_changed(path: &Path) {
    println!("cargo::rerun-if-env-changed=PATH");
    if path.is_dir() {
        watch(path);
    }
}

/// Two builds with target folders of their own share `web/`: they build it one after the other.
fn take_turn(web: &Path) -> Option<File> {
    let file = File::open(web.join("package.json")).ok()?;
    file.lock().ok()?;
    Some(file)
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn say(level: &str, text: &str) {
    text.lines().for_each(|line| println!("cargo::{level}={line}"));
}

fn variable(name: &str) -> Result<PathBuf, String> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo sets no {name}"))
}
