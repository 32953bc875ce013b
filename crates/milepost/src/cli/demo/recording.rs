//! What the demo replays: a recorded run of `examples/brain_volumes`, a made-up one of another kind, and variations.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Number, Value, json};

/// A recorded run of the example program.
const BRAIN_VOLUMES: &str = include_str!("brain_volumes.json");
/// A run of a program that we do not have.
const MOTION_QC: &str = include_str!("motion_qc.json");
/// Links to these pages end with the name of the job.
const REPORTS: &str = "https://reports.aurora-imaging.example/";
/// Between two events of a step, how far it is is reported this often.
const FRACTION_EVERY: f64 = 4.0;

/// A run as it was recorded.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Recording {
    /// What to register.
    pub(super) configuration: Value,
    events: Vec<RecordedEvent>,
    #[serde(skip)]
    trouble: Trouble,
    #[serde(skip)]
    unreadable: Trouble,
}

/// What goes wrong in a job that fails or is tried again.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    tag: &'static str,
    failure: &'static str,
    retry: &'static str,
}

#[derive(Debug, Clone, Deserialize)]
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
    /// How many times as large everything is that does not grow with the head: shares, intensities, ratios.
    pub(super) scatter: f64,
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
    /// An early step cannot read what it was given, and the run ends.
    Unreadable,
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
    /// Brain volumes, as the example program measured them.
    pub(super) fn brain_volumes() -> serde_json::Result<Self> {
        let trouble = Trouble {
            tag: "segmentation",
            failure: "Tissue segmentation failed: no convergence, the image is too noisy",
            retry: "Trying again after denoising",
        };
        let unreadable = Trouble {
            tag: "brain_mask",
            failure: "No brain found: the image breaks off below the crown",
            ..Trouble::default()
        };
        Ok(Self { trouble, unreadable, ..serde_json::from_str(BRAIN_VOLUMES)? })
    }

    /// The same before it compared with an atlas and told the hemispheres apart.
    pub(super) fn older_brain_volumes() -> serde_json::Result<Self> {
        let mut older = Self::brain_volumes()?;
        let is_older = |tag: &Value| tag != "atlas" && tag != "hemispheres";
        older.events.retain(|event| is_older(&event.body["tag"]));
        older.configuration["version"] = json!("0.9.0");
        let Some(steps) = older.configuration["step_configurations"].as_array_mut() else { return Ok(older) };
        steps.retain(|step| is_older(&step["tag"]));
        for step in steps {
            match step["tag"].as_str() {
                Some("segmentation") => step["points"] = json!(60),
                Some("ventricles") => step["points"] = json!(10),
                Some("tissue_volumes") => retain_fields(step, |name| name != "Uncertain voxels"),
                _ => {}
            }
        }
        Ok(older)
    }

    /// The same with a segmentation that goes on until hardly anything changes: it takes longer, and some never get there.
    pub(super) fn newer_brain_volumes() -> serde_json::Result<Self> {
        let mut newer = Self::brain_volumes()?.slowed("segmentation", 1.7);
        newer.configuration["version"] = json!("1.1.0");
        Ok(newer)
    }

    /// Another kind of job: how still somebody lay.
    pub(super) fn motion_qc() -> serde_json::Result<Self> {
        let trouble = Trouble {
            tag: "motion",
            failure: "Motion cannot be estimated: the series breaks off after volume 131",
            retry: "Trying again with the rest of the series",
        };
        let unreadable =
            Trouble { tag: "receive", failure: "Not a series: there is one volume only", ..Trouble::default() };
        Ok(Self { trouble, unreadable, ..serde_json::from_str(MOTION_QC)? })
    }

    /// What goes wrong in such a mishap.
    fn trouble_of(&self, mishap: Mishap) -> Trouble {
        if mishap == Mishap::Unreadable { self.unreadable } else { self.trouble }
    }

    /// The same with one step so many times as long.
    fn slowed(mut self, tag: &str, factor: f64) -> Self {
        let of_step = |event: &RecordedEvent| event.body["tag"] == tag;
        let Some(first) = self.events.iter().position(of_step) else { return self };
        let Some((_, begin, end)) = self.step_under_way(first) else { return self };
        for event in &mut self.events {
            event.after_seconds += (event.after_seconds.clamp(begin, end) - begin) * (factor - 1.0);
        }
        self
    }

    /// The events of a variation in their order, for a job of that name.
    pub(super) fn plan(&self, variation: Variation, job: &str) -> Vec<Planned> {
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
            if let Some((met, trouble)) = mishap.map(|mishap| (mishap, self.trouble_of(mishap)))
                && tag == trouble.tag
                && span(at) > 0.5
            {
                planned.push(Planned { after: seconds(at), body: trouble.failure() });
                if met != Mishap::Retried {
                    return planned;
                }
                mishap = None;
                delay += FRACTION_EVERY;
                previous = at + FRACTION_EVERY;
                planned.push(Planned { after: seconds(previous), body: trouble.retry() });
            }
            let at = event.after_seconds * variation.stretch + delay;
            let body = variation.vary(&event.body, &self.configuration, job);
            planned.push(Planned { after: seconds(at), body });
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

fn retain_fields(step: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Some(fields) = step["metadata_configurations"].as_array_mut() {
        fields.retain(|field| keep(&field["name"]));
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}

fn fraction(tag: &str, fraction: f64) -> Value {
    let percent = (fraction * 100.0).clamp(0.0, 99.0).floor();
    json!({"kind": "info", "tag": tag, "fraction": percent / 100.0})
}

impl Trouble {
    fn failure(self) -> Value {
        json!({"kind": "error", "tag": self.tag, "name": self.failure})
    }

    fn retry(self) -> Value {
        json!({"kind": "info", "tag": self.tag, "name": self.retry})
    }
}

impl Variation {
    /// The same event for another head, also where text tells what was measured.
    fn vary(self, body: &Value, configuration: &Value, job: &str) -> Value {
        let mut body = body.clone();
        if let Some(name) = body["name"].as_str() {
            body["name"] = json!(self.vary_text(name));
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
            *value = match &*value {
                Value::String(link) if link.starts_with(REPORTS) => json!(format!("{link}{job}")),
                Value::String(text) => json!(self.vary_text(text)),
                Value::Number(number) => self.vary_number(number, unit),
                other => other.clone(),
            };
        }
        body
    }

    /// How many times as much something of a unit is: lengths grow with the head, volumes with its cube.
    fn factor(self, unit: &str) -> Option<f64> {
        match unit.trim_end_matches([',', ':', ';']) {
            "mm" => Some(self.size),
            "ml" => Some(self.size.powi(3)),
            "%" | "°" | "a.u." | "" => Some(self.scatter),
            _ => None,
        }
    }

    /// A count stays a whole number.
    fn vary_number(self, number: &Number, unit: &str) -> Value {
        let varied = number.as_f64().unwrap_or_default() * self.factor(unit).unwrap_or(1.0);
        #[expect(clippy::cast_possible_truncation, reason = "counts in the recordings are small")]
        if number.is_f64() { json!(round(varied)) } else { json!(varied.round() as i64) }
    }

    /// The same text with the numbers in front of a unit varied.
    fn vary_text(self, text: &str) -> String {
        let words: Vec<&str> = text.split(' ').collect();
        let varied = words.iter().enumerate().map(|(index, word)| {
            let factor = words.get(index + 1).and_then(|unit| self.factor(unit));
            match (word.parse::<f64>(), factor) {
                (Ok(number), Some(factor)) => round(number * factor).to_string(),
                _ => (*word).to_owned(),
            }
        });
        varied.collect::<Vec<_>>().join(" ")
    }
}

/// Four digits that count, as in the recordings.
fn round(number: f64) -> f64 {
    if number == 0.0 {
        return number;
    }
    let scale = 10_f64.powf(3.0 - number.abs().log10().floor());
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Variation = Variation { stretch: 10.0, size: 1.0, scatter: 1.0, mishap: None };

    fn plan(variation: Variation) -> Vec<Planned> {
        Recording::brain_volumes().unwrap().plan(variation, "brain-0001")
    }

    #[test]
    fn the_recorded_run_keeps_its_events_and_their_order() {
        let recording = Recording::brain_volumes().unwrap();
        let plan = recording.plan(Variation { stretch: 1.0, ..LIVE }, "brain-0001");
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

    #[test]
    fn shares_in_text_and_numbers_vary_alike() {
        let plan = plan(Variation { scatter: 1.02, ..LIVE });
        let load = plan.iter().find(|p| p.body["event_metadata"]["Empty background"].is_number()).unwrap();
        assert_eq!(load.body["event_metadata"]["Empty background"], 79.82);
        assert!(
            plan.iter().any(|p| p.body["name"].as_str().is_some_and(|name| name.contains("79.87 % of the image")))
        );
        let segmentation = plan.iter().find(|p| p.body["event_metadata"]["Iterations"].is_number()).unwrap();
        assert_eq!(segmentation.body["event_metadata"]["Iterations"], 35);
    }

    #[test]
    fn an_older_version_has_its_own_steps_and_no_events_of_others() {
        let older = Recording::older_brain_volumes().unwrap();
        let steps = older.configuration["step_configurations"].as_array().unwrap();
        let tags: Vec<&Value> = steps.iter().map(|step| &step["tag"]).collect();
        assert_eq!(tags.len(), 8);
        assert!(older.plan(LIVE, "brain-0001").iter().all(|planned| tags.contains(&&planned.body["tag"])));
    }

    #[test]
    fn in_the_newer_version_one_step_takes_longer_and_the_others_as_long() {
        let lengths = |recording: serde_json::Result<Recording>| {
            let recording = recording.unwrap();
            let finishes = recording.events.iter().filter(|event| event.body["kind"] != "info");
            let ends: Vec<f64> = finishes.map(|event| event.after_seconds).collect();
            let begins = std::iter::once(0.0).chain(ends.clone());
            begins.zip(ends).map(|(begin, end)| end - begin).collect::<Vec<_>>()
        };
        let before = lengths(Recording::brain_volumes());
        let ratios = lengths(Recording::newer_brain_volumes()).into_iter().zip(before).map(|(now, then)| now / then);
        for (step, ratio) in ratios.enumerate() {
            let expected = if step == 4 { 1.7 } else { 1.0 };
            assert!((ratio - expected).abs() < 1e-9, "step {step}: {ratio}");
        }
    }

    #[test]
    fn a_report_is_the_jobs_own() {
        let plan = Recording::motion_qc().unwrap().plan(LIVE, "motion-0007");
        let last = &plan.last().unwrap().body["event_metadata"];
        assert_eq!(last["Report"], "https://reports.aurora-imaging.example/motion-qc/motion-0007");
    }

    #[test]
    fn every_recording_goes_wrong_and_is_mended() {
        for recording in [
            Recording::older_brain_volumes(),
            Recording::brain_volumes(),
            Recording::newer_brain_volumes(),
            Recording::motion_qc(),
        ] {
            let plan = |mishap| recording.as_ref().unwrap().plan(Variation { mishap: Some(mishap), ..LIVE }, "a job");
            assert_eq!(plan(Mishap::Failed).last().unwrap().body["kind"], "error");
            let unreadable = plan(Mishap::Unreadable);
            assert_eq!(unreadable.last().unwrap().body["kind"], "error");
            assert!(unreadable.len() < plan(Mishap::Failed).len());
            assert_eq!(plan(Mishap::Retried).last().unwrap().body["kind"], "complete");
        }
    }
}
