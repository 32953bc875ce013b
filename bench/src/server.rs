//! A real server, as an operator runs it, over a database of its own.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use clap::ValueEnum;
use hyper::header;
use serde_json::json;
use tempfile::TempDir;

use crate::Result;
use crate::cases::Plan;
use crate::client::Connection;

const PASSWORD: &str = "measured twice, cut once";
const START_LIMIT: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DatabaseKind {
    /// A file
    Sqlite,
    /// A database of its own in the cluster of `MILEPOST_TEST_POSTGRES_URL`
    Postgres,
}

impl DatabaseKind {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// `milepost serve` in a process of its own; dropped, it is killed, and a SQLite database is gone.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    program: std::path::PathBuf,
    database_url: String,
    folder: TempDir,
}

/// A provider's program: its key and its jobs.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    /// The provider's session as a cookie, for what a key may not do.
    pub(crate) session: String,
    /// The ids of its jobs under way, which are `bench-0` and on to itself.
    pub(crate) job_ids: Vec<String>,
}

impl Server {
    /// Starts a server with these settings beside the usual ones.
    pub(crate) async fn start(plan: &Plan, database: DatabaseKind, settings: &[&str]) -> Result<Self> {
        Self::start_on(plan, database, settings, None).await
    }

    /// The server that answers events from memory. What is set up before has a database all the same.
    pub(crate) async fn from_memory(plan: &Plan, settings: &[&str]) -> Result<Self> {
        if !plan.from_memory.exists() {
            return Err(format!("{} is missing: make bench-load builds it", plan.from_memory.display()).into());
        }
        Self::start_program(&plan.from_memory, &plan.folder, DatabaseKind::Sqlite, settings, None).await
    }

    /// The same, on one processor only.
    pub(crate) async fn start_on(
        plan: &Plan,
        database: DatabaseKind,
        settings: &[&str],
        processor: Option<usize>,
    ) -> Result<Self> {
        Self::start_program(&plan.server, &plan.folder, database, settings, processor).await
    }

    async fn start_program(
        program: &Path,
        folder: &Path,
        database: DatabaseKind,
        settings: &[&str],
        processor: Option<usize>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("milepost-bench-").tempdir_in(folder)?;
        let database_url = match database {
            DatabaseKind::Sqlite => format!("sqlite://{}", folder.path().join("milepost.db").display()),
            DatabaseKind::Postgres => create_database()?,
        };
        let mut command = match processor {
            None => command(program, folder.path()),
            Some(number) => {
                let mut command = command(Path::new("taskset"), folder.path());
                command.args(["--cpu-list", &number.to_string()]).arg(program);
                command
            }
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--database-url", &database_url]).args(settings);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = BufReader::new(child.stderr.take().ok_or("the server has no standard error")?);
        let found = tokio::task::spawn_blocking(move || find_address(said)).await?;
        let server = |address| Self { child, address, program: program.to_owned(), database_url, folder };
        match found {
            Ok(address) => Ok(server(address)),
            Err(error) => {
                drop(server(SocketAddr::from(([0; 4], 0))));
                Err(error)
            }
        }
    }

    /// A provider with a key and so many jobs under way.
    pub(crate) async fn provider(&self, name: &str, jobs: u64) -> Result<Reporter> {
        let email = format!("{name}@provider.example");
        self.add_user(name, &email)?;
        let mut connection = Connection::to(self.address);
        let account = json!({"email": email, "password": PASSWORD});
        let signed_in = connection.post_json("/api/v1/login", ("accept", "*/*"), &account).await?;
        let cookie = signed_in.headers.get(header::SET_COOKIE).ok_or("no cookie")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        let made = connection.post_json("/api/v1/api-keys", ("cookie", cookie), &json!({"note": "bench"})).await?;
        let key = made.json()?["key"].as_str().ok_or("no key")?.to_owned();
        let mut reporter = Reporter { address: self.address, key, session: cookie.to_owned(), job_ids: Vec::new() };
        let authorization = format!("Bearer {}", reporter.key);
        let key = ("authorization", authorization.as_str());
        let fields = json!([{"name": "Density", "kind": "number", "units": "HU"}, {"name": "Comment"}]);
        let steps = json!([{"tag": "load", "name": "Load", "points": 1, "metadata_configurations": fields}]);
        let configuration =
            json!({"tag": "bench", "name": "Bench", "version": "1.0.0", "step_configurations": steps});
        connection.post_json("/api/v1/job-configurations", key, &configuration).await?;
        for number in 0..jobs {
            let job = json!({"tag": "bench", "provider_job_id": format!("bench-{number}")});
            let opened = connection.post_json("/api/v1/jobs", key, &job).await?.json()?;
            reporter.job_ids.push(opened["id"].as_str().ok_or("no id")?.to_owned());
        }
        Ok(reporter)
    }

    /// Its database.
    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    /// What of it is in memory, in MiB.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }

    fn add_user(&self, name: &str, email: &str) -> Result<()> {
        let mut command = command(&self.program, self.folder.path());
        command.args(["user", "add", "--role", "provider", "--email", email, "--first-name", name]);
        command.args(["--last-name", "Bench", "--password-stdin", "--database-url", &self.database_url]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        child.stdin.take().ok_or("no standard input")?.write_all(PASSWORD.as_bytes())?;
        if child.wait()?.success() { Ok(()) } else { Err("milepost user add failed".into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program without the settings of whoever measures.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("MILEPOST_") || name == "DATABASE_URL") {
            command.env_remove(name);
        }
    }
    command
}

/// Reads what the server says until it is ready, and on behind our back: it would block on a full pipe.
fn find_address(mut said: impl BufRead + Send + 'static) -> Result<SocketAddr> {
    let (found, address) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while said.read_line(&mut line).is_ok_and(|length| length > 0) {
            if line.contains("ERROR") || line.starts_with("milepost: ") {
                eprint!("{line}");
            }
            if let Some((_, rest)) = line.split_once("url=http://") {
                let address = rest.split(|c: char| c == '/' || c.is_whitespace()).next().unwrap_or_default();
                let _ = found.send(address.to_owned());
            }
            line.clear();
        }
    });
    Ok(address.recv_timeout(START_LIMIT).map_err(|_| "the server does not start")?.parse()?)
}

/// A new database in the cluster, made with PostgreSQL's own client.
fn create_database() -> Result<String> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let cluster = std::env::var("MILEPOST_TEST_POSTGRES_URL")
        .map_err(|_| "PostgreSQL is missing: run this by scripts/with-postgres, or with --database sqlite")?;
    let name = format!("bench_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let create = format!("create database {name}");
    if !Command::new("psql").args(["--quiet", "--command", &create, &cluster]).status()?.success() {
        return Err("psql could not create a database".into());
    }
    // postgres:///postgres?host=… : the name is between the last slash of the path and the parameters.
    let (server, parameters) = cluster.split_once('?').unwrap_or((&cluster, ""));
    let (server, _) = server.rsplit_once('/').ok_or("MILEPOST_TEST_POSTGRES_URL names no database")?;
    Ok(format!("{server}/{name}?{parameters}"))
}
