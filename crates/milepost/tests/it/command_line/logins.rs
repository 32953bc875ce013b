//! `milepost login`, and where commands take the server and the key from.

use std::os::unix::fs::PermissionsExt;

use super::{Desk, run, run_with_input};
use crate::support::on_both;

on_both! {
    async fn a_key_is_checked_and_kept_for_its_owner_alone(server: TestServer) {
        let desk = Desk::at(&server).await;
        let mut login = desk.milepost(["login", "--key-stdin", "--json"]);
        login.env_remove("MILEPOST_API_KEY");
        let said = run_with_input(login, format!("{}\n", desk.key).as_bytes()).await.json();
        assert_eq!((said["email"].as_str(), said["role"].as_str()), (Some("alice@provider.example"), Some("provider")));
        let kept = desk.folder().join("config/milepost/credentials.toml");
        assert_eq!(said["file"], kept.to_str().unwrap());
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

        let mut list = desk.milepost(["job", "list", "--json"]);
        list.env_remove("MILEPOST_API_KEY").env_remove("MILEPOST_URL");
        assert_eq!(run(list).await.json()["items"], serde_json::json!([]));
    }

    async fn a_key_that_the_server_does_not_take_is_not_kept(server: TestServer) {
        let desk = Desk::at(&server).await;
        let wrong = run_with_input(desk.milepost(["login", "--key-stdin"]), b"mp_wrong\n").await.complaint();
        assert!(wrong.contains("does not accept"), "{wrong}");
        let none = run_with_input(desk.milepost(["login", "--key-stdin"]), b"\n").await.complaint();
        assert!(none.contains("no key was given"), "{none}");
        let nobody_to_ask = run(desk.milepost(["login"])).await.complaint();
        assert!(nobody_to_ask.contains("use --key-stdin"), "{nobody_to_ask}");
        assert!(!desk.folder().join("config").exists());
    }

    async fn a_key_that_was_kept_for_one_server_is_not_shown_to_another(server: TestServer) {
        let desk = Desk::at(&server).await;
        run_with_input(desk.milepost(["login", "--key-stdin"]), desk.key.as_bytes()).await.printed();
        let elsewhere = server.start_beside().await;
        let mut list = desk.milepost(["job", "list"]);
        list.env_remove("MILEPOST_API_KEY").env("MILEPOST_URL", &elsewhere.url);
        let said = run(list).await.complaint();
        assert!(said.contains("MILEPOST_API_KEY is not set"), "{said}");
    }
}

#[tokio::test]
async fn completions_are_scripts_that_shells_understand() {
    let server = crate::support::TestServer::start(crate::support::DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(desk.milepost(["completions", shell])).await.printed();
        for command in ["exec", "flush", "job", "event", "login", "config"] {
            assert!(script.contains(command), "{shell} knows no {command}");
        }
        let path = desk.file(&format!("completions.{shell}"), &script);
        // Those that are here read it.
        if ["bash", "zsh", "fish"].contains(&shell) && which(shell) {
            run(desk.program(shell, ["-n", path.to_str().unwrap()])).await.printed();
        }
    }
    let completed = "source completions.bash; COMP_WORDS=(milepost ev) COMP_CWORD=1; _milepost milepost ev milepost; echo ${COMPREPLY[@]}";
    assert_eq!(run(desk.program("bash", ["-c", completed])).await.printed(), "event\n");
}

fn which(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
