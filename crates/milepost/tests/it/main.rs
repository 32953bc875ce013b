//! All integration tests in one binary: a file per slice, each test on both databases.

#![allow(unreachable_pub, reason = "the support modules are public within this binary")]
#![allow(missing_docs, reason = "tests are specifications: their names say what holds")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

mod accounts;
mod kill;
mod live;
mod migrations;
mod races;
mod rebuild;
mod storage;
