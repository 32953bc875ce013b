//! What the page is built from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// The folders that count whole, but for tests.
pub(crate) const FOLDERS: [&str; 2] = ["src", "public"];

/// What counts in `web/` itself: the page, what is installed, and what configures the build.
fn is_root_source(name: &str) -> bool {
    matches!(name, "index.html" | "package.json" | "package-lock.json")
        || ["tsconfig", "vite.config.", "postcss.config."].iter().any(|start| name.starts_with(start))
}

fn is_test(name: &str) -> bool {
    name.contains(".test.")
}

/// The files in `web/` itself that the page is built from, sorted.
pub(crate) fn root_files(web: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in entries(web)? {
        if entry.is_file() && is_root_source(&name_of(&entry)) {
            files.push(entry);
        }
    }
    Ok(files)
}

/// A hash of the names and contents of all sources.
pub(crate) fn fingerprint(web: &Path) -> io::Result<String> {
    let mut files = root_files(web)?;
    for folder in FOLDERS {
        walk(&web.join(folder), &mut |path| files.push(path.to_owned()))?;
    }
    let mut hash = Sha256::new();
    for path in files.iter().filter(|path| path.is_file() && !is_test(&name_of(path))) {
        let name = path.strip_prefix(web).unwrap_or(path).to_string_lossy();
        let content = fs::read(path)?;
        // Lengths first, or content could pass for the next name.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    Ok(in_short(&hash.finalize()))
}

/// When a source was changed last; the time of a folder tells that one was added or removed.
pub(crate) fn last_change(web: &Path) -> io::Result<Option<SystemTime>> {
    let mut paths = root_files(web)?;
    for folder in FOLDERS {
        walk(&web.join(folder), &mut |path| paths.push(path.to_owned()))?;
    }
    paths
        .iter()
        .filter(|path| !is_test(&name_of(path)))
        .map(|path| fs::metadata(path)?.modified())
        .max_by(later)
        .transpose()
}

fn later(one: &io::Result<SystemTime>, other: &io::Result<SystemTime>) -> std::cmp::Ordering {
    one.as_ref().ok().cmp(&other.as_ref().ok())
}

/// A folder, if it is there, and everything below it, sorted.
pub(crate) fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    visit(folder);
    for entry in entries(folder)? {
        if entry.is_dir() {
            walk(&entry, visit)?;
        } else {
            visit(&entry);
        }
    }
    Ok(())
}

/// What is in a folder, sorted; nothing if it is not there. Hidden files are editors' and tools'.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !name_of(&path).starts_with('.') {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The first 128 bits of a digest, in hexadecimal.
pub(crate) fn in_short(digest: &[u8]) -> String {
    let bits = digest.iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
    format!("{bits:032x}")
}
