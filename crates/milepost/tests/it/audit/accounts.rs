//! What an account's own acts leave in the log: signing in and out, sessions, passwords, the profile.

use serde_json::{Value, json};

use super::{Log, session_of};
use crate::support::{PASSWORD, Person, on_both};

on_both! {
    async fn signing_in_and_out_is_written_down(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut log = Log::of(&alice).await;
        let elsewhere = server.nobody();
        let wrong = json!({"email": alice.email, "password": "a wrong one"});
        elsewhere.post("/login", wrong).await.expect(401);
        let nobody = json!({"actor": "nobody", "actor_id": null, "address": "127.0.0.1"});
        log.expect_one("sign_in_failed", &nobody, ("account", &alice.id), Value::Null).await;
        let unknown = json!({"email": "nobody@provider.example", "password": "a wrong one"});
        elsewhere.post("/login", unknown).await.expect(401);
        log.expect_nothing().await;
        assert_eq!(server.column::<i64>("select count(*) from audit_log where tenant_id is null").await, [1]);

        let elsewhere = Person::sign_in(&server.url, &alice.email).await;
        let newest = elsewhere.get("/sessions?limit=1").await.expect(200)["items"][0]["id"].clone();
        let begun = &alice.get("/audit-log?action=sign_in&limit=1").await.expect(200)["items"][0];
        assert_eq!((&begun["subject_id"], &begun["actor_id"]), (&newest, &json!(alice.id)));
        let left = elsewhere.post("/logout", json!({})).await;
        let about = ("session", newest.as_str().unwrap());
        log.expect_one("sign_out", &session_of(&elsewhere, &left), about, Value::Null).await;
    }

    async fn ending_sessions_is_written_down(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut log = Log::of(&alice).await;
        let newest_id = async |person: &Person| {
            person.get("/sessions?limit=1").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned()
        };
        let id = newest_id(&Person::sign_in(&server.url, &alice.email).await).await;
        let ended = alice.delete(&format!("/sessions/{id}")).await;
        log.expect_one("session_ended", &session_of(&alice, &ended), ("session", &id), Value::Null).await;
        let id = newest_id(&Person::sign_in(&server.url, &alice.email).await).await;
        let ended = alice.delete("/sessions").await;
        log.expect_one("session_ended", &session_of(&alice, &ended), ("session", &id), Value::Null).await;

        // A browser that signs in anew leaves its session.
        let elsewhere = Person::sign_in(&server.url, &alice.email).await;
        let id = newest_id(&elsewhere).await;
        let again = elsewhere.post("/login", json!({"email": alice.email, "password": PASSWORD})).await;
        log.expect_one("sign_out", &session_of(&elsewhere, &again), ("session", &id), Value::Null).await;
    }

    async fn changes_of_ones_own_account_are_written_down(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut log = Log::of(&alice).await;
        let change = |current: &str| json!({"current_password": current, "new_password": "a new password"});
        alice.post("/users/me/password", change("a wrong one")).await.expect(422);
        log.expect_nothing().await;
        let changed = alice.post("/users/me/password", change(PASSWORD)).await;
        log.expect_one("password_changed", &session_of(&alice, &changed), ("account", &alice.id), Value::Null).await;
        let named = alice.patch("/users/me", json!({"last_name": "Secret", "organization": null})).await;
        let fields = json!({"fields": ["last_name"]});
        log.expect_one("profile_changed", &session_of(&alice, &named), ("account", &alice.id), fields).await;
        for same in [json!({}), json!({"last_name": "Secret", "organization": null}), json!({"first_name": "alice"})] {
            let shown = alice.patch("/users/me", same).await.expect(200);
            assert_eq!(shown, alice.get("/users/me").await.body);
            assert_eq!(shown["updated_at"], named.body["updated_at"], "nothing has changed");
            log.expect_nothing().await;
        }
        let named = alice.patch("/users/me", json!({"last_name": "Secret", "organization": "Lab"})).await;
        let fields = json!({"fields": ["organization"]});
        log.expect_one("profile_changed", &session_of(&alice, &named), ("account", &alice.id), fields).await;
    }
}
