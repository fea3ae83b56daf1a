//! Where does a file of a compose lie? Pungi's tree layout, as relative paths with `/`.
//!
//! No I/O: the paths are built from checked names only, so none of them leaves the compose.

use crate::model::{Nevra, ReleaseId, RepoName, VariantId};

/// The file with the compose id, beside [`CONTENT`]; the id without a newline.
pub const COMPOSE_ID: &str = "COMPOSE_ID";

/// The file with the compose's status, beside [`CONTENT`]; the word and a newline.
pub const STATUS: &str = "STATUS";

/// The directory with all that a compose delivers. Paths in its metadata are relative to it.
pub const CONTENT: &str = "compose";

/// Where productmd looks for `composeinfo.json`, below [`CONTENT`].
pub const COMPOSEINFO: &str = "metadata/composeinfo.json";

/// Where productmd looks for `rpms.json`, below [`CONTENT`].
pub const RPMS: &str = "metadata/rpms.json";

/// Where the RPMs lie, below a tree.
pub const PACKAGES: &str = "Packages";

/// Returns the directory of a tree below [`CONTENT`]: `Server/x86_64/os`,
/// `Server/x86_64/debug/tree`, `Server/source/tree`. It is at once the root of the repository.
pub fn tree(variant: &VariantId, which: &RepoName) -> String {
    match which {
        RepoName::Binary(arch) => format!("{variant}/{arch}/os"),
        RepoName::Debug(arch) => format!("{variant}/{arch}/debug/tree"),
        RepoName::Source => format!("{variant}/source/tree"),
    }
}

/// Returns the directory of a tree's RPMs below [`CONTENT`].
pub fn packages(variant: &VariantId, which: &RepoName) -> String {
    format!("{}/{PACKAGES}", tree(variant, which))
}

/// Returns where an RPM lies below the root of its tree: `Packages/b/bash-5.2-1.x86_64.rpm`.
pub fn in_tree(nevra: &Nevra) -> String {
    let file = nevra.file_name();
    let letter = file.chars().next().map(|c| c.to_ascii_lowercase()).unwrap_or('_');
    format!("{PACKAGES}/{letter}/{file}")
}

/// Returns where an RPM lies below [`CONTENT`].
pub fn package(variant: &VariantId, which: &RepoName, nevra: &Nevra) -> String {
    format!("{}/{}", tree(variant, which), in_tree(nevra))
}

/// Returns the name of the link to the newest compose of a release, beside the composes:
/// `latest-Fedora-43`. As Pungi's by default: the version to its first dot, the type left out.
pub fn latest(release: &ReleaseId) -> String {
    format!("latest-{}-{}", release.short(), release.major_version())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_lie_where_pungi_puts_them() {
        let server: VariantId = "Server".parse().unwrap();
        let nevra = |name: &str, arch: &str| Nevra::new(name, 1, "2.0~rc1", "1.oak", arch).unwrap();
        let x86 = || "x86_64".parse().unwrap();
        for (which, nevra, path) in [
            (
                RepoName::Binary(x86()),
                nevra("GConf2", "x86_64"),
                "Server/x86_64/os/Packages/g/GConf2-2.0~rc1-1.oak.x86_64.rpm",
            ),
            (
                RepoName::Binary(x86()),
                nevra("389-ds", "noarch"),
                "Server/x86_64/os/Packages/3/389-ds-2.0~rc1-1.oak.noarch.rpm",
            ),
            (
                RepoName::Debug(x86()),
                nevra("a-debuginfo", "x86_64"),
                "Server/x86_64/debug/tree/Packages/a/a-debuginfo-2.0~rc1-1.oak.x86_64.rpm",
            ),
            (RepoName::Source, nevra("a", "src"), "Server/source/tree/Packages/a/a-2.0~rc1-1.oak.src.rpm"),
        ] {
            assert_eq!(package(&server, &which, &nevra), path);
        }
        assert_eq!(packages(&server, &RepoName::Source), "Server/source/tree/Packages");
    }

    #[test]
    fn the_latest_link_has_the_major_version() {
        let link = |text: &str| latest(&text.parse().unwrap());
        assert_eq!(link("RHEL-9.6-eus"), "latest-RHEL-9");
        assert_eq!(link("Fedora-Rawhide"), "latest-Fedora-Rawhide");
    }
}
