//! What the demo replays: a recorded run of `examples/brain_volumes`, and variations of it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

/// A recorded run of the example program.
const RECORDING: &str = include_str!("brain_volumes.json");
/// Between two events of a step, how far it is is reported this often.
const FRACTION_EVERY: f64 = 4.0;
/// What goes wrong in a job that fails or is tried again.
const MISHAP: &str = "segmentation";

/// A run as it was recorded.
#[derive(Debug, Deserialize)]
pub(super) struct Recording {
    /// What to register.
    pub(super) configuration: Value,
    events: Vec<RecordedEvent>,
}

#[derive(Debug, Deserialize)]
struct RecordedEvent {
    after_seconds: f64,
    body: Value,
}

/// How a run differs from the recorded one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Variation {
    /// How many times as long it takes.
    pub(super) stretch: f64,
    /// How many times as large the measured head is, in each direction.
    pub(super) size: f64,
    /// Whether a step fails, and how it goes on.
    pub(super) mishap: Option<Mishap>,
}

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// A step fails and the run ends.
    Failed,
    /// A step fails and is tried again.
    Retried,
}

/// An event to send.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    /// The time since the job was opened.
    pub(super) after: Duration,
    /// The body of `POST /events`, but for the job.
    pub(super) body: Value,
}

impl Recording {
    /// Reads the recording that the binary carries.
    pub(super) fn read() -> serde_json::Result<Self> {
        serde_json::from_str(RECORDING)
    }

    /// The events of a variation in their order.
    pub(super) fn plan(&self, variation: Variation) -> Vec<Planned> {
        let mut planned = Vec::new();
        let mut previous = 0.0;
        let mut delay = 0.0;
        let mut mishap = variation.mishap;
        for (index, event) in self.events.iter().enumerate() {
            let at = event.after_seconds * variation.stretch + delay;
            let Some((tag, begin, end)) = self.step_under_way(index) else { continue };
            let span = |t: f64| ((t - delay) / variation.stretch - begin) / (end - begin);
            let mut time = previous + FRACTION_EVERY;
            while time < at {
                planned.push(Planned { after: seconds(time), body: fraction(tag, span(time)) });
                time += FRACTION_EVERY;
            }
            if tag == MISHAP && span(at) > 0.5 && mishap.is_some() {
                planned.push(Planned { after: seconds(at), body: failure(tag) });
                if mishap.take() == Some(Mishap::Failed) {
                    return planned;
                }
                delay += FRACTION_EVERY;
                previous = at + FRACTION_EVERY;
                planned.push(Planned { after: seconds(previous), body: retry(tag) });
            }
            let at = event.after_seconds * variation.stretch + delay;
            planned
                .push(Planned { after: seconds(at), body: resize(&event.body, variation.size, &self.configuration) });
            previous = at;
        }
        planned
    }

