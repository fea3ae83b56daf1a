//! How is a link to a parent written on the command line?

use std::str::FromStr;

use clap::Args;

use crate::cli::output::Usage;
use crate::model::TagName;
use crate::store::tags::LinkRow;
use crate::tags::LinkEdit;

/// A parent with its place among the others: `TAG` or `TAG:PRIORITY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParentArg {
    tag: TagName,
    priority: Option<i64>,
}

impl FromStr for ParentArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (tag, priority) = match text.split_once(':') {
            None => (text, None),
            Some((tag, priority)) => (tag, Some(priority)),
        };
        let priority = priority.map(str::parse::<u32>).transpose();
        let priority = priority.map_err(|_| "a priority is a whole number, 0 or more".to_owned())?.map(i64::from);
        let tag = tag.parse().map_err(|error: crate::model::BadName| error.to_string())?;
        Ok(Self { tag, priority })
    }
}

/// Attributes of the link to one parent, with Koji's meaning.
#[derive(Debug, Default, Args)]
pub(super) struct LinkOptions {
    /// With one parent: follow so many further links behind it [default: any number]
    #[arg(long, value_name = "N", requires = "parents")]
    maxdepth: Option<u32>,
    /// With one parent: it does not count for tags that inherit from this one
    #[arg(long, requires = "parents")]
    intransitive: bool,
    /// With one parent: arches are not inherited from it
    #[arg(long, requires = "parents")]
    noconfig: bool,
    /// With one parent: only packages whose name matches this regular expression at its start
    #[arg(long, value_name = "REGEX", requires = "parents")]
    pkg_filter: Option<String>,
}

impl LinkOptions {
    /// Returns the links to `parents`. Attributes go with a single one only, since they are its own.
    pub(super) fn links(self, parents: Vec<ParentArg>) -> Result<Vec<LinkEdit>, Usage> {
        let Self { maxdepth, intransitive, noconfig, pkg_filter } = self;
        let any = maxdepth.is_some() || intransitive || noconfig || pkg_filter.is_some();
        if any && parents.len() > 1 {
            let why = "--maxdepth, --intransitive, --noconfig and --pkg-filter are for one parent at a time: \
                       add the others with `tannery tag edit`";
            return Err(Usage(why.to_owned()));
        }
        let pkg_filter = pkg_filter.unwrap_or_default();
        let link = |parent: ParentArg| LinkEdit {
            priority: parent.priority,
            link: LinkRow {
                parent: parent.tag,
                priority: 0,
                maxdepth: maxdepth.map(i64::from),
                intransitive,
                noconfig,
                pkg_filter: pkg_filter.clone(),
            },
        };
        Ok(parents.into_iter().map(link).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(text: &str) -> ParentArg {
        text.parse().unwrap()
    }

    #[test]
    fn a_parent_may_have_a_priority() {
        assert_eq!((parent("f43").tag.as_str(), parent("f43").priority), ("f43", None));
        assert_eq!(parent("f43:10").priority, Some(10));
        for bad in ["", ":1", "f43:", "f43:-1", "f43:x", "f43:1:2", "a/b:1", "-x"] {
            assert!(bad.parse::<ParentArg>().is_err(), "{bad}");
        }
    }

    #[test]
    fn attributes_go_with_one_parent() {
        let options = || LinkOptions { maxdepth: Some(1), intransitive: true, ..LinkOptions::default() };
        let links = options().links(vec![parent("f43:5")]).unwrap();
        assert_eq!((links[0].priority, links[0].link.maxdepth, links[0].link.intransitive), (Some(5), Some(1), true));
        assert!(options().links(vec![parent("a"), parent("b")]).is_err());
        assert_eq!(LinkOptions::default().links(vec![parent("a"), parent("b")]).unwrap().len(), 2);
    }
}
