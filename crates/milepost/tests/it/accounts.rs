//! Accounts: sign-in, sign-up, profile, disabling.

use serde_json::json;

use crate::support::on_both;

on_both! {
    async fn a_provider_signs_in_and_reads_their_profile(server: TestServer) {
        let alice = server.provider("alice").await;
        let me = alice.get("/users/me").await.expect(200);
        assert_eq!(me["email"], "alice@provider.example");
        assert_eq!(me["role"], "provider");
        assert!(me.get("password").is_none());
    }

    async fn a_wrong_password_and_an_unknown_account_get_the_same_answer(server: TestServer) {
        let alice = server.provider("alice").await;
        let wrong = server.nobody().post("/login", json!({"email": alice.email, "password": "wrong password"})).await;
        let unknown = server.nobody().post("/login", json!({"email": "x@y.example", "password": "wrong password"})).await;
        assert_eq!(wrong.status, 401);
        assert_eq!(wrong.text, unknown.text);
    }
}
