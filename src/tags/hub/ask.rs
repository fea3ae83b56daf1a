//! What does the hub say of a tag now? Asked, applied in one transaction with what it changes, and told where it
//! should have been known before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Follower, FoundBy, Scope};
use crate::buildsys::koji::ReadError;
use crate::model::{PackageName, TagName};
use crate::outbox;
use crate::store::mirror::{Changes, Outcome, Reading, RowChange};
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, Tx, Write, tag_links, tag_settings};
use crate::tags::{Error, Tags};

/// How often an answer may be overtaken by another before its turn is over.
const TRIES: usize = 10;

/// Most rows that one message lists.
const MOST_LISTED: usize = 1000;

/// What a comparison of a tag's rows with the hub's came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The event at which they were compared.
    pub event: i64,
    /// Rows that were other ones than we knew, and that no message was waiting to tell of. None where the tag was not
    /// known at all.
    pub repaired: Vec<RowChange>,
}

/// What the hub is asked.
pub(super) struct Question<'a> {
    pub tag: &'a TagName,
    pub scope: Scope,
    /// What messages marked of the tag, and is answered by it.
    pub marks: &'a [WakeUp],
    pub by: FoundBy,
}

impl Tags {
    /// Compares all rows of a tag and its ancestors with the hub's, and repairs ours; `None` without a hub.
    ///
    /// # Errors
    /// The hub does not answer, or two answers do not agree about rows that are missed.
    pub async fn check(&self, tag: &TagName) -> Result<Option<Checked>, Error> {
        let Some(hub) = self.hub() else { return Ok(None) };
        let question = Question { tag, scope: Scope::Chain, marks: &[], by: FoundBy::Command };
        let mut checked = self.bring(hub, &question).await;
        if matches!(checked, Err(Error::Doubtful { .. })) {
            checked = self.bring(hub, &question).await;
        }
        checked.map(Some)
    }

    /// Asks the hub about a tag until an answer could be applied, and takes away the marks that asked for it.
    pub(super) async fn bring(&self, hub: &Follower, question: &Question<'_>) -> Result<Checked, Error> {
        let checked = self.try_bring(hub, question).await;
        hub.note(&checked, self.clock.micros());
        checked
    }

    async fn try_bring(&self, hub: &Follower, question: &Question<'_>) -> Result<Checked, Error> {
        let Question { tag, scope, marks, .. } = question;
        for _ in 0..TRIES {
            let reading = match hub.read(self, tag, scope).await {
                Err(Error::Hub(ReadError::NoSuchTag(_))) => return self.no_such_tag(tag, marks).await,
                read => read?,
            };
            let mut tx = self.db.write().await?;
            let doubt = hub.state().doubts.get(*tag).cloned();
            match hub.koji.apply(&mut tx, &reading, doubt.as_ref(), self.clock.micros()).await? {
                Outcome::Overtaken => continue,
                Outcome::Doubtful(doubt) => {
                    let error = doubtful(tag, doubt.gone.iter().map(ToString::to_string));
                    hub.state().doubts.insert((*tag).clone(), doubt);
                    return Err(error);
                }
                Outcome::Applied(changes) => {
                    let checked = self.absorb(&mut tx, question, &reading, changes).await?;
                    tx.commit().await?;
                    let mut state = hub.state();
                    state.doubts.remove(*tag);
                    state.standing.repaired += checked.repaired.len() as u64;
                    if !matches!(scope, Scope::Packages(_)) {
                        state.checked.insert((*tag).clone(), self.clock.micros());
                    }
                    drop(state);
                    self.bells.tags.ring();
                    self.bells.merged.ring();
                    self.bells.outbox.ring();
                    return Ok(checked);
                }
            }
        }
        Err(Error::Overtaken((*tag).clone()))
    }

    /// A tag that the hub does not have and never had is nothing to ask about.
    async fn no_such_tag(&self, tag: &TagName, marks: &[WakeUp]) -> Result<Checked, Error> {
        tracing::warn!(tag.name = %tag, "messages tell of {tag}, and the hub has no such tag");
        let mut tx = self.db.write().await?;
        take_away(&mut tx, tag, marks).await?;
        tx.commit().await?;
        Ok(Checked::default())
    }

    /// Wakes what changes touch, takes the marks away, and tells of what should have been known before.
    async fn absorb(
        &self,
        tx: &mut Write,
        question: &Question<'_>,
        reading: &Reading,
        changes: Changes,
    ) -> Result<Checked, Error> {
        let Question { tag, scope, marks, by } = question;
        for gone in &changes.gone {
            tracing::warn!(tag.name = %tag, "the hub has lost {gone}; two answers agree, so it is gone");
        }
        for (old, new) in &changes.renamed {
            tracing::warn!(tag.name = %new, "tag {old} is called {new} now: its package set and repositories are made anew");
            if self.config.follow.for_tag(old).is_some() {
                wakeups::wake(tx, Room::Tags, old.as_str(), "", self.clock.micros()).await?;
            }
        }
        self.wake_changed(tx, &changes, &reading.times).await?;
        if matches!(by, FoundBy::Check | FoundBy::Command) {
            self.ask_for_signatures(tx, tag, scope).await?;
        }
        let repaired = if by.is_repair() { unannounced(tx, changes.rows).await? } else { Vec::new() };
        take_away(tx, tag, marks).await?;
        let mut of_tag: BTreeMap<&TagName, Vec<&RowChange>> = BTreeMap::new();
        for row in &repaired {
            of_tag.entry(&row.tag).or_default().push(row);
        }
        for (tag, rows) in of_tag {
            tracing::warn!(tag.name = %tag, found_by = by.word(), "{} rows of {tag} were not as the hub has them", rows.len());
            let body = repaired_body(tag, reading.event, *by, &rows);
            outbox::tell(tx, &self.clock, "tannery.reconcile.repaired", tag.as_str(), body).await?;
        }
        Ok(Checked { event: reading.event, repaired })
    }

