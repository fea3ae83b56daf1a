//! What does a client find in a repository? Read over HTTP by code of this bench's own, which shares none with Tannery.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use tannery::model::Sha256;

use super::http;

/// A package as a repository lists it.
pub struct Package {
    sha256: String,
    href: String,
}

/// Returns the packages that a repository lists, by NAME-EPOCH:VERSION-RELEASE.ARCH.
pub fn packages(address: &str, repository: &str) -> anyhow::Result<BTreeMap<String, Package>> {
    let repomd = String::from_utf8(get(address, &format!("{repository}/repodata/repomd.xml"))?)?;
    let primary = between(&repomd, "<data type=\"primary\">", "</data>")?;
    let href = between(primary, "<location href=\"", "\"")?;
    let bytes = get(address, &format!("{repository}/{href}"))?;
    anyhow::ensure!(
        between(primary, ">", "</checksum>")?.ends_with(&Sha256::of(&bytes).to_string()),
        "{href} is broken"
    );
    let primary = String::from_utf8(zstd::decode_all(&bytes[..])?)?;
    let mut packages = BTreeMap::new();
    for package in primary.split("<package type=\"rpm\">").skip(1) {
        let text = |before, after| between(package, before, after);
        let (epoch, version) = (text("<version epoch=\"", "\"")?, text(" ver=\"", "\"")?);
        let (name, release, arch) = (text("<name>", "</name>")?, text(" rel=\"", "\"")?, text("<arch>", "</arch>")?);
        let sha256 = text("<checksum type=\"sha256\" pkgid=\"YES\">", "</checksum>")?.to_owned();
        let href = text("<location href=\"", "\"")?.to_owned();
        packages.insert(format!("{name}-{epoch}:{version}-{release}.{arch}"), Package { sha256, href });
    }
    Ok(packages)
}

/// Says how what is shown differs from what is right; nothing where it does not.
pub fn difference(right: &BTreeMap<String, String>, shown: &BTreeMap<String, Package>) -> Option<String> {
    let missing: Vec<&String> = right
        .iter()
        .filter(|(nevra, digest)| shown.get(*nevra).is_none_or(|package| package.sha256 != **digest))
        .map(|(nevra, _)| nevra)
        .collect();
    let surplus: Vec<&String> = shown.keys().filter(|nevra| !right.contains_key(*nevra)).collect();
    if missing.is_empty() && surplus.is_empty() {
        return None;
    }
    let some = |all: &[&String]| format!("{} ({:?})", all.len(), &all[..all.len().min(3)]);
    Some(format!("missing or other: {}; surplus: {}", some(&missing), some(&surplus)))
}

/// Fetches some packages, evenly spread over these, and checks their digests.
pub fn fetch_some(
    address: &str,
    repository: &str,
    packages: &BTreeMap<String, Package>,
    count: usize,
) -> anyhow::Result<()> {
    for package in packages.values().step_by((packages.len() / count).max(1)) {
        let bytes = get(address, &format!("{repository}/{}", package.href))?;
        anyhow::ensure!(Sha256::of(&bytes).to_string() == package.sha256, "{} has other bytes", package.href);
    }
    Ok(())
}

/// Returns what waits to be reconciled, in all rooms together.
pub fn waiting(address: &str) -> anyhow::Result<i64> {
    let metrics = String::from_utf8(get(address, "/metrics")?)?;
    let mut sum = 0;
    for line in metrics.lines().filter(|line| line.starts_with("tannery_wakeups{")) {
        sum += line.rsplit(' ').next().context("a metric has a value")?.parse::<i64>()?;
    }
    Ok(sum)
}

fn get(address: &str, path: &str) -> anyhow::Result<Vec<u8>> {
    // Names have characters that a URL cannot have.
    let path = path.replace('^', "%5E");
    let answer = http::get(address, &path)?;
    if answer.status != 200 {
        bail!("{} for {path}", answer.status);
    }
    Ok(answer.body)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> anyhow::Result<&'a str> {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    Ok(found.with_context(|| format!("there is no {before}"))?.0)
}
