//! Programs that need a terminal, and what we show on one.

use std::fmt::Debug;
use std::process::Command;
use std::time::Duration;

use pty_process::{Pty, Size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Desk, run};
use crate::support::{DatabaseKind, TestServer};

/// A program on a terminal of 30 rows and 90 columns, at which a test types.
struct AtTerminal {
    pty: Pty,
    child: tokio::process::Child,
    seen: String,
}

impl AtTerminal {
    fn start(command: &Command) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(30, 90)).unwrap();
        let mut on_pty = pty_process::Command::new(command.get_program())
            .args(command.get_args())
            .env("TERM", "xterm")
            .env("NO_COLOR", "1");
        for (name, value) in command.get_envs() {
            on_pty = match value {
                Some(value) => on_pty.env(name, value),
                None => on_pty.env_remove(name),
            };
        }
        let child = on_pty.current_dir(command.get_current_dir().unwrap()).spawn(pts).unwrap();
        Self { pty, child, seen: String::new() }
    }

    async fn types(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Waits until this is on the screen.
    async fn shows(&mut self, what: impl AsRef<str> + Debug) {
        let looking = async {
            while !self.seen.contains(what.as_ref()) && self.read().await {}
            self.seen.contains(what.as_ref())
        };
        let is_shown = timeout(Duration::from_secs(20), looking).await;
        assert_eq!(is_shown, Ok(true), "{what:?} in {:?}", self.seen);
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let Ok(length @ 1..) = self.pty.read(&mut buffer).await else { return false };
        self.seen += &String::from_utf8_lossy(&buffer[..length]);
        true
    }

    /// Waits for the end; gives all that was on the screen, and the exit code.
    async fn end(mut self) -> (String, Option<i32>) {
        let ending = async {
            while self.read().await {}
            self.child.wait().await.unwrap().code()
        };
        let code = timeout(Duration::from_secs(20), ending).await.expect("an end in time");
        (self.seen, code)
    }
}

async fn desk() -> (TestServer, Desk) {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    (server, desk)
}

#[tokio::test]
async fn a_program_has_a_terminal_like_ours() {
    let (_server, desk) = desk().await;
    let look =
        "test -t 0 && test -t 1 && test -t 2 && stty size && stty -a | tr ';' '\\n' | grep -E 'erase|rows|echo'";
    let plain = AtTerminal::start(&desk.program("sh", ["-c", &format!("stty erase ^G; {look}")])).end().await;
    let script = "stty erase ^G; stty -a > before; milepost exec --config kidney --id like-ours -- sh -c \"$0\"; \
        stty -a > after; cmp before after && echo restored";
    let (seen, code) = AtTerminal::start(&desk.program("sh", ["-c", script, look])).end().await;
    assert!(plain.0.starts_with("30 90\r\n"), "{plain:?}");
    assert!(seen.starts_with(&plain.0), "{seen:?} and without {plain:?}");
    assert!(seen.ends_with("restored\r\n"), "{seen:?}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn what_is_typed_is_the_programs() {
    let (_server, desk) = desk().await;
    let script = "echo begun; read line; echo \"got $line\"; cat; echo end; exit 3";
    let mut at = AtTerminal::start(&desk.exec("typed", script));
    at.shows("begun").await;
    at.types("hello\n").await;
    at.shows("got hello").await;
    at.types("more\n\u{4}").await;
    at.shows("end").await;
    let (seen, code) = at.end().await;
    assert!(seen.starts_with("begun\r\nhello\r\ngot hello\r\nmore\r\nmore\r\nend\r\n"), "{seen:?}");
    assert_eq!(code, Some(3));
}

#[tokio::test]
async fn ctrl_c_reaches_all_that_is_in_front_and_nothing_twice() {
    let (_server, desk) = desk().await;
    let told = "import signal, time
signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))
print('begun', flush=True)
until = time.monotonic() + 1
while time.monotonic() < until:
    time.sleep(0.001)
