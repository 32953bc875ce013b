//! `milepost watch`: the real binary against a real server.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::support::{Person, on_both};

/// How long a test waits for a line or the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// `milepost watch` under way, its output a pipe.
struct Watch {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Watch {
    /// Watches with somebody's new read key.
    async fn start(person: &Person, arguments: &[&str]) -> Self {
        let key = person.make_key(Some("read")).await.key;
        Self::start_with(&person.url, Some(&key), arguments)
    }

    fn start_with(url: &str, key: Option<&str>, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_milepost"));
        command.arg("watch").args(arguments);
        command
            .env("MILEPOST_URL", url)
            .env_remove("MILEPOST_API_KEY")
            .envs(key.map(|key| ("MILEPOST_API_KEY", key)));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Self { child, lines }
    }

    /// The next line of standard output.
    async fn line(&mut self) -> String {
        timeout(PATIENCE, self.lines.recv()).await.expect("a line in time").expect("a line, not the end")
    }

    /// Waits for the end; gives the rest of standard output, all of standard error, and the exit code.
    async fn end(mut self) -> (Vec<String>, String, i32) {
        let ended = spawn_blocking(move || {
            let mut said = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            let code = self.child.wait().unwrap().code().unwrap();
            let mut rest = Vec::new();
            while let Some(line) = self.lines.blocking_recv() {
                rest.push(line);
            }
            (rest, said, code)
        });
        timeout(PATIENCE, ended).await.expect("the end in time").unwrap()
    }

