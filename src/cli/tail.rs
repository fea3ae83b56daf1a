//! `tannery events tail`: what comes in, and what becomes of it, as it happens?

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::events::{Head, head, lines};
use super::output::{Form, harmless_json, print};
use crate::app::App;
use crate::store::inbox::{self, InboxState, Message};
use crate::store::{self, Tx};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// How many messages are read at a time.
const BATCH: i64 = 500;

/// Follow what comes in, and what becomes of it, until interrupted
///
/// Each message is told when it has come, and again when one that waited has its end. Repeats, and messages that
/// are not kept (of tags that nobody follows, of topics that change nothing), are not told.
#[derive(Debug, Args)]
pub(super) struct Tail {
    /// Begin with the last N messages
    #[arg(long, value_name = "N", default_value_t = 10)]
    last: u32,
    /// End after so many were told
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// With --json each is one object in one line
    #[command(flatten)]
    form: Form,
}

/// What has been told, and what of it has not come to its end.
#[derive(Debug)]
struct Follower {
    told: i64,
    waiting: BTreeSet<i64>,
}

impl Tail {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let begin = inbox::before_last(&mut app.db.read().await?, i64::from(self.last)).await?;
        let mut follower = Follower { told: begin, waiting: BTreeSet::new() };
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 {
            let news = follower.news(&mut app.db.read().await?).await?;
            if news.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
            for message in news {
                if left == 0 {
                    break;
                }
                left -= 1;
                self.tell(&head(message))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, head: &Head) -> anyhow::Result<()> {
        if !self.form.json {
            return print(&lines(head));
        }
        print(&(harmless_json(&serde_json::to_string(head)?) + "\n"))
    }
}

impl Follower {
    /// Returns the messages that came, and those that have come to their end, since the last call.
    async fn news(&mut self, tx: &mut Tx) -> Result<Vec<Message>, store::Error> {
        let mut news = Vec::new();
        if let Some(first) = self.waiting.first() {
            let still: BTreeSet<i64> = inbox::waiting_from(tx, *first).await?.into_iter().collect();
            let ended: Vec<i64> = self.waiting.difference(&still).copied().collect();
            for sequence in ended {
                self.waiting.remove(&sequence);
                news.extend(inbox::head(tx, sequence).await?);
            }
        }
        for message in inbox::heads_after(tx, self.told, BATCH).await? {
            self.told = message.sequence;
            if message.state == InboxState::Waiting {
                self.waiting.insert(message.sequence);
            }
            news.push(message);
        }
        Ok(news)
    }
}
