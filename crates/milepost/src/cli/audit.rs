//! `milepost audit`: the audit log of everybody, as the operator reads it. It reads page by page, however long the log is.

use std::io::{self, BufWriter, Write};

use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use super::terminal::unless_unread;
use super::text::clean;
use super::{DatabaseArgs, Failure, Outcome};
use crate::app::App;
use crate::audit::{Action, ActorKind, OperatorEntry, Search, search};
use crate::paging::{Cursor, Limit};
use crate::users::find_user_by_email;
use crate::values::{Email, Instant};

/// How many entries are read at once.
const PAGE: u64 = 200;

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    database: DatabaseArgs,

    /// Entries of this time or later: `2026-11-22T09:30:00Z`, a day in UTC, or how long ago (`24h`, `14d`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Entries before this time, written the same way
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Entries of these actions only
    #[arg(long, value_enum, value_delimiter = ',')]
    action: Vec<Action>,

    /// What this account did, what is about it, and what is in its log: an e-mail address, or an id
    #[arg(long, value_name = "EMAIL")]
    account: Option<String>,

    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) async fn run(self) -> Outcome {
        let Self { database, since, until, action, account, json } = self;
        let app = database.open_existing().await?;
        let now = app.clock().now();
        let everything = Search::default();
        let wanted = Search {
            since: since.map_or(Ok(everything.since), |text| parse_time("--since", &text, now))?,
            until: until.map_or(Ok(everything.until), |text| parse_time("--until", &text, now))?,
            actions: action,
            account_id: match account {
                Some(account) => Some(find_account(&app, account).await?),
                None => None,
            },
        };
        let written = write_all(&app, &wanted, json, BufWriter::new(io::stdout())).await;
        app.db().close().await;
        match written {
            Err(WriteError::Output(error)) => unless_unread(Err(error)),
            Err(WriteError::Database(error)) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }
}

/// The id of an account; of one that is erased nothing else is left.
async fn find_account(app: &App, account: String) -> Result<Uuid, Failure> {
    if let Ok(id) = account.parse() {
        return Ok(id);
    }
    let email = Email::try_from(account).map_err(|reason| Failure(format!("--account: {reason}")))?;
    let user = find_user_by_email(app.db(), &email).await?;
    user.map(|user| user.id).ok_or_else(|| Failure(format!("there is no account {}", email.as_str())))
}

/// A time, a day, or how long ago.
fn parse_time(flag: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    if let Ok(Instant(at)) = Instant::try_from(text.to_owned()) {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<chrono::NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    let ago = humantime::parse_duration(text).ok().and_then(|ago| TimeDelta::from_std(ago).ok());
    ago.and_then(|ago| now.checked_sub_signed(ago)).ok_or_else(|| {
        Failure(format!("{flag}: {text:?} is no time such as 2026-11-22T09:30:00Z, 2026-11-22, 24h or 14d"))
    })
}

enum WriteError {
    Output(io::Error),
    Database(sqlx::Error),
}

async fn write_all(app: &App, wanted: &Search, json: bool, mut out: impl Write) -> Result<(), WriteError> {
    let limit = Limit::try_from(PAGE).unwrap_or_default();
    let mut cursor = None;
    loop {
        let entries = search(app.db(), wanted, cursor, limit).await.map_err(WriteError::Database)?;
        for entry in entries.iter().take(limit.rows()) {
            let line = if json { json_line(entry) } else { Ok(readable_line(entry)) };
            line.and_then(|line| writeln!(out, "{line}")).map_err(WriteError::Output)?;
        }
        if entries.len() <= limit.rows() {
            return out.flush().map_err(WriteError::Output);
        }
        cursor = entries.get(limit.rows() - 1).map(|last| Cursor { at: last.entry.created_at, tie: last.entry.id });
    }
}

fn json_line(entry: &OperatorEntry) -> io::Result<String> {
    Ok(serde_json::to_string(entry)?)
}

/// When, what, who, in whose log where that is somebody else's, about what, from where, and the details.
fn readable_line(OperatorEntry { tenant_id, tenant_email, entry }: &OperatorEntry) -> String {
    let at = entry.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let actor = match entry.actor {
        ActorKind::User | ActorKind::Key => entry
            .actor_email
            .clone()
            .or(entry.actor_id.map(|id| id.to_string()))
            .unwrap_or_else(|| "erased".to_owned()),
        ActorKind::Operator => "operator".to_owned(),
        ActorKind::Nobody => "nobody".to_owned(),
        ActorKind::Server => "server".to_owned(),
    };
    let mut line = format!("{at}  {:<17}  {actor:<32}", entry.action);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str("  ");
            line.push_str(name);
            line.push('=');
            line.push_str(&value);
        }
    };
    // What is about the account itself names it as its subject.
    let whose = tenant_id.filter(|id| Some(*id) != entry.actor_id && Some(*id) != entry.subject_id);
    add("of", whose.map(|id| tenant_email.clone().unwrap_or_else(|| id.to_string())));
    add(entry.subject.as_deref().unwrap_or("subject"), entry.subject_id.map(|id| id.to_string()));
    add("from", entry.address.clone());
    add("key", entry.key_id.map(|id| id.to_string()));
    for (name, value) in entry.details.iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        add(name, Some(text).filter(|_| *value != Value::Null));
    }
    clean(line.trim_end())
}
