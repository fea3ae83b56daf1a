//! Which tags have repositories, and with which arches, keys and settings? The `[[follow]]` rules.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::policy::{Latest, RawVerify, Verify};
use super::records::{RecordFile, RecordKind};
use super::repos::{Compression, ExternalRepos, Form, Repos};
use super::units::Span;
use crate::model::{Arch, ReposOf, Sigkey, TagName, glob};

/// A pattern over tag names: `*` stands for any run of characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern(String);

/// A text that is not a [`TagPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a tag pattern: write a tag's name, in which * is any text and ? one character")]
pub struct BadTagPattern(String);

impl TagPattern {
    /// Returns whether the pattern matches the whole name.
    pub fn matches(&self, tag: &TagName) -> bool {
        glob::matches(&self.0, tag.as_str())
    }
}

impl FromStr for TagPattern {
    type Err = BadTagPattern;
    fn from_str(text: &str) -> Result<Self, BadTagPattern> {
        match glob::as_name(text).parse::<TagName>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(BadTagPattern(text.chars().take(60).collect())),
        }
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TagPattern {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

/// Whether a followed tag has live repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Live {
    /// Always kept current.
    Always,
    /// Never: the set is kept, for composes.
    Never,
}

/// What holds for the tags that a rule's patterns match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowRule {
    /// The patterns, of which one must match.
    pub tags: Vec<TagPattern>,
    /// Base arches that get repositories; empty: the tag's own, see [`FollowRule::repos_of`].
    pub arches: Vec<Arch>,
    /// Which copy of an RPM is taken, best first; `None` is the unsigned one. Never empty.
    pub signatures: Vec<Option<Sigkey>>,
    /// How many builds of a package; `None`: as the tag itself says, see [`FollowRule::latest_of`].
    pub latest: Option<Latest>,
    /// Whether it counts that these signatures verify.
    pub verify: Verify,
    /// Per base arch, the foreign RPM arches that its repository also takes.
    pub multilib: BTreeMap<Arch, Vec<Arch>>,
    /// Whether there are live repositories at all.
    pub live: Live,
    /// Which files stand in them beside what lists the packages, by the type of the record.
    pub records: BTreeMap<RecordKind, RecordFile>,
    /// How they are written and kept.
    pub repos: Repos,
}

impl FollowRule {
    /// Returns which repositories a tag with these arches of its own has.
    ///
    /// The rule's arches win; where it has none, the tag's; where that has none either, the arch of
    /// this machine.
    pub fn repos_of(&self, tag_arches: &[Arch]) -> ReposOf {
        let arches = match (self.arches.is_empty(), tag_arches.is_empty()) {
            (false, _) => self.arches.clone(),
            (true, false) => tag_arches.to_vec(),
            (true, true) => vec![machine_arch()],
        };
        let multilib = self.multilib.iter().filter(|(base, _)| arches.contains(base));
        ReposOf { multilib: multilib.map(|(base, list)| (base.clone(), list.clone())).collect(), arches }
    }

    /// Returns whether the external repositories of these tags are merged with their own.
    pub fn merges(&self) -> bool {
        self.live == Live::Always && self.repos.external_repos == ExternalRepos::Merge
    }

    /// Returns how many builds of a package are in the set of a tag that says this of itself (Koji's
    /// `repo_include_all`: whether its repositories have all builds).
    ///
    /// The rule wins; then the tag, as for the repositories that Koji makes; else it is the latest alone.
    pub fn latest_of(&self, include_all: Option<bool>) -> Latest {
        let by_tag = if include_all == Some(true) { Latest::All } else { Latest::Builds(NonZeroU32::MIN) };
        self.latest.unwrap_or(by_tag)
    }
}

/// Returns the base arch of the machine this runs on, by RPM's name for it.
pub fn machine_arch() -> Arch {
    let name = match std::env::consts::ARCH {
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "x86" => "i686",
        "arm" => "armhfp",
        other => other,
    };
    name.parse().expect("the compiler's names of architectures are letters, digits and underscores")
}

