//! What does a release engineer do to tags? Make, change and delete them, link them, list and block packages.

use serde_json::Value;

use super::Hub;
use super::messages::{Message, list_change, repo};
use super::right::package_list;
use super::rows::{Config, Extra, Joined, Link, Linked, Listed, Repo, Rows, Tag, When};

impl Hub {
    /// Makes a tag, or one of the same id anew that was deleted; announces nothing. Returns its id.
    pub fn create_tag(&self, name: &str, arches: Option<&str>) -> i64 {
        self.act(|rows, event| {
            let id = rows.tag_id(&name.into()).unwrap_or_else(|| {
                let id = rows.tags.last_key_value().map_or(1, |(id, _)| id + 1);
                rows.tags.insert(id, Tag { name: name.to_owned(), ..Tag::default() });
                id
            });
            let tag = rows.tags.get_mut(&id).unwrap();
            assert!(tag.configs.iter().all(|row| row.when.revoke.is_some()), "there is a tag {name}");
            tag.configs.push(Config { arches: arches.map(str::to_owned), locked: false, when: When::from(event) });
            id
        })
    }

    /// Gives a tag other arches and locks or unlocks it; announces nothing.
    pub fn edit_tag(&self, name: &str, arches: Option<&str>, locked: bool) {
        self.act(|rows, event| {
            let tag = tag_mut(rows, name);
            tag.configs.iter_mut().for_each(|row| row.when.end(event));
            tag.configs.push(Config { arches: arches.map(str::to_owned), locked, when: When::from(event) });
        });
    }

    /// Sets or, without a value, takes away an extra setting of a tag; announces nothing.
    pub fn set_extra(&self, name: &str, key: &str, value: Option<Value>) {
        self.act(|rows, event| {
            let tag = tag_mut(rows, name);
            tag.extras.iter_mut().filter(|row| row.key == key).for_each(|row| row.when.end(event));
            let row = value.map(|value| Extra { key: key.to_owned(), value, when: When::from(event) });
            tag.extras.extend(row);
        });
    }

    /// Gives a tag another name; it keeps its id. Announces nothing, and no row tells when.
    pub fn rename_tag(&self, name: &str, other: &str) {
        self.act(|rows, _| other.clone_into(&mut tag_mut(rows, name).name));
    }

    /// Revokes all that a tag has, and the links to it; announces nothing, not even for builds in it.
    pub fn delete_tag(&self, name: &str) {
        self.act(|rows, event| {
            let id = rows.tag_id(&name.into()).unwrap();
            let links = rows.tags.values_mut().flat_map(|tag| &mut tag.links);
            links.filter(|row| row.link.parent == id).for_each(|row| row.when.end(event));
            let tag = tag_mut(rows, name);
            tag.configs.iter_mut().for_each(|row| row.when.end(event));
            tag.extras.iter_mut().for_each(|row| row.when.end(event));
            tag.links.iter_mut().for_each(|row| row.when.end(event));
            tag.listed.iter_mut().for_each(|row| row.when.end(event));
            tag.taggings.values_mut().flatten().for_each(|row| row.when.end(event));
            tag.joined.iter_mut().for_each(|row| row.when.end(event));
        });
    }

    /// Has a tag inherit from these and no others; announces nothing. Priorities are unique.
    pub fn set_inheritance(&self, name: &str, links: &[Link]) {
        self.act(|rows, event| {
            let tag = tag_mut(rows, name);
            for row in tag.links.iter_mut().filter(|row| row.when.revoke.is_none() && !links.contains(&row.link)) {
                row.when.end(event);
            }
            for link in links {
                if !tag.links.iter().any(|row| row.when.revoke.is_none() && row.link == *link) {
                    tag.links.push(Linked { link: link.clone(), when: When::from(event) });
                }
            }
            let mut priorities: Vec<i64> = links.iter().map(|link| link.priority).collect();
            priorities.sort_unstable();
            priorities.dedup();
            assert_eq!(priorities.len(), links.len(), "two links of one priority");
        });
    }

    /// As [`Hub::set_inheritance`], with links that have no limits, in this order.
    pub fn inherit(&self, name: &str, parents: &[&str]) {
        let ids: Vec<i64> = {
            let rows = self.desk.rows();
            parents.iter().map(|parent| rows.tag_id(&(*parent).into()).unwrap()).collect()
        };
        let links: Vec<Link> = ids.iter().zip(0..).map(|(id, at)| Link::to(*id, at * 10)).collect();
        self.set_inheritance(name, &links);
    }

    /// Lists a package in a tag.
    pub fn add_package(&self, tag: &str, package: &str) -> Vec<Message> {
        self.act(|rows, event| list(rows, event, tag, package, Some(false)));
        vec![list_change(tag, package, "add", Some(false), true)]
    }

