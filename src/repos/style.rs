//! What decides the bytes of a repository beside its packages? Settings, in one comparable text.

use super::layout::pool_name;
use crate::config::{Compression, FollowRule, Form};
use crate::model::{Blake3, RepoName};
use crate::repodata::Sums;
use crate::repodata::segments::{Index, Settings};

/// Changes whenever other bytes come of the same packages and settings.
const RULES: &str = "3";

/// Parts what decides the segments from what does not.
const BAR: &str = " | ";

/// How a repository is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Style {
    /// The pool its packages are reached through.
    pub pool: String,
    /// How its metadata lies on disk.
    pub form: Form,
    /// How its segments are compressed.
    pub compression: Compression,
    /// Whether `repomd.xml` has the checksums of the uncompressed files.
    pub open: bool,
    /// What stands for the signer's command; `None` where nobody signs.
    signer: Option<Blake3>,
    /// The foreign arches it takes, sorted.
    multilib: Vec<String>,
}

impl Style {
    /// Returns how a follow rule wants a repository.
    pub fn of(rule: &FollowRule, repo: &RepoName) -> Self {
        let foreign = match repo {
            RepoName::Binary(arch) | RepoName::Debug(arch) => rule.multilib.get(arch),
            RepoName::Source => None,
        };
        let mut multilib: Vec<String> = foreign.into_iter().flatten().map(ToString::to_string).collect();
        multilib.sort();
        multilib.dedup();
        Self {
            pool: pool_name(&rule.signatures),
            form: rule.repos.form,
            compression: rule.repos.compression,
            open: rule.repos.open_checksums,
            signer: (!rule.repos.sign_command.is_empty())
                .then(|| Blake3::of(rule.repos.sign_command.join("\0").as_bytes())),
            multilib,
        }
    }

    /// Returns all of it as text: equal styles, equal texts. Where two styles share [`Style::segments`], a
    /// repository of the one can begin with the segments of the other.
    pub fn text(&self) -> String {
        let open = if self.open { "open" } else { "closed" };
        let signed = self.signer.map_or_else(String::new, |signer| format!(" signed:{signer}"));
        format!("{}{BAR}{} {open}{signed}", self.segments(), self.form.name())
    }

    /// Returns the part of the text that decides the segments.
    pub fn segments(&self) -> String {
        format!("{RULES} {} [{}] {}", self.pool, self.multilib.join(" "), Index::writer_of(&self.settings()))
    }

    /// Returns the part of a text that decides the segments.
    pub fn segments_of(text: &str) -> &str {
        text.split(BAR).next().unwrap_or_default()
    }

    /// Returns what made the segments of a repository, by the text of its style.
    pub fn writer_of(text: &str) -> &str {
        Self::segments_of(text).split_once("] ").map_or("", |(_, writer)| writer)
    }

    /// Returns which checksums of the metadata files are told.
    pub fn sums(&self) -> Sums {
        Sums { open: self.open, ..Sums::default() }
    }

    /// Returns the settings of the segments.
    pub fn settings(&self) -> Settings {
        Settings::of(self.compression.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_style_says_all_that_decides_the_bytes() {
        let config = Config::default_for(std::path::Path::new("/data"));
        let mut rule = config.follow.rules()[0].clone();
        let (binary, source): (RepoName, RepoName) = ("x86_64".parse().unwrap(), RepoName::Source);
        let plain = Style::of(&rule, &binary);
        let writer = Index::writer_of(&plain.settings());
        assert_eq!(plain.text(), format!("3 any [] {writer} | files closed"));
        rule.multilib.insert("x86_64".parse().unwrap(), vec!["i686".parse().unwrap(), "i386".parse().unwrap()]);
        rule.repos.form = Form::Assembled;
        rule.repos.open_checksums = true;
        let other = Style::of(&rule, &binary).text();
        assert_eq!(other, format!("3 any [i386 i686] {writer} | assembled open"));
        assert_eq!(Style::writer_of(&other), writer);
        rule.repos.sign_command = vec!["gpg".to_owned()];
        let signed = Style::of(&rule, &binary).text();
        assert!(signed.starts_with(&format!("{other} signed:")), "{signed}");
        assert_eq!(Style::of(&rule, &source).segments(), plain.segments());
        assert_eq!(Style::segments_of(&plain.text()), plain.segments());
    }
}
