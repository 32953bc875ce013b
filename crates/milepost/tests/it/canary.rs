//! The canary: everything that people send and every secret that the server makes, looked for in the log at its most
//! talkative, in the metrics and in the traces. Whatever a test puts in here has `canary` in it, in some spelling.

use milepost::sources::random_bytes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Collector, Database, DatabaseKind, Milepost, Person, ServerProcess, hex, on_both};

const PASSWORD: &str = "canary horse battery";
const NEW_PASSWORD: &str = "canary donkey battery";
/// A measurement; numbers have no room for the word.
const MEASURED: f64 = 4_711.081_5;

/// What nobody may find, beside `canary`.
struct Secrets(Vec<String>);

impl Secrets {
    fn note(&mut self, secret: &Value) -> String {
        let secret = secret.as_str().unwrap().to_owned();
        self.0.push(secret.clone());
        secret
    }

    /// Asserts that none of them is there, telling where one is.
    #[track_caller]
    fn expect_none_in(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        assert!(!text.is_empty(), "there is nothing in {place}");
        for secret in self.0.iter().map(|secret| secret.to_lowercase()) {
            if let Some(at) = text.find(&secret) {
                let (from, to) = (text[..at].rfind('\n').map_or(0, |at| at + 1), at + secret.len());
                panic!(
                    "{secret} is in {place}: {}",
                    &text[text.floor_char_boundary(from.max(at.saturating_sub(1000)))..to]
                );
            }
        }
    }
}

async fn start(database: &Database, collector: &Collector) -> ServerProcess {
    Milepost::on(database, &["serve", "--signup", "open", "--log-format", "json"])
        .env("MILEPOST_LOG", "trace")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .serve()
        .await
        .unwrap_or_else(|said| panic!("the server did not start: {said}"))
}

async fn sign_up(nobody: &Person, email: &str, role: &str) -> Person {
    let user = json!({"email": email, "password": PASSWORD, "first_name": "Canaria", "last_name": "Canaryson",
        "role": role, "organization": "Canary Labs"});
    nobody.post("/users", user.clone()).await.expect(201);
    assert_eq!(nobody.post("/users", user).await.status, 409, "an address that is taken");
    sign_in(nobody, email, PASSWORD).await
}

async fn sign_in(nobody: &Person, email: &str, password: &str) -> Person {
    let person = Person::nobody(&nobody.url);
    person.post("/login", json!({"email": email, "password": password})).await.expect(200);
    person
}

/// Signing in, rightly and wrongly, and the account's own calls.
async fn use_accounts(nobody: &Person, secrets: &mut Secrets) -> Person {
    let alice = sign_up(nobody, "canary.alice@provider.example", "provider").await;
    nobody
        .post("/login", json!({"email": "canary.alice@provider.example", "password": "canary wrong"}))
        .await
        .expect(401);
    nobody.post("/login", json!({"email": "canary.nobody@provider.example", "password": PASSWORD})).await.expect(401);
    nobody.post("/login", json!({"email": ["canary"], "password": {"canary": 1}})).await.expect(422);
    let form = "username=canary.alice%40provider.example&password=canary+horse+battery";
    let cookie = nobody.post_text("/login", "application/x-www-form-urlencoded", form).await.cookie();
    secrets.0.push(cookie.value);
    for broken in [r#"{"email": "canary@x.example", "password": "canary"#, "canary", r#"{"canary": "canary"}"#] {
        assert!(nobody.post_text("/login", "application/json", broken).await.status >= 400);
        assert!(alice.post_text("/events", "application/json", broken).await.status >= 400);
        assert!(alice.post_text("/events/batch", "application/x-ndjson", broken).await.status >= 200);
    }
    alice.patch("/users/me", json!({"first_name": "Canarina", "organization": "Canary & Sons"})).await.expect(200);
    alice.patch("/users/me", json!({"canary": "canary"})).await.expect(422);
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    alice.post("/users/me/password", change.clone()).await.expect(200);
    alice.post("/users/me/password", change).await.expect(422);
    sign_in(nobody, "canary.alice@provider.example", NEW_PASSWORD).await
}

