//! Does a selection take what it should, no more and no less? Tests of `select.rs`.

use super::*;
use crate::model::{Nvr, PackageList, Sha256};

/// Builds `name-1-1` with RPMs given as `name.arch`.
fn build(name: &str, rpms: &[&str]) -> BuildEntry {
    let entry = |(index, text): (usize, &&str)| {
        let (rpm, arch) = text.rsplit_once('.').unwrap();
        let mut sha256 = [0; 32];
        sha256[..name.len()].copy_from_slice(name.as_bytes());
        sha256[31] = index as u8;
        RpmEntry {
            nevra: Nevra::new(rpm, 2, "1", "1", arch).unwrap(),
            sha256: Sha256::from_bytes(sha256),
            size: 1,
            sigkey: None,
            location: format!("{name}/1/1/{arch}/{rpm}-1-1.{arch}.rpm"),
        }
    };
    BuildEntry {
        nvr: Nvr::new(name, "1", "1").unwrap(),
        from: "oak".parse().unwrap(),
        exclusive_arch: vec![],
        exclude_arch: vec![],
        rpms: rpms.iter().enumerate().map(entry).collect(),
    }
}

fn set() -> Vec<BuildEntry> {
    vec![
        build(
            "libc",
            &[
                "libc.src",
                "libc.i686",
                "libc.x86_64",
                "libc.aarch64",
                "libc-debuginfo.i686",
                "libc-debuginfo.x86_64",
                "libc-debuginfo.aarch64",
            ],
        ),
        build("lore", &["lore.src", "lore.noarch", "lore-extra.noarch"]),
        build("shell", &["shell.src", "shell.x86_64", "shell-doc.noarch", "shell-debugsource.x86_64"]),
    ]
}

fn arch(text: &str) -> Arch {
    text.parse().unwrap()
}

fn variant(arches: &[&str], packages: Packages) -> Variant {
    Variant::new("Base".parse().unwrap(), "Base".parse().unwrap(), arches.iter().map(|a| arch(a)), packages).unwrap()
}

fn listed(patterns: &[&str]) -> Packages {
    Packages::Listed(patterns.iter().map(|p| p.parse::<PackagePattern>().unwrap()).collect::<PackageList>())
}

/// Returns `name.arch` of what one tree has in a category.
fn names(tree: &Tree, category: Category) -> Vec<String> {
    tree.of(category).map(|entry| format!("{}.{}", entry.rpm.nevra.name, entry.rpm.nevra.arch)).collect()
}

#[test]
fn all_takes_what_belongs_on_the_arch_and_nothing_else() {
    let selection = select(&set(), &variant(&["x86_64", "aarch64"], Packages::All), &ReposOf::default());
    let [arm, x86] = &selection.trees[..] else { panic!("{selection:?}") };
    assert_eq!((arm.arch.as_str(), x86.arch.as_str()), ("aarch64", "x86_64"));
    assert_eq!(
        names(x86, Category::Binary),
        ["libc.x86_64", "lore.noarch", "lore-extra.noarch", "shell.x86_64", "shell-doc.noarch"]
    );
    assert_eq!(names(x86, Category::Debug), ["libc-debuginfo.x86_64", "shell-debugsource.x86_64"]);
    assert_eq!(names(x86, Category::Source), ["libc.src", "lore.src", "shell.src"]);
    assert_eq!(names(arm, Category::Binary), ["libc.aarch64", "lore.noarch", "lore-extra.noarch", "shell-doc.noarch"]);
    assert_eq!(names(arm, Category::Debug), ["libc-debuginfo.aarch64"]);
    assert!(selection.unmatched.is_empty() && selection.clashing.is_empty());
}

#[test]
fn multilib_comes_only_with_its_rule_and_brings_its_debug_packages() {
    let rules = ReposOf { arches: vec![], multilib: vec![(arch("x86_64"), vec![arch("i686")])] };
    let without = select(&set(), &variant(&["x86_64"], listed(&["libc"])), &ReposOf::default());
    let with = select(&set(), &variant(&["x86_64"], listed(&["libc"])), &rules);
    assert_eq!(names(&without.trees[0], Category::Binary), ["libc.x86_64"]);
    assert_eq!(names(&without.trees[0], Category::Debug), ["libc-debuginfo.x86_64"]);
    assert_eq!(names(&with.trees[0], Category::Binary), ["libc.i686", "libc.x86_64"]);
    assert_eq!(names(&with.trees[0], Category::Debug), ["libc-debuginfo.i686", "libc-debuginfo.x86_64"]);
    let narrow = select(&set(), &variant(&["x86_64"], listed(&["libc.i686"])), &rules);
    assert_eq!(names(&narrow.trees[0], Category::Debug), ["libc-debuginfo.i686"]);
}

