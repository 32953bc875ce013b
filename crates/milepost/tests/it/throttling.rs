//! What whoever guesses passwords and links gets, and what everybody else does not notice of it.

use chrono::TimeDelta;
use futures::future::join_all;
use milepost::config::{Settings, Signup};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, TestServer, eventually, on_both};

const ATTACKER: &str = "203.0.113.66";
const VICTIM: &str = "198.51.100.7";

/// Believes the tests about where they come from.
fn trusting(settings: &mut Settings) {
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

/// A server over the same database to which a test may come from anywhere.
async fn reachable(server: TestServer) -> TestServer {
    TestServer::start_over(server.stop().await, trusting).await
}

/// A request from an address.
async fn from(nobody: &Person, address: &str, method: Method, path: &str, body: Value) -> Answer {
    let request = nobody.request(method, path).header("x-forwarded-for", address);
    nobody.send(if body.is_null() { request } else { request.json(&body) }).await
}

async fn sign_in(nobody: &Person, address: &str, email: &str, password: &str) -> Answer {
    let login = json!({"email": email, "password": password});
    from(nobody, address, Method::POST, "/login", login).await
}

/// Asserts that it is told to come back later, and when.
#[track_caller]
fn expect_throttled(answer: Answer, seconds: std::ops::RangeInclusive<u64>) {
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds.contains(&wait), "{wait} not in {seconds:?}");
    let problem = answer.expect_problem(429, &[]);
    assert_eq!(problem["type"], "urn:milepost:problem:too-many-requests");
}

/// What of an answer could tell accounts apart.
fn as_seen(answer: &Answer) -> (u16, String, String) {
    let mut headers = answer.headers.clone();
    for of_the_moment in ["date", "x-request-id", "retry-after"] {
        headers.remove(of_the_moment);
    }
    (answer.status, format!("{headers:?}"), answer.text.clone())
}

