//! How often somebody may guess. What is limited is an address, or an account *and* an address, never an account alone:
//! nobody can keep another from signing in.
//!
//! What is used up stands in the database, for all servers together: of each subject one number, the time at which all
//! that was taken is given back (the generic cell rate algorithm). It is taken before anything is compared, so that
//! guesses at once do not race past it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::audit::Origin;
use crate::caller;
use crate::db::{On, Tx, on};
use crate::error::{Cause, Error, Result};

/// So many at once, then one in every so many seconds.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    what: &'static str,
    burst: i64,
    pause: i64,
}

/// Failures to sign in to one account from one address.
pub const SIGN_IN: Rate = Rate::new("sign-in", 10, 60);
/// Failures to sign in from one address. Offices share an address, so it is more.
pub const SIGN_IN_OF_ADDRESS: Rate = Rate::new("sign-in of address", 100, 3);
/// Accounts made from one address, where the sign-up is open.
pub const SIGN_UP: Rate = Rate::new("sign-up", 20, 60);
/// Links that are no invitations, from one address.
pub const INVITATION: Rate = Rate::new("invitation", 100, 3);
/// Failures to name the current password in one session. Whoever has it cannot get another without the password.
pub const PASSWORD_CHANGE: Rate = Rate::new("password change", 10, 60);

/// What is given back only so much later than anything could have been taken until was written by a clock that has
/// been set back since: it counts for nothing, or nobody could sign in until that clock's time comes.
const CLOCK_SET_BACK: i64 = 3_600 * 1_000_000;

/// How much of a rate one subject has used up.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    /// SHA-256, so that neither addresses nor e-mail addresses stand in the table.
    subject: Vec<u8>,
}

impl Rate {
    const fn new(what: &'static str, burst: i64, pause_seconds: i64) -> Self {
        Self { what, burst, pause: pause_seconds * 1_000_000 }
    }

    /// The bucket of a subject, named by these parts together.
    #[must_use]
    pub fn of(self, parts: &[&str]) -> Bucket {
        let mut hash = Sha256::new();
        for part in [self.what].iter().chain(parts) {
            hash.update(part.as_bytes());
            // Only the last part may contain it, so no two subjects are the same text.
            hash.update([0]);
        }
        Bucket { rate: self, subject: hash.finalize().to_vec() }
    }
}

/// What counts as one address, in words.
#[must_use]
pub fn network(origin: &Origin) -> String {
    origin.address().map(|address| caller::network(address).to_string()).unwrap_or_default()
}

/// Takes one from each bucket for an attempt, and gives it back where that fails on our side: it was no guess then, since
/// nothing was learned.
pub async fn charge<T>(app: &App, buckets: &[&Bucket], attempt: impl Future<Output = Result<T>>) -> Result<T> {
    take(app, buckets).await?;
    let outcome = attempt.await;
    if outcome.is_err() {
        let given_back = async {
            let mut tx = app.db().begin().await?;
            for bucket in buckets {
                give_back(&mut tx, bucket).await?;
            }
            tx.commit().await
        };
        if let Err(error) = given_back.await {
            tracing::warn!(error = %Cause(&error), "an attempt counts that was none");
        }
    }
    outcome
}

/// Takes one from each bucket, or none where one of them is empty: 429. Those of an address come first, always, so that
/// nobody waits in a circle. Asking an empty one costs a read and nothing more.
pub async fn take(app: &App, buckets: &[&Bucket]) -> Result<()> {
    let now = app.clock().now();
    for bucket in buckets {
        expect_room(app.db(), bucket, now).await?;
    }
    let mut tx = app.db().begin().await?;
    for bucket in buckets {
        if !take_one(&mut tx, bucket, now).await? {
            expect_room(&mut tx, bucket, now).await?;
            return Err(refusal(0));
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Refuses where a bucket is empty.
pub async fn expect_room(on: impl Into<On<'_>>, bucket: &Bucket, now: DateTime<Utc>) -> Result<()> {
    let used_until: Option<i64> = on!(on.into(), |c| {
        sqlx::query_scalar("select used_until from throttles where subject = $1")
            .bind(&bucket.subject)
            .fetch_optional(c)
            .await
    })?;
    let free_at = used_until.unwrap_or_default() - (bucket.rate.burst - 1) * bucket.rate.pause;
    let wait = free_at - now.timestamp_micros();
    let believable = 1..=bucket.rate.pause + CLOCK_SET_BACK;
    if believable.contains(&wait) { Err(refusal(wait)) } else { Ok(()) }
}

fn refusal(wait_micros: i64) -> Error {
    Error::TooManyRequests {
        detail: "Too many attempts from where you are; try again later.",
        retry_after: Duration::from_micros(wait_micros.unsigned_abs()),
    }
}

/// False: it is empty.
async fn take_one(tx: &mut Tx, bucket: &Bucket, now: DateTime<Utc>) -> sqlx::Result<bool> {
    let Rate { burst, pause, .. } = bucket.rate;
    let now = now.timestamp_micros();
    let taken: Option<i64> = on!(tx, |c| {
        sqlx::query_scalar(
            "insert into throttles (subject, used_until) values ($1, $2)
             on conflict (subject) do update set used_until =
                 case when throttles.used_until between $3 and $6 then throttles.used_until + $4 else $2 end
             where throttles.used_until <= $5 or throttles.used_until > $6
             returning used_until",
        )
        .bind(&bucket.subject)
        .bind(now + pause)
        .bind(now)
        .bind(pause)
        .bind(now + (burst - 1) * pause)
        .bind(now + burst * pause + CLOCK_SET_BACK)
        .fetch_optional(c)
        .await
    })?;
    Ok(taken.is_some())
}

/// Gives back what was taken, once it turned out to be no guess.
pub async fn give_back(tx: &mut Tx, bucket: &Bucket) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("update throttles set used_until = used_until - $2 where subject = $1")
            .bind(&bucket.subject)
            .bind(bucket.rate.pause)
            .execute(c)
            .await
            .map(drop)
    })
}

/// Gives back all that was taken: whoever guessed knows it now.
pub async fn refill(tx: &mut Tx, bucket: &Bucket) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("delete from throttles where subject = $1").bind(&bucket.subject).execute(c).await.map(drop)
    })
}

/// Clears away the buckets that are full again.
pub async fn clear(tx: &mut Tx, now: DateTime<Utc>) -> sqlx::Result<()> {
    on!(tx, |c| {
        sqlx::query("delete from throttles where used_until < $1")
            .bind(now.timestamp_micros())
            .execute(c)
            .await
            .map(drop)
    })
}
