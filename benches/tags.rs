//! How long does a change of a tag take, and what does it cost on disk and in memory? At the scale of a
//! distribution: 20,000 builds with 70,000 RPMs in one base, and 500 side tags that inherit from it.
//!
//! Rows only: no RPM file is read or written. `cargo bench --bench tags [-- BUILDS SIDE_TAGS]`; on
//! PostgreSQL where `TANNERY_BENCH_POSTGRES` holds the URL of an empty database.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, json};
use tannery::buildsys::{Local, RpmRow, Volume, local};
use tannery::clock::Clock;
use tannery::config::Config;
use tannery::model::{Nevra, Nvr, Sha256, TagName};
use tannery::store::inbox::Door;
use tannery::store::tags::{self as rows, LinkRow};
use tannery::store::{Db, builds, durable, pkgsets};
use tannery::tags::{Bells, Incoming, LinkEdit, Outcome, TagEdit, Tags};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many builds are filled in in one transaction.
const AT_ONCE: usize = 1000;

struct Bench {
    clock: Clock,
    db: Db,
    file: PathBuf,
    tags: Tags,
    builds: usize,
    side_tags: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let dir = std::env::temp_dir().join(format!("tannery-bench-tags-{}", std::process::id()));
    let ran = run(&dir, numbers.first().copied().unwrap_or(20_000), numbers.get(1).copied().unwrap_or(500)).await;
    std::fs::remove_dir_all(&dir)?;
    ran
}

async fn run(dir: &Path, builds: usize, side_tags: usize) -> Result<()> {
    let bench = Bench::new(dir, builds, side_tags).await?;
    println!("{} builds, {} side tags, {}", bench.builds, bench.side_tags, bench.db.kind());
    bench.fill().await?;
    bench.whole_base().await?;
    bench.one_build_into_the_base().await?;
    bench.many_builds_into_the_base().await?;
    bench.each_side_tag_one_build().await?;
    bench.one_build_into_the_base_of_all().await?;
    bench.two_builds_into_the_base_of_all().await?;
    bench.all_again().await?;
    Ok(())
}

fn base() -> TagName {
    tag("base")
}

fn tag(name: &str) -> TagName {
    name.parse().expect("the names of the bench are tag names")
}

/// Returns a build of a package; one in ten has many RPMs.
fn nvr(package: usize, version: usize) -> Result<Nvr> {
    Ok(Nvr::new(&format!("package{:05}-of-distribution", package * 7919 % 100_000), &version.to_string(), "1.fc44")?)
}

fn rpms(nvr: &Nvr, package: usize) -> Result<Vec<(RpmRow, String)>> {
    let subpackages = if package.is_multiple_of(10) { 7 } else { package % 3 + 1 };
    let mut rpms = Vec::new();
    for at in 0..=subpackages {
        let (arch, name) =
            if at == 0 { ("src", nvr.name().to_string()) } else { ("x86_64", format!("{}-sub{at}", nvr.name())) };
        let nevra = Nevra::new(&name, 0, nvr.version(), nvr.release(), arch)?;
        let location = Volume::location(nvr, &nevra, None);
        let row = RpmRow {
            sha256: Sha256::of(location.as_bytes()),
            size: 100_000 + at as u64,
            content: Some(Sha256::of(nevra.to_string().as_bytes())),
            sigkey: None,
            source_rpm: if at == 0 { String::new() } else { format!("{nvr}.src.rpm") },
            build_time: 1_700_000_000,
            nevra,
        };
        rpms.push((row, location));
    }
    Ok(rpms)
}

impl Bench {
    async fn new(dir: &Path, builds: usize, side_tags: usize) -> Result<Self> {
        durable::make_dir(dir)?;
        let (config, file) = (Arc::new(Config::default_for(dir)), dir.join("state.sqlite"));
        let db = match std::env::var("TANNERY_BENCH_POSTGRES") {
            Ok(url) => Db::open_postgres(&url).await?,
            Err(_) => Db::open_sqlite(&file).await?,
        };
        let (clock, local) = (Clock::system(), Local::new(db.clone(), "local", Volume::new(dir)));
        let tags = Tags::new(db.clone(), local, config, clock.clone(), Bells::default());
        Ok(Self { clock, db, file, tags, builds, side_tags })
    }

