//! A PostgreSQL cluster for one test alone, for what would disturb the others.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running cluster; it goes with this value.
pub struct Cluster {
    pub url: String,
    child: Child,
}

impl Cluster {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With options of the server's own.
    pub fn start_with(options: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/with-postgres");
        // The script's command tells the address and waits for the end of its input.
        let mut child = Command::new(script)
            .args(["sh", "-c", "echo \"$MILEPOST_TEST_POSTGRES_URL\"; cat"])
            .env_remove("MILEPOST_TEST_POSTGRES_URL")
            .env("MILEPOST_TEST_POSTGRES_OPTIONS", options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { url: url.trim_end().to_owned(), child }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
