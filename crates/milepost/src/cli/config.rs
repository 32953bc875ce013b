//! `milepost config`: registers kinds of jobs from files, and compares them with what is registered.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::{RequestError, Server, ServerArgs};
use super::terminal::say;
use super::text::{clean, duration};
use super::{Failure, Outcome};
use crate::configurations::NewConfiguration;
use crate::configurations::diff::differences;

/// What `--help` says at its end.
const NOTES: &str = "\
A file is JSON or TOML (.toml): one configuration, a list of them, or {\"job_configs\": [...]}.
What is registered never changes: other content needs another version. What is set holds for all versions.";

/// What is typed for the limit that nobody sets.
const AUTO: &str = "auto";

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register the configurations in files; the same again changes nothing
    Push(Files),
    /// Tell what differs between files and what is registered; ends with 1 if anything does
    Diff(Files),
    /// Show a registered configuration, as a file that can be pushed
    Show(Show),
    /// Set what holds for all versions of a configuration
    Set(Set),
}

#[derive(Debug, Args)]
struct Files {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    server: ServerArgs,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// Its tag
    tag: String,

    /// Its version [default: the newest]
    #[arg(long, value_name = "VERSION")]
    config_version: Option<String>,

    #[command(flatten)]
    server: ServerArgs,

    /// All that the server tells of it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Set {
    /// Its tag
    tag: String,

    /// After how long without news a running job is silent, such as 20m; `auto`: after as long as its step usually takes
    #[arg(long, value_name = "DURATION", value_parser = silence_limit)]
    silence_limit: SilenceLimit,

    #[command(flatten)]
    server: ServerArgs,

    /// As the server answers, in JSON
    #[arg(long)]
    json: bool,
}

/// Seconds, or none for what is usual.
#[derive(Debug, Clone, Copy)]
struct SilenceLimit(Option<u64>);

fn silence_limit(text: &str) -> Result<SilenceLimit, String> {
    if text == AUTO {
        return Ok(SilenceLimit(None));
    }
    let limit = humantime::parse_duration(text);
    limit
        .map(|limit| SilenceLimit(Some(limit.as_secs())))
        .map_err(|_| format!("it is a duration such as 20m or 2h, or {AUTO}"))
}

/// A configuration in a file.
struct Described {
    /// As it is sent.
    value: Value,
    /// As it is understood.
    configuration: NewConfiguration,
}

impl Config {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::Push(files) => files.push().await,
            Command::Diff(files) => files.diff().await,
            Command::Show(show) => show.run().await,
            Command::Set(set) => set.run().await,
        }
    }
}

