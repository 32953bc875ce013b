//! Who acts, and from where.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, RequestId};
use crate::auth::{Credential, Viewer};
use crate::caller::Caller;
use crate::error::{Error, Result};

/// Where an act comes from. What did not come over HTTP has no address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    address: Option<IpAddr>,
    request_id: Option<Uuid>,
}

impl Origin {
    /// The client's address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The request's id.
    #[must_use]
    pub fn request_id(&self) -> Option<Uuid> {
        self.request_id
    }

    /// Somebody who has not shown who they are.
    #[must_use]
    pub fn nobody(self) -> Actor {
        Actor { kind: ActorKind::Nobody, user_id: None, key_id: None, origin: self }
    }

    /// Somebody who has just signed in.
    #[must_use]
    pub fn user(self, user_id: Uuid) -> Actor {
        Actor { kind: ActorKind::User, user_id: Some(user_id), key_id: None, origin: self }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let request_id = parts.extensions.get().map(|RequestId(id)| *id);
        Ok(Self { address: Some(caller.address), request_id })
    }
}

/// What kind of actor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ActorKind {
    /// Somebody with a session.
    User,
    /// A program with a key.
    Key,
    /// Whoever runs the server, on its command line.
    Operator,
    /// Somebody who has not shown who they are.
    Nobody,
    /// The server by itself.
    Server,
}

/// Who acts, and from where. As an extractor: whoever has valid credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    kind: ActorKind,
    user_id: Option<Uuid>,
    key_id: Option<Uuid>,
    origin: Origin,
}

impl Actor {
    /// The operator, on the command line.
    pub const OPERATOR: Self = Self::of_ours(ActorKind::Operator);
    /// The server by itself.
    pub const SERVER: Self = Self::of_ours(ActorKind::Server);

    const fn of_ours(kind: ActorKind) -> Self {
        Self { kind, user_id: None, key_id: None, origin: Origin { address: None, request_id: None } }
    }

    /// What kind of actor it is.
    #[must_use]
    pub fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The account.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        self.user_id
    }

    /// The key.
    #[must_use]
    pub fn key_id(&self) -> Option<Uuid> {
        self.key_id
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The same without where it comes from: what a provider does is in their customers' logs too, but where the provider's
    /// people sit is nothing that customers know.
    #[must_use]
    pub fn from_somewhere(&self) -> Self {
        Self { origin: Origin::default(), ..*self }
    }
}

impl FromRequestParts<App> for Actor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let viewer = Viewer::from_request_parts(parts, app).await?;
        let origin = Origin::from_request_parts(parts, app).await?;
        let (kind, key_id) = match viewer.credential() {
            Credential::Session { .. } => (ActorKind::User, None),
            Credential::Key { id, .. } => (ActorKind::Key, Some(id)),
        };
        Ok(Self { kind, user_id: Some(viewer.user_id()), key_id, origin })
    }
}
