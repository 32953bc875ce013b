//! Who is asking, and what they may do.
//!
//! A request carries an API key or a session cookie. What that allows is a type: a handler takes the extractor it
//! needs ([`Viewer`], [`ProviderReader`], [`ProviderWriter`], [`ProviderAccount`], [`Account`]) and a tenant query
//! takes the [`ProviderId`] or [`Tenant`] that came out of it. A [`ProviderId`] or [`CustomerId`] cannot be made anywhere
//! else.

pub mod common_passwords;
pub mod credentials;
pub mod origin;
pub mod password;
pub mod throttle;
pub mod uses;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};
pub use credentials::{Credential, Scope};

/// On which side of the jobs somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Role {
    /// Watches the jobs opened for them.
    Customer,
    /// Describes, opens and reports jobs.
    Provider,
}

/// Anybody whose credentials are valid, looking at what is theirs.
#[derive(Debug, Clone)]
pub struct Viewer {
    user_id: Uuid,
    role: Role,
    credential: Credential,
    valid_until: Option<DateTime<Utc>>,
}

impl Viewer {
    /// Whose credentials they are.
    #[must_use]
    pub fn user_id(&self) -> Uuid {
        self.user_id
    }

    /// What the viewer shows.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.credential
    }

    /// When the credentials end by themselves.
    #[must_use]
    pub fn valid_until(&self) -> Option<DateTime<Utc>> {
        self.valid_until
    }

    /// Lets it be the one who asks by a request, for every extractor and the log.
    pub(crate) fn enter(&self, parts: &mut Parts) {
        parts.extensions.insert(self.clone());
        tracing::Span::current().record("account", tracing::field::display(self.user_id));
    }

    /// The provider, if these credentials may write.
    pub fn writing_provider(&self) -> Result<ProviderId> {
        let provider = provider(self)?;
        if matches!(self.credential, Credential::Key { scope: Scope::Read, .. }) {
            return Err(Error::Forbidden("This key may only read; use one with the scope write."));
        }
        Ok(provider)
    }

    /// What the viewer may see.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        Tenant::of_account(self.user_id, self.role)
    }
}

/// A provider who is asking. Tenant queries take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderId(Uuid);

impl ProviderId {
    /// The user's id, to bind.
    #[must_use]
    pub fn id(self) -> Uuid {
        self.0
    }
}

/// A customer who is asking. Tenant queries take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerId(Uuid);

impl CustomerId {
    /// The user's id, to bind.
    #[must_use]
    pub fn id(self) -> Uuid {
        self.0
    }
}

/// Whose jobs may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    /// Those of this provider.
    Provider(ProviderId),
    /// Those opened for this customer.
    Customer(CustomerId),
}

impl Tenant {
    /// Whose an account's jobs are: of an account that has shown who it is, or for the operator.
    pub(crate) fn of_account(user_id: Uuid, role: Role) -> Self {
        match role {
            Role::Provider => Self::Provider(ProviderId(user_id)),
            Role::Customer => Self::Customer(CustomerId(user_id)),
        }
    }

    /// The column of `jobs` that must hold [`Tenant::id`].
    #[must_use]
    pub fn jobs_column(self) -> &'static str {
        match self {
            Self::Provider(_) => "provider_id",
            Self::Customer(_) => "customer_id",
        }
    }

    /// The user's id, to bind.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::Provider(ProviderId(id)) | Self::Customer(CustomerId(id)) => id,
        }
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        // Several extractors of one request ask: the database is asked once.
        if let Some(viewer) = parts.extensions.get::<Self>() {
            return Ok(viewer.clone());
        }
        let viewer = credentials::authenticate(parts, app).await?;
        viewer.enter(parts);
        Ok(viewer)
    }
}

/// A provider looking at what is theirs: a session or any key.
#[derive(Debug, Clone, Copy)]
pub struct ProviderReader(pub ProviderId);

impl FromRequestParts<App> for ProviderReader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        provider(&Viewer::from_request_parts(parts, app).await?).map(Self)
    }
}

/// A provider changing configurations, jobs and events: a session or a key that may write.
#[derive(Debug, Clone, Copy)]
pub struct ProviderWriter(pub ProviderId);

impl FromRequestParts<App> for ProviderWriter {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Viewer::from_request_parts(parts, app).await?.writing_provider().map(Self)
    }
}

/// Somebody signed in with a password: the only way to manage an account, its keys and its customers.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    /// Whose account.
    pub user_id: Uuid,
    /// On which side.
    pub role: Role,
    /// The session, to end it.
    pub session_id: Uuid,
}

impl Account {
    /// What the account may see.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        Tenant::of_account(self.user_id, self.role)
    }
}

impl FromRequestParts<App> for Account {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        account(&Viewer::from_request_parts(parts, app).await?)
    }
}

/// A provider signed in with a password.
#[derive(Debug, Clone, Copy)]
pub struct ProviderAccount(pub ProviderId);

impl FromRequestParts<App> for ProviderAccount {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let viewer = Viewer::from_request_parts(parts, app).await?;
        account(&viewer)?;
        provider(&viewer).map(Self)
    }
}

fn provider(viewer: &Viewer) -> Result<ProviderId> {
    match viewer.tenant() {
        Tenant::Provider(id) => Ok(id),
        Tenant::Customer(_) => Err(Error::Forbidden("Only providers may do this.")),
    }
}

fn account(viewer: &Viewer) -> Result<Account> {
    match viewer.credential {
        Credential::Session { id: session_id } => {
            Ok(Account { user_id: viewer.user_id, role: viewer.role, session_id })
        }
        Credential::Key { .. } => {
            Err(Error::Forbidden("A key cannot manage keys, customers or accounts; sign in with your password."))
        }
    }
}
