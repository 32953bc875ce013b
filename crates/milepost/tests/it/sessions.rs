//! Sessions: how long they last, what counts as use, and how their owner sees and ends them.

use chrono::{DateTime, TimeDelta, Utc};
use milepost::config::Settings;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, TestServer, eventually, on_both, sha256};

/// The same database with other settings.
async fn with(server: TestServer, change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::start_over(server.stop().await, change).await
}

/// Signs somebody in who does not ask to be remembered.
async fn sign_in(url: &str, email: &str) -> Person {
    let mut person = Person::nobody(url);
    let user = person.post("/login", json!({"email": email, "password": PASSWORD})).await.expect(200);
    user["id"].as_str().unwrap().clone_into(&mut person.id);
    email.clone_into(&mut person.email);
    person
}

/// Signs somebody in who asks to be remembered.
async fn sign_in_remembered(server: &TestServer, email: &str) -> Person {
    let nobody = server.nobody();
    nobody.post("/login", json!({"email": email, "password": PASSWORD, "remember": true})).await.expect(200);
    nobody
}

/// Uses a session at a time after the start, and waits until that is noted.
async fn use_at(server: &TestServer, person: &Person, offset: TimeDelta) {
    server.clock.set_offset(offset);
    let now = server.clock.now();
    person.get("/users/me").await.expect(200);
    let last = "select coalesce(max(last_used_at), max(created_at)) from sessions";
    eventually("the use is noted", || async { server.column::<DateTime<Utc>>(last).await[0] >= now }).await;
}

/// The caller's sessions, whose times are as they should be.
async fn sessions(person: &Person) -> Vec<Value> {
    let page = person.get("/sessions?limit=200").await.expect(200);
    assert_eq!(page["next"], Value::Null);
    page["items"].as_array().unwrap().clone()
}

fn ids(sessions: &[Value]) -> Vec<&str> {
    sessions.iter().map(|session| session["id"].as_str().unwrap()).collect()
}

