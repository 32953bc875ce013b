//! Building the page with npm.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::decision::check_node;

/// How much of what a failing command said is passed on.
const LINES_SHOWN: usize = 20;

/// Whether the page can be built here; else why not.
pub(crate) fn check(web: &Path) -> Result<(), String> {
    if !web.join("package.json").is_file() {
        return Err("there is no web/package.json".to_owned());
    }
    let version = Command::new("node").arg("--version").output().map_err(|_| "Node is not installed".to_owned())?;
    check_node(&String::from_utf8_lossy(&version.stdout))?;
    let npm = Command::new("npm").arg("--version").output().map_err(|_| "npm is not installed".to_owned())?;
    if npm.status.success() { Ok(()) } else { Err("`npm --version` fails".to_owned()) }
}

/// Installs what is needed and builds the page into `web/dist`.
pub(crate) fn build(web: &Path) -> Result<(), String> {
    if !is_installed(web) {
        run(web, &["ci", "--include=dev", "--no-audit", "--no-fund"])?;
    }
    run(web, &["run", "build"])?;
    if web.join("dist/index.html").is_file() {
        Ok(())
    } else {
        Err("`npm run build` has left no web/dist/index.html".to_owned())
    }
}

/// Whether `node_modules` was installed from the lock file as it is: by the times, as the Makefile does.
fn is_installed(web: &Path) -> bool {
    let time = |path: &str| -> Option<SystemTime> { fs::metadata(web.join(path)).ok()?.modified().ok() };
    time("node_modules/.package-lock.json").is_some_and(|installed| Some(installed) >= time("package-lock.json"))
}

fn run(web: &Path, arguments: &[&str]) -> Result<(), String> {
    let command = format!("npm {}", arguments.join(" "));
    let output = Command::new("npm")
        .args(arguments)
        .current_dir(web)
        // A developer's NODE_ENV would build a page for debugging.
        .env_remove("NODE_ENV")
        .env("NO_COLOR", "1")
        .output()
        .map_err(|error| format!("`{command}` cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    // npm names the cause first; compilers say theirs on standard output.
    let said = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines = said.lines().filter(|line| !line.trim_start_matches("npm error").trim().is_empty());
    let shown: Vec<&str> = lines.take(LINES_SHOWN).collect();
    Err(format!("`{command}` failed:\n{}", shown.join("\n")))
}
