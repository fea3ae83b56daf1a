//! Is a set the same however it was come by? Random histories of tags with all kinds of links, where sets
//! are patched, begun with another tag's, or looked at meanwhile, against all of it asked anew.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::ask::NewSet;
use super::pkgset::Size;
use super::{Bells, Incoming, LinkEdit, TagEdit, Tags};
use crate::buildsys::{Local, RpmRow, Volume};
use crate::clock::Clock;
use crate::config::{Config, Overrides};
use crate::model::{Nevra, Nvr, PackageName, Sha256, TagName};
use crate::store::inbox::Door;
use crate::store::pkgsets::{self, ChunkRef};
use crate::store::tags::{LinkRow, NOW};
use crate::store::{Db, builds, durable};

/// Those of `k-` take signed builds only; `t-2` has two builds of a package, `k-4` all; nobody follows `n-5`.
const TAGS: [&str; 6] = ["t-0", "t-1", "t-2", "k-3", "k-4", "n-5"];

const PACKAGES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

/// How many builds each package has; all but the last are signed.
const VERSIONS: usize = 3;

const RULES: &str = r#"
follow = [
    { tags = ["k-4"], sigkeys = ["aaaaaaaa"], latest = "all" },
    { tags = ["k-*"], sigkeys = ["aaaaaaaa"] },
    { tags = ["t-2"], latest = 2 },
    { tags = ["t-*"] },
]
"#;

#[derive(Debug, Clone)]
enum Step {
    Tag(usize, usize),
    Untag(usize, usize),
    Delete(usize),
    Block(usize, usize),
    Unblock(usize, usize),
    Link(usize, usize, Kind),
    Unlink(usize, usize),
    /// Everything waits, but one tag is brought up to date.
    Refresh(usize),
    /// A restart.
    WakeAll,
    /// Everything that waits is brought up to date, and compared.
    Look,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Plain,
    Depth(i64),
    Intransitive,
    NoConfig,
    Filter,
}

fn kind() -> impl Strategy<Value = Kind> {
    let depth = (0..3_i64).prop_map(Kind::Depth);
    prop_oneof![6 => Just(Kind::Plain), 1 => depth, 1 => Just(Kind::Intransitive), 1 => Just(Kind::NoConfig), 1 => Just(Kind::Filter)]
}

fn step() -> impl Strategy<Value = Step> {
    let (tag, package, build) = (0..TAGS.len(), 0..PACKAGES.len(), 0..PACKAGES.len() * VERSIONS);
    prop_oneof![
        8 => (tag.clone(), build.clone()).prop_map(|(tag, build)| Step::Tag(tag, build)),
        3 => (tag.clone(), build.clone()).prop_map(|(tag, build)| Step::Untag(tag, build)),
        1 => build.prop_map(Step::Delete),
        2 => (tag.clone(), package.clone()).prop_map(|(tag, package)| Step::Block(tag, package)),
        1 => (tag.clone(), package).prop_map(|(tag, package)| Step::Unblock(tag, package)),
        5 => (tag.clone(), tag.clone(), kind()).prop_map(|(tag, parent, kind)| Step::Link(tag, parent, kind)),
        2 => (tag.clone(), tag.clone()).prop_map(|(tag, parent)| Step::Unlink(tag, parent)),
        3 => tag.prop_map(Step::Refresh),
        1 => Just(Step::WakeAll),
        4 => Just(Step::Look),
    ]
}

fn tag(at: usize) -> TagName {
    TAGS[at].parse().unwrap()
}

fn package(at: usize) -> PackageName {
    PACKAGES[at].parse().unwrap()
}

fn nvr(build: usize) -> Nvr {
    Nvr::new(PACKAGES[build / VERSIONS], &(build % VERSIONS).to_string(), "1").unwrap()
}

