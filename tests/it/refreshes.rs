//! Does a slow reader ever see a repository that is not whole? One over HTTP and one in the directory, while it
//! is refreshed a thousand times: what they read is gone from `repomd.xml` long before they are through.

use crate::world::{Chance, Readers, SOON, Site, Store, eventually, request, tagging};

const REFRESHES: u32 = 1000;
const TAG: &str = "oak-1";
const OLD: &str = "oak-hello-1.0-1.oak1";
/// Longest pause of a reader between two files, in milliseconds: several refreshes, and little beside how long
/// files are kept.
const PAUSE: u64 = 400;
/// The first second of the day that is used for what comes and goes.
const FIRST: u32 = 1000;
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn slow_readers_see_whole_repositories_through_a_thousand_refreshes() {
    let site = Site::new(Store::Sqlite, "[repos]\nquiet = \"0ms\"\nat_latest = \"0ms\"\nkeep_for = \"20s\"\n");
    let distribution = site.world.distribution();
    site.import(&distribution.first);
    site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
    let service = site.serve();
    let post = |action: &str, nvr: &str, second: u32| {
        let body = tagging(action, TAG, nvr, second).to_string();
        let answer = request(&site.address, "POST", "/api/v1/events", &JSON, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 202, "{}", answer.text());
    };
    for (nvr, second) in distribution.first_builds.iter().zip(1..) {
        post("tag", &nvr.to_string(), second);
    }
    assert_eq!(site.wait_repo(TAG, OLD, 60).status, 0);
    let seed = Chance::seed();
    println!("TANNERY_TEST_SEED={seed}");
    let pointer = || site.get(&format!("/repos/{TAG}/x86_64/repodata/repomd.xml")).body;
    let readers = Readers::start(&site, (TAG, "x86_64"), 20, PAUSE, seed);
    for refresh in 0..REFRESHES {
        let before = pointer();
        post(if refresh % 2 == 0 { "untag" } else { "tag" }, OLD, FIRST + refresh);
        eventually(SOON, "the next generation", || pointer() != before);
    }
    let (http, directory) = readers.seen();
    println!("over HTTP {http}, in the directory {directory}");
    // What was excused was a server that went away, which this one did not.
    assert_eq!(http["excused"], 0, "{http}");
    assert!(service.stop(SOON).success());
}
