//! `milepost report`: what happened and what is billed, from the server into a file or to standard output. It is written as
//! it comes; a file is there under its name once it is whole.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reqwest::Response;
use tempfile::NamedTempFile;
use url::form_urlencoded::Serializer;

use super::server::{Server, ServerArgs};
use super::terminal::unless_unread;
use super::{Failure, Outcome};
use crate::reports::Format;

#[derive(Debug, Args)]
pub(super) struct Reports {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A row for each event with its job, configuration and step
    #[command(disable_version_flag = true)]
    Events {
        #[command(flatten)]
        asked: Asked,
    },
    /// A row for each customer, configuration and month: jobs, steps, points earned, hours
    #[command(disable_version_flag = true)]
    Usage {
        #[command(flatten)]
        asked: Asked,

        /// A row for each version of a configuration
        #[arg(long)]
        by_version: bool,
    },
}

/// Of what, in which form, and where to.
#[derive(Debug, Args)]
struct Asked {
    /// From this day or time on: `2026-10-01`, or `2026-10-01T06:30:00+02:00`
    #[arg(long, value_name = "DAY")]
    from: Option<String>,

    /// Up to this day, or before this time
    #[arg(long, value_name = "DAY")]
    to: Option<String>,

    /// The time zone of days and months, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,

    /// Of this configuration
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,

    /// Of this version of it
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Of this customer: an e-mail address or an id, or `none` for jobs of nobody
    #[arg(long, value_name = "CUSTOMER")]
    customer: Option<String>,

    /// Of jobs that are so: pending, running, completed or error, several separated by commas
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,

    /// The form [default: that of FILE's name, else csv]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write it there [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    server: ServerArgs,
}

impl Asked {
    /// The form that is asked for, or that the name of the file says.
    fn format(&self) -> Format {
        let extension = self.output.as_deref().and_then(Path::extension).and_then(|extension| extension.to_str());
        let named = || match extension?.to_ascii_lowercase().as_str() {
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "json" => Some(Format::Json),
            "xlsx" => Some(Format::Xlsx),
            "parquet" => Some(Format::Parquet),
            _ => None,
        };
        self.format.or_else(named).unwrap_or(Format::Csv)
    }

    fn path(&self, of: &str, by_version: bool) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("format", self.format().as_str());
        let asked = [
            ("from", &self.from),
            ("to", &self.to),
            ("zone", &self.zone),
            ("tag", &self.tag),
            ("version", &self.version),
            ("customer", &self.customer),
            ("status", &self.status),
        ];
        for (name, value) in asked {
            query.extend_pairs(value.as_ref().map(|value| (name, value)));
        }
        if by_version {
            query.append_pair("by_version", "true");
        }
        format!("/reports/{of}?{}", query.finish())
    }
}

impl Reports {
    pub(super) async fn run(self) -> Outcome {
        let (of, asked, by_version) = match self.what {
            What::Events { asked } => ("events", asked, false),
            What::Usage { asked, by_version } => ("usage", asked, by_version),
        };
        if asked.output.is_none() && asked.format().is_binary() && io::stdout().is_terminal() {
            return Err(Failure(format!("{} is nothing for a terminal; name a file: --output FILE", asked.format())));
        }
        let server = asked.server.connect()?;
        let answer = server.open_file(&asked.path(of, by_version)).await?;
        match &asked.output {
            None => write_out(&server, answer).await,
            Some(path) => write_file(&server, answer, path).await,
        }
    }
}

async fn write_out(server: &Server, mut answer: Response) -> Outcome {
    let mut out = io::stdout().lock();
    while let Some(piece) = answer.chunk().await.map_err(|error| server.unreachable(&error))? {
        let written = out.write_all(&piece);
        if written.is_err() {
            return unless_unread(written);
        }
    }
    unless_unread(out.flush())
}

async fn write_file(server: &Server, answer: Response, path: &Path) -> Outcome {
    let failure = |error: io::Error| Failure(format!("cannot write to {}: {error}", path.display()));
    // What is no file, such as /dev/null, stays what it is.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let mut file = File::options().write(true).open(path).map_err(failure)?;
        return save(server, answer, &mut file, failure).await;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(failure)?;
    save(server, answer, file.as_file_mut(), failure).await?;
    file.persist(path).map_err(|error| failure(error.error))?;
    Ok(())
}

async fn save(
    server: &Server,
    mut answer: Response,
    file: &mut File,
    failure: impl Fn(io::Error) -> Failure,
) -> Outcome {
    while let Some(piece) = answer.chunk().await.map_err(|error| server.unreachable(&error))? {
        file.write_all(&piece).map_err(&failure)?;
    }
    Ok(())
}
