//! API keys: what they open, what they never open, and how they end.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, ApiKey, Person, TestServer, eventually, on_both, sha256};

/// `GET /api-keys/protected` with these headers and nothing else.
async fn ask_with(server: &TestServer, headers: &[(&str, &str)]) -> Answer {
    let nobody = server.nobody();
    let request = nobody.request(Method::GET, "/api-keys/protected");
    nobody.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// A key as it is listed for its owner.
async fn listed(owner: &Person, key: &ApiKey) -> Value {
    let page = owner.get("/api-keys").await.expect(200);
    page["items"].as_array().unwrap().iter().find(|row| row["id"] == key.id.as_str()).unwrap().clone()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The new key of a rotation.
fn rotated(answer: Answer) -> ApiKey {
    let row = answer.expect(201);
    let text = |field: &str| row[field].as_str().unwrap().to_owned();
    ApiKey { id: text("id"), key: text("key") }
}

on_both! {
    async fn a_key_is_shown_once_and_never_again(server: TestServer) {
        let alice = server.provider("alice").await;
        let made = alice.post("/api-keys", json!({"note": "sequencer 3"})).await.expect(201);
        let key = made["key"].as_str().unwrap().to_owned();
        assert_eq!((&made["note"], &made["scope"], &made["user_id"]), (&json!("sequencer 3"), &json!("write"), &json!(alice.id)));
        assert_eq!((&made["expires_at"], &made["last_used_at"]), (&Value::Null, &Value::Null));
        let prefix = made["prefix"].as_str().unwrap();
        assert!(key.starts_with(prefix) && prefix.len() <= 12, "{prefix} of {key}");

        let id = made["id"].as_str().unwrap();
        let program = alice.with_key(&ApiKey { id: id.to_owned(), key: key.clone() });
        for answer in [
            alice.get("/api-keys").await,
            program.get("/api-keys/protected").await,
            alice.post(&format!("/api-keys/{id}/expire"), json!({})).await,
        ] {
            assert!(answer.text.contains(id) && !answer.text.contains(&key), "{}", answer.text);
            assert!(!answer.text.contains("\"key\""), "{}", answer.text);
        }
    }

    async fn keys_are_long_random_and_recognisable(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut keys = Vec::new();
        for _ in 0..20 {
            let key = alice.make_key(None).await.key;
            let rest = key.strip_prefix("mp_").unwrap();
            assert!(rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{key}");
            // 22 of 62 characters are 131 bits; the checksum comes on top.
            assert!(rest.len() >= 22 + 6, "{key}");
            keys.push(key);
        }
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 20);
    }

    async fn a_key_is_stored_hashed(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = alice.make_key(None).await.key;
        assert_eq!(server.column::<Vec<u8>>("select key from api_keys").await, [sha256(&key)]);
        assert!(!server.keeps(&key).await);
        // What is kept does not open anything either.
        let kept = crate::support::hex(&sha256(&key));
        ask_with(&server, &[("x-api-key", &kept)]).await.expect_problem(401, &[]);
    }

    async fn a_key_opens_with_each_of_the_three_headers(server: TestServer) {
        let alice = server.provider("alice").await;
        let ApiKey { id, key } = alice.make_key(None).await;
        let bearer = format!("Bearer {key}");
        let lower = format!("bearer {key}");
        for header in [
            ("Authorization", bearer.as_str()),
            ("Authorization", lower.as_str()),
            ("X-API-Key", key.as_str()),
            ("x_api_key", key.as_str()),
        ] {
            let checked = ask_with(&server, &[header]).await.expect(200);
            assert_eq!((&checked["user_id"], &checked["api_key"]["id"]), (&json!(alice.id), &json!(id)));
        }
        // A proxy's own scheme beside our header does no harm.
        ask_with(&server, &[("Authorization", "Basic eDp5"), ("x_api_key", &key)]).await.expect(200);
        for headers in [
            vec![],
            vec![("Authorization", key.as_str())],
            vec![("Authorization", "Bearer")],
            vec![("Authorization", "Bearer ")],
            vec![("X-API-Key", "")],
            vec![("Cookie", bearer.as_str())],
            // The key that is sent counts, not the next best.
            vec![("Authorization", "Bearer mp_0"), ("X-API-Key", key.as_str())],
        ] {
            let answer = ask_with(&server, &headers).await;
            assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"milepost\"");
            answer.expect_problem(401, &[]);
        }
        // A key in the address would end up in logs.
        let nobody = server.nobody();
        for name in ["api_key", "key", "x_api_key", "access_token"] {
            nobody.get(&format!("/api-keys/protected?{name}={key}")).await.expect_problem(401, &[]);
        }
    }

    async fn a_mangled_key_is_no_key(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = alice.make_key(None).await.key;
        let swapped: String = key.chars().rev().collect();
        let flip = |index: usize| {
            let mut characters: Vec<char> = key.chars().collect();
            characters[index] = if characters[index] == 'a' { 'b' } else { 'a' };
            characters.into_iter().collect::<String>()
        };
        let mangled = [
            key[..key.len() - 1].to_owned(),
            format!("{key}0"),
            key.to_uppercase(),
            key.to_lowercase(),
            key.replacen("mp_", "mq_", 1),
            flip(3),
            flip(20),
            flip(key.len() - 1),
            swapped,
            format!("{key}' or '1'='1"),
            "mp_".to_owned(),
            "mp_".to_owned() + &"x".repeat(4000),
        ];
        for text in mangled.iter().filter(|text| **text != key) {
            ask_with(&server, &[("X-API-Key", text)]).await.expect_problem(401, &[]);
        }
        ask_with(&server, &[("X-API-Key", "mp_schlüssel")]).await.expect_problem(401, &[]);
        ask_with(&server, &[("X-API-Key", &key)]).await.expect(200);
    }

    async fn a_read_key_reads_and_a_write_key_does_both(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "job-1").await;
        let (reader, writer) = (alice.with_new_key("read").await, alice.with_new_key("write").await);
        for path in ["/jobs".to_owned(), "/job-configurations".to_owned(), format!("/jobs/{job}"), format!("/jobs/{job}/events")] {
            assert_eq!(reader.get(&path).await.expect(200), writer.get(&path).await.expect(200));
        }
        let event = json!({"provider_job_id": "job-1", "kind": "step", "tag": "load"});
        reader.post("/events", event.clone()).await.expect_problem(403, &[]);
        reader.post("/events/batch", json!([event])).await.expect_problem(403, &[]);
        reader.post("/jobs", json!({"tag": "scan", "provider_job_id": "job-2"})).await.expect_problem(403, &[]);
        reader.patch(&format!("/jobs/{job}"), json!({"provider_job_name": "Mine"})).await.expect_problem(403, &[]);
        let configuration = json!({"tag": "x", "name": "X", "version": "1.0.0", "step_configurations": []});
        reader.post("/job-configurations", configuration.clone()).await.expect_problem(403, &[]);
        assert_eq!(alice.get(&format!("/jobs/{job}")).await.expect(200)["last_sequence"], 0);

        writer.post("/events", event).await.expect(201);
        writer.post("/job-configurations", configuration).await.expect(201);
        writer.open_job("scan", "job-2").await;
    }

    async fn a_customers_key_reads_only(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job_for(&carol, "scan", "job-1").await;
        carol.post("/api-keys", json!({"note": "", "scope": "write"})).await.expect_problem(422, &["/scope"]);
        let key = carol.make_key(None).await;
        assert_eq!(listed(&carol, &key).await["scope"], "read");
        let program = carol.with_key(&key);
        program.get(&format!("/jobs/{job}")).await.expect(200);
        program.post("/events", json!({"provider_job_id": "job-1", "kind": "info"})).await.expect_problem(403, &[]);
        program.patch(&format!("/jobs/{job}"), json!({"customer_id": null})).await.expect_problem(403, &[]);
        let successor = rotated(carol.post(&format!("/api-keys/{}/rotate", key.id), json!({})).await);
        assert_eq!(listed(&carol, &successor).await["scope"], "read");
    }

    async fn a_new_key_is_checked(server: TestServer) {
        let alice = server.provider("alice").await;
        for (body, pointer) in [
            (json!({}), "/note"),
            (json!({"note": "x".repeat(501)}), "/note"),
            (json!({"note": "a\u{0}b"}), "/note"),
            (json!({"note": "", "scope": "admin"}), "/scope"),
            (json!({"note": "", "expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
            (json!({"note": "", "expires_at": "tomorrow"}), "/expires_at"),
            (json!({"note": "", "expires_at": 1_900_000_000}), "/expires_at"),
            (json!({"note": "", "key": "mp_mine"}), "/key"),
            (json!({"note": "", "user_id": alice.id}), "/user_id"),
        ] {
            alice.post("/api-keys", body).await.expect_problem(422, &[pointer]);
        }
        assert_eq!(alice.get("/api-keys").await.expect(200)["items"], json!([]));
        alice.post("/api-keys", json!({"note": "ü".repeat(500), "expires_at": null, "scope": null})).await.expect(201);
    }

    async fn a_key_ends_at_its_time(server: TestServer) {
        let alice = server.provider("alice").await;
        let expires_at = server.clock.now() + TimeDelta::hours(1);
        let made = alice.post("/api-keys", json!({"note": "", "expires_at": expires_at})).await.expect(201);
        assert_eq!(time(&made["expires_at"]), expires_at);
        let key = ApiKey { id: made["id"].as_str().unwrap().to_owned(), key: made["key"].as_str().unwrap().to_owned() };
        let program = alice.with_key(&key);
        server.clock.set_offset(TimeDelta::minutes(59));
        program.get("/jobs").await.expect(200);
        server.clock.set_offset(TimeDelta::minutes(61));
        program.get("/jobs").await.expect_problem(401, &[]);
        alice.post(&format!("/api-keys/{}/rotate", key.id), json!({})).await.expect_problem(409, &[]);
        assert_eq!(time(&listed(&alice, &key).await["expires_at"]), expires_at);
        // Expiring it again does not move its end.
        let again = alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        assert_eq!(time(&again["expires_at"]), expires_at);
    }

    async fn a_key_that_is_expired_is_out_within_a_second_on_every_server(server: TestServer) {
        let alice = server.provider("alice").await;
        let beside = server.start_beside().await;
        let (key, other) = (alice.make_key(None).await, alice.with_new_key("read").await);
        let program = alice.with_key(&key);
        let mut here = program.stream("/jobs/stream", None).await;
        let mut there = program.at(&beside).stream("/jobs/stream", None).await;
        let mut unaffected = other.at(&beside).stream("/jobs/stream", None).await;
        for stream in [&mut here, &mut there, &mut unaffected] {
            assert_eq!(stream.expect().await.event, "ready");
        }
        let expired = alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        assert!(time(&expired["expires_at"]) <= server.clock.now());
        program.get("/jobs").await.expect_problem(401, &[]);
        program.at(&beside).get("/jobs").await.expect_problem(401, &[]);
        here.expect_end().await;
        there.expect_end().await;
        unaffected.expect_silence(Duration::from_millis(700)).await;
    }

    async fn a_rotated_key_goes_on_for_the_overlap(server: TestServer) {
        let alice = server.provider("alice").await;
        let old = alice.make_key(Some("read")).await;
        let new = rotated(alice.post(&format!("/api-keys/{}/rotate", old.id), json!({"overlap": 3600})).await);
        assert_ne!(new.key, old.key);
        let row = listed(&alice, &new).await;
        assert_eq!((&row["scope"], &row["note"], &row["expires_at"]), (&json!("read"), &json!("a test"), &Value::Null));
        let ends = time(&listed(&alice, &old).await["expires_at"]) - server.clock.now();
        assert!(ends > TimeDelta::minutes(59) && ends <= TimeDelta::hours(1), "{ends}");

        server.clock.set_offset(TimeDelta::minutes(59));
        alice.with_key(&old).get("/jobs").await.expect(200);
        alice.with_key(&new).get("/jobs").await.expect(200);
        server.clock.set_offset(TimeDelta::minutes(61));
        alice.with_key(&old).get("/jobs").await.expect_problem(401, &[]);
        alice.with_key(&new).get("/jobs").await.expect(200);
    }

    async fn the_overlap_is_a_day_or_none_or_whatever_is_said(server: TestServer) {
        let alice = server.provider("alice").await;
        let old = alice.make_key(None).await;
        let path = format!("/api-keys/{}/rotate", old.id);
        for (overlap, pointer) in [
            (json!(-1), "/overlap"),
            (json!(31_622_401), "/overlap"),
            (json!(u64::MAX), "/overlap"),
            (json!(1.5), "/overlap"),
            (json!("1 h"), "/overlap"),
        ] {
            alice.post(&path, json!({"overlap": overlap})).await.expect_problem(422, &[pointer]);
        }
        assert_eq!(listed(&alice, &old).await["expires_at"], Value::Null);
        let before = server.clock.now();
        let new = rotated(alice.send(alice.request(Method::POST, &path)).await);  // no body at all
        let ends = time(&listed(&alice, &old).await["expires_at"]) - before;
        assert!(ends >= TimeDelta::hours(24) && ends < TimeDelta::hours(25), "{ends}");

        // A second rotation ends the old key at once; a third has nothing left to replace.
        let now = rotated(alice.post(&path, json!({"overlap": 0.0})).await); // a whole number, as JSON Schema has it
        alice.with_key(&old).get("/jobs").await.expect_problem(401, &[]);
        alice.post(&path, json!({})).await.expect_problem(409, &[]);
        for key in [&new, &now] {
            alice.with_key(key).get("/jobs").await.expect(200);
        }
    }

    async fn a_key_that_is_to_end_is_followed_by_one_that_lasts_as_long(server: TestServer) {
        let alice = server.provider("alice").await;
        let begun = server.clock.now();
        let ends = begun + TimeDelta::days(30);
        let made = alice.post("/api-keys", json!({"note": "", "expires_at": ends})).await.expect(201);
        let path = format!("/api-keys/{}/rotate", made["id"].as_str().unwrap());
        server.clock.set_offset(TimeDelta::days(10));
        for _ in 0..2 {
            let next = alice.post(&path, json!({})).await.expect(201);
            let lasts = time(&next["expires_at"]) - server.clock.now();
            assert!((lasts - TimeDelta::days(30)).abs() < TimeDelta::minutes(5), "{next}");
        }
        // Where the calendar ends, so does the key.
        let last = json!({"note": "", "expires_at": "9999-12-31T23:59:59Z"});
        let made = alice.post("/api-keys", last).await.expect(201);
        server.clock.set_offset(TimeDelta::days(11));
        let path = format!("/api-keys/{}/rotate", made["id"].as_str().unwrap());
        let next = rotated(alice.post(&path, json!({"overlap": 0})).await);
        alice.with_key(&next).get("/jobs").await.expect(200);
    }

    async fn rotating_does_not_prolong_a_key(server: TestServer) {
        let alice = server.provider("alice").await;
        let expires_at = server.clock.now() + TimeDelta::hours(1);
        let made = alice.post("/api-keys", json!({"note": "", "expires_at": expires_at})).await.expect(201);
        let id = made["id"].as_str().unwrap();
        alice.post(&format!("/api-keys/{id}/rotate"), json!({})).await.expect(201);
        let old = ApiKey { id: id.to_owned(), key: String::new() };
        assert_eq!(time(&listed(&alice, &old).await["expires_at"]), expires_at);
    }

    async fn a_stream_ends_when_the_overlap_does(server: TestServer) {
        let alice = server.provider("alice").await;
        let beside = server.start_beside().await;
        let old = alice.make_key(None).await;
        let program = alice.with_key(&old);
        let mut streams =
            [program.stream("/jobs/stream", None).await, program.at(&beside).stream("/jobs/stream", None).await];
        for stream in &mut streams {
            assert_eq!(stream.expect().await.event, "ready");
        }
        rotated(alice.post(&format!("/api-keys/{}/rotate", old.id), json!({"overlap": 2})).await);
        for stream in &mut streams {
            stream.expect_access().await;
            assert!(stream.next().await.is_none(), "it ends with the overlap");
        }
        program.get("/jobs").await.expect_problem(401, &[]);
    }

    async fn a_key_says_when_it_was_last_used(server: TestServer) {
        let alice = server.provider("alice").await;
        let key = alice.make_key(Some("read")).await;
        let program = alice.with_key(&key);
        let before = server.clock.now();
        program.get("/jobs").await.expect(200);
        let used_after = async |moment: DateTime<Utc>| {
            let last_used_at = listed(&alice, &key).await["last_used_at"].clone();
            !last_used_at.is_null() && time(&last_used_at) >= moment
        };
        eventually("its use is noted", || used_after(before)).await;
        server.clock.set_offset(TimeDelta::minutes(5));
        let later = server.clock.now();
        program.get("/jobs").await.expect(200);
        eventually("its use is noted again", || used_after(later)).await;
        // A refused use is none.
        alice.post(&format!("/api-keys/{}/expire", key.id), json!({})).await.expect(200);
        let row = listed(&alice, &key).await;
        server.clock.set_offset(TimeDelta::minutes(10));
        program.get("/jobs").await.expect(401);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(listed(&alice, &key).await, row);
    }

    async fn keys_never_manage_keys_customers_or_accounts(server: TestServer) {
        let alice = server.provider("alice").await;
        let carol = server.customer_of(&alice, "carol").await;
        let spare = alice.make_key(None).await;
        let link = alice.get("/customers").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
        let token = alice.invite("dave@customer.example").await;
        for program in [alice.with_new_key("write").await, alice.with_new_key("read").await, carol.with_new_key("read").await] {
            for answer in [
                program.get("/api-keys").await,
                program.post("/api-keys", json!({"note": ""})).await,
                program.post(&format!("/api-keys/{}/expire", spare.id), json!({})).await,
                program.post(&format!("/api-keys/{}/rotate", spare.id), json!({})).await,
                program.get("/customers").await,
                program.post("/customers", json!({"email": "erin@customer.example"})).await,
                program.delete(&format!("/customers/{link}")).await,
                program.post(&format!("/invitations/{token}/accept"), json!({})).await,
                program.patch("/users/me", json!({"first_name": "Mallory"})).await,
                program.post("/logout", json!({})).await,
            ] {
                answer.expect_problem(403, &[]);
            }
        }
        alice.with_key(&spare).get("/jobs").await.expect(200);
        let customers = alice.get("/customers").await.expect(200);
        assert_eq!(customers["items"].as_array().unwrap().len(), 2);
        assert_eq!(alice.get("/users/me").await.expect(200)["first_name"], "alice");
    }

    async fn keys_are_listed_page_by_page_newest_first(server: TestServer) {
        let alice = server.provider("alice").await;
        let bob = server.provider("bob").await;
        bob.make_key(None).await;
        let mut made = Vec::new();
        for _ in 0..5 {
            made.insert(0, alice.make_key(None).await.id);
        }
        let mut seen = Vec::new();
        let mut path = "/api-keys?limit=2".to_owned();
        for rows in [2, 2, 1] {
            let page = alice.get(&path).await.expect(200);
            let ids: Vec<&str> = page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), rows);
            seen.extend(ids.into_iter().map(str::to_owned));
            path = format!("/api-keys?limit=2&cursor={}", page["next"].as_str().unwrap_or_default());
        }
        assert_eq!(seen, made);
        // Nor is one lost of those that were made at the same time.
        server.database.raw().await.execute("update api_keys set created_at = '2026-01-01T00:00:00+00:00'").await.unwrap();
        made.sort_by(|a, b| b.cmp(a));
        assert_eq!(alice.list_ids("/api-keys", 2).await, made);
        assert_eq!(alice.get("/api-keys?limit=5").await.expect(200)["next"], Value::Null);
        for (query, pointer) in [("limit=0", "/limit"), ("limit=201", "/limit"), ("cursor=x", "/cursor"), ("page=2", "/page")] {
            alice.get(&format!("/api-keys?{query}")).await.expect_problem(422, &[pointer]);
        }
    }
}