/// Keys, made, rotated, used in every way and ended.
async fn use_keys(alice: &Person, nobody: &Person, secrets: &mut Secrets) -> String {
    let made = alice.post("/api-keys", json!({"note": "canary's laptop"})).await.expect(201);
    secrets.note(&made["prefix"]);
    let (id, old) = (made["id"].as_str().unwrap(), secrets.note(&made["key"]));
    let rotated = alice.post(&format!("/api-keys/{id}/rotate"), json!({"overlap": 60})).await.expect(201);
    let key = secrets.note(&rotated["key"]);
    for header in ["x-api-key", "x-api_key"] {
        let request = nobody.request(Method::GET, "/api-keys/protected").header(header, &old);
        nobody.send(request).await.expect(200);
    }
    alice.post(&format!("/api-keys/{id}/expire"), json!({})).await.expect(200);
    for credential in [&old, "mp_canary", "canary"] {
        let request = nobody.request(Method::GET, "/jobs").bearer_auth(credential);
        nobody.send(request).await.expect(401);
    }
    key
}

/// A customer, invited and accepted by the link.
async fn use_invitations(alice: &Person, nobody: &Person, secrets: &mut Secrets) -> Person {
    let invited = alice.post("/customers", json!({"email": "canary.bob@customer.example"})).await.expect(201);
    let link = invited["invitation_url"].as_str().unwrap();
    let token = secrets.note(&json!(link.rsplit('/').next().unwrap()));
    for path in [format!("{}/invitations/{token}", nobody.url), format!("{}/nowhere/{token}?canary=1", nobody.url)] {
        milepost::client::builder().build().unwrap().get(path).send().await.unwrap();
    }
    nobody.get(&format!("/invitations/{token}")).await.expect(200);
    nobody.get(&format!("/invitations/{token}/canary")).await.expect(404);
    nobody.get("/invitations/canary-token").await.expect(404);
    let bob = Person::nobody(&nobody.url);
    let body = json!({"first_name": "Canary Bob", "last_name": "Canaryson", "password": PASSWORD});
    bob.post(&format!("/invitations/{token}/accept"), body.clone()).await.expect(201);
    nobody.post(&format!("/invitations/{token}/accept"), body).await.expect(404);
    bob
}

/// Configurations, jobs and events, right and wrong, and a stream of them.
async fn use_jobs(alice: &Person, bob: &Person) {
    let configuration = |points: u8| {
        json!({"tag": "canary-scan", "name": "Canary scan", "version": "1.0.0-canary", "step_configurations": [
            {"tag": "canary-left", "name": "Canary left", "points": points, "metadata_configurations": [
                {"name": "Canary volume", "kind": "number", "units": "canaries"},
                {"name": "Canary comment"}, {"name": "Canary report", "kind": "link"}]}]})
    };
    alice.post("/job-configurations", configuration(3)).await.expect(201);
    alice.post("/job-configurations", configuration(4)).await.expect(409);
    let job = json!({"provider_job_id": "canary-17", "tag": "canary-scan", "version": "1.0.0-canary",
        "customer_email": "canary.bob@customer.example", "provider_job_name": "Canary job"});
    let opened = alice.post("/jobs", job.clone()).await.expect(201);
    let id = opened["id"].as_str().unwrap();
    for wrong in [
        json!({"provider_job_id": "canary-17", "tag": "canary-other"}),
        json!({"provider_job_id": "canary-18", "tag": "canary-other", "canary": "canary"}),
        json!({"provider_job_id": "canary-18", "tag": "canary-scan", "customer_email": "canary@nobody.example"}),
    ] {
        assert!(alice.post("/jobs", wrong).await.status >= 400);
    }
    let mut stream = alice.stream(&format!("/jobs/{id}/stream"), None).await;
    stream.expect().await;
    let metadata = json!({"Canary volume": MEASURED, "Canary comment": "canary words",
        "Canary report": "https://canary.example/canary", "Canary's own": "canary"});
    let event = json!({"provider_job_id": "canary-17", "kind": "step", "tag": "canary-left", "name": "canary left",
        "event_metadata": metadata, "idempotency_key": "canary-key"});
    alice.post("/events", event.clone()).await.expect(201);
    stream.expect().await;
    alice.post("/events", event).await.expect(200);
    let misfit = json!({"provider_job_id": "canary-17", "kind": "step", "tag": "canary-left",
        "event_metadata": {"Canary volume": "canary"}});
    alice.post("/events", misfit.clone()).await.expect(422);
    alice.post("/events", json!({"provider_job_id": "canary-18", "kind": "info"})).await.expect(404);
    alice.post("/events/batch", json!([misfit, {"canary": 1}, "canary"])).await.expect(200);
    alice.patch(&format!("/jobs/{id}"), json!({"provider_job_name": "canary anew"})).await.expect(200);
    for path in ["/jobs?text=canary", "/jobs?canary=canary", "/jobs?cursor=canary", "/jobs/canary", "/canary/canary"]
    {
        alice.get(path).await;
        bob.get(path).await;
    }
    bob.get(&format!("/jobs/{id}/events")).await;
    let foreign = alice.request(Method::POST, "/jobs").header("origin", "https://canary.example").json(&job);
    alice.send(foreign).await.expect(403);
}

