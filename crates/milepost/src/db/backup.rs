//! Copies of a SQLite database: made while servers write, checked before they get their name, and put back.
//!
//! A copy is written into a folder beside its place, whose name begins with a dot and ends with `.partial`. Only what was
//! checked and is on disk is moved out of it, and never onto a file that exists. Beside a copy is a file with its SHA-256, as
//! `sha256sum` writes and checks it: SQLite's own check does not see a byte that changed within a row.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf, absolute};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Connection, SqliteConnection};
use tempfile::{NamedTempFile, TempDir};
use tokio::task::yield_now;

use super::migrations::status_of_sqlite;
use super::{Db, MigrationStatus, OpenError};

/// How far a restored database moves on in the log of all events, at least. Whoever followed it may have seen positions
/// that the backup does not know: the new events come behind those, so that streams that resume miss none of them. Beyond
/// that it moves on to the present time in microseconds, behind what came after an earlier restore of the same backup.
const POSITIONS_PASSED_OVER: i64 = 1_000_000_000;
/// What SQLite puts beside a database that is open, or was not closed.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// How every SQLite file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How much is read without looking whether to stop.
const PIECE: usize = 1 << 20;
/// What the file with the checksum has behind the name of the copy.
const CHECKSUM: &str = ".sha256";

/// What a copy holds that was found to be whole.
#[derive(Debug)]
pub struct Copied {
    /// The size of the file.
    pub bytes: u64,
    /// How many jobs are in it.
    pub jobs: i64,
    /// How many events are in it.
    pub events: i64,
    /// When the last of them arrived.
    pub last_event_at: Option<DateTime<Utc>>,
    /// How far its tables are migrated.
    pub migrations: MigrationStatus,
    /// Its SHA-256 in hexadecimal, as it stands in the file beside it; none if there is no such file.
    pub checksum: Option<String>,
}

/// Why there is no copy. Nothing has been changed then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL has better means of its own.
    #[error(
        "this is for SQLite; docs/OPERATIONS.md says how to back up and restore PostgreSQL with its own programs"
    )]
    Postgres,
    /// We write over nothing.
    #[error("{} exists already, and nothing is written over; name another file", .0.display())]
    Exists(PathBuf),
    /// A database is, or was, where the backup is to be restored.
    #[error(
        "{} exists already, and nothing is written over; stop the server, then move the database away with what lies \
         beside it (-wal, -shm, -journal)",
        .0.display()
    )]
    InTheWay(PathBuf),
    /// A file or its folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system or SQLite says.
        reason: String,
    },
    /// It is damaged, of something else, or of a newer release.
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The database that is to be copied is of a newer release, or does not answer.
    #[error(transparent)]
    Source(#[from] OpenError),
}

/// Copies a database, which may be written to meanwhile, into a new file: all that was committed when it began, and
/// nothing by halves. Writers do not wait, but SQLite's log cannot begin anew until it is done.
pub async fn back_up(db: &Db, file: &Path) -> Result<Copied, BackupError> {
    let Db::Sqlite { read, .. } = db else { return Err(BackupError::Postgres) };
    let (partial, sum_file) = (Partial::beside(file)?, Partial::beside(&with_suffix(file, CHECKSUM))?);
    if db.migration_status().await?.applied.is_empty() {
        let path = read.connect_options().get_filename().to_owned();
        return Err(unusable(&path, NOT_OURS));
    }
    sqlx::query("vacuum into $1")
        .bind(partial.path_as_text()?)
        .execute(read)
        .await
        .map_err(|error| partial.cannot_write(&error))?;
    let copied = inspect_file(&partial).await?;
    let copy = File::open(partial.file.path()).map_err(|source| cannot_read(&partial.target, source))?;
    let checksum = read_through(&partial.target, copy, |_| Ok(())).await?;
    let name = partial.target.file_name().unwrap_or_default().display();
    writeln!(sum_file.file.as_file(), "{checksum}  {name}").map_err(|error| sum_file.cannot_write(&error))?;
    // First, so that a copy never stands without it.
    let sum_file = sum_file.publish()?;
    if let Err(error) = partial.publish() {
        let _ = fs::remove_file(sum_file);
        return Err(error);
    }
    Ok(Copied { checksum: Some(checksum), ..copied })
}

