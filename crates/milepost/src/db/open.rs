//! Opening a database, and what it must promise before we use it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Access, access};
use serde::{Deserialize, Deserializer};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Executor, PgConnection, PgPool, SqlitePool};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::Db;
use super::postgres::{EventsConnection, GOOD_FOR, settle};

/// The oldest SQLite that we trust: 3.51.3 mended a corruption of the write-ahead log.
const SQLITE_VERSION: [u32; 3] = [3, 51, 3];
/// Connections that read beside SQLite's writer.
const SQLITE_READERS: u32 = 8;
/// Connections a process keeps to PostgreSQL, beside the one that writes events.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a caller waits for a connection before it is told that the server is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another process, such as `milepost user`, that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// And between two tries where SQLite does not wait by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// How long a statement waits for a lock of PostgreSQL's.
pub(super) const LOCK_TIMEOUT: &str = "set lock_timeout = '5s'";
/// What remains of SQLite's log once everything in it is in the file, in bytes. It grows beyond this while somebody
/// reads for long, as a backup does.
const WAL_KEPT: &str = "83886080";
/// After how many pages its log is folded into SQLite's file, sixteen times as many as is usual: the same pages are written
/// again and again, and each goes into the file once. With what a transaction adds it stays within [`WAL_KEPT`].
const WAL_FOLDED: &str = "16000";
/// How much of its file SQLite's writer keeps in memory, in KiB: all that the jobs under way take, usually.
const WRITER_CACHE: &str = "-16384";
/// Prepared statements kept by each connection; some texts vary with the filters or the size of a batch.
const STATEMENT_CACHE: usize = 512;

/// Where the data is: `sqlite://FILE` or `postgres://…`.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file, created if missing.
    Sqlite(SqliteConnectOptions),
    /// A server.
    Postgres(PgConnectOptions),
}

impl fmt::Debug for DatabaseUrl {
    /// Never shows a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    /// Never shows a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(options) => write!(f, "sqlite://{}", options.get_filename().display()),
            Self::Postgres(options) => {
                match options.get_socket() {
                    Some(folder) => write!(f, "postgres://{}", folder.display())?,
                    None => write!(f, "postgres://{}:{}", options.get_host(), options.get_port())?,
                }
                options.get_database().map_or(Ok(()), |name| write!(f, "/{name}"))
            }
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" if url.contains(":memory:") || url.contains("mode=memory") => {
                Err("a database in memory would lose what was acknowledged; name a file".to_owned())
            }
            "sqlite" => {
                let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
                if !matches!(parameters, "" | "mode=rwc") {
                    return Err(format!("it has parameters that do not fit: ?{parameters}"));
                }
                let options = SqliteConnectOptions::from_str(url).map_err(|error| in_words(&error))?;
                if options.get_filename().as_os_str().is_empty() {
                    return Err("it names no file; write for instance sqlite://milepost.db".to_owned());
                }
                Ok(Self::Sqlite(options))
            }
            "postgres" | "postgresql" => PgConnectOptions::from_str(url).map(Self::Postgres).map_err(|error| {
                let reason = in_words(&error);
                format!("is no address such as postgres://USER:PASSWORD@HOST/DATABASE: {reason}; {ENCODED}")
            }),
            _ => Err("it must begin with sqlite:// or postgres://".to_owned()),
        }
    }
}

