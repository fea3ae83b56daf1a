//! Do the checkers see what is broken? What the stories trust is tried here on damage made for it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::world::{Ended, World, eventually, python, run};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_reader_sees_every_damage_in_a_directory() {
    let world = World::new();
    world.sample("repository");
    let base = world.path("repository");
    let read = || summary(run(python("read_repo.py").args(["--reads", "9", "--max-seconds", "20"]).arg(&base)));
    let (status, whole) = read();
    assert_eq!((status, &whole["reads"], &whole["packages"]), (0, &9.into(), &3.into()), "{whole}");
    for kind in ["-primary.xml.zst", "-filelists.xml.zst", "-other.xml.zst", ".src.rpm"] {
        let file = file_ending(&base, kind);
        let bytes = fs::read(&file).unwrap();
        let mut flipped = bytes.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in [&flipped, &bytes[..bytes.len() - 1], &[]] {
            fs::write(&file, damaged).unwrap();
            let (status, broken) = read();
            assert_eq!(status, 1, "{kind}: {broken}");
            assert_eq!(broken["excused"], 0, "{kind}: {broken}");
        }
        fs::write(&file, bytes).unwrap();
    }
    fs::remove_file(file_ending(&base, "-data-1.0-1.noarch.rpm")).unwrap();
    assert_eq!(read().0, 1);
}

#[test]
fn a_reader_over_http_excuses_a_dead_server_and_nothing_else() {
    let world = World::new();
    world.sample("repository");
    let (server, address) = world.static_server("repository");
    let until = world.path("until");
    let mut command = python("read_repo.py");
    command.args(["--max-seconds", "60", "--until"]).arg(&until).arg(format!("http://{address}"));
    let reader = command.stdout(Stdio::piped()).spawn().unwrap();
    // A second read has begun, so the first was whole.
    let begun = || server.log().matches("GET /repodata/repomd.xml").count();
    eventually(SOON, "a second read", || begun() > 1);
    server.kill();
    // The reader comes back to where nobody is; here it is let in once, and left without an answer.
    let listener = TcpListener::bind(&address).unwrap();
    drop(listener.accept().unwrap());
    drop(listener);
    fs::write(&until, "").unwrap();
    let (status, seen) = summary(reader.wait_with_output().unwrap().into());
    assert_eq!(status, 0, "{seen}");
    assert!(seen["excused"].as_u64().unwrap() > 0, "{seen}");

    let (_server, address) = world.static_server("repository");
    fs::remove_file(file_ending(&world.path("repository"), "-other.xml.zst")).unwrap();
    let (status, broken) = summary(run(python("read_repo.py").arg(format!("http://{address}"))));
    assert_eq!((status, &broken["excused"]), (1, &0.into()), "{broken}");
}

#[test]
fn a_signature_tells_bytes_apart_and_not_revisions() {
    let world = World::new();
    world.sample("repository");
    let repomd = world.path("repository/repodata/repomd.xml");
    let signature = || run(python("repo_signature.py").arg(world.path("repository"))).ok();
    let first = signature();
    let text = fs::read_to_string(&repomd).unwrap();
    fs::write(&repomd, text.replace("<revision>", "<revision>9").replace("<timestamp>", "<timestamp>9")).unwrap();
    assert_eq!(signature(), first);
    fs::write(&repomd, text.replace("<size>", "<size>9")).unwrap();
    assert_ne!(signature(), first);
    fs::write(&repomd, text).unwrap();
    fs::write(file_ending(&world.path("repository"), "-other.xml.zst"), "other").unwrap();
    assert_ne!(signature(), first);
}

#[test]
fn a_compose_that_differs_from_its_metadata_is_refused() {
    let world = World::new();
    world.sample("compose");
    let base = world.path("compose");
    let check = || run(python("productmd_check.py").arg(&base));
    check().ok();
    let tree = base.join("compose/Everything/x86_64/os");
    let refused = |path: &Path, content: &[u8], complaint: &str| {
        let before = fs::read(path).ok();
        fs::write(path, content).unwrap();
        let ended = check();
        assert_eq!(ended.status, 1, "{}", path.display());
        assert!(ended.stderr.contains(complaint), "{}: {}", path.display(), ended.stderr);
        match before {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    };
    refused(&file_ending(&tree, "hello-1.0-1.noarch.rpm"), b"other", "bytes, not");
    refused(&tree.join("Packages/extra-1-1.noarch.rpm"), b"", "is in the tree and not in rpms.json");
    refused(&tree.join(".discinfo"), b"2.0\nSample 1\nx86_64\nALL\n", "mediaid 1.0");
    refused(&base.join("COMPOSE_ID"), b"Sample-1-20260101.1", "COMPOSE_ID is");
    let treeinfo = fs::read_to_string(tree.join(".treeinfo")).unwrap();
    refused(&tree.join(".treeinfo"), treeinfo.replace("sha256:", "sha256:0").as_bytes(), "has sha256");
    fs::remove_file(file_ending(&tree, "hello-data-1.0-1.noarch.rpm")).unwrap();
    assert!(check().stderr.contains("does not exist"));
}

fn summary(ended: Ended) -> (i32, serde_json::Value) {
    let line = ended.stdout.lines().last().unwrap_or_else(|| panic!("{}", ended.stderr));
    (ended.status, serde_json::from_str(line).unwrap())
}

/// Returns the one file below a directory whose name ends so.
fn file_ending(directory: &Path, end: &str) -> PathBuf {
    let found = run(Command::new("find").arg(directory).args(["-type", "f", "-name", &format!("*{end}")])).ok();
    let mut lines = found.lines();
    let file = lines.next().unwrap_or_else(|| panic!("no *{end} below {}", directory.display()));
    assert_eq!(lines.next(), None, "more than one *{end}");
    file.into()
}
