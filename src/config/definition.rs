//! What shall a compose contain? One product's definition, `config/composes/<product>.toml`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::document::Document;
use super::error::Error;
use super::follow::base_arches;
use crate::model::{
    Arch, BadName, Blake3, ComposeType, Label, PackageList, PackagePattern, Packages, ReleaseId, ReleaseType, TagName,
    Title, Variant, VariantId,
};

/// Largest definition that is read, in bytes.
const LARGEST: u64 = 8 << 20;
/// Most arches of a compose.
const MOST_ARCHES: usize = 64;
/// Most variants of a compose.
const MOST_VARIANTS: usize = 256;
/// Most entries of one package list,
const MOST_PACKAGES: usize = 100_000;
/// and how many of them may have wildcards: those are tried one by one.
const MOST_PATTERNS: usize = 1_000;

/// A compose definition: valid, inheritance resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The file it was read from, as it was named.
    pub path: PathBuf,
    /// BLAKE3 of its text.
    pub digest: Blake3,
    /// Which release it is.
    pub release: ReleaseId,
    /// The release's name for people.
    pub release_name: Title,
    /// What the compose is made for.
    pub compose_type: ComposeType,
    /// The milestone, if it is one.
    pub label: Option<Label>,
    /// The tag whose package set is composed.
    pub tag: TagName,
    /// The base arches, in the order written. Never empty, none twice.
    pub arches: Vec<Arch>,
    /// The variants, in the order written. Never empty, no id twice.
    pub variants: Vec<Variant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a compose definition")]
