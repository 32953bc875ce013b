//! The audit log: who did what, when, and from where.

mod accounts;
mod acts;
mod append_only;
mod canaries;
mod lists;
mod operator;
mod reads;

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Answer, DatabaseKind, Person, TestServer};

/// Somebody's log, and what of it a test has seen.
struct Log<'a> {
    person: &'a Person,
    seen: HashSet<String>,
}

impl<'a> Log<'a> {
    /// The log from here on.
    async fn of(person: &'a Person) -> Self {
        let mut log = Self { person, seen: HashSet::new() };
        log.news().await;
        log
    }

    /// What was added since the last look, the oldest first. Signing in is left out: tests do so all the time.
    async fn news(&mut self) -> Vec<Value> {
        let mut news = self.person.get("/audit-log?limit=200").await.expect(200)["items"].as_array().unwrap().clone();
        news.reverse();
        news.retain(|entry| {
            entry["action"] != "sign_in" && self.seen.insert(entry["id"].as_str().unwrap().to_owned())
        });
        news
    }

    /// Asserts that nothing was added.
    async fn expect_nothing(&mut self) {
        assert_eq!(self.news().await, Vec::<Value>::new());
    }

    /// Asserts that one entry was added, which says this of what, who, about what and the details.
    async fn expect_one(&mut self, action: &str, who: &Value, about: (&str, &str), details: Value) -> Value {
        let news = self.news().await;
        let [entry] = news.as_slice() else { panic!("one entry, got {news:#?}") };
        assert_eq!(entry["action"], action, "{entry:#}");
        for (field, value) in who.as_object().unwrap() {
            assert_eq!(entry[field], *value, "{field}: {entry:#}");
        }
        assert_eq!((&entry["subject"], &entry["subject_id"]), (&json!(about.0), &json!(about.1)), "{entry:#}");
        assert_eq!(entry["details"], details, "{entry:#}");
        entry.clone()
    }
}

/// The person with a session, and the request that it was.
fn session_of(person: &Person, answer: &Answer) -> Value {
    json!({
        "actor": "user", "actor_id": person.id, "actor_email": person.email, "key_id": null,
        "address": "127.0.0.1", "request_id": request_id(answer),
    })
}

fn request_id(answer: &Answer) -> &str {
    answer.headers["x-request-id"].to_str().unwrap()
}

/// Makes the database refuse new rows in a table.
async fn refuse_inserts(server: &TestServer, table: &str) {
    let sql = match server.database.kind {
        DatabaseKind::Sqlite => {
            format!("create trigger refuse_all before insert on {table} begin select raise(abort, 'refused'); end")
        }
        DatabaseKind::Postgres => format!(
            "create function refuse_all() returns trigger language plpgsql as
                 $$ begin raise exception 'refused'; end $$;
             create trigger refuse_all before insert on {table} for each row execute function refuse_all()"
        ),
    };
    server.database.raw().await.execute(&sql).await.unwrap();
}
