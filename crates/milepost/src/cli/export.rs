//! `milepost export`: all data of an account as one JSON document on standard output, for whoever asks the operator for
//! it.

use std::io::Write;
use std::pin::pin;

use clap::{Args, Subcommand};
use futures::StreamExt;

use super::user::parse;
use super::{DatabaseArgs, Failure, Outcome};
use crate::app::App;
use crate::audit::Actor;
use crate::export::{document, record_export};
use crate::users::find_user_by_email;
use crate::values::Email;

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All data of an account
    User {
        /// The address to sign in with
        #[arg(long)]
        email: String,
    },
}

impl Export {
    pub(super) async fn run(self) -> Outcome {
        let What::User { email } = self.what;
        let email = parse("--email", email)?;
        let app = self.database.open_existing().await?;
        let outcome = write(&app, &email).await;
        app.db().close().await;
        outcome
    }
}

async fn write(app: &App, email: &Email) -> Outcome {
    let Some(user) = find_user_by_email(app.db(), email).await? else {
        return Err(Failure(format!("there is no account {}", email.as_str())));
    };
    record_export(app, &user, &Actor::OPERATOR).await?;
    let mut document = pin!(document(app.clone(), user, None));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some(piece) = document.next().await {
        out.write_all(&piece?)?;
    }
    out.flush()?;
    Ok(())
}
