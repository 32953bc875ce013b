//! What must not happen to a program that is told of, and what must not happen to what is told: every event is on the
//! server once, in order, and the program's output and end are its own.

mod clocks;
mod disks;
mod outages;
mod processes;
mod strangers;

use std::net::SocketAddr;
use std::process::Command;

use super::Desk;
use crate::support::{Database, DatabaseKind, Milepost, Talking, TestServer};

/// Every line is told.
const ALL: &str = "[[rule]]\nname = 'all'\nmatch = '^(?<text>.+)$'\n";

async fn desk() -> (TestServer, Desk) {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let desk = Desk::at(&server).await;
    desk.file("rules.toml", ALL);
    (server, desk)
}

/// The server as a process of its own, which can be killed.
async fn serve(database: &Database, address: SocketAddr) -> Talking {
    let mut serving = Milepost::on(database, &["serve", "--listen", &address.to_string()]).start_talking();
    serving.says("milepost is ready").await;
    serving
}

/// A job that tells of every line of a script.
fn exec(desk: &Desk, job: &str, script: &str) -> Command {
    desk.exec_with(job, &["--rules", "rules.toml"], script)
}

/// What is told of a script that prints these numbers and ends well.
fn numbers(last: usize) -> Vec<String> {
    (1..=last).map(|number| format!("info: {number}")).chain(["complete".to_owned()]).collect()
}
