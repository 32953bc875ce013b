//! The reference for what PostgreSQL itself can do: the server's rows into a copy of its table of events, with the same
//! indexes and foreign keys, and nothing else.

#![expect(clippy::disallowed_methods, reason = "the server's tests turn its clock, nobody turns this one")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Failure, Result};

/// A copy of a server's table of events, for the jobs that the server has.
#[derive(Debug)]
pub(crate) struct RawEvents {
    database_url: String,
    jobs: Vec<Uuid>,
    provider: Uuid,
    step: Uuid,
    /// The next position of a row that does not come from pgbench.
    next: AtomicI64,
}

/// The columns that an event of ours fills.
const COLUMNS: &str =
    "id, provider_id, job_id, kind, name, step_configuration_id, event_metadata, sequence, position,
    occurred_at, created_at, updated_at";
const METADATA: &str = r#"{"Density": 12.5, "Comment": "as measured"}"#;

impl RawEvents {
    /// Makes the copy beside the table, whose server has one provider and one configuration of one step.
    pub(crate) async fn beside(database_url: &str) -> Result<Self> {
        let mut connection = PgConnection::connect(database_url).await?;
        for statement in [
            "create table raw_events (like events including all)",
            "alter table raw_events add foreign key (provider_id, job_id) references jobs (provider_id, id),
                 add foreign key (job_id, step_configuration_id)
                 references job_steps (job_id, step_configuration_id)",
            "create sequence raw_position cache 1",
        ] {
            sqlx::query(statement).execute(&mut connection).await?;
        }
        Ok(Self {
            database_url: database_url.to_owned(),
            jobs: sqlx::query_scalar("select id from jobs").fetch_all(&mut connection).await?,
            provider: sqlx::query_scalar("select distinct provider_id from jobs").fetch_one(&mut connection).await?,
            step: sqlx::query_scalar("select id from step_configurations").fetch_one(&mut connection).await?,
            next: AtomicI64::new(1 << 40),
        })
    }

    /// Rows a second that pgbench inserts, one a transaction, by so many clients. All jobs have events by then.
    pub(crate) fn pgbench(&self, clients: usize, length: Duration) -> Result<f64> {
        let script = tempfile::NamedTempFile::new()?;
        let jobs: Vec<String> = self.jobs.iter().map(Uuid::to_string).collect();
        let insert = format!(
            "\\set job random(1, {count})\n\
             with p as (select nextval('raw_position') as n) \
             insert into raw_events ({columns}) select lpad(to_hex(n), 32, '0')::uuid, '{provider}'::uuid, \
             ('{{{jobs}}}'::uuid[])[:job], 'info', 'Load', '{step}'::uuid, '{METADATA}', n, n, now(), now(), now() \
             from p;\n",
            count = jobs.len(),
            columns = COLUMNS.replace('\n', " "),
            provider = self.provider,
            jobs = jobs.join(","),
            step = self.step,
        );
        std::fs::write(script.path(), insert)?;
        let seconds = length.as_secs().max(1).to_string();
        let clients = clients.to_string();
        let output = Command::new("pgbench")
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--client", &clients, "--time", &seconds])
            .arg("--file")
            .arg(script.path())
            .arg(&self.database_url)
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.ok_or_else(|| format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into())
    }

    /// Rows a second by `insert … select … from unnest(…)`, so many a statement, by so many connections at once.
    pub(crate) async fn unnest(self: &Arc<Self>, connections: usize, rows: i64, length: Duration) -> Result<f64> {
        let begun = Instant::now();
        let inserting: Vec<_> =
            (0..connections).map(|_| tokio::spawn(self.clone().insert_until(rows, begun + length))).collect();
        let mut inserted = 0;
        for connection in inserting {
            inserted += connection.await.map_err(Failure::from)??;
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        Ok(inserted as f64 / begun.elapsed().as_secs_f64())
    }

    async fn insert_until(self: Arc<Self>, rows: i64, end: Instant) -> Result<i64> {
        let mut connection = PgConnection::connect(&self.database_url).await?;
        let insert = format!(
            "insert into raw_events ({COLUMNS}) select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[],
             $5::text[], $6::uuid[], $7::jsonb[], $8::int8[], $9::int8[], $10::timestamptz[],
             $10::timestamptz[], $10::timestamptz[])"
        );
        let metadata: serde_json::Value = serde_json::from_str(METADATA)?;
        let count = usize::try_from(rows)?;
        let mut inserted = 0;
        while Instant::now() < end {
            let first = self.next.fetch_add(rows, Ordering::Relaxed);
            let positions: Vec<i64> = (first..first + rows).collect();
            let now: DateTime<Utc> = Utc::now();
            sqlx::query(AssertSqlSafe(insert.clone()))
                .bind(positions.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
                .bind(vec![self.provider; count])
                .bind(self.jobs.iter().copied().cycle().take(count).collect::<Vec<_>>())
                .bind(vec!["info"; count])
                .bind(vec!["Load"; count])
                .bind(vec![self.step; count])
                .bind(vec![metadata.clone(); count])
                .bind(&positions)
                .bind(&positions)
                .bind(vec![now; count])
                .execute(&mut connection)
                .await?;
            inserted += rows;
        }
        Ok(inserted)
    }
}
