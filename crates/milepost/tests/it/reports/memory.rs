//! What a report of many rows costs the server: no more memory than one of few.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::time::sleep;

use crate::support::{DatabaseKind, Milepost, TestServer};

/// By how much the memory of a server may grow, in KiB.
const MOST: u64 = 64 * 1024;

/// How many rows; `make test-faults` takes more than a sheet has room for.
fn rows() -> u64 {
    std::env::var("MILEPOST_TEST_REPORT_ROWS").map_or(60_000, |rows| rows.parse().unwrap())
}

/// A server process over a database with that many events, measured while it writes them in every form.
async fn measure(kind: DatabaseKind) {
    let rows = rows();
    let server = TestServer::start(kind).await;
    let alice = server.provider("alice").await.with_new_key("write").await;
    alice.register("scan", "1.0.0", &[("load", 1)]).await;
    for number in 0..100 {
        alice.open_job("scan", &format!("CT-{number}")).await;
    }
    let (new_id, time, object, numbers) = match kind {
        DatabaseKind::Sqlite => (
            "randomblob(16)",
            "strftime('%Y-%m-%dT%H:%M:%S+00:00', 1790000000 + n / 100, 'unixepoch')",
            "'{\"Density\":' || n || '.5,\"Comment\":\"nothing that is of any interest\"}'",
            "with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n + 1 < ROWS)",
        ),
        DatabaseKind::Postgres => (
            "gen_random_uuid()",
            "to_timestamp(1790000000 + n / 100)",
            "cast('{\"Density\":' || n || '.5,\"Comment\":\"nothing that is of any interest\"}' as jsonb)",
            "with numbers (n) as (select generate_series(0, ROWS - 1))",
        ),
    };
    let numbers = numbers.replace("ROWS", &rows.to_string());
    let fill = format!(
        "insert into events (id, provider_id, job_id, kind, name, event_metadata, sequence, position, occurred_at,
             created_at, updated_at)
         {numbers}, ordered as (select id, row_number() over (order by id) - 1 as number from jobs)
         select {new_id}, j.provider_id, j.id, 'info', 'What happened, number ' || n, {object}, n / 100 + 1, n + 1, {time},
             {time}, {time}
         from numbers join ordered o on o.number = n % 100 join jobs j on j.id = o.id;
         update log_positions set position = {rows} where log = 'events';
         update jobs set last_sequence = {rows} / 100, status = 'running',
             started_at = (select min(occurred_at) from events), last_event_at = (select max(created_at) from events)"
    );
    server.database.raw().await.execute(&fill).await.unwrap();
    let database = server.stop().await;
    let process = Milepost::on(&database, &["serve"]).serve().await.unwrap();
    let alice = alice.at_address(&process.url);
    // What a server has for ever after its first requests is no cost of a report.
    for form in ["csv", "ndjson", "xlsx", "parquet"] {
        let few = alice.request(Method::GET, &format!("/reports/events?format={form}&to=2026-09-21T14:14:00Z"));
        few.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    }
    if rows > 1_048_575 {
        alice.get("/reports/events?format=xlsx").await.expect_problem(422, &["/format"]);
    }
    // Unoptimised, a spreadsheet takes ten times as long as the others.
    for (form, part) in [("csv", ""), ("ndjson", ""), ("parquet", ""), ("xlsx", "&to=2026-09-21T14:16:40Z")] {
        let before = process.resident();
        let begun = Instant::now();
        let path = format!("/reports/events?format={form}{part}");
        let mut response = alice.request(Method::GET, &path).send().await.unwrap().error_for_status().unwrap();
        let (mut most, mut size, mut looked) = (before, 0, Instant::now());
        let mut lines = 0;
        loop {
            let piece = tokio::select! {
                piece = response.chunk() => piece.unwrap(),
                () = sleep(Duration::from_millis(20)) => { most = most.max(process.resident()); continue }
            };
            let Some(piece) = piece else { break };
            size += piece.len();
            lines += String::from_utf8_lossy(&piece).matches('\n').count() as u64;
            if looked.elapsed() > Duration::from_millis(20) {
                (most, looked) = (most.max(process.resident()), Instant::now());
            }
        }
        let grown = most - before;
        eprintln!("{rows} rows as {form}: {size} bytes in {:?}, {grown} KiB", begun.elapsed());
        assert!(grown < MOST, "{rows} rows as {form} cost {grown} KiB");
        if form == "ndjson" {
            assert_eq!(lines, rows);
        }
    }
    assert_eq!(process.stop().await.matches("internal error").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_cost_no_memory_on_sqlite() {
    measure(DatabaseKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_cost_no_memory_on_postgres() {
    measure(DatabaseKind::Postgres).await;
}
