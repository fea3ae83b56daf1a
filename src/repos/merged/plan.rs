//! Which external repositories are merged for an arch, and in which way? Koji's rules; pure.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::{Address, BadAddress, canonical};
use crate::config::FollowRule;
use crate::model::{Arch, TagName};
use crate::repotools::Method;
use crate::store::externals::Use;
use crate::tags::{External, Externals};

/// How Koji merges external repositories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Sources decide: of each source name the packages of one source RPM.
    #[default]
    Koji,
    /// All packages, also several of one name and version.
    Simple,
    /// All packages, but each name, version and arch once.
    Bare,
}

impl Mode {
    /// Returns the rules by which packages are taken.
    pub fn method(self) -> Method {
        match self {
            Self::Koji => Method::Koji,
            Self::Simple => Method::Simple,
            Self::Bare => Method::All,
        }
    }
}

impl FromStr for Mode {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::Koji, Self::Simple, Self::Bare];
        all.into_iter().find(|mode| mode.to_string() == text).ok_or(())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Koji => "koji",
            Self::Simple => "simple",
            Self::Bare => "bare",
        })
    }
}

/// What a hub says of external repositories, and no merged repository can be made by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One is to be merged in one way, another in another.
    #[error(
        "the external repositories of tag {tag} have different merge modes, which cannot be mixed: {first} has {modes_first}, \
         {other} has {modes_other}"
    )]
    Mixed {
        /// The tag.
        tag: TagName,
        /// The first external repository.
        first: String,
        /// Its mode.
        modes_first: Mode,
        /// The first one of another mode.
        other: String,
        /// That mode.
        modes_other: Mode,
    },
    /// A mode that Koji did not have when this was written.
    #[error(
        "external repository {name} of tag {tag} has the merge mode {mode:?}, and only koji, simple and bare are known"
    )]
    Mode {
        /// The tag that is joined with it.
        tag: TagName,
        /// The external repository.
        name: String,
        /// The mode.
        mode: String,
    },
    /// The hub has not told where it is.
    #[error("the hub does not tell where external repository {name} of tag {tag} is")]
    NoUrl {
        /// The tag that is joined with it.
        tag: TagName,
        /// The external repository.
        name: String,
    },
    /// It must not be read from here.
    #[error("external repository {name} of tag {tag} cannot be merged")]
    Address {
        /// The tag that is joined with it.
        tag: TagName,
        /// The external repository.
        name: String,
        /// Why.
        #[source]
        source: BadAddress,
    },
}

/// What is merged for one arch of a tag, beside its own repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub mode: Mode,
    /// In the order in which they are preferred.
    pub uses: Vec<Use>,
    /// Names of source packages that are left out.
    pub blocked: BTreeSet<String>,
    /// The arches of packages that are taken, beside `noarch`.
    pub arches: Vec<Arch>,
}

impl Plan {
    /// Returns what is merged.
    ///
    /// # Errors
    /// The modes are mixed, whatever arches they are for, as Koji refuses it too; or one cannot be used.
    pub fn of(tag: &TagName, arch: &Arch, rule: &FollowRule, externals: &Externals) -> Result<Self, Refused> {
        let mode = mode(tag, &externals.repos)?;
        let mut uses = Vec::new();
        for External { via, repo } in &externals.repos {
            let counts = |name: &String| name == arch.as_str() || name == canonical(arch);
            if !repo.arches.is_empty() && !repo.arches.iter().any(counts) {
                continue;
            }
            let (tag_of, name) = (via.clone(), repo.name.clone());
            let Some(url) = &repo.url else { return Err(Refused::NoUrl { tag: tag_of, name }) };
            let address = Address::of(url, arch, &rule.repos.external_dirs);
            let address =
                address.map_err(|source| Refused::Address { tag: tag_of.clone(), name: name.clone(), source })?;
            uses.push(Use { tag: tag.clone(), arch: arch.clone(), url: address.url, name, via: tag_of });
        }
        let foreign = rule.multilib.get(arch).into_iter().flatten().cloned();
        let blocked = externals.blocked.iter().map(ToString::to_string).collect();
        Ok(Self { mode, uses, blocked, arches: [arch.clone()].into_iter().chain(foreign).collect() })
    }
}

