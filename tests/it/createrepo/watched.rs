//! Does a watched directory's repository stay current?

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{House, hrefs, names, read};
use crate::world::{eventually, run};

const SOON: Duration = Duration::from_secs(60);

/// Starts watching the directory.
fn watch(house: &House, arguments: &[&str]) -> Child {
    let dir = house.dir().display().to_string();
    let mut command = house.world.tannery(&["createrepo", "--watch", "--watch-quiet", "50ms"]);
    let child = command.args(arguments).arg(&dir).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    listed(house, "the first run", |hrefs| !hrefs.is_empty());
    child
}

fn listed(house: &House, what: &str, is: impl Fn(&[String]) -> bool) {
    let repomd = house.path("repodata/repomd.xml");
    eventually(SOON, what, || repomd.exists() && is(&hrefs(&read([&house.dir()])[0])));
}

fn stop(mut child: Child) {
    run(Command::new("kill").args(["-TERM", &child.id().to_string()])).ok();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn packages_that_come_and_go_are_listed_and_not() {
    let house = House::with(2);
    // Only the kernel's word counts: the next look by itself is an hour away.
    let child = watch(&house, &["--watch-every", "1h"]);
    house.put(2, "new.rpm");
    listed(&house, "a new package", |hrefs| hrefs.contains(&"new.rpm".to_owned()));
    house.put(3, "deep/er/new.rpm");
    listed(&house, "one in new directories", |hrefs| hrefs.contains(&"deep/er/new.rpm".to_owned()));
    house.put(4, "deep/er/again.rpm");
    listed(&house, "one more there", |hrefs| hrefs.contains(&"deep/er/again.rpm".to_owned()));
    fs::rename(house.path("deep"), house.path("moved")).unwrap();
    listed(&house, "a moved directory", |hrefs| hrefs.contains(&"moved/er/again.rpm".to_owned()) && hrefs.len() == 5);
    fs::remove_file(house.path("new.rpm")).unwrap();
    listed(&house, "a package that went", |hrefs| hrefs.len() == 4);
    house.write("bad.rpm", "junk");
    house.put(5, "later.rpm");
    listed(&house, "one beside junk", |hrefs| hrefs.contains(&"later.rpm".to_owned()));
    stop(child);
    let left: Vec<String> = names(&house.dir()).into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_nobody_tells_of_is_seen_in_time() {
    let house = House::with(1);
    let hidden = house.world.path("hidden");
    fs::create_dir(&hidden).unwrap();
    let child = watch(&house, &["--watch-every", "200ms"]);
    // Two links: the kernel tells of a change to the directory's name, not of the one in the other's.
    std::os::unix::fs::symlink(house.world.path("late"), house.path("link")).unwrap();
    fs::rename(&hidden, house.world.path("late")).unwrap();
    fs::copy(house.package(1), house.world.path("late/x.rpm")).unwrap();
    listed(&house, "a package behind a link", |hrefs| hrefs.contains(&"link/x.rpm".to_owned()));
    stop(child);
}
