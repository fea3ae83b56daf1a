//! Is the fake hub like a real one? Calls that were recorded are sent to it, and its messages held against recorded ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Rig;
use crate::world::hub::{Message, NewBuild, wire};
use crate::world::{request, run};

/// Another signature than the hub's own by the same key.
pub fn other_packet() -> Vec<u8> {
    let mut packet = crate::world::hub::unverifiable("83b0d6df");
    // Another number.
    *packet.last_mut().unwrap() = 0xfe;
    packet
}

/// The kinds of a value: of an array, those that its elements have together; nil is of any kind.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Any,
    Is(&'static str),
    Array(Box<Shape>),
    Struct(BTreeMap<String, Shape>),
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::Null => Shape::Any,
        Value::Bool(_) => Shape::Is("boolean"),
        Value::Number(number) if number.is_i64() => Shape::Is("int"),
        Value::Number(_) => Shape::Is("double"),
        Value::String(_) => Shape::Is("string"),
        Value::Array(values) => {
            let shapes = values.iter().map(shape).fold(Shape::Any, joined);
            Shape::Array(Box::new(shapes))
        }
        Value::Object(members) => {
            Shape::Struct(members.iter().map(|(name, value)| (name.clone(), shape(value))).collect())
        }
    }
}

/// Joins the shapes of two elements of one array, which have to be alike unless they are lists of one value or two.
fn joined(one: Shape, other: Shape) -> Shape {
    match (one, other) {
        (Shape::Any, shape) | (shape, Shape::Any) => shape,
        (Shape::Struct(mut one), Shape::Struct(other)) => {
            for (name, shape) in other {
                let known = one.remove(&name).unwrap_or(Shape::Any);
                one.insert(name, joined(known, shape));
            }
            Shape::Struct(one)
        }
        (Shape::Array(one), Shape::Array(other)) => Shape::Array(Box::new(joined(*one, *other))),
        (one, _) => one,
    }
}

