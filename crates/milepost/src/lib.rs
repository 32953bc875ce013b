//! Milepost tracks jobs that run elsewhere: providers report events, customers watch progress, live.
//!
//! `docs/ARCHITECTURE.md` is the map: the way of one event from the socket to the watcher's screen.

pub mod admission;
pub mod analytics;
pub mod api_document;
pub mod api_keys;
pub mod app;
pub mod audit;
pub mod auth;
pub mod caller;
pub mod cli;
pub mod client;
pub mod config;
pub mod configurations;
pub mod customers;
pub mod db;
pub mod durations;
pub mod erasure;
pub mod error;
pub mod events;
pub mod export;
#[doc(hidden)]
pub mod fuzzing;
mod headers;
pub mod http;
mod https;
pub mod jobs;
pub mod live;
pub mod observe;
pub mod paging;
pub mod period;
pub mod progress;
pub mod reports;
pub mod retention;
pub mod rollups;
pub mod serve;
pub mod server;
pub mod sessions;
pub mod sign_in;
pub mod sources;
mod spread;
mod ui;
mod unread_body;
pub mod users;
pub mod values;