    /// The step that an event is about, and when that step began and ended in the recording: it began when the one
    /// before it ended.
    fn step_under_way(&self, index: usize) -> Option<(&str, f64, f64)> {
        let finishes = |event: &&RecordedEvent| matches!(event.body["kind"].as_str(), Some("step" | "complete"));
        let last = self.events[index..].iter().find(finishes)?;
        let begin = self.events[..index].iter().rev().find(finishes).map_or(0.0, |event| event.after_seconds);
        Some((last.body["tag"].as_str()?, begin, last.after_seconds))
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}

fn fraction(tag: &str, fraction: f64) -> Value {
    let percent = (fraction * 100.0).clamp(0.0, 99.0).floor();
    json!({"kind": "info", "tag": tag, "fraction": percent / 100.0})
}

fn failure(tag: &str) -> Value {
    json!({"kind": "error", "tag": tag, "name": "Tissue segmentation failed: no convergence, the image is too noisy"})
}

fn retry(tag: &str) -> Value {
    json!({"kind": "info", "tag": tag, "name": "Trying again after denoising"})
}

/// The same event for a head of another size: lengths grow with it, volumes with its cube, also where text tells them.
fn resize(body: &Value, size: f64, configuration: &Value) -> Value {
    let mut body = body.clone();
    if let Some(name) = body["name"].as_str() {
        body["name"] = json!(resize_text(name, size));
    }
    let steps = configuration["step_configurations"].as_array().into_iter().flatten();
    let fields =
        steps.filter(|step| step["tag"] == body["tag"]).filter_map(|s| s["metadata_configurations"].as_array());
    let units: Vec<(&str, &str)> = fields
        .flatten()
        .map(|field| (field["name"].as_str().unwrap_or_default(), field["units"].as_str().unwrap_or_default()))
        .collect();
    for (name, unit) in units {
        let Some(value) = body["event_metadata"].get_mut(name) else { continue };
        if let Some(text) = value.as_str() {
            *value = json!(resize_text(text, size));
        } else if let (Some(number), Some(factor)) = (value.as_f64(), factor(unit, size)) {
            *value = json!(round(number * factor));
        }
    }
    body
}

/// How many times as much something of a unit is in a head of another size.
fn factor(unit: &str, size: f64) -> Option<f64> {
    match unit.trim_end_matches([',', ':', ';']) {
        "mm" => Some(size),
        "ml" => Some(size.powi(3)),
        _ => None,
    }
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// The same text with the numbers in front of a unit resized.
fn resize_text(text: &str, size: f64) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let resized = words.iter().enumerate().map(|(index, word)| {
        let unit = words.get(index + 1).copied().unwrap_or_default();
        match (word.parse::<f64>(), factor(unit, size)) {
            (Ok(number), Some(factor)) => round(number * factor).to_string(),
            _ => (*word).to_owned(),
        }
    });
    resized.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Variation = Variation { stretch: 10.0, size: 1.0, mishap: None };

    fn plan(variation: Variation) -> Vec<Planned> {
        Recording::read().unwrap().plan(variation)
    }

    #[test]
    fn the_recorded_run_keeps_its_events_and_their_order() {
        let recording = Recording::read().unwrap();
        let plan = recording.plan(Variation { stretch: 1.0, ..LIVE });
        let recorded: Vec<&Value> = recording.events.iter().map(|event| &event.body).collect();
        let kept: Vec<&Value> = plan.iter().map(|p| &p.body).filter(|body| body.get("fraction").is_none()).collect();
        assert_eq!(kept, recorded);
    }

    #[test]
    fn something_rises_at_least_every_five_seconds() {
        for mishap in [None, Some(Mishap::Retried)] {
            let plan = plan(Variation { mishap, ..LIVE });
            for pair in plan.windows(2) {
                assert!(pair[0].after <= pair[1].after, "{pair:?}");
                assert!(pair[1].after <= pair[0].after + Duration::from_secs(5), "{pair:?}");
            }
        }
    }

    #[test]
    fn fractions_of_a_step_rise() {
        let mut last: Option<(String, f64)> = None;
        for planned in plan(LIVE) {
            let Some(fraction) = planned.body["fraction"].as_f64() else { continue };
            let tag = planned.body["tag"].to_string();
            assert!(last.as_ref().is_none_or(|(before, f)| *before != tag || *f < fraction), "{planned:?}");
            last = Some((tag, fraction));
        }
        assert!(last.is_some());
    }

    #[test]
    fn a_failed_run_ends_with_its_error_and_a_retried_one_completes() {
        let kinds = |mishap| -> Vec<String> {
            plan(Variation { mishap: Some(mishap), ..LIVE })
                .iter()
                .map(|planned| planned.body["kind"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(kinds(Mishap::Failed).last().unwrap(), "error");
        let retried = kinds(Mishap::Retried);
        assert_eq!(retried.last().unwrap(), "complete");
        assert_eq!(retried.iter().filter(|kind| *kind == "error").count(), 1);
    }

    #[test]
    fn text_tells_the_same_volumes_as_the_numbers() {
        let plan = plan(Variation { size: 1.05, ..LIVE });
        let of =
            |name: &str| plan.iter().map(|p| &p.body["event_metadata"][name]).find(|value| !value.is_null()).unwrap();
        let summary = of("Summary").as_str().unwrap();
        for (number, text) in
            [("Brain volume", "Brain {} ml"), ("Grey matter", "{} ml grey matter"), ("CSF", "{} ml fluid")]
        {
            let expected = text.replace("{}", &of(number).as_f64().unwrap().to_string());
            assert!(summary.contains(&expected), "{expected:?} in {summary:?}");
        }
    }

    #[test]
    fn a_larger_head_has_larger_volumes() {
        let value = |size| {
            let mask = plan(Variation { size, ..LIVE })
                .into_iter()
                .find(|p| p.body["event_metadata"]["Brain volume"].is_number());
            mask.unwrap().body["event_metadata"]["Brain volume"].as_f64().unwrap()
        };
        assert!(value(1.05) > value(1.0));
    }
}
