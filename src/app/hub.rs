//! How is the hub's client set up? Settings carried over.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use crate::buildsys::koji::{Error, Hub, Koji, Settings, files};
use crate::clock::Clock;
use crate::config::{self, Buildsys, Where};
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
    Ok(Koji::new(db, &buildsys.id, hub, clock, files(data_dir, buildsys, koji)))
}

/// Returns where the hub's files are, and how they are read.
fn files(data_dir: &Path, buildsys: &Buildsys, koji: &config::Koji) -> files::Settings {
    let volume = match &koji.volume_url {
        Some(url) => Place::Url(url.url().clone()),
        None => Place::Path(buildsys.volume.clone()),
    };
    let from = |from: &config::DigestsFrom| files::DigestsFrom {
        repository: match &from.repository {
            Where::Path(path) => Place::Path(path.clone()),
            Where::Url(url) => Place::Url(url.url().clone()),
        },
        sigkey: from.sigkey.clone(),
    };
    files::Settings {
        files_at_once: koji.files_at_once.into(),
        read_rate: NonZeroU64::new(koji.read_rate),
        digests_from: koji.digests_from.iter().map(from).collect(),
        ..files::Settings::new(volume, data_dir.join("files"))
    }
}
