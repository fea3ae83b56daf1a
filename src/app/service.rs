//! What runs while the service runs? One task a room, each looking by itself and rung for by the others.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::bus::Inward;
use super::{App, Error};
use crate::bus::{Bus, Publisher, Status};
use crate::http::{self, Readiness, Received};
use crate::lifecycle::Lifecycle;
use crate::model::chain;
use crate::outbox::{Drain, PARK_AFTER, Webhooks};
use crate::store::durable::{self, Lock};
use crate::store::wakeups::{self, Room};
use crate::store::{inbox, outbox, service, webhooks};
use crate::tags::Tags;

/// Longest wait without a ring: another process may have written something.
const LOOK: Duration = Duration::from_secs(1);

/// How often what waited too long, or was kept long enough, is looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// How often the service notes how it stands.
const NOTE: Duration = Duration::from_secs(2);

/// A service that runs.
pub struct Running {
    /// The rooms.
    pub app: App,
    /// Where it is served, without a slash at the end.
    pub url: String,
    /// The address it listens on.
    pub address: SocketAddr,
    life: Lifecycle,
    _lock: Lock,
}

impl App {
    /// Starts everything: what was begun is finished, then all rooms run.
    pub async fn start(self) -> Result<Running, Error> {
        let lock = hold(&self.config.data_dir.join("serve.lock")).await?;
        let bind = self.config.http.bind;
        let listener = TcpListener::bind(bind).await.map_err(|source| Error::Listen { address: bind, source })?;
        let address = listener.local_addr().map_err(|source| Error::Listen { address: bind, source })?;
        let url = self.config.http.url(address);
        let app = self.at(address)?;
        app.sync_what_is_there().await?;
        app.repos.recover().await?;
        app.composes.recover().await?;
        app.tags.begin_to_verify().await?;
        app.tags.wake_all().await?;
        let webhooks = app.webhooks();
        webhooks.begin().await?;
        let life = Lifecycle::default();
        let received = Received::default();
        let bus = app.spawn_bus(&life, received.clone())?;
        let ready = Readiness::default();
        app.spawn_rooms(&life, ready.clone());
        let (drain, soft) = (app.drain(bus.as_ref().map(|(publisher, _)| publisher.clone())), life.soft().clone());
        life.spawn("outbox", drain.run(soft));
        if !app.config.webhooks.is_empty() {
            life.spawn("webhooks", webhooks.run(life.soft().clone()));
        }
        let status = bus.map(|(_, status)| status);
        app.spawn_keeping(&life, &url, status.clone());
        let state = http::State {
            db: app.db.clone(),
            config: app.config.clone(),
            tags: app.tags.clone(),
            repos: app.repos.clone(),
            clock: app.clock.clone(),
            bells: app.bells.clone(),
            bus: status,
            ready,
            received,
            stop: life.soft().clone(),
        };
        life.spawn("http", http::serve(listener, state));
        tracing::info!(url, data_dir = %app.config.data_dir.display(), database = app.db.kind(), "serving at {url}");
        Ok(Running { app, url, address, life, _lock: lock })
    }

    /// Returns the same rooms, knowing the address they are served at: the configured port may be 0.
    fn at(self, address: SocketAddr) -> Result<Self, Error> {
        let mut config = (*self.config).clone();
        config.http.bind = address;
        Self::over(self.db, Arc::new(config), self.clock, self.bells)
    }

    /// Makes durable what a killed process may have left visible and not synced.
    async fn sync_what_is_there(&self) -> Result<(), Error> {
        let config = self.config.clone();
        let synced = tokio::task::spawn_blocking(move || {
            // A hub's volume is not ours to write to.
            let volume = config.buildsys.koji.is_none().then_some(&config.buildsys.volume);
            let places = [Some(&config.data_dir), volume, Some(&config.compose.dir)].into_iter().flatten();
            places.filter(|place| place.is_dir()).try_for_each(|place| durable::sync_file_system(place))
        });
        synced.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        Ok(())
    }

    fn spawn_bus(&self, life: &Lifecycle, received: Received) -> Result<Option<(Publisher, Status)>, Error> {
        let Some(settings) = self.bus_settings() else { return Ok(None) };
        let (bus, publisher, status) = Bus::new(settings, self.clock.clone())?;
        life.spawn("bus", bus.run(Inward { tags: self.tags.clone(), received }, life.soft().clone()));
        life.spawn("reconnects", reconcile_after_reconnect(self.tags.clone(), status.clone(), life.soft().clone()));
        Ok(Some((publisher, status)))
    }

    fn spawn_rooms(&self, life: &Lifecycle, ready: Readiness) {
        life.spawn("tags", run_tags(self.clone(), life.soft().clone()));
        if self.config.buildsys.koji.is_some() {
            life.spawn("hub", self.tags.clone().follow_hub(life.soft().clone()));
        }
        life.spawn("files", self.tags.clone().learn(life.soft().clone()));
        life.spawn("repos", self.repos.clone().run(self.bells.repos.clone(), life.soft().clone()));
        life.spawn("tidy", self.repos.clone().tidy(life.soft().clone()));
        life.spawn("merged", self.repos.clone().merge(self.bells.merged.clone(), life.soft().clone()));
        life.spawn("records", self.repos.clone().watch_records(life.soft().clone()));
        let (app, soft) = (self.clone(), life.soft().clone());
        life.spawn_side(async move {
            tokio::select! {
                () = soft.cancelled() => {}
                () = become_ready(app, ready) => {}
            }
        });
    }

    fn drain(&self, publisher: Option<Publisher>) -> Drain {
        let topic_prefix = self.config.bus.as_ref().map(|bus| bus.topic_prefix.clone()).unwrap_or_default();
        Drain { db: self.db.clone(), publisher, topic_prefix, bell: self.bells.outbox.clone() }
    }

