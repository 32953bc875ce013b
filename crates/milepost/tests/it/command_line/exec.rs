//! `milepost exec`: a program runs as it does without us, and is told of.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::{Desk, run, run_with_input, start};
use crate::support::{DatabaseKind, TestServer, on_both};

/// Shell scripts whose output, exit code and end by a signal are to be the same with us as without.
const PROGRAMS: [&str; 15] = [
    "echo out; echo err >&2; exit 3",
    "printf 'no newline at the end'",
    "printf 'carriage\\rreturns\\rand \\033[31mcolours\\033[0m\\n'",
    "head -c 3000000 /dev/urandom > random; cat random",
    "head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; exit 1",
    "seq 1 300000; seq 1 300000 >&2",
    "cat",
    "head -c 3",
    "wc -c; read nothing || echo end",
    "exec >&-; sleep 0.2; echo later >&2; exit 9",
    "exec >&- 2>&-; sleep 0.2; exit 8",
    "kill -TERM $$",
    "kill -KILL $$",
    "kill -SEGV $$",
    "echo '[1]'; sh -c 'sleep 0.4; echo from one who stays' & exit 5",
];

#[tokio::test]
async fn output_and_end_are_those_without_us_to_the_byte() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("rules.toml", "[[rule]]\nname = 'any'\nmatch = '^[0-9]+0001$'\n");
    let input: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    for (number, program) in PROGRAMS.into_iter().enumerate() {
        // Both write into the same folder, the random bytes once.
        let program = program.replace(
            "head -c 3000000 /dev/urandom > random",
            "[ -e random ] || head -c 3000000 /dev/urandom > random",
        );
        let without = run_with_input(desk.program("sh", ["-c", &program]), &input).await;
        let with =
            run_with_input(desk.exec_with(&format!("p-{number}"), &["--rules", "rules.toml"], &program), &input)
                .await;
        assert!(with == without, "{program}: {:?} {:?} {}", with.code, with.signal, with.said());
        let status = desk.job(&format!("p-{number}")).await["status"].clone();
        assert_eq!(status, if without.code == Some(0) { "completed" } else { "error" }, "{program}");
    }
}

#[tokio::test]
async fn output_is_whole_however_slowly_somebody_reads_it() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let pipeline = |program: &str| desk.program("sh", ["-c", &format!("{program} | (sleep 2; cksum)")]);
    // Of the first all but the beginning is under way when the program ends, of the second the program waits for the reader.
    for last in ["25000", "100000"] {
        let with =
            run(pipeline(&format!("milepost exec --config kidney --id slow-{last} -- seq 1 {last}"))).await.printed();
        assert_eq!(with, run(pipeline(&format!("seq 1 {last}"))).await.printed());
        assert_eq!(desk.told(&format!("slow-{last}")).await, ["complete"]);
    }
}

#[tokio::test]
async fn a_reader_who_goes_away_ends_the_program_as_without_us() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let pipeline = |program: &str| {
        let line = format!("set -o pipefail; {program} 2>&1 | head -n 2; echo ${{PIPESTATUS[0]}}");
        desk.program("bash", ["-c", &line])
    };
    let program = "sh -c 'seq 1 1000000; echo never >&2'";
    let with = run(pipeline(&format!("milepost exec --config kidney --id head -- {program}"))).await;
    assert_eq!(with, run(pipeline(program)).await);
    assert_eq!(String::from_utf8_lossy(&with.out), "1\n2\n141\n");
}

#[tokio::test]
async fn a_program_is_not_waited_for_longer_than_without_us_and_what_it_leaves_behind_prints_on() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let log = std::fs::File::create(desk.folder().join("log")).unwrap();
    let script = "(sleep 3; echo late; sleep 0.2; echo later) & echo at once; exit 4";
    let mut exec = desk.exec("daemon", script);
    exec.stdout(log.try_clone().unwrap()).stderr(log);
    let begun = Instant::now();
    let code = spawn_blocking(move || exec.status().unwrap().code()).await.unwrap();
    assert_eq!(code, Some(4));
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
    let read = || std::fs::read_to_string(desk.folder().join("log")).unwrap();
    assert_eq!(read(), "at once\n");
    crate::support::eventually("all is printed", async || read() == "at once\nlate\nlater\n").await;
}

