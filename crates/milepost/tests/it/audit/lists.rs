//! Reading one's own log.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Log;
use crate::support::{Person, TestServer, on_both};

/// The ids of all entries that a filter gives, page by page.
async fn ids_of(person: &Person, filter: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = person.get(&format!("/audit-log?{filter}&limit={limit}{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        ids.extend(items.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return ids };
        assert_eq!(items.len(), limit);
        cursor = format!("&cursor={next}");
    }
}

/// Entries of the distant past, three at each time, of three actions, by two accounts, about three things; what they say
/// in the order of the log.
async fn write_past(server: &TestServer, tenant: &Person, other: &Person) -> Vec<(String, String, usize, usize)> {
    let mut raw = server.database.raw().await;
    let mut written = Vec::new();
    for n in 0..30_usize {
        let id = format!("00000000-0000-7000-8000-{:012x}", (n * 7) % 30);
        let at = format!("2001-01-{:02}T00:00:00+00:00", 1 + n / 3);
        let (action, actor, subject) = (n % 3, n % 2, (n / 2) % 3);
        let action = ["sign_in_failed", "key_created", "job_corrected"][action];
        let by = server.database.id(&[tenant, other][actor].id);
        let sql = format!(
            "insert into audit_log values ({}, {}, '{at}', '{action}', 'user', {by}, null, 'job', {}, null, null, null)",
            server.database.id(&id),
            server.database.id(&tenant.id),
            server.database.id(&format!("00000000-0000-7000-8000-0000000000f{subject}")),
        );
        raw.execute(&sql).await.unwrap();
        written.push((at, id, n % 3, actor * 10 + subject));
    }
    written.sort_unstable();
    written.reverse();
    written
}

/// Whether an entry of an action and an actor, by their numbers, is one that a filter keeps.
type Keep = fn(usize, usize) -> bool;

on_both! {
    async fn pages_come_newest_first_and_equal_times_lose_nothing(server: TestServer) {
        let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
        let written = write_past(&server, &alice, &bob).await;
        let past = "to=2002-01-01T00:00:00Z";
        let subject = |n: usize| format!("subject_id=00000000-0000-7000-8000-0000000000f{n}");
        let filters: [(String, Keep); 9] = [
            (String::new(), |_, _| true),
            ("&action=key_created".to_owned(), |action, _| action == 1),
            ("&action=job_corrected,sign_in_failed".to_owned(), |action, _| action != 1),
            ("&action=sign_in_failed,key_created,job_corrected".to_owned(), |_, _| true),
            (format!("&actor_id={}", bob.id), |_, who| who >= 10),
            (format!("&{}", subject(2)), |_, who| who % 10 == 2),
            (format!("&actor_id={}&{}", alice.id, subject(1)), |_, who| who == 1),
            (format!("&action=key_created,job_corrected&actor_id={}", alice.id), |action, who| action != 0 && who < 10),
            (format!("&action=sign_in_failed&{}", subject(0)), |action, who| action == 0 && who % 10 == 0),
        ];
        for (filter, keep) in filters {
            let expected: Vec<&String> =
                written.iter().filter(|(_, _, action, who)| keep(*action, *who)).map(|(_, id, _, _)| id).collect();
            assert!(!expected.is_empty());
            for limit in [1, 2, 4, 200] {
                let ids = ids_of(&alice, &format!("{past}{filter}"), limit).await;
                assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{filter} by {limit}");
            }
        }
        let days = ids_of(&alice, "from=2001-01-03T00:00:00Z&to=2001-01-05T00:00:00Z", 4).await;
        let expected: Vec<String> = written
            .iter()
            .filter(|(at, ..)| at.starts_with("2001-01-03") || at.starts_with("2001-01-04"))
            .map(|(_, id, _, _)| id.clone())
            .collect();
        assert_eq!(days, expected);
        assert_eq!(expected.len(), 6);
    }

    async fn everybody_reads_their_own_log_whatever_they_ask_for(server: TestServer) {
        let (alice, bob) = (server.provider("alice").await, server.provider("bob").await);
        let carol = server.customer_of(&alice, "carol").await;
        let key = alice.make_key(None).await;
        let links = alice.get("/customers").await;
        let link = links["items"][0]["id"].as_str().unwrap();
        let reads = ids_of(&alice, "", 200).await;
        assert!(reads.len() >= 4, "{reads:?}");
        let page = alice.get("/audit-log?limit=1").await.expect(200);
        for stranger in [&bob, &carol] {
            for filter in [
                String::new(),
                format!("actor_id={}", alice.id),
                format!("subject_id={}", key.id),
                format!("subject_id={}", alice.id),
                "action=key_created,customer_invited".to_owned(),
                format!("action=key_created&actor_id={}", alice.id),
                format!("cursor={}", page["next"].as_str().unwrap()),
            ] {
                let answer = stranger.get(&format!("/audit-log?limit=200&{filter}")).await;
                let body = answer.clone().expect(200);
                let theirs = |id: &Value| reads.iter().any(|own| id == own.as_str());
                assert!(!body["items"].as_array().unwrap().iter().any(|entry| theirs(&entry["id"])), "{filter}: {body}");
                assert!(!answer.text.contains(&alice.email) && !answer.text.contains(&key.id), "{filter}: {body}");
            }
        }
        assert_eq!(ids_of(&bob, &format!("subject_id={link}"), 200).await, [""; 0]);
        assert_eq!(ids_of(&carol, &format!("subject_id={link}"), 200).await.len(), 1);
    }

    async fn a_customers_address_is_shown_while_the_provider_has_it(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        let shown = async || {
            let page = alice.get("/audit-log?action=customer_accepted").await.expect(200);
            assert_eq!(page["items"][0]["actor_id"], carol.id.as_str());
            page["items"][0]["actor_email"].clone()
        };
        assert_eq!(shown().await, carol.email.as_str());
        let link = alice.get("/customers").await["items"][0]["id"].as_str().unwrap().to_owned();
        alice.delete(&format!("/customers/{link}")).await.expect(200);
        assert_eq!(shown().await, carol.email.as_str());
        // As it is once the provider's data of this customer is erased; the account itself goes on.
        server.database.raw().await.execute("update customers set email = 'erased@erased.example'").await.unwrap();
        assert_eq!(shown().await, Value::Null);
    }

    async fn what_makes_no_sense_is_refused(server: TestServer) {
        let alice = server.provider("alice").await;
        for (query, pointer) in [
            ("limit=0", "/limit"),
            ("limit=201", "/limit"),
            ("cursor=x", "/cursor"),
            ("action=signing_in", "/action"),
            ("action=key_created,", "/action"),
            ("actor_id=alice", "/actor_id"),
            ("subject_id=", "/subject_id"),
            ("from=yesterday", "/from"),
            ("to=2026", "/to"),
            ("tenant_id=00000000-0000-7000-8000-000000000001", "/tenant_id"),
        ] {
            alice.get(&format!("/audit-log?{query}")).await.expect_problem(422, &[pointer]);
        }
    }

    async fn words_of_a_later_release_are_shown_as_they_are(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut log = Log::of(&alice).await;
        let id = |n: u8| server.database.id(&format!("00000000-0000-7000-8000-0000000000{n:02x}"));
        let sql = format!(
            "insert into audit_log values ({}, {}, '2001-01-01T00:00:00+00:00', 'hologram_shown', 'server', null, null,
                 'hologram', {}, null, null, '{{\"depth\": 3}}')",
            id(1),
            server.database.id(&alice.id),
            id(2),
        );
        server.database.raw().await.execute(&sql).await.unwrap();
        let news = log.news().await;
        assert_eq!((&news[0]["action"], &news[0]["subject"]), (&json!("hologram_shown"), &json!("hologram")));
        assert_eq!((&news[0]["actor"], &news[0]["details"]), (&json!("server"), &json!({"depth": 3})));
    }

    async fn the_newest_act_comes_first(server: TestServer) {
        let alice = server.provider("alice").await;
        for minutes in [1, 2, 3] {
            server.clock.set_offset(TimeDelta::minutes(minutes));
            alice.make_key(None).await;
        }
        let keys = alice.get("/api-keys").await.expect(200);
        let log = alice.get("/audit-log?action=key_created").await.expect(200);
        for n in 0..3 {
            assert_eq!(log["items"][n]["subject_id"], keys["items"][n]["id"]);
        }
    }
}
