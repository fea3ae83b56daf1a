//! Does Tannery understand a Koji hub? The client against the fake hub, and the fake hub against a real one's answers.

mod bursts;
mod calls;
mod chances;
mod changes;
mod doubts;
mod files;
mod house;
mod messages;
mod mirror;
mod rules;
mod samples;
mod size;
mod successors;
mod traps;
mod troubles;
mod verified;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use tannery::buildsys::koji::files::Settings as FileSettings;
use tannery::buildsys::koji::{Hub, Koji, Settings};
use tannery::clock::Clock;
use tannery::fetch::Place;
use tannery::store::Db;

use crate::world::World;
use crate::world::hub::{self, NewBuild};

/// A fake hub, and a client that asks it.
struct Rig {
    _world: World,
    koji: hub::Hub,
    hub: Arc<Hub>,
}

impl Rig {
    /// Starts an empty hub, asked impatiently.
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let world = World::new();
        let koji = hub::Hub::start(&world.path("koji"));
        let mut settings = Settings::new(koji.url().parse().unwrap());
        settings.per_second = 100_000;
        settings.tries = 3;
        settings.pause = Duration::from_millis(1);
        settings.longest_pause = Duration::from_millis(20);
        change(&mut settings);
        let hub = Arc::new(Hub::new(Clock::system(), settings).unwrap());
        Self { _world: world, koji, hub }
    }

    /// Returns the hub as a build system whose rows are known by `id`, with its files had by path.
    fn mirror(&self, db: &Db, id: &str) -> Koji {
        let settings = FileSettings::new(Place::Path(self.koji.volume().to_owned()), self._world.path("own"));
        Koji::new(db.clone(), id, self.hub.clone(), Clock::system(), settings)
    }

    /// Fills the hub: two builds of alpha in f43, the second in f43-updates too, which inherits from it; beta in f43.
    fn filled(self) -> Self {
        let koji = &self.koji;
        koji.create_tag("f43", Some("x86_64 aarch64"));
        koji.create_tag("f43-updates", None);
        koji.inherit("f43-updates", &["f43"]);
        for package in ["alpha", "beta"] {
            koji.add_package("f43", package);
        }
        for nvr in ["alpha-1.0-1.fc43", "alpha-1.1-1.fc43", "beta-2.0-1.fc43"] {
            koji.import(&NewBuild::new(nvr, &["x86_64", "aarch64"]).rpm("common", "noarch").epoch(1));
            koji.tag_build("f43", nvr);
        }
        koji.tag_build("f43-updates", "alpha-1.1-1.fc43");
        self
    }
}
