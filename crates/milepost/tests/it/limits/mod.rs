//! How much somebody may do over time and at once, and what becomes of the rest.

mod gates;
mod rates;
