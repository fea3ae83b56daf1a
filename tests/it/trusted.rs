//! Does only that come into a set which a key signed that one trusts? The service over its own builds, RPMs signed by
//! rpmsign with keys of gpg.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tannery::demo::packages::Distribution;

use crate::verified::last_of_signature;
use crate::world::{SOON, Service, Signer, Site, Store, eventually, packages_in, run};

const OLD: &str = "oak-hello-1.0-1.oak1";
const NEW: &str = "oak-hello-1.0-2.oak1";

/// Each is followed by a rule of its own: signatures count, count where there are any, do not count.
const TAGS: [&str; 3] = ["required", "preferred", "off"];

/// A site whose keys are `keys.asc`, with our key in it.
struct Rig {
    site: Site,
    distribution: Distribution,
    ours: Signer,
    other: Signer,
    config: String,
}

impl Rig {
    /// Makes the tags; copies signed by the other key are the better ones.
    fn new() -> Self {
        let site = Site::new(Store::Sqlite, "");
        let distribution = site.world.distribution();
        let (ours, other) = (Signer::new(&site.world, "ours", "rsa2048"), Signer::new(&site.world, "other", "rsa2048"));
        site.world.write("keys.asc", ours.public());
        let mut config = "[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\n".to_owned();
        let sigkeys = [other.sigkey(), ours.sigkey()];
        for tag in TAGS {
            let keys = if tag == "off" { "" } else { "keys_file = \"keys.asc\"\n" };
            let rule = format!("sigkeys = {sigkeys:?}\nunsigned = true\nverify = \"{tag}\"\n{keys}");
            config += &format!("[[follow]]\ntags = [\"{tag}\"]\n{rule}");
        }
        site.start_as(&config).kill();
        for tag in TAGS {
            site.run(&["tag", "create", tag, "--arch", "x86_64"]).ok();
        }
        Self { site, distribution, ours, other, config }
    }

    fn serve(&self) -> Service {
        self.site.serve_as(&self.config)
    }

