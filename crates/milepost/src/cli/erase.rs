//! `milepost erase`: takes a person's data from the database, and then the bytes from its files. It works beside running
//! servers, which notice within a second.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::terminal::{confirm, count, say};
use super::user::parse;
use super::{DatabaseArgs, Failure, Outcome};
use crate::app::App;
use crate::erasure::{self, Erased};
use crate::values::Email;

/// How long the files are tried for while others use the database.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Erase an account, as a provider or a customer, and its address wherever it was invited
    User {
        /// The address to sign in with
        #[arg(long)]
        email: String,
        #[command(flatten)]
        how: How,
    },
    /// Erase one customer of one provider and what their jobs say; the customer's account stays
    Customer {
        /// The address of the provider's account
        #[arg(long, value_name = "EMAIL")]
        provider: String,
        /// The address that was invited
        #[arg(long)]
        email: String,
        #[command(flatten)]
        how: How,
    },
    /// Take the bytes of what was erased, deleted or replaced from the database's files
    Files,
}

#[derive(Debug, Args)]
struct How {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Leave the database's files alone for now: rewriting large ones keeps others waiting. `milepost erase files`
    /// does it
    #[arg(long)]
    files_later: bool,
}

impl Erase {
    pub(super) async fn run(self) -> Outcome {
        let app = self.database.open_existing().await?;
        let outcome = self.what.run(&app).await;
        app.db().close().await;
        outcome
    }
}

impl What {
    async fn run(self, app: &App) -> Outcome {
        let (how, erased) = match self {
            Self::User { email, how } => {
                let email: Email = parse("--email", email)?;
                how.confirm(
                    &email,
                    "the account, its sessions, keys and customer links go, and its jobs name nobody",
                )?;
                let erased = erasure::erase_user(app, &email).await?;
                let missing = format!("there is no account and no invitation {}", email.as_str());
                (how, found(app, erased, missing).await?)
            }
            Self::Customer { provider, email, how } => {
                let (provider, email): (Email, Email) = (parse("--provider", provider)?, parse("--email", email)?);
                how.confirm(&email, "the customer link goes, and its jobs name nobody")?;
                let erased = erasure::erase_customer(app, &provider, &email).await?;
                let missing = format!("{} has no customer {}", provider.as_str(), email.as_str());
                (how, found(app, erased, missing).await?)
            }
            Self::Files => return clean(app).await,
        };
        let told = tell(&erased);
        if how.files_later {
            told?;
            return say!("The files may still hold it: run `milepost erase files`.");
        }
        clean(app).await.and(told)
    }
}

impl How {
    /// Asks for the address once more, unless told not to.
    fn confirm(&self, email: &Email, what: &str) -> Outcome {
        if self.yes { Ok(()) } else { confirm(what, email.as_str(), "nothing was erased") }
    }
}

async fn found(app: &App, erased: Option<Erased>, missing: String) -> Result<Erased, Failure> {
    if let Some(erased) = erased {
        return Ok(erased);
    }
    let hint = match erasure::count_uncleaned(app.db()).await? {
        0 => "",
        _ => "; the files may still hold what was erased before: run `milepost erase files`",
    };
    Err(Failure(format!("{missing}{hint}")))
}

fn tell(erased: &Erased) -> Outcome {
    let Erased { account, sessions, keys, links, jobs } = erased;
    if *account {
        say!("Erased the account, {} and {}.", count(*sessions, "session"), count(*keys, "key"))?;
    }
    say!("Erased {}.", count(*links, "customer link"))?;
    say!("Anonymised {}; what they count for stays.", count(jobs.jobs, "job"))?;
    if jobs.under_way > 0 {
        say!("Of these {} had not finished: events for them are refused from now on.", jobs.under_way)?;
    }
    Ok(())
}

async fn clean(app: &App) -> Outcome {
    if !erasure::clean_files(app, PATIENCE).await? {
        return Err(Failure(
            "the tables are clean, but the files could not be rewritten, since another program did not let go of the \
             database; run `milepost erase files` when it is less busy"
                .to_owned(),
        ));
    }
    say!("The database's files are rewritten. Backups made before still hold what was erased.")
}
