//! The database itself refuses to change the log.

use crate::support::{DatabaseKind, on_both};

/// All of the log but the addresses.
const ALL: &str = "select action || coalesce(subject, '') || actor from audit_log order by created_at, id";

on_both! {
    async fn entries_can_be_neither_changed_nor_removed_not_even_in_sql(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.make_key(None).await;
        alice.post("/customers", serde_json::json!({"email": "carol@customer.example"})).await.expect(201);
        let addresses = "select coalesce(address, 'none') from audit_log order by created_at, id";
        let before = (server.column::<String>(ALL).await, server.column::<String>(addresses).await);
        assert!(before.0.len() >= 3 && before.1.contains(&"127.0.0.1".to_owned()), "{before:?}");
        let other = server.database.id("00000000-0000-7000-8000-000000000001");
        let mut statements: Vec<String> = [
            "id", "tenant_id", "actor_id", "key_id", "subject_id", "request_id",
        ].iter().map(|column| format!("update audit_log set {column} = {other}, address = null")).collect();
        statements.extend([
            "update audit_log set action = 'sign_in', address = null",
            "update audit_log set actor = 'server', address = null",
            "update audit_log set subject = null, address = null where subject is not null",
            "update audit_log set details = '{\"a\": 1}', address = null",
            "update audit_log set created_at = '2020-01-01T00:00:00+00:00', address = null",
            "update audit_log set address = '192.0.2.1'",
            "delete from audit_log",
            "delete from audit_log where action = 'key_created'",
        ].map(str::to_owned));
        let columns = "id, tenant_id, created_at, 'sign_in', actor, actor_id, key_id, subject, subject_id, address, request_id, details";
        match server.database.kind {
            DatabaseKind::Sqlite => {
                statements.push(format!("insert or replace into audit_log select {columns} from audit_log"));
                statements.push(format!("replace into audit_log select {columns} from audit_log"));
                statements.push("update or replace audit_log set id = (select max(id) from audit_log)".to_owned());
            }
            DatabaseKind::Postgres => {
                statements.push("truncate audit_log".to_owned());
                statements.push("truncate users cascade; truncate audit_log".to_owned());
                statements.push(format!(
                    "insert into audit_log select {columns} from audit_log on conflict (id) do update set action = 'sign_in'"
                ));
            }
        }
        let mut raw = server.database.raw().await;
        for statement in &statements {
            let refused = raw.execute(statement).await;
            let reason = refused.expect_err(statement).to_string();
            assert!(reason.contains("the audit log is append-only"), "{statement}: {reason}");
        }
        assert_eq!((server.column::<String>(ALL).await, server.column::<String>(addresses).await), before);
    }

    async fn erasing_may_take_away_an_address_and_nothing_else(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.make_key(None).await;
        let before = server.column::<String>(ALL).await;
        let mut raw = server.database.raw().await;
        let alice = server.database.id(&alice.id);
        raw.execute(&format!("update audit_log set address = null where actor_id = {alice}")).await.unwrap();
        assert_eq!(raw.number(&format!("select count(*) from audit_log where actor_id = {alice} and address is not null")).await, 0);
        assert_eq!(server.column::<String>(ALL).await, before);
        raw.execute("update audit_log set address = null").await.unwrap();
    }
}
