//! What happens, and when? The service is set up on a hub whose tag is full, the burst comes, and it is watched until
//! nothing waits any more.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;

use super::acts::Rebuild;
use super::broker::{Publisher, kept};
use super::hub::Hub;
use super::measure;
use super::servers::Broker;
use super::service::{Line, Service};
use super::setup::Setup;
use super::shown::{self, difference, fetch_some, packages};
use super::volume::{self, Builds};

/// The tag that is rebuilt.
pub const TAG: &str = "f44";
/// A small tag that is not.
pub const OTHER: &str = "f44-other";
const REPO: &str = "x86_64";
/// What a repository of x86_64 takes here.
const ARCHES: [&str; 3] = ["x86_64", "noarch", "i686"];
/// How many builds the small tag has at first, and how many come.
const OTHERS: (usize, usize) = (20, 2);
/// How long the first reading may take, and how long the burst.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Between two looks at the queue.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks at what waits in the service, whose work they are.
const SELDOM: Duration = Duration::from_millis(500);
/// How many packages are fetched in the end.
const FETCHED: usize = 200;

/// A hub, a broker, and a service that follows both.
pub struct Story {
    pub first: Cost,
    hub: Hub,
    broker: Broker,
    service: Service,
    /// Builds that are in no tag, for the small one.
    others: Vec<String>,
}

/// What a stretch of time cost.
#[derive(Default)]
pub struct Cost {
    pub took: Duration,
    /// Of the service.
    pub processor: Duration,
    /// Of the fake hub.
    pub hub_processor: Duration,
    /// Most memory of the service.
    pub peak: u64,
    /// Calls to the hub by method; those in a multiCall apart.
    pub calls: BTreeMap<String, usize>,
    /// The part of the processors' time that the machine's host kept, per cent.
    pub stolen: f64,
}

/// How the burst went; times are seconds after the first message.
pub struct Burst {
    pub cost: Cost,
    pub messages: usize,
    pub packages: usize,
    pub published: f64,
    pub acknowledged: f64,
    /// When the tag's set changed.
    pub sets: Vec<f64>,
    /// When a generation of the tag's repository was published, and how many packages it has.
    pub generations: Vec<(f64, u64)>,
    /// How long the messages of the small tag took until its repository showed them.
    pub others: Vec<Duration>,
    /// What is not right in the end.
    pub wrong: Option<String>,
}

/// Where a stretch of time began.
struct Mark {
    at: Instant,
    processor: Duration,
    hub_processor: Duration,
    calls: BTreeMap<String, usize>,
    stolen: Option<(u64, u64)>,
}

impl Story {
    /// Fills the hub with the first builds, starts the service, and waits until it shows all.
    pub fn begin(setup: &Setup, builds: &mut Builds, more: &str) -> anyhow::Result<Self> {
        let volume = setup.scratch.join("koji");
        let (hub, broker) = (Hub::start(&volume), Broker::new());
        let others = fill(&hub, builds)?;
        let directory = setup.fresh("service")?;
        let started = Instant::now();
        let service = Service::start_with(&directory, &sections(&hub, &broker, &volume.display().to_string(), more))?;
        let mut story = Self { first: Cost::default(), hub, broker, service, others };
        let mark = Mark { at: started, processor: Duration::ZERO, ..story.mark()? };
        for tag in [TAG, OTHER] {
            story.service.wait("the first repository", PATIENCE, |lines| {
                lines
                    .iter()
                    .find(|line| matches!(line, Line::Shown { tag: of, repo, .. } if of == tag && repo == REPO))
                    .map(|_| ())
            })?;
        }
        while shown::waiting(&story.service.address)? > 0 {
            std::thread::sleep(SELDOM);
        }
        story.first = story.cost(&mark)?;
        let wrong = [TAG, OTHER].into_iter().find_map(|tag| story.wrong(tag).transpose());
        anyhow::ensure!(wrong.is_none(), "the first repositories are not right: {wrong:?}");
        Ok(story)
    }

