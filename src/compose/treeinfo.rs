//! What do the files at the root of a tree say? `.treeinfo`, `.discinfo` and `media.repo`, as Pungi
//! writes them and installers read them.
//!
//! They stand in the binary trees and in the source tree, whose arch is `src`; debug trees have none.

use std::collections::BTreeMap;

use super::identity::Identity;
use super::layout;
use crate::model::{Arch, Sha256, Variant};

/// Where `.treeinfo` lies, below the root of a tree.
pub const TREEINFO: &str = ".treeinfo";

/// Where `.discinfo` lies, below the root of a tree.
pub const DISCINFO: &str = ".discinfo";

/// Where `media.repo` lies, below the root of a tree.
pub const MEDIA_REPO: &str = "media.repo";

/// Returns the text of `.treeinfo`, productmd's format 1.2 with the older `[general]` section.
///
/// `arch` is the base arch of the tree, or `src`; `built` is when it was made, in seconds after
/// 1970, above 0; `repomd` is the digest of its `repodata/repomd.xml`.
pub fn treeinfo(identity: &Identity, variant: &Variant, arch: &Arch, built: i64, repomd: &Sha256) -> String {
    let release = identity.id().release();
    let (id, arch, built) = (variant.id().as_str(), arch.as_str(), built.to_string());
    let mut ini = Ini::default();
    ini.section("checksums", &[("repodata/repomd.xml", &format!("sha256:{repomd}"))]);
    ini.section(
        "general",
        &[
            ("; WARNING.0", "This section provides compatibility with pre-productmd treeinfos."),
            ("; WARNING.1", "Read productmd documentation for details about new format."),
            ("name", &identity.description()),
            ("family", identity.release_name()),
            ("version", release.version()),
            ("arch", arch),
            ("platforms", arch),
            ("timestamp", &built),
            ("variants", id),
            ("variant", id),
            ("packagedir", layout::PACKAGES),
            ("repository", "."),
        ],
    );
    ini.section("header", &[("type", "productmd.treeinfo"), ("version", "1.2")]);
    ini.section(
        "release",
        &[("name", identity.release_name()), ("short", release.short()), ("version", release.version())],
    );
    ini.section("tree", &[("arch", arch), ("platforms", arch), ("build_timestamp", &built), ("variants", id)]);
    ini.section(
        &format!("variant-{id}"),
        &[
            ("id", id),
            ("uid", id),
            ("name", variant.name().as_str()),
            ("type", "variant"),
            ("packages", layout::PACKAGES),
            ("repository", "."),
        ],
    );
    ini.into_text()
}

/// Returns the text of `.discinfo`: time, release, arch, and that there is one disc only.
///
/// `arch` and `built` as for [`treeinfo`].
pub fn discinfo(identity: &Identity, arch: &Arch, built: i64) -> String {
    format!("{}\n{}\n{arch}\nALL\n", media_id(built), identity.description())
}

/// Returns the text of `media.repo`, which names the tree as an installation medium; its id is the
/// time in `.discinfo`.
pub fn media_repo(identity: &Identity, built: i64) -> String {
    let (name, id) = (identity.description(), media_id(built));
    format!("[InstallMedia]\nname={name}\nmediaid={id}\nmetadata_expire=-1\ngpgcheck=0\ncost=500\n")
}

/// Writes a time as Pungi does, with its six decimals.
fn media_id(built: i64) -> String {
    format!("{built}.000000")
}

/// Sections and their keys, both sorted, as productmd's parser writes them.
#[derive(Default)]
struct Ini(BTreeMap<String, BTreeMap<String, String>>);

impl Ini {
    /// Adds a section. A percent sign is doubled: readers take a single one for a reference.
    fn section(&mut self, name: &str, values: &[(&str, &str)]) {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.replace('%', "%%")));
        self.0.insert(name.to_owned(), values.collect());
    }

    fn into_text(self) -> String {
        let mut text = String::new();
        for (name, values) in self.0 {
            text.push_str(&format!("[{name}]\n"));
            for (key, value) in values {
                text.push_str(&format!("{key} = {value}\n"));
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn treeinfo_is_sorted_and_has_the_checksum_of_the_repository() {
        let (x86, digest) = ("x86_64".parse().unwrap(), Sha256::from_bytes([0xab; 32]));
        let text = treeinfo(&fixture::identity(), &fixture::variant("Base"), &x86, 1_795_000_000, &digest);
        let expected = format!(
            "[checksums]\nrepodata/repomd.xml = sha256:{}\n\n\
             [general]\n\
             ; WARNING.0 = This section provides compatibility with pre-productmd treeinfos.\n\
             ; WARNING.1 = Read productmd documentation for details about new format.\n\
             arch = x86_64\nfamily = Grüne Lohe 🌳\nname = Grüne Lohe 🌳 1.2\npackagedir = Packages\n\
             platforms = x86_64\nrepository = .\ntimestamp = 1795000000\nvariant = Base\nvariants = Base\n\
             version = 1.2\n\n\
             [header]\ntype = productmd.treeinfo\nversion = 1.2\n\n\
             [release]\nname = Grüne Lohe 🌳\nshort = Oak\nversion = 1.2\n\n\
             [tree]\narch = x86_64\nbuild_timestamp = 1795000000\nplatforms = x86_64\nvariants = Base\n\n\
             [variant-Base]\nid = Base\nname = Base of Oak\npackages = Packages\nrepository = .\n\
             type = variant\nuid = Base\n\n",
            "ab".repeat(32)
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_percent_sign_is_no_reference() {
        let identity = Identity::new("Oak-1-20261121.0".parse().unwrap(), "100% Oak".parse().unwrap(), None);
        let text = treeinfo(&identity, &fixture::variant("Base"), &Arch::source(), 1, &Sha256::from_bytes([0; 32]));
        assert!(text.contains("family = 100%% Oak\n"), "{text}");
    }

    #[test]
    fn discinfo_and_media_repo_share_their_id() {
        let disc = discinfo(&fixture::identity(), &Arch::source(), 1_795_000_000);
        assert_eq!(disc, "1795000000.000000\nGrüne Lohe 🌳 1.2\nsrc\nALL\n");
        let media = media_repo(&fixture::identity(), 1_795_000_000);
        assert_eq!(
            media,
            "[InstallMedia]\nname=Grüne Lohe 🌳 1.2\nmediaid=1795000000.000000\n\
             metadata_expire=-1\ngpgcheck=0\ncost=500\n"
        );
    }
}