    /// Has the signatures of all builds compared with the hub's that a tag, or with its ancestors, gives to sets in which keys
    /// count: no row tells of signatures, and messages about them get lost.
    async fn ask_for_signatures(&self, tx: &mut Write, tag: &TagName, scope: &Scope) -> Result<(), Error> {
        let Some(known) = tag_settings::known(tx, self.buildsys.id(), tag).await? else { return Ok(()) };
        let asks_for_keys = |tag: &TagName| {
            self.config.follow.for_tag(tag).is_some_and(|rule| rule.signatures.iter().any(Option::is_some))
        };
        if !tag_links::dependents(tx, known.id).await?.iter().any(asks_for_keys) {
            return Ok(());
        }
        let tags = match scope {
            Scope::Chain => tag_links::ancestors(tx, known.id).await?,
            Scope::Own | Scope::Packages(_) => vec![tag.clone()],
        };
        for tag in tags {
            self.compare_all(tx, &tag).await?;
        }
        Ok(())
    }

    async fn wake_changed(&self, tx: &mut Write, changes: &Changes, times: &BTreeMap<i64, i64>) -> Result<(), Error> {
        let mut parts: BTreeMap<&TagName, Vec<&str>> = changes.tags.iter().map(|tag| (tag, vec![""])).collect();
        for (tag, package) in &changes.packages {
            parts.entry(tag).or_default().push(package.as_str());
        }
        for (_, tag) in &changes.renamed {
            parts.insert(tag, vec![""]);
        }
        for tag in &changes.joined {
            self.wake_joined(tx, tag).await?;
        }
        for (tag, parts) in parts {
            let Some(known) = tag_settings::known(tx, self.buildsys.id(), tag).await? else { continue };
            let of_tag = changes.rows.iter().filter(|row| row.tag == *tag);
            let caused = of_tag.filter_map(|row| times.get(&row.event)).min().copied();
            self.wake_dependents_each(tx, (known.id, tag), &parts, caused).await?;
        }
        Ok(())
    }
}

impl Follower {
    /// Asks the hub; rows of packages only where the tag is known and they are few.
    async fn read(&self, tags: &Tags, tag: &TagName, scope: &Scope) -> Result<Reading, Error> {
        let event = self.koji.last_event().await?;
        let known = tag_settings::known(&mut tags.db.read().await?, tags.buildsys.id(), tag).await?;
        Ok(match scope {
            Scope::Packages(packages) if known.is_some() && packages.len() <= self.most_packages() => {
                self.koji.read_packages(tag, packages, event).await?
            }
            Scope::Packages(_) | Scope::Own => self.koji.read_own(tag, event).await?,
            Scope::Chain => self.koji.read_tag(tag, event, None).await?,
        })
    }

    /// Past so many packages, one reading of the whole tag is less work for the hub.
    fn most_packages(&self) -> usize {
        self.settings.whole_from.get() as usize
    }
}

fn doubtful(tag: &TagName, gone: impl Iterator<Item = String>) -> Error {
    let gone: Vec<String> = gone.collect();
    Error::Doubtful { tag: tag.clone(), count: gone.len(), first: gone.into_iter().next().unwrap_or_default() }
}

/// Takes away the marks of a tag that an answer was asked for.
async fn take_away(tx: &mut Write, tag: &TagName, marks: &[WakeUp]) -> Result<(), store::Error> {
    match marks.iter().map(|mark| mark.sequence).max() {
        Some(last) => wakeups::done_until(tx, Room::Hub, tag.as_str(), last).await,
        None => Ok(()),
    }
}

/// Leaves out what a message has told of meanwhile: the hub is about to be asked for it.
async fn unannounced(tx: &mut Tx, rows: Vec<RowChange>) -> Result<Vec<RowChange>, store::Error> {
    let tags: BTreeSet<TagName> = rows.iter().map(|row| row.tag.clone()).collect();
    let mut marked: BTreeSet<(TagName, String)> = BTreeSet::new();
    for tag in tags {
        for mark in wakeups::of(tx, Room::Hub, tag.as_str()).await? {
            marked.insert((tag.clone(), mark.part));
        }
    }
    let is_marked = |row: &RowChange| {
        let part = row.package.as_ref().map_or("", PackageName::as_str);
        marked.contains(&(row.tag.clone(), part.to_owned()))
    };
    Ok(rows.into_iter().filter(|row| !is_marked(row)).collect())
}

/// Returns the body of `tannery.reconcile.repaired`.
fn repaired_body(tag: &TagName, event: i64, by: FoundBy, rows: &[&RowChange]) -> Map<String, Value> {
    let row = |row: &&RowChange| json!({ "row": row.kind.word(), "about": row.about, "since": row.since, "missed": row.missed() });
    let listed: Vec<Value> = rows.iter().take(MOST_LISTED).map(row).collect();
    let body = json!({ "tag": tag, "event": event, "found_by": by.word(), "rows": listed, "truncated": rows.len() > MOST_LISTED });
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}
