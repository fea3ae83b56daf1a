//! What if the repositories outside change, go away, or are up to no good; or the service is killed?

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{MERGE, Rig};
use crate::world::hub::NewBuild;
use crate::world::{SOON, Store, eventually, run};

#[test]
fn what_changes_outside_is_merged_and_what_does_not_costs_one_question() {
    let rig = Rig::merged();
    rig.stands("current");
    let (before, generation) = (rig.outside.asked().len(), rig.generation());
    eventually(SOON, "some looks", || rig.outside.asked().len() > before + 3);
    let asked = rig.outside.asked().split_off(before);
    assert!(asked.iter().all(|one| one == "304 one/repodata/repomd.xml"), "{asked:?}");
    assert_eq!(rig.generation(), generation);
    rig.repository("one", &["gamma-2-1.x86_64", "delta-1-1.x86_64"]);
    rig.shows(&["alpha-1", "beta-1", "delta-1", "gamma-2"]);
    let told = rig.stands("current");
    let generations = told["generations"].as_array().unwrap();
    assert_eq!(generations[0]["why"], serde_json::json!(["external"]));
    assert_eq!(generations[1]["state"], "kept");
    // What readers of the one before may still ask for is there.
    let kept: Vec<_> =
        fs::read_dir(rig.dir().join("repodata")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(kept.iter().filter(|name| name.to_string_lossy().contains("-primary.xml")).count() >= 2, "{kept:?}");
    rig.koji.import(&NewBuild::new("alpha-2-1", &["x86_64"]));
    rig.koji.tag_build("base", "alpha-2-1");
    rig.shows(&["alpha-2", "beta-1", "delta-1", "gamma-2"]);
    assert_eq!(rig.stands("current")["generations"][0]["why"], serde_json::json!(["own"]));
    rig.koji.block_package("base", "delta");
    rig.shows(&["alpha-2", "beta-1", "gamma-2"]);
    assert_eq!(rig.messages().last().unwrap()["why"], serde_json::json!(["blocked"]));
}

#[test]
fn while_a_server_is_away_the_last_state_of_it_stays_and_own_changes_go_on() {
    let mut rig = Rig::merged();
    rig.outside.down();
    let told = rig.stands("stale");
    let trouble = told["troubles"][0]["problem"].as_str().unwrap();
    let name = format!("external repository one of tag build ({}) cannot be read: ", rig.outside.url("one"));
    assert!(trouble.starts_with(&name), "{trouble}");
    let metrics = rig.site.get("/metrics").text();
    assert!(metrics.contains("tannery_merged_stale{tag=\"build\",repo=\"x86_64-merged\"} 1\n"), "{metrics}");
    assert!(metrics.contains("tannery_external_up{url=") && metrics.contains("/one\"} 0\n"), "{metrics}");
    rig.koji.import(&NewBuild::new("beta-2-1", &["x86_64"]));
    rig.koji.tag_build("base", "beta-2-1");
    rig.shows(&["alpha-1", "beta-2", "gamma-1"]);
    let log = fs::read_to_string(rig.site.world.path("serve.log")).unwrap();
    assert_eq!(log.matches("cannot be read; what is merged of it stays").count(), 1, "told once");
    rig.repository("one", &["gamma-3-1.x86_64"]);
    rig.outside.up();
    rig.shows(&["alpha-1", "beta-2", "gamma-3"]);
    rig.stands("current");
}

#[test]
fn one_that_was_never_read_is_waited_for_and_told_of() {
    let mut rig = Rig::new(Store::Sqlite, MERGE);
    rig.koji.add_external_repo("build", "one", &rig.outside.url("one"), 5);
    rig.serve();
    eventually(SOON, "the own repository", || {
        rig.site.repository("build", "x86_64").join("repodata/repomd.xml").exists()
    });
    rig.troubled("the server answers with status 404");
    assert_eq!(
        (rig.told()["state"].as_str(), rig.dir().join("repodata/repomd.xml").exists()),
        (Some("missing"), false)
    );
    rig.repository("one", &["gamma-1-1.x86_64"]);
    rig.shows(&["alpha-1", "beta-1", "gamma-1"]);
    rig.stands("current");
}

#[test]
fn a_hub_cannot_have_us_read_what_it_should_not() {
    let mut rig = Rig::merged();
    // A repository of this machine, by a URL of the hub's and by a redirect.
    rig.repository("secret", &["secret-1-1.x86_64"]);
    let secret = format!("file://{}", fs::canonicalize(rig.site.world.path("outside/secret")).unwrap().display());
    rig.koji.add_external_repo("build", "local", &secret, 1);
    rig.troubled("external repository local of tag build cannot be merged");
    rig.troubled("lies in none of external_dirs");
    rig.koji.remove_external_repo("build", "local");
    rig.stands("current");

    rig.outside.tell(
        "redirect/repodata/repomd.xml",
        format!("HTTP/1.1 302 there\r\nlocation: {secret}/repodata/repomd.xml\r\ncontent-length: 0\r\n\r\n").as_bytes(),
    );
    rig.koji.add_external_repo("build", "redirect", &rig.outside.url("redirect"), 1);
    rig.troubled("external repository redirect of tag build");
    rig.troubled("the server answers with status 302");
    rig.koji.remove_external_repo("build", "redirect");
    rig.stands("current");

    let with_user = rig.outside.url("one").replace("http://", "http://me:hunter2@");
    rig.koji.add_external_repo("build", "with-user", &with_user, 1);
    rig.troubled("has a user or a password");
    assert!(!rig.told().to_string().contains("hunter2"));
    rig.koji.remove_external_repo("build", "with-user");
    rig.stands("current");

    rig.outside.tell("huge/repodata/repomd.xml", b"HTTP/1.1 200 yes\r\ncontent-length: 99999999999\r\n\r\n<repomd");
    rig.koji.add_external_repo("build", "huge", &rig.outside.url("huge"), 1);
    rig.troubled("it is larger than 4194304 bytes");
    rig.koji.remove_external_repo("build", "huge");
    rig.stands("current");

    // One whose files would come from elsewhere.
    rig.repository("elsewhere", &["gamma-1-1.x86_64"]);
    let repomd = rig.site.world.path("outside/elsewhere/repodata/repomd.xml");
    let text = fs::read_to_string(&repomd).unwrap();
    fs::write(&repomd, text.replace("<location href", &format!("<location xml:base=\"{secret}\" href"))).unwrap();
    rig.koji.add_external_repo("build", "elsewhere", &rig.outside.url("elsewhere"), 1);
    rig.troubled("lies elsewhere, below file://");
    rig.koji.remove_external_repo("build", "elsewhere");
    rig.stands("current");
    assert_eq!(rig.listed(&rig.dir()), ["alpha-1", "beta-1", "gamma-1"]);
    assert_eq!(rig.generation(), 1);

    // Where the operator lets it.
    let dirs = format!(
        "{MERGE}external_dirs = [\"{}\"]\n",
        fs::canonicalize(rig.site.world.path("outside")).unwrap().display()
    );
    rig.koji.add_external_repo("build", "local", &secret, 1);
    rig.serve_as(&dirs);
    rig.shows(&["alpha-1", "beta-1", "gamma-1", "secret-1"]);
}

#[test]
fn what_is_damaged_or_half_done_is_put_right_after_a_restart() {
    let mut rig = Rig::merged();
    let before = rig.told()["generations"][0]["repomd_sha256"].clone();
    rig.kill();
    // As a kill between the pointer and its row leaves it: another state is shown than any row says.
    let repodata = rig.dir().join("repodata");
    rig.repository("other", &["other-1-1.x86_64"]);
    fs::copy(rig.site.world.path("outside/other/repodata/repomd.xml"), repodata.join("repomd.xml")).unwrap();
    rig.serve();
    rig.shows(&["alpha-1", "beta-1", "gamma-1"]);
    assert_ne!(rig.stands("current")["generations"][0]["repomd_sha256"], before);
    rig.kill();
    for copy in walk(&rig.site.world.path("data/external")) {
        fs::write(copy, "damaged").unwrap();
    }
    fs::remove_file(repodata.join("repomd.xml")).unwrap();
    rig.serve();
    rig.shows(&["alpha-1", "beta-1", "gamma-1"]);
    rig.stands("current");
    rig.is_whole();
    for round in 2..7 {
        rig.repository("one", &[&format!("gamma-{round}-1.x86_64")]);
        // Killed at different moments of looking, copying and merging.
        std::thread::sleep(Duration::from_millis(300 * round % 1300));
        rig.kill();
        rig.serve();
    }
    rig.shows(&["alpha-1", "beta-1", "gamma-6"]);
    rig.stands("current");
    rig.is_whole();
}

/// Returns all files below a directory.
fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files.extend(walk(&entry)) } else { files.push(entry) }
    }
    files
}

#[test]
fn readers_see_one_whole_generation_while_it_is_replaced() {
    let rig = Rig::merged();
    let is_done = AtomicBool::new(false);
    let url = rig.site.url("/repos/build/x86_64-merged");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !is_done.load(Ordering::SeqCst) {
                let ended = run(&mut rig.site.world.tannery(&["repo", "check", &url]));
                assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
                reads += 1;
            }
            reads
        });
        for round in 2..8 {
            rig.koji.import(&NewBuild::new(&format!("alpha-{round}-1"), &["x86_64"]));
            rig.koji.tag_build("base", &format!("alpha-{round}-1"));
            rig.shows(&[&format!("alpha-{round}"), "beta-1", "gamma-1"]);
        }
        is_done.store(true, Ordering::SeqCst);
        assert!(reader.join().unwrap() >= 5);
    });
}
