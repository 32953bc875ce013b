//! What a report is asked for: a period, a kind of job, a customer, how jobs are.

use uuid::Uuid;

use super::table::zoned;
use crate::auth::ProviderId;
use crate::configurations::version::{self, Version};
use crate::customers::Whom;
use crate::db::{On, Select};
use crate::error::Result;
use crate::http::Several;
use crate::period::{Bound, Period, Zone};
use crate::progress::JobStatus;
use crate::values::Tag;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// Which span of time.
    pub period: Period,
    /// Which kind of job.
    pub tag: Option<Tag>,
    /// Which version of it.
    pub version: Option<Version>,
    /// Whose jobs.
    pub customer: Option<Whom>,
    /// How they are.
    pub statuses: Option<Vec<JobStatus>>,
}

/// The parameters that all reports take, as they were sent.
#[derive(Debug)]
pub(super) struct Asked {
    pub from: Option<Bound>,
    pub to: Option<Bound>,
    pub zone: Option<Zone>,
    pub tag: Option<Tag>,
    pub version: Option<Version>,
    pub customer: Option<Whom>,
    pub status: Option<Several<JobStatus>>,
}

impl Filter {
    pub(super) fn new(
        asked: Asked,
        period: impl FnOnce(Option<Bound>, Option<Bound>, Option<Zone>) -> Result<Period>,
    ) -> Result<Self> {
        version::expect_tag(asked.tag.as_ref(), asked.version.as_ref())?;
        Ok(Self {
            period: period(asked.from, asked.to, asked.zone)?,
            tag: asked.tag,
            version: asked.version,
            customer: asked.customer,
            statuses: asked.status.map(|Several(statuses)| statuses),
        })
    }

    /// The statuses as they are kept.
    pub(super) fn status_words(&self) -> Option<Vec<String>> {
        self.statuses.as_ref().map(|statuses| statuses.iter().map(|status| status.as_str().to_owned()).collect())
    }

    /// What was asked for, by name, for people to read.
    pub(super) fn statements(&self) -> Vec<(&'static str, String)> {
        let period = &self.period;
        let time = |time: Option<_>| time.map(|time| zoned(period.zone, time));
        let said = [
            ("zone", Some(period.zone.name().to_owned())),
            ("from", time(period.from)),
            ("before", time(period.to)),
            ("tag", self.tag.as_ref().map(Tag::to_string)),
            ("version", self.version.as_ref().map(Version::to_string)),
            ("customer", self.customer.as_ref().map(Whom::in_words)),
            ("status", self.status_words().map(|words| words.join(","))),
        ];
        said.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whose jobs these are, as jobs name it: links, [`crate::rollups::NOBODY`] among them. Nothing: everybody's.
    pub(super) async fn links<'a>(
        &self,
        on: impl Into<On<'a>>,
        provider: ProviderId,
    ) -> sqlx::Result<Option<Vec<Uuid>>> {
        match &self.customer {
            None => Ok(None),
            Some(whom) => whom.links(on, provider).await.map(Some),
        }
    }

    /// The condition that a column holds one of the configurations that are asked for; nothing if any will do.
    pub(super) fn configurations(&self, select: &mut Select, provider: &str, column: &str) -> Option<String> {
        let tag = select.value(self.tag.as_ref()?.to_string());
        let of_tag = format!("f.provider_id = {provider} and f.tag = {tag}");
        let version = self.version.as_ref().map(|version| select.value(version.to_string()));
        let of_version = version.map(|version| format!(" and f.version = {version}")).unwrap_or_default();
        Some(format!("{column} in (select f.id from job_configurations f where {of_tag}{of_version})"))
    }

    /// The condition that a column holds one of the statuses that are asked for; nothing if any will do.
    pub(super) fn status(&self, select: &mut Select, column: &str) -> Option<String> {
        let words: Vec<String> = self.status_words()?.into_iter().map(|word| select.value(word)).collect();
        Some(format!("{column} in ({})", words.join(", ")))
    }
}
