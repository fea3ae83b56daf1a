//! What do the rooms make of a hub? Its tags followed step by step, without broker and service.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use tannery::buildsys::koji::{Koji, files};
use tannery::clock::Clock;
use tannery::config::{Config, Overrides};
use tannery::fetch::Place;
use tannery::repos::Repos;
use tannery::store::Db;
use tannery::store::inbox::Door;
use tannery::tags::{Bells, Incoming, Outcome, Tags};

use super::Rig;
use crate::world::hub::Message;
use crate::world::packages_in;

/// A fake hub, and the rooms that follow it.
pub struct House {
    pub rig: Rig,
    pub tags: Tags,
    pub repos: Repos,
}

impl House {
    /// Starts an empty hub; `follow` are the follow rules.
    pub async fn new(follow: &str) -> Self {
        Self::over(Rig::new(), follow).await
    }

    /// As [`House::new`], with a hub that may have been filled, and a client of one's own.
    pub async fn over(rig: Rig, follow: &str) -> Self {
        Self::with(rig, follow, 3).await
    }

    /// As [`House::over`]; past so many packages or builds of a tag, all of it is asked for.
    pub async fn with(rig: Rig, follow: &str, whole_from: u32) -> Self {
        let text = format!(
            "data_dir = \"data\"\n[buildsys]\nkind = \"koji\"\nvolume = \"koji\"\n[koji]\nhub = \"{}\"\n\
             check_every = \"1ms\"\n[repos]\nquiet = \"0s\"\nat_latest = \"0s\"\n{follow}",
            rig.koji.url()
        );
        let file = rig._world.write("tannery.toml", text);
        let config = Arc::new(Config::load(Some(&file), &Overrides::none(), []).unwrap());
        let db = Db::open_sqlite(&rig._world.path("state.sqlite")).await.unwrap();
        let clock = Clock::system();
        let mut settings =
            files::Settings::new(Place::Path(rig.koji.volume().to_owned()), rig._world.path("data/files"));
        settings.pause = Duration::from_millis(1);
        let koji = Koji::new(db.clone(), "koji", rig.hub.clone(), clock.clone(), settings);
        let mut hub = config.buildsys.koji.clone().unwrap();
        hub.whole_from = NonZeroU32::new(whole_from).unwrap();
        hub.burst_from = NonZeroU32::new(3).unwrap();
        let tags = Tags::of_hub(db.clone(), koji, hub, config.clone(), clock.clone(), Bells::default());
        let repos = Repos::new(db, tags.clone(), config, clock);
        Self { rig, tags, repos }
    }

    /// Takes a message in.
    pub async fn hear(&self, id: usize, message: &Message) {
        let (id, topic, body) =
            (format!("message-{id}"), format!("org.example.{}", message.topic), message.body.to_string());
        let incoming = Incoming {
            door: Door::Amqp,
            topic: &topic,
            message_id: Some(&id),
            headers: &Map::new(),
            body: body.as_bytes(),
            cut: None,
            force: false,
        };
        let outcome = self.tags.receive(&incoming).await.unwrap();
        assert!(!matches!(outcome, Outcome::Quarantined { .. } | Outcome::Refused { .. }), "{outcome:?}");
    }

    /// Asks what is to be asked, and brings files, sets and repositories up to date, until nothing is left.
    pub async fn work(&self) {
        for _ in 0..50 {
            let asked = self.ask().await;
            let done = asked + self.tags.reconcile_woken().await.unwrap();
            let learned = self.tags.learn_woken().await.unwrap();
            self.repos.reconcile_woken().await.unwrap();
            if done + learned == 0 {
                return;
            }
        }
        panic!("there is always something left to do");
    }

    /// Asks the hub; what is doubtful again, as the service does.
    async fn ask(&self) -> usize {
        let mut last = None;
        for _ in 0..3 {
            match self.tags.ask_now().await {
                Ok(asked) => return asked,
                Err(error) => last = Some(error),
            }
        }
        panic!("the hub is well: {last:?}");
    }

    /// Looks at everything, as the service does from time to time, and brings all up to date.
    pub async fn check(&self) {
        self.tags.probe().await.unwrap();
        self.work().await;
    }

    /// Returns what a repository has, by name: the whole of it is read, its packages too.
    pub fn shown(&self, tag: &str) -> BTreeMap<String, String> {
        let repository = self.rig._world.path(format!("data/repos/{tag}/x86_64"));
        if !repository.join("repodata/repomd.xml").exists() {
            return BTreeMap::new();
        }
        packages_in(&repository)
    }
}
