//! What `milepost login` keeps: the server and the key, in a file that only its owner can read. The Python package reads it
//! as well.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Failure;

/// A server and a key for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Credentials {
    /// The server, without `/api/v1`.
    pub(super) url: String,
    /// The key.
    pub(super) api_key: String,
}

impl Credentials {
    /// What was saved, if anything was.
    pub(super) fn load() -> Result<Option<Self>, Failure> {
        let path = path()?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure(format!("{}: {error}", path.display()))),
        };
        let unreadable = |error: toml::de::Error| {
            Failure(format!("{}: {}; `milepost login` writes it anew", path.display(), error.message()))
        };
        toml::from_str(&text).map(Some).map_err(unreadable)
    }

    /// Saves them in the place of what was saved before, all at once; gives where.
    pub(super) fn save(&self) -> Result<PathBuf, Failure> {
        let path = path()?;
        let failed = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", path.display()));
        let folder = path.parent().ok_or_else(|| failed(&"there is no such folder"))?;
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let text = toml::to_string(self).map_err(|error| failed(&error))?;
        // Such a file has mode 600.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
        file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
        file.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(path)
    }
}

fn path() -> Result<PathBuf, Failure> {
    Ok(user_folder("XDG_CONFIG_HOME", ".config")?.join("milepost").join("credentials.toml"))
}

/// A folder of the user's own: what the variable names, else one in the home folder.
pub(super) fn user_folder(variable: &str, otherwise: &str) -> Result<PathBuf, Failure> {
    if let Some(named) = env::var_os(variable).filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let home = env::home_dir().ok_or_else(|| Failure(format!("there is no home folder; set {variable}")))?;
    Ok(home.join(otherwise))
}