/// Returns where two shapes differ; nil, and an array without elements, are like anything.
fn difference(at: &str, real: &Shape, fake: &Shape) -> Vec<String> {
    match (real, fake) {
        (Shape::Any, _) | (_, Shape::Any) => Vec::new(),
        (Shape::Array(real), Shape::Array(fake)) => difference(&format!("{at}[]"), real, fake),
        (Shape::Struct(real), Shape::Struct(fake)) => {
            let names: BTreeSet<&String> = real.keys().chain(fake.keys()).collect();
            let mut found = Vec::new();
            for name in names {
                match (real.get(name), fake.get(name)) {
                    (Some(real), Some(fake)) => found.extend(difference(&format!("{at}.{name}"), real, fake)),
                    (Some(_), None) => found.push(format!("{at}.{name} is missing")),
                    _ => found.push(format!("{at}.{name} is not of a real hub")),
                }
            }
            found
        }
        (real, fake) if real == fake => Vec::new(),
        (real, fake) => vec![format!("{at} is {fake:?}, and {real:?} of a real hub")],
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Makes what the recorded calls ask about.
fn recorded_state(rig: &Rig) {
    let koji = &rig.koji;
    let tags = ["f43", "f43-updates", "f43-updates-candidate", "f43-updates-testing", "f43-override", "f43-build"];
    for tag in tags {
        koji.create_tag(tag, Some("x86_64 aarch64"));
    }
    koji.inherit("f43-updates", &["f43"]);
    koji.inherit("f43-updates-candidate", &["f43-updates"]);
    koji.inherit("f43-override", &["f43-updates"]);
    koji.inherit("f43-build", &["f43-override"]);
    let builds = ["alpha-1.0-1.fc43", "alpha-1.1-1.fc43", "alpha-2.0-1.fc43", "beta-2.0-1.fc43", "beta-2.0-2.fc43"];
    for nvr in builds {
        koji.build(nvr, &["x86_64", "aarch64"]);
    }
    koji.import(&NewBuild::new("delta-2.0-1.fc43", &["x86_64", "aarch64"]).epoch(2));
    for package in ["alpha", "beta", "delta"] {
        koji.add_package("f43", package);
    }
    for nvr in builds.iter().chain(&["delta-2.0-1.fc43"]) {
        koji.tag_build("f43", nvr);
    }
    koji.tag_build("f43-updates", "alpha-1.1-1.fc43");
    koji.block_package("f43-updates", "beta");
    for nvr in builds {
        koji.sign(nvr, "83b0d6df");
        koji.write_signed(nvr, "83b0d6df");
    }
    // The recorded calls name events up to 40.
    while koji.last_event() < 41 {
        koji.set_extra("f43-updates-testing", "sync", None);
    }
    koji.tag_build("f43", "alpha-1.0-1.fc43");
    koji.untag_build("f43", "alpha-1.0-1.fc43");
}

#[test]
fn the_fake_answers_in_the_shape_of_a_real_hub() {
    let rig = Rig::new();
    recorded_state(&rig);
    let address = rig.koji.url().replace("http://", "").replace("/kojihub", "");
    // Calls that nobody here asks. The hub is never made to reckon checksums.
    let others = ["getAPIVersion", "getKojiVersion", "getRPM", "getRPMHeaders", "getBuildConfig", "listBuilds"];
    let different = ["getFullInheritance", "getRPMChecksums", "tagBuild"];
    let mut compared = 0;
    for sample in lines(include_str!("../../data/koji/xmlrpc.jsonl")) {
        let method = sample["method"].as_str().unwrap();
        if others.contains(&method) || different.contains(&method) || sample["status"] != 200 {
            continue;
        }
        let body = sample["request"].as_str().unwrap();
        let answer = request(&address, "POST", "/kojihub", &[("content-type", "text/xml")], body.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml")));
        let [real, fake] =
            [sample["reply"].as_str().unwrap(), &answer.text()].map(|text| wire::read_answer(text).unwrap());
        let found = difference(method, &shape(&real), &shape(&fake));
        assert!(found.is_empty(), "{body}\n{}", found.join("\n"));
        assert_eq!(real["faultCode"], fake["faultCode"], "{body}");
        assert!(!fake.as_array().is_some_and(Vec::is_empty) || real == json!([]), "nothing is answered to\n{body}");
        compared += 1;
    }
    assert_eq!(compared, 20);
    assert_eq!(request(&address, "POST", "/kojihub", &[], b"<x").unwrap().status, 400);
}

#[test]
fn the_fake_says_on_the_bus_what_the_plugin_says() {
    let rig = Rig::new();
    recorded_state(&rig);
    let koji = &rig.koji;
    let mut said: Vec<Message> = koji.add_package("f43-override", "alpha");
    said.extend(koji.block_package("f43-override", "alpha"));
    said.extend(koji.unblock_package("f43-override", "alpha"));
    said.extend(koji.remove_package("f43-override", "alpha"));
    said.extend(koji.move_build("f43-updates", "f43", "alpha-1.1-1.fc43"));
    said.extend(koji.new_repo("f43", false));
    let (_, imported) = koji.import(&NewBuild::new("alpha-3.0-1", &[]).draft());
    said.extend(imported);
    let draft = format!("alpha-3.0-1,draft_{}", 7);
    said.extend(koji.sign(&draft, "83b0d6df"));
    said.extend(koji.promote(&draft));
    said.extend(koji.delete_build("alpha-3.0-1"));
    let topics: Vec<&str> = said.iter().map(|message| message.topic).collect();
    assert_eq!(topics[4..8], ["buildsys.untag", "buildsys.tag", "buildsys.repo.init", "buildsys.repo.done"]);
    let recorded = lines(include_str!("../../data/koji/messages.jsonl"));
    for message in said {
        let action = &message.body["action"];
        let real = recorded.iter().find(|real| {
            let topic = real["routing_key"].as_str().unwrap();
            topic.ends_with(&format!(".{}", message.topic)) && real["body"]["action"] == *action
        });
        let real = &real.unwrap_or_else(|| panic!("{} {action} was never recorded", message.topic))["body"];
        let found = difference(message.topic, &shape(real), &shape(&message.body));
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn the_volume_has_real_packages_signed_ones_and_links() {
    let rig = Rig::new();
    let koji = &rig.koji;
    koji.import(&NewBuild::new("alpha-1.0-1.fc43", &["x86_64"]).rpm("alpha-doc", "noarch").epoch(3));
    let dir = koji.volume().join("packages/alpha/1.0/1.fc43");
    let query = |file: &Path| {
        let format = "%{name} %{epoch} %{arch} %{sourcerpm} %{sigmd5} %{siggpg:pgpsig} %{rsaheader:pgpsig}\n";
        let mut command = Command::new("rpm");
        let asked = run(command.args(["-qp", "--nosignature", "--qf", format]).arg(file));
        asked.ok()
    };
    for (arch, file, source) in [
        ("src", "alpha-1.0-1.fc43.src.rpm", "(none)"),
        ("x86_64", "alpha-1.0-1.fc43.x86_64.rpm", "alpha-1.0-1.fc43.src.rpm"),
        ("noarch", "alpha-doc-1.0-1.fc43.noarch.rpm", "alpha-1.0-1.fc43.src.rpm"),
    ] {
        let said = query(&dir.join(arch).join(file));
        assert!(said.contains(" 3 ") && said.contains(source), "{said}");
        let mut command = Command::new("rpm");
        let checked = run(command.args(["-K", "--nosignature"]).arg(dir.join(arch).join(file))).ok();
        assert!(checked.contains("digests OK"), "{checked}");
    }
    koji.sign("alpha-1.0-1.fc43", "83b0d6df");
    let copy = dir.join("data/signed/83b0d6df/x86_64/alpha-1.0-1.fc43.x86_64.rpm");
    assert!(!copy.exists() && dir.join("data/sigcache/83b0d6df/x86_64/alpha-1.0-1.fc43.x86_64.rpm.sig").exists());
    koji.write_signed("alpha-1.0-1.fc43", "83b0d6df");
    let (plain, signed) = (query(&dir.join("x86_64/alpha-1.0-1.fc43.x86_64.rpm")), query(&copy));
    assert!(signed.contains("83b0d6df"), "{signed}");
    let md5 = |text: &str| text.split(' ').nth(4).unwrap().to_owned();
    assert_eq!(md5(&plain), md5(&signed));
    koji.change_volume("alpha-1.0-1.fc43", "archive");
    assert!(dir.is_symlink() && copy.exists());
    assert!(koji.volume().join("vol/archive/packages/alpha/1.0/1.fc43/src").is_dir());
    koji.change_volume("alpha-1.0-1.fc43", "DEFAULT");
    assert!(!dir.is_symlink() && copy.exists());
    koji.prune_signed("alpha-1.0-1.fc43", "83b0d6df");
    assert!(!copy.exists());
    koji.write_signed("alpha-1.0-1.fc43", "83b0d6df");
    koji.remove_signature("alpha-1.0-1.fc43", "83b0d6df");
    assert!(!copy.exists());
    koji.delete_build("alpha-1.0-1.fc43");
    assert!(!dir.exists());
}
