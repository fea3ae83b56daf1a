//! Would a link let tags inherit from each other in a circle? Pure.

use crate::model::TagName;

/// Returns the circle that a link from `tag` to `parent` would close, if it would.
pub(super) fn circle(links: &[(TagName, TagName)], tag: &TagName, parent: &TagName) -> Option<String> {
    let mut paths = vec![vec![parent.clone()]];
    let mut seen = vec![parent.clone()];
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        if last == tag {
            let names = std::iter::once(tag).chain(&path).map(TagName::as_str);
            return Some(names.collect::<Vec<_>>().join(" > "));
        }
        for (_, next) in links.iter().filter(|(child, _)| child == last) {
            if !seen.contains(next) {
                seen.push(next.clone());
                paths.push(path.iter().cloned().chain([next.clone()]).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_printed() {
        let tag = |name: &str| name.parse::<TagName>().unwrap();
        let links = [(tag("a"), tag("b")), (tag("b"), tag("c")), (tag("b"), tag("d"))];
        assert_eq!(circle(&links, &tag("c"), &tag("a")).unwrap(), "c > a > b > c");
        assert_eq!(circle(&links, &tag("a"), &tag("a")).unwrap(), "a > a");
        assert_eq!(circle(&links, &tag("a"), &tag("d")), None);
    }
}