#[tokio::test]
async fn what_cannot_be_run_ends_as_in_a_shell() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("no-program", "");
    for (program, code) in [("./nowhere", 127), ("./no-program", 126)] {
        for key in [desk.key.as_str(), ""] {
            let mut exec = desk.milepost(["exec", "--config", "kidney", "--id", &program[2..], "--", program]);
            exec.env("MILEPOST_API_KEY", key);
            let ended = run(exec).await;
            assert_eq!(ended.code, Some(code), "{}", ended.said());
            assert!(ended.said().contains(&format!("{program} cannot be run: ")), "{}", ended.said());
        }
        let told = desk.told(&program[2..]).await;
        assert!(told[0].starts_with(&format!("error: {program} cannot be run: ")), "{told:?}");
    }
}

on_both! {
    async fn a_failure_is_told_with_the_last_lines(server: TestServer) {
        let desk = Desk::at(&server).await;
        let script = "seq 1 20; sleep 0.3; printf 'no memory\\0\\033[0m left' >&2; exit 3";
        let ended = run(desk.exec_with("case-1", &["--last-lines", "3"], script)).await;
        assert_eq!(ended.code, Some(3));
        let told = desk.told("case-1").await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0], "error: sh ended with exit code 3:\n19\n20\nno memory\u{fffd} left");

        let ended = run(desk.exec("case-2", "kill -KILL $$")).await;
        assert_eq!(ended.signal, Some(9));
        assert_eq!(desk.told("case-2").await, ["error: sh was ended by SIGKILL"]);
        let last: String = "x".repeat(5000);
        run(desk.exec("case-3", &format!("echo {last}; exit 1"))).await;
        assert!(desk.told("case-3").await[0].ends_with("xxx"));
    }

    async fn a_job_is_opened_as_it_is_described(server: TestServer) {
        let desk = Desk::at(&server).await;
        server.customer_of(&desk.alice, "carol").await;
        desk.alice.register("kidney", "1.1.0", &[("load", 1)]).await;
        let options = ["--config-version", "1.0.0", "--customer", "carol@customer.example", "--name", "Case 1"];
        run(desk.exec_with("case-1", &options, "echo $MILEPOST_JOB > id")).await.printed();
        let job = desk.job("case-1").await;
        let field = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (field("version"), field("provider_job_name"), field("customer_email"), field("status")),
            ("1.0.0".to_owned(), "Case 1".to_owned(), "carol@customer.example".to_owned(), "completed".to_owned())
        );
        assert_eq!(std::fs::read_to_string(desk.folder().join("id")).unwrap(), "case-1\n");
        let unnamed = desk.milepost(["exec", "--config", "kidney", "--", "sh", "-c", "echo $MILEPOST_JOB"]);
        let id = run(unnamed).await.printed();
        assert!(id.starts_with("kidney-20"), "{id}");
        assert_eq!(desk.told(id.trim()).await, ["complete"]);
    }

    async fn commands_in_the_script_may_report_of_its_job(server: TestServer) {
        let desk = Desk::at(&server).await;
        // The first is mostly faster than what opens the job.
        let script = "milepost event step load; milepost event step left Density=5.1; echo done";
        assert_eq!(run(desk.exec("case-1", script)).await.printed(), "done\n");
        assert_eq!(desk.told("case-1").await, ["step load", "step left", "complete"]);
        assert_eq!(desk.refused(), Vec::<serde_json::Value>::new());
    }
}

