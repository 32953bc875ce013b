//! The tenant matrix: every operation of the OpenAPI document × everybody who may ask. An operation without a row
//! fails, so a new route cannot be forgotten.

use std::collections::BTreeSet;

use milepost::app;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, TestServer, hex, on_both};

/// Who asks, in the order of the columns. The owner is a provider; "another" is unrelated to them and has things of
/// their own; the right customer is linked to the owner and watches the owner's jobs.
const CALLERS: [&str; 7] = [
    "nobody",
    "another provider",
    "another customer",
    "the owner's read key",
    "the owner's write key",
    "the owner's session",
    "the right customer",
];

/// What an operation is about: made anew by the owner for each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Nothing,
    Job,
    Configuration,
    Key,
    /// Another session of the owner's.
    Session,
    Link,
    /// Of the right customer's address, by a third provider.
    Invitation,
    /// Of an address that has no account, by a third provider.
    NewInvitation,
}

/// The one thing that a request is about.
struct Target {
    /// What names it in a path.
    id: String,
    /// What the provider calls it, if it is a job.
    own_id: String,
}

/// One operation and what it answers to whom.
struct Row {
    operation: &'static str,
    about: About,
    /// The body, given what it is about and a text that was not used before; null for none.
    body: fn(&Target, &str) -> Value,
    expected: [u16; 7],
}

const fn row(operation: &'static str, about: About, body: fn(&Target, &str) -> Value, expected: [u16; 7]) -> Row {
    Row { operation, about, body, expected }
}

fn none(_: &Target, _: &str) -> Value {
    Value::Null
}

fn empty(_: &Target, _: &str) -> Value {
    json!({})
}

fn account(_: &Target, new: &str) -> Value {
    let email = format!("{new}@new.example");
    json!({"email": email, "password": PASSWORD, "first_name": "N", "last_name": "N", "role": "provider"})
}

fn same_password(_: &Target, _: &str) -> Value {
    json!({"current_password": PASSWORD, "new_password": PASSWORD})
}

fn event(job: &Target, _: &str) -> Value {
    json!({"provider_job_id": job.own_id, "kind": "info"})
}

