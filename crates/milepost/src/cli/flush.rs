//! `milepost flush`: sends what earlier runs could not.

use std::time::Duration;

use clap::Args;

use super::event::DeliveryArgs;
use super::report::flush;
use super::server::ServerArgs;
use super::terminal::{count, say};
use super::{Failure, Outcome};

#[derive(Debug, Args)]
pub(super) struct Flush {
    #[command(flatten)]
    server: ServerArgs,

    /// How long to try
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    patience: Duration,

    #[command(flatten)]
    delivery: DeliveryArgs,
}

impl Flush {
    pub(super) async fn run(self) -> Outcome {
        let server = self.server.connect()?;
        let delivered = flush(&server, self.patience).await?;
        self.delivery.tell(&delivered)?;
        if !self.delivery.is_json() {
            say!("{} sent", count(delivered.sent, "report"))?;
        }
        if delivered.is_complete { Ok(()) } else { Err(Failure("something waits still".to_owned())) }
    }
}
