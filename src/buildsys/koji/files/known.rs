//! Which digests are known without reading a file? What the hub has reckoned, and the metadata of named repositories.
//!
//! The hub is never made to reckon one. A repository is asked of one form only, which the configuration names: its
//! metadata does not tell by which key a package is signed, and two forms may well be of the same size.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use super::forms::Spot;
use super::look::{KnownDigests, Sums};
use crate::buildsys::koji::{Error, Hub, calls};
use crate::clock::Clock;
use crate::fetch::{self, Fetcher, Place, Wanted};
use crate::model::{ChecksumType, Package, Sha256, Sigkey, chain};
use crate::repodata::read::{self, Decompressed, Document, Limits, Packages, Quick};
use crate::repodata::{self, Repomd};

/// How long what a repository says is believed before it is looked whether it changed.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// Most bytes of `repomd.xml`.
const SMALL: u64 = 4 << 20;
/// Most bytes of primary as it is stored.
const LARGE: u64 = 4 << 30;

/// A repository whose metadata is believed to have the digests of a hub's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestsFrom {
    /// Where it is: the directory or URL that holds `repodata/`.
    pub repository: Place,
    /// The key that all its packages are signed with; `None` for packages as they were imported.
    pub sigkey: Option<Sigkey>,
}

/// A repository cannot be read for its digests.
#[derive(Debug, thiserror::Error)]
enum RepositoryError {
    #[error("{0} cannot be had")]
    Fetch(&'static str, #[source] fetch::Error),
    #[error("repomd.xml cannot be read")]
    Io(#[from] std::io::Error),
    #[error("repomd.xml cannot be used")]
    Repomd(#[from] repodata::Error),
    #[error("it has no primary that can be checked")]
    NoPrimary,
    #[error("primary cannot be read")]
    Read(#[from] read::Error),
}

/// By NEVRA: size, build time, digest.
type Table = HashMap<String, Vec<(u64, i64, Sha256)>>;

/// What is known of one repository.
#[derive(Debug, Default)]
struct Loaded {
    /// Digest of the `repomd.xml` that was read, if any was.
    repomd: Option<Sha256>,
    table: Arc<Table>,
    /// When it was last looked at, on the monotonic clock.
    looked_at: Option<u64>,
}

/// What others know of digests.
#[derive(Debug)]
pub(super) struct Digests {
    clock: Clock,
    repositories: Vec<(DigestsFrom, Mutex<Loaded>)>,
    /// A hub that does not know the call is not asked again.
    hub_has_none: AtomicBool,
    /// What is to be asked of the hub with the next request.
    asked: std::sync::Mutex<Vec<Asked>>,
    /// Held by who asks the hub: who comes meanwhile is asked for together with all others who do.
    turn: Mutex<()>,
}

/// RPMs that somebody wants to know the digests of, and where the answer goes.
type Asked = (Vec<i64>, oneshot::Sender<BTreeMap<i64, Sums>>);

/// The digests that are known for some RPMs.
#[derive(Debug, Default)]
pub(super) struct Known {
    sums: BTreeMap<i64, Sums>,
    tables: Vec<(Option<Sigkey>, Arc<Table>)>,
}

impl Known {
    fn reckoned_of(&self, rpm: i64, key: Option<&Sigkey>) -> Option<Sha256> {
        let sums = self.sums.get(&rpm)?;
        sums.iter().find(|(of, _)| of.as_ref() == key).map(|(_, sha256)| *sha256)
    }
}

impl KnownDigests for Known {
    fn reckoned(&self, spot: &Spot) -> Option<Sha256> {
        self.reckoned_of(spot.rpm.id, spot.sigkey.as_ref())
    }

    fn digest(&self, spot: &Spot, package: &Package, size: u64) -> Option<Sha256> {
        // An RPM that was imported with a signature is known by its key.
        let key = spot.sigkey.as_ref().or(package.sigkey.as_ref().filter(|_| spot.rpm.was_signed()));
        if let Some(sha256) = self.reckoned_of(spot.rpm.id, key) {
            return Some(sha256);
        }
        let nevra = package.nevra.to_string();
        let tables = self.tables.iter().filter(|(of, _)| *of == spot.sigkey);
        let mut rows = tables.filter_map(|(_, table)| table.get(&nevra)).flatten();
        rows.find(|(bytes, built, _)| *bytes == size && *built == package.build_time as i64).map(|row| row.2)
    }
}

impl Digests {
    pub fn new(clock: Clock, repositories: Vec<DigestsFrom>) -> Self {
        let repositories = repositories.into_iter().map(|from| (from, Mutex::default())).collect();
        let (asked, turn) = (std::sync::Mutex::default(), Mutex::default());
        Self { clock, repositories, hub_has_none: AtomicBool::new(false), asked, turn }
    }

    /// Returns what is known of these RPMs, by the hub's ids of them, and of all packages of the repositories.
    pub async fn of(&self, hub: &Hub, fetcher: &Fetcher, rpms: &[i64]) -> Result<Known, Error> {
        let sums = self.ask_hub(hub, rpms).await?;
        let mut tables = Vec::new();
        for (from, loaded) in &self.repositories {
            let mut loaded = loaded.lock().await;
            let now = self.clock.monotonic_millis();
            if loaded.looked_at.is_none_or(|then| now.saturating_sub(then) >= LOOK_AGAIN.as_millis() as u64) {
                loaded.looked_at = Some(now);
                if let Err(error) = load(fetcher, &from.repository, &mut loaded).await {
                    let (repository, error) = (from.repository.to_string(), chain(&error));
                    tracing::warn!(repository, error, "digests cannot be had from {repository}: {error}");
                }
            }
            tables.push((from.sigkey.clone(), loaded.table.clone()));
        }
        Ok(Known { sums, tables })
    }

    /// Asks the hub, for all who came while it was asked for others: builds are small, and a request is dear.
    async fn ask_hub(&self, hub: &Hub, rpms: &[i64]) -> Result<BTreeMap<i64, Sums>, Error> {
        loop {
            let (sender, mut receiver) = oneshot::channel();
            self.asked().push((rpms.to_vec(), sender));
            let _turn = self.turn.lock().await;
            match receiver.try_recv() {
                Ok(sums) => return Ok(sums),
                Err(oneshot::error::TryRecvError::Empty) => {}
                // Whoever asked for these was stopped.
                Err(oneshot::error::TryRecvError::Closed) => continue,
            }
            let mut together = std::mem::take(&mut *self.asked());
            let all: Vec<i64> = together.iter().flat_map(|(rpms, _)| rpms).copied().collect();
            match self.ask_for(hub, &all).await {
                Ok(sums) => {
                    for (rpms, sender) in together {
                        let of_these = rpms.iter().filter_map(|id| Some((*id, sums.get(id)?.clone())));
                        // Who does not wait any more needs no answer.
                        let _ = sender.send(of_these.collect());
                    }
                    return Ok(receiver.try_recv().unwrap_or_default());
                }
                Err(error) => {
                    // The others try it themselves.
                    drop(receiver);
                    together.retain(|(_, sender)| !sender.is_closed());
                    self.asked().append(&mut together);
                    return Err(error);
                }
            }
        }
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask_for(&self, hub: &Hub, rpms: &[i64]) -> Result<BTreeMap<i64, Sums>, Error> {
        let mut sums = BTreeMap::new();
        if self.hub_has_none.load(Ordering::Relaxed) {
            return Ok(sums);
        }
        let answers = hub.ask_all(rpms.iter().map(|id| calls::rpm_checksums(*id)).collect()).await?;
        for (id, answer) in rpms.iter().zip(answers) {
            let checksums = match answer {
                Ok(checksums) => checksums,
                Err(Error::Fault { text, .. }) if text.contains("Invalid method") => {
                    self.hub_has_none.store(true, Ordering::Relaxed);
                    return Ok(sums);
                }
                // An RPM that is gone meanwhile: then its file tells.
                Err(_) => continue,
            };
            let known = checksums.into_iter().filter_map(|of| {
                let key = of.sigkey.map(|key| key.parse()).transpose().ok()?;
                Some((key, of.sha256?))
            });
            sums.insert(*id, known.collect());
        }
        Ok(sums)
    }
}

/// Reads a repository's primary, if it is another than before.
async fn load(fetcher: &Fetcher, repository: &Place, loaded: &mut Loaded) -> Result<(), RepositoryError> {
    let bases = std::slice::from_ref(repository);
    let fetched = fetcher.fetch(bases, "repodata/repomd.xml", &Wanted::at_most(SMALL)).await;
    let mut bytes = Vec::new();
    let file = fetched.map_err(|source| RepositoryError::Fetch("repomd.xml", source))?.file;
    file.take(SMALL).read_to_end(&mut bytes)?;
    let digest = Sha256::of(&bytes);
    if loaded.repomd == Some(digest) {
        return Ok(());
    }
    let repomd = Repomd::parse(&bytes)?;
    let primary = repomd.record("primary").ok_or(RepositoryError::NoPrimary)?;
    let algorithm: ChecksumType = primary.checksum.algorithm.parse().map_err(|_| RepositoryError::NoPrimary)?;
    let checksum = Some((algorithm, primary.checksum.hex.clone()));
    let wanted = Wanted { size: primary.size, checksum, ..Wanted::at_most(LARGE) };
    let fetched = fetcher.fetch(bases, &primary.href, &wanted).await;
    let file = fetched.map_err(|source| RepositoryError::Fetch("primary", source))?.file;
    let read = tokio::task::spawn_blocking(move || table(file)).await;
    let table = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    loaded.table = Arc::new(table);
    loaded.repomd = Some(digest);
    Ok(())
}

/// Reads the digests of all packages. Blocks.
fn table(file: File) -> Result<Table, read::Error> {
    let limits = Limits::default();
    let open = Decompressed::new(file, limits).map_err(|problem| {
        let place = read::Place { file: "primary".to_owned(), package: None, offset: 0 };
        read::Error { place, problem }
    })?;
    let mut packages = Packages::new(open, Document::Primary, "primary", limits);
    let mut table = Table::new();
    while let Some(package) = packages.next()? {
        let Quick { name, arch, epoch, version, release, checksum, size, time_build, .. } = Quick::read(package)?;
        // Other algorithms than SHA-256 name no file here.
        let Some(sha256) = checksum.to_sha256() else { continue };
        let nevra = format!("{name}-{epoch}:{version}-{release}.{arch}");
        table.entry(nevra).or_default().push((size, time_build, sha256));
    }
    Ok(table)
}
