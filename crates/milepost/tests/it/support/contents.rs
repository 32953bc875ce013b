//! What is in the database, to show that a refusal changed nothing and that the stored state is what the events say.

use milepost::db::Db;
use milepost::events::hours;
use milepost::jobs::counts;
use milepost::jobs::rebuild::{check, job_ids_after};
use milepost::rollups;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::TestServer;

impl TestServer {
    /// How many rows the tables have that providers write to, and how far the jobs have got.
    pub async fn contents(&self) -> Vec<i64> {
        let mut contents = Vec::new();
        for what in [
            "count(*) from job_configurations",
            "count(*) from step_configurations",
            "count(*) from metadata_configurations",
            "count(*) from jobs",
            "count(*) from job_steps",
            "count(*) from events",
            "cast(coalesce(sum(last_sequence), 0) as bigint) from jobs",
            "cast(coalesce(sum(weight_done_millionths), 0) as bigint) from jobs",
            "cast(sum(position) as bigint) from log_positions",
            "cast(coalesce(sum(events), 0) as bigint) from event_hours",
            "cast(coalesce(sum(errors), 0) as bigint) from event_hours",
        ] {
            let sql = AssertSqlSafe(format!("select {what}"));
            contents.push(match self.app.db() {
                Db::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_one(read).await.unwrap(),
                Db::Postgres { shared, .. } => sqlx::query_scalar(sql).fetch_one(shared).await.unwrap(),
            });
        }
        contents
    }

    /// Recomputes every job from its events and asserts that this is what is stored.
    pub async fn expect_state_as_rebuilt(&self) {
        for id in job_ids_after(self.app.db(), Uuid::nil(), 1_000).await.unwrap() {
            let differences = check(&self.app, id).await.unwrap();
            assert!(differences.is_empty(), "{differences:#?}");
        }
        self.expect_counts_as_counted().await;
    }

    /// Counts the events and jobs of every provider again and asserts that this is what is stored.
    pub async fn expect_counts_as_counted(&self) {
        for id in hours::provider_ids(self.app.db()).await.unwrap() {
            let mut differences = hours::check(&self.app, id).await.unwrap();
            differences.extend(counts::check(&self.app, id).await.unwrap());
            differences.extend(rollups::check(&self.app, id).await.unwrap());
            assert!(differences.is_empty(), "{differences:#?}");
        }
    }
}
