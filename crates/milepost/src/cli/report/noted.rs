//! What one command notes for the next: each is a process of its own, and what it has found out would be lost with it.

use std::fs;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::SpoolSettings;

/// In the folder of the spool.
const NAME: &str = "noted.json";
/// So long a server that has just let somebody wait in vain is not waited for by others.
const AWAY: TimeDelta = TimeDelta::seconds(30);
/// Within this two findings about the clock are the same: the server tells its time in whole seconds.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// No clock is farther off, whatever stands in the file.
const FARTHEST: TimeDelta = TimeDelta::days(36_500);

/// About one server.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Noted {
    url: String,
    /// How far the server's clock is ahead of this machine's, in milliseconds.
    clock_ahead_ms: i64,
    /// When somebody has waited for it in vain, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    away_ms: Option<i64>,
}

impl Noted {
    /// What was noted about this server; what cannot be read was not.
    pub(super) fn load(settings: &SpoolSettings, url: &str) -> Self {
        let text = fs::read(settings.folder.join(NAME)).unwrap_or_default();
        let noted: Self = serde_json::from_slice(&text).unwrap_or_default();
        if noted.url == url { noted } else { Self { url: url.to_owned(), ..Self::default() } }
    }

    /// Whether it makes no sense to wait for the server.
    pub(super) fn is_away(&self, now: DateTime<Utc>) -> bool {
        let since = self.away_ms.map(|away| now.timestamp_millis().saturating_sub(away));
        since.is_some_and(|since| (0..AWAY.num_milliseconds()).contains(&since))
    }

    /// Notes that the server was waited for in vain, or answers again.
    pub(super) fn note_away(&mut self, settings: &SpoolSettings, away: Option<DateTime<Utc>>) {
        let away_ms = away.map(|away| away.timestamp_millis());
        if self.away_ms != away_ms {
            self.away_ms = away_ms;
            self.save(settings);
        }
    }

    /// How far the clock is to be corrected, now that the server's was found to be so far ahead. What was found before holds
    /// as long as it can be: the events of one script must keep their order, whichever command sends them.
    pub(super) fn correct(&mut self, settings: &SpoolSettings, found: Option<TimeDelta>) -> TimeDelta {
        let before = TimeDelta::try_milliseconds(self.clock_ahead_ms).filter(|before| before.abs() <= FARTHEST);
        let before = before.unwrap_or_default();
        let Some(found) = found.filter(|found| (*found - before).abs() > CLOCK_TOLERANCE) else { return before };
        self.clock_ahead_ms = if found.abs() <= CLOCK_TOLERANCE { 0 } else { found.num_milliseconds() };
        self.save(settings);
        TimeDelta::milliseconds(self.clock_ahead_ms)
    }

    /// In one step, since others may read it. That it cannot be kept is no harm.
    fn save(&self, settings: &SpoolSettings) {
        let save = |folder: &Path| {
            let mut file = tempfile::Builder::new().prefix(".noted").tempfile_in(folder).ok()?;
            file.write_all(&serde_json::to_vec(self).ok()?).ok()?;
            file.persist(folder.join(NAME)).ok()
        };
        let _ = save(&settings.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_found_to_be_about_as_wrong_as_before_is_corrected_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings { folder: folder.path().to_owned(), limit: 1 };
        let correct = |millis| {
            let found = TimeDelta::milliseconds(millis);
            Noted::load(&settings, "http://a").correct(&settings, Some(found)).num_milliseconds()
        };
        assert_eq!(correct(800), 0);
        assert_eq!(correct(86_400_300), 86_400_300);
        assert_eq!(correct(86_399_500), 86_400_300);
        assert_eq!(correct(2300), 2300);
        assert_eq!(correct(1900), 2300);
        assert_eq!(correct(-900), 0);
    }

    #[test]
    fn a_server_is_away_for_a_while_and_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings { folder: folder.path().to_owned(), limit: 1 };
        let now = DateTime::from_timestamp_millis(1_795_443_366_000).unwrap();
        Noted::load(&settings, "http://a").note_away(&settings, Some(now));
        let is_away = |url, seconds| Noted::load(&settings, url).is_away(now + TimeDelta::seconds(seconds));
        assert_eq!([is_away("http://a", 29), is_away("http://a", 31), is_away("http://a", -1)], [true, false, false]);
        assert!(!is_away("http://b", 1));
    }
}