impl Files {
    fn read(&self) -> Result<Vec<Described>, Failure> {
        // All of them before any is sent.
        Ok(self.paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn push(self) -> Outcome {
        let server = self.server.connect()?;
        let mut pushed = Vec::new();
        for Described { value, configuration } in self.read()? {
            let NewConfiguration { tag, version, .. } = &configuration;
            match server.send_json::<Value>(Method::POST, "/job-configurations", &value).await {
                Ok(registered) if self.json => pushed.push(registered),
                Ok(_) => say!("{} {version} is registered", tag.as_str())?,
                Err(error) => return Err(conflict(&configuration, error)),
            }
        }
        if self.json { say!("{}", Value::Array(pushed)) } else { Ok(()) }
    }

    async fn diff(self) -> Outcome {
        let server = self.server.connect()?;
        let (mut all, mut is_any) = (Vec::new(), false);
        for Described { configuration, .. } in self.read()? {
            let tag = configuration.tag.as_str();
            let version = configuration.version.to_string();
            let found = match find(&server, tag, Some(&version)).await? {
                Some(registered) => {
                    let registered = serde_json::from_value(as_file(&registered)).map_err(|e| server.strange(&e))?;
                    json!(differences(&registered, &configuration))
                }
                None => Value::Null,
            };
            is_any |= found != json!([]);
            if self.json {
                all.push(json!({"tag": tag, "version": version, "differences": found}));
                continue;
            }
            match &found {
                Value::Null => say!("{tag} {version} is not registered")?,
                found if *found == json!([]) => say!("{tag} {version} is registered as it stands here")?,
                found => say!("{tag} {version} is registered with other content:{}", lines(found))?,
            }
        }
        if self.json {
            say!("{}", Value::Array(all))?;
        }
        if is_any { Err(Failure("what is registered differs from the files".to_owned())) } else { Ok(()) }
    }
}

impl Show {
    async fn run(self) -> Outcome {
        let server = self.server.connect()?;
        let found = find(&server, &self.tag, self.config_version.as_deref()).await?;
        let found = found.ok_or_else(|| Failure(format!("{} has no such configuration", server.address())))?;
        let shown = if self.json { found } else { as_file(&found) };
        say!("{}", serde_json::to_string_pretty(&shown).map_err(|error| Failure(error.to_string()))?)
    }
}

impl Set {
    async fn run(self) -> Outcome {
        let server = self.server.connect()?;
        let change = json!({"silence_limit": self.silence_limit.0});
        let path = format!("/configuration-settings/{}", urlencoded(&self.tag));
        let set: Value = server.send_json(Method::PATCH, &path, &change).await?;
        if self.json {
            return say!("{set}");
        }
        let limit = set["silence_limit"].as_i64().map(|seconds| duration(TimeDelta::seconds(seconds)));
        let limit = limit.unwrap_or_else(|| "as long as its step usually takes".to_owned());
        say!("{}: a job is silent after {limit} without news", clean(&self.tag))
    }
}

/// Text as a part of a path.
fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn find(server: &Server, tag: &str, version: Option<&str>) -> Result<Option<Value>, Failure> {
    let query: Vec<(&str, &str)> =
        [("tag", tag), ("limit", "1")].into_iter().chain(version.map(|v| ("version", v))).collect();
    let query = serde_urlencoded::to_string(query).map_err(|error| Failure(error.to_string()))?;
    let mut page: Value = server.get(&format!("/job-configurations?{query}")).await?;
    let first = page["items"].as_array_mut().and_then(|items| (!items.is_empty()).then(|| items.remove(0)));
    let Some(first) = first else { return Ok(None) };
    let id = first["id"].as_str().unwrap_or_default();
    Ok(Some(server.get(&format!("/job-configurations/{id}")).await?))
}

/// A registered configuration without what the server added to it.
fn as_file(registered: &Value) -> Value {
    let keep = |from: &Value, names: &[&str]| -> Value {
        let kept = names.iter().filter_map(|name| Some(((*name).to_owned(), from.get(*name)?.clone())));
        Value::Object(kept.filter(|(_, value)| !value.is_null()).collect())
    };
    let mut file = keep(registered, &["tag", "name", "version"]);
    let steps = registered["step_configurations"].as_array().into_iter().flatten().map(|step| {
        let mut kept = keep(step, &["tag", "name", "points"]);
        let metadata = step["metadata_configurations"].as_array().into_iter().flatten();
        kept["metadata_configurations"] = metadata.map(|field| keep(field, &["name", "kind", "units"])).collect();
        kept
    });
    file["step_configurations"] = steps.collect();
    file
}

fn read(path: &Path) -> Result<Vec<Described>, Failure> {
    let failed = |reason: &str| Failure(format!("{}: {reason}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(&error.to_string()))?;
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    let content: Value = if is_toml {
        toml::from_str(&text).map_err(|error| failed(&error.to_string()))?
    } else {
        serde_json::from_str(&text).map_err(|error| failed(&error.to_string()))?
    };
    let all = match content {
        Value::Object(mut object) => match object.remove("job_configs") {
            Some(Value::Array(all)) => all,
            Some(_) => return Err(failed("job_configs is a list of configurations")),
            None => vec![Value::Object(object)],
        },
        Value::Array(all) => all,
        _ => return Err(failed("it holds a configuration, or a list of them")),
    };
    let understood = |(index, value): (usize, Value)| {
        let configuration = serde_path_to_error::deserialize(value.clone())
            .map_err(|error| failed(&format!("configuration {}: {}: {}", index + 1, error.path(), error.inner())))?;
        Ok(Described { value, configuration })
    };
    all.into_iter().enumerate().map(understood).collect()
}

/// Why a configuration is not registered, with what differs.
fn conflict(configuration: &NewConfiguration, error: RequestError) -> Failure {
    let differing = match (&error.status(), error.problem()) {
        (Some(StatusCode::CONFLICT), Some(problem)) => lines(&problem["differences"]),
        _ => return error.into(),
    };
    let NewConfiguration { tag, version, .. } = configuration;
    let tag = tag.as_str();
    Failure(format!("{tag} {version} is registered with other content; give it another version{differing}"))
}

/// A line for each difference.
fn lines(differences: &Value) -> String {
    let each = differences.as_array().into_iter().flatten();
    let line = |each: &Value| {
        let pointer = each["pointer"].as_str().unwrap_or_default();
        format!(
            "\n  {}: {} -> {}",
            clean(pointer),
            clean(&each["registered"].to_string()),
            clean(&each["sent"].to_string())
        )
    };
    each.map(line).collect()
}
