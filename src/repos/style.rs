//! What decides the bytes of a repository beside its packages? Settings, in one comparable text.

use super::layout::pool_name;
use crate::config::{Compression, FollowRule, Form};
use crate::model::RepoName;
use crate::repodata::Sums;
use crate::repodata::segments::Settings;

/// Changes whenever other bytes come of the same packages and settings.
const RULES: &str = "2";

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
            multilib,
        }
    }

    /// Returns all of it as text: equal styles, equal texts. Where two styles share [`Style::segments`], a
    /// repository of the one can begin with the segments of the other.
    pub fn text(&self) -> String {
        let open = if self.open { "open" } else { "closed" };
        format!("{} {} {open}", self.segments(), self.form.name())
    }

    /// Returns the part of the text that decides the segments.
    pub fn segments(&self) -> String {
        format!("{RULES} {} {} [{}]", self.pool, self.compression, self.multilib.join(" "))
    }

    /// Returns the part of a text that decides the segments.
    pub fn segments_of(text: &str) -> &str {
        text.rsplitn(3, ' ').nth(2).unwrap_or_default()
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
        assert_eq!(plain.text(), "2 any zstd:7 [] files closed");
        rule.multilib.insert("x86_64".parse().unwrap(), vec!["i686".parse().unwrap()]);
        rule.repos.form = Form::Assembled;
        rule.repos.open_checksums = true;
        assert_eq!(Style::of(&rule, &binary).text(), "2 any zstd:7 [i686] assembled open");
        assert_eq!(Style::of(&rule, &source).segments(), plain.segments());
        assert_eq!(Style::segments_of(&plain.text()), plain.segments());
    }
}