    fn webhooks(&self) -> Webhooks {
        Webhooks { db: self.db.clone(), clock: self.clock.clone(), hooks: self.config.webhooks.clone() }
    }

    fn spawn_keeping(&self, life: &Lifecycle, url: &str, status: Option<Status>) {
        life.spawn("sweep", every(SWEEP, life.soft().clone(), self.clone(), sweep));
        let (app, url, soft) = (self.clone(), url.to_owned(), life.soft().clone());
        life.spawn("notes", async move {
            loop {
                if let Err(error) = note(&app, &url, status.as_ref()).await {
                    tracing::warn!(error = %chain(&error), "how the service stands could not be noted");
                }
                tokio::select! {
                    () = soft.cancelled() => return,
                    () = tokio::time::sleep(NOTE) => {}
                }
            }
        });
    }
}

impl Running {
    /// Waits until the service is told to stop, then lets everything end.
    ///
    /// # Errors
    /// It was not told to stop, but a part of it ended by itself.
    pub async fn until_stopped(self) -> Result<(), Error> {
        let ended = self.life.until_stopped().await;
        self.app.db.close().await;
        Ok(ended?)
    }

    /// Stops the service: what is in hand is finished.
    pub async fn stop(self) {
        self.life.stop().await;
        self.app.db.close().await;
    }
}

/// Takes the lock of the one service of a data directory. `tannery status` holds it for an instant to
/// see whether anybody does, so a holder is given a second to let go.
async fn hold(file: &Path) -> Result<Lock, Error> {
    for _ in 0..20 {
        if let Ok(lock) = Lock::take(file) {
            return Ok(lock);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(Lock::take(file)?)
}

async fn run_tags(app: App, stop: CancellationToken) {
    let mut pause = LOOK;
    while !stop.is_cancelled() {
        pause = match app.tags.reconcile_until(|| stop.is_cancelled()).await {
            Ok(_) => LOOK,
            Err(error) => {
                tracing::error!(error = %chain(&error), "tags cannot be brought up to date; the last sets stand");
                (pause * 2).min(Duration::from_secs(30))
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.bells.tags.heard(pause) => {}
        }
    }
}

/// Says that the service is ready once every repository that was woken at the start has been looked at.
async fn become_ready(app: App, ready: Readiness) {
    for room in [Room::Tags, Room::Repos] {
        let mut until = None;
        loop {
            match left(&app, room, until).await {
                Ok((0, _)) => break,
                Ok((_, last)) => until = Some(until.unwrap_or(last)),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "whether the repositories are current cannot be seen")
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    ready.set();
}

/// Returns how many wake-ups of a room are left of those up to `until`, and the last there is.
async fn left(app: &App, room: Room, until: Option<i64>) -> Result<(usize, i64), Error> {
    let pending = wakeups::pending(&mut app.db.read().await?, room).await?;
    let last = pending.iter().map(|wake_up| wake_up.sequence).max().unwrap_or(0);
    let old = pending.iter().filter(|wake_up| until.is_none_or(|until| wake_up.sequence <= until));
    Ok((old.count(), last))
}

/// Looks at every tag again whenever messages may have been lost with a link to the broker.
async fn reconcile_after_reconnect(tags: Tags, status: Status, stop: CancellationToken) {
    let mut changes = status.subscribe();
    let mut seen = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return stop.cancelled().await },
        }
        let (missed, connects) = {
            let now = changes.borrow_and_update();
            (now.may_have_missed(seen), now.connects)
        };
        while missed && let Err(error) = tags.look_again().await {
            tracing::warn!(error = %chain(&error), "tags could not be woken after a reconnect");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        seen = connects;
    }
}

async fn every<F, Done>(pause: Duration, stop: CancellationToken, app: App, work: F)
where
    F: Fn(App) -> Done,
    Done: Future<Output = Result<(), Error>>,
{
    loop {
        if let Err(error) = work(app.clone()).await {
            tracing::warn!(error = %chain(&error), "what is old could not be looked through");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Drops messages that waited in vain, and forgets what was kept long enough.
async fn sweep(app: App) -> Result<(), Error> {
    let ago = |span: Duration| app.clock.micros() - i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let mut tx = app.db.write().await?;
    let dropped = inbox::drop_waiting(&mut tx, ago(app.config.inbox.wait_for_build)).await?;
    inbox::forget(&mut tx, ago(app.config.inbox.keep)).await?;
    webhooks::forget_parked(&mut tx, ago(app.config.inbox.keep)).await?;
    // By then a webhook has taken a message, or it is parked.
    outbox::forget(&mut tx, ago(app.config.inbox.keep), ago(PARK_AFTER * 2)).await?;
    tx.commit().await?;
    for (id, reason) in dropped {
        tracing::warn!(message.id = id, "a message waited in vain and was dropped: {reason}");
    }
    Ok(())
}

/// Notes how the service stands, for commands that run beside it.
async fn note(app: &App, url: &str, status: Option<&Status>) -> Result<(), Error> {
    let now = app.clock.micros();
    let bus = serde_json::to_string(&status.map(Status::read)).unwrap_or_else(|_| "null".to_owned());
    let mut tx = app.db.write().await?;
    service::note(&mut tx, service::URL, url, now).await?;
    service::note(&mut tx, service::BUS, &bus, now).await?;
    let hub = serde_json::to_string(&app.tags.standing()).unwrap_or_else(|_| "null".to_owned());
    service::note(&mut tx, service::HUB, &hub, now).await?;
    let records = serde_json::to_string(&app.repos.bad_records()).unwrap_or_else(|_| "[]".to_owned());
    service::note(&mut tx, service::RECORDS, &records, now).await?;
    Ok(tx.commit().await?)
}