struct House {
    _dir: tempfile::TempDir,
    db: Db,
    tags: Tags,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tannery.toml");
        std::fs::write(&file, format!("data_dir = \"data\"\n{RULES}")).unwrap();
        let config = Arc::new(Config::load(Some(&file), &Overrides::none(), []).unwrap());
        durable::make_dir(&config.data_dir).unwrap();
        let db = Db::open_sqlite(&config.data_dir.join("state.sqlite")).await.unwrap();
        let local = Local::new(db.clone(), "local", Volume::new(dir.path()));
        let tags = Tags::new(db.clone(), local, config, Clock::held(2_000_000_000), Bells::default());
        for at in 0..TAGS.len() {
            tags.create_tag(&tag(at), &TagEdit::default()).await.unwrap();
        }
        let mut tx = db.write().await.unwrap();
        for build in 0..PACKAGES.len() * VERSIONS {
            let id = builds::create(&mut tx, "local", &nvr(build), 0, 1).await.unwrap();
            let sigkey = (build % VERSIONS + 1 < VERSIONS).then(|| "aaaaaaaa".parse().unwrap());
            let row = RpmRow {
                sha256: Sha256::of(nvr(build).to_string().as_bytes()),
                nevra: Nevra::new(nvr(build).name().as_str(), 0, nvr(build).version(), "1", "x86_64").unwrap(),
                size: 1,
                content: Some(Sha256::of(b"")),
                sigkey,
                source_rpm: String::new(),
                build_time: 0,
            };
            builds::put_rpm(&mut tx, &row, b"").await.unwrap();
            builds::put_copy(&mut tx, id, &nvr(build).to_string(), &row.sha256).await.unwrap();
        }
        tx.commit().await.unwrap();
        Self { _dir: dir, db, tags }
    }

    /// Does a step; one that is refused does nothing.
    async fn take(&self, step: &Step) {
        let tags = &self.tags;
        let refused = match step {
            Step::Tag(at, build) => tags.tag_builds(&tag(*at), &[nvr(*build)], false).await.is_err(),
            Step::Untag(at, build) => tags.untag_builds(&tag(*at), &[nvr(*build)]).await.is_err(),
            Step::Block(at, name) => tags.block(&tag(*at), &[package(*name)]).await.is_err(),
            Step::Unblock(at, name) => tags.unblock(&tag(*at), &[package(*name)]).await.is_err(),
            Step::Link(at, parent, kind) => self.link(*at, *parent, *kind).await,
            Step::Unlink(at, parent) => {
                let edit = TagEdit { without: vec![tag(*parent)], ..TagEdit::default() };
                tags.edit_tag(&tag(*at), &edit).await.is_err()
            }
            Step::Delete(build) => self.delete(*build).await,
            Step::Refresh(at) => tags.refresh(&tag(*at)).await.is_err(),
            Step::WakeAll => tags.wake_all().await.is_err(),
            Step::Look => {
                tags.reconcile_woken().await.unwrap();
                self.is_what_the_rows_say().await;
                false
            }
        };
        let may_be_refused = !matches!(step, Step::Refresh(_) | Step::WakeAll | Step::Delete(_));
        assert!(may_be_refused || !refused, "{step:?}");
    }

    async fn link(&self, at: usize, parent: usize, kind: Kind) -> bool {
        let link = LinkRow {
            parent: tag(parent),
            priority: 0,
            maxdepth: if let Kind::Depth(depth) = kind { Some(depth) } else { None },
            intransitive: matches!(kind, Kind::Intransitive),
            noconfig: matches!(kind, Kind::NoConfig),
            pkg_filter: if matches!(kind, Kind::Filter) { "[ab]".to_owned() } else { String::new() },
        };
        let edit = TagEdit { with: vec![LinkEdit { priority: None, link }], ..TagEdit::default() };
        self.tags.edit_tag(&tag(at), &edit).await.is_err()
    }

    async fn delete(&self, build: usize) -> bool {
        let nvr = nvr(build);
        let body = json!({"name": nvr.name(), "version": nvr.version(), "release": nvr.release(), "old": 1, "new": 2});
        let body = body.to_string();
        let message = Incoming {
            door: Door::Amqp,
            topic: "org.example.buildsys.build.state.change",
            message_id: Some(&self.tags.clock.uuid()),
            headers: &Map::new(),
            body: body.as_bytes(),
            cut: None,
            force: false,
        };
        self.tags.receive(&message).await.is_err()
    }

    /// Compares every followed tag with all of it asked anew.
    async fn is_what_the_rows_say(&self) {
        for tag in (0..TAGS.len()).map(tag) {
            let Some(rule) = self.tags.config.follow.for_tag(&tag) else { continue };
            let facts = self.tags.buildsys.facts(&tag, None, NOW).await.unwrap().unwrap();
            let (NewSet::Whole(packed, size, held), _) = self.tags.all(&facts, rule).await.unwrap() else {
                panic!("all of it")
            };
            let chunks: Vec<ChunkRef> = packed.into_iter().map(|chunk| chunk.reference).collect();
            let mut tx = self.db.read().await.unwrap();
            let newest = pkgsets::newest(&mut tx, &tag).await.unwrap().unwrap();
            assert_eq!(newest.chunks, chunks, "{tag}");
            let digests: Vec<_> = chunks.iter().map(|chunk| chunk.digest).collect();
            let kept = pkgsets::chunks(&mut tx, &digests).await.unwrap();
            let mut counted = Size::default();
            kept.iter().flat_map(|chunk| &chunk.builds).for_each(|build| counted.count(build));
            assert_eq!(size, counted);
            assert_eq!((newest.builds, newest.rpms), (size.builds, size.rpms), "{tag}");
            let said = pkgsets::held(&mut tx, &tag).await.unwrap();
            let mut sorted = held;
            sorted.sort_by(|a, b| (&a.package, &a.nvr).cmp(&(&b.package, &b.nvr)));
            assert_eq!(said, sorted, "{tag}");
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_a_set_was_come_by_it_is_what_the_rows_say(steps in prop::collection::vec(step(), 10..60)) {
        runtime().block_on(async {
            let house = House::new().await;
            for step in &steps {
                house.take(step).await;
            }
            house.take(&Step::Look).await;
        });
    }
}

/// Returns the tag whose set that of a tag begins with, and how many packages are decided anew.
async fn beginning(house: &House, at: usize) -> Option<(String, usize)> {
    let rule = house.tags.config.follow.for_tag(&tag(at)).unwrap();
    let answer = house.tags.ask(&tag(at), rule, &[], None).await.unwrap().unwrap();
    match answer.set {
        NewSet::Like(other, _, choices) => Some((other.to_string(), choices.len())),
        _ => None,
    }
}

#[tokio::test]
async fn a_side_tag_begins_with_the_set_of_its_parent_and_decides_its_own_packages() {
    let house = House::new().await;
    for build in 0..PACKAGES.len() {
        house.take(&Step::Tag(0, build * VERSIONS)).await;
    }
    for (side, kind) in [(1, Kind::Plain), (2, Kind::Filter), (3, Kind::Plain)] {
        house.take(&Step::Link(side, 0, kind)).await;
    }
    house.take(&Step::Tag(1, 1)).await;
    house.tags.refresh(&tag(0)).await.unwrap();
    assert_eq!(beginning(&house, 1).await.unwrap(), ("t-0".to_owned(), 1));
    assert_eq!(beginning(&house, 2).await, None, "not all is let through");
    assert_eq!(beginning(&house, 3).await, None, "it asks for other signatures");
    house.take(&Step::Tag(0, 4)).await;
    assert_eq!(beginning(&house, 1).await.unwrap().1, 2, "the parent has not looked at that one yet");
    house.take(&Step::WakeAll).await;
    assert_eq!(beginning(&house, 1).await, None, "the parent's set may be another");
    house.take(&Step::Look).await;
    let neighbours = house.tags.neighbours(&tag(1)).await.unwrap();
    assert_eq!(neighbours, [tag(0)]);
}
