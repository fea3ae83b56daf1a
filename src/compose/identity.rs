//! Which compose is it, in all the words that its files and messages have for it?

use crate::model::{ComposeId, Label, Title};

/// What names a compose in its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    id: ComposeId,
    release_name: Title,
    label: Option<Label>,
}

impl Identity {
    /// Returns the identity of the compose `id` of a release whose name for people is `release_name`
    /// (`Fedora Linux`).
    pub fn new(id: ComposeId, release_name: Title, label: Option<Label>) -> Self {
        Self { id, release_name, label }
    }

    /// Returns the compose id.
    pub fn id(&self) -> &ComposeId {
        &self.id
    }

    /// Returns the release's name for people.
    pub fn release_name(&self) -> &str {
        self.release_name.as_str()
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
