//! How do rows that were read differ from those that are known? Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Row, Rows};

/// What to write, and what that changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Diff<K, C> {
    /// Rows to write over those of the same key.
    pub puts: Rows<K, C>,
    /// Rows among them that are gone without a trace.
    pub gone: BTreeSet<(K, i64)>,
    /// What has other rows that count than before.
    pub changed: BTreeMap<K, Changed>,
}

/// How rows that count are other ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Since which event there is one that counts now.
    pub since: Option<i64>,
    /// The last event that made a row, or revoked one.
    pub event: i64,
}

/// Compares the rows that are known with those read at `event`.
pub(super) fn diff<K: Ord + Clone, C: PartialEq + Clone>(
    mut known: Rows<K, C>,
    read: &Rows<K, C>,
    event: i64,
) -> Diff<K, C> {
    let mut diff = Diff { puts: Rows::new(), gone: BTreeSet::new(), changed: BTreeMap::new() };
    for (key, row) in read {
        let before = known.remove(key);
        let was_open = before.as_ref().is_some_and(|before| before.to_event.is_none());
        let row = match before {
            // Made and revoked by one event, or in the wrong order: it never counted.
            None if row.to_event.is_some_and(|to| to <= key.1) => continue,
            Some(before) if before == *row => continue,
            // What a row said while it counted, it goes on to have said.
            Some(before) if row.to_event.is_some() => {
                if before.to_event == row.to_event {
                    continue;
                }
                Row { content: before.content, to_event: row.to_event }
            }
            _ => row.clone(),
        };
        if was_open || row.to_event.is_none() {
            let changed = diff.changed.entry(key.0.clone()).or_default();
            changed.event = changed.event.max(row.to_event.unwrap_or(key.1));
        }
        diff.puts.insert(key.clone(), row);
    }
    for (key, row) in known {
        if row.to_event.is_none() {
            diff.changed.insert(key.0.clone(), Changed { since: None, event });
            diff.gone.insert(key.clone());
            diff.puts.insert(key, Row { content: row.content, to_event: Some(event) });
        }
    }
    for ((about, from), _) in read.iter().filter(|(_, row)| row.to_event.is_none()) {
        if let Some(changed) = diff.changed.get_mut(about) {
            changed.since = Some(*from);
        }
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(&'static str, i64, Option<i64>)]) -> Rows<&'static str, u8> {
        rows.iter().map(|(key, from, to_event)| ((*key, *from), Row { content: 1, to_event: *to_event })).collect()
    }

    fn put(known: &[(&'static str, i64, Option<i64>)], read: &[(&'static str, i64, Option<i64>)]) -> (String, usize) {
        let diff = diff(rows(known), &rows(read), 9);
        let puts = diff.puts.iter().map(|((key, from), row)| format!("{key}{from}-{:?}", row.to_event));
        let changed: Vec<&str> = diff.changed.into_keys().collect();
        (format!("{} | {}", puts.collect::<Vec<_>>().join(" "), changed.join("")), diff.gone.len())
    }

    #[test]
    fn only_what_differs_is_written_and_only_what_counts_changes() {
        for (known, read, expected, gone) in [
            (&[][..], &[("a", 1, None)][..], "a1-None | a", 0),
            (&[], &[("a", 1, Some(3))], "a1-Some(3) | ", 0),
            (&[], &[("a", 3, Some(3)), ("b", 3, Some(2))], " | ", 0),
            (&[("a", 1, None)], &[("a", 1, None)], " | ", 0),
            (&[("a", 1, None)], &[("a", 1, Some(4))], "a1-Some(4) | a", 0),
            (&[("a", 3, None)], &[("a", 3, Some(2))], "a3-Some(2) | a", 0),
            (&[("a", 1, None)], &[("a", 1, Some(4)), ("a", 4, None)], "a1-Some(4) a4-None | a", 0),
            (&[("a", 1, Some(5))], &[("a", 1, None)], "a1-None | a", 0),
            (&[("a", 1, Some(5))], &[("a", 1, Some(4))], "a1-Some(4) | ", 0),
            (&[("a", 1, Some(5))], &[], " | ", 0),
            (&[("a", 1, None), ("b", 1, None)], &[("b", 1, None)], "a1-Some(9) | a", 1),
        ] {
            assert_eq!(put(known, read), (expected.to_owned(), gone), "{known:?} {read:?}");
        }
    }

    #[test]
    fn what_changed_is_told_with_the_event_since_which_it_counts_and_that_which_changed_it() {
        let known = rows(&[("a", 1, None), ("b", 1, None), ("c", 1, None)]);
        let read = rows(&[("a", 1, Some(4)), ("a", 4, None), ("b", 1, Some(5)), ("c", 1, None)]);
        let changed = |since, event| Changed { since, event };
        let expected = BTreeMap::from([("a", changed(Some(4), 4)), ("b", changed(None, 5))]);
        assert_eq!(diff(known.clone(), &read, 9).changed, expected);
        assert_eq!(diff(known, &Rows::new(), 9).changed["c"], changed(None, 9), "gone without a trace");
    }

    #[test]
    fn a_closed_row_says_what_it_said() {
        let known = Rows::from([(("a", 1), Row { content: 1, to_event: None })]);
        let read = Rows::from([(("a", 1), Row { content: 2, to_event: Some(3) })]);
        assert_eq!(diff(known.clone(), &read, 9).puts[&("a", 1)], Row { content: 1, to_event: Some(3) });
        let read = Rows::from([(("a", 1), Row { content: 2, to_event: None })]);
        assert_eq!(diff(known, &read, 9).puts[&("a", 1)], Row { content: 2, to_event: None });
    }
}