/// The follow rules, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow(Vec<FollowRule>);

impl Follow {
    /// Returns the first rule that matches, or `None`: the tag is not followed.
    pub fn for_tag(&self, tag: &TagName) -> Option<&FollowRule> {
        self.0.iter().find(|rule| rule.tags.iter().any(|pattern| pattern.matches(tag)))
    }

    /// Returns all rules, first match first.
    pub fn rules(&self) -> &[FollowRule] {
        &self.0
    }
}

/// A rule as it is written: what is absent is inherited.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a follow rule")]
pub(super) struct RawRule {
    tags: Vec<TagPattern>,
    #[serde(default)]
    arches: Vec<Arch>,
    #[serde(default)]
    sigkeys: Vec<Sigkey>,
    unsigned: Option<bool>,
    latest: Option<Latest>,
    verify: Option<RawVerify>,
    pub(super) keys_file: Option<PathBuf>,
    #[serde(default)]
    multilib: BTreeMap<Arch, Vec<Arch>>,
    live: Option<Live>,
    #[serde(default)]
    pub(super) records: BTreeMap<RecordKind, RecordFile>,
    keep_generations: Option<NonZeroU32>,
    keep_for: Option<Span>,
    keep_unwanted_for: Option<Span>,
    quiet: Option<Span>,
    at_latest: Option<Span>,
    metadata_expire: Option<Span>,
    compression: Option<Compression>,
    open_checksums: Option<bool>,
    form: Option<Form>,
    sign_command: Option<Vec<String>>,
    sign_timeout: Option<Span>,
    sign_every: Option<Span>,
    external_repos: Option<ExternalRepos>,
    external_every: Option<Span>,
    external_dirs: Option<Vec<PathBuf>>,
}

impl RawRule {
    /// The one rule that holds when none is written.
    fn everything() -> Self {
        Self {
            tags: vec![TagPattern("*".to_owned())],
            arches: vec![],
            sigkeys: vec![],
            unsigned: None,
            latest: None,
            verify: None,
            keys_file: None,
            multilib: BTreeMap::new(),
            live: None,
            records: BTreeMap::new(),
            keep_generations: None,
            keep_for: None,
            keep_unwanted_for: None,
            quiet: None,
            at_latest: None,
            metadata_expire: None,
            compression: None,
            open_checksums: None,
            form: None,
            sign_command: None,
            sign_timeout: None,
            sign_every: None,
            external_repos: None,
            external_every: None,
            external_dirs: None,
        }
    }

    fn resolve(self, defaults: &Repos) -> Result<FollowRule, (&'static str, String)> {
        if self.tags.is_empty() {
            return Err(("tags", "needs at least one pattern".to_owned()));
        }
        let unsigned = self.unsigned.unwrap_or(self.sigkeys.is_empty());
        if self.sigkeys.is_empty() && !unsigned {
            return Err(("unsigned", "without sigkeys, false would let nothing in: name the keys".to_owned()));
        }
        let span = |own: Option<Span>, default: Duration| own.map_or(default, |span| span.0);
        let repos = Repos {
            keep_generations: self.keep_generations.unwrap_or(defaults.keep_generations),
            keep_for: span(self.keep_for, defaults.keep_for),
            keep_unwanted_for: span(self.keep_unwanted_for, defaults.keep_unwanted_for),
            quiet: span(self.quiet, defaults.quiet),
            at_latest: span(self.at_latest, defaults.at_latest),
            metadata_expire: span(self.metadata_expire, defaults.metadata_expire),
            compression: self.compression.unwrap_or(defaults.compression),
            open_checksums: self.open_checksums.unwrap_or(defaults.open_checksums),
            form: self.form.unwrap_or(defaults.form),
            sign_command: self.sign_command.unwrap_or_else(|| defaults.sign_command.clone()),
            sign_timeout: span(self.sign_timeout, defaults.sign_timeout),
            sign_every: span(self.sign_every, defaults.sign_every),
            external_repos: self.external_repos.unwrap_or(defaults.external_repos),
            external_every: span(self.external_every, defaults.external_every),
            external_dirs: self.external_dirs.unwrap_or_else(|| defaults.external_dirs.clone()),
        };
        repos.check()?;
        Ok(FollowRule {
            tags: self.tags,
            arches: base_arches(self.arches)?,
            signatures: self.sigkeys.into_iter().map(Some).chain(unsigned.then_some(None)).collect(),
            latest: self.latest,
            verify: Verify::of(self.verify, self.keys_file)?,
            multilib: self.multilib,
            live: self.live.unwrap_or(Live::Always),
            records: self.records,
            repos,
        })
    }
}