/// Makes the database refuse what it is given with errors that repeat it, where it does such things.
async fn break_database(database: &Database) {
    let mut raw = database.raw().await;
    let statements: &[&str] = match database.kind {
        DatabaseKind::Sqlite => &["create trigger refuse before insert on events when new.name like 'canary %'
             begin select raise(abort, 'refused'); end"],
        DatabaseKind::Postgres => &[
            "create function refuse() returns trigger language plpgsql as
             'begin if new.name = ''canary number'' then perform cast(new.name as integer); end if; return new; end'",
            "create trigger refuse before insert on events for each row execute function refuse()",
            "alter table events add constraint short check (name <> 'canary check') not valid",
        ],
    };
    for statement in statements {
        raw.execute(statement).await.unwrap();
    }
}

on_both! {
    async fn nothing_that_people_send_is_in_log_metrics_or_traces(server: TestServer) {
        let database = server.stop().await;
        let collector = Collector::start().await;
        let process = start(&database, &collector).await;
        let mut secrets = Secrets(["canary", "4711.08"].map(str::to_owned).to_vec());
        let nobody = Person::nobody(&process.url);

        let alice = use_accounts(&nobody, &mut secrets).await;
        let key = use_keys(&alice, &nobody, &mut secrets).await;
        let bob = use_invitations(&alice, &nobody, &mut secrets).await;
        use_jobs(&alice, &bob).await;
        let request = nobody.request(Method::GET, "/api-keys/protected").bearer_auth(&key);
        nobody.send(request).await.expect(200);
        let trace = nobody.request(Method::GET, "/server").header("traceparent", format!("00-canary{}-canary-01", hex(&random_bytes::<8>())));
        nobody.send(trace).await.expect(200);
        break_database(&database).await;
        for name in ["canary number", "canary check"] {
            let event = json!({"provider_job_id": "canary-17", "kind": "info", "name": name});
            alice.post("/events", event.clone()).await.expect(500);
            alice.post("/events/batch", json!([event, event])).await.expect(200);
        }
        alice.post("/logout", json!({})).await.expect(200);

        let metrics = reqwest_text(&format!("{}/metrics", process.url)).await;
        let log = process.stop().await;
        assert!(log.contains("internal error") && log.contains("sqlx"), "the log is not talkative: {log}");
        assert!(collector.spans().len() > 30, "few spans arrived");
        secrets.expect_none_in("the log", log.as_bytes());
        secrets.expect_none_in("the metrics", metrics.as_bytes());
        secrets.expect_none_in("the traces", &collector.bytes());
    }
}

async fn reqwest_text(url: &str) -> String {
    milepost::client::builder().build().unwrap().get(url).send().await.unwrap().text().await.unwrap()
}
