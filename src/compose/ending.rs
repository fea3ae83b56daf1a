//! What is known of a compose once something happened to it? Its row and its messages, always together,
//! and what a restart makes of composes that lost their process.

use serde_json::Value;

use super::messages::{PUNGI_STATUS_TOPIC, Report, STATUS_TOPIC, SetUsed};
use super::run::{Composes, blocking, identity};
use super::{Error, latest};
use crate::model::{ComposeId, ComposeStatus};
use crate::outbox;
use crate::store::composes::{self, ComposeRow};
use crate::store::{Write, pkgsets};

/// The reason of a compose whose process is gone.
const KILLED: &str = "killed";

impl Composes {
    /// Tells the world of the compose as `row` has it.
    pub(super) async fn tell(&self, tx: &mut Write, row: &ComposeRow, sets: &[SetUsed]) -> Result<(), Error> {
        let (identity, url) = (identity(row), self.url(&row.id));
        let path = self.place().visible(&row.id);
        let report = Report {
            identity: &identity,
            definition: &row.definition,
            status: row.status,
            reason: row.reason.as_deref(),
            url: &url,
            path: &path.to_string_lossy(),
            sets,
        };
        for (topic, body) in [(STATUS_TOPIC, report.body()), (PUNGI_STATUS_TOPIC, report.pungi_body())] {
            let Value::Object(body) = body else { continue };
            outbox::tell(tx, &self.clock, topic, &row.id.to_string(), body).await?;
        }
        Ok(())
    }

    /// Says how a compose ended, unless that was said before: then `false`.
    pub(super) async fn end(
        &self,
        row: &ComposeRow,
        sets: &[SetUsed],
        status: ComposeStatus,
        reason: Option<&str>,
    ) -> Result<bool, Error> {
        let now = self.clock.micros();
        let mut tx = self.db.write().await?;
        let ended = composes::end(&mut tx, &row.id, status, reason, now).await?;
        if ended {
            let row = ComposeRow { status, reason: reason.map(str::to_owned), ended_at: Some(now), ..row.clone() };
            self.tell(&mut tx, &row, sets).await?;
        }
        tx.commit().await?;
        self.bells.outbox.ring();
        if ended {
            let reason = reason.unwrap_or_default();
            tracing::info!(compose.id = %row.id, reason, "compose {} is {status}", row.id);
        }
        self.remove_lock(&row.id).await?;
        Ok(ended)
    }

    /// Puts in order what processes that are gone have left: finishes composes that are visible,
    /// removes those that are not and says that they are TERMINATED. Composes that a living process
    /// makes are left alone. To be called at start, and before each run.
    ///
    /// All processes that share a database must share the compose directory: its locks tell who lives.
    ///
    /// # Errors
    /// The first one; what can be put in order all the same is.
    pub async fn recover(&self) -> Result<(), Error> {
        let mut first = Ok(());
        for row in composes::unfinished(&mut self.db.read().await?).await? {
            first = first.and(self.recover_one(&row.id).await);
        }
        let place = self.place();
        for id in blocking(move || Ok(place.left_behind()?)).await? {
            first = first.and(self.clear(&id).await);
        }
        let place = self.place();
        first.and(blocking(move || latest::sweep(&place)).await)
    }

    /// Removes what a compose that has ended could not remove itself.
    async fn clear(&self, id: &ComposeId) -> Result<(), Error> {
        let row = composes::by_id(&mut self.db.read().await?, id).await?;
        if row.is_some_and(|row| row.status.is_final()) {
            self.remove_work(id).await?;
            self.remove_lock(id).await?;
        }
        Ok(())
    }

    async fn recover_one(&self, id: &ComposeId) -> Result<(), Error> {
        let (place, held) = (self.place(), id.clone());
        let Some(_hold) = blocking(move || place.hold(&held)).await? else { return Ok(()) };
        // Asked only now: it may have ended just before its process let go of it.
        let Some(row) = composes::by_id(&mut self.db.read().await?, id).await? else { return Ok(()) };
        if row.status.is_final() {
            return self.remove_lock(id).await;
        }
        let sets = self.sets(&row).await?;
        let visible = self.place().visible(id);
        if blocking(move || Ok(visible.is_dir())).await? {
            self.finish(&row, &sets).await?;
            return Ok(());
        }
        tracing::warn!(compose.id = %id, "compose {id} lost its process; removing what there is of it");
        self.remove_work(id).await?;
        self.end(&row, &sets, ComposeStatus::Terminated, Some(KILLED)).await?;
        Ok(())
    }

    async fn sets(&self, row: &ComposeRow) -> Result<Vec<SetUsed>, Error> {
        let Some(number) = row.revision else { return Ok(Vec::new()) };
        let revision = pkgsets::numbered(&mut self.db.read().await?, &row.tag, number).await?;
        let set = |digest| SetUsed { tag: row.tag.clone(), revision: number, digest };
        Ok(revision.into_iter().map(|revision| set(revision.digest)).collect())
    }

    async fn remove_lock(&self, id: &ComposeId) -> Result<(), Error> {
        let (place, id) = (self.place(), id.clone());
        blocking(move || Ok(place.remove_lock(&id)?)).await
    }
}
