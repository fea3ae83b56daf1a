//! How is an error shown in one line? With its causes, each once.

/// Returns the text of an error and of all its causes, parted by colons.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