/// The one that asks.
async fn current_id(person: &Person) -> String {
    let sessions = sessions(person).await;
    sessions.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap().to_owned()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

on_both! {
    async fn without_use_a_session_ends_after_30_minutes(server: TestServer) {
        let alice = server.provider("alice").await;
        let alice = sign_in(&server.url, &alice.email).await;
        use_at(&server, &alice, TimeDelta::minutes(29)).await;
        use_at(&server, &alice, TimeDelta::minutes(58)).await;
        // A use is noted to the minute: a session may last that much longer, never less.
        use_at(&server, &alice, TimeDelta::minutes(88)).await;
        server.clock.set_offset(TimeDelta::minutes(88 + 32));
        alice.get("/users/me").await.expect_problem(401, &[]);
        alice.stream("/jobs/stream", None).await.expect_refusal(401);
        // And it does not come back.
        server.clock.set_offset(TimeDelta::minutes(88 + 60));
        alice.get("/users/me").await.expect_problem(401, &[]);
    }

    async fn in_any_case_a_session_ends_after_a_day(server: TestServer) {
        server.provider("alice").await;
        let server = with(server, |settings| settings.sessions.idle = TimeDelta::hours(10)).await;
        let alice = sign_in(&server.url, "alice@provider.example").await;
        for minutes in [9 * 60, 18 * 60, 24 * 60 - 1] {
            use_at(&server, &alice, TimeDelta::minutes(minutes)).await;
        }
        server.clock.set_offset(TimeDelta::minutes(24 * 60 + 1));
        alice.get("/users/me").await.expect_problem(401, &[]);
    }

    async fn a_remembered_session_lasts_14_days_without_use_and_90_in_any_case(server: TestServer) {
        let alice = server.provider("alice").await;
        let idle = sign_in_remembered(&server, &alice.email).await;
        let used = sign_in_remembered(&server, &alice.email).await;
        for days in [13, 26, 39, 52, 65, 78, 89] {
            use_at(&server, &used, TimeDelta::days(days)).await;
        }
        idle.get("/users/me").await.expect(401);
        server.clock.set_offset(TimeDelta::days(90) + TimeDelta::minutes(1));
        used.get("/users/me").await.expect_problem(401, &[]);
    }

    async fn the_cookie_outlives_the_browser_only_where_that_is_asked_for(server: TestServer) {
        let alice = server.provider("alice").await;
        let sign_in = async |body: Value| server.nobody().post("/login", body).await;
        for body in [
            json!({"email": alice.email, "password": PASSWORD}),
            json!({"email": alice.email, "password": PASSWORD, "remember": false}),
        ] {
            let cookie = sign_in(body).await.cookie();
            assert!(!cookie.attributes.iter().any(|one| one.starts_with("Max-Age") || one.starts_with("Expires")), "{cookie:?}");
        }
        let cookie = sign_in(json!({"email": alice.email, "password": PASSWORD, "remember": true})).await.cookie();
        assert!(cookie.has(&format!("Max-Age={}", 90 * 24 * 60 * 60)), "{cookie:?}");
        let form = "username=alice%40provider.example&password=correct+horse+battery&remember=true";
        let by_form = server.nobody().post_text("/login", "application/x-www-form-urlencoded", form).await;
        assert!(by_form.cookie().has(&format!("Max-Age={}", 90 * 24 * 60 * 60)));
        sign_in(json!({"email": alice.email, "password": PASSWORD, "remember": "yes"})).await.expect_problem(422, &["/remember"]);
    }

    async fn what_the_release_before_began_lasts_its_14_days(server: TestServer) {
        let alice = server.provider("alice").await;
        let (token, now) = ("a token of the release before", "'2026-01-01 00:00:00+00:00'");
        let hash = server.database.bytes(&sha256(token));
        let (id, user) = (server.clock.new_id().to_string(), server.database.id(&alice.id));
        let begun = format!(
            "insert into sessions (id, user_id, token_hash, expires_at, created_at, updated_at)
             values ({}, {user}, {hash}, '2026-01-15 00:00:00+00:00', {now}, {now})",
            server.database.id(&id),
        );
        server.database.raw().await.execute(&begun).await.unwrap();
        let nobody = server.nobody();
        let cookie = format!("milepost-{}={token}", server.address.port());
        let me = || nobody.send(nobody.request(Method::GET, "/users/me").header("cookie", &cookie));
        let at = |day: u32| format!("2026-01-{day:02}T23:00:00Z").parse::<DateTime<Utc>>().unwrap();
        server.clock.travel_to(at(13));
        assert_eq!(me().await.expect(200)["id"], alice.id.as_str());
        server.clock.travel_to(at(15));
        me().await.expect(401);
    }

    async fn an_open_stream_is_a_use_until_the_absolute_end(server: TestServer) {
        for name in ["alice", "bob"] {
            server.provider(name).await;
        }
        let server = with(server, |settings| settings.sessions.idle = TimeDelta::seconds(3)).await;
        let alice = sign_in(&server.url, "alice@provider.example").await;
        let bob = sign_in(&server.url, "bob@provider.example").await;
        let mut stream = alice.stream("/jobs/stream", None).await;
        assert_eq!(stream.expect().await.event, "ready");
        stream.expect_silence(std::time::Duration::from_secs(5)).await;
        bob.get("/users/me").await.expect_problem(401, &[]);
        alice.get("/users/me").await.expect(200);

        server.clock.set_offset(TimeDelta::hours(24) + TimeDelta::minutes(1));
        stream.expect_end().await;
        alice.get("/users/me").await.expect_problem(401, &[]);
    }

    async fn a_person_sees_their_sessions_and_nobody_elses(server: TestServer) {
        server.provider("alice").await;
        server.provider("bob").await;
        let trusting = |settings: &mut Settings| settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let server = with(server, trusting).await;
        let bob = sign_in(&server.url, "bob@provider.example").await;
        let began = server.clock.now();
        let alice = sign_in(&server.url, "alice@provider.example").await;
        for person in [&alice, &bob] {
            person.delete("/sessions").await.expect(200);
        }
        let phone = server.nobody();
        let login = json!({"email": alice.email, "password": PASSWORD, "remember": true});
        let request = phone.request(Method::POST, "/login").json(&login);
        let request = request.header("x-forwarded-for", "2001:db8::7").header("user-agent", "ü".repeat(300));
        phone.send(request).await.expect(200);

        let seen = sessions(&alice).await;
        let [of_phone, here] = seen.as_slice() else { panic!("{seen:?}") };
        assert_eq!((&of_phone["current"], &here["current"]), (&json!(false), &json!(true)));
        assert_eq!((&of_phone["remembered"], &here["remembered"]), (&json!(true), &json!(false)));
        assert_eq!((&of_phone["address"], &here["address"]), (&json!("2001:db8::7"), &json!("127.0.0.1")));
        assert_eq!((&of_phone["user_agent"], &here["user_agent"]), (&json!("ü".repeat(200)), &Value::Null));
        for (session, idle) in [(of_phone, TimeDelta::days(14)), (here, TimeDelta::minutes(30))] {
            assert_eq!(session["created_at"], session["last_used_at"]);
            assert!(time(&session["created_at"]) >= began && time(&session["created_at"]) <= server.clock.now());
            let lasts = time(&session["expires_at"]) - time(&session["last_used_at"]);
            assert!(lasts >= idle && lasts <= idle + TimeDelta::minutes(1), "{session}");
        }
        // Seen from the phone it is the other that is current.
        assert_eq!(sessions(&phone).await[0]["current"], true);
        assert_eq!(sessions(&bob).await.len(), 1);

        // The last used comes first.
        use_at(&server, &alice, TimeDelta::minutes(20)).await;
        let order = sessions(&alice).await;
        assert_eq!(ids(&order), [here["id"].as_str().unwrap(), of_phone["id"].as_str().unwrap()]);
        let first = alice.get("/sessions?limit=1").await.expect(200);
        let rest = alice.get(&format!("/sessions?limit=1&cursor={}", first["next"].as_str().unwrap())).await.expect(200);
        assert_eq!([&first["items"][0], &rest["items"][0]], [&order[0], &order[1]]);
        assert_eq!(rest["next"], Value::Null);

        // One that is over is no more to be seen; and none lasts beyond its absolute end.
        server.clock.set_offset(TimeDelta::hours(23) + TimeDelta::minutes(50));
        let late = sessions(&phone).await;
        assert_eq!(ids(&late), [of_phone["id"].as_str().unwrap()]);
        phone.delete(&format!("/sessions/{}", here["id"].as_str().unwrap())).await.expect_problem(404, &[]);
        server.nobody().get("/sessions").await.expect_problem(401, &[]);
        let fresh = sign_in(&server.url, "alice@provider.example").await;
        fresh.with_new_key("write").await.get("/sessions").await.expect_problem(403, &[]);
    }

    async fn no_page_loses_a_session_that_was_used_at_the_same_time(server: TestServer) {
        let alice = server.provider("alice").await;
        for _ in 0..4 {
            sign_in(&server.url, &alice.email).await;
        }
        let used = server.clock.now().format("%FT%T+00:00");
        let update = format!("update sessions set last_used_at = '{used}'");
        server.database.raw().await.execute(&update).await.unwrap();
        let mut expected = alice.list_ids("/sessions", 200).await;
        expected.sort_by(|a, b| b.cmp(a));
        assert_eq!(expected.len(), 5);
        assert_eq!(alice.list_ids("/sessions", 2).await, expected);
    }

    async fn no_session_is_said_to_last_beyond_its_absolute_end(server: TestServer) {
        server.provider("alice").await;
        let server = with(server, |settings| settings.sessions.lifetime = TimeDelta::minutes(10)).await;
        let alice = sign_in(&server.url, "alice@provider.example").await;
        let session = sessions(&alice).await.remove(0);
        assert_eq!(time(&session["expires_at"]) - time(&session["created_at"]), TimeDelta::minutes(10));
    }

    async fn a_person_ends_one_of_their_sessions(server: TestServer) {
        let alice = server.provider("alice").await;
        let beside = server.start_beside().await;
        let elsewhere = sign_in(&beside.url, &alice.email).await;
        let bob = server.provider("bob").await;
        let mut here = alice.stream("/jobs/stream", None).await;
        let mut there = elsewhere.stream("/jobs/stream", None).await;
        for stream in [&mut here, &mut there] {
            assert_eq!(stream.expect().await.event, "ready");
        }
        let id = current_id(&elsewhere).await;
        let of_bob = current_id(&bob).await;
        let listed = async || sessions(&alice).await.into_iter().find(|session| session["id"] == id.as_str()).unwrap();
        let is_noted = async || {
            let listed = listed().await;
            listed["last_used_at"] != listed["created_at"]
        };
        eventually("the stream is noted as a use", is_noted).await;
        let listed = listed().await;

        let ended = alice.delete(&format!("/sessions/{id}")).await;
        assert!(!ended.headers.contains_key("set-cookie"));
        assert_eq!(ended.expect(200), listed);
        there.expect_end().await;
        elsewhere.get("/users/me").await.expect_problem(401, &[]);
        here.expect_silence(std::time::Duration::from_millis(200)).await;
        let again = alice.delete(&format!("/sessions/{id}")).await;
        let of_another = alice.delete(&format!("/sessions/{of_bob}")).await;
        let unknown = alice.delete("/sessions/no-id").await;
        assert_eq!((&again.text, &of_another.text), (&unknown.text, &unknown.text));
        unknown.expect_problem(404, &[]);
        bob.get("/users/me").await.expect(200);

        // Ending the one that asks is signing out.
        let own = current_id(&alice).await;
        let left: Answer = alice.delete(&format!("/sessions/{own}")).await;
        assert_eq!(left.status, 200, "{}", left.text);
        assert!(left.cookie().has("Max-Age=0"));
        here.expect_end().await;
        alice.get("/users/me").await.expect_problem(401, &[]);
    }

    async fn a_person_ends_all_other_sessions(server: TestServer) {
        let alice = server.provider("alice").await;
        let beside = server.start_beside().await;
        let one = sign_in(&server.url, &alice.email).await;
        let other = sign_in(&beside.url, &alice.email).await;
        let program = alice.with_new_key("write").await;
        let bob = server.provider("bob").await;
        let mut streams = [one.stream("/jobs/stream", None).await, other.stream("/jobs/stream", None).await];
        for stream in &mut streams {
            assert_eq!(stream.expect().await.event, "ready");
        }
        assert_eq!(alice.delete("/sessions").await.expect(200), json!({"ended": 2}));
        for stream in &mut streams {
            stream.expect_end().await;
        }
        one.get("/users/me").await.expect(401);
        other.get("/users/me").await.expect(401);
        for going_on in [&alice, &program, &bob] {
            going_on.get("/users/me").await.expect(200);
        }
        assert_eq!(alice.delete("/sessions").await.expect(200), json!({"ended": 0}));

        // Those that are over do not count.
        sign_in(&server.url, &alice.email).await;
        use_at(&server, &alice, TimeDelta::minutes(20)).await;
        server.clock.set_offset(TimeDelta::minutes(40));
        assert_eq!(alice.delete("/sessions").await.expect(200), json!({"ended": 0}));
        program.delete("/sessions").await.expect_problem(403, &[]);
    }

    async fn signing_in_anew_ends_what_the_browser_had(server: TestServer) {
        let alice = server.provider("alice").await;
        let before = current_id(&alice).await;
        let mut stream = alice.stream("/jobs/stream", None).await;
        assert_eq!(stream.expect().await.event, "ready");
        let wrong = json!({"email": alice.email, "password": "a wrong one"});
        alice.post("/login", wrong).await.expect(401);
        assert_eq!(current_id(&alice).await, before, "a failure changes nothing");

        alice.post("/login", json!({"email": alice.email, "password": PASSWORD})).await.expect(200);
        let after = sessions(&alice).await;
        assert_eq!(after.len(), 1);
        assert_ne!(after[0]["id"], before.as_str());
        stream.expect_end().await;
        // Also where it was another's.
        let bob = server.provider("bob").await;
        alice.post("/login", json!({"email": bob.email, "password": PASSWORD})).await.expect(200);
        assert_eq!(server.column::<i64>("select count(*) from sessions").await, [2]);
    }

    async fn a_token_that_somebody_made_up_is_never_taken_over(server: TestServer) {
        let alice = server.provider("alice").await;
        let nobody = server.nobody();
        let planted = format!("milepost-{}=planted", server.address.port());
        let login = json!({"email": alice.email, "password": PASSWORD});
        let answer = nobody.send(nobody.request(Method::POST, "/login").header("cookie", &planted).json(&login)).await;
        assert_ne!(answer.cookie().value, "planted");
        let nobody = server.nobody();
        nobody.send(nobody.request(Method::GET, "/users/me").header("cookie", &planted)).await.expect(401);
    }

    async fn an_account_has_at_most_100_sessions(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut stream = alice.stream("/jobs/stream", None).await;
        assert_eq!(stream.expect().await.event, "ready");
        let user = server.database.id(&alice.id);
        let later = (server.clock.now() + TimeDelta::hours(20)).format("%FT%T+00:00");
        let mut raw = server.database.raw().await;
        for number in 1..100_u8 {
            let id = server.database.id(&server.clock.new_id().to_string());
            let hash = server.database.bytes(&[number]);
            let insert = format!(
                "insert into sessions (id, user_id, token_hash, expires_at, last_used_at, created_at, updated_at)
                 values ({id}, {user}, {hash}, '2999-01-01 00:00:00+00:00', '{later}', '{later}', '{later}')",
            );
            raw.execute(&insert).await.unwrap();
        }
        server.clock.set_offset(TimeDelta::hours(21));
        let newest = sign_in(&server.url, &alice.email).await;
        stream.expect_end().await;
        alice.get("/users/me").await.expect_problem(401, &[]);
        let left = sessions(&newest).await;
        assert_eq!((left.len(), &left[0]["current"]), (100, &json!(true)));
    }

    async fn what_is_over_is_cleared_away(server: TestServer) {
        let alice = server.provider("alice").await;
        let (user, long_ago) = (server.database.id(&alice.id), "'2026-01-01 00:00:00+00:00'");
        let mut raw = server.database.raw().await;
        for (number, expires_at, remembered) in [
            (1, "2026-01-02", "true"),  // at its absolute end
            (2, "2999-01-01", "false"),  // idle
            (3, "2999-01-01", "true"),  // idle, remembered
        ] {
            let (id, hash) = (server.database.id(&server.clock.new_id().to_string()), server.database.bytes(&[number]));
            let insert = format!(
                "insert into sessions (id, user_id, token_hash, expires_at, remembered, created_at, updated_at)
                 values ({id}, {user}, {hash}, '{expires_at} 00:00:00+00:00', {remembered}, {long_ago}, {long_ago})",
            );
            raw.execute(&insert).await.unwrap();
        }
        // A server clears when it starts.
        let _beside = server.start_beside().await;
        eventually("only the living are kept", || async {
            server.column::<i64>("select count(*) from sessions").await == [1]
        })
        .await;
        alice.get("/users/me").await.expect(200);
    }
}
