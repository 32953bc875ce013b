//! All integration tests in one binary: a file per slice, each test on both databases.

#![allow(missing_docs, reason = "tests are specifications: their names say what holds")]
#![allow(unreachable_pub, reason = "`pub` tells what a module of the tests offers the others")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

mod accounts;
mod api_keys;
mod configurations;
mod connections;
mod customers;
mod events;
mod jobs;
mod kill;
mod live;
mod migrations;
mod openapi;
mod origins;
mod progress;
mod races;
mod rebuild;
mod sessions;
mod storage;
mod storage_full;
mod tenants;
mod ui;
mod watch;