    /// Has the rebuild happen and be announced; watches until nothing waits any more.
    pub async fn burst(&mut self, builds: &Builds) -> anyhow::Result<Burst> {
        self.service.idle()?;
        self.service.forget_peak()?;
        let (mut publisher, rebuild) = (Publisher::open(&self.broker).await?, Rebuild::plan(builds));
        let (mark, known) = (self.mark()?, self.lines(|lines| lines.len())?);
        let (began, mut messages, mut told) = (Timestamp::now(), 0, Vec::new());
        let half = rebuild.len() / 2;
        for (at, said) in rebuild.acts(&self.hub, TAG).enumerate() {
            for message in said {
                publisher.say(&message).await?;
                messages += 1;
            }
            if at == half {
                told.push(self.tell_other(&mut publisher, 0).await?);
            }
        }
        publisher.finish().await?;
        let published = Timestamp::now();
        let acknowledged = self.watch(&mut publisher, &mut told, known).await?;
        let cost = self.cost(&mark)?;
        let mut wrong = None;
        for tag in [TAG, OTHER] {
            wrong = wrong.or(self.wrong(tag)?);
        }
        let since = |at: Timestamp| at.duration_since(began).as_secs_f64();
        let lines: Vec<Line> = self.lines(|lines| lines[known..].to_vec())?;
        let (sets, generations) = of_tag(&lines, TAG);
        let others = told.iter().filter_map(|told| shown_after(&lines, *told)).collect();
        Ok(Burst {
            cost,
            messages,
            packages: builds.newer.len(),
            published: since(published),
            acknowledged: since(acknowledged),
            sets: sets.into_iter().map(since).collect(),
            generations: generations.into_iter().map(|(at, packages)| (since(at), packages)).collect(),
            others,
            wrong,
        })
    }

    /// Watches until nothing waits any more; gives when all messages were acknowledged.
    async fn watch(
        &mut self,
        publisher: &mut Publisher,
        told: &mut Vec<Timestamp>,
        known: usize,
    ) -> anyhow::Result<Timestamp> {
        let (ends, mut acknowledged, mut looked) = (Instant::now() + PATIENCE, None, Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            anyhow::ensure!(Instant::now() < ends, "the burst does not end");
            if acknowledged.is_none() && publisher.ready().await? == 0 && kept(&self.broker)? == 0 {
                acknowledged = Some(Timestamp::now());
            }
            let is_out = |line: &Line| matches!(line, Line::Changed { tag, .. } if tag == TAG);
            if told.len() == 1 && self.lines(|lines| lines[known..].iter().any(is_out))? {
                told.push(self.tell_other(publisher, 1).await?);
                publisher.finish().await?;
            }
            if looked.elapsed() < SELDOM || told.len() < OTHERS.1 {
                continue;
            }
            looked = Instant::now();
            if let Some(acknowledged) = acknowledged
                && publisher.ready().await? == 0
                && kept(&self.broker)? == 0
                && shown::waiting(&self.service.address)? == 0
            {
                return Ok(acknowledged);
            }
        }
    }

    /// Tags one more build into the small tag.
    async fn tell_other(&self, publisher: &mut Publisher, number: usize) -> anyhow::Result<Timestamp> {
        for message in self.hub.tag_build(OTHER, &self.others[number]) {
            publisher.say(&message).await?;
        }
        Ok(Timestamp::now())
    }

    /// Says what is wrong with a tag's repository, as a client finds it; nothing where it is right.
    fn wrong(&self, tag: &str) -> anyhow::Result<Option<String>> {
        let (address, repository) = (&self.service.address, format!("/repos/{tag}/{REPO}"));
        let shown = packages(address, &repository)?;
        fetch_some(address, &repository, &shown, FETCHED)?;
        Ok(difference(&self.hub.right_digests(tag, &ARCHES), &shown).map(|wrong| format!("{tag}: {wrong}")))
    }

    fn lines<T>(&mut self, look: impl Fn(&[Line]) -> T) -> anyhow::Result<T> {
        self.service.wait("the log", PATIENCE, |lines| Some(look(lines)))
    }

    fn processor_time(&self) -> anyhow::Result<Duration> {
        measure::processor_time(self.service.id()).context("the service has ended")
    }