#[tokio::test]
async fn our_own_words_reach_nobody_who_does_not_listen() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    for script in ["echo out; exit 6", "exit 6"] {
        let mut exec = desk.exec("deaf", script);
        exec.env("MILEPOST_URL", "http://127.0.0.1:1").stdout(Stdio::piped()).stderr(std::io::pipe().unwrap().1);
        let output = spawn_blocking(move || exec.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(6), "{script}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_reporting_is_said_and_stops_nothing() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("bad.toml", "[[rule]]\nname = 'bad'\nmatch = '('\n");
    let credentials = desk.folder().join("config/milepost");
    std::fs::create_dir_all(&credentials).unwrap();
    std::fs::write(credentials.join("credentials.toml"), "not = toml = at all").unwrap();
    let cases: [(&str, &str, &[&str], &str); 9] = [
        ("MILEPOST_DISABLED", "1", &[], "nothing is reported: MILEPOST_DISABLED is set"),
        ("MILEPOST_API_KEY", "", &[], "nothing is reported: "),
        ("MILEPOST_API_KEY", "mp_wrong", &[], "does not accept MILEPOST_API_KEY"),
        ("MILEPOST_API_KEY", "mp_\u{fc}", &[], "characters that none has"),
        ("MILEPOST_URL", "localhost:8080", &[], "nothing is reported: --url (MILEPOST_URL)"),
        ("MILEPOST_URL", "http://127.0.0.1:1", &[], "cannot reach http://127.0.0.1:1"),
        ("MILEPOST_SPOOL_LIMIT", "64M", &[], "MILEPOST_SPOOL_LIMIT is a whole number of MiB"),
        ("MILEPOST_LOG", "gossip", &[], "MILEPOST_LOG"),
        ("NONE", "", &["--rules", "bad.toml"], "nothing that the program prints is reported: bad.toml: "),
    ];
    for (name, value, options, said) in cases {
        let mut exec = desk.exec_with("wrong", options, "cat; echo err >&2; exit 7");
        exec.env(name, value);
        let ended = run_with_input(exec, b"in\n").await;
        assert_eq!((ended.code, ended.out.as_slice()), (Some(7), &b"in\n"[..]), "{name}={value}");
        let words = ended.said();
        let is_said = words.lines().any(|line| line.starts_with("milepost: ") && line.contains(said));
        assert!(is_said && words.lines().any(|line| line == "err") && !words.contains("panicked"), "{words}");
    }
}

#[tokio::test]
async fn a_job_whose_configuration_is_unknown_is_told_once_and_runs() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("rules.toml", "[[rule]]\nname = 'any'\nmatch = '^(?<step>l[a-z]+) done'\nevent = 'step'\n");
    let script = "echo load done; echo left done; sleep 0.5; echo load done";
    let exec = ["exec", "--config", "liver", "--id", "x", "--rules", "rules.toml", "--", "sh", "-c", script];
    let ended = run(desk.milepost(exec)).await;
    assert_eq!((ended.code, ended.out.as_slice()), (Some(0), &b"load done\nleft done\nload done\n"[..]));
    let said = ended.said();
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.contains("liver") && said.contains("you have no job x") && said.contains("/refused/"), "{said}");
    assert_eq!(desk.refused().len(), 5);
    assert_eq!(desk.waiting_files().len(), 0);
}

#[tokio::test]
async fn a_program_that_takes_no_input_leaves_it_to_the_next() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    let script =
        "milepost exec --config kidney --id one -- true; milepost exec --config kidney --id two -- head -n 1; cat";
    let ended = run_with_input(desk.program("sh", ["-c", script]), b"first\nsecond\n").await;
    let plain = run_with_input(desk.program("sh", ["-c", "true; head -n 1; cat"]), b"first\nsecond\n").await;
    assert_eq!(ended, plain);
    let child = start(desk.exec("three", "exit 0"));
    assert_eq!(spawn_blocking(|| super::ended(child)).await.unwrap().code, Some(0));
}

#[tokio::test]
async fn a_parent_that_does_not_care_for_its_children_changes_no_exit_code() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    // Perl, since shells care for their own.
    let ignoring = ["-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV"];
    let exec = ["milepost", "exec", "--config", "kidney", "--id", "case-1", "--", "sh", "-c", "exit 3"];
    assert_eq!(run(desk.program("perl", [&ignoring[..], &exec].concat())).await.code, Some(3));
    assert_eq!(desk.told("case-1").await, ["error: sh ended with exit code 3"]);
}