    /// Puts one build and its RPMs into the tables.
    async fn put(&self, tx: &mut tannery::store::Write, package: usize, version: usize) -> Result<i64> {
        let nvr = nvr(package, version)?;
        let id = builds::create(tx, "local", &nvr, 0, self.clock.micros()).await?;
        for (row, location) in rpms(&nvr, package)? {
            builds::put_rpm(tx, &row, b"").await?;
            builds::put_copy(tx, id, &location, &row.sha256).await?;
        }
        Ok(id)
    }

    async fn fill(&self) -> Result<()> {
        let began = Instant::now();
        self.tags.create_tag(&base(), &TagEdit { arches: Some(vec!["x86_64".parse()?]), ..TagEdit::default() }).await?;
        let mut first = 0;
        while first < self.builds {
            let mut tx = self.db.write().await?;
            let row = rows::by_name(&mut tx, "local", "base").await?.ok_or("the base is there")?;
            for package in first..self.builds.min(first + AT_ONCE) {
                let id = self.put(&mut tx, package, 1).await?;
                let event = rows::draw_event(&mut tx, self.clock.seconds()).await?;
                let build = builds::by_ids(&mut tx, &[id]).await?.pop().ok_or("the build is there")?;
                local::tag_build(&mut tx, &row, &build, event, false).await??;
            }
            tx.commit().await?;
            first += AT_ONCE;
        }
        report("rows filled in", began.elapsed(), "");
        Ok(())
    }

    /// Makes a further build, as an import would.
    async fn build(&self, package: usize, version: usize) -> Result<Nvr> {
        let mut tx = self.db.write().await?;
        self.put(&mut tx, package, version).await?;
        tx.commit().await?;
        nvr(package, version)
    }

    /// Hands in the message that a build was tagged.
    async fn tagged(&self, tag: &TagName, nvr: &Nvr) -> Result<()> {
        let body = json!({"tag": tag, "name": nvr.name(), "version": nvr.version(), "release": nvr.release()});
        let body = body.to_string();
        let incoming = Incoming {
            door: Door::Amqp,
            topic: "org.example.buildsys.tag",
            message_id: Some(&self.clock.uuid()),
            headers: &Map::new(),
            body: body.as_bytes(),
            cut: None,
            force: false,
        };
        match self.tags.receive(&incoming).await? {
            Outcome::Applied => Ok(()),
            other => Err(format!("a message was not applied: {other:?}").into()),
        }
    }

    async fn whole_base(&self) -> Result<()> {
        let before = begin_peak()?;
        let began = Instant::now();
        self.tags.reconcile_woken().await?;
        let time = began.elapsed();
        let head = pkgsets::heads(&mut self.db.read().await?, Some(&base())).await?.pop().ok_or("a head")?;
        report("the whole base, from its rows", time, &format!("{} RPMs; {}", head.rpms, memory(before)?));
        Ok(())
    }

    async fn one_build_into_the_base(&self) -> Result<()> {
        let before = begin_peak()?;
        let mut times = Vec::new();
        for at in 0..20 {
            let nvr = self.build(at * 31, 2).await?;
            let began = Instant::now();
            self.tagged(&base(), &nvr).await?;
            self.tags.reconcile_woken().await?;
            times.push(began.elapsed());
        }
        times.sort();
        let longest = times[times.len() - 1].as_millis();
        report(
            "one build into the base, median of 20",
            times[10],
            &format!("longest {longest} ms; {}", memory(before)?),
        );
        Ok(())
    }

    async fn many_builds_into_the_base(&self) -> Result<()> {
        let mut nvrs = Vec::new();
        for at in 0..200 {
            nvrs.push(self.build(at * 53 + 7, 3).await?);
        }
        let (before, began) = (begin_peak()?, Instant::now());
        self.tags.tag_builds(&base(), &nvrs, false).await?;
        self.tags.reconcile_woken().await?;
        report("200 builds into the base", began.elapsed(), &memory(before)?);
        Ok(())
    }

