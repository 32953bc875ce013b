//! The real binary, as an operator runs it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::Database;

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Asserts that it went well and gives what it printed.
    #[track_caller]
    pub fn expect_success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Asserts that it failed with a message that says this.
    #[track_caller]
    pub fn expect_complaint(self, message: &str) {
        assert_ne!(self.code, Some(0), "{self:?}");
        assert!(self.stderr.contains(message) && !self.stderr.contains("panicked"), "{self:?}");
    }

    /// Asserts that it failed with exit code 1 and gives what it complained about.
    #[track_caller]
    pub fn expect_failure(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        self.stderr
    }
}

/// The command `milepost`, in an empty folder and without any variable that it reads.
pub struct Milepost {
    command: Command,
    folder: TempDir,
}

impl Milepost {
    pub fn new<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_milepost"));
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let is_ours = name.to_str().is_some_and(|name| {
                name.starts_with("MILEPOST_") || name.starts_with("OTEL_") || name == "DATABASE_URL"
            });
            if is_ours {
                command.env_remove(name);
            }
        }
        Self { command, folder }
    }

    /// A command on a database.
    pub fn on(database: &Database, arguments: &[&str]) -> Self {
        Self::new(arguments.iter().copied().chain(["--database-url", &database.url]))
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Puts a file into the folder that it runs in.
    pub fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    /// The same, run by another program.
    fn by(self, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(self.command.get_program()).args(self.command.get_args());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Self { command, folder: self.folder }
    }

    /// Lets it open only so many files.
    pub fn with_open_files(self, files: u32) -> Self {
        self.by("sh", &["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")])
    }

    /// Takes from it what root may do with files of whatever rights; anybody else has no such right.
    pub fn with_rights_that_count(self) -> Self {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if is_root {
            self.by(
                "setpriv",
                &["--inh-caps=-dac_override,-dac_read_search", "--bounding-set=-dac_override,-dac_read_search"],
            )
        } else {
            self
        }
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// Runs it to its end and lists what is in its folder then.
    pub async fn run_and_list_files(self) -> (Output, Vec<String>) {
        let Self { command, folder } = self;
        let output = finish(command, "", Stdio::piped()).await;
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        (output, names.map(|name| name.into_string().unwrap()).collect())
    }

    /// The same, but no file may grow beyond so many blocks of 512 bytes.
    pub fn with_files_up_to(self, blocks: u32) -> Self {
        // Told, not killed: as a full disk would.
        self.by("sh", &["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
    }

    /// Starts it and does not wait for it. What it says is lost.
    pub fn start(mut self) -> Running {
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        Running { child: self.command.spawn().unwrap(), _folder: self.folder }
    }

    /// Starts it and listens to what it says.
    pub fn start_talking(mut self) -> Talking {
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = unbounded_channel();
        let out: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for out in out {
            let sender = sender.clone();
            // Read on to the end, or it would block on a full pipe.
            std::thread::spawn(move || {
                BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
            });
        }
        Talking { running: Running { child, _folder: self.folder }, lines, said: String::new() }
    }

    /// Runs it to its end where nobody reads what it prints, as behind `| head`.
    pub async fn run_unread(self) -> Output {
        let (_, unread) = std::io::pipe().unwrap();
        let Self { command, folder: _folder } = self;
        finish(command, "", unread.into()).await
    }

    /// Runs it to its end.
    pub async fn run(self) -> Output {
        self.run_with_input("").await
    }

    /// Runs it to its end with text on standard input.
    pub async fn run_with_input(self, input: &str) -> Output {
        let Self { command, folder: _folder } = self;
        finish(command, input, Stdio::piped()).await
    }

    /// Starts it as a server on a free port and waits until it says that it is ready. Fails with what it said if it
    /// ends before.
    pub async fn serve(mut self) -> Result<ServerProcess, String> {
        self.command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || {
            let mut child = self.command.spawn().unwrap();
            let stderr = BufReader::new(child.stderr.take().unwrap());
            let (found, ready) = mpsc::channel();
            // Read on to the end, or the server would block on a full pipe.
            let reader = std::thread::spawn(move || {
                let mut said = String::new();
                for line in stderr.lines().map_while(Result::ok) {
                    said.push_str(&line);
                    said.push('\n');
                    if line.contains("milepost is ready") {
                        let url = &line[line.find("http://").unwrap()..];
                        let url = url.split(['"', ' ']).next().unwrap().trim_end_matches('/');
                        let _ = found.send((url.to_owned(), said.clone()));
                    }
                }
                said
            });
            if let Ok((url, greeting)) = ready.recv_timeout(Duration::from_secs(30)) {
                return Ok(ServerProcess { url, greeting, child, log: Some(reader), _folder: self.folder });
            }
            let _ = child.kill();
            let _ = child.wait();
            Err(reader.join().unwrap())
        })
        .await
        .unwrap()
    }
}

async fn finish(mut command: Command, input: &str, stdout: Stdio) -> Output {
    let input = input.to_owned();
    let run = move || {
        command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may have ended before.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A command under way; dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    _folder: TempDir,
}

impl Running {
    /// Ends it by SIGKILL. True: it had ended by itself before.
    pub fn kill(&mut self) -> bool {
        let has_ended = self.child.try_wait().unwrap().is_some();
        let _ = self.child.kill();
        let _ = self.child.wait();
        has_ended
    }

    /// Ends it by SIGTERM, as an operator or the system does, and gives its exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.end_by("TERM").await
    }

    /// Ends it by a signal and gives its exit code.
    pub async fn end_by(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        self.wait().await
    }

    /// Waits for its end and gives its exit code.
    pub async fn wait(&mut self) -> Option<i32> {
        while self.child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command under way that is listened to; dropped, it is killed.
pub struct Talking {
    pub running: Running,
    lines: UnboundedReceiver<String>,
    said: String,
}

impl Talking {
    /// Waits until it says this, for at most a minute, and gives all that it said until then.
    pub async fn says(&mut self, what: &str) -> &str {
        let told = timeout(Duration::from_mins(1), async {
            loop {
                let line = self.lines.recv().await.unwrap_or_else(|| panic!("it ended: {}", self.said));
                self.said += &(line + "\n");
                if self.said.contains(what) {
                    return;
                }
            }
        });
        told.await.unwrap_or_else(|_| panic!("it does not say {what:?}"));
        &self.said
    }
}

/// `milepost serve` as a process of its own; dropped, it is killed.
#[derive(Debug)]
pub struct ServerProcess {
    pub url: String,
    /// What it said until it was ready.
    pub greeting: String,
    child: Child,
    log: Option<JoinHandle<String>>,
    _folder: TempDir,
}

impl ServerProcess {
    /// How much memory it has in use, in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it as a power cut would: SIGKILL, without a word before.
    pub fn kill(mut self) {
        self.end();
    }

    /// Tells it to stop, as a supervisor does: SIGTERM.
    pub fn terminate(&self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
    }

    /// Waits until it has ended by itself, for at most 20 seconds, and gives its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        for _ in 0..400 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not stop");
    }

    /// Tells it to stop, waits until it has, and gives its log.
    pub async fn stop(mut self) -> String {
        self.terminate();
        assert_eq!(self.ended().await, Some(0));
        self.log.take().unwrap().join().unwrap()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.end();
    }
}
