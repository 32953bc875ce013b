//! `milepost config`: registers kinds of jobs from files, and compares them with what is registered.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::{RequestError, Server, ServerArgs};
use super::terminal::{note, say};
use super::text::{clean, duration};
use super::{Failure, Outcome};
use crate::configurations::{NewConfiguration, VersionGate};

/// What `--help` says at its end.
const NOTES: &str = "\
A file is JSON or TOML (.toml): one configuration, a list of them, or {\"job_configs\": [...]}.
What is registered never changes: other content needs another version, and one that is a large enough step for what it
changes: major where a step or a field is gone, or its points, kind or units are others, minor where one is new. What is
set holds for all versions.";

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
    Push(Push),
    /// Tell what differs between files and what is registered, and which step a new version needs; ends with 1 if
    /// anything does
    Diff(Files),
    /// Show a registered configuration, as a file that can be pushed
    Show(Show),
    /// Set what holds for all versions of a configuration
    Set(Set),
}

#[derive(Debug, Args)]
struct Push {
    #[command(flatten)]
    files: Files,

    /// What becomes of a version that is too small a step for what it changes: registered with a warning, or refused
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    version_gate: VersionGate,
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
            Command::Push(push) => push.run().await,
            Command::Diff(files) => files.diff().await,
            Command::Show(show) => show.run().await,
            Command::Set(set) => set.run().await,
        }
    }
}

impl Push {
    async fn run(self) -> Outcome {
        let Self { files, version_gate } = self;
        let server = files.server.connect()?;
        let path = match version_gate {
            VersionGate::Warn => "/job-configurations",
            VersionGate::Refuse => "/job-configurations?version_gate=refuse",
        };
        let mut pushed = Vec::new();
        for Described { value, configuration } in files.read()? {
            let registered: Value = match server.send_json(Method::POST, path, &value).await {
                Ok(registered) => registered,
                Err(error) => return Err(refused(&configuration, error)),
            };
            let NewConfiguration { tag, version, .. } = &configuration;
            if !files.json {
                say!("{tag} {version} is registered")?;
            }
            let check = &registered["version_check"];
            if let Some(warning) = check["warning"].as_str() {
                note!("{tag} {}{}", clean(warning), change_lines(check));
            }
            pushed.push(registered);
        }
        if files.json { say!("{}", Value::Array(pushed)) } else { Ok(()) }
    }
}

impl Files {
    fn read(&self) -> Result<Vec<Described>, Failure> {
        // All of them before any is sent.
        Ok(self.paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn diff(self) -> Outcome {
        let server = self.server.connect()?;
        let (mut all, mut is_any) = (Vec::new(), false);
        for Described { value, configuration } in self.read()? {
            let tag = configuration.tag.as_str();
            let version = configuration.version.to_string();
            let path = "/job-configurations/check";
            let mut outlook: Value = server.send_json(Method::POST, path, &value).await?;
            let (found, check) = (outlook["differences"].take(), outlook["version_check"].take());
            is_any |= found != json!([]);
            if self.json {
                all.push(json!({"tag": tag, "version": version, "differences": found, "version_check": check}));
                continue;
            }
            match &found {
                Value::Null => say!("{tag} {version} is not registered{}", needed_step(&check))?,
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

/// Why a configuration is not registered: what differs, or how its version does not fit.
fn refused(configuration: &NewConfiguration, error: RequestError) -> Failure {
    let NewConfiguration { tag, version, .. } = configuration;
    let Some(problem) = error.problem() else { return error.into() };
    if error.status() == Some(StatusCode::CONFLICT) {
        let differing = lines(&problem["differences"]);
        return Failure(format!(
            "{tag} {version} is registered with other content; give it another version{differing}"
        ));
    }
    match problem["errors"].as_array().map(Vec::as_slice) {
        Some([misfit]) if misfit["pointer"] == "/version" => {
            Failure(format!("{tag} {version} {}", clean(misfit["detail"].as_str().unwrap_or_default())))
        }
        _ => error.into(),
    }
}

/// Which step is needed from the version before, and what for.
fn needed_step(check: &Value) -> String {
    let word = |name: &str| clean(check[name].as_str().unwrap_or_default());
    match check["compared_with"].as_str() {
        None => String::new(),
        Some(before) if check["needed"] == "none" => format!("; nothing changed since {}", clean(before)),
        Some(before) => {
            let (needed, suggested, changes) = (word("needed"), word("suggested"), change_lines(check));
            format!("; since {} a {needed} step is needed, {suggested} or higher:{changes}", clean(before))
        }
    }
}

/// A line for each change since the version before.
fn change_lines(check: &Value) -> String {
    let changes = check["changes"].as_array().into_iter().flatten();
    let word = |change: &Value, name: &str| clean(change[name].as_str().unwrap_or_default());
    let line = |change: &Value| format!("\n  {}: {}", word(change, "needs"), word(change, "detail"));
    let more = match check["more_changes"].as_u64() {
        None | Some(0) => String::new(),
        Some(more) => format!("\n  and {more} more"),
    };
    changes.map(line).collect::<String>() + &more
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
