//! Reports on disk until the server has them: `docs/SPOOL.md` describes the files, which the Python package writes as well.

mod entries;
mod folder;

use std::collections::{HashSet, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::sources::{Clock, random_bytes};
pub(in crate::cli) use entries::{Body, Entry, Header, Report};
use entries::{FORMAT, Line, line_of};
use folder::{NO_LINK, begin_file, has_line, open_private, read_at, read_header, read_sent};
pub(in crate::cli) use folder::{is_to_be_opened, left_behind};

/// A file that is larger begins anew once all of it is sent.
const LARGE: u64 = 1024 * 1024;
/// How many reports are kept in memory while the disk takes none.
const KEPT_IN_MEMORY: usize = 10_000;
/// Bytes that are read at once, and how far behind them it is looked for what takes entries back.
const PART: usize = 1024 * 1024;
const AHEAD: usize = 64 * 1024;

/// Why a file is not ours to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum NotTaken {
    /// Somebody is at it.
    Busy,
    /// It is none that we can read.
    Unreadable,
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

    /// The file of a process that is gone.
    pub(in crate::cli) fn take_over(path: &Path) -> Result<Self, NotTaken> {
        let opened = OpenOptions::new().read(true).append(true).custom_flags(NO_LINK).open(path);
        let file = opened.map_err(|_| NotTaken::Unreadable)?;
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(NotTaken::Unreadable);
        }
        file.try_lock().map_err(|_| NotTaken::Busy)?;
        // Not before: whoever had the lock may have written to it until then, or deleted it.
        let found = file.metadata().map_err(|_| NotTaken::Unreadable)?;
        if found.nlink() == 0 {
            return Err(NotTaken::Busy);
        }
        let (header, begin) =
            read_header(&file).filter(|(header, _)| header.spool == FORMAT).ok_or(NotTaken::Unreadable)?;
        let size = found.len();
        let offset = open_private(&path.with_extension("sent")).ok();
        // What cannot be is not believed: sent again, it is recognised.
        let noted = offset.as_ref().and_then(read_sent);
        let sent = noted.filter(|sent| (begin..=size).contains(sent)).unwrap_or(begin);
        Ok(Self {
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
            match Line::parse(line) {
                Some(Line::Cancel { cancel }) => drop(cancelled.insert(cancel)),
                Some(Line::Entry { n: number, at, report }) if !is_ahead => {
                    entries.push(Entry { number, at, report, end: Some(line_end) });
                }
                Some(Line::Entry { .. }) | None => {}
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

    /// How many reports are nowhere but in memory.
    pub(in crate::cli) fn unsaved(&self) -> usize {
        self.in_memory.len()
    }

    /// Whether anything waits. Half a line, which somebody was killed over, does not.
    pub(in crate::cli) fn has_unsent(&self) -> bool {
        let waits_on_disk = || self.file.as_ref().is_some_and(|file| has_line(file, self.sent).unwrap_or(true));
        !self.in_memory.is_empty() || waits_on_disk()
    }

    /// Sets a report aside that the server will never take, with its reason; gives where.
    pub(in crate::cli) fn refuse(&self, entry: &Entry, problem: &Value) -> io::Result<PathBuf> {
        #[derive(Serialize)]
        struct Refused<'a> {
            at: f64,
            #[serde(flatten)]
            report: &'a Report,
            problem: &'a Value,
        }
        let nowhere = || io::Error::from(io::ErrorKind::NotFound);
        let folder = self.path.parent().ok_or_else(nowhere)?.join("refused");
        let path = folder.join(self.path.file_name().ok_or_else(nowhere)?);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(NO_LINK).open(&path)?;
        let refused = Refused { at: entry.at, report: &entry.report, problem };
        io::Write::write_all(&mut file, &line_of(&refused))?;
        Ok(path)
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

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a double until the year 2255")]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}
