//! Reports on disk until the server has them: `docs/SPOOL.md` describes the files, which the Python package writes as well.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::sources::{Clock, random_bytes};

const FORMAT: u32 = 1;
/// A file that is larger begins anew once all of it is sent.
const LARGE: u64 = 1024 * 1024;
/// How many reports are kept in memory while the disk takes none.
const KEPT_IN_MEMORY: usize = 10_000;
/// Bytes that are read at once, and how far behind them it is looked for what takes entries back.
const PART: usize = 1024 * 1024;
const AHEAD: usize = 64 * 1024;
const LONGEST_HEADER: usize = 4096;

/// A request's body.
pub(in crate::cli) type Body = Map<String, Value>;

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Report {
    /// `POST /jobs`.
    Open(Body),
    /// One of `POST /events/batch`, without its time and idempotency key.
    Event(Body),
}

impl Report {
    /// The body.
    pub(in crate::cli) fn body(&self) -> &Body {
        match self {
            Self::Open(body) | Self::Event(body) => body,
        }
    }
}

/// The first line of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Header {
    spool: u32,
    /// The server.
    pub(in crate::cli) url: String,
    /// What tells the key from others.
    pub(in crate::cli) key: String,
}

impl Header {
    /// For reports to a server with a key.
    pub(in crate::cli) fn of(url: &str, api_key: &str) -> Self {
        let hash = Sha256::digest(api_key.as_bytes());
        let key = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { spool: FORMAT, url: url.to_owned(), key }
    }
}

/// A line of a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Entry {
        n: u64,
        at: f64,
        #[serde(flatten)]
        report: Report,
    },
    Cancel {
        cancel: u64,
    },
}

/// A report that waits.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Entry {
    /// Its place in its file, from 1.
    pub(in crate::cli) number: u64,
    /// When it was reported by this machine's clock, in seconds since 1970.
    pub(in crate::cli) at: f64,
    /// What.
    pub(in crate::cli) report: Report,
    /// Where the next one begins in the file; none for one that is only in memory.
    end: Option<u64>,
}

/// A file of reports whose lock is ours, or only memory where the disk has no room for one.
#[derive(Debug)]
pub(in crate::cli) struct Spool {
    path: PathBuf,
    header: Header,
    file: Option<File>,
    /// Where it is noted how much is sent.
    offset: Option<File>,
    /// Where the entries begin.
    begin: u64,
    size: u64,
    sent: u64,
    number: u64,
    in_memory: VecDeque<Entry>,
    limit: u64,
}

impl Spool {
    /// Begins a file of this process. Where there is no room for one, all is kept in memory: the reason is given too.
    pub(in crate::cli) fn create(folder: &Path, header: Header, limit: u64) -> (Self, Option<io::Error>) {
        let now = Clock::default().now().timestamp_millis();
        let random: [u8; 4] = random_bytes();
        let name = format!("{now:013}-{}-{:08x}.jsonl", std::process::id(), u32::from_be_bytes(random));
        let path = folder.join(&name);
        let first = line_of(&header);
        let begin = first.len() as u64;
        let in_memory = Self {
            path,
            header,
            file: None,
            offset: None,
            begin,
            size: begin,
            sent: begin,
            number: 0,
            in_memory: VecDeque::new(),
            limit,
        };
        match begin_file(folder, &name, &first) {
            Ok(file) => {
                let offset = open_private(&in_memory.path.with_extension("sent")).ok();
                (Self { file: Some(file), offset, ..in_memory }, None)
            }
            Err(error) => (in_memory, Some(error)),
        }
    }