    fn mark(&self) -> anyhow::Result<Mark> {
        Ok(Mark {
            at: Instant::now(),
            processor: self.processor_time()?,
            hub_processor: hub_processor()?,
            calls: self.hub.asked(),
            stolen: measure::stolen(),
        })
    }

    fn cost(&self, mark: &Mark) -> anyhow::Result<Cost> {
        let mut calls = self.hub.asked();
        for (method, before) in &mark.calls {
            if let Some(count) = calls.get_mut(method) {
                *count -= before;
            }
        }
        calls.retain(|_, count| *count > 0);
        let stolen = mark.stolen.zip(measure::stolen()).map_or(0.0, |((old, all_old), (new, all_new))| {
            (new - old) as f64 * 100.0 / (all_new - all_old).max(1) as f64
        });
        Ok(Cost {
            took: mark.at.elapsed(),
            processor: self.processor_time()? - mark.processor,
            hub_processor: hub_processor()?.saturating_sub(mark.hub_processor),
            peak: self.service.memory()?.peak,
            calls,
            stolen,
        })
    }
}

/// Returns the time on the processors of all threads of this process but the one that asks: those of the fake hub.
fn hub_processor() -> anyhow::Result<Duration> {
    let all = measure::processor_time(std::process::id()).context("a process has a time")?;
    let own = fs::read_to_string("/proc/thread-self/schedstat")?;
    let own = own.split_whitespace().next().context("a thread has a time")?.parse()?;
    Ok(all.saturating_sub(Duration::from_nanos(own)))
}

/// Puts all first builds into the tag and some into the small one; returns those that are left for it.
fn fill(hub: &Hub, builds: &mut Builds) -> anyhow::Result<Vec<String>> {
    volume::import(hub, &mut builds.first);
    volume::import(hub, &mut builds.newer);
    for tag in [TAG, OTHER] {
        hub.create_tag(tag, Some("x86_64 i686"));
    }
    let of_other = builds.first.len().checked_sub(OTHERS.0 + OTHERS.1).context("the corpus has too few builds")?;
    let (mut last, mut others) = ("", Vec::new());
    for (at, build) in builds.first.iter().enumerate() {
        if build.package != last {
            last = &build.package;
            hub.add_package(TAG, last);
            if at >= of_other {
                hub.add_package(OTHER, last);
            }
        }
        if at >= of_other {
            others.push(build.nvr.clone());
        }
    }
    let all: Vec<String> = builds.first.iter().map(|build| build.nvr.clone()).collect();
    hub.mass_tag(TAG, &all);
    let left = others.split_off(OTHERS.0);
    hub.mass_tag(OTHER, &others);
    Ok(left)
}

/// Returns the configuration; all that is not said is as by default.
fn sections(hub: &Hub, broker: &Broker, volume: &str, more: &str) -> String {
    format!(
        "[bus]\nurl = \"{}\"\n[buildsys]\nkind = \"koji\"\nvolume = \"{volume}\"\n[koji]\nhub = \"{}\"\n{}\n\
         [[follow]]\ntags = [\"{TAG}\", \"{OTHER}\"]\narches = [\"x86_64\"]\nmultilib = {{ x86_64 = [\"i686\"] }}\n",
        broker.url(),
        hub.url(),
        more.replace(';', "\n"),
    )
}

/// Returns when a tag's set changed, and when its repository did.
fn of_tag(lines: &[Line], wanted: &str) -> (Vec<Timestamp>, Vec<(Timestamp, u64)>) {
    let (mut sets, mut generations) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Changed { tag, at } if tag == wanted => sets.push(*at),
            Line::Shown { tag, repo, packages, at } if tag == wanted && repo == REPO => {
                generations.push((*at, *packages));
            }
            _ => {}
        }
    }
    (sets, generations)
}

/// Returns how long after a moment the small tag's repository was published next.
fn shown_after(lines: &[Line], moment: Timestamp) -> Option<Duration> {
    let (_, generations) = of_tag(lines, OTHER);
    let (at, _) = generations.into_iter().find(|(at, _)| *at > moment)?;
    Duration::try_from(at.duration_since(moment)).ok()
}
