//! Do consumers in Python get our messages as the classes of `clients/python/tannery-messages`, and does nobody
//! without it miss them?

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::world::{Broker, Consumer, SOON, Site, Store, World, eventually, peer, run};

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python/tannery-messages")
}

fn python() -> Command {
    let mut command = Command::new(peer("PYTHON"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Installs the package as pip does, into a directory of this world.
fn installed(world: &World) -> PathBuf {
    let site = world.path("site-packages");
    let pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"];
    run(python().args(pip).args(["--no-build-isolation", "--no-deps", "--target"]).arg(&site).arg(package())).ok();
    site
}

#[test]
fn the_package_holds_its_own_tests_as_it_is_installed() {
    let world = World::new();
    let site = installed(&world);
    let tests = ["-m", "unittest", "discover", "-s", "tests"];
    let ended = run(python().args(tests).current_dir(package()).env("PYTHONPATH", &site));
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    // The verdict of `unittest` goes to standard error.
    assert!(!ended.stderr.contains("Ran 0 tests") && ended.stderr.contains("\nOK"), "{}", ended.stderr);
}

#[test]
fn a_stock_consumer_gets_our_classes_with_the_package_and_plain_messages_without() {
    let broker = Broker::new();
    let config = format!("[bus]\nurl = \"{}\"\ntopic_prefix = \"org.example.prod\"\n", broker.url());
    let site = Site::new(Store::Sqlite, &format!("{config}[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\n"));
    let distribution = site.world.distribution();
    site.import(&distribution.first);
    let packages = installed(&site.world);
    let (url, key) = (broker.url(), "org.example.prod.tannery.#");
    let arguments = ["--messages", "2", "--timeout", "120", &url, key];
    let mut with = Consumer::with_packages(&packages, &arguments);
    let mut without = Consumer::new(&arguments);
    let service = site.serve();
    let build = distribution.first_builds[0].to_string();
    let package = build.rsplitn(3, '-').nth(2).unwrap().to_owned();
    site.run(&["tag", "create", "oak-1", "--arch", "x86_64"]).ok();
    let changed = with.next().unwrap();
    assert_eq!(changed["class"], "tannery_messages.tag.ChangedV1");
    assert_eq!(changed["topic"], "org.example.prod.tannery.tag.changed");
    assert_eq!(changed["summary"], "oak-1 is at revision 1: 0 builds came, 0 went");
    let published = with.next().unwrap();
    assert_eq!(published["class"], "tannery_messages.repo.PublishedV1");
    assert_eq!((with.ended(), published["packages"].clone()), (Some(0), json!([])));

    let plain = without.next().unwrap();
    assert_eq!((&plain["class"], &plain["body"]), (&json!("fedora_messaging.message.Message"), &changed["body"]));
    assert_eq!(plain["headers"]["fedora_messaging_schema"], "tannery_messages.tag.ChangedV1");
    assert_eq!(plain["headers"]["fedora_messaging_schema_package"], "tannery_messages");
    assert!(without.next().is_some());
    assert_eq!(without.ended(), Some(0));

    let mut with = Consumer::with_packages(&packages, &["--timeout", "120", &url, "#.tannery.tag.changed"]);
    site.run(&["tag", "add", "oak-1", &build]).ok();
    let changed = with.next().unwrap();
    assert_eq!(changed["packages"], json!([package]));
    // What fedora-messaging's own client would set for a message of this class.
    assert_eq!(changed["headers"][format!("fedora_messaging_rpm_{package}")], true);
    assert_eq!((&changed["severity"], &changed["headers"]["priority"]), (&json!(20), &json!(0)));
    eventually(SOON, "all messages sent", || site.json(&["status"])["outbox"]["pending"].is_null());
    assert!(service.stop(SOON).success());
}
