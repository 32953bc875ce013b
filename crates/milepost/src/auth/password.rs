//! Passwords are kept as argon2id hashes only. A hash takes 19 MiB and tens of milliseconds on purpose, so only as
//! many are worked out at once as there are processors, and only so many wait.

use std::net::IpAddr;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use crate::admission::{Gate, Place};
use crate::audit::Origin;
use crate::caller::network;
use crate::error::{Error, Result};
use crate::values::Password;

/// What the password of an unknown account is compared with, so that the answer takes as long: a hash of no password. It is
/// not worked out at the start, since the memory for that would stay with the process.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCAxNg$dGhlIGhhc2ggb2Ygbm8gcGFzc3dvcmQgdGhlcmUgaXM";

/// Lets in those whose passwords are to be hashed.
#[derive(Debug, Clone)]
pub struct Passwords(Gate<IpAddr>);

impl Passwords {
    /// Those that this gate lets in.
    #[must_use]
    pub fn new(gate: Gate<IpAddr>) -> Self {
        Self(gate)
    }

    /// Takes a place among those who wait. Of the places, and of the turns, those from one address have a share: 503
    /// where it is used up, before anything else was done for the request.
    pub fn enter(&self, origin: &Origin) -> Result<Hashing> {
        Ok(Hashing(Arc::new(self.0.take(origin.address().map(network), 1)?)))
    }
}

/// A place among those whose passwords are hashed, a few at a time.
#[derive(Debug)]
pub struct Hashing(Arc<Place<IpAddr>>);

impl Hashing {
    /// The hash to keep, in the PHC format.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.work(move || hash(password.as_bytes())).await?
    }

    /// Whether it is the password of that hash; takes as long without one.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool> {
        let known = stored.is_some();
        let hash = stored.unwrap_or_else(|| DECOY.to_owned());
        let matches = self.work(move || verify(password.as_bytes(), &hash)).await??;
        Ok(known && matches)
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let held = (self.0.turn().await?, self.0.clone());
        // Both go along: a caller that gives up does not make room for more work than there are workers.
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(held);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_takes_as_long_as_the_hashes_that_we_make() {
        fn shape(hash: &PasswordHash) -> (String, Option<u32>, String, Option<usize>, Option<usize>) {
            let salt = hash.salt.map(|salt| salt.len());
            let length = hash.hash.map(|output| output.len());
            (hash.algorithm.to_string(), hash.version, hash.params.to_string(), salt, length)
        }
        let made = hash(b"correct horse battery").unwrap();
        assert_eq!(shape(&PasswordHash::new(DECOY).unwrap()), shape(&PasswordHash::new(&made).unwrap()));
        assert!(!verify(b"correct horse battery", DECOY).unwrap());
    }
}
