//! Do webhooks hear everything, in order and signed, whatever happens to them and to the service?

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::world::{Heard, Receiver, SOON, Service, Site, Store, eventually, free_port, peer, python};

const SECRET: &str = "c2VjcmV0IG9mIGNp";

/// A site with a webhook `ci`, and its receiver, which is down.
fn site(store: Store, topics: &str) -> (Site, Receiver) {
    let receiver = Receiver::new();
    let config = format!(
        "[[webhook]]\nname = \"ci\"\nurl = \"{}\"\nsecret_file = \"secret\"\ntopics = [\"{topics}\"]\n",
        receiver.url()
    );
    let site = Site::new(store, &config);
    site.world.write("secret", format!("# of ci\n{SECRET}\n"));
    (site, receiver)
}

/// Makes tags, each of which tells one message: its first, empty set.
fn tell(site: &Site, tags: &[&str]) {
    for tag in tags {
        site.run(&["tag", "create", tag, "--arch", "x86_64"]).ok();
    }
}

/// Returns the messages that were made, as the service shows them.
fn made(site: &Site) -> Vec<Value> {
    serde_json::from_str(&site.get("/api/v1/messages?limit=1000").text()).unwrap()
}

/// Returns the tags of the messages that were taken.
fn taken(receiver: &Receiver) -> Vec<String> {
    let heard = receiver.heard().into_iter().filter(|heard| heard.answer == 200);
    heard.map(|heard| body(&heard)["body"]["tag"].as_str().unwrap().to_owned()).collect()
}

fn body(heard: &Heard) -> Value {
    serde_json::from_slice(&heard.body).unwrap()
}

fn behind(site: &Site) -> i64 {
    site.json(&["webhook", "list"])[0]["behind"].as_i64().unwrap()
}

#[test]
fn each_message_is_posted_as_it_is_served_and_the_signature_holds() {
    let (site, mut receiver) = site(Store::Postgres, "tannery.tag.#");
    receiver.up();
    let service = site.serve();
    tell(&site, &["oak-1"]);
    eventually(SOON, "a message", || !receiver.heard().is_empty());
    let heard = receiver.heard().remove(0);
    assert_eq!(heard.target, "POST /hook");
    let served = made(&site).into_iter().find(|message| message["topic"] == "tannery.tag.changed").unwrap();
    assert_eq!(body(&heard), served);
    for (header, key) in [("tannery-message-id", "id"), ("tannery-topic", "topic"), ("tannery-cursor", "sequence")] {
        assert_eq!(heard.header(header), served[key].to_string().trim_matches('"'), "{header}");
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(heard.header("tannery-timestamp").as_bytes());
    mac.update(b".");
    mac.update(&heard.body);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(heard.header("tannery-signature"), format!("sha256={digits}"));
    eventually(SOON, "a message of another topic", || made(&site).len() > 1);
    eventually(SOON, "the end of the messages", || behind(&site) == 0);
    assert_eq!(taken(&receiver).len(), 1, "other topics are passed over");
    assert!(service.stop(SOON).success());
}

#[test]
fn a_receiver_that_was_down_gets_all_in_order_also_behind_a_killed_service() {
    let (site, mut receiver) = site(Store::Sqlite, "tannery.tag.changed");
    let service = site.serve();
    tell(&site, &["a", "b"]);
    service.says("did not take message", SOON);
    service.kill();
    tell(&site, &["c"]);
    receiver.up();
    receiver.answers(500);
    let service = site.serve();
    tell(&site, &["d"]);
    eventually(SOON, "a refused message", || receiver.heard().iter().any(|heard| heard.answer == 500));
    let status = site.json(&["status"]);
    let hook = &status["webhooks"][0];
    assert!(hook["failing_since"].is_string() && hook["behind"].as_i64().unwrap() >= 4, "{hook}");
    receiver.answers(302);
    eventually(SOON, "a redirect", || receiver.heard().iter().any(|heard| heard.answer == 302));
    receiver.answers(200);
    eventually(SOON, "four messages", || taken(&receiver).len() >= 4);
    assert_eq!(taken(&receiver), ["a", "b", "c", "d"]);
    assert!(receiver.heard().iter().all(|heard| heard.target == "POST /hook"), "no redirect was followed");
    let first = receiver.heard();
    let ids =
        first.iter().filter(|heard| body(heard)["body"]["tag"] == "a").map(|heard| heard.header("tannery-message-id"));
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 1, "one id, however often it is offered");
    assert!(service.stop(SOON).success());
    let service = site.serve();
    tell(&site, &["e"]);
    eventually(SOON, "the next message", || taken(&receiver).len() == 5);
    assert_eq!(taken(&receiver).last().unwrap(), "e", "a restart resumes");
    drop(service);
}