/// Returns the one mode of all.
fn mode(tag: &TagName, repos: &[External]) -> Result<Mode, Refused> {
    let mut first: Option<(&str, Mode)> = None;
    for External { via, repo } in repos {
        let mode = repo.merge_mode.as_deref().map_or(Ok(Mode::Koji), str::parse).map_err(|()| Refused::Mode {
            tag: via.clone(),
            name: repo.name.clone(),
            mode: repo.merge_mode.clone().unwrap_or_default().chars().take(60).collect(),
        })?;
        match first {
            None => first = Some((&repo.name, mode)),
            Some((_, before)) if before == mode => {}
            Some((name, before)) => {
                return Err(Refused::Mixed {
                    tag: tag.clone(),
                    first: name.to_owned(),
                    modes_first: before,
                    other: repo.name.clone(),
                    modes_other: mode,
                });
            }
        }
    }
    Ok(first.map_or(Mode::Koji, |(_, mode)| mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};
    use crate::store::tag_settings::ExternalRepo;

    /// Returns an external repository out of `TAG NAME URL MODE ARCH...`; a dash is nothing.
    fn external(text: &str) -> External {
        let words: Vec<&str> = text.split(' ').collect();
        let some = |word: &str| (word != "-").then(|| word.to_owned());
        let repo = ExternalRepo {
            name: words[1].to_owned(),
            url: some(words[2]),
            priority: 0,
            merge_mode: some(words[3]),
            arches: words[4..].iter().map(ToString::to_string).collect(),
        };
        External { via: words[0].parse().unwrap(), repo }
    }

    fn plan(arch: &str, repos: &[&str]) -> Result<Plan, Refused> {
        let config = Config::load(None, &Overrides::none(), []).unwrap();
        let blocked = ["bad".parse().unwrap()].into();
        let externals = Externals { repos: repos.iter().map(|text| external(text)).collect(), blocked };
        Plan::of(&"f43".parse().unwrap(), &arch.parse().unwrap(), &config.follow.rules()[0], &externals)
    }

    fn urls(arch: &str, repos: &[&str]) -> String {
        plan(arch, repos).unwrap().uses.iter().map(|one| one.url.clone()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn arches_limit_where_a_repository_counts_and_the_order_stays() {
        let repos =
            ["f43 b http://h/b/$arch - x86_64 s390x", "f43 a http://h/a/$arch/ koji", "base c http://h/c koji i386"];
        assert_eq!(urls("x86_64", &repos), "http://h/b/x86_64 http://h/a/x86_64");
        assert_eq!(urls("i686", &repos), "http://h/a/i386 http://h/c");
        assert_eq!(urls("aarch64", &repos), "http://h/a/aarch64");
        let plan = plan("x86_64", &repos).unwrap();
        assert_eq!((plan.mode, plan.blocked.len(), plan.arches.len()), (Mode::Koji, 1, 1));
    }

    #[test]
    fn one_mode_is_for_all_and_unknown_ones_are_none() {
        assert_eq!(plan("x86_64", &["f43 a http://h/ bare", "f43 b http://h/b bare"]).unwrap().mode, Mode::Bare);
        assert_eq!(plan("x86_64", &[]).unwrap().mode, Mode::Koji);
        // One that is for another arch is refused too, as Koji does.
        let mixed = plan("x86_64", &["f43 a http://h/ -", "base b http://h/b simple s390x"]).unwrap_err();
        assert_eq!(
            mixed.to_string(),
            "the external repositories of tag f43 have different merge modes, which cannot be mixed: a has koji, b has simple"
        );
        let unknown = plan("x86_64", &["base a http://h/ odd"]).unwrap_err().to_string();
        assert!(unknown.starts_with("external repository a of tag base has the merge mode \"odd\""), "{unknown}");
    }

    #[test]
    fn one_that_cannot_be_read_is_named_with_its_tag() {
        let refused = plan("x86_64", &["base a file:///etc koji"]).unwrap_err();
        assert_eq!(refused.to_string(), "external repository a of tag base cannot be merged");
        assert!(matches!(refused, Refused::Address { source: BadAddress::Local(_), .. }));
        let refused = plan("x86_64", &["base a - koji"]).unwrap_err().to_string();
        assert_eq!(refused, "the hub does not tell where external repository a of tag base is");
    }
}
