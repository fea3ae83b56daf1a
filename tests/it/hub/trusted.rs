//! Is what a hub says of a signature believed? Where it counts, the file itself is held against the keys.

use std::fmt::Write as _;

use super::{By, Rig, config};
use crate::world::hub::NewBuild;
use crate::world::{SOON, Signer, eventually};

/// Returns a signature by `real` that names another key as its maker.
fn in_the_name_of(named: &Signer, real: &Signer, bytes: &[u8]) -> Vec<u8> {
    let raw = |signer: &Signer| {
        let hex = signer.fingerprint();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>()
    };
    let (named, own) = (raw(named), raw(real));
    let mut packet = real.packet(bytes);
    // The whole fingerprint, and its end as the key's id.
    for length in [20, 8] {
        let (old, new) = (&own[20 - length..], &named[20 - length..]);
        let places: Vec<usize> = (0..packet.len() - length).filter(|at| packet[*at..].starts_with(old)).collect();
        places.into_iter().for_each(|at| packet[at..at + length].copy_from_slice(new));
    }
    packet
}

#[test]
fn a_copy_that_another_key_signed_is_held_until_the_right_one_comes() {
    let rig = Rig::prepared(By::Probes, "");
    let world = &rig.site.world;
    let (ours, other) = (Signer::new(world, "ours", "rsa2048"), Signer::new(world, "other", "rsa2048"));
    let (key, koji) = (ours.sigkey(), &rig.koji);
    world.write("keys.asc", ours.public());
    koji.create_tag("trusted", Some("x86_64"));
    koji.add_package("trusted", "gamma");
    koji.sign_with("gamma-1-1", &key, |header| ours.packet(header));
    koji.write_signed("gamma-1-1", &key);
    koji.tag_build("trusted", "gamma-1-1");
    let mut text = config(By::Probes, koji, &rig.broker, "");
    let rule = format!("sigkeys = [\"{key}\"]\nverify = \"required\"\nkeys_file = \"keys.asc\"\n");
    let _ = write!(text, "[[follow]]\ntags = [\"trusted\"]\n{rule}");
    *rig.service.borrow_mut() = Some(rig.site.serve_as(&text));
    let right = |what: &str| {
        eventually(SOON, what, || rig.shown("trusted") == koji.right_files("trusted", &[key.as_str()]));
    };
    right("what we signed");

    koji.import(&NewBuild::new("gamma-2-1", &["x86_64"]));
    koji.sign_with("gamma-2-1", &key, |header| in_the_name_of(&ours, &other, header));
    koji.write_signed("gamma-2-1", &key);
    let before = rig.shown("trusted");
    koji.tag_build("trusted", "gamma-2-1");
    let mut reason = String::new();
    eventually(SOON, "what is held", || {
        let explained = rig.site.json(&["tag", "explain", "trusted", "gamma"]);
        let taggings = explained["taggings"].as_array().unwrap();
        let newest = taggings.iter().find(|tagging| tagging["nvr"] == "gamma-2-1");
        reason = newest.and_then(|newest| newest["reason"].as_str()).unwrap_or_default().to_owned();
        reason.contains("does not verify")
    });
    assert!(reason.starts_with("signature: gamma-0:2-1.") && reason.ends_with("made for another header"), "{reason}");
    assert_eq!(rig.shown("trusted"), before, "the one before it stays");

    koji.sign_with("gamma-2-1", &key, |header| ours.packet(header));
    koji.write_signed("gamma-2-1", &key);
    right("what was signed again");
    assert_ne!(rig.shown("trusted"), before);
}