on_both! {
    async fn a_clock_that_is_set_back_keeps_nobody_out(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        for _ in 0..10 {
            sign_in(&nobody, ATTACKER, &alice.email, "a wrong one").await.expect(401);
        }
        sign_in(&nobody, ATTACKER, &alice.email, PASSWORD).await.expect(429);
        // A little behind, as another server's clock may be, it gives nothing away.
        server.clock.set_offset(TimeDelta::seconds(-30));
        sign_in(&nobody, ATTACKER, &alice.email, PASSWORD).await.expect(429);
        server.clock.set_offset(TimeDelta::days(-30));
        sign_in(&nobody, ATTACKER, &alice.email, PASSWORD).await.expect(200);
    }

    async fn who_guesses_gets_ten_at_once_and_one_a_minute(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        for _ in 0..10 {
            sign_in(&nobody, ATTACKER, &alice.email, "a wrong one").await.expect(401);
        }
        expect_throttled(sign_in(&nobody, ATTACKER, &alice.email, "a wrong one").await, 1..=60);
        // However the address is written, and though it were right.
        expect_throttled(sign_in(&nobody, ATTACKER, " ALICE@provider.example", PASSWORD).await, 1..=60);
        server.clock.set_offset(TimeDelta::seconds(61));
        sign_in(&nobody, ATTACKER, &alice.email, "a wrong one").await.expect(401);
        expect_throttled(sign_in(&nobody, ATTACKER, &alice.email, PASSWORD).await, 1..=60);
        server.clock.set_offset(TimeDelta::seconds(122));
        sign_in(&nobody, ATTACKER, &alice.email, PASSWORD).await.expect(200);
    }

    async fn nobody_locks_another_out(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        for _ in 0..10 {
            sign_in(&nobody, ATTACKER, &alice.email, "a wrong one").await.expect(401);
        }
        for _ in 0..30 {
            expect_throttled(sign_in(&nobody, ATTACKER, &alice.email, "a wrong one").await, 1..=60);
        }
        sign_in(&nobody, VICTIM, &alice.email, PASSWORD).await.expect(200);
        // Whoever is not behind a trusted proxy cannot choose an address.
        let beside = server.start_beside().await;
        let at_beside = beside.nobody();
        for number in 0..10 {
            sign_in(&at_beside, &format!("192.0.2.{number}"), &alice.email, "a wrong one").await.expect(401);
        }
        expect_throttled(sign_in(&at_beside, "192.0.2.99", &alice.email, "a wrong one").await, 1..=60);
        sign_in(&nobody, VICTIM, &alice.email, PASSWORD).await.expect(200);
    }

    async fn a_network_of_ipv6_is_one_address(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        for number in 0..10 {
            sign_in(&nobody, &format!("2001:db8:1:2::{number:x}"), &alice.email, "a wrong one").await.expect(401);
        }
        expect_throttled(sign_in(&nobody, "2001:db8:1:2:ffff::1", &alice.email, PASSWORD).await, 1..=60);
        sign_in(&nobody, "2001:db8:1:3::1", &alice.email, PASSWORD).await.expect(200);
    }

    async fn an_address_gets_a_hundred_for_all_accounts(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        for ten in 0..10 {
            let emails: Vec<String> = (0..10).map(|one| format!("somebody{ten}{one}@provider.example")).collect();
            let guesses = emails.iter().map(|email| sign_in(&nobody, ATTACKER, email, "a wrong one"));
            for answer in join_all(guesses).await {
                answer.expect(401);
            }
        }
        // They come back at one in three seconds, so some have while the hundred were counted.
        let mut more = 0;
        let refused = loop {
            let answer = sign_in(&nobody, ATTACKER, &format!("another{more}@provider.example"), "a wrong one").await;
            if answer.status != 401 {
                break answer;
            }
            more += 1;
            assert!(more < 50);
        };
        expect_throttled(refused, 1..=3);
        sign_in(&nobody, VICTIM, &alice.email, PASSWORD).await.expect(200);
        server.clock.set_offset(TimeDelta::seconds(4));
        sign_in(&nobody, ATTACKER, &alice.email, PASSWORD).await.expect(200);
    }

    async fn guesses_at_once_do_not_race_past_the_limit_on_any_server(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        let beside = TestServer::start_over(server.database.clone(), trusting).await;
        let at_beside = beside.nobody();
        let guesses = (0..30).map(|number| {
            let nobody = if number % 2 == 0 { &nobody } else { &at_beside };
            sign_in(nobody, ATTACKER, &alice.email, "a wrong one")
        });
        let answers = join_all(guesses).await;
        let compared = answers.iter().filter(|answer| answer.status == 401).count();
        // Requests at once do not look at the clock at once: whoever looked last makes the others some milliseconds early
        // for the tenth. A minute may have passed, too.
        assert!((9..=11).contains(&compared), "{compared} were compared: {answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 30 - compared);
    }

    async fn who_knows_the_password_is_not_slowed_down(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        let used = async || server.column::<i64>("select used_until from throttles order by used_until desc").await;
        for _ in 0..3 {
            for _ in 0..9 {
                sign_in(&nobody, VICTIM, &alice.email, "a wrong one").await.expect(401);
            }
            let [of_account, of_address] = used().await[..] else { panic!("two subjects") };
            assert!(of_account > of_address);
            // Nothing is left of the account's, and of the address's only what was wrong.
            sign_in(&nobody, VICTIM, &alice.email, PASSWORD).await.expect(200);
            assert_eq!(used().await, [of_address]);
        }
    }

    async fn throttled_or_not_an_unknown_account_gets_the_same_answers(server: TestServer) {
        let alice = server.provider("alice").await;
        let bob = server.provider("bob").await;
        server.milepost(&["user", "disable", "--email", &bob.email], "").await.expect_success();
        let server = reachable(server).await;
        let nobody = server.nobody();
        let mut seen: Option<Vec<_>> = None;
        let accounts = [&alice.email, &bob.email, "nobody@provider.example", "not an address", ""];
        for (number, email) in accounts.into_iter().enumerate() {
            let address = format!("192.0.2.{number}");
            let mut answers = Vec::new();
            for _ in 0..12 {
                answers.push(as_seen(&sign_in(&nobody, &address, email, "a wrong one").await));
            }
            assert_eq!((answers[0].0, answers[11].0), (401, 429));
            assert_eq!(&answers, seen.get_or_insert_with(|| answers.clone()), "{email}");
        }
    }

    async fn who_was_tried_stands_nowhere(server: TestServer) {
        let server = reachable(server).await;
        let nobody = server.nobody();
        for _ in 0..12 {
            sign_in(&nobody, ATTACKER, "somebody@elsewhere.example", "a wrong one").await;
        }
        assert!(!server.keeps("somebody@elsewhere.example").await);
        let subjects = server.column::<Vec<u8>>("select subject from throttles").await;
        assert!(subjects.len() == 2 && subjects.iter().all(|subject| subject.len() == 32), "{subjects:?}");
    }

    async fn what_is_given_back_is_cleared_away(server: TestServer) {
        let server = reachable(server).await;
        let nobody = server.nobody();
        sign_in(&nobody, ATTACKER, "somebody@elsewhere.example", "a wrong one").await.expect(401);
        let long_ago = format!("insert into throttles values ({}, 1)", server.database.bytes(b"x"));
        server.database.raw().await.execute(&long_ago).await.unwrap();
        // A server clears when it starts.
        let _beside = server.start_beside().await;
        eventually("what counts is kept, the rest is not", || async {
            let subjects = server.column::<Vec<u8>>("select subject from throttles").await;
            subjects.iter().all(|subject| subject != b"x")
        })
        .await;
        assert_eq!(server.column::<i64>("select used_until from throttles").await.len(), 2);
    }

    async fn who_tries_links_is_kept_off_for_a_while(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("carol@customer.example").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        let link = format!("/invitations/{token}");
        let read = async |address: &str, path: &str| from(&nobody, address, Method::GET, path, Value::Null).await;
        // One that leads somewhere does not count, however often it is followed.
        for _ in 0..110 {
            read(ATTACKER, &link).await.expect(200);
        }
        let mut misses = 0;
        let refused = loop {
            let accept = format!("/invitations/guess{misses}/accept");
            let answer = match misses % 2 {
                0 => read(ATTACKER, &format!("/invitations/guess{misses}")).await,
                _ => from(&nobody, ATTACKER, Method::POST, &accept, json!({})).await,
            };
            if answer.status != 404 {
                break answer;
            }
            misses += 1;
            assert!(misses < 200);
        };
        assert!(misses >= 100, "{misses}");
        expect_throttled(refused, 1..=3);
        expect_throttled(read(ATTACKER, &link).await, 1..=3);
        let acceptance = json!({"first_name": "C", "last_name": "C", "password": PASSWORD});
        let accept = format!("{link}/accept");
        expect_throttled(from(&nobody, ATTACKER, Method::POST, &accept, acceptance.clone()).await, 1..=3);
        from(&nobody, VICTIM, Method::POST, &accept, acceptance).await.expect(201);
    }

    async fn an_address_makes_twenty_accounts_at_once(server: TestServer) {
        let open = |settings: &mut Settings| {
            trusting(settings);
            settings.signup = Signup::Open;
        };
        let server = TestServer::start_over(server.stop().await, open).await;
        let nobody = server.nobody();
        let account = |number: usize| {
            let email = format!("somebody{number}@new.example");
            json!({"email": email, "password": PASSWORD, "first_name": "S", "last_name": "B", "role": "provider"})
        };
        for number in 0..20 {
            from(&nobody, ATTACKER, Method::POST, "/users", account(number)).await.expect(201);
        }
        // An address that is taken counts as well: it tells that it is.
        expect_throttled(from(&nobody, ATTACKER, Method::POST, "/users", account(0)).await, 1..=60);
        expect_throttled(from(&nobody, ATTACKER, Method::POST, "/users", account(20)).await, 1..=60);
        from(&nobody, VICTIM, Method::POST, "/users", account(20)).await.expect(201);
    }

    async fn who_has_a_session_does_not_find_out_the_password(server: TestServer) {
        let alice = server.provider("alice").await;
        let stolen = Person::sign_in(&server.url, &alice.email).await;
        let change = |current: &str| json!({"current_password": current, "new_password": "a new password"});
        for _ in 0..10 {
            stolen.post("/users/me/password", change("a wrong one")).await.expect_problem(422, &["/current_password"]);
        }
        expect_throttled(stolen.post("/users/me/password", change("a wrong one")).await, 1..=60);
        expect_throttled(stolen.post("/users/me/password", change(PASSWORD)).await, 1..=60);
        alice.post("/users/me/password", change("a wrong one")).await.expect_problem(422, &["/current_password"]);
        alice.post("/users/me/password", change(PASSWORD)).await.expect(200);
        stolen.get("/users/me").await.expect(401);
    }

    async fn an_address_gets_its_share_of_the_hashing_and_no_more(server: TestServer) {
        let alice = server.provider("alice").await;
        let server = reachable(server).await;
        let nobody = server.nobody();
        let gate = &server.app.gates().passwords;
        // All turns are taken, so that whoever comes waits.
        let turns = gate.load().room.turns;
        let held = join_all((0..turns).map(|_| gate.enter(None))).await;
        let flood = tokio::spawn({
            let nobody = nobody.clone();
            async move {
                let sign_ins = (0..90).map(|number| {
                    let (address, email) = (format!("2001:db8:1:2::{number:x}"), format!("nobody{number}@provider.example"));
                    let nobody = &nobody;
                    async move { sign_in(nobody, &address, &email, PASSWORD).await }
                });
                join_all(sign_ins).await
            }
        });
        let full = async || gate.load().used.places == turns + 16;
        eventually("the address has all that it gets", full).await;
        let victim = tokio::spawn({
            let (nobody, email) = (nobody.clone(), alice.email.clone());
            async move { sign_in(&nobody, VICTIM, &email, PASSWORD).await }
        });
        eventually("the victim waits", async || gate.holders() == 2).await;
        drop(held);
        victim.await.unwrap().expect(200);
        let refused: Vec<Answer> = flood.await.unwrap().into_iter().filter(|answer| answer.status == 503).collect();
        assert!(refused.len() >= 90 - 16, "{}", refused.len());
        for answer in refused {
            assert_eq!(answer.headers["retry-after"], "1");
            let problem = answer.expect_problem(503, &[]);
            assert_eq!(problem["detail"], "Too many are signing in from your address at once; try again in a moment.");
        }
        assert_eq!(gate.holders(), 0);
    }

    async fn what_was_refused_for_want_of_room_is_no_guess(server: TestServer) {
        let open = |settings: &mut Settings| settings.signup = Signup::Open;
        let server = TestServer::start_over(server.stop().await, open).await;
        let alice = server.provider("alice").await;
        let nobody = server.nobody();
        let change = json!({"current_password": PASSWORD, "new_password": "a new password"});
        let login = json!({"email": alice.email, "password": PASSWORD});
        let account = json!({"email": "zoe@new.example", "password": PASSWORD, "first_name": "Z", "last_name": "Z",
            "role": "provider"});
        let gate = &server.app.gates().passwords;
        let taken = || format!("select count(*) from throttles where used_until > {}", server.clock.now().timestamp_micros());
        let try_all = async || {
            let tried = tokio::join!(
                alice.post("/users/me/password", change.clone()),
                nobody.post("/login", login.clone()),
                nobody.post("/users", account.clone())
            );
            <[Answer; 3]>::from(tried)
        };
        // There is no place left; and then there are, but nobody's turn comes.
        let places: Vec<_> = std::iter::from_fn(|| gate.take(None, 1).ok()).collect();
        for answer in try_all().await {
            assert_eq!(answer.headers["retry-after"], "1");
            answer.expect_problem(503, &[]);
        }
        drop(places);
        let turns = join_all((0..gate.load().room.turns).map(|_| gate.enter(None))).await;
        for answer in try_all().await {
            answer.expect_problem(503, &[]);
        }
        assert_eq!(server.column::<i64>(taken()).await, [0]);
        drop(turns);
        for (answer, status) in try_all().await.into_iter().zip([200, 200, 201]) {
            answer.expect(status);
        }
    }
}
