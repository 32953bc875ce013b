//! The real binary, run as the operator runs it.

use std::io::Write;
use std::process::{Command, Stdio};

use super::TestServer;

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Run {
    pub succeeded: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Asserts success and gives what it printed.
    #[track_caller]
    pub fn expect(self) -> String {
        assert!(self.succeeded, "{}", self.stderr);
        self.stdout
    }

    /// Asserts failure with one line that says this.
    #[track_caller]
    pub fn expect_failure(self, message: &str) {
        assert!(!self.succeeded, "{}", self.stdout);
        assert!(self.stderr.contains(message), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

impl TestServer {
    /// Runs `milepost ARGUMENTS` in a process of its own on the database of this server, which goes on running.
    pub async fn milepost(&self, arguments: &[&str], stdin: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_milepost"));
        command
            .args(arguments)
            .env_remove("DATABASE_URL")
            .env("MILEPOST_DATABASE_URL", &self.database.url)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let stdin = stdin.to_owned();
        let run = move || {
            let mut child = command.spawn().unwrap();
            // A command that refuses its arguments does not read.
            let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
            child.wait_with_output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        Run {
            succeeded: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
