//! Accounts: sign-in, sign-up, profile, and what the operator does with `milepost user`.

use milepost::audit::Actor;
use milepost::config::Signup;
use milepost::users::set_password;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, SetCookie, TestServer, on_both, sha256};

/// Signs in and gives the answer whole.
async fn sign_in(server: &TestServer, email: &str, password: &str) -> Answer {
    server.nobody().post("/login", json!({"email": email, "password": password})).await
}

/// `GET /users/me` with nothing but this cookie.
async fn me_with_cookie(server: &TestServer, cookie: &SetCookie) -> Answer {
    let nobody = server.nobody();
    nobody.send(nobody.request(Method::GET, "/users/me").header("cookie", cookie.pair())).await
}

fn new_account(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password, "first_name": "Erin", "last_name": "New", "role": "provider"})
}

/// The arguments of `milepost user add` for a provider.
fn user_add(email: &str) -> Vec<&str> {
    let names = ["--first-name", "Zoe", "--last-name", "Zuse", "--password-stdin"];
    ["user", "add", "--role", "provider", "--email", email].into_iter().chain(names).collect()
}

on_both! {
    async fn a_provider_signs_in_and_reads_their_profile(server: TestServer) {
        let alice = server.provider("alice").await;
        let me = alice.get("/users/me").await.expect(200);
        assert_eq!(me["email"], "alice@provider.example");
        assert_eq!(me["role"], "provider");
        assert!(me.get("password").is_none());
    }

    async fn the_login_takes_a_form_too(server: TestServer) {
        let alice = server.provider("alice").await;
        let form = "username=alice%40provider.example&password=correct+horse+battery";
        let browser = server.nobody();
        let user = browser.post_text("/login", "application/x-www-form-urlencoded", form).await.expect(200);
        assert_eq!(user["id"], alice.id.as_str());
        assert_eq!(browser.get("/users/me").await.expect(200), user);

        let without = browser.post_text("/login", "application/x-www-form-urlencoded", "username=alice").await;
        without.expect_problem(422, &[""]);
        browser.post_text("/login", "text/plain", form).await.expect_problem(415, &[]);
    }

    async fn the_case_of_the_address_does_not_matter(server: TestServer) {
        server.provider("alice").await;
        let user = sign_in(&server, " ALICE@Provider.EXAMPLE ", PASSWORD).await.expect(200);
        assert_eq!(user["email"], "alice@provider.example");
    }

    async fn every_login_that_fails_gets_the_same_answer(server: TestServer) {
        let alice = server.provider("alice").await;
        let bob = server.provider("bob").await;
        server.milepost(&["user", "disable", "--email", &bob.email], "").await.expect_success();
        let long = "x".repeat(300);
        let wrong = sign_in(&server, &alice.email, "wrong password").await;
        wrong.clone().expect_problem(401, &[]);
        assert!(!wrong.headers.contains_key("set-cookie"));
        for (email, password) in [
            ("nobody@provider.example", "wrong password"),  // an unknown account
            ("nobody@provider.example", PASSWORD),
            (bob.email.as_str(), PASSWORD),  // a disabled account
            (alice.email.as_str(), ""),  // what can be no password
            (alice.email.as_str(), long.as_str()),
            ("not an address", PASSWORD),
            ("", ""),
        ] {
            let answer = sign_in(&server, email, password).await;
            assert_eq!((answer.status, &answer.text), (401, &wrong.text), "{email}");
        }
    }

    async fn the_cookie_on_http_is_kept_from_scripts_and_other_ports(server: TestServer) {
        let alice = server.provider("alice").await;
        let cookie = sign_in(&server, &alice.email, PASSWORD).await.cookie();
        assert_eq!(cookie.name, format!("milepost-{}", server.address.port()));
        assert!(cookie.value.len() >= 22, "at least 128 bits: {cookie:?}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.has(attribute), "{attribute}: {cookie:?}");
        }
        assert!(!cookie.has("Secure"), "a browser would not send it back over http: {cookie:?}");
        me_with_cookie(&server, &cookie).await.expect(200);
    }

    async fn the_cookie_on_https_is_secure_and_bound_to_the_host(server: TestServer) {
        server.provider("alice").await;
        let server = TestServer::start_behind_https(server.stop().await).await;
        let browser = Person::nobody_by_https(&server.url);
        let me = async |cookie: &SetCookie| {
            browser.send(browser.request(Method::GET, "/users/me").header("cookie", cookie.pair())).await
        };
        let login = json!({"email": "alice@provider.example", "password": PASSWORD});
        let cookie = browser.post("/login", login).await.cookie();
        assert_eq!(cookie.name, "__Host-milepost");
        for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.has(attribute), "{attribute}: {cookie:?}");
        }
        assert!(!cookie.attributes.iter().any(|one| one.starts_with("Domain")), "{cookie:?}");
        me(&cookie).await.expect(200);

        // Under another name, which a neighbouring host could have set, it counts for nothing.
        for name in ["milepost", "milepost-443", "__Secure-milepost"] {
            let renamed = SetCookie { name: name.to_owned(), value: cookie.value.clone(), attributes: Vec::new() };
            me(&renamed).await.expect_problem(401, &[]);
        }
    }

    async fn signing_out_ends_the_session_for_good(server: TestServer) {
        let alice = server.provider("alice").await;
        let cookie = sign_in(&server, &alice.email, PASSWORD).await.cookie();
        let nobody = server.nobody();
        let left = nobody.send(nobody.request(Method::POST, "/logout").header("cookie", cookie.pair())).await;
        assert_eq!(left.status, 200, "{}", left.text);
        let removal = left.cookie();
        assert_eq!((removal.name.as_str(), removal.value.as_str()), (cookie.name.as_str(), ""));
        assert!(removal.has("Max-Age=0"), "{removal:?}");

        me_with_cookie(&server, &cookie).await.expect_problem(401, &[]);
        alice.get("/users/me").await.expect(200);  // another session of hers goes on
        server.nobody().post("/logout", json!({})).await.expect_problem(401, &[]);
    }

    async fn a_stream_ends_with_its_session(server: TestServer) {
        let alice = server.provider("alice").await;
        let mut stream = alice.stream("/jobs/stream", None).await;
        assert_eq!(stream.expect().await.event, "ready");
        alice.post("/logout", json!({})).await.expect(200);
        stream.expect_end().await;
    }

    async fn sessions_are_stored_hashed(server: TestServer) {
        let alice = server.provider("alice").await;
        let cookie = sign_in(&server, &alice.email, PASSWORD).await.cookie();
        let hash = sha256(&cookie.value);
        assert!(server.column::<Vec<u8>>("select token_hash from sessions").await.contains(&hash));
        assert!(!server.keeps(&cookie.value).await);
    }

    async fn passwords_are_stored_as_argon2id_hashes(server: TestServer) {
        server.provider("alice").await;
        let stored = server.column::<String>("select password from users").await;
        assert!(stored.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")), "{stored:?}");
        assert!(!server.keeps(PASSWORD).await);
    }

    async fn a_profile_changes_where_it_is_told_to(server: TestServer) {
        let alice = server.provider("alice").await;
        let before = alice.get("/users/me").await.expect(200);
        let named = alice.patch("/users/me", json!({"organization": "Scans Ltd", "last_name": "Ärzte 博士"})).await.expect(200);
        assert_eq!(named["organization"], "Scans Ltd");
        assert_eq!(named["last_name"], "Ärzte 博士");
        assert_eq!(named["first_name"], before["first_name"]);
        assert_eq!(named["created_at"], before["created_at"]);

        let kept = alice.patch("/users/me", json!({"first_name": "Alicia"})).await.expect(200);
        assert_eq!((&kept["organization"], &kept["first_name"]), (&json!("Scans Ltd"), &json!("Alicia")));
        let taken_away = alice.patch("/users/me", json!({"organization": null})).await.expect(200);
        assert_eq!((&taken_away["organization"], &taken_away["first_name"]), (&Value::Null, &json!("Alicia")));
        assert_eq!(alice.get("/users/me").await.expect(200), taken_away);

        for (change, pointer) in [
            (json!({"organization": ""}), "/organization"),
            (json!({"first_name": "x".repeat(201)}), "/first_name"),
            (json!({"last_name": "a\u{0}b"}), "/last_name"),
            (json!({"organization": 7}), "/organization"),
            (json!({"email": "other@provider.example"}), "/email"),
            (json!({"role": "customer"}), "/role"),
            (json!({"password": PASSWORD}), "/password"),
        ] {
            alice.patch("/users/me", change).await.expect_problem(422, &[pointer]);
        }
        assert_eq!(alice.get("/users/me").await.expect(200), taken_away);
    }

    async fn two_changes_at_once_both_hold(server: TestServer) {
        let alice = server.provider("alice").await;
        for round in 0..20 {
            let (first, last) = (format!("First {round}"), format!("Last {round}"));
            let (one, other) = tokio::join!(
                alice.patch("/users/me", json!({"first_name": first})),
                alice.patch("/users/me", json!({"last_name": last})),
            );
            assert_eq!((one.status, other.status), (200, 200));
            let me = alice.get("/users/me").await.expect(200);
            assert_eq!((&me["first_name"], &me["last_name"]), (&json!(first), &json!(last)));
        }
    }

    async fn sign_up_is_closed_unless_the_operator_opens_it(server: TestServer) {
        let alice = server.provider("alice").await;
        let refused = server.nobody().post("/users", new_account("erin@new.example", PASSWORD)).await;
        refused.clone().expect_problem(403, &[]);
        // Nor does it tell who has an account.
        let taken = server.nobody().post("/users", new_account(&alice.email, PASSWORD)).await;
        assert_eq!(taken.text, refused.text);
        sign_in(&server, "erin@new.example", PASSWORD).await.expect(401);

        let open = |settings: &mut milepost::config::Settings| settings.signup = Signup::Open;
        let server = TestServer::start_over(server.stop().await, open).await;
        let erin = server.nobody().post("/users", new_account("Erin@New.example", PASSWORD)).await.expect(201);
        assert_eq!((&erin["email"], &erin["role"]), (&json!("erin@new.example"), &json!("provider")));
        assert_eq!(Person::sign_in(&server.url, "erin@new.example").await.get("/users/me").await.expect(200), erin);
    }

    async fn an_address_is_one_account_regardless_of_case(server: TestServer) {
        let alice = server.provider("alice").await;
        let open = |settings: &mut milepost::config::Settings| settings.signup = Signup::Open;
        let server = TestServer::start_over(server.stop().await, open).await;
        for address in ["alice@provider.example", "ALICE@provider.example", " Alice@Provider.Example "] {
            server.nobody().post("/users", new_account(address, "another password")).await.expect_problem(409, &[]);
        }
        let run = server.milepost(&user_add("aLiCe@provider.example"), "another password\n").await;
        run.expect_complaint("there is an account alice@provider.example already");
        assert_eq!(sign_in(&server, &alice.email, PASSWORD).await.expect(200)["first_name"], "alice");

        // Of two who sign up at once, one gets the account.
        let (one, other) = (server.nobody(), server.nobody());
        let (one, other) = tokio::join!(
            one.post("/users", new_account("twin@new.example", PASSWORD)),
            other.post("/users", new_account("TWIN@new.example", PASSWORD)),
        );
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }

    async fn a_new_account_is_checked_at_every_limit(server: TestServer) {
        let open = |settings: &mut milepost::config::Settings| settings.signup = Signup::Open;
        let server = TestServer::start_over(server.stop().await, open).await;
        let nobody = server.nobody();
        // Characters count, not bytes; spaces count.
        let good = ["12345 78".to_owned(), "ü".repeat(8), " ".repeat(8), "ü".repeat(256)];
        for (index, password) in good.iter().enumerate() {
            let email = format!("good{index}@new.example");
            nobody.post("/users", new_account(&email, password)).await.expect(201);
            sign_in(&server, &email, password).await.expect(200);
        }
        for password in ["", "1234567", "üüüüüüü", &"x".repeat(257), "with\u{0}a nul"] {
            nobody.post("/users", new_account("bad@new.example", password)).await.expect_problem(422, &["/password"]);
        }
        let local = |length: usize| format!("{}@new.example", "x".repeat(length - "@new.example".len()));
        nobody.post("/users", new_account(&local(254), PASSWORD)).await.expect(201);
        for email in [&local(255), "", "erin", "@new.example", "erin@", "a@b@c.example", "e rin@new.example", "e\u{0}@x.example"] {
            nobody.post("/users", new_account(email, PASSWORD)).await.expect_problem(422, &["/email"]);
        }
        let mut admin = new_account("bad@new.example", PASSWORD);
        admin["role"] = json!("admin");
        nobody.post("/users", admin).await.expect_problem(422, &["/role"]);
        let mut disabled = new_account("bad@new.example", PASSWORD);
        disabled["disabled_at"] = Value::Null;
        nobody.post("/users", disabled).await.expect_problem(422, &["/disabled_at"]);
        sign_in(&server, "bad@new.example", PASSWORD).await.expect(401);
    }

    async fn a_password_that_everybody_tries_first_is_refused_wherever_one_is_chosen(server: TestServer) {
        let alice = server.provider("alice").await;
        let token = alice.invite("carol.customer@customer.example").await;
        let open = |settings: &mut milepost::config::Settings| settings.signup = Signup::Open;
        let server = TestServer::start_over(server.stop().await, open).await;
        let alice = Person::sign_in(&server.url, &alice.email).await;
        let nobody = server.nobody();
        // Whatever its capitals; nor one's own address.
        for password in ["password1", "PassWord1", "12345678", "1q2w3e4r5t", "erin.new@new.example", "ERIN.new"] {
            let refused = nobody.post("/users", new_account("erin.new@new.example", password)).await;
            refused.expect_problem(422, &["/password"]);
        }
        for password in ["password1", "Carol.Customer"] {
            let acceptance = json!({"first_name": "Carol", "last_name": "C", "password": password});
            nobody.post(&format!("/invitations/{token}/accept"), acceptance).await.expect_problem(422, &["/password"]);
        }
        for password in ["password1", "alice@provider.example"] {
            let change = json!({"current_password": PASSWORD, "new_password": password});
            alice.post("/users/me/password", change).await.expect_problem(422, &["/new_password"]);
        }
        let set_password = ["user", "set-password", "--email", &alice.email, "--password-stdin"];
        for (arguments, password, message) in [
            (user_add("zoe.zuse@provider.example"), "password1", "one of the most common passwords"),
            (user_add("zoe.zuse@provider.example"), "zoe.zuse", "must not be your e-mail address"),
            (set_password.to_vec(), "qwertyuiop", "one of the most common passwords"),
            (set_password.to_vec(), "alice@provider.example", "must not be your e-mail address"),
        ] {
            server.milepost(&arguments, password).await.expect_complaint(message);
        }
        assert_eq!(server.column::<i64>("select count(*) from users").await, [1]);
        // Who has such a password from before may still sign in.
        let old = server.app.passwords().enter(&milepost::audit::Origin::default()).unwrap().hash("password1".to_owned().try_into().unwrap()).await.unwrap();
        server.database.raw().await.execute(&format!("update users set password = '{old}'")).await.unwrap();
        sign_in(&server, &alice.email, "password1").await.expect(200);
    }

    async fn a_disabled_account_is_out_within_a_second_on_every_server(server: TestServer) {
        let alice = server.provider("alice").await;
        let beside = server.start_beside().await;
        let alice_beside = Person::sign_in(&beside.url, &alice.email).await;
        let program = alice.with_new_key("write").await;
        let mut streams = vec![
            alice.stream("/jobs/stream", None).await,
            alice_beside.stream("/jobs/stream", None).await,
            program.at(&beside).stream("/jobs/stream", None).await,
        ];
        for stream in &mut streams {
            assert_eq!(stream.expect().await.event, "ready");
        }

        let said = server.milepost(&["user", "disable", "--email", "Alice@Provider.example"], "").await.expect_success();
        assert!(said.contains("alice@provider.example is disabled"), "{said}");
        for stream in &mut streams {
            stream.expect_end().await;
        }
        for person in [&alice, &alice_beside, &program, &program.at(&beside)] {
            person.get("/users/me").await.expect_problem(401, &[]);
            person.post("/job-configurations", json!({})).await.expect_problem(401, &[]);
        }
        assert!(server.milepost(&["user", "list"], "").await.expect_success().trim_end().ends_with("disabled"));

        // Let in again, she signs in again: the old sessions are over.
        server.milepost(&["user", "enable", &alice.email], "").await.expect_success();
        alice.get("/users/me").await.expect(401);
        alice_beside.get("/users/me").await.expect(401);
        sign_in(&server, &alice.email, PASSWORD).await.expect(200);
    }

    async fn a_new_password_ends_the_sessions(server: TestServer) {
        let alice = server.provider("alice").await;
        let program = alice.with_new_key("write").await;
        let bob = server.provider("bob").await;
        let mut stream = alice.stream("/jobs/stream", None).await;
        assert_eq!(stream.expect().await.event, "ready");

        let arguments = ["user", "set-password", "--email", &alice.email, "--password-stdin"];
        server.milepost(&arguments, "a new password\n").await.expect_success();
        stream.expect_end().await;
        alice.get("/users/me").await.expect_problem(401, &[]);
        sign_in(&server, &alice.email, PASSWORD).await.expect(401);
        sign_in(&server, &alice.email, "a new password").await.expect(200);
        program.get("/users/me").await.expect(200);
        bob.get("/users/me").await.expect(200);
    }

    async fn no_login_with_the_old_password_outlives_a_new_one(server: TestServer) {
        let alice = server.provider("alice").await;
        let email = alice.email.clone().try_into().unwrap();
        let people: Vec<Person> = (0..12).map(|_| server.nobody()).collect();
        let login = json!({"email": alice.email, "password": PASSWORD});
        let logins = futures::future::join_all(people.iter().map(|person| person.post("/login", login.clone())));
        let change = set_password(&server.app, &Actor::OPERATOR, &email, "a new password".to_owned().try_into().unwrap());
        let (_, changed) = tokio::join!(logins, change);
        assert!(changed.unwrap());
        for person in &people {
            person.get("/users/me").await.expect(401);
        }
    }

    async fn a_new_password_ends_the_other_sessions_and_leaves_this_one_and_the_keys(server: TestServer) {
        let alice = server.provider("alice").await;
        let elsewhere = Person::sign_in(&server.url, &alice.email).await;
        let bob = server.provider("bob").await;
        let with_key = alice.with_new_key("write").await;
        let mut here = alice.stream("/jobs/stream", None).await;
        let mut there = elsewhere.stream("/jobs/stream", None).await;
        let mut of_key = with_key.stream("/jobs/stream", None).await;
        for stream in [&mut here, &mut there, &mut of_key] {
            assert_eq!(stream.expect().await.event, "ready");
        }
        let change = json!({"current_password": PASSWORD, "new_password": "a new password"});
        let user = alice.post("/users/me/password", change).await.expect(200);
        assert_eq!(user, alice.get("/users/me").await.expect(200));
        there.expect_end().await;
        elsewhere.get("/users/me").await.expect_problem(401, &[]);
        for going_on in [&mut here, &mut of_key] {
            going_on.expect_access().await;
            going_on.expect_silence(std::time::Duration::from_millis(200)).await;
        }
        with_key.get("/users/me").await.expect(200);
        bob.get("/users/me").await.expect(200);
        sign_in(&server, &alice.email, PASSWORD).await.expect(401);
        sign_in(&server, &alice.email, "a new password").await.expect(200);
        sign_in(&server, &bob.email, PASSWORD).await.expect(200);
        assert!(!server.keeps("a new password").await);
    }

    async fn a_password_changes_only_for_who_knows_the_current_one(server: TestServer) {
        let alice = server.provider("alice").await;
        let elsewhere = Person::sign_in(&server.url, &alice.email).await;
        let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
        let mut unknown = change(PASSWORD, "a new password");
        unknown["email"] = json!("mallory@provider.example");
        for (body, pointer) in [
            (change("wrong password", "a new password"), "/current_password"),
            (change("", "a new password"), "/current_password"),
            (change(&"x".repeat(300), "a new password"), "/current_password"),
            (change(PASSWORD, "short"), "/new_password"),
            (change(PASSWORD, &"x".repeat(257)), "/new_password"),
            (change(PASSWORD, "no\u{0}password"), "/new_password"),
            (unknown, "/email"),
        ] {
            alice.post("/users/me/password", body).await.expect_problem(422, &[pointer]);
        }
        let valid = change(PASSWORD, "a new password");
        alice.with_new_key("write").await.post("/users/me/password", valid.clone()).await.expect_problem(403, &[]);
        server.nobody().post("/users/me/password", valid).await.expect_problem(401, &[]);
        for session in [&alice, &elsewhere] {
            session.get("/users/me").await.expect(200);
        }
        sign_in(&server, &alice.email, PASSWORD).await.expect(200);
    }

    async fn of_two_password_changes_at_once_one_holds(server: TestServer) {
        let alice = server.provider("alice").await;
        let elsewhere = Person::sign_in(&server.url, &alice.email).await;
        let change = |new: &str| json!({"current_password": PASSWORD, "new_password": new});
        let (one, other) = tokio::join!(
            alice.post("/users/me/password", change("one password")),
            elsewhere.post("/users/me/password", change("other password")),
        );
        let won = [(&one, "one password"), (&other, "other password")].into_iter().filter(|(answer, _)| answer.status == 200);
        let [(_, password)] = won.collect::<Vec<_>>()[..] else { panic!("{} and {}", one.text, other.text) };
        sign_in(&server, &alice.email, password).await.expect(200);
    }

    async fn no_sign_in_at_the_same_moment_outlives_a_password_change(server: TestServer) {
        let alice = server.provider("alice").await;
        let people: Vec<Person> = (0..12).map(|_| server.nobody()).collect();
        let login = json!({"email": alice.email, "password": PASSWORD});
        let logins = futures::future::join_all(people.iter().map(|person| person.post("/login", login.clone())));
        let change = json!({"current_password": PASSWORD, "new_password": "a new password"});
        let (_, changed) = tokio::join!(logins, alice.post("/users/me/password", change));
        changed.expect(200);
        for person in &people {
            person.get("/users/me").await.expect(401);
        }
        alice.get("/users/me").await.expect(200);
    }

    async fn anybody_may_know_the_servers_version_and_who_may_sign_up(server: TestServer) {
        let version = env!("CARGO_PKG_VERSION");
        let server_is = async |server: &TestServer| server.nobody().get("/server").await.expect(200);
        assert_eq!(server_is(&server).await, json!({"version": version, "signup": "invitation"}));
        let open = |settings: &mut milepost::config::Settings| settings.signup = Signup::Open;
        let server = TestServer::start_over(server.stop().await, open).await;
        assert_eq!(server_is(&server).await, json!({"version": version, "signup": "open"}));
    }

    async fn the_operator_adds_and_lists_accounts_beside_the_server(server: TestServer) {
        assert_eq!(server.milepost(&["user", "list"], "").await.expect_success(), "");
        let mut add = user_add("Zoe@Provider.example");
        add.extend(["--organization", "Zuse KG"]);
        let added = server.milepost(&add, "a good password\nwhat follows is not read").await.expect_success();
        let zoe = sign_in(&server, "zoe@provider.example", "a good password").await.expect(200);
        assert_eq!(added, format!("{}  zoe@provider.example\n", zoe["id"].as_str().unwrap()));
        assert_eq!((&zoe["role"], &zoe["organization"]), (&json!("provider"), &json!("Zuse KG")));

        let listed = server.milepost(&["user", "list"], "").await.expect_success();
        let line = format!("{}  provider  zoe@provider.example  Zoe Zuse (Zuse KG)\n", zoe["id"].as_str().unwrap());
        assert_eq!(listed, line);
    }

    async fn the_operator_is_told_what_is_wrong(server: TestServer) {
        let mut no_name = user_add("zoe@provider.example");
        no_name[7] = "";
        let set_password = ["user", "set-password", "--email", "zoe@provider.example", "--password-stdin"];
        for (arguments, stdin, message) in [
            (user_add("zoe"), PASSWORD, "milepost: --email: is not an e-mail address"),
            (no_name, PASSWORD, "milepost: --first-name: must have 1 to 200 characters, has 0"),
            (user_add("zoe@provider.example"), "short", "milepost: password: must have 8 to 256 characters"),
            (user_add("zoe@provider.example"), "", "milepost: password: must have 8 to 256 characters"),
            (user_add("zoe@provider.example")[..10].to_vec(), PASSWORD, "use --password-stdin"),
            (set_password.to_vec(), PASSWORD, "milepost: there is no account zoe@provider.example"),
            (vec!["user", "disable", "--email", "zoe@provider.example"], "", "milepost: there is no account"),
            (vec!["user", "disable", "--email", "zoe"], "", "milepost: --email: is not an e-mail address"),
            (vec!["user", "add", "--role", "admin"], "", "invalid value 'admin' for '--role <ROLE>'"),
        ] {
            server.milepost(&arguments, stdin).await.expect_complaint(message);
        }
        assert!(server.column::<String>("select email from users").await.is_empty());
    }
}