#[test]
fn a_list_brings_debug_packages_of_the_same_arch_and_the_source() {
    let selection = select(&set(), &variant(&["x86_64"], listed(&["shell", "lore-*"])), &ReposOf::default());
    let tree = &selection.trees[0];
    assert_eq!(names(tree, Category::Binary), ["lore-extra.noarch", "shell.x86_64"]);
    assert_eq!(names(tree, Category::Debug), ["shell-debugsource.x86_64"]);
    assert_eq!(names(tree, Category::Source), ["lore.src", "shell.src"]);

    let noarch_only = select(&set(), &variant(&["x86_64"], listed(&["shell-doc"])), &ReposOf::default());
    assert_eq!(names(&noarch_only.trees[0], Category::Debug), [""; 0]);
    let debug_only = select(&set(), &variant(&["x86_64"], listed(&["*-debuginfo"])), &ReposOf::default());
    assert_eq!(names(&debug_only.trees[0], Category::Debug), ["libc-debuginfo.x86_64"]);
    assert_eq!(names(&debug_only.trees[0], Category::Source), ["libc.src"]);
}

#[test]
fn one_more_build_adds_its_own_packages_and_changes_no_other() {
    let before = select(&set(), &variant(&["x86_64"], Packages::All), &ReposOf::default());
    let mut more = set();
    more.insert(1, build("llama", &["llama.src", "llama.x86_64"]));
    let after = select(&more, &variant(&["x86_64"], Packages::All), &ReposOf::default());
    let new: Vec<&TreeEntry> =
        after.trees[0].entries.iter().filter(|entry| !before.trees[0].entries.contains(entry)).collect();
    assert_eq!(
        new.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(),
        ["Base/x86_64/os/Packages/l/llama-1-1.x86_64.rpm", "Base/source/tree/Packages/l/llama-1-1.src.rpm",]
    );
    assert!(before.trees[0].entries.iter().all(|entry| after.trees[0].entries.contains(entry)));
}

#[test]
fn a_pattern_that_means_nothing_on_any_arch_is_reported() {
    let list = listed(&["libc", "shell", "shel", "*.s390x"]);
    let selection = select(&set(), &variant(&["x86_64", "aarch64"], list), &ReposOf::default());
    let unmatched: Vec<String> = selection.unmatched.iter().map(ToString::to_string).collect();
    assert_eq!(unmatched, ["*.s390x", "shel"], "shell is on one arch, which is enough");
}

#[test]
fn the_lists_of_the_source_keep_noarch_away() {
    let mut builds = set();
    builds[1].exclude_arch = vec!["x86_64".to_owned()];
    let selection = select(&builds, &variant(&["x86_64"], listed(&["lore"])), &ReposOf::default());
    assert!(selection.trees[0].entries.is_empty());
    assert_eq!(selection.unmatched.len(), 1);
}

#[test]
fn sources_lie_once_and_are_named_under_every_arch() {
    let selection = select(&set(), &variant(&["x86_64", "aarch64"], Packages::All), &ReposOf::default());
    let repositories = selection.repositories();
    let shown: Vec<(&str, usize)> =
        repositories.iter().map(|repo| (repo.directory.as_str(), repo.entries.len())).collect();
    assert_eq!(
        shown,
        [
            ("Base/aarch64/os", 4),
            ("Base/aarch64/debug/tree", 1),
            ("Base/x86_64/os", 5),
            ("Base/x86_64/debug/tree", 2),
            ("Base/source/tree", 3),
        ]
    );
}

#[test]
fn an_empty_tree_has_a_binary_repository_only() {
    let selection = select(&[], &variant(&["x86_64"], Packages::All), &ReposOf::default());
    let directories: Vec<String> = selection.repositories().into_iter().map(|repo| repo.directory).collect();
    assert_eq!(directories, ["Base/x86_64/os"]);
}

#[test]
fn of_two_files_with_one_name_the_first_stays_and_the_other_is_reported() {
    let builds = [build("lore", &["lore.noarch"]), build("other", &["lore.noarch"])];
    let selection = select(&builds, &variant(&["aarch64", "x86_64"], Packages::All), &ReposOf::default());
    let kept: Vec<_> = selection.trees.iter().flat_map(|tree| &tree.entries).map(|entry| entry.rpm.sha256).collect();
    assert_eq!(kept, [builds[0].rpms[0].sha256; 2]);
    let clashing: Vec<_> = selection.clashing.iter().map(|clash| (&clash.kept, &clash.left_out)).collect();
    assert_eq!(clashing, [(&builds[0].rpms[0], &builds[1].rpms[0]); 2]);
}

#[test]
fn a_build_without_its_source_still_names_it() {
    let selection =
        select(&[build("shell", &["shell.x86_64"])], &variant(&["x86_64"], Packages::All), &ReposOf::default());
    let entry = &selection.trees[0].entries[0];
    assert_eq!(entry.source.to_string(), "shell-2:1-1.src");
    assert_eq!(names(&selection.trees[0], Category::Source), [""; 0]);
}
