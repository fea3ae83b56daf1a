//! What is a merged repository made of? All that decides its bytes, under one name; pure.

use serde::{Deserialize, Serialize};

use super::plan::{Mode, Plan};
use crate::config::FollowRule;
use crate::model::{Blake3, Sha256, TagName};
use crate::store::db::to_json;

/// Changes whenever other bytes come of the same parts.
const RULES: u32 = 1;

/// All that went into a merged repository, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// The version of the rules by which it is made.
    pub rules: u32,
    /// The tag's own repository.
    pub own: OwnPart,
    /// The external ones, as they are preferred.
    pub external: Vec<ExternalPart>,
    /// How they are merged.
    pub mode: Mode,
    /// Source packages that are left out.
    pub blocked: Vec<String>,
    /// The arches of packages that are taken, with those compatible to them, multilib and noarch.
    pub arches: Vec<String>,
    /// How the metadata is compressed.
    pub compression: String,
    /// What stands for the signer's command; `None` where nobody signs.
    pub signer: Option<Blake3>,
}

/// The tag's own repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPart {
    /// Its generation.
    pub generation: i64,
    /// The revision of the package set that it shows.
    pub revision: i64,
    /// SHA-256 of its `repomd.xml`.
    pub repomd: Sha256,
}

/// An external repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalPart {
    /// What the hub calls it.
    pub name: String,
    /// The tag that is joined with it.
    pub tag: TagName,
    /// Where it is.
    pub url: String,
    /// SHA-256 of its `repomd.xml`.
    pub repomd: Sha256,
}

impl Parts {
    /// Puts together what a merged repository is made of.
    pub(super) fn new(rule: &FollowRule, plan: &Plan, own: OwnPart, repomds: &[Sha256]) -> Self {
        let external = |(one, repomd): (&crate::store::externals::Use, &Sha256)| ExternalPart {
            name: one.name.clone(),
            tag: one.via.clone(),
            url: one.url.clone(),
            repomd: *repomd,
        };
        let command = &rule.repos.sign_command;
        Self {
            rules: RULES,
            own,
            external: plan.uses.iter().zip(repomds).map(external).collect(),
            mode: plan.mode,
            blocked: plan.blocked.iter().cloned().collect(),
            arches: plan.arches.iter().map(ToString::to_string).collect(),
            compression: rule.repos.compression.to_string(),
            signer: (!command.is_empty()).then(|| Blake3::of(command.join("\0").as_bytes())),
        }
    }

    /// Returns the name of all that decides the bytes: what the hub calls a repository does not, nor does the number of
    /// a generation.
    pub(super) fn key(&self) -> Blake3 {
        let external: Vec<(&str, Sha256)> = self.external.iter().map(|one| (&*one.url, one.repomd)).collect();
        let all = (
            (self.rules, self.own.repomd, external, self.mode),
            (&self.blocked, &self.arches, &self.compression, self.signer),
        );
        Blake3::of(to_json(&all).as_bytes())
    }

    /// Returns by what it differs from the one before, in words; `damage` where by nothing: then what stood there was
    /// not what had been made.
    pub(super) fn differs(&self, before: Option<&Self>) -> Vec<&'static str> {
        let Some(before) = before else { return vec!["first"] };
        let urls = |parts: &Self| parts.external.iter().map(|one| one.url.clone()).collect::<Vec<_>>();
        let is_changed =
            |one: &ExternalPart| before.external.iter().any(|other| other.url == one.url && other.repomd != one.repomd);
        let words = [
            ("own", self.own.repomd != before.own.repomd),
            ("external", self.external.iter().any(is_changed)),
            ("joined", urls(self) != urls(before)),
            ("mode", self.mode != before.mode),
            ("blocked", self.blocked != before.blocked),
            ("arches", self.arches != before.arches),
            ("settings", self.compression != before.compression || self.signer != before.signer),
            ("rules", self.rules != before.rules),
        ];
        let words: Vec<&str> = words.into_iter().filter(|(_, differs)| *differs).map(|(word, _)| word).collect();
        if words.is_empty() { vec!["damage"] } else { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        let external = |name: &str| ExternalPart {
            name: name.to_owned(),
            tag: "base".parse().unwrap(),
            url: format!("http://h/{name}"),
            repomd: Sha256::of(name.as_bytes()),
        };
        Parts {
            rules: RULES,
            own: OwnPart { generation: 3, revision: 4, repomd: Sha256::of(b"own") },
            external: vec![external("a"), external("b")],
            mode: Mode::Koji,
            blocked: vec!["bad".to_owned()],
            arches: vec!["x86_64".to_owned()],
            compression: "zstd:8".to_owned(),
            signer: None,
        }
    }

    #[test]
    fn whatever_decides_the_bytes_changes_the_key_and_has_a_word() {
        let before = parts();
        type Change = fn(&mut Parts);
        let changes: [(&str, Change); 9] = [
            ("own", |parts| parts.own.repomd = Sha256::of(b"other")),
            ("external", |parts| parts.external[1].repomd = Sha256::of(b"other")),
            ("joined", |parts| drop(parts.external.pop())),
            ("joined", |parts| parts.external.reverse()),
            ("mode", |parts| parts.mode = Mode::Bare),
            ("blocked", |parts| parts.blocked.clear()),
            ("arches", |parts| parts.arches.push("i686".to_owned())),
            ("settings", |parts| parts.signer = Some(Blake3::of(b"gpg"))),
            ("rules", |parts| parts.rules += 1),
        ];
        for (word, change) in changes {
            let mut after = parts();
            change(&mut after);
            assert_ne!(after.key(), before.key(), "{word}");
            assert_eq!(after.differs(Some(&before)), [word]);
        }
    }

    #[test]
    fn names_and_numbers_decide_no_bytes() {
        let before = parts();
        let mut after = parts();
        (after.own.generation, after.own.revision) = (4, 5);
        after.external[0].name = "renamed".to_owned();
        assert_eq!(after.key(), before.key());
        assert_eq!((after.differs(Some(&before)), after.differs(None)), (vec!["damage"], vec!["first"]));
    }

    #[test]
    fn parts_are_read_back_as_they_were_written() {
        let text = serde_json::to_string(&parts()).unwrap();
        assert_eq!(serde_json::from_str::<Parts>(&text).unwrap(), parts());
    }
}
