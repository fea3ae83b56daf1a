//! Does `tannery events tail` tell what comes in, and what becomes of it, as it happens?

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::world::{SOON, Site, Store, eventually, feed, tagging};

#[test]
fn messages_are_told_when_they_come_and_when_they_have_their_end() {
    let site = Site::new(Store::Sqlite, "");
    let distribution = site.world.distribution();
    site.run(&["tag", "create", "oak-1", "--arch", "x86_64"]).ok();
    let nvr = distribution.first_builds[0].to_string();
    let send = |message: &Value| feed(&mut site.world.tannery(&["events", "send", "-"]), &message.to_string()).ok();
    let (before, waiting) = (tagging("tag", "oak-1", &nvr, 1), tagging("tag", "oak-1", &nvr, 2));
    send(&before);
    let follow = |arguments: &[&str]| {
        let mut command = site.world.tannery(&[&["events", "tail"], arguments].concat());
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut child = follow(&["--last", "1", "--limit", "4", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let first = next();
    assert_eq!((&first["id"], first["state"].as_str()), (&before["id"], Some("waiting")));
    send(&waiting);
    let second = next();
    assert_eq!((&second["id"], second["state"].as_str()), (&waiting["id"], Some("waiting")));
    site.import(&distribution.first);
    let ends = [next(), next()];
    assert_eq!(ends.each_ref().map(|end| end["id"].clone()), [before["id"].clone(), waiting["id"].clone()]);
    assert!(ends.iter().all(|end| end["state"] == "applied"), "{ends:?}");
    assert!(child.wait().unwrap().success());

    let mut child = follow(&["--last", "0"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut third = 3;
    // It may begin after the first of these has come.
    let (heard, line) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || heard.send(lines.next().unwrap().unwrap()).unwrap());
    let mut said = None;
    eventually(SOON, "a line", || {
        send(&tagging("untag", "oak-1", &nvr, third));
        third += 1;
        said = line.try_recv().ok();
        said.is_some()
    });
    assert!(said.unwrap().contains("cli  applied      "));
    reader.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}
