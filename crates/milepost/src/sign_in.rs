//! Signing in and out. Whoever guesses learns nothing but that it was wrong: not whether there is such an account, nor by
//! how long the answer takes; and gets few guesses, see [`throttle`].

use axum::extract::{Request, State};
use axum_extra::extract::cookie::CookieJar;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Action, Entry, Origin, Subject, record};
use crate::auth::Account;
use crate::auth::credentials::removal_cookie;
use crate::auth::password::Hashing;
use crate::auth::throttle::{self, Bucket};
use crate::db::{Db, Tx, on, record_access_change, sql};
use crate::error::{Error, Result};
use crate::http::{self, Json};
use crate::sessions::{Browser, begin_session};
use crate::users::{self, User};
use crate::values::{Email, Password};

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(log_in)).routes(routes!(log_out))
}

/// E-mail address and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    #[schema(format = Password)]
    password: String,
    /// Whether the session outlives the browser's, and weeks without use; not if absent.
    #[serde(default)]
    remember: bool,
}

/// What `OAuth2` clients send as a form.
#[derive(Deserialize, ToSchema)]
struct LoginForm {
    /// The e-mail address.
    username: String,
    #[schema(format = Password)]
    password: String,
    /// Whether the session outlives the browser's, and weeks without use; not if absent.
    #[serde(default)]
    remember: bool,
}

/// Sign in
///
/// Sets the session's cookie. Takes JSON `{email, password, remember}`, or a form with `username`, `password` and
/// `remember`. Failures are counted by address, and by address and account together: 429 when there are too many.
#[utoipa::path(post, path = "/login", tag = "Accounts", operation_id = "log_in",
    request_body(content((Login = "application/json"), (LoginForm = "application/x-www-form-urlencoded"))),
    responses((status = 200, description = "Signed in", body = User)), security(()))]
async fn log_in(State(app): State<App>, browser: Browser, request: Request) -> Result<(CookieJar, Json<User>)> {
    let login = read_login(request).await?;
    let hashing = app.passwords().enter(&browser.origin)?;
    let attempt = Attempt::of(&login.email, &browser.origin);
    let remember = login.remember;
    let comparing = compare(&app, hashing, login);
    let (account, matches) = throttle::charge(&app, &[&attempt.of_address, &attempt.of_account], comparing).await?;
    let mut tx = app.db().begin().await?;
    match account {
        Some(account) if matches && still_may_sign_in(&mut tx, &account).await? => {
            attempt.succeed(&mut tx).await?;
            let cookie = begin_session(&app, &mut tx, account.user.id, remember, browser).await?;
            tx.commit().await?;
            Ok((CookieJar::new().add(cookie), Json(account.user)))
        }
        account => {
            let id = account.map(|account| account.user.id);
            let entry = Entry::new(Action::SignInFailed, id);
            let entry = id.into_iter().fold(entry, |entry, id| entry.about(Subject::Account(id)));
            record(&app, &mut tx, &browser.origin.nobody(), entry).await?;
            tx.commit().await?;
            Err(Error::Unauthenticated("E-mail address or password is wrong."))
        }
    }
}

async fn read_login(request: Request) -> Result<Login> {
    let media_type = http::media_type(request.headers());
    let body = http::read_body(request).await?;
    match media_type.as_deref() {
        Some("application/x-www-form-urlencoded") => {
            let form: LoginForm = serde_urlencoded::from_bytes(&body)
                .map_err(|_| Error::invalid("", "the form needs the fields username and password"))?;
            Ok(Login { email: form.username, password: form.password, remember: form.remember })
        }
        None | Some("application/json") => http::parse_object(&body),
        Some(_) => Err(Error::UnsupportedMediaType("application/json or application/x-www-form-urlencoded")),
    }
}

/// One attempt to sign in: it counts from before the password is looked at.
struct Attempt {
    of_address: Bucket,
    of_account: Bucket,
}

impl Attempt {
    fn of(typed_email: &str, origin: &Origin) -> Self {
        let network = throttle::network(origin);
        let of_address = throttle::SIGN_IN_OF_ADDRESS.of(&[&network]);
        let of_account = throttle::SIGN_IN.of(&[&network, &typed_email.trim().to_lowercase()]);
        Self { of_address, of_account }
    }

    /// It was no guess: the password was right.
    async fn succeed(&self, tx: &mut Tx) -> sqlx::Result<()> {
        throttle::give_back(tx, &self.of_address).await?;
        throttle::refill(tx, &self.of_account).await
    }
}

/// The account of an address, and whether the password is its own. Takes as long where there is none.
async fn compare(app: &App, hashing: Hashing, login: Login) -> Result<(Option<StoredAccount>, bool)> {
    let account = match Email::try_from(login.email) {
        Ok(email) => find_account(app.db(), &email).await?,
        Err(_) => None,
    };
    // Text that can be no password belongs to no account, but takes as long.
    let possible = Password::try_from(login.password).ok();
    let known = possible.is_some();
    let probe = possible.unwrap_or_else(Password::decoy);
    let stored = account.as_ref().map(|account| account.password.clone());
    let matches = hashing.verify(probe, stored).await?;
    Ok((account, known && matches))
}

/// Sign out
///
/// Ends the session and its streams.
#[utoipa::path(post, path = "/logout", tag = "Accounts", operation_id = "log_out",
    responses((status = 200, description = "The session that ended", body = Ended)))]
async fn log_out(State(app): State<App>, account: Account, origin: Origin) -> Result<(CookieJar, Json<Ended>)> {
    let id = account.session_id;
    let mut tx = app.db().begin().await?;
    on!(&mut tx, |c| sqlx::query("delete from sessions where id = $1").bind(id).execute(c).await.map(drop))?;
    let entry = Entry::new(Action::SignOut, account.user_id).about(Subject::Session(id));
    record(&app, &mut tx, &origin.user(account.user_id), entry).await?;
    record_access_change(&mut tx, id, app.clock().now()).await?;
    tx.commit().await?;
    Ok((CookieJar::new().add(removal_cookie(app.settings())), Json(Ended { id })))
}

/// A session that is over.
#[derive(Debug, Serialize, ToSchema)]
struct Ended {
    id: Uuid,
}

/// An account that may sign in, with its password's hash.
#[derive(sqlx::FromRow)]
struct StoredAccount {
    #[sqlx(flatten)]
    user: User,
    password: String,
}

/// The account that may sign in with this address.
async fn find_account(db: &Db, email: &Email) -> sqlx::Result<Option<StoredAccount>> {
    let columns = users::COLUMNS;
    on!(db, |c| {
        sqlx::query_as(sql!("select {columns}, password from users where email = $1 and disabled_at is null"))
            .bind(email)
            .fetch_optional(c)
            .await
    })
}

/// Whether the account has the same password still, and keeps it until the transaction ends: comparing passwords takes
/// a while, and no session may begin after a new password or the operator has ended them all.
async fn still_may_sign_in(tx: &mut Tx, account: &StoredAccount) -> sqlx::Result<bool> {
    let hold = tx.lock_clause(" for share of users");
    let row: Option<(Uuid,)> = on!(tx, |c| {
        sqlx::query_as(sql!("select id from users where id = $1 and password = $2 and disabled_at is null{hold}"))
            .bind(account.user.id)
            .bind(&account.password)
            .fetch_optional(c)
            .await
    })?;
    Ok(row.is_some())
}