    /// Returns the RPMs of a build, as they were built.
    fn rpms(&self, nvr: &str) -> Vec<PathBuf> {
        let release = nvr.strip_prefix("oak-hello").unwrap();
        let is_of_it = |path: &&PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("oak-hello") && name.contains(&format!("{release}."))
        };
        let all = self.distribution.first.iter().chain(&self.distribution.update);
        all.filter(is_of_it).cloned().collect()
    }

    /// Tags a build into all tags.
    fn tag(&self, nvr: &str) {
        for tag in TAGS {
            self.site.run(&["tag", "add", tag, nvr]).ok();
        }
    }

    /// Waits until the repository of a tag has just these files of the package.
    fn shows(&self, tag: &str, files: &[PathBuf]) {
        let sums = run(Command::new("sha256sum").args(files.iter().filter(is_binary))).ok();
        let mut right: Vec<&str> = sums.lines().filter_map(|line| line.split(' ').next()).collect();
        right.sort_unstable();
        let repository = self.site.repository(tag, "x86_64");
        let mut shown = Vec::new();
        eventually(SOON, &format!("{tag} with {files:?}"), || {
            if repository.join("repodata/repomd.xml").exists() {
                shown = packages_in(&repository).into_values().collect();
                shown.sort_unstable();
            }
            shown == right
        });
    }

    fn explained(&self, tag: &str) -> Value {
        self.site.json(&["tag", "explain", tag, "oak-hello"])
    }

    /// Waits until a build is held for its signature; gives the reason.
    fn is_held(&self, tag: &str, nvr: &str) -> String {
        let ended = self.site.wait_repo(tag, nvr, 60);
        assert_eq!(ended.status, 4, "{ended:?}");
        let explained = self.explained(tag);
        let taggings = explained["taggings"].as_array().unwrap();
        let held = taggings.iter().find(|tagging| tagging["nvr"] == nvr).unwrap();
        assert_eq!(held["verdict"], "held", "{explained:#}");
        held["reason"].as_str().unwrap().to_owned()
    }

    /// Returns why files that are in the set of a tag do not verify.
    fn unverified(&self, tag: &str) -> Vec<String> {
        let explained = self.explained(tag);
        let unverified = explained["set"]["builds"][0]["unverified"].as_array().unwrap();
        unverified.iter().map(|one| one["why"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns how often the service has said this.
    fn said(&self, text: &str) -> usize {
        fs::read_to_string(self.site.world.path("serve.log")).unwrap_or_default().matches(text).count()
    }
}

fn is_binary(file: &&PathBuf) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    !name.ends_with(".src.rpm") && !name.contains("-debug")
}

#[test]
fn what_no_trusted_key_signed_is_held_or_shown_as_the_rule_says() {
    let rig = Rig::new();
    let old = rig.ours.copies(&rig.site.world, &rig.rpms(OLD));
    rig.site.import(&old);
    rig.tag(OLD);
    let _service = rig.serve();
    TAGS.iter().for_each(|tag| rig.shows(tag, &old));
    assert!(rig.unverified("preferred").is_empty());

    let unsigned = rig.rpms(NEW);
    rig.site.import(&unsigned);
    rig.tag(NEW);
    rig.shows("off", &unsigned);
    rig.shows("preferred", &unsigned);
    assert!(rig.is_held("required", NEW).ends_with("does not verify: its header is not signed"));
    assert_eq!(rig.unverified("preferred"), vec!["its header is not signed"; unsigned.len()]);
    assert!(rig.unverified("off").is_empty(), "nobody asks there");

    let by_other = rig.other.copies(&rig.site.world, &rig.rpms(NEW));
    rig.site.import(&by_other);
    rig.shows("off", &by_other);
    rig.shows("preferred", &by_other);
    let reason = rig.is_held("required", NEW);
    assert!(reason.starts_with("signature: ") && reason.contains("none of the keys made it"), "{reason}");
    rig.shows("required", &old);

    let by_ours = rig.ours.copies(&rig.site.world, &rig.rpms(NEW));
    rig.site.import(&by_ours);
    rig.shows("required", &by_ours);
    rig.shows("preferred", &by_ours);
    assert!(rig.unverified("preferred").is_empty());
    rig.shows("off", &by_other);
}

#[test]
fn a_signature_that_was_forged_holds_a_build_and_is_judged_once() {
    let rig = Rig::new();
    let (old, new) =
        (rig.ours.copies(&rig.site.world, &rig.rpms(OLD)), rig.ours.copies(&rig.site.world, &rig.rpms(NEW)));
    let mut bytes = fs::read(&new[0]).unwrap();
    let last = last_of_signature(&bytes);
    bytes[last] ^= 1;
    fs::write(&new[0], bytes).unwrap();
    rig.site.import(&[old.clone(), new.clone()].concat());
    rig.tag(OLD);
    rig.tag(NEW);
    let service = rig.serve();
    rig.shows("required", &old);
    rig.shows("preferred", &new);
    let bad = "does not verify: it is bad: it was made for another header";
    assert!(rig.is_held("required", NEW).ends_with(bad));
    assert_eq!((rig.unverified("preferred").len(), rig.said(bad)), (1, 1));

    service.stop(SOON);
    let _service = rig.serve();
    assert!(rig.is_held("required", NEW).ends_with(bad));
    rig.shows("required", &old);
    assert_eq!(rig.said(bad), 1, "what was found out outlives the service");
}

#[test]
fn other_keys_make_other_sets_and_the_old_one_is_served_meanwhile() {
    let rig = Rig::new();
    let (old, new) =
        (rig.ours.copies(&rig.site.world, &rig.rpms(OLD)), rig.other.copies(&rig.site.world, &rig.rpms(NEW)));
    rig.site.import(&[old.clone(), new.clone()].concat());
    rig.tag(OLD);
    rig.tag(NEW);
    let service = rig.serve();
    rig.shows("required", &old);
    rig.is_held("required", NEW);
    service.stop(SOON);
    rig.site.world.write("keys.asc", rig.other.public());
    let service = rig.serve();
    rig.shows("required", &new);
    service.stop(SOON);
    rig.site.world.write("keys.asc", rig.other.public() + &rig.ours.public());
    let _service = rig.serve();
    rig.shows("required", &new);
    let messages = rig.site.run(&["messages"]).ok();
    let of_tag = |message: &Value| message["topic"] == "tannery.tag.changed" && message["body"]["tag"] == "required";
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let builds: Vec<Value> = messages.filter(of_tag).map(|message| message["body"]["packages"].clone()).collect();
    assert_eq!(builds, [1, 1], "one set by each file of keys, and none that lacks the package");
    assert!(rig.unverified("required").is_empty());
}

#[test]
fn without_gpgv_or_keys_the_service_does_not_start() {
    let rig = Rig::new();
    let check = |path: Option<&str>| {
        let mut command = rig.site.world.tannery(&["config", "check"]);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        run(&mut command)
    };
    check(None).ok();
    let refused = check(Some("/nonexistent"));
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("gpgv cannot be asked: cannot start gpgv: "), "{}", refused.stderr);
    rig.site.world.write("keys.asc", "no keys");
    let refused = check(None);
    assert!(
        refused.stderr.contains("keys.asc holds no OpenPGP keys: there is no armoured block"),
        "{}",
        refused.stderr
    );
    let service = rig.site.start_as(&rig.config);
    service.says("keys.asc holds no OpenPGP keys", SOON);
    assert!(!service.wait(SOON).success());
}
