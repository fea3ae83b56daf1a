//! Which compose is it, in all the words that its files and messages have for it?

use crate::model::{BadName, ComposeId, Label, check_text};

/// What names a compose in its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    id: ComposeId,
    release_name: String,
    label: Option<Label>,
}

impl Identity {
    /// Returns the identity of the compose `id` of a release whose name for people, one line, is
    /// `release_name` (`Fedora Linux`).
    pub fn new(id: ComposeId, release_name: &str, label: Option<Label>) -> Result<Self, BadName> {
        check_text("name of a release", release_name)?;
        Ok(Self { id, release_name: release_name.to_owned(), label })
    }

    /// Returns the compose id.
    pub fn id(&self) -> &ComposeId {
        &self.id
    }

    /// Returns the release's name for people.
    pub fn release_name(&self) -> &str {
        &self.release_name
    }

    /// Returns the label, where the compose has one.
    pub fn label(&self) -> Option<&Label> {
        self.label.as_ref()
    }

    /// Returns name and version of the release, as installers show them: `Fedora Linux 43`.
    pub fn description(&self) -> String {
        format!("{} {}", self.release_name, self.id.release().version())
    }
}
