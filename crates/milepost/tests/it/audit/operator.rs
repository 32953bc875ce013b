//! `milepost audit`, and what the operator does.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestServer, on_both};

/// What `milepost audit --json` prints.
async fn audit(server: &TestServer, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "--json"], arguments].concat();
    let printed = server.milepost(&arguments, "").await.expect_success();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

on_both! {
    async fn what_the_operator_does_is_in_the_accounts_log(server: TestServer) {
        let add = [
            "user", "add", "--role", "provider", "--email", "zoe@provider.example", "--first-name", "Zoe",
            "--last-name", "Z", "--password-stdin",
        ];
        server.milepost(&add, PASSWORD).await.expect_success();
        let email = "zoe@provider.example";
        server.milepost(&["user", "set-password", email, "--password-stdin"], "another password").await.expect_success();
        server.milepost(&["user", "disable", email], "").await.expect_success();
        server.milepost(&["user", "enable", email], "").await.expect_success();
        server.milepost(&add, PASSWORD).await.expect_failure();
        server.milepost(&["user", "disable", "nobody@provider.example"], "").await.expect_failure();

        let id = server.column::<uuid::Uuid>("select id from users").await[0].to_string();
        let entries = audit(&server, &[]).await;
        assert_eq!(actions(&entries), ["account_created", "password_reset", "account_disabled", "account_enabled"]);
        for entry in &entries {
            assert_eq!((&entry["tenant_id"], &entry["subject_id"]), (&json!(id), &json!(id)), "{entry}");
            assert_eq!((&entry["actor"], &entry["subject"]), (&json!("operator"), &json!("account")), "{entry}");
            for field in ["actor_id", "actor_email", "key_id", "address", "request_id", "details"] {
                assert_eq!(entry[field], Value::Null, "{entry}");
            }
        }
        let nobody = server.nobody();
        nobody.post("/login", json!({"email": email, "password": "another password"})).await.expect(200);
        let seen = nobody.get("/audit-log?action=account_disabled").await.expect(200);
        assert_eq!(seen["items"][0]["id"], entries[2]["id"]);
    }

    async fn the_operator_reads_everything_the_newest_last(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.make_key(None).await;
        let entries = audit(&server, &[]).await;
        let times: Vec<&str> = entries.iter().map(|entry| entry["created_at"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        let own = actions(&entries).into_iter().filter(|action| !action.starts_with("sign_in")).collect::<Vec<_>>();
        assert_eq!(
            own,
            ["account_created", "customer_invited", "account_created", "customer_accepted", "customer_accepted", "key_created"]
        );

        let accepted = audit(&server, &["--action", "customer_accepted"]).await;
        let mut logs: Vec<&str> = accepted.iter().map(|entry| entry["tenant_id"].as_str().unwrap()).collect();
        logs.sort_unstable();
        let mut both = [alice.id.as_str(), carol.id.as_str()];
        both.sort_unstable();
        assert_eq!(logs, both);
        assert!(accepted.iter().all(|entry| entry["actor_email"] == carol.email.as_str()), "{accepted:?}");

        let of_carol = audit(&server, &["--account", &carol.email, "--action", "account_created,key_created"]).await;
        assert_eq!(of_carol.len(), 1);
        assert_eq!(of_carol[0]["subject_id"], carol.id.as_str());
        assert_eq!(audit(&server, &["--account", &carol.id, "--action", "account_created"]).await, of_carol);

        let table = server.milepost(&["audit", "--action", "key_created"], "").await.expect_success();
        let words: Vec<&str> = table.split_whitespace().collect();
        assert_eq!(words[1..3], ["key_created", alice.email.as_str()], "{table}");
        assert!(table.contains("  from=127.0.0.1  scope=write\n") && table.contains("  api_key="), "{table}");
        assert_eq!(table.lines().count(), 1);
    }

    async fn a_line_names_whose_log_it_is_in(server: TestServer) {
        let alice = server.provider("alice").await;
        server.milepost(&["export", "user", "--email", &alice.email], "").await.expect_success();
        let mut raw = server.database.raw().await;
        let (id, whose) = (server.database.id("00000000-0000-7000-8000-000000000001"), server.database.id(&alice.id));
        raw.execute(&format!(
            "insert into audit_log values ({id}, {whose}, '2001-01-01T00:00:00+00:00', 'jobs_retired', 'server', null, null,
                 null, null, null, null, '{{\"jobs\": 7}}')"
        ))
        .await
        .unwrap();
        for action in ["data_exported", "jobs_retired"] {
            let table = server.milepost(&["audit", "--action", action], "").await.expect_success();
            assert!(table.contains("  of=alice@provider.example"), "{table}");
            let json = audit(&server, &["--action", action]).await;
            assert_eq!((&json[0]["tenant_id"], &json[0]["tenant_email"]), (&json!(alice.id), &json!(alice.email)));
        }
        // Nobody's but the actor's own, or the subject's.
        let own = server.milepost(&["audit", "--action", "account_created,sign_in"], "").await.expect_success();
        assert!(!own.contains(" of="), "{own}");
    }

    async fn a_long_log_is_read_to_its_end(server: TestServer) {
        // More than two pages, all at one time.
        let mut raw = server.database.raw().await;
        for n in 0..450 {
            let id = server.database.id(&format!("00000000-0000-7000-8000-{n:012x}"));
            let at = if n < 449 { "2001-01-01T00:00:00+00:00" } else { "2001-01-02T00:00:00+00:00" };
            raw.execute(&format!(
                "insert into audit_log values ({id}, null, '{at}', 'jobs_retired', 'server', null, null, null, null, null, null, null)"
            ))
            .await
            .unwrap();
        }
        let all = audit(&server, &[]).await;
        let expected: Vec<String> = (0..450).map(|n| format!("00000000-0000-7000-8000-{n:012x}")).collect();
        assert_eq!(all.iter().map(|entry| entry["id"].as_str().unwrap()).collect::<Vec<_>>(), expected);
        for (arguments, count) in [
            (["--since", "2001-01-02T00:00:00Z"], 1),
            (["--since", "2001-01-01"], 450),
            (["--until", "2001-01-02"], 449),
            (["--until", "2001-01-01T01:00:00+01:00"], 0),
            (["--since", "1h"], 0),
            (["--until", "1h"], 450),
            (["--action", "sign_in"], 0),
            (["--action", "sign_in,jobs_retired"], 450),
        ] {
            assert_eq!(audit(&server, &arguments).await.len(), count, "{arguments:?}");
        }
        for (arguments, complaint) in [
            (["--since", "yesterday"], "--since: \"yesterday\" is no time such as"),
            (["--until", "2026-13-01"], "--until: \"2026-13-01\" is no time such as"),
            (["--account", "zoe@provider.example"], "there is no account zoe@provider.example"),
            (["--account", "zoe"], "--account: is not an e-mail address"),
            (["--action", "signing_in"], "[possible values: sign_in, sign_in_failed,"),
        ] {
            server.milepost(&["audit", arguments[0], arguments[1]], "").await.expect_complaint(complaint);
        }
    }

    async fn nothing_in_the_log_reaches_the_terminal_as_a_command(server: TestServer) {
        let mut raw = server.database.raw().await;
        let id = server.database.id("00000000-0000-7000-8000-000000000001");
        raw.execute(&format!(
            "insert into audit_log values ({id}, null, '2001-01-01T00:00:00+00:00', '\u{1b}[2Jgone', 'server', null, null,
                 'a\nb', {id}, '\u{9b}31m', null, '{{\"a\": \"x\\u001by\\u202ez\"}}')"
        ))
        .await
        .unwrap();
        let table = server.milepost(&["audit"], "").await.expect_success();
        assert!(table.contains("gone") && table.lines().count() == 1, "{table:?}");
        assert!(!table.trim_end().chars().any(|c| c.is_control() || c == '\u{202e}'), "{table:?}");
    }
}
