//! Milepost tracks jobs that run elsewhere: providers report events, customers watch progress, live.
//!
//! `docs/ARCHITECTURE.md` is the map: the way of one event from the socket to the watcher's screen.

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
pub mod error;
pub mod events;
pub mod http;
pub mod jobs;
pub mod live;
pub mod paging;
pub mod progress;
pub mod server;
pub mod sessions;
pub mod sources;
mod ui;
mod unread_body;
pub mod users;
pub mod values;