impl DatabaseUrl {
    /// Which kind of database, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// The file, if it is SQLite.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(options) => Some(options.get_filename()),
            Self::Postgres(_) => None,
        }
    }

    /// Whether it is a SQLite file that is not there yet.
    #[must_use]
    pub fn is_missing_file(&self) -> bool {
        self.file().is_some_and(|file| !file.exists())
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It does not answer, or refuses us.
    #[error("cannot open {url}: {}", in_words(source))]
    Connect {
        /// Which one, without its password.
        url: String,
        /// What the driver says.
        source: sqlx::Error,
    },
    /// It would lose acknowledged events.
    #[error("{url} is not safe: {reason}")]
    Unsafe {
        /// Which one, without its password.
        url: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Its tables are not what this binary knows.
    #[error("cannot migrate {url}: {reason}")]
    Migrate {
        /// Which one, without its password.
        url: String,
        /// What is wrong and what to do.
        reason: String,
    },
}

/// How to write a password in an address.
const ENCODED: &str = "in a password, the characters @ : / ? # % are written %40 %3A %2F %3F %23 %25";

/// What went wrong with a database, and what to do, in no words of the driver's.
pub(crate) fn in_words(error: &sqlx::Error) -> String {
    let refusal = match error {
        sqlx::Error::Database(refusal) => refusal,
        sqlx::Error::Io(error) => return error.to_string(),
        sqlx::Error::Configuration(error) => return error.to_string(),
        sqlx::Error::PoolTimedOut => return "it was busy for too long".to_owned(),
        other => return other.to_string(),
    };
    let code = refusal.code().unwrap_or_default();
    let advice = match code.as_ref() {
        "28P01" => ENCODED,
        "3D000" => "create it first",
        "25006" => "the server is a replica, or is set to read only; name the one that is written to",
        _ => match sqlite_code(&code) {
            Some(SQLITE_READ_ONLY) => {
                "this user has to be able to write to it, to the files beside it (-wal, -shm) and to its folder"
            }
            Some(SQLITE_CANNOT_OPEN) => "is it a file, and may this user write to it and to its folder?",
            Some(SQLITE_NOT_A_DATABASE) => "it is something else; name another file",
            _ => return refusal.message().to_owned(),
        },
    };
    format!("{}; {advice}", refusal.message())
}

const SQLITE_READ_ONLY: u32 = 8;
const SQLITE_CANNOT_OPEN: u32 = 14;
const SQLITE_NOT_A_DATABASE: u32 = 26;

/// The kind of an error of SQLite's; PostgreSQL's codes have five places.
fn sqlite_code(code: &str) -> Option<u32> {
    code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|code| code & 0xff)
}

impl Db {
    /// Fails where nothing can be written: SQLite opens such a file without a word.
    pub async fn expect_writable(&self) -> Result<(), OpenError> {
        let written = match self {
            Self::Sqlite { write, .. } => try_to_write(write).await,
            Self::Postgres { shared, .. } => expect_writable_postgres(shared).await,
        };
        written.map_err(|source| OpenError::Connect { url: self.describe(), source })
    }

    /// Opens a database and checks that what it acknowledges is durable. Migrates nothing.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let opened = match url {
            DatabaseUrl::Sqlite(options) => open_sqlite(options.clone()).await,
            DatabaseUrl::Postgres(options) => open_postgres(options.clone()).await,
        };
        let db = opened.map_err(|source| OpenError::Connect { url: url.to_string(), source })?;
        let objection = match &db {
            Self::Sqlite { read, .. } => sqlite_objection(read).await,
            Self::Postgres { shared, .. } => postgres_objection(shared).await,
        };
        match objection.map_err(|source| OpenError::Connect { url: url.to_string(), source })? {
            None => Ok(db),
            Some(reason) => Err(OpenError::Unsafe { url: url.to_string(), reason }),
        }
    }
}

async fn open_sqlite(options: SqliteConnectOptions) -> sqlx::Result<Db> {
    create_private_file(options.get_filename()).map_err(sqlx::Error::Io)?;
    // SQLite would open it for reading, and make files beside it that may only be read either.
    expect_writable_file(options.get_filename())?;
    // While one process turns a new file into one with a write-ahead log, SQLite refuses the others without waiting.
    for _ in 0..BUSY_TIMEOUT.as_millis() / BUSY_PAUSE.as_millis() {
        match try_open_sqlite(options.clone()).await {
            Err(sqlx::Error::Database(refusal)) if is_busy(refusal.code().as_deref()) => sleep(BUSY_PAUSE).await,
            opened => return opened,
        }
    }
    try_open_sqlite(options).await
}

/// Writes something into SQLite's file, and takes it back.
async fn try_to_write(pool: &SqlitePool) -> sqlx::Result<()> {
    let mut tx = pool.begin_with("begin immediate").await?;
    tx.execute("pragma user_version = 0").await?;
    tx.rollback().await
}