    /// Waits for the end, which must be a failure, and gives what it says.
    async fn failure(self) -> String {
        let (lines, said, code) = self.end().await;
        assert_eq!((code, lines), (1, vec![]), "{said}");
        said
    }
}

impl Drop for Watch {
    /// A test that has seen enough leaves nobody watching.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a line says behind its time, which is an RFC 3339 instant.
#[track_caller]
fn behind_time(line: &str) -> &str {
    let (time, said) = line.split_once("  ").expect("a time");
    assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
    said
}

/// A provider with a job `job-1` of two steps, worth 1 and 3 points.
async fn provider_with_job(server: &crate::support::TestServer) -> Person {
    let alice = server.provider("alice").await;
    alice.register("scan", "1.0.0", &[("load", 1), ("mask", 3)]).await;
    alice.open_job("scan", "job-1").await;
    alice
}

on_both! {
    async fn a_server_that_has_too_much_to_do_is_asked_again(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let gates = server.app.gates();
        let account: uuid::Uuid = alice.id.parse().unwrap();
        let searches: Vec<_> = std::iter::from_fn(|| gates.searches.take(Some(account), 1).ok()).collect();
        let streams: Vec<_> = std::iter::from_fn(|| gates.streams.take(None, 1).ok()).collect();
        let mut watch = Watch::start(&alice, &["job-1"]).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(searches);
        assert_eq!(watch.line().await, "Job scan (job-1, scan 1.0.0): pending, 0 %, 0 of 4 points");
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(streams);
        alice.report("job-1", "complete", None).await;
        while behind_time(&watch.line().await) != "100 %  complete" {}
        let (_, said, code) = watch.end().await;
        assert_eq!(code, 0, "{said}");
    }

    async fn a_job_is_shown_as_lines_until_it_is_completed(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let mut watch = Watch::start(&alice, &["job-1"]).await;
        assert_eq!(watch.line().await, "Job scan (job-1, scan 1.0.0): pending, 0 %, 0 of 4 points");

        alice.report("job-1", "step", Some("load")).await;
        assert_eq!(behind_time(&watch.line().await), " 25 %  step      Step load");

        let half = json!({"provider_job_id": "job-1", "kind": "info", "tag": "mask", "name": "half way", "fraction": 0.5,
            "event_metadata": {"Other": true, "Density": 12.5}});
        alice.post("/events", half).await.expect(201);
        assert_eq!(behind_time(&watch.line().await), " 62 %  info      Step mask · half way · 50 % · Density 12.5 HU · Other true");

        alice.report("job-1", "complete", Some("mask")).await;
        assert_eq!(behind_time(&watch.line().await), "100 %  complete  Step mask");
        let (rest, said, code) = watch.end().await;
        assert!(matches!(rest.as_slice(), [last] if last.starts_with("completed, 100 %, 4 of 4 points, after ")), "{rest:?}");
        assert_eq!((said.as_str(), code), ("", 0));
    }

    async fn silence_is_told_once_in_its_place(server: TestServer) {
        let alice = provider_with_job(&server).await;
        alice.report("job-1", "step", Some("load")).await;
        let mut watch = Watch::start(&alice, &["job-1"]).await;
        assert_eq!(watch.line().await, "Job scan (job-1, scan 1.0.0): running, 25 %, 1 of 4 points");
        server.clock.travel_to(server.clock.now() + chrono::TimeDelta::minutes(61));
        milepost::jobs::silence::sweep(&server.app).await.unwrap();
        assert_eq!(behind_time(&watch.line().await), " 25 %  silent    nothing has come since then");
        let first = Watch::start(&alice, &["job-1"]).await.line().await;
        assert!(first.starts_with("Job scan (job-1, scan 1.0.0): running, 25 %, 1 of 4 points, silent since "), "{first}");

        // The server that comes back says again that it is silent.
        let server = server.restart().await;
        let alice = Person::sign_in(&server.url, &alice.email).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        alice.report("job-1", "complete", Some("mask")).await;
        assert_eq!(behind_time(&watch.line().await), "100 %  complete  Step mask");
        let (rest, said, code) = watch.end().await;
        assert_eq!((rest.len(), code), (1, 0), "{rest:?}");
        assert!(said.contains("connected again"), "{said}");
    }

    async fn a_job_that_is_completed_already_ends_at_once(server: TestServer) {
        let alice = provider_with_job(&server).await;
        alice.report("job-1", "complete", None).await;
        let (lines, _, code) = Watch::start(&alice, &["job-1"]).await.end().await;
        assert_eq!((lines.len(), code), (2, 0), "{lines:?}");
    }

    async fn a_job_is_found_by_its_own_id_and_by_a_providers_id_that_looks_like_one(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let id = alice.open_job("scan", "01a20485-a45c-7e9c-8d66-2d4fbfa001e5").await;
        for job in [&*id, "01a20485-a45c-7e9c-8d66-2d4fbfa001e5"] {
            let line = Watch::start(&alice, &[job]).await.line().await;
            assert!(line.starts_with("Job scan (01a20485-a45c-7e9c-8d66-2d4fbfa001e5, "), "{line}");
        }
    }

    async fn a_customer_watches_and_chooses_between_providers(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let carol = server.customer_of(&alice, "carol").await;
        let first = alice.open_job_for(&carol, "scan", "job-2").await;
        assert!(Watch::start(&carol, &["job-2"]).await.line().await.contains("(job-2, scan 1.0.0)"));

        let bob = server.provider("bob").await;
        bob.register("scan", "1.0.0", &[("load", 1)]).await;
        let token = bob.invite(&carol.email).await;
        carol.post(&format!("/invitations/{token}/accept"), json!({})).await.expect(200);
        let second = bob.open_job_for(&carol, "scan", "job-2").await;
        let said = Watch::start(&carol, &["job-2"]).await.failure().await;
        assert!(said.contains(&first) && said.contains(&second) && said.contains("bob Provider"), "{said}");
        assert!(Watch::start(&carol, &[&second]).await.line().await.contains("(job-2, scan 1.0.0)"));
    }

    async fn watching_survives_a_restart_of_the_server_without_missing_or_repeating(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let writer = alice.with_new_key("write").await;
        let mut watch = Watch::start(&alice, &["job-1"]).await;
        watch.line().await;
        writer.report("job-1", "info", Some("load")).await;
        assert_eq!(behind_time(&watch.line().await), "  0 %  info      Step load");

        let server = server.restart().await;
        let writer = writer.at(&server);
        writer.report("job-1", "step", Some("load")).await;
        writer.report("job-1", "complete", Some("mask")).await;
        assert!(behind_time(&watch.line().await).contains("step      Step load"));
        assert_eq!(behind_time(&watch.line().await), "100 %  complete  Step mask");
        let (rest, said, code) = watch.end().await;
        assert_eq!((rest.len(), code), (1, 0), "{rest:?}");
        assert!(said.contains("connection lost, trying again") && said.contains("connected again"), "{said}");
    }

    async fn hostile_text_never_reaches_the_terminal(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\r\nroot@host:~# \u{202e}";
        let job = json!({"provider_job_id": "job-2", "tag": "scan", "provider_job_name": evil});
        alice.post("/jobs", job).await.expect(201);
        let mut watch = Watch::start(&alice, &["job-2"]).await;
        let event = json!({"provider_job_id": "job-2", "kind": "complete", "name": evil, "event_metadata": {evil: evil}});
        let first = watch.line().await;
        alice.post("/events", event).await.expect(201);
        let second = watch.line().await;
        for line in [first, second] {
            assert!(line.contains("\u{fffd}]0;owned\u{fffd}\u{fffd}2J  root@host:~# \u{fffd}"), "{line:?}");
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
        assert_eq!(watch.end().await.2, 0);
    }

    async fn an_error_is_no_end_unless_it_is_to_be_one(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let mut patient = Watch::start(&alice, &["job-1"]).await;
        let mut hasty = Watch::start(&alice, &["job-1", "--exit-on-error"]).await;
        patient.line().await;
        hasty.line().await;
        alice.report("job-1", "error", Some("load")).await;
        let (lines, _, code) = hasty.end().await;
        assert!(lines.last().unwrap().starts_with("error, 0 %"), "{lines:?}");
        assert_eq!(code, 1);

        alice.report("job-1", "complete", None).await;
        assert!(patient.line().await.contains("error     Step load"));
        assert_eq!(patient.end().await.2, 0);
    }

    async fn what_cannot_be_watched_is_said_in_a_sentence(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let said = Watch::start(&alice, &["job-9"]).await.failure().await;
        assert_eq!(said, format!("milepost: {} has no job \"job-9\" that this key may see\n", server.url));

        let bob = server.provider("bob").await;
        let said = Watch::start(&bob, &["job-1"]).await.failure().await;
        assert!(said.contains("has no job \"job-1\" that this key may see"), "{said}");

        let said = Watch::start_with(&server.url, Some("mp_wrong"), &["job-1"]).failure().await;
        assert!(said.starts_with("milepost: the server does not accept MILEPOST_API_KEY: "), "{said}");

        let said = Watch::start_with(&server.url, None, &["job-1"]).failure().await;
        assert!(said.contains("MILEPOST_API_KEY is not set"), "{said}");

        let url = server.url.clone();
        server.stop().await;
        let said = Watch::start_with(&url, Some("mp_any"), &["job-1"]).failure().await;
        assert_eq!(said, format!("milepost: cannot reach {url}: Connection refused (os error 111)\n"));
    }

    async fn a_key_that_expires_meanwhile_ends_watching(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let key = alice.make_key(Some("read")).await;
        let mut watch = Watch::start_with(&server.url, Some(&key.key), &["job-1"]);
        watch.line().await;
        alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        let (_, said, code) = watch.end().await;
        assert!(said.contains("the server does not accept MILEPOST_API_KEY: "), "{said}");
        assert_eq!(code, 1);
    }

    async fn ctrl_c_ends_with_130(server: TestServer) {
        let alice = provider_with_job(&server).await;
        let mut watch = Watch::start(&alice, &["job-1"]).await;
        watch.line().await;
        interrupt(&watch.child);
        assert_eq!(watch.end().await.2, 130);
    }

    /// `script` gives a program a terminal; every Debian has it.
    #[cfg(target_os = "linux")]
    async fn in_a_terminal_the_job_is_drawn_and_the_terminal_given_back(server: TestServer) {
        let alice = provider_with_job(&server).await;
        alice.report("job-1", "info", Some("mask")).await;
        let key = alice.make_key(Some("read")).await.key;
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &format!("{} watch job-1", env!("CARGO_BIN_EXE_milepost")), "/dev/null"]);
        command.env("MILEPOST_URL", &server.url).env("MILEPOST_API_KEY", key).env("TERM", "xterm").env("NO_COLOR", "1");
        let mut watch = Watch::spawn(command);
        let mut drawn = watch.line().await;
        assert!(drawn.starts_with("\u{1b}[?1049h"), "{drawn:?}");
        let event = async {
            while !drawn.contains("info      Step mask") {
                drawn += &watch.line().await;
            }
        };
        timeout(PATIENCE, event).await.expect("the latest event on the screen");
        alice.report("job-1", "complete", Some("mask")).await;
        let (rest, _, code) = watch.end().await;
        let rest = rest.join("\n");
        let (_, left) = rest.rsplit_once("\u{1b}[?1049l").expect("the usual screen again");
        assert!(left.contains("✓ completed") && left.contains(" ✓  Step mask") && left.contains("100 %"), "{left}");
        assert!(!left.contains('\u{1b}'), "{left:?}");
        assert_eq!(code, 0);
    }
}

/// Sends what Ctrl-C sends.
fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}
