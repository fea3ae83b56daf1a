//! How is the hub's client set up? Settings carried over.

use std::path::Path;
use std::sync::Arc;

use crate::buildsys::koji::{Error, Hub, Koji, Settings, files};
use crate::clock::Clock;
use crate::config::{self, Buildsys};
use crate::fetch::Place;
use crate::store::Db;

/// Returns the hub that is configured; it connects to nobody yet.
pub(super) fn koji(
    db: Db,
    data_dir: &Path,
    buildsys: &Buildsys,
    koji: &config::Koji,
    clock: Clock,
) -> Result<Koji, Error> {
    let mut settings = Settings::new(koji.hub.url().clone());
    settings.in_flight = usize::from(koji.calls_at_once.get());
    settings.per_second = koji.calls_per_second.get();
    settings.silence = koji.answer_within;
    let hub = Arc::new(Hub::new(clock.clone(), settings)?);
    let files = files::Settings::new(Place::Path(buildsys.volume.clone()), data_dir.join("files"));
    Ok(Koji::new(db, &buildsys.id, hub, clock, files))
}