/// Whether this user may write to SQLite's file. Only a look: it takes nobody's turn.
pub(super) fn expect_writable_file(file: &Path) -> sqlx::Result<()> {
    access(file, Access::WRITE_OK).map_err(|error| {
        let error = std::io::Error::from(error);
        sqlx::Error::Io(std::io::Error::new(error.kind(), format!("the file cannot be written: {error}")))
    })
}

/// Whether PostgreSQL takes what is written: a replica does not, nor does a server that became one.
pub(super) async fn expect_writable_postgres(pool: &PgPool) -> sqlx::Result<()> {
    let read_only: String =
        sqlx::query_scalar("select current_setting('transaction_read_only')").fetch_one(pool).await?;
    if read_only == "off" {
        return Ok(());
    }
    let reason = "it is a replica, or set to read only; name the server that is written to";
    Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ReadOnlyFilesystem, reason)))
}

/// Whether a code of SQLite's says that another process is at it.
pub(super) fn is_busy(code: Option<&str>) -> bool {
    const BUSY: u32 = 5;
    code.and_then(sqlite_code) == Some(BUSY)
}

async fn try_open_sqlite(options: SqliteConnectOptions) -> sqlx::Result<Db> {
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted or replaced is overwritten in the file: results may be medical. It costs no measurable time.
        .pragma("secure_delete", "on")
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("journal_size_limit", WAL_KEPT)
        .statement_cache_capacity(STATEMENT_CACHE);
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A full disk makes SQLite roll back by itself, which the driver does not notice: such a connection would refuse
        // every transaction from then on.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_with(options.clone().pragma("cache_size", WRITER_CACHE).pragma("wal_autocheckpoint", WAL_FOLDED))
        .await?;
    let read = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_with(options.read_only(true))
        .await?;
    Ok(Db::Sqlite { read, write, committed: Arc::new(Notify::new()) })
}

/// Makes sure that the file exists; a new one can be read by its owner only, since results may be medical. One that
/// exists is not touched: closing it would let go of all locks that SQLite holds on it in this process.
fn create_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

async fn open_postgres(options: PgConnectOptions) -> sqlx::Result<Db> {
    let options = options.application_name("milepost").statement_cache_capacity(STATEMENT_CACHE);
    // Asked by itself first: the pool would try again for a while and then not say why.
    PgConnection::connect_with(&options).await?.close().await?;
    let pool = |connections| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A connection that was used just now is good still; to ask it first would double what a short query takes.
            .test_before_acquire(false)
            .before_acquire(|connection, last| {
                Box::pin(async move {
                    if last.idle_for < GOOD_FOR {
                        return Ok(true);
                    }
                    connection.ping().await.map(|()| true)
                })
            })
            .after_release(|connection, _| Box::pin(settle(connection)))
            .after_connect(|connection, _| {
                Box::pin(async {
                    // Whoever waits for a lock keeps a connection from the others.
                    connection.execute(LOCK_TIMEOUT).await.map(drop)
                })
            })
    };
    let events = EventsConnection::new(pool(1).connect_lazy_with(options.clone()));
    Ok(Db::Postgres { shared: pool(POSTGRES_CONNECTIONS).connect_with(options).await?, events })
}

async fn sqlite_objection(pool: &SqlitePool) -> sqlx::Result<Option<String>> {
    let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(pool).await?;
    let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    let wanted = SQLITE_VERSION.map(|part| part.to_string()).join(".");
    Ok((parts.as_slice() < SQLITE_VERSION.as_slice())
        .then(|| format!("this binary was built with SQLite {version}; it needs {wanted} or newer")))
}

async fn postgres_objection(pool: &PgPool) -> sqlx::Result<Option<String>> {
    for setting in ["fsync", "synchronous_commit"] {
        let value: String = sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(pool).await?;
        if value == "off" {
            return Ok(Some(format!(
                "its setting {setting} is off, so a crash would lose acknowledged events; turn it on"
            )));
        }
    }
    let encoding: String = sqlx::query_scalar("select current_setting('server_encoding')").fetch_one(pool).await?;
    Ok((encoding != "UTF8").then(|| format!("its encoding is {encoding}; create the database with encoding UTF8")))
}