/// Puts a backup where no database is yet, checked again. All sessions have ended in it, whichever of them had ended
/// since it was made.
pub async fn restore(backup: &Path, target: &Path, now: DateTime<Utc>) -> Result<Copied, BackupError> {
    for suffix in [""].into_iter().chain(COMPANIONS) {
        let path = with_suffix(target, suffix);
        if exists(&path).map_err(|error| cannot_write(&path, &error))? {
            return Err(BackupError::InTheWay(path));
        }
    }
    for companion in COMPANIONS {
        let path = with_suffix(backup, companion);
        if exists(&path).map_err(|source| cannot_read(&path, source))? {
            let reason = format!("a file {companion} beside it says that it is, or was, open: it is no backup");
            return Err(unusable(backup, reason));
        }
    }
    let expected = checksum_beside(backup)?;
    let partial = Partial::beside(target)?;
    let checksum = copy(backup, &partial).await?;
    if expected.as_ref().is_some_and(|expected| *expected != checksum) {
        let beside = with_suffix(backup, CHECKSUM);
        let reason =
            format!("it has been changed since it was made: its SHA-256 is not the one in {}", beside.display());
        return Err(unusable(backup, reason));
    }
    let copied = renew(&partial, now).await.map_err(|error| match error {
        // Whoever asked knows the backup, not our copy of it.
        BackupError::Unusable { reason, .. } => unusable(backup, reason),
        other => other,
    })?;
    partial.publish()?;
    Ok(Copied { checksum: expected, ..copied })
}

const NOT_OURS: &str = "it is no database of Milepost's";

fn unusable(path: &Path, reason: impl Into<String>) -> BackupError {
    BackupError::Unusable { path: path.to_owned(), reason: reason.into() }
}

/// A file that has not got its name yet; dropped before, it goes, with whatever SQLite has put beside it.
struct Partial {
    file: NamedTempFile,
    _folder: TempDir,
    target: PathBuf,
}

impl Partial {
    /// On the same disk, so that the name can be given in one step; readable by its owner only.
    fn beside(target: &Path) -> Result<Self, BackupError> {
        let target = absolute(target).map_err(|error| cannot_write(target, &error))?;
        if exists(&target).map_err(|error| cannot_write(&target, &error))? {
            return Err(BackupError::Exists(target));
        }
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(BackupError::Write { path: target, reason: "it is no name of a file".to_owned() });
        };
        let prefix = format!(".{}.", name.display());
        let folder = tempfile::Builder::new().prefix(&prefix).suffix(".partial").tempdir_in(folder);
        match folder.and_then(|folder| Ok((NamedTempFile::new_in(&folder)?, folder))) {
            Ok((file, folder)) => Ok(Self { file, _folder: folder, target }),
            Err(error) => Err(BackupError::Write { path: target, reason: error.to_string() }),
        }
    }

    /// For SQLite, which takes names as text.
    fn path_as_text(&self) -> Result<&str, BackupError> {
        self.file.path().to_str().ok_or_else(|| self.cannot_write("its name is not UTF-8"))
    }

    fn cannot_write(&self, reason: &(impl ToString + ?Sized)) -> BackupError {
        cannot_write(&self.target, reason)
    }

    /// Brings it to disk, then gives it its name, and brings that to disk.
    fn publish(self) -> Result<PathBuf, BackupError> {
        let Self { file, _folder, target } = self;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(target.clone()),
            _ => BackupError::Write { path: target.clone(), reason: error.to_string() },
        };
        file.as_file().sync_all().map_err(failed)?;
        file.persist_noclobber(&target).map_err(|error| failed(error.error))?;
        let folder = target.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(target)
    }
}

fn cannot_write(path: &Path, reason: &(impl ToString + ?Sized)) -> BackupError {
    BackupError::Write { path: path.to_owned(), reason: reason.to_string() }
}

fn cannot_read(path: &Path, source: io::Error) -> BackupError {
    BackupError::Read { path: path.to_owned(), source }
}

/// Whether something has this name, be it a link that leads nowhere.
fn exists(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What `sha256sum` wrote, or we, of a file beside it.
fn checksum_beside(path: &Path) -> Result<Option<String>, BackupError> {
    let file = with_suffix(path, CHECKSUM);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| cannot_read(&file, source))?,
    };
    // Before a name with a line break in it stands a backslash.
    let word = text.split_whitespace().next().unwrap_or_default().trim_start_matches('\\').to_ascii_lowercase();
    if word.len() != 64 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(unusable(&file, "it is no checksum as `sha256sum` writes it"));
    }
    Ok(Some(word))
}

