//! `milepost login`: keeps the server and a key of it, for the commands that talk to it and for the Python package.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::Outcome;
use super::credentials::Credentials;
use super::server::{Server, ServerArgs};
use super::terminal::{read_secret, say};
use super::text::clean;

#[derive(Debug, Args)]
pub(super) struct Login {
    #[command(flatten)]
    server: ServerArgs,

    /// Read the key from standard input instead of asking for it
    #[arg(long)]
    key_stdin: bool,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Me {
    email: String,
    role: String,
}

impl Login {
    pub(super) async fn run(self) -> Outcome {
        let url = self.server.address()?;
        let key = read_secret(self.key_stdin, &format!("API key for {url}: "))?;
        let server = Server::new(url.clone(), key.clone())?;
        let me: Me = server.get("/users/me").await?;
        let path = Credentials { url: url.clone(), api_key: key }.save()?;
        if self.json {
            return say!("{}", json!({"url": url, "email": me.email, "role": me.role, "file": path}));
        }
        say!("Signed in to {url} as {} ({}); kept in {}.", clean(&me.email), clean(&me.role), path.display())
    }
}