/// Refuses what is no base arch, and an arch named twice.
pub(super) fn base_arches(arches: Vec<Arch>) -> Result<Vec<Arch>, (&'static str, String)> {
    for (at, arch) in arches.iter().enumerate() {
        // "source" stands beside the arches in a compose's tree.
        if arch.is_source() || arch.is_noarch() || arch.as_str() == "source" {
            return Err(("arches", format!("{arch} is not a base arch such as x86_64")));
        }
        if arches[..at].contains(arch) {
            return Err(("arches", format!("{arch} is named twice")));
        }
    }
    Ok(arches)
}

/// Gives each rule what it inherits; the error names the rule's number and its key.
pub(super) fn resolve(rules: Vec<RawRule>, defaults: &Repos) -> Result<Follow, (usize, &'static str, String)> {
    let rules = if rules.is_empty() { vec![RawRule::everything()] } else { rules };
    let mut resolved = Vec::new();
    for (number, rule) in rules.into_iter().enumerate() {
        resolved.push(rule.resolve(defaults).map_err(|(key, why)| (number, key, why))?);
    }
    Ok(Follow(resolved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, name, matched) in [
            ("*", "f43", true),
            ("f43", "f43", true),
            ("f43", "f43-updates", false),
            ("f43-*", "f43-updates-candidate", true),
            ("f4?", "f43", true),
            ("f4?", "f4", false),
            ("*-updates", "f43-updates", true),
            ("*-updates", "f43-updates-testing", false),
            ("f*-side-*", "f43-build-side-1234", true),
            ("*a*b*", "xaxxbx", true),
            ("*a*b", "ab-ba", false),
            ("f43.", "f43x", false),
        ] {
            let pattern: TagPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(&name.parse().unwrap()), matched, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_no_tag_could_match_is_refused() {
        for bad in ["", "-f43*", "a/*", "a..b", "f[43]", "a b", "f43\n"] {
            assert!(bad.parse::<TagPattern>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(300).parse::<TagPattern>().is_err());
    }

    #[test]
    fn many_stars_cost_no_more_than_few() {
        let pattern: TagPattern = "*a".repeat(90).parse().unwrap();
        assert!(!pattern.matches(&"a".repeat(89).parse().unwrap()));
        assert!(pattern.matches(&"a".repeat(190).parse().unwrap()));
    }

    #[test]
    fn arches_come_from_the_rule_then_the_tag_then_the_machine() {
        let mut follow = resolve(vec![], &Repos::default()).unwrap();
        let rule = &mut follow.0[0];
        let (aarch64, s390x): (Arch, Arch) = ("aarch64".parse().unwrap(), "s390x".parse().unwrap());
        assert_eq!(rule.repos_of(&[]).arches, vec![machine_arch()]);
        assert_eq!(rule.repos_of(std::slice::from_ref(&aarch64)).arches, vec![aarch64.clone()]);
        rule.arches = vec![s390x.clone()];
        assert_eq!(rule.repos_of(&[aarch64]).arches, vec![s390x]);
    }
}