/// Hands on what is read, piece by piece, and gives the SHA-256 of all of it; between two pieces the caller may stop it.
async fn read_through(
    path: &Path,
    mut source: impl Read,
    mut each: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<String, BackupError> {
    let (mut sum, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let bytes = match source.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => &piece[..read.map_err(|source| cannot_read(path, source))?],
        };
        if bytes.is_empty() {
            return Ok(sum.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")));
        }
        sum.update(bytes);
        each(bytes)?;
        yield_now().await;
    }
}

/// Copies a file, and gives the SHA-256 of what it copied.
async fn copy(from: &Path, to: &Partial) -> Result<String, BackupError> {
    let failed = |source| cannot_read(from, source);
    let mut source = File::open(from).map_err(failed)?;
    if !source.metadata().map_err(failed)?.is_file() {
        return Err(unusable(from, "it is no file"));
    }
    let mut beginning = [0; MAGIC.len()];
    match source.read_exact(&mut beginning) {
        Ok(()) if beginning == *MAGIC => {}
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(failed(error)),
        _ => return Err(unusable(from, NOT_OURS)),
    }
    let mut target = to.file.as_file();
    let write = |bytes: &[u8]| target.write_all(bytes).map_err(|error| to.cannot_write(&error));
    read_through(from, beginning.chain(source), write).await
}

/// Checks a copy that nobody else knows yet.
async fn inspect_file(partial: &Partial) -> Result<Copied, BackupError> {
    let path = partial.file.path();
    // Not read-only: SQLite passes over the conditions of the tables (`check`) then.
    let options = SqliteConnectOptions::new().filename(path);
    let unreadable = |error: sqlx::Error| unusable(&partial.target, error.to_string());
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(unreadable)?;
    let copied = inspect(&mut connection, path).await?;
    connection.close().await.map_err(unreadable)?;
    Ok(copied)
}

/// Checks the copy of a backup, then makes of it what a server can go on with.
async fn renew(partial: &Partial, now: DateTime<Utc>) -> Result<Copied, BackupError> {
    let path = partial.file.path();
    // A copy made by other means may want a write-ahead log beside it; one that is moved must stand alone.
    let alone = SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Delete);
    let unreadable = |error: sqlx::Error| unusable(path, error.to_string());
    let mut connection = SqliteConnection::connect_with(&alone).await.map_err(unreadable)?;
    let copied = inspect(&mut connection, path).await?;
    let renewed = async {
        let mut tx = connection.begin().await?;
        sqlx::query("delete from sessions").execute(&mut *tx).await?;
        sqlx::query("update log_positions set position = max(position + $1, $2) where log = 'events'")
            .bind(POSITIONS_PASSED_OVER)
            .bind(now.timestamp_micros())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        connection.close().await
    };
    renewed.await.map_err(|error: sqlx::Error| partial.cannot_write(&error))?;
    Ok(copied)
}

/// Reads all of a copy: whether SQLite finds it sound, every row refers to one that is there, and its tables are ones
/// that this binary knows.
async fn inspect(connection: &mut SqliteConnection, path: &Path) -> Result<Copied, BackupError> {
    let unreadable = |error: sqlx::Error| unusable(path, error.to_string());
    let faults: Vec<String> =
        sqlx::query_scalar("pragma integrity_check(5)").fetch_all(&mut *connection).await.map_err(unreadable)?;
    if faults != ["ok"] {
        return Err(unusable(path, format!("it is damaged: {}", faults.join("; "))));
    }
    let orphans: Vec<String> =
        sqlx::query_scalar("pragma foreign_key_check").fetch_all(&mut *connection).await.map_err(unreadable)?;
    if let Some(table) = orphans.first() {
        let count = orphans.len();
        return Err(unusable(path, format!("{count} rows, the first in {table}, refer to rows that are not there")));
    }
    let migrations = status_of_sqlite(connection).await.map_err(|reason| unusable(path, reason))?;
    if migrations.applied.is_empty() {
        return Err(unusable(path, NOT_OURS));
    }
    let (jobs, events) = sqlx::query_as("select (select count(*) from jobs), (select count(*) from events)")
        .fetch_one(&mut *connection)
        .await
        .map_err(unreadable)?;
    let last_event_at = sqlx::query_scalar("select created_at from events order by position desc limit 1")
        .fetch_optional(&mut *connection)
        .await
        .map_err(unreadable)?;
    let bytes = path.metadata().map_err(|source| cannot_read(path, source))?.len();
    Ok(Copied { bytes, jobs, events, last_event_at, migrations, checksum: None })
}