/// By operation, in the order of the columns: nobody, another provider, another customer, the owner's read key, write
/// key and session, the right customer.
const MATRIX: &[Row] = {
    use About::{Configuration, Invitation, Job, Key, Link, NewInvitation, Nothing, Session};
    &[
        row("POST /api/v1/users", Nothing, account, [403, 403, 403, 403, 403, 403, 403]),
        row(
            "POST /api/v1/login",
            Nothing,
            |_, _| json!({"email": "owner@provider.example", "password": "a wrong one"}),
            [401, 401, 401, 401, 401, 401, 401],
        ),
        row("GET /api/v1/users/me", Nothing, none, [401, 200, 200, 200, 200, 200, 200]),
        row("PATCH /api/v1/users/me", Nothing, empty, [401, 200, 200, 403, 403, 200, 200]),
        row("POST /api/v1/users/me/password", Nothing, same_password, [401, 200, 200, 403, 403, 200, 200]),
        row("GET /api/v1/users/me/export", Nothing, none, [401, 200, 200, 403, 403, 200, 200]),
        row("GET /api/v1/sessions", Nothing, none, [401, 200, 200, 403, 403, 200, 200]),
        row("DELETE /api/v1/sessions/{id}", Session, none, [401, 404, 404, 403, 403, 200, 404]),
        row("DELETE /api/v1/sessions", Nothing, none, [401, 200, 200, 403, 403, 200, 200]),
        row("GET /api/v1/server", Nothing, none, [200, 200, 200, 200, 200, 200, 200]),
        row("GET /api/v1/api-keys", Nothing, none, [401, 200, 200, 403, 403, 200, 200]),
        row("POST /api/v1/api-keys", Nothing, |_, _| json!({"note": ""}), [401, 201, 201, 403, 403, 201, 201]),
        row("GET /api/v1/api-keys/protected", Nothing, none, [401, 200, 200, 200, 200, 200, 200]),
        row("POST /api/v1/api-keys/{id}/expire", Key, none, [401, 404, 404, 403, 403, 200, 404]),
        row("POST /api/v1/api-keys/{id}/rotate", Key, empty, [401, 404, 404, 403, 403, 201, 404]),
        row("GET /api/v1/customers", Nothing, none, [401, 200, 403, 403, 403, 200, 403]),
        row(
            "POST /api/v1/customers",
            Nothing,
            |_, new| json!({"email": format!("{new}@new.example")}),
            [401, 201, 403, 403, 403, 201, 403],
        ),
        row("DELETE /api/v1/customers/{id}", Link, none, [401, 404, 403, 403, 403, 200, 403]),
        // Whoever holds the link may read it.
        row("GET /api/v1/invitations/{token}", NewInvitation, none, [200, 200, 200, 200, 200, 200, 200]),
        row("POST /api/v1/invitations/{token}/accept", Invitation, empty, [401, 403, 403, 403, 403, 403, 200]),
        row("GET /api/v1/job-configurations", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row(
            "POST /api/v1/job-configurations",
            Nothing,
            |_, new| json!({"tag": new, "name": "N", "version": "1.0.0", "step_configurations": []}),
            [401, 201, 403, 403, 201, 201, 403],
        ),
        row(
            "POST /api/v1/job-configurations/check",
            Nothing,
            |_, new| json!({"tag": new, "name": "N", "version": "1.0.0", "step_configurations": []}),
            [401, 200, 403, 200, 200, 200, 403],
        ),
        row("GET /api/v1/job-configurations/schema", Nothing, none, [200, 200, 200, 200, 200, 200, 200]),
        row("GET /api/v1/job-configurations/{id}", Configuration, none, [401, 404, 403, 200, 200, 200, 403]),
        row("GET /api/v1/configuration-settings/{tag}", Configuration, none, [401, 404, 403, 200, 200, 200, 403]),
        row(
            "PATCH /api/v1/configuration-settings/{tag}",
            Configuration,
            |_, _| json!({"silence_limit": 600}),
            [401, 404, 403, 403, 200, 200, 403],
        ),
        row("GET /api/v1/jobs", Nothing, none, [401, 200, 200, 200, 200, 200, 200]),
        row(
            "POST /api/v1/jobs",
            Nothing,
            |_, new| json!({"tag": "scan", "provider_job_id": new}),
            [401, 201, 403, 403, 201, 201, 403],
        ),
        row("GET /api/v1/jobs/stream", Nothing, none, [401, 200, 200, 200, 200, 200, 200]),
        row("GET /api/v1/jobs/summary", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row("GET /api/v1/analytics/jobs", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row("GET /api/v1/analytics/steps", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row("GET /api/v1/analytics/metadata", Nothing, none, [401, 422, 403, 422, 422, 422, 403]),
        row("GET /api/v1/analytics/calibration", Nothing, none, [401, 422, 403, 422, 422, 422, 403]),
        row("GET /api/v1/analytics/customers", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row("GET /api/v1/jobs/{id}", Job, none, [401, 404, 404, 200, 200, 200, 200]),
        row("GET /api/v1/jobs/{id}/distributions", Job, none, [401, 404, 403, 200, 200, 200, 403]),
        row(
            "PATCH /api/v1/jobs/{id}",
            Job,
            |_, new| json!({"provider_job_name": new, "customer_id": null}),
            [401, 404, 403, 403, 200, 200, 403],
        ),
        row("GET /api/v1/reports/events", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row("GET /api/v1/reports/usage", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row("GET /api/v1/reports/usage/jobs", Nothing, none, [401, 200, 403, 200, 200, 200, 403]),
        row("POST /api/v1/events", Job, event, [401, 404, 403, 403, 201, 201, 403]),
        row(
            "POST /api/v1/events/batch",
            Job,
            |job, new| json!([event(job, new)]),
            [401, 200, 403, 403, 200, 200, 403],
        ),
        row("GET /api/v1/jobs/{id}/events", Job, none, [401, 404, 404, 200, 200, 200, 200]),
        row("GET /api/v1/jobs/{id}/stream", Job, none, [401, 404, 404, 200, 200, 200, 200]),
        row("GET /api/v1/audit-log", Nothing, none, [401, 200, 200, 403, 403, 200, 200]),
        // Last: it ends the sessions.
        row("POST /api/v1/logout", Nothing, none, [401, 200, 200, 403, 403, 200, 200]),
    ]
};

/// Everybody, and what the owner has.
struct World<'a> {
    server: &'a TestServer,
    owner: Person,
    /// Invites the right customer, too.
    third: Person,
    right_customer: Person,
    callers: [Person; 7],
    /// What no stranger may ever read: ids and addresses of the owner's.
    private: Vec<String>,
}

impl<'a> World<'a> {
    async fn new(server: &'a TestServer) -> Self {
        let owner = server.provider("owner").await;
        let third = server.provider("third").await;
        let stranger = server.provider("stranger").await;
        let right_customer = server.customer_of(&owner, "right").await;
        let other_customer = server.customer_of(&stranger, "other").await;
        for provider in [&owner, &stranger] {
            provider.register("scan", "1.0.0", &[("load", 1)]).await;
        }
        stranger.open_job_for(&other_customer, "scan", "job-1").await;
        let callers = [
            server.nobody(),
            stranger,
            other_customer,
            owner.with_new_key("read").await,
            owner.with_new_key("write").await,
            owner.clone(),
            right_customer.clone(),
        ];
        let private = [&owner.id, &owner.email, &right_customer.id, &right_customer.email].map(String::clone).into();
        Self { server, owner, third, right_customer, callers, private }
    }

    /// A text that was not used before.
    fn new_text(&self) -> String {
        self.server.clock.new_id().to_string()
    }

    /// Something new of the owner's.
    async fn make(&mut self, about: About) -> Target {
        let own_id = self.new_text();
        let text = |row: &Value| row["id"].as_str().unwrap().to_owned();
        let id = match about {
            About::Nothing => String::new(),
            About::Invitation => self.third.invite(&self.right_customer.email).await,
            About::NewInvitation => self.third.invite(&format!("{own_id}@customer.example")).await,
            About::Key => self.owner.make_key(None).await.id,
            About::Session => {
                let begun = Person::sign_in(&self.server.url, &self.owner.email).await;
                text(&begun.get("/sessions?limit=1").await.expect(200)["items"][0])
            }
            About::Link => {
                let email = format!("{own_id}@customer.example");
                text(&self.owner.post("/customers", json!({"email": email})).await.expect(201))
            }
            About::Configuration => text(&self.owner.register(&own_id, "1.0.0", &[("load", 1)]).await),
            About::Job => {
                let id = self.owner.open_job_for(&self.right_customer, "scan", &own_id).await;
                self.owner.report(&own_id, "step", Some("load")).await;
                id
            }
        };
        if about != About::Nothing {
            self.private.push(id.clone());
        }
        Target { id, own_id }
    }

    /// Something that does not exist.
    fn missing(&self) -> Target {
        Target { id: self.new_text(), own_id: self.new_text() }
    }

    /// How the owner sees it.
    async fn look_at(&self, about: About, id: &str) -> String {
        let of_list = async |path: &str| {
            let page = self.owner.get(&format!("{path}?limit=200")).await.expect(200);
            page["items"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().to_string()
        };
        match about {
            About::Nothing | About::Invitation | About::NewInvitation => String::new(),
            About::Key => of_list("/api-keys").await,
            About::Session => of_list("/sessions").await,
            About::Link => of_list("/customers").await,
            About::Configuration => self.owner.get(&format!("/job-configurations/{id}")).await.text,
            About::Job => self.owner.get(&format!("/jobs/{id}")).await.text,
        }
    }

    /// All that the database keeps instead of passwords, keys and tokens, as it could appear in an answer.
    async fn hashes(&self) -> Vec<String> {
        let mut hashes = self.server.column::<String>("select password from users").await;
        for sql in [
            "select key from api_keys",
            "select token_hash from sessions",
            "select invitation_hash from customers where invitation_hash is not null",
        ] {
            let stored = self.server.column::<Vec<u8>>(sql).await;
            hashes.extend(stored.iter().flat_map(|hash| [hex(hash), serde_json::to_string(hash).unwrap()]));
        }
        hashes
    }
}

/// Asks what a row is about; of a stream only the beginning is read.
async fn ask(caller: &Person, row: &Row, target: &Target, new: &str) -> Answer {
    let (method, path) = row.operation.split_once(" /api/v1").unwrap();
    let path = path.replace("{id}", &target.id).replace("{token}", &target.id).replace("{tag}", &target.own_id);
    let request = caller.request(method.parse::<Method>().unwrap(), &path);
    let mut response = match (row.body)(target, new) {
        Value::Null => request,
        body => request.json(&body),
    }
    .send()
    .await
    .unwrap();
    if response.headers()["content-type"] != "text/event-stream" {
        return Answer::read(response).await;
    }
    let beginning = response.chunk().await.unwrap().unwrap();
    let text = String::from_utf8(beginning.to_vec()).unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: Value::Null, text }
}

/// All of an answer but when it was given and which id was asked for.
fn as_seen(answer: &Answer, target: &Target) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    headers.remove("x-request-id");
    let whole = format!("{} {headers:?} {}", answer.status, answer.text);
    match target.id.as_str() {
        "" => whole,
        id => whole.replace(id, "ID").replace(&target.own_id, "OWN-ID"),
    }
}

/// The operations of the document, as the matrix names them.
fn documented_operations() -> BTreeSet<String> {
    let document = serde_json::to_value(app::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

#[test]
fn every_operation_has_a_row() {
    let rows: BTreeSet<String> = MATRIX.iter().map(|row| row.operation.to_owned()).collect();
    assert_eq!(rows.len(), MATRIX.len(), "a row is there twice");
    let documented = documented_operations();
    let forgotten: Vec<_> = documented.difference(&rows).collect();
    assert!(forgotten.is_empty(), "add rows to the tenant matrix for {forgotten:#?}");
    let gone: Vec<_> = rows.difference(&documented).collect();
    assert!(gone.is_empty(), "rows of the tenant matrix without an operation: {gone:#?}");
}

on_both! {
    async fn everybody_gets_what_is_theirs_and_nothing_else(server: TestServer) {
        let mut world = World::new(&server).await;
        let mut wrong = Vec::new();
        for row in MATRIX {
            let mut answers = Vec::new();
            for (column, caller) in CALLERS.iter().enumerate() {
                let cell = format!("{} as {caller}", row.operation);
                let target = world.make(row.about).await;
                let before = world.look_at(row.about, &target.id).await;
                let new = world.new_text();
                let answer = ask(&world.callers[column], row, &target, &new).await;
                if answer.status != row.expected[column] {
                    wrong.push(format!("{cell}: {} instead of {}: {}", answer.status, row.expected[column], answer.text));
                }
                if answer.status >= 400 {
                    assert_eq!(answer.headers["content-type"], "application/problem+json", "{cell}");
                    assert_eq!(world.look_at(row.about, &target.id).await, before, "{cell}: refused, yet it changed something");
                }
                if answer.status >= 400 && !matches!(row.about, About::Nothing | About::Invitation | About::NewInvitation) {
                    let missing = world.missing();
                    let other = ask(&world.callers[column], row, &missing, &new).await;
                    assert_eq!(as_seen(&answer, &target), as_seen(&other, &missing), "{cell}: tells that it exists");
                }
                if column < 3 {
                    let leaked: Vec<_> = world.private.iter().filter(|private| answer.text.contains(*private)).collect();
                    assert!(leaked.is_empty(), "{cell}: {leaked:?} in {}", answer.text);
                }
                answers.push((cell, answer));
            }
            let hashes = world.hashes().await;
            let shows_a_key = matches!(row.operation, "POST /api/v1/api-keys" | "POST /api/v1/api-keys/{id}/rotate");
            for (cell, answer) in answers {
                let whole = format!("{:?} {}", answer.headers, answer.text);
                assert!(!hashes.iter().any(|hash| whole.contains(hash)), "{cell}: a hash in {whole}");
                let field = ["\"password\":", "_hash\":", "\"token"].into_iter().find(|field| whole.contains(field));
                assert!(field.is_none(), "{cell}: {field:?} in {whole}");
                assert!(shows_a_key || !whole.contains("\"key\":"), "{cell}: a key in {whole}");
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn what_a_body_names_of_anothers_is_unknown(server: TestServer) {
        let owner = server.provider("owner").await;
        let stranger = server.provider("stranger").await;
        owner.register("secret", "1.0.0", &[("load", 1)]).await;
        stranger.register("scan", "1.0.0", &[("load", 1)]).await;
        owner.open_job("secret", "job-1").await;
        let same = |one: Answer, other: Answer, (theirs, nobodys): (&str, &str)| {
            assert!(one.status >= 400, "{}", one.text);
            assert_eq!((one.status, one.text.replace(theirs, "X")), (other.status, other.text.replace(nobodys, "X")));
        };
        let open = |tag: &str| json!({"tag": tag, "provider_job_id": "job-2"});
        same(stranger.post("/jobs", open("secret")).await, stranger.post("/jobs", open("absent")).await, ("secret", "absent"));
        let of_version = |tag: &str| json!({"tag": tag, "version": "1.0.0", "provider_job_id": "job-2"});
        same(
            stranger.post("/jobs", of_version("secret")).await,
            stranger.post("/jobs", of_version("absent")).await,
            ("secret", "absent"),
        );
        let report = |job: &str| json!({"provider_job_id": job, "kind": "complete"});
        same(stranger.post("/events", report("job-1")).await, stranger.post("/events", report("job-9")).await, ("job-1", "job-9"));
        let batch = async |job: &str| stranger.post("/events/batch", json!([report(job)])).await.text.replace(job, "X");
        assert_eq!(batch("job-1").await, batch("job-9").await);
        // Names are each provider's own: the same ones do not meet.
        let own = stranger.open_job("scan", "job-1").await;
        stranger.report("job-1", "complete", None).await;
        assert_eq!(stranger.get(&format!("/jobs/{own}")).await.expect(200)["status"], "completed");
        let jobs = owner.get("/jobs").await.expect(200);
        assert_eq!((jobs["items"].as_array().unwrap().len(), &jobs["items"][0]["status"]), (1, &json!("pending")));
    }

    async fn no_filter_reaches_beyond_ones_own_jobs(server: TestServer) {
        let (owner, stranger) = (server.provider("owner").await, server.provider("stranger").await);
        let carol = server.customer_of(&owner, "carol").await;
        let dave = server.customer_of(&stranger, "dave").await;
        let configuration = owner.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = owner.open_job_for(&carol, "scan", "job-1").await;
        let for_nobody = owner.open_job("scan", "job-2").await;
        let everything = owner.get("/jobs?limit=1").await.expect(200);
        let cursor = everything["next"].as_str().unwrap();
        for filter in [
            String::new(),
            format!("customer={}", carol.id),
            format!("customer={}", carol.email),
            "provider_job_id=job-1".to_owned(),
            "tag=scan".to_owned(),
            "tag=scan&version=1.0.0".to_owned(),
            "text=job".to_owned(),
            "text=%25".to_owned(),
            "status=pending,running".to_owned(),
            "silent=false".to_owned(),
            "from=1970-01-01T00:00:00Z&to=9999-01-01T00:00:00Z".to_owned(),
            format!("id={job},{for_nobody}"),
            format!("id={job},{for_nobody}&steps=true"),
            "sort=-started_at&steps=true".to_owned(),
            "sort=finished_at&finished_from=1970-01-01T00:00:00Z".to_owned(),
            "last_event_to=9999-01-01T00:00:00Z&status=pending".to_owned(),
            format!("cursor={cursor}"),
        ] {
            for person in [&stranger, &dave] {
                let page = person.get(&format!("/jobs?{filter}")).await.expect(200);
                assert_eq!(page, json!({"items": [], "next": null}), "{filter}");
            }
            assert!(!carol.get(&format!("/jobs?{filter}")).await.text.contains(&for_nobody), "{filter}");
        }
        for path in ["tag=scan", "tag=scan&version=latest", "tag=scan&version=1.0.0", ""] {
            let page = stranger.get(&format!("/job-configurations?{path}")).await.expect(200);
            assert_eq!(page["items"], json!([]), "{path}");
        }
        assert_eq!(carol.get("/jobs").await.expect(200)["items"][0]["id"], job.as_str());
        carol.get(&format!("/jobs/{for_nobody}")).await.expect(404);
        assert!(!carol.get("/jobs").await.text.contains(configuration["step_configurations"][0]["id"].as_str().unwrap()));
    }
}