print('after')
";
    desk.file("told.py", told);
    let cases = [
        ("typed", "trap : INT;", ""),
        ("beside", "trap : INT;", "</dev/null"),
        ("piped", "trap : INT;", "</dev/null | (trap '' INT; cat)"),
        ("alone", "exec", "</dev/null | (trap '' INT; cat)"),
    ];
    for (job, before, redirected) in cases {
        let script = format!("{before} python3 told.py; true");
        let line = format!("trap : INT; milepost exec --config kidney --id {job} -- bash -c \"$0\" {redirected}");
        let mut at = AtTerminal::start(&desk.program("bash", ["-c", &line, &script]));
        at.shows("begun").await;
        at.types("\u{3}").await;
        at.shows("after").await;
        let (seen, _) = at.end().await;
        assert_eq!(seen.matches("interrupted").count(), 1, "{job}: {seen:?}");
    }
}

#[tokio::test]
async fn a_terminal_that_changes_its_size_changes_the_programs() {
    let (_server, desk) = desk().await;
    let script = "trap 'stty size; exit 0' WINCH; echo begun; while :; do sleep 0.05; done";
    let mut at =
        AtTerminal::start(&desk.milepost(["exec", "--config", "kidney", "--id", "size", "--", "bash", "-c", script]));
    at.shows("begun").await;
    at.pty.resize(Size::new(41, 77)).unwrap();
    at.shows("41 77").await;
}

#[tokio::test]
async fn standard_error_is_a_terminal_where_it_is_one_without_us() {
    let (_server, desk) = desk().await;
    let look = "test -t 1 && echo one; test -t 2 && echo two >&2; printf 'a\\nb\\n' >&2";
    let line = |program: &str| format!("{program} sh -c \"$0\" > out; cat out");
    let plain = AtTerminal::start(&desk.program("sh", ["-c", &line(""), look])).end().await.0;
    let with = line("milepost exec --config kidney --id errors --");
    let (seen, _) = AtTerminal::start(&desk.program("sh", ["-c", &with, look])).end().await;
    assert_eq!(plain, "two\r\na\r\nb\r\n");
    assert!(seen.replace("\r\r", "\r").starts_with(&plain), "{seen:?}");
    assert_eq!(std::fs::read_to_string(desk.folder().join("out")).unwrap(), "");
}

#[tokio::test]
async fn the_job_is_shown_below_on_a_terminal_and_nowhere_else() {
    let (_server, desk) = desk().await;
    desk.file("rules.toml", "[[rule]]\nname = 'done'\nmatch = '^(?<step>[a-z]+) done'\nevent = 'step'\n");
    let exec = |job| desk.exec_with(job, &["--rules", "rules.toml"], "echo load done; exit 1");
    let (seen, code) = AtTerminal::start(&exec("on-terminal")).end().await;
    assert!(seen.starts_with("load done\r\n") && seen.contains("✗ error") && seen.contains("━━━"), "{seen}");
    assert!(seen.contains(" 25 %") && seen.contains(" ✓  Step load"), "{seen}");
    assert_eq!(code, Some(1));
    let piped = run(exec("piped")).await;
    assert_eq!((piped.out.as_slice(), piped.said().as_str()), (&b"load done\n"[..], ""));
    // Only the errors are on the terminal, so the output has no more in it than without.
    let line = "milepost exec --config kidney --id half --rules rules.toml -- echo load done > out";
    let (seen, _) = AtTerminal::start(&desk.program("sh", ["-c", line])).end().await;
    assert!(seen.contains("✓ completed"), "{seen}");
    assert_eq!(std::fs::read_to_string(desk.folder().join("out")).unwrap(), "load done\n");

    let (seen, _) =
        AtTerminal::start(&desk.milepost(["job", "open", "--config", "kidney", "--id", "opened"])).end().await;
    assert!(seen.contains("○ pending") && seen.contains("───"), "{seen}");
    let (seen, _) = AtTerminal::start(&desk.milepost(["job", "show", "on-terminal"])).end().await;
    assert!(seen.contains("✗ error") && seen.contains("━━━"), "{seen}");
}

#[tokio::test]
async fn whoever_is_not_in_front_runs_on() {
    let (_server, desk) = desk().await;
    let line =
        "set -m; milepost exec --config kidney --id behind -- sh -c 'sleep 0.2; echo ran' & wait $!; echo ended $?";
    let (seen, _) = AtTerminal::start(&desk.program("bash", ["-c", line])).end().await;
    assert!(seen.contains("ran") && seen.contains("ended 0"), "{seen:?}");
}
