//! What an entry says.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Scope;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
#[schema(as = AuditAction)]
pub enum Action {
    /// A session began.
    SignIn,
    /// A wrong password, or an address without an account.
    SignInFailed,
    /// A session was ended by whoever had it.
    SignOut,
    /// A session was ended from elsewhere.
    SessionEnded,
    /// The account's owner changed its password.
    PasswordChanged,
    /// The operator gave the account another password.
    PasswordReset,
    /// Names or the organization.
    ProfileChanged,
    /// An account was made.
    AccountCreated,
    /// The operator keeps the account from signing in.
    AccountDisabled,
    /// The operator lets the account in again.
    AccountEnabled,
    /// The person's data was removed.
    AccountErased,
    /// An API key was made.
    KeyCreated,
    /// An API key was ended by hand.
    KeyExpired,
    /// An API key was replaced by another.
    KeyRotated,
    /// A customer was invited.
    CustomerInvited,
    /// A customer accepted an invitation.
    CustomerAccepted,
    /// A customer was unlinked.
    CustomerUnlinked,
    /// What a provider has of a customer was removed.
    CustomerErased,
    /// A job was given to another customer, or another name.
    JobCorrected,
    /// A job was read; only with the setting `audit_reads`.
    JobRead,
    /// All data of an account was given out.
    DataExported,
    /// Old jobs were deleted or made anonymous.
    JobsRetired,
}

impl Action {
    /// The word for it, as it is kept and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignOut => "sign_out",
            Self::SessionEnded => "session_ended",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::ProfileChanged => "profile_changed",
            Self::AccountCreated => "account_created",
            Self::AccountDisabled => "account_disabled",
            Self::AccountEnabled => "account_enabled",
            Self::AccountErased => "account_erased",
            Self::KeyCreated => "key_created",
            Self::KeyExpired => "key_expired",
            Self::KeyRotated => "key_rotated",
            Self::CustomerInvited => "customer_invited",
            Self::CustomerAccepted => "customer_accepted",
            Self::CustomerUnlinked => "customer_unlinked",
            Self::CustomerErased => "customer_erased",
            Self::JobCorrected => "job_corrected",
            Self::JobRead => "job_read",
            Self::DataExported => "data_exported",
            Self::JobsRetired => "jobs_retired",
        }
    }
}

/// What an act is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An account.
    Account(Uuid),
    /// A session.
    Session(Uuid),
    /// An API key.
    ApiKey(Uuid),
    /// The link between a provider and a customer: the `id` in the list of customers.
    Customer(Uuid),
    /// A job.
    Job(Uuid),
    /// Data that was given out.
    Export,
}

/// The kind of a [`Subject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// An account.
    Account,
    /// A session.
    Session,
    /// An API key.
    ApiKey,
    /// The link between a provider and a customer.
    Customer,
    /// A job.
    Job,
    /// Data that was given out.
    Export,
}

impl Subject {
    pub(super) fn parts(self) -> (&'static str, Option<Uuid>) {
        match self {
            Self::Account(id) => ("account", Some(id)),
            Self::Session(id) => ("session", Some(id)),
            Self::ApiKey(id) => ("api_key", Some(id)),
            Self::Customer(id) => ("customer", Some(id)),
            Self::Job(id) => ("job", Some(id)),
            Self::Export => ("export", None),
        }
    }
}

/// A value of an entry's details: an id, a number, a time, a word of ours. None can be made of text that somebody typed.
#[derive(Debug, Clone)]
pub struct Detail(Value);

impl From<Uuid> for Detail {
    fn from(id: Uuid) -> Self {
        Self(Value::from(id.to_string()))
    }
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self(Value::from(flag))
    }
}

impl From<u32> for Detail {
    fn from(number: u32) -> Self {
        Self(Value::from(number))
    }
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self(Value::from(number))
    }
}

impl From<i64> for Detail {
    fn from(number: i64) -> Self {
        Self(Value::from(number))
    }
}

impl From<DateTime<Utc>> for Detail {
    fn from(time: DateTime<Utc>) -> Self {
        Self(Value::from(time.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
    }
}

impl From<&'static str> for Detail {
    fn from(word: &'static str) -> Self {
        Self(Value::from(word))
    }
}

impl From<Vec<&'static str>> for Detail {
    fn from(words: Vec<&'static str>) -> Self {
        Self(Value::from(words))
    }
}

impl From<Scope> for Detail {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => "read".into(),
            Scope::Write => "write".into(),
        }
    }
}

impl<T: Into<Detail>> From<Option<T>> for Detail {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(Value::Null), Into::into)
    }
}

/// What to write down of an act.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) tenant_id: Option<Uuid>,
    pub(super) action: Action,
    pub(super) subject: Option<Subject>,
    pub(super) details: Map<String, Value>,
}

impl Entry {
    /// An act in the log of an account; without one only the operator sees it. An act that concerns two accounts is an
    /// entry in the log of each.
    #[must_use]
    pub fn new(action: Action, tenant_id: impl Into<Option<Uuid>>) -> Self {
        Self { tenant_id: tenant_id.into(), action, subject: None, details: Map::new() }
    }

    /// What it is about.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// One of its details.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Detail>) -> Self {
        self.details.insert(name.to_owned(), value.into().0);
        self
    }
}
