//! What do `composeinfo.json` and `rpms.json` say? productmd's format 1.2, byte for byte as its
//! version 1.51 writes it.
//!
//! The fields of the structs stand in the order of their names, since productmd sorts keys.

use std::collections::BTreeMap;

use serde::Serialize;

use super::identity::Identity;
use super::select::{Category, Selection};
use super::{json, layout};
use crate::model::{RepoName, Sigkey};

#[derive(Serialize)]
struct File<P> {
    header: Header,
    payload: P,
}

#[derive(Serialize)]
struct Header {
    r#type: &'static str,
    version: &'static str,
}

impl Header {
    fn new(kind: &'static str) -> Self {
        Self { r#type: kind, version: "1.2" }
    }
}

#[derive(Serialize)]
struct Compose {
    date: String,
    /// Only with a label: whether that says the compose is supported.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    supported: Option<bool>,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    respin: u32,
    r#type: &'static str,
}

impl Compose {
    fn new(identity: &Identity) -> Self {
        let id = identity.id();
        Self {
            date: id.date().to_string(),
            supported: identity.label().map(|label| label.is_supported()),
            id: id.to_string(),
            label: identity.label().map(ToString::to_string),
            respin: id.respin(),
            r#type: id.compose_type().as_str(),
        }
    }
}

#[derive(Serialize)]
struct ComposeInfo<'a> {
    compose: Compose,
    release: ReleaseInfo<'a>,
    variants: BTreeMap<&'a str, VariantInfo<'a>>,
}

#[derive(Serialize)]
struct ReleaseInfo<'a> {
    internal: bool,
    name: &'a str,
    short: &'a str,
    r#type: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
struct VariantInfo<'a> {
    arches: Vec<&'a str>,
    id: &'a str,
    name: &'a str,
    /// Kind of path -> arch -> path below the content directory.
    paths: BTreeMap<&'static str, BTreeMap<&'a str, String>>,
    r#type: &'static str,
    uid: &'a str,
}

/// Returns the bytes of `composeinfo.json`, to be written to [`layout::COMPOSEINFO`].
///
/// Names exactly the directories that [`Selection::repositories`] fills.
pub fn composeinfo(identity: &Identity, selections: &[Selection]) -> Vec<u8> {
    let release = identity.id().release();
    let variants = selections.iter().map(|selection| (selection.variant.id().as_str(), variant_info(selection)));
    json::to_bytes(&File {
        header: Header::new("productmd.composeinfo"),
        payload: ComposeInfo {
            compose: Compose::new(identity),
            release: ReleaseInfo {
                internal: false,
                name: identity.release_name(),
                short: release.short(),
                r#type: release.release_type().as_str(),
                version: release.version(),
            },
            variants: variants.collect(),
        },
    })
}

fn variant_info(selection: &Selection) -> VariantInfo<'_> {
    let id = selection.variant.id();
    let mut paths: BTreeMap<&'static str, BTreeMap<&str, String>> = BTreeMap::new();
    for tree in &selection.trees {
        let arch = tree.arch.as_str();
        for (category, which, [tree_key, repository_key, packages_key]) in [
            (Category::Binary, RepoName::Binary(tree.arch.clone()), ["os_tree", "repository", "packages"]),
            (Category::Debug, RepoName::Debug(tree.arch.clone()), ["debug_tree", "debug_repository", "debug_packages"]),
            (Category::Source, RepoName::Source, ["source_tree", "source_repository", "source_packages"]),
        ] {
            let has_packages = tree.of(category).next().is_some();
            if has_packages || category == Category::Binary {
                paths.entry(tree_key).or_default().insert(arch, layout::tree(id, &which));
                paths.entry(repository_key).or_default().insert(arch, layout::tree(id, &which));
            }
            if has_packages {
                paths.entry(packages_key).or_default().insert(arch, layout::packages(id, &which));
            }
        }
    }
    VariantInfo {
        arches: selection.trees.iter().map(|tree| tree.arch.as_str()).collect(),
        id: id.as_str(),
        name: selection.variant.name().as_str(),
        paths,
        r#type: "variant",
        uid: id.as_str(),
    }
}

#[derive(Serialize)]
struct Rpms<'a> {
    compose: Compose,
    /// By variant, then base arch.
    rpms: BTreeMap<&'a str, BTreeMap<&'a str, BySource<'a>>>,
}

/// By the NEVRA of the source package, then by the RPM's own.
type BySource<'a> = BTreeMap<String, BTreeMap<String, RpmInfo<'a>>>;

#[derive(Serialize)]
struct RpmInfo<'a> {
    category: Category,
    path: &'a str,
    sigkey: Option<&'a Sigkey>,
}

