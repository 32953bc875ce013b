//! `milepost user`: what the operator does with accounts. It works on the database itself; a running server notices
//! within a second.

use clap::{Args, Subcommand};

use super::terminal::{read_password, say};
use super::{DatabaseArgs, Failure, Outcome};
use crate::app::App;
use crate::audit::Actor;
use crate::auth::Role;
use crate::users::{self, NewUser};
use crate::values::{Email, NewPassword};

#[derive(Debug, Args)]
pub(super) struct User {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an account
    Add {
        /// `provider` or `customer`
        #[arg(long, value_enum)]
        role: Role,
        /// The address to sign in with
        #[arg(long)]
        email: String,
        /// First name
        #[arg(long)]
        first_name: String,
        /// Last name
        #[arg(long)]
        last_name: String,
        /// What the other side sees first
        #[arg(long)]
        organization: Option<String>,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all accounts
    List,
    /// Give an account another password; its sessions end
    SetPassword {
        #[command(flatten)]
        who: Who,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// Keep an account from signing in; its sessions, keys and streams end within a second
    Disable {
        #[command(flatten)]
        who: Who,
    },
    /// Let a disabled account sign in again
    Enable {
        #[command(flatten)]
        who: Who,
    },
}

/// Whose account.
#[derive(Debug, Args)]
struct Who {
    /// The address to sign in with
    #[arg(value_name = "EMAIL", required_unless_present = "email")]
    address: Option<String>,
    /// The same as a flag
    #[arg(long, conflicts_with = "address")]
    email: Option<String>,
}

impl Who {
    fn email(self) -> Result<Email, Failure> {
        parse("--email", self.address.or(self.email).unwrap_or_default())
    }
}

impl User {
    pub(super) async fn run(self) -> Outcome {
        let app = self.database.open().await?;
        let outcome = self.action.run(&app).await;
        app.db().close().await;
        outcome
    }
}

impl Action {
    async fn run(self, app: &App) -> Outcome {
        match self {
            Self::Add { role, email, first_name, last_name, organization, password_stdin } => {
                let email = parse("--email", email)?;
                if users::find_user_by_email(app.db(), &email).await?.is_some() {
                    return Err(Failure(format!(
                        "there is an account {} already; `milepost user set-password` gives it another password",
                        email.as_str()
                    )));
                }
                let new = NewUser {
                    email,
                    first_name: parse("--first-name", first_name)?,
                    last_name: parse("--last-name", last_name)?,
                    organization: organization.map(|name| parse("--organization", name)).transpose()?,
                    role,
                    password: new_password(password_stdin)?,
                };
                let user = users::add_user(app, &Actor::OPERATOR, new).await?;
                say!("{}  {}", user.id, user.email.as_str())?;
            }
            Self::List => list(app).await?,
            Self::SetPassword { who, password_stdin } => {
                let email = who.email()?;
                found(&email, users::find_user_by_email(app.db(), &email).await?.is_some())?;
                let password = new_password(password_stdin)?;
                found(&email, users::set_password(app, &Actor::OPERATOR, &email, password).await?)?;
                say!("{} has a new password; its sessions have ended.", email.as_str())?;
            }
            Self::Disable { who } => {
                let email = who.email()?;
                found(&email, users::set_disabled(app, &Actor::OPERATOR, &email, true).await?)?;
                say!("{} is disabled; its sessions, keys and streams have ended.", email.as_str())?;
            }
            Self::Enable { who } => {
                let email = who.email()?;
                found(&email, users::set_disabled(app, &Actor::OPERATOR, &email, false).await?)?;
                say!("{} may sign in again.", email.as_str())?;
            }
        }
        Ok(())
    }
}

async fn list(app: &App) -> Outcome {
    for listed in users::list_users(app.db()).await? {
        let user = listed.user;
        let role = match user.role {
            Role::Customer => "customer",
            Role::Provider => "provider",
        };
        let name = match user.organization {
            Some(organization) => format!("{} {} ({organization})", user.first_name, user.last_name),
            None => format!("{} {}", user.first_name, user.last_name),
        };
        let disabled = if listed.disabled_at.is_some() { "  disabled" } else { "" };
        say!("{}  {role}  {}  {name}{disabled}", user.id, user.email.as_str())?;
    }
    Ok(())
}

pub(super) fn parse<T: TryFrom<String, Error = String>>(flag: &str, text: String) -> Result<T, Failure> {
    T::try_from(text).map_err(|reason| Failure(format!("{flag}: {reason}")))
}

fn found(email: &Email, found: bool) -> Outcome {
    if found { Ok(()) } else { Err(Failure(format!("there is no account {}", email.as_str()))) }
}

fn new_password(from_stdin: bool) -> Result<NewPassword, Failure> {
    parse("password", read_password(from_stdin)?)
}
