//! How is an error shown in one line? With its causes, each once.

/// Returns the text of an error and of all its causes, parted by colons; a cause that the text before
/// it ends with is not repeated.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn a_cause_is_said_once() {
        let error = |texts: [&'static str; 2]| Told(texts[0], Some(Box::new(Told(texts[1], None))));
        assert_eq!(chain(&error(["cannot open x", "no such file"])), "cannot open x: no such file");
        assert_eq!(chain(&error(["disk: full", "full"])), "disk: full");
    }
}