#[test]
fn one_that_does_not_answer_holds_up_no_other_and_a_replay_sends_again() {
    let (deaf, mut well) = (Receiver::new(), Receiver::new());
    well.up();
    let hook = |name: &str, receiver: &Receiver| {
        format!(
            "[[webhook]]\nname = \"{name}\"\nurl = \"{}\"\nsecret_file = \"secret\"\ntopics = [\"*.tag.*\"]\n",
            receiver.url()
        )
    };
    let site = Site::new(Store::Sqlite, &(hook("deaf", &deaf) + &hook("well", &well)));
    site.world.write("secret", SECRET);
    assert!(site.run(&["webhook", "list"]).ok().contains("begins behind the newest message"));
    let _service = site.serve();
    tell(&site, &["a", "b"]);
    eventually(SOON, "two messages", || taken(&well).len() >= 2 && site.json(&["webhook", "list"])[1]["behind"] == 0);
    let first: i64 = well.heard()[0].header("tannery-cursor").parse().unwrap();
    let printed = site.run(&["webhook", "replay", "well", "--from", &first.to_string()]).ok();
    assert_eq!(printed, format!("well gets again: all from {first} on\n"));
    let before = taken(&well);
    eventually(SOON, "the same again", || taken(&well).len() >= 2 * before.len());
    assert_eq!(taken(&well), [before.clone(), before].concat());
    let ids: Vec<String> = well.heard().iter().map(|heard| heard.header("tannery-message-id").to_owned()).collect();
    assert_eq!(ids[..ids.len() / 2], ids[ids.len() / 2..]);
    for (arguments, said) in [
        (["replay", "wel", "--parked"].as_slice(), "did you mean well?"),
        (&["replay", "well", "--from", "999999"], "has not come to 999999 yet"),
    ] {
        let ended = site.run(&[&["webhook"], arguments].concat());
        assert!(ended.status == 1 && ended.stderr.contains(said), "{}", ended.stderr);
    }
    assert_eq!(site.json(&["webhook", "list"])[0]["delivered"], 0);
}

#[test]
fn a_receiver_with_tls_is_trusted_by_the_authorities_that_are_named() {
    let (tls, port) = (peer("TLS"), free_port());
    let hook = |name: &str, more: &str| {
        format!(
            "[[webhook]]\nname = \"{name}\"\nurl = \"https://localhost:{port}/{name}\"\nsecret_file = \"secret\"\n\
             topics = [\"tannery.tag.*\"]\n{more}"
        )
    };
    let ca = format!("ca = \"{tls}/ca.pem\"\n");
    let site = Site::new(Store::Sqlite, &(hook("named", &ca) + &hook("strange", "")));
    site.world.write("secret", SECRET);
    let mut command = python("tls_receiver.py");
    let receiver = Service::start(command.arg(port.to_string()).arg(&tls), &site.world.path("receiver.log"));
    receiver.says("ready", SOON);
    let service = site.serve();
    tell(&site, &["a", "b"]);
    receiver.says("POST /named ", SOON);
    eventually(SOON, "both messages", || receiver.log().matches("POST /named ").count() == 2);
    service.says("the webhook strange did not take message", SOON);
    let problem = site.json(&["webhook", "list"])[1]["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("certificate") && !problem.contains("localhost"), "{problem}");
    assert!(!receiver.log().contains("POST /strange"));
}
