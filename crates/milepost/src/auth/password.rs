//! Passwords are kept as argon2id hashes only. A hash takes 19 MiB and tens of milliseconds on purpose, so only as
//! many are worked out at once as there are processors, and only so many wait.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use crate::admission::{Gate, Load, Room, Work};
use crate::error::{Error, Result};
use crate::values::Password;

/// How many may wait for their turn before others are told to come back.
const QUEUE: u32 = 64;

/// Hashes passwords, a few at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    gate: Gate,
    /// What the password of an unknown account is compared with, so that the answer takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// As many workers as processors.
    pub fn new() -> Result<Self> {
        let workers = available_parallelism().map_or(1, usize::from).try_into().unwrap_or(u32::MAX);
        let room = Room { turns: workers, places: workers.saturating_add(QUEUE) };
        Ok(Self {
            // Nobody has an account before the password is checked.
            gate: Gate::new(Work::Passwords, room, room),
            decoy: hash(b"nobody's password").map(Arc::from)?,
        })
    }

    /// How many are worked out and wait.
    #[must_use]
    pub fn load(&self) -> Load {
        self.gate.load()
    }

    /// The hash to keep, in the PHC format.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.work(move || hash(password.as_bytes())).await?
    }

    /// Whether it is the password of that hash; takes as long without one.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool> {
        let known = stored.is_some();
        let hash = stored.unwrap_or_else(|| self.decoy.to_string());
        let matches = self.work(move || verify(password.as_bytes(), &hash)).await??;
        Ok(known && matches)
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let pass = self.gate.enter(None).await?;
        // The pass goes along: a caller that gives up does not make room for more work than there are workers.
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(pass);
            result
        })
        .await
        .map_err(Error::internal)
    }
}

fn hash(password: &[u8]) -> Result<String> {
    Ok(Argon2::default().hash_password(password).map_err(|e| Error::internal(e.to_string()))?.to_string())
}

fn verify(password: &[u8], stored: &str) -> Result<bool> {
    let stored = PasswordHash::new(stored).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::default().verify_password(password, &stored).is_ok())
}
