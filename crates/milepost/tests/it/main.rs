//! All integration tests in one binary: a file per slice, each test on both databases.

#![allow(missing_docs, reason = "tests are specifications: their names say what holds")]
#![allow(unreachable_pub, reason = "`pub` tells what a module of the tests offers the others")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

mod accounts;
mod analytics;
mod api_keys;
mod attacks;
mod audit;
mod backup;
mod canary;
mod command_line;
mod commands;
mod compressed;
mod configurations;
mod connections;
mod customers;
mod demo;
mod durations;
mod erasure;
mod events;
mod expected_end;
mod export;
mod fuzzing;
mod headers;
mod injections;
mod jobs;
mod kill;
mod limits;
mod limits_of_connections;
mod live;
mod logs;
mod metrics;
mod migrations;
mod migrations_killed;
mod openapi;
mod origins;
mod progress;
mod races;
mod rebuild;
mod reports;
mod restore_drill;
mod retention;
mod rollups;
mod schema;
mod sessions;
mod silence;
mod stopping;
mod storage;
mod storage_full;
mod tenants;
mod throttling;
mod traces;
mod ui;
mod wal;
mod watch;
