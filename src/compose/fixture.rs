//! Which compose do the tests of this room speak of? A small one with every kind of package.

use super::identity::Identity;
use super::select::{Selection, select};
use crate::model::{BuildEntry, Nevra, Nvr, Packages, ReposOf, RpmEntry, Sha256, Variant};

/// Returns the identity of a nightly compose without a label.
pub(super) fn identity() -> Identity {
    Identity::new("Oak-1.2-20261121.n.3".parse().unwrap(), "Grüne Lohe 🌳".parse().unwrap(), None)
}

/// Returns a variant of two arches that wants all.
pub(super) fn variant(id: &str) -> Variant {
    let arches = ["x86_64", "aarch64"].map(|arch| arch.parse().unwrap());
    Variant::new(id.parse().unwrap(), format!("{id} of Oak").parse().unwrap(), arches, Packages::All).unwrap()
}

/// Returns what that variant has: a signed build with debug packages, and an unsigned noarch one.
pub(super) fn selection() -> Selection {
    let shell = ["shell.src", "shell.x86_64", "shell-debuginfo.x86_64"];
    let builds =
        [build("shell", 1, "5.2~rc1", &shell, true), build("data", 0, "1", &["data.src", "data.noarch"], false)];
    select(&builds, &variant("Base"), &ReposOf::default())
}

/// Returns a build of that name whose RPMs are given as `name.arch`.
pub(super) fn build(name: &str, epoch: u32, version: &str, rpms: &[&str], signed: bool) -> BuildEntry {
    let entry = |text: &&str| {
        let (rpm, arch) = text.rsplit_once('.').unwrap();
        RpmEntry {
            nevra: Nevra::new(rpm, epoch, version, "1.oak", arch).unwrap(),
            sha256: Sha256::from_bytes([7; 32]),
            size: 1,
            sigkey: signed.then(|| "a15b79cc".parse().unwrap()),
            location: format!("{name}/{version}/1.oak/{arch}/{rpm}-{version}-1.oak.{arch}.rpm"),
        }
    };
    BuildEntry {
        nvr: Nvr::new(name, version, "1.oak").unwrap(),
        from: "oak".parse().unwrap(),
        exclusive_arch: vec![],
        exclude_arch: vec![],
        rpms: rpms.iter().map(entry).collect(),
    }
}
