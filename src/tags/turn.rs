//! In what order are woken tags taken up? Pure.
//!
//! A parent before the tags that inherit from it: they begin with its set, and a change of a base is not
//! kept waiting by the hundreds of tags it reaches.

use std::collections::BTreeMap;

use crate::model::TagName;

/// Sorts woken tags by how far down they stand; those that stand equally far stay in their order.
pub(super) fn in_turn(mut woken: Vec<String>, links: &[(TagName, TagName)]) -> Vec<String> {
    let levels = levels(links);
    woken.sort_by_key(|name| levels.get(name.as_str()).copied().unwrap_or(0));
    woken
}

/// Returns how many links the longest way up from each tag has. Tags of a circle have no such number.
fn levels(links: &[(TagName, TagName)]) -> BTreeMap<&str, usize> {
    let mut parents_left: BTreeMap<&str, usize> = BTreeMap::new();
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (child, parent) in links {
        parents_left.entry(parent.as_str()).or_default();
        *parents_left.entry(child.as_str()).or_default() += 1;
        children.entry(parent.as_str()).or_default().push(child.as_str());
    }
    let mut levels = BTreeMap::new();
    let tops = parents_left.iter().filter(|(_, parents)| **parents == 0);
    let mut at_level: Vec<&str> = tops.map(|(tag, _)| *tag).collect();
    for level in 0.. {
        let mut next = Vec::new();
        for tag in at_level {
            levels.insert(tag, level);
            for child in children.get(tag).into_iter().flatten() {
                let left = parents_left.entry(child).or_default();
                *left -= 1;
                if *left == 0 {
                    next.push(*child);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        at_level = next;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_equals_stay_in_order() {
        let links = ["d>c", "c>a", "d>a", "b>a", "x>y", "y>x"].map(|link| {
            let (child, parent) = link.split_once('>').unwrap();
            (child.parse().unwrap(), parent.parse().unwrap())
        });
        let turns = |woken: &str| in_turn(woken.chars().map(String::from).collect(), &links).concat();
        assert_eq!(turns("dcba"), "acbd");
        assert_eq!(turns("bcd"), "bcd");
        assert_eq!(turns("cbz"), "zcb");
        assert_eq!(turns("dxy"), "xyd");
    }
}