    /// The file of a process that is gone; none if there is none, or somebody else has it.
    pub(in crate::cli) fn take_over(path: &Path) -> Option<Self> {
        let file = OpenOptions::new().read(true).append(true).custom_flags(NO_LINK).open(path).ok()?;
        let found = file.metadata().ok()?;
        if !found.is_file() || found.nlink() == 0 || file.try_lock().is_err() {
            return None;
        }
        let head = read_at(&file, 0, LONGEST_HEADER).ok()?;
        let length = head.iter().position(|byte| *byte == b'\n')?;
        let header: Header = serde_json::from_slice(&head[..length]).ok()?;
        if header.spool != FORMAT {
            return None;
        }
        let (begin, size) = (length as u64 + 1, found.len());
        let offset = open_private(&path.with_extension("sent")).ok();
        // What cannot be is not believed: sent again, it is recognised.
        let noted = offset.as_ref().and_then(|offset| read_at(offset, 0, 20).ok());
        let noted = noted.and_then(|text| String::from_utf8(text).ok()?.trim().parse::<u64>().ok());
        let sent = noted.filter(|sent| (begin..=size).contains(sent)).unwrap_or(begin);
        Some(Self {
            path: path.to_owned(),
            header,
            file: Some(file),
            offset,
            begin,
            size,
            sent,
            number: 0,
            in_memory: VecDeque::new(),
            limit: u64::MAX,
        })
    }

    /// For which server and key its reports are.
    pub(in crate::cli) fn header(&self) -> &Header {
        &self.header
    }

    /// Where it is.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// What an entry is known by to the server.
    pub(in crate::cli) fn idempotency_key(&self, entry: &Entry) -> String {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        format!("{stem}-{}", entry.number)
    }

    /// Adds a report; what the disk does not take is kept in memory. False: as much waits as may.
    pub(in crate::cli) fn append(&mut self, report: Report, at: DateTime<Utc>) -> bool {
        if self.size - self.sent > self.limit || self.in_memory.len() >= KEPT_IN_MEMORY {
            return false;
        }
        self.number += 1;
        let at = seconds(at);
        let line = line_of(&Line::Entry { n: self.number, at, report: report.clone() });
        // Behind one that is in memory, all are: they are sent in their order.
        if !self.in_memory.is_empty() || !self.write(&line) {
            self.in_memory.push_back(Entry { number: self.number, at, report, end: None });
        }
        true
    }

    fn write(&mut self, line: &[u8]) -> bool {
        let Some(file) = &self.file else { return false };
        // One call, so that a process that is killed leaves a whole line or none, or half of one that does not count.
        match io::Write::write(&mut &*file, line) {
            Ok(written) if written == line.len() => {
                self.size += written as u64;
                true
            }
            _ => {
                let _ = file.set_len(self.size);
                false
            }
        }
    }

    /// The next reports to send, in order, at most about 1 MiB of them; none: all are sent.
    pub(in crate::cli) fn read(&mut self) -> io::Result<Vec<Entry>> {
        loop {
            let (entries, end) = self.read_part(self.sent)?;
            if entries.is_empty() && end > self.sent {
                // All of it was taken back, or nobody can tell what it says.
                self.note_sent(end);
            } else if entries.is_empty() {
                return Ok(self.in_memory.iter().take(1000).cloned().collect());
            } else {
                return Ok(entries);
            }
        }
    }

