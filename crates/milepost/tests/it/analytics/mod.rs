//! Jobs, steps, measurements and customers in figures: each worked out again, slowly, from what there is.

mod bounds;
mod figures;
mod history;
mod oracle;
mod spreads;
