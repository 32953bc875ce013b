//! The commands with which a provider reports: the real binary against a real server.

mod configs;
mod document;
mod exec;
mod hardships;
mod jobs;
mod logins;
mod reports;
mod rules;
mod signals;
mod spool;
mod terminals;

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::{Person, TestServer};

/// Steps of the kind of job `kidney`, a point each.
const STEPS: [(&str, i64); 4] = [("load", 1), ("left", 1), ("right", 1), ("report", 1)];

/// The machine of the provider Alice, who has a key in its environment, and registered the configuration `kidney`.
pub struct Desk {
    pub alice: Person,
    /// The same with her key, which is good at every address.
    reader: Person,
    pub key: String,
    folder: TempDir,
}

/// How a program ended and what it printed.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

impl Ended {
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }

    /// Asserts that it went well without a word on standard error, and gives what it printed.
    #[track_caller]
    pub fn printed(self) -> String {
        assert_eq!((self.code, self.said().as_str()), (Some(0), ""), "{}", String::from_utf8_lossy(&self.out));
        String::from_utf8(self.out).unwrap()
    }

    /// The same, of an answer in JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.printed()).unwrap()
    }

    /// Asserts that it failed with exit code 1, and gives what it complained about.
    #[track_caller]
    pub fn complaint(self) -> String {
        assert_eq!((self.code, self.out.as_slice()), (Some(1), &b""[..]), "{}", self.said());
        self.said()
    }
}

impl Desk {
    pub async fn at(server: &TestServer) -> Self {
        let alice = server.provider("alice").await;
        alice.register("kidney", "1.0.0", &STEPS).await;
        let key = alice.make_key(None).await;
        Self { reader: alice.with_key(&key), alice, key: key.key, folder: tempfile::tempdir().unwrap() }
    }

    /// The same, at another address of the same server.
    pub fn at_address(self, url: &str) -> Self {
        Self { alice: self.alice.at_address(url), reader: self.reader.at_address(url), ..self }
    }

    /// Where programs run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn spool(&self) -> PathBuf {
        self.folder().join("spool")
    }

    /// A program with what it needs to report; `milepost` is on its path.
    pub fn program<S: AsRef<OsStr>>(&self, program: &str, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program);
        let ours = Path::new(env!("CARGO_BIN_EXE_milepost")).parent().unwrap();
        let path = format!("{}:{}", ours.display(), std::env::var("PATH").unwrap());
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MILEPOST_")) {
            command.env_remove(name);
        }
        command
            .env("PATH", path)
            .env("HOME", self.folder())
            .env("XDG_CONFIG_HOME", self.folder().join("config"))
            .env("MILEPOST_URL", &self.alice.url)
            .env("MILEPOST_API_KEY", &self.key)
            .env("MILEPOST_SPOOL", self.spool());
        command
    }

    /// `milepost ARGUMENTS`.
    pub fn milepost<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        self.program(env!("CARGO_BIN_EXE_milepost"), arguments)
    }

    /// `milepost exec` of a shell script, as a job of this id.
    pub fn exec(&self, job: &str, script: &str) -> Command {
        self.exec_with(job, &[], script)
    }

    pub fn exec_with(&self, job: &str, options: &[&str], script: &str) -> Command {
        let before = ["exec", "--config", "kidney", "--id", job];
        self.milepost([&before, options, &["--", "sh", "-c", script]].concat())
    }

    /// All events of a job in the order in which they were recorded.
    pub async fn events(&self, job: &str) -> Vec<Value> {
        let found = self.reader.get(&format!("/jobs?provider_job_id={job}")).await.expect(200);
        let Some(id) = found["items"][0]["id"].as_str().map(str::to_owned) else { return Vec::new() };
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.reader.get(&format!("/jobs/{id}/events?limit=200{cursor}")).await.expect(200);
            events.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        events.sort_by_key(|event| event["sequence"].as_i64());
        events
    }

    /// Kind, step and text of each event, such as `step load`, `info report: half way` and `complete`.
    pub async fn told(&self, job: &str) -> Vec<String> {
        self.events(job).await.iter().map(in_words).collect()
    }

    pub async fn job(&self, job: &str) -> Value {
        self.reader.get(&format!("/jobs?provider_job_id={job}")).await.expect(200)["items"][0].clone()
    }

    /// The files in which reports wait.
    pub fn waiting_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.spool()).into_iter().flatten().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect();
        files.sort();
        files
    }

    /// The reports that the server refused.
    pub fn refused(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.spool().join("refused")).into_iter().flatten();
        let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        texts
            .flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
            .collect()
    }

    /// Delivers what waits, and asserts that nothing is left.
    pub async fn flush(&self) {
        let flushed = run(self.milepost(["flush", "--json"])).await;
        assert_eq!(flushed.code, Some(0), "{}", flushed.said());
        assert_eq!(self.waiting_files(), Vec::<PathBuf>::new());
    }
}

/// When an event was reported.
pub fn at(event: &Value) -> DateTime<Utc> {
    event["occurred_at"].as_str().unwrap().parse().unwrap()
}

fn in_words(event: &Value) -> String {
    let own = event["name"].as_str().filter(|name| {
        Some(format!("Step {}", event["tag"].as_str().unwrap_or_default())) != Some((*name).to_owned())
    });
    let step = event["tag"].as_str().map_or_else(String::new, |tag| format!(" {tag}"));
    let text = own.map_or_else(String::new, |text| format!(": {text}"));
    format!("{}{step}{text}", event["kind"].as_str().unwrap())
}

/// Runs a program to its end, for at most a minute.
pub async fn run(command: Command) -> Ended {
    run_with_input(command, b"").await
}

pub async fn run_with_input(mut command: Command, input: &[u8]) -> Ended {
    let input = input.to_owned();
    let running = spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may have ended before it has read all.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        ended(child)
    });
    tokio::time::timeout(Duration::from_mins(1), running).await.expect("an end within a minute").unwrap()
}

/// Waits for the end of a program that was started.
pub fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    Ended { code: output.status.code(), signal: output.status.signal(), out: output.stdout, err: output.stderr }
}

/// Starts a program that is listened to at its end.
pub fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal to a process that we have started.
pub fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
}

/// Waits until a file is there that a program makes when it is so far.
pub async fn until_exists(path: &Path) {
    crate::support::eventually(&format!("{} exists", path.display()), async || path.exists()).await;
}

/// Reports of an event of a kind about a step, as it waits on disk.
pub fn event(job: &str, kind: &str, tag: Option<&str>) -> Value {
    let mut event = json!({"provider_job_id": job, "kind": kind});
    if let Some(tag) = tag {
        event["tag"] = json!(tag);
    }
    event
}