/// Returns the bytes of `rpms.json`, to be written to [`layout::RPMS`].
///
/// A source package stands under every arch that has packages of it, never under an arch `src`.
pub fn rpms(identity: &Identity, selections: &[Selection]) -> Vec<u8> {
    let mut variants: BTreeMap<&str, _> = BTreeMap::new();
    for selection in selections {
        let mut arches: BTreeMap<&str, _> = BTreeMap::new();
        for tree in &selection.trees {
            let mut sources = BySource::new();
            for entry in &tree.entries {
                let info = RpmInfo { category: entry.category, path: &entry.path, sigkey: entry.rpm.sigkey.as_ref() };
                let of_source = sources.entry(entry.source.to_string()).or_default();
                of_source.insert(entry.rpm.nevra.to_string(), info);
            }
            arches.insert(tree.arch.as_str(), sources);
        }
        variants.insert(selection.variant.id().as_str(), arches);
    }
    json::to_bytes(&File {
        header: Header::new("productmd.rpms"),
        payload: Rpms { compose: Compose::new(identity), rpms: variants },
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn parsed(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn every_rpm_stands_under_its_source_with_its_epoch() {
        let value = parsed(&rpms(&fixture::identity(), &[fixture::selection()]));
        assert_eq!(value["header"], serde_json::json!({"type": "productmd.rpms", "version": "1.2"}));
        let of_shell = &value["payload"]["rpms"]["Base"]["x86_64"]["shell-1:5.2~rc1-1.oak.src"];
        assert_eq!(
            of_shell["shell-1:5.2~rc1-1.oak.x86_64"],
            serde_json::json!({
                "category": "binary",
                "path": "Base/x86_64/os/Packages/s/shell-5.2~rc1-1.oak.x86_64.rpm",
                "sigkey": "a15b79cc",
            })
        );
        assert_eq!(of_shell["shell-1:5.2~rc1-1.oak.src"]["category"], "source");
        assert_eq!(of_shell["shell-debuginfo-1:5.2~rc1-1.oak.x86_64"]["category"], "debug");
        let of_data = &value["payload"]["rpms"]["Base"]["x86_64"]["data-0:1-1.oak.src"];
        assert_eq!(of_data["data-0:1-1.oak.noarch"]["sigkey"], serde_json::Value::Null);
        let arches: Vec<&String> = value["payload"]["rpms"]["Base"].as_object().unwrap().keys().collect();
        assert_eq!(arches, ["aarch64", "x86_64"]);
    }

    #[test]
    fn composeinfo_names_only_directories_that_are_filled() {
        let value = parsed(&composeinfo(&fixture::identity(), &[fixture::selection()]));
        let variant = &value["payload"]["variants"]["Base"];
        assert_eq!(variant["arches"], serde_json::json!(["aarch64", "x86_64"]));
        let paths = &variant["paths"];
        assert_eq!(paths["os_tree"]["aarch64"], "Base/aarch64/os");
        assert_eq!(paths["packages"]["aarch64"], "Base/aarch64/os/Packages");
        assert_eq!(paths["debug_tree"], serde_json::json!({"x86_64": "Base/x86_64/debug/tree"}));
        assert_eq!(paths["source_repository"]["x86_64"], "Base/source/tree");
        let mut selection = fixture::selection();
        selection.trees[0].entries.clear();
        let empty = parsed(&composeinfo(&fixture::identity(), &[selection]));
        let paths = &empty["payload"]["variants"]["Base"]["paths"];
        assert_eq!(paths["repository"]["aarch64"], "Base/aarch64/os");
        assert_eq!(paths["packages"].get("aarch64"), None);
    }

    #[test]
    fn a_label_brings_final_and_no_label_brings_neither() {
        let compose = |identity: &Identity| parsed(&composeinfo(identity, &[]))["payload"]["compose"].clone();
        let without = compose(&fixture::identity());
        assert_eq!(
            without,
            serde_json::json!({"date": "20261121", "id": "Oak-1.2-20261121.n.3", "respin": 3, "type": "nightly"})
        );
        let id = fixture::identity().id().clone();
        let with = compose(&Identity::new(id, "Oak".parse().unwrap(), Some("RC-1.0".parse().unwrap())));
        assert_eq!((&with["label"], &with["final"]), (&"RC-1.0".into(), &true.into()));
    }

    #[test]
    fn the_same_compose_gives_the_same_bytes_whatever_the_order_of_variants() {
        let (one, mut two) = (fixture::selection(), fixture::selection());
        two.variant = fixture::variant("Other");
        let identity = fixture::identity();
        assert_eq!(rpms(&identity, &[one.clone(), two.clone()]), rpms(&identity, &[two.clone(), one.clone()]));
        assert_eq!(composeinfo(&identity, &[one.clone(), two.clone()]), composeinfo(&identity, &[two, one]));
    }
}
