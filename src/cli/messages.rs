//! `tannery messages`: what was the world told?

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::output::{harmless_json, print};
use crate::app::App;
use crate::outbox;
use crate::store::outbox as rows;

/// How many messages are read at a time.
const BATCH: u64 = 200;

/// Between two looks for new messages.
const LOOK: Duration = Duration::from_millis(200);

/// Print the messages made so far, oldest first, one JSON object a line
///
/// The form is fedora-messaging's own, with the cursor in addition, as `sequence`.
#[derive(Debug, Args)]
pub(super) struct Messages {
    /// Only those after this cursor
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
    after: i64,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Wait for more, until interrupted or until the limit is reached
    #[arg(long)]
    follow: bool,
}

impl Messages {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let mut cursor = self.after;
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 {
            let batch = rows::after(&mut app.db.read().await?, cursor, left.min(BATCH) as i64).await?;
            if batch.is_empty() {
                if !self.follow {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
            let mut lines = String::new();
            for row in batch {
                cursor = row.sequence;
                left -= 1;
                let message = outbox::document(row)?;
                lines.push_str(&harmless_json(&Value::Object(message).to_string()));
                lines.push('\n');
            }
            print(&lines)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
