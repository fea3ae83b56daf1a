//! Is there a new message? One task looks for all streams, and only while there are any.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Service;
use crate::model::chain;
use crate::store::{self, outbox};

/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The cursor of the newest message, as it was seen last. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Newest(Arc<watch::Sender<i64>>);

impl Default for Newest {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Newest {
    /// Returns a receiver that wakes when the newest message is another one.
    pub(super) fn subscribe(&self) -> watch::Receiver<i64> {
        self.0.subscribe()
    }
}

/// Looks for new messages until the service stops.
pub(super) async fn follow(service: &Service) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_away = false;
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        if service.newest.0.receiver_count() == 0 {
            continue;
        }
        match last(service).await {
            Ok(last) => {
                is_away = false;
                service.newest.0.send_if_modified(|known| std::mem::replace(known, last) != last);
            }
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(error = chain(&error), "streams wait: the outbox cannot be read");
            }
            Err(_) => {}
        }
    }
}

/// Returns the cursor of the newest message; 0 if there is none.
pub(super) async fn last(service: &Service) -> Result<i64, store::Error> {
    outbox::last(&mut service.db.read().await?).await
}
