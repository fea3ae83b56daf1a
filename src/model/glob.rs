//! Does a pattern match a name? `*` is any run of characters, `?` is one; nothing else is special.

/// Returns whether `pattern` matches the whole of `text`.
///
/// Goes back to the last star only: linear in practice, quadratic at worst, on names of 200 bytes.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t = after_character(text, t);
            }
            Some(&wanted) if wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|&left| left == b'*')
}

/// Returns where the character that begins at `at` ends.
fn after_character(text: &[u8], at: usize) -> usize {
    let is_continued = |byte: &&u8| **byte & 0xC0 == 0x80;
    at + 1 + text[at + 1..].iter().take_while(is_continued).count()
}

/// Returns the pattern as a name in which each wildcard is a letter: if that is no name, the pattern
/// could never match one.
pub(crate) fn as_name(pattern: &str) -> String {
    pattern.replace(['*', '?'], "x")
}

/// Returns whether `text` has wildcards.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}