    /// The entries of the next lines that were not taken back, and where these lines end.
    fn read_part(&self, begin: u64) -> io::Result<(Vec<Entry>, u64)> {
        let Some(file) = &self.file else { return Ok((Vec::new(), begin)) };
        let mut part = Vec::new();
        while !part.contains(&b'\n') {
            let more = read_at(file, begin + part.len() as u64, PART + AHEAD)?;
            if more.is_empty() {
                break;
            }
            part.extend(more);
        }
        let (mut entries, mut cancelled, mut end) = (Vec::new(), HashSet::new(), begin);
        // Half a line was cut off while it was written: nobody was told that it is kept.
        for line in part.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let is_ahead = end >= begin + PART as u64;
            let line_end = end + line.len() as u64;
            match serde_json::from_slice(line) {
                Ok(Line::Cancel { cancel }) => drop(cancelled.insert(cancel)),
                Ok(Line::Entry { n: number, at, report }) if !is_ahead => {
                    entries.push(Entry { number, at, report, end: Some(line_end) });
                }
                Ok(Line::Entry { .. }) | Err(_) => {}
            }
            if !is_ahead {
                end = line_end;
            }
        }
        entries.retain(|entry| !cancelled.contains(&entry.number));
        Ok((entries, end))
    }

    /// Notes that the server has answered for this report and all before.
    pub(in crate::cli) fn settle(&mut self, entry: &Entry) {
        let Some(end) = entry.end else {
            while self.in_memory.front().is_some_and(|first| first.number <= entry.number) {
                self.in_memory.pop_front();
            }
            return;
        };
        let is_noted = self.note_sent(end);
        if is_noted && self.sent >= self.size && self.size > LARGE && self.in_memory.is_empty() {
            // In this order: killed between both, it is sent again, which the server recognises.
            if self.note_sent(self.begin)
                && let Some(file) = &self.file
                && file.set_len(self.begin).is_ok()
            {
                self.size = self.begin;
            }
        }
    }

    fn note_sent(&mut self, sent: u64) -> bool {
        self.sent = sent;
        let text = format!("{sent:020}\n");
        self.offset.as_ref().is_some_and(|offset| offset.write_all_at(text.as_bytes(), 0).is_ok())
    }

    /// Whether anything waits.
    pub(in crate::cli) fn has_unsent(&self) -> bool {
        let is_line = |byte: &u8| *byte == b'\n';
        let waits_on_disk = || {
            let file = self.file.as_ref()?;
            Some(read_at(file, self.sent, PART).ok()?.iter().any(is_line))
        };
        !self.in_memory.is_empty() || (self.sent < self.size && waits_on_disk().unwrap_or(true))
    }

    /// Sets a report aside that the server will never take, with its reason.
    pub(in crate::cli) fn refuse(&self, entry: &Entry, problem: &Value) -> io::Result<()> {
        #[derive(Serialize)]
        struct Refused<'a> {
            at: f64,
            #[serde(flatten)]
            report: &'a Report,
            problem: &'a Value,
        }
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else { return Ok(()) };
        let folder = folder.join("refused");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut file =
            OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(NO_LINK).open(folder.join(name))?;
        let refused = Refused { at: entry.at, report: &entry.report, problem };
        io::Write::write_all(&mut file, &line_of(&refused))
    }

    /// Deletes the file if nothing waits in it; gives its lock back in any case, and whether it is deleted.
    pub(in crate::cli) fn remove(self) -> bool {
        let is_done = !self.has_unsent();
        if is_done && self.file.is_some() {
            let _ = fs::remove_file(self.path.with_extension("sent"));
            let _ = fs::remove_file(&self.path);
        }
        is_done
    }
}

/// The files in which reports may wait, oldest first, those of living processes among them.
pub(in crate::cli) fn left_behind(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort_unstable();
    files
}

/// A symbolic link is not followed, and a pipe is not waited for.
const NO_LINK: i32 = (rustix::fs::OFlags::NOFOLLOW.bits() | rustix::fs::OFlags::NONBLOCK.bits()).cast_signed();

fn begin_file(folder: &Path, name: &str, first: &[u8]) -> io::Result<File> {
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

/// Where others may put files, they may make us write into those of ours.
fn expect_own(folder: &Path) -> io::Result<()> {
    let found = fs::metadata(folder)?;
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        let reason = format!("{} must belong to you, and others must not write into it", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(())
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(NO_LINK).open(path)
}

fn read_at(file: &File, at: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut part = vec![0; most];
    let mut length = 0;
    while length < most {
        match file.read_at(&mut part[length..], at + length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    part.truncate(length);
    Ok(part)
}

fn line_of(value: &impl Serialize) -> Vec<u8> {
    // What is written here has text for keys, and cannot fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a double until the year 2255")]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}