struct RawDefinition {
    release: RawRelease,
    compose: RawCompose,
    #[serde(default)]
    variant: Vec<RawVariant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a section")]
struct RawRelease {
    name: Title,
    short: String,
    version: String,
    #[serde(rename = "type", default = "general_availability")]
    kind: ReleaseType,
}

fn general_availability() -> ReleaseType {
    ReleaseType::Ga
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a section")]
struct RawCompose {
    #[serde(rename = "type")]
    kind: ComposeType,
    label: Option<Label>,
    tag: TagName,
    arches: Vec<Arch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a variant")]
struct RawVariant {
    id: VariantId,
    name: Option<Title>,
    arches: Option<Vec<Arch>>,
    packages: RawPackages,
}

/// `"all"`, or entries with their places: a list is long, and an error should find its line.
enum RawPackages {
    All,
    Listed(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for RawPackages {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RawPackages;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a list of packages")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawPackages, E> {
                if text == "all" {
                    Ok(RawPackages::All)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<RawPackages, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = entries.next_element()? {
                    list.push(entry);
                }
                Ok(RawPackages::Listed(list))
            }
        }
        input.deserialize_any(Either)
    }
}

impl Definition {
    /// Reads a definition. Refuses unknown keys, bad values, and what does not go together, with its place.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path, LARGEST)?;
        let raw: RawDefinition = document.parse()?;
        let release = ReleaseId::new(&raw.release.short, &raw.release.version, raw.release.kind);
        let release = release.map_err(|why| document.refuse("release", why.to_string()))?;
        let arches = base_arches(raw.compose.arches).map_err(|(_, why)| document.refuse("compose.arches", why))?;
        if arches.is_empty() || arches.len() > MOST_ARCHES {
            return Err(document.refuse("compose.arches", format!("needs 1 to {MOST_ARCHES} arches")));
        }
        if raw.variant.is_empty() || raw.variant.len() > MOST_VARIANTS {
            return Err(document.refuse("variant", format!("a compose needs 1 to {MOST_VARIANTS} variants")));
        }
        let mut variants: Vec<Variant> = Vec::new();
        for (number, raw) in raw.variant.into_iter().enumerate() {
            if variants.iter().any(|other| *other.id() == raw.id) {
                return Err(document.refuse(&format!("variant.{number}.id"), format!("{} is there already", raw.id)));
            }
            variants.push(variant(raw, number, &arches, &document)?);
        }
        let RawCompose { kind, label, tag, .. } = raw.compose;
        Ok(Self {
            path: path.to_owned(),
            digest: document.digest(),
            release,
            release_name: raw.release.name,
            compose_type: kind,
            label,
            tag,
            arches,
            variants,
        })
    }

    /// Returns what it is called: the name of its file, without `.toml`.
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

fn variant(raw: RawVariant, number: usize, arches: &[Arch], document: &Document) -> Result<Variant, Error> {
    let key = |name: &str| format!("variant.{number}.{name}");
    let own = match raw.arches {
        None => arches.to_vec(),
        Some(own) => {
            let refuse = |why: String| document.refuse(&key("arches"), why);
            let own = base_arches(own).map_err(|(_, why)| refuse(why))?;
            if let Some(foreign) = own.iter().find(|arch| !arches.contains(arch)) {
                return Err(refuse(format!("{foreign} is not among the arches of [compose]")));
            }
            own
        }
    };
    let packages = match raw.packages {
        RawPackages::All => Packages::All,
        RawPackages::Listed(entries) => Packages::Listed(package_list(entries, &key("packages"), document)?),
    };
    let name = raw.name.unwrap_or_else(|| Title::from(&raw.id));
    Variant::new(raw.id, name, own, packages).map_err(|why| document.refuse(&key("arches"), why.to_string()))
}

fn package_list(entries: Vec<Spanned<String>>, key: &str, document: &Document) -> Result<PackageList, Error> {
    if entries.is_empty() || entries.len() > MOST_PACKAGES {
        return Err(document.refuse(key, format!("needs 1 to {MOST_PACKAGES} packages")));
    }
    let mut list = Vec::new();
    for entry in entries {
        let pattern: PackagePattern = entry
            .get_ref()
            .parse()
            .map_err(|why: BadName| document.refuse_at(entry.span(), "variant.packages", why.to_string()))?;
        list.push(pattern);
    }
    let list: PackageList = list.into_iter().collect();
    if list.pattern_count() > MOST_PATTERNS {
        return Err(document.refuse(key, format!("has more than {MOST_PATTERNS} entries with wildcards")));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[release]
name = "Fedora Linux"
short = "Fedora"
version = "43"
[compose]
type = "nightly"
tag = "f43"
arches = ["x86_64", "aarch64"]
[[variant]]
id = "Server"
packages = [
  "bash",
  "kernel*",
]
"#;

    fn load(text: impl AsRef<[u8]>) -> Result<Definition, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fedora.toml");
        std::fs::write(&path, text).unwrap();
        Definition::load(&path).map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
    }

    #[test]
    fn a_definition_says_what_it_says_and_inherits_the_rest() {
        let definition =
            load(format!("{GOOD}[[variant]]\nid = \"All\"\narches = [\"aarch64\"]\npackages = \"all\"")).unwrap();
        assert_eq!((definition.release.to_string().as_str(), definition.name().as_str()), ("Fedora-43", "fedora"));
        assert_eq!((definition.compose_type, definition.label), (ComposeType::Nightly, None));
        let [server, all] = &definition.variants[..] else { panic!("two variants") };
        assert_eq!(server.name().as_str(), "Server");
        assert_eq!(server.arches().iter().map(Arch::as_str).collect::<Vec<_>>(), ["aarch64", "x86_64"]);
        assert_eq!(all.arches().iter().map(Arch::as_str).collect::<Vec<_>>(), ["aarch64"]);
        let Packages::Listed(list) = server.packages() else { panic!("a list") };
        assert_eq!(list.entries().into_iter().map(ToString::to_string).collect::<Vec<_>>(), ["bash", "kernel*"]);
        assert_eq!(*all.packages(), Packages::All);
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (from, to, expected) in [
            ("tag = ", "tags = ", "8:1: unknown key \"tags\" in [compose]; did you mean \"tag\"?"),
            ("[[variant]]", "[[varian]]", "10:3: unknown key \"varian\"; did you mean \"variant\"?"),
            ("tag = \"f43\"", "", "6:1: compose: missing field `tag`"),
            ("\"f43\"", "\"-f43\"", "8:7: compose.tag: tag name \"-f43\" begins with a dash or a dot"),
            (
                "nightly",
                "nihgtly",
                "7:8: compose.type: unknown variant `nihgtly`, expected one of `test`, `ci`, `nightly`, \
             `production`, `development`",
            ),
            ("\"aarch64\"", "\"x86_64\"", "9:1: compose.arches: x86_64 is named twice"),
            ("[\"x86_64\", \"aarch64\"]", "[]", "9:1: compose.arches: needs 1 to 64 arches"),
            (
                "\"Server\"",
                "\"Server-x\"",
                "11:6: variant.id: variant \"Server-x\" has a character that no such name may have",
            ),
            (
                "\"kernel*\"",
                "\"-kernel\"",
                "14:3: variant.packages: package \"-kernel\" is no name, nor name.arch, in which * is any text \
             and ? one character",
            ),
            (
                "id = ",
                "arches = [\"s390x\"]\nid = ",
                "11:1: variant.arches: s390x is not among the arches of [compose]",
            ),
            (
                "\"43\"",
                "\"4x\"",
                "2:2: release: version of a release \"4x\" begins with a digit, but is not dotted digits",
            ),
            ("\"43\"", "43", "5:11: release.version: invalid type: integer `43`, expected a string"),
        ] {
            let error = load(GOOD.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error, format!("fedora.toml:{expected}"), "{to}");
        }
    }

    #[test]
    fn variants_are_one_of_a_kind_and_not_without_packages() {
        let head = &GOOD[..GOOD.find("[[variant]]").unwrap()];
        let variant = "[[variant]]\nid = \"A\"\npackages = \"all\"\n";
        assert_eq!(
            load(format!("{head}{variant}{variant}")).unwrap_err(),
            "fedora.toml:14:1: variant.id: A is there already"
        );
        assert_eq!(load(head).unwrap_err(), "fedora.toml:1:1: variant: a compose needs 1 to 256 variants");
        let many: String = (0..257).map(|n| variant.replace("\"A\"", &format!("\"A{n}\""))).collect();
        assert!(load(format!("{head}{many}")).unwrap_err().ends_with("a compose needs 1 to 256 variants"));
        for (packages, expected) in [
            ("[]", "needs 1 to 100000 packages"),
            ("\"some\"", "invalid value: string \"some\", expected \"all\" or a list of packages"),
            ("[1]", "invalid type: integer `1`, expected a string"),
        ] {
            let error = load(format!("{head}{}", variant.replace("\"all\"", packages))).unwrap_err();
            assert!(error.starts_with("fedora.toml:12:") && error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn lists_are_bounded() {
        let head = GOOD.replacen("  \"bash\",\n", "@", 1);
        let with = |count: usize, entry: &str| {
            load(head.replace('@', &(0..count).map(|n| format!("\"{entry}{n}\",\n")).collect::<String>()))
        };
        assert!(with(99_999, "p").is_ok());
        assert!(with(100_000, "p").unwrap_err().ends_with("needs 1 to 100000 packages"));
        assert!(with(1_000, "p*").unwrap_err().ends_with("has more than 1000 entries with wildcards"));
    }

    #[test]
    fn the_example_is_a_definition() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/composes/example.toml");
        let definition = Definition::load(&path).unwrap();
        assert_eq!(definition.variants.len(), 2);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(["label = ", "type = ", "arches = ", "packages = "].iter().all(|key| text.contains(key)));
    }
}
