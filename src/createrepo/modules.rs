//! What is one record of many module documents? All of them, each once, in one order.
//!
//! Documents are kept as they were written: what they mean is for whoever reads them. They are told apart by
//! the few lines that name them, and refused where these are missing. createrepo_c, by libmodulemd, writes them
//! anew; its order is kept: defaults, obsoletes, translations, then streams.

use std::collections::BTreeMap;

/// What a document describes: of two that describe the same, the one that was added last counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rank: usize,
    module: String,
    stream: String,
    version: u64,
    context: String,
    arch: String,
    modified: String,
}

/// Kinds of documents in the order of the record.
const KINDS: [&str; 6] = [
    "modulemd-defaults",
    "modulemd-obsoletes",
    "modulemd-translations",
    "modulemd-packager",
    "modulemd-stream",
    "modulemd",
];

/// Documents by what they describe.
#[derive(Debug, Default)]
pub(super) struct Documents(BTreeMap<Place, String>);

impl Documents {
    /// Takes in the documents of a file.
    ///
    /// # Errors
    /// One of them does not say what it is, as the end of a sentence.
    pub(super) fn add(&mut self, text: &str) -> Result<(), &'static str> {
        let mut document = String::new();
        for line in text.lines().chain(["---"]) {
            if line == "---" || line.starts_with("--- ") || line == "..." {
                self.add_one(&std::mem::take(&mut document))?;
            } else {
                document.push_str(line);
                document.push('\n');
            }
        }
        Ok(())
    }

    fn add_one(&mut self, document: &str) -> Result<(), &'static str> {
        let says =
            |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#') && !line.starts_with('%');
        if !document.lines().any(says) {
            return Ok(());
        }
        self.0.insert(place(document)?, document.to_owned());
        Ok(())
    }

    /// Returns whether there is no document.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the record.
    pub(super) fn to_text(&self) -> String {
        self.0.values().map(|document| format!("---\n{document}...\n")).collect()
    }
}

fn place(document: &str) -> Result<Place, &'static str> {
    let kind = value(document, 0, "document").ok_or("has a document that does not say what it is")?;
    let rank = KINDS.iter().position(|known| *known == kind).ok_or("has a document of a kind that nobody knows")?;
    let data = data(document).ok_or("has a document without data")?;
    let first = data.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = first.len() - first.trim_start().len();
    let text = |key: &str| value(data, indent, key).unwrap_or_default();
    let module = value(data, indent, "module").or_else(|| value(data, indent, "name")).unwrap_or_default();
    Ok(Place {
        rank,
        module,
        stream: text("stream"),
        version: text("version").parse().unwrap_or(0),
        context: text("context"),
        arch: text("arch"),
        // Of defaults and streams the same one is changed; of others there are several side by side.
        modified: if kind.ends_with("obsoletes") || kind.ends_with("translations") {
            text("modified")
        } else {
            String::new()
        },
    })
}

/// Returns the lines below `data:`.
fn data(document: &str) -> Option<&str> {
    let at = if document.starts_with("data:") { 0 } else { document.find("\ndata:")? + 1 };
    Some(document[at..].split_once('\n')?.1)
}

/// Returns the plain or quoted text of a key that stands at this indent.
fn value(text: &str, indent: usize, key: &str) -> Option<String> {
    for line in text.lines() {
        if line.len() - line.trim_start_matches(' ').len() != indent {
            continue;
        }
        let Some(rest) = line[indent..].strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) else { continue };
        let rest = rest.trim();
        let quoted = |mark| rest.strip_prefix(mark)?.split(mark).next();
        let plain = || rest.split(" #").next().unwrap_or_default().trim_end();
        return Some(quoted('"').or_else(|| quoted('\'')).unwrap_or_else(plain).to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "document: modulemd\nversion: 2\ndata:\n  name: foo\n  stream: \"1\"\n  version: 10\n";
    const OLDER: &str = "document: modulemd\nversion: 2\ndata:\n  name: foo\n  stream: '1' # one\n  version: 9\n";
    const DEFAULTS: &str = "document: modulemd-defaults\nversion: 1\ndata:\n    module: foo\n    stream: \"1\"\n";

    #[test]
    fn documents_of_several_files_are_one_record_in_one_order() {
        let mut documents = Documents::default();
        assert!(documents.is_empty());
        documents.add(&format!("---\n{STREAM}...\n---\n{OLDER}...\n")).unwrap();
        documents.add(&format!("# a remark\n{DEFAULTS}")).unwrap();
        let other = STREAM.replace("foo", "\"foo\" # the same");
        documents.add(&other).unwrap();
        documents.add(&format!("%YAML 1.2\n---\n{STREAM}")).unwrap();
        documents.add("\n# nothing\n---\n...\n").unwrap();
        let expected = format!("---\n# a remark\n{DEFAULTS}...\n---\n{OLDER}...\n---\n{STREAM}...\n");
        assert_eq!(documents.to_text(), expected);
        let mut again = Documents::default();
        again.add(&expected).unwrap();
        assert_eq!(again.to_text(), expected);
    }

    #[test]
    fn what_is_no_module_document_is_refused() {
        let refusal = |text: &str| Documents::default().add(text).unwrap_err();
        assert_eq!(refusal("bad yaml: ["), "has a document that does not say what it is");
        assert_eq!(refusal("document: comps\ndata:\n  x: y\n"), "has a document of a kind that nobody knows");
        assert_eq!(refusal("document: modulemd\nversion: 2\n"), "has a document without data");
    }
}
