//! Nothing that belongs to a person is in the log, whatever they typed where.

use serde_json::json;

use crate::support::{Database, DatabaseKind, PASSWORD, Person, TestServer, hex, on_both};

/// All of the log as text, one entry after the other; bytes in hexadecimal.
async fn whole_log(database: &Database) -> String {
    let sql = match database.kind {
        DatabaseKind::Postgres => "select cast(to_jsonb(a) as text) from audit_log a".to_owned(),
        DatabaseKind::Sqlite => {
            let columns = [
                "id",
                "tenant_id",
                "created_at",
                "action",
                "actor",
                "actor_id",
                "key_id",
                "subject",
                "subject_id",
                "address",
                "request_id",
                "details",
            ];
            format!("select {} from audit_log", columns.map(|column| format!("quote({column})")).join(" || ' ' || "))
        }
    };
    database.raw().await.texts(&sql).await.join("\n").to_lowercase()
}

on_both! {
    async fn no_entry_holds_what_somebody_typed_or_a_secret(server: TestServer) {
        let server = TestServer::start_over(server.database.clone(), |settings| {
            settings.audit_reads = true;
            settings.signup = milepost::config::Signup::Open;
        }).await;
        let mut secrets: Vec<String> = [PASSWORD, "canary-password-2", "canary-password-3"].map(str::to_owned).into();
        let mut canaries: Vec<String> = Vec::new();
        let mut canary = |what: &str| {
            canaries.push(format!("canary-{what}"));
            format!("canary-{what}")
        };
        let email = format!("{}@provider.example", canary("mail"));
        let account = json!({
            "email": email, "password": PASSWORD, "first_name": canary("first"), "last_name": canary("last"),
            "organization": canary("organization"), "role": "provider",
        });
        server.nobody().post("/users", account).await.expect(201);
        for wrong in [json!({"email": email, "password": canary("wrong-password")}), json!({"email": "canary-unknown@x.example", "password": PASSWORD})] {
            server.nobody().post("/login", wrong).await.expect(401);
        }
        let alice = Person::sign_in(&server.url, &email).await;
        alice.patch("/users/me", json!({"first_name": canary("renamed"), "organization": canary("firm")})).await.expect(200);
        let change = json!({"current_password": PASSWORD, "new_password": "canary-password-2"});
        alice.post("/users/me/password", change).await.expect(200);

        let made = alice.post("/api-keys", json!({"note": canary("note")})).await.expect(201);
        let rotated = alice.post(&format!("/api-keys/{}/rotate", made["id"].as_str().unwrap()), json!({})).await.expect(201);
        alice.post(&format!("/api-keys/{}/expire", made["id"].as_str().unwrap()), json!({})).await.expect(200);
        secrets.extend([&made, &rotated].map(|key| key["key"].as_str().unwrap().to_owned()));
        secrets.extend([&made, &rotated].map(|key| key["prefix"].as_str().unwrap().to_owned()));

        let customer = format!("{}@customer.example", canary("customer"));
        secrets.push(alice.invite(&customer).await);
        let token = alice.invite(&customer).await;
        secrets.push(token.clone());
        let carol = server.nobody();
        let body = json!({
            "first_name": canary("carol"), "last_name": canary("carols"), "organization": canary("clinic"),
            "password": "canary-password-3",
        });
        let accepted = carol.post(&format!("/invitations/{token}/accept"), body).await;
        secrets.push(accepted.cookie().value);

        let metadata = json!({"name": canary("measure"), "kind": "text"});
        let step = json!({"tag": canary("step"), "name": canary("step-name"), "points": 1, "metadata_configurations": [metadata]});
        let configuration =
            json!({"tag": canary("tag"), "name": canary("kind"), "version": "1.0.0-canary", "step_configurations": [step]});
        alice.post("/job-configurations", configuration).await.expect(201);
        let job = json!({"tag": "canary-tag", "provider_job_id": canary("job"), "customer_email": customer});
        let job = alice.post("/jobs", job).await.expect(201)["id"].as_str().unwrap().to_owned();
        let event = json!({
            "provider_job_id": "canary-job", "kind": "step", "tag": "canary-step", "name": canary("event"),
            "event_metadata": {"canary-measure": canary("value")}, "idempotency_key": canary("once"),
        });
        alice.post("/events", event).await.expect(201);
        alice.patch(&format!("/jobs/{job}"), json!({"provider_job_name": canary("job-name")})).await.expect(200);
        for path in [format!("/jobs/{job}"), format!("/jobs/{job}/events")] {
            carol.get(&path).await.expect(200);
        }
        alice.patch(&format!("/jobs/{job}"), json!({"customer_id": null})).await.expect(200);
        let link = alice.get("/customers").await["items"][0]["id"].as_str().unwrap().to_owned();
        alice.delete(&format!("/customers/{link}")).await.expect(200);
        for arguments in [
            &["user", "set-password", customer.as_str(), "--password-stdin"][..],
            &["user", "disable", &customer],
            &["user", "enable", &customer],
        ] {
            server.milepost(arguments, "canary-password-2").await.expect_success();
        }
        alice.post("/logout", json!({})).await.expect(200);

        let log = whole_log(&server.database).await;
        for action in [
            "account_created", "key_created", "key_rotated", "key_expired", "customer_invited", "customer_accepted",
            "customer_unlinked", "job_corrected", "job_read", "password_reset", "account_disabled", "account_enabled",
        ] {
            assert!(log.contains(action), "{action} is not in the log");
        }
        for text in canaries.iter().chain(&secrets).map(|text| text.to_lowercase()) {
            assert!(!log.contains(&text) && !log.contains(&hex(text.as_bytes())), "{text} is in the log");
        }
        assert!(!log.contains("canary") && !log.contains('@'), "{log}");
        let hashes = server.column::<String>("select password from users").await;
        assert!(hashes.iter().all(|hash| !log.contains(&hash.to_lowercase())));
    }
}
