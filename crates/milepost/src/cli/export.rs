//! `milepost export`: all data of an account, or of somebody who was only invited, as one JSON document on standard output,
//! for whoever asks the operator for it.

use std::io::Write;
use std::pin::pin;

use clap::{Args, Subcommand};
use futures::StreamExt;

use super::terminal::unless_unread;
use super::user::parse;
use super::{DatabaseArgs, Failure, Outcome};
use crate::app::App;
use crate::audit::Actor;
use crate::export::{Whose, document, record_export};
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
    /// All data of an account, and what providers have written to its address; also where there is no account yet
    User {
        /// The address
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
    let Some(whose) = Whose::find(app.db(), email.clone()).await? else {
        return Err(Failure(format!("there is no account and no invitation {}", email.as_str())));
    };
    record_export(app, &whose, &Actor::OPERATOR).await?;
    let mut document = pin!(document(app.clone(), whose));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some(piece) = document.next().await {
        let written = out.write_all(&piece?);
        if written.is_err() {
            // Not once more when it is dropped.
            drop(out.into_parts());
            return unless_unread(written);
        }
    }
    unless_unread(out.flush())
}
