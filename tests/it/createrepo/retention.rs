//! What stays of older metadata?

use super::{House, names, touch};

/// Returns the names of the primaries that lie in `repodata/` of one side.
fn primaries(house: &House, side: &str) -> Vec<String> {
    names(&house.world.path(side).join("repodata")).into_iter().filter(|name| name.contains("primary.xml")).collect()
}

/// Changes one package's time and runs with these arguments.
fn change(house: &House, round: u64, arguments: &[&str]) {
    touch(&house.path(house.file_name(0)), 1_500_000_000 + round);
    house.compare(arguments);
}

#[test]
fn files_of_a_replaced_repomd_stay_a_while() {
    // Better than createrepo_c, whose readers find files gone that they were told of.
    let house = House::with(2);
    house.compare(&[]);
    let first = primaries(&house, "ours");
    change(&house, 1, &[]);
    assert_eq!((primaries(&house, "ours").len(), primaries(&house, "theirs").len()), (2, 1));
    assert!(primaries(&house, "ours").contains(&first[0]));
    let house_dir = house.dir().display().to_string();
    let out = house.world.path("ours").display().to_string();
    house.ours(&["--keep-for", "0s", "-o", &out, &house_dir]).ok();
    assert_eq!(primaries(&house, "ours").len(), 1);
    let left = names(&house.world.path("ours/repodata"));
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn old_files_are_retained_as_createrepo_c_does_where_it_is_asked_for() {
    // 72.
    let house = House::with(2);
    house.compare(&[]);
    for side in ["ours", "theirs"] {
        house.world.write(&format!("{side}/repodata/foreign.txt"), "foreign");
    }
    change(&house, 1, &["--retain-old-md", "0"]);
    assert_eq!((primaries(&house, "ours").len(), primaries(&house, "theirs").len()), (1, 1));
    change(&house, 2, &["--retain-old-md", "5"]);
    change(&house, 3, &["--retain-old-md", "5"]);
    assert_eq!((primaries(&house, "ours").len(), primaries(&house, "theirs").len()), (3, 3));
    for side in ["ours", "theirs"] {
        let repodata = house.world.path(side).join("repodata");
        assert!(repodata.join("foreign.txt").exists());
        for name in names(&repodata) {
            touch(&repodata.join(name), 1_500_000_000);
        }
    }
    change(&house, 4, &["--retain-old-md-by-age", "2h"]);
    for side in ["ours", "theirs"] {
        assert_eq!(primaries(&house, side).len(), 1, "{side}");
        assert!(!house.world.path(side).join("repodata/foreign.txt").exists());
    }
    let both = house.both(&["--retain-old-md", "1", "--retain-old-md-by-age", "2h"]);
    assert_eq!((both.ours.status, both.theirs.status), (1, 1));
    let both = house.both(&["--retain-old-md-by-age", "foo"]);
    assert_eq!((both.ours.status, both.theirs.status), (1, 1));
}

#[test]
fn so_many_of_each_are_retained_for_compatibility() {
    let house = House::with(2);
    let arguments = ["--compatibility", "--no-database", "--retain-old-md", "2"];
    for round in 0..5 {
        change(&house, round, &arguments);
        for side in ["ours", "theirs"] {
            for name in primaries(&house, side) {
                // Files of one second are of one age: each round is older than the next.
                let path = house.world.path(side).join("repodata").join(&name);
                let age = std::fs::metadata(&path).unwrap().modified().unwrap();
                let seconds = age.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
                touch(&path, seconds - 10);
            }
        }
    }
    assert_eq!((primaries(&house, "ours").len(), primaries(&house, "theirs").len()), (3, 3));
}