    async fn each_side_tag_one_build(&self) -> Result<()> {
        let size = self.size().await?;
        let link = LinkRow {
            parent: base(),
            priority: 0,
            maxdepth: None,
            intransitive: false,
            noconfig: false,
            pkg_filter: String::new(),
        };
        let (before, mut time) = (begin_peak()?, Duration::ZERO);
        for at in 0..self.side_tags {
            let (side, nvr) = (tag(&format!("side-{at}")), self.build(at * 17 + 3, 4 + at).await?);
            self.tags.create_tag(&side, &TagEdit::default()).await?;
            self.tags.reconcile_woken().await?;
            let began = Instant::now();
            let edit = TagEdit { with: vec![LinkEdit { priority: None, link: link.clone() }], ..TagEdit::default() };
            self.tags.edit_tag(&side, &edit).await?;
            self.tags.reconcile_woken().await?;
            self.tagged(&side, &nvr).await?;
            self.tags.reconcile_woken().await?;
            time += began.elapsed();
        }
        let growth = (self.size().await? - size) / self.side_tags as u64;
        let notes = format!("{} KB on disk for each; {}", growth / 1000, memory(before)?);
        report("a side tag: parent added, one own build", time / self.side_tags as u32, &notes);
        Ok(())
    }

    /// Returns how long the base, and how long all took to follow.
    async fn follow(&self, number: i64) -> Result<(Duration, Duration)> {
        let (began, tags) = (Instant::now(), self.tags.clone());
        let all = tokio::spawn(async move { tags.reconcile_woken().await });
        while pkgsets::newest_size(&mut self.db.read().await?, &base()).await?.is_none_or(|(newest, _)| newest < number)
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let of_base = began.elapsed();
        all.await??;
        Ok((of_base, began.elapsed()))
    }

    async fn base_number(&self) -> Result<i64> {
        Ok(pkgsets::newest_size(&mut self.db.read().await?, &base()).await?.map_or(0, |(number, _)| number))
    }

    async fn one_build_into_the_base_of_all(&self) -> Result<()> {
        let (size, before) = (self.size().await?, begin_peak()?);
        let (nvr, number) = (self.build(4999 % self.builds, 1000).await?, self.base_number().await?);
        let began = Instant::now();
        self.tagged(&base(), &nvr).await?;
        let received = began.elapsed();
        let (of_base, of_all) = self.follow(number + 1).await?;
        let growth = (self.size().await? - size) / self.side_tags as u64;
        let notes = format!("{} KB on disk for each; {}", growth / 1000, memory(before)?);
        report("one build into the base of all: message", received, "");
        report("  the base has its revision", of_base, "");
        report("  all side tags have theirs", of_all, &notes);
        Ok(())
    }

    /// A further change of the base, while the side tags follow the one before.
    async fn two_builds_into_the_base_of_all(&self) -> Result<()> {
        let (one, other) = (self.build(4001 % self.builds, 1001).await?, self.build(3001 % self.builds, 1001).await?);
        let number = self.base_number().await?;
        self.tagged(&base(), &one).await?;
        let tags = self.tags.clone();
        let all = tokio::spawn(async move { tags.reconcile_woken().await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        self.tagged(&base(), &other).await?;
        while self.base_number().await? < number + 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        report("a further build meanwhile: the base has its revision", began.elapsed(), "");
        all.await??;
        report("  all side tags have both", began.elapsed(), "");
        Ok(())
    }

    /// What a restart does.
    async fn all_again(&self) -> Result<()> {
        let (before, began) = (begin_peak()?, Instant::now());
        self.tags.wake_all().await?;
        self.tags.reconcile_woken().await?;
        report("everything looked at again", began.elapsed(), &memory(before)?);
        Ok(())
    }

    /// Returns the bytes of the SQLite database, its log written back before; 0 on PostgreSQL.
    async fn size(&self) -> Result<u64> {
        if let Db::Lite { writer, .. } = &self.db {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await?;
        }
        Ok(std::fs::metadata(&self.file).map_or(0, |metadata| metadata.len()))
    }
}

fn report(what: &str, time: Duration, notes: &str) {
    println!("{what:<56} {:>10.1} ms   {notes}", time.as_secs_f64() * 1000.0);
}

/// Sets the peak of the memory in use back to what is in use; gives that, in KiB.
fn begin_peak() -> Result<u64> {
    std::fs::write("/proc/self/clear_refs", "5")?;
    status("VmRSS:")
}

fn memory(before: u64) -> Result<String> {
    Ok(format!("{} MB before, {} MB at most", before / 1024, status("VmHWM:")? / 1024))
}

fn status(key: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(key)).ok_or("the kernel says how much memory is in use")?;
    Ok(line.split_whitespace().nth(1).ok_or("a number follows")?.parse()?)
}