    /// Shuts a package out of a tag.
    pub fn block_package(&self, tag: &str, package: &str) -> Vec<Message> {
        self.act(|rows, event| list(rows, event, tag, package, Some(true)));
        vec![list_change(tag, package, "block", Some(true), false)]
    }

    /// Takes a package out of a tag's own list. Builds of it vanish from the tag, and no untag tells of it.
    pub fn remove_package(&self, tag: &str, package: &str) -> Vec<Message> {
        self.act(|rows, event| list(rows, event, tag, package, None));
        vec![list_change(tag, package, "remove", None, false)]
    }

    /// Takes a tag's own block away; where an ancestor blocks the package or nobody lists it, lists it instead.
    pub fn unblock_package(&self, tag: &str, package: &str) -> Vec<Message> {
        self.act(|rows, event| {
            let (id, of) = (rows.tag_id(&tag.into()).unwrap(), rows.package_id(package).unwrap());
            let (is_blocked, by) = package_list(rows, id, None, true, Some(of))[&of];
            assert!(is_blocked, "{package} is not blocked in {tag}");
            list(rows, event, tag, package, (by != id).then_some(false));
            if package_list(rows, id, None, true, Some(of)).get(&of).is_none_or(|(is_blocked, _)| *is_blocked) {
                list(rows, event, tag, package, Some(false));
            }
        });
        vec![list_change(tag, package, "unblock", None, false)]
    }

    /// Joins a tag with a repository outside; announces nothing.
    pub fn add_external_repo(&self, tag: &str, name: &str, url: &str, priority: i64) {
        self.join(tag, name, url, priority, "koji", None);
    }

    /// As [`Hub::add_external_repo`], with a merge mode, and for some arches only.
    pub fn join(&self, tag: &str, name: &str, url: &str, priority: i64, mode: &str, arches: Option<&str>) {
        self.act(|rows, event| {
            let known = rows.repos.iter().find(|(_, repo)| repo.name == name).map(|(id, _)| *id);
            let repo = known.unwrap_or_else(|| rows.repos.len() as i64 + 1);
            rows.repos.insert(
                repo,
                Repo {
                    name: name.to_owned(),
                    url: url.to_owned(),
                    merge_mode: mode.to_owned(),
                    arches: arches.map(str::to_owned),
                },
            );
            tag_mut(rows, tag).joined.push(Joined { repo, priority, when: When::from(event) });
        });
    }

    /// Parts a tag from a repository outside; announces nothing.
    pub fn remove_external_repo(&self, tag: &str, name: &str) {
        self.act(|rows, event| {
            let known = rows.repos.iter().find(|(_, repo)| repo.name == name).map(|(id, _)| *id);
            let joined = tag_mut(rows, tag).joined.iter_mut();
            joined.filter(|row| Some(row.repo) == known).for_each(|row| row.when.end(event));
        });
    }

    /// Has Koji make a repository of a tag, or a dist-repo: the messages are the same.
    pub fn new_repo(&self, tag: &str, fails: bool) -> Vec<Message> {
        let rows = self.desk.rows();
        let id = rows.tag_id(&tag.into()).unwrap();
        let topics = ["buildsys.repo.init", "buildsys.repo.done"];
        topics.into_iter().take(if fails { 1 } else { 2 }).map(|topic| repo(topic, &rows, id, 1)).collect()
    }
}

pub(super) fn tag_mut<'a>(rows: &'a mut Rows, name: &str) -> &'a mut Tag {
    rows.tags.values_mut().find(|tag| tag.name == name).unwrap_or_else(|| panic!("no tag {name}"))
}

/// Revokes what a tag says about a package, and has it say something else.
fn list(rows: &mut Rows, event: i64, tag: &str, package: &str, blocked: Option<bool>) {
    let package = package_id(rows, package);
    let tag = tag_mut(rows, tag);
    tag.listed.iter_mut().filter(|row| row.package == package).for_each(|row| row.when.end(event));
    // A row that is made and revoked by one event never counted.
    tag.listed.retain(|row| row.when.revoke != Some(row.when.create));
    let row = blocked.map(|blocked| Listed { package, blocked, extra_arches: None, when: When::from(event) });
    tag.listed.extend(row);
}

/// Returns the id of a package, which is made known if it is not.
pub(super) fn package_id(rows: &mut Rows, name: &str) -> i64 {
    let known = rows.package_id(name);
    let id = known.unwrap_or_else(|| rows.packages.len() as i64 + 1);
    rows.packages.insert(id, name.to_owned());
    rows.package_ids.insert(name.to_owned(), id);
    id
}
