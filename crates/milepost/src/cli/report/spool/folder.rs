//! The folder, and what is to be known of its files before they are ours.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::PART;
use super::entries::{Header, Line, Report};

const LONGEST_HEADER: usize = 4096;

/// A symbolic link is not followed, and a pipe is not waited for.
pub(super) const NO_LINK: i32 = (OFlags::NOFOLLOW.bits() | OFlags::NONBLOCK.bits()).cast_signed();

/// The files in which reports may wait, oldest first, those of living processes among them. In a folder where others may
/// put files there are none to be believed.
pub(in crate::cli) fn left_behind(folder: &Path) -> Vec<PathBuf> {
    if expect_own(folder).is_err() {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort_unstable();
    files
}

/// Whether somebody is still to open this job: a living process whose report of it waits for its turn.
pub(in crate::cli) fn is_to_be_opened(folder: &Path, header: &Header, job: &str) -> bool {
    let opens = |line: &[u8]| matches!(Line::parse(line), Some(Line::Entry { report: report @ Report::Open(_), .. }) if report.job() == job);
    left_behind(folder).iter().any(|path| {
        let Ok(file) = OpenOptions::new().read(true).custom_flags(NO_LINK).open(path) else { return false };
        let Some((found, begin)) = read_header(&file) else { return false };
        let noted = File::open(path.with_extension("sent")).ok().and_then(|noted| read_sent(&noted));
        let mut rest = BufReader::new(file);
        let is_there = rest.seek(SeekFrom::Start(noted.unwrap_or_default().max(begin))).is_ok();
        found == *header && is_there && rest.split(b'\n').map_while(Result::ok).any(|line| opens(&line))
    })
}

/// Whether a line ends somewhere behind a place, however long it is.
pub(super) fn has_line(file: &File, mut at: u64) -> io::Result<bool> {
    loop {
        let part = read_at(file, at, PART)?;
        if part.is_empty() || part.contains(&b'\n') {
            return Ok(!part.is_empty());
        }
        at += part.len() as u64;
    }
}

/// What a file is for, and where its entries begin.
pub(super) fn read_header(file: &File) -> Option<(Header, u64)> {
    let head = read_at(file, 0, LONGEST_HEADER).ok()?;
    let length = head.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(&head[..length]).ok()?, length as u64 + 1))
}

/// How much of a file was noted to be sent.
pub(super) fn read_sent(noted: &File) -> Option<u64> {
    String::from_utf8(read_at(noted, 0, 20).ok()?).ok()?.trim().parse().ok()
}

/// Makes a file with its first line and holds its lock.
pub(super) fn begin_file(folder: &Path, name: &str, first: &[u8]) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    expect_own(folder)?;
    // Under another name until its lock is held: nobody may take it for one that was left behind.
    let draft = folder.join(format!(".{name}"));
    let begin = || {
        let mut file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&draft)?;
        file.try_lock()?;
        io::Write::write_all(&mut file, first)?;
        fs::rename(&draft, folder.join(name))?;
        Ok(file)
    };
    begin().inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

/// Where others may put files, they may make us write into those of ours, and send what is theirs.
fn expect_own(folder: &Path) -> io::Result<()> {
    let found = fs::metadata(folder)?;
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        let reason = "it must belong to you, and others must not write into it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(())
}

pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(NO_LINK).open(path)
}

pub(super) fn read_at(file: &File, at: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut part = vec![0; most];
    let mut length = 0;
    while length < most {
        match file.read_at(&mut part[length..], at + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    part.truncate(length);
    Ok(part)
}
