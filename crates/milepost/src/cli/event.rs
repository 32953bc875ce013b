//! `milepost event`: reports of a job from a shell script. What cannot be delivered waits on disk, and never fails the script.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exec::value_of;
use super::report::{Body, Delivered, Report, deliver};
use super::server::{Server, ServerArgs};
use super::terminal::{count, note, say};
use super::{Failure, Outcome};

/// What `--help` says at its end.
const NOTES: &str = "\
NAME=VALUE is something that was measured: a number, true, false, null or \"quoted text\" as in JSON, or text as it stands.
A server that cannot be reached makes no error: the report waits on disk, and `milepost flush` or the next report sends it.";

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct Event {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// A step is done
    Step {
        /// The step's tag
        tag: String,
        #[command(flatten)]
        measured: Measured,
        #[command(flatten)]
        common: Common,
    },
    /// Something on the way
    Info {
        /// For people; "" for nothing, where only something measured follows
        #[arg(allow_hyphen_values = true)]
        text: Option<String>,
        #[command(flatten)]
        measured: Measured,
        /// The step it is about
        #[arg(long, value_name = "TAG")]
        step: Option<String>,
        /// How much of this step is done, 0 to 1
        #[arg(long, requires = "step")]
        fraction: Option<f64>,
        #[command(flatten)]
        common: Common,
    },
    /// Something failed
    Error {
        /// What, for people
        #[arg(allow_hyphen_values = true)]
        text: String,
        /// The step that failed
        #[arg(long, value_name = "TAG")]
        step: Option<String>,
        #[command(flatten)]
        measured: Measured,
        #[command(flatten)]
        common: Common,
    },
    /// The job is done
    Complete {
        /// For people
        #[arg(allow_hyphen_values = true)]
        text: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Measured {
    /// What was measured
    #[arg(value_name = "NAME=VALUE", value_parser = parse_measured)]
    measured: Vec<(String, Value)>,
}

#[derive(Debug, Args)]
struct Common {
    /// The provider's own id of the job
    #[arg(long, value_name = "ID", env = "MILEPOST_JOB")]
    job: Option<String>,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    delivery: DeliveryArgs,
}

/// How what became of a report is told.
#[derive(Debug, Args)]
pub(super) struct DeliveryArgs {
    /// End with 1 if the server refuses the report or cannot be reached
    #[arg(long)]
    strict: bool,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

fn parse_measured(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value_of(value))),
        _ => Err("it is NAME=VALUE".to_owned()),
    }
}

impl Event {
    pub(super) async fn run(self) -> Outcome {
        let (kind, tag, text, fraction, measured, common) = match self.kind {
            Kind::Step { tag, measured, common } => ("step", Some(tag), None, None, measured.measured, common),
            Kind::Info { text, measured, step, fraction, common } => {
                ("info", step, text, fraction, measured.measured, common)
            }
            Kind::Error { text, step, measured, common } => {
                ("error", step, Some(text), None, measured.measured, common)
            }
            Kind::Complete { text, common } => ("complete", None, text, None, Vec::new(), common),
        };
        let Some(job) = common.job.filter(|job| !job.is_empty()) else {
            // What is made for `milepost exec`, which says it, may be run alone.
            let reason = Failure("it is not said about which job: give --job, or MILEPOST_JOB".to_owned());
            return common.delivery.give_up(reason).map(drop);
        };
        let metadata: Body = measured.into_iter().collect();
        let fields = [
            ("provider_job_id", Some(json!(job))),
            ("kind", Some(json!(kind))),
            ("tag", tag.map(Value::from)),
            ("name", text.filter(|text| !text.is_empty()).map(Value::from)),
            ("fraction", fraction.map(Value::from)),
            ("event_metadata", (!metadata.is_empty()).then_some(Value::Object(metadata))),
        ];
        common.delivery.send(&common.server, Report::Event(body(fields))).await.map(drop)
    }
}

/// The fields that have a value.
pub(super) fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Body {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

impl DeliveryArgs {
    /// Delivers a report and tells what became of it. Gives the server if it has the report.
    pub(super) async fn send(&self, server: &ServerArgs, report: Report) -> Result<Option<Server>, Failure> {
        let Some(server) = server.connect_if_possible() else {
            return if self.strict { Err(Failure("nothing is reported".to_owned())) } else { Ok(None) };
        };
        let delivered = match deliver(&server, vec![report]).await {
            Ok(delivered) => delivered,
            Err(failure) => return self.give_up(failure),
        };
        let is_taken = delivered.is_complete && delivered.refused.is_empty();
        self.tell(&delivered)?;
        Ok(is_taken.then_some(server))
    }

    /// Says why nothing is reported, which is an error only where it is to be one.
    fn give_up(&self, reason: Failure) -> Result<Option<Server>, Failure> {
        if self.strict {
            return Err(reason);
        }
        note!("nothing is reported: {reason}");
        Ok(None)
    }

    /// Whether the answer is to be in JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Tells what became of reports.
    pub(super) fn tell(&self, delivered: &Delivered) -> Outcome {
        if self.json {
            say!("{}", serde_json::to_string(&delivered).map_err(|error| Failure(error.to_string()))?)?;
        }
        let Delivered { is_complete, refused, lost, reason, others, .. } = delivered;
        for refusal in refused {
            note!("{refusal}");
        }
        if let Some(reason) = reason {
            let then = if *lost > 0 { "" } else { "; what waits is sent later" };
            note!("{reason}{then}");
        }
        if *lost > 0 {
            note!("{} lost: neither the server nor the disk took them", count(*lost, "report"));
        }
        if let Some(others) = others {
            note!("there stays {others}");
        }
        if self.strict && !(*is_complete && refused.is_empty()) {
            return Err(Failure("not all of it was taken".to_owned()));
        }
        Ok(())
    }
}
