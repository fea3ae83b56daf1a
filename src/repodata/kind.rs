//! Which metadata files list packages? Their names, and what stands before and behind the packages.

/// One of the metadata files that list packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What solvers need.
    Primary,
    /// All files.
    Filelists,
    /// Changelogs.
    Other,
    /// All files, each with its digest: `filelists-ext`, which few ask for.
    FilelistsExt,
}

impl Kind {
    /// The three that every repository has, in the order of `repomd.xml`.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Filelists, Self::Other];

    /// Returns the type of the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Filelists => "filelists",
            Self::Other => "other",
            Self::FilelistsExt => "filelists-ext",
        }
    }

    /// Returns the root element.
    pub(super) fn root(self) -> &'static str {
        match self {
            Self::Primary => "metadata",
            Self::Filelists => "filelists",
            Self::Other => "otherdata",
            Self::FilelistsExt => "filelists-ext",
        }
    }

    /// Returns what stands before the packages.
    pub(super) fn head(self, count: u64) -> String {
        let namespaces = match self {
            Self::Primary => "http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm",
            Self::Filelists => "http://linux.duke.edu/metadata/filelists",
            Self::FilelistsExt => "http://linux.duke.edu/metadata/filelists-ext",
            Self::Other => "http://linux.duke.edu/metadata/other",
        };
        let root = self.root();
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{namespaces}\" packages=\"{count}\">\n")
    }
}
