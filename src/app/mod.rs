//! How are the rooms joined? Opens each once and hands it what it needs.
//!
//! No rule of any room is here: what a message means, when a repository is due, what a status code
//! says is decided where it belongs.

mod bus;
mod hub;
mod service;

use std::sync::Arc;

use crate::buildsys::{Local, Volume};
use crate::clock::Clock;
use crate::compose::Composes;
use crate::config::{Config, Database};
use crate::repos::Repos;
use crate::store::durable::make_dir;
use crate::store::{self, Db};
use crate::tags::{self, Bells, Tags};

pub use service::Running;

/// Why the state cannot be opened, or the service not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state could not be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The tags could not be brought up to date.
    #[error(transparent)]
    Tags(#[from] tags::Error),
    /// The repositories of an earlier run could not be looked through.
    #[error(transparent)]
    Repos(#[from] crate::repos::Error),
    /// The composes of an earlier run could not be looked through.
    #[error(transparent)]
    Compose(#[from] crate::compose::Error),
    /// No connection to the hub can be made at all.
    #[error("the settings in [koji] cannot be used")]
    Hub(#[from] crate::buildsys::koji::Error),
    /// The broker's settings are not usable.
    #[error("the settings in [bus] cannot be used")]
    Bus(#[from] crate::bus::BadSettings),
    /// A part of the service ended by itself; the log says why.
    #[error(transparent)]
    Broken(#[from] crate::lifecycle::Broken),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// All rooms, joined.
#[derive(Clone)]
pub struct App {
    /// What the operator decided.
    pub config: Arc<Config>,
    /// The state.
    pub db: Db,
    /// Time and chance.
    pub clock: Clock,
    /// Who rings for whom.
    pub bells: Bells,
    /// What tags mean.
    pub tags: Tags,
    /// Live repositories.
    pub repos: Repos,
    /// Composes.
    pub composes: Composes,
}

impl App {
    /// Opens the state, for a command that runs beside `serve` or without it, or to be started.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, Error> {
        make_dir(&config.data_dir)?;
        let db = match &config.database {
            Database::Sqlite(file) => Db::open_sqlite(file).await?,
            Database::Postgres(url) => Db::open_postgres(url.expose()).await?,
        };
        Self::over(db, Arc::new(config), clock, Bells::default())
    }

    fn over(db: Db, config: Arc<Config>, clock: Clock, bells: Bells) -> Result<Self, Error> {
        let tags = match &config.buildsys.koji {
            Some(settings) => {
                let koji = hub::koji(db.clone(), &config.data_dir, &config.buildsys, settings, clock.clone())?;
                Tags::of_hub(db.clone(), koji, settings.clone(), config.clone(), clock.clone(), bells.clone())
            }
            None => {
                let local = Local::new(db.clone(), &config.buildsys.id, Volume::new(&config.buildsys.volume));
                Tags::new(db.clone(), local, config.clone(), clock.clone(), bells.clone())
            }
        };
        let repos = Repos::new(db.clone(), tags.clone(), config.clone(), clock.clone());
        let composes = Composes::new(db.clone(), tags.clone(), config.clone(), clock.clone(), bells.clone());
        Ok(Self { config, db, clock, bells, tags, repos, composes })
    }

    /// Returns what the bus is set up with; `None` where no broker is configured.
    pub fn bus_settings(&self) -> Option<crate::bus::Settings> {
        let config = self.config.bus.as_ref()?;
        Some(bus::settings(config, self.config.inbox.max_body))
    }

    /// Runs the whole service until SIGTERM or SIGINT.
    pub async fn serve(self) -> Result<(), Error> {
        let running = self.start().await?;
        running.until_stopped().await
    }
}
