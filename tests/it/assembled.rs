//! Does nobody see whether a repository lies on disk or is joined of segments? One set in both forms, over HTTP.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use tannery::demo::packages::{Distribution, META};

use crate::world::{Answer, SOON, Service, Site, Store, python, request, run};

/// The tag whose repositories are files, and the one whose are joined.
const FILES: &str = "oak-files";
const JOINED: &str = "oak-joined";

/// A site with both tags and the same builds in both.
struct Pair {
    site: Site,
    distribution: Distribution,
}

/// Returns a configuration in which these two tags have these forms.
fn config(compression: &str, forms: [(&str, &str); 2]) -> String {
    let rule = |(tag, form)| format!("[[follow]]\ntags = [\"{tag}\"]\nform = \"{form}\"\n");
    format!(
        "[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\ncompression = \"{compression}\"\n{}{}",
        rule(forms[0]),
        rule(forms[1])
    )
}

impl Pair {
    fn new(compression: &str) -> (Self, Service) {
        let site = Site::new(Store::Sqlite, &config(compression, [(FILES, "files"), (JOINED, "assembled")]));
        let distribution = site.world.distribution();
        site.import(&distribution.first);
        let pair = Self { site, distribution };
        let builds: Vec<String> = pair.distribution.first_builds.iter().map(ToString::to_string).collect();
        for tag in [FILES, JOINED] {
            pair.site.run(&["tag", "create", tag, "--arch", "x86_64"]).ok();
            let builds = builds.iter().map(String::as_str);
            pair.site.run(&["tag", "add", tag].into_iter().chain(builds).collect::<Vec<_>>()).ok();
        }
        let service = pair.site.serve();
        (pair, service)
    }

    /// Returns the bytes of the data files of a tag, by name, as its `repomd.xml` names them.
    fn data_files(&self, tag: &str) -> BTreeMap<String, Vec<u8>> {
        let repomd = self.site.get(&format!("/repos/{tag}/x86_64/repodata/repomd.xml")).text();
        let names = repomd.split("href=\"repodata/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        let files: BTreeMap<_, _> = names.map(|name| (name.clone(), self.read(tag, &name))).collect();
        assert_eq!(files.len(), 3, "{repomd}");
        files
    }

    fn read(&self, tag: &str, name: &str) -> Vec<u8> {
        let answer = self.ask(tag, "GET", name, &[]);
        assert_eq!(answer.status, 200, "{tag} {name}");
        answer.body
    }

    fn ask(&self, tag: &str, method: &str, name: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/repos/{tag}/x86_64/repodata/{name}");
        request(&self.site.address, method, &path, headers, b"").unwrap()
    }

    /// Takes a build out of both tags, and waits until both show it.
    fn untag(&self, number: usize) {
        let nvr = self.distribution.first_builds[number].to_string();
        for tag in [FILES, JOINED] {
            let pointer = self.site.repository(tag, "x86_64").join("repodata/repomd.xml");
            let before = fs::read(&pointer).unwrap();
            self.site.run(&["tag", "remove", tag, &nvr]).ok();
            crate::world::eventually(SOON, "a new generation", || fs::read(&pointer).unwrap() != before);
        }
    }
}

#[test]
fn a_joined_repository_is_the_one_that_files_would_be() {
    for compression in ["zstd", "gzip"] {
        let (pair, _service) = Pair::new(compression);
        let joined = pair.data_files(JOINED);
        assert_eq!(joined, pair.data_files(FILES), "{compression}");
        for name in joined.keys() {
            assert!(!pair.site.repository(JOINED, "x86_64").join("repodata").join(name).exists(), "{name}");
            assert!(pair.site.get(&format!("/repos/{JOINED}/x86_64/repodata/")).text().contains(name), "{name}");
        }
        let url = pair.site.url(&format!("/repos/{JOINED}/x86_64/"));
        run(python("read_repo.py").args(["--reads", "3", &url])).ok();
        pair.site.run(&["repo", "check", &url, "--packages"]).ok();
        let installed = pair.site.dnf_install(&format!("/repos/{JOINED}/x86_64.repo"), "root", META);
        assert!(installed.lines().any(|line| line == format!("{META}-1-1.oak1.x86_64")), "{installed}");
    }
}

#[test]
fn every_request_is_answered_alike_in_both_forms() {
    let (pair, _service) = Pair::new("zstd");
    for (name, bytes) in pair.data_files(JOINED) {
        let size = bytes.len();
        let etag = format!("\"{}\"", &name[..64]);
        let (last, middle) = (format!("bytes={}-", size - 1), format!("bytes=10-{}", size - 10));
        let several = format!("bytes=0-0,{}-{},5-300", size - 20, size + 5);
        for headers in [
            &[][..],
            &[("range", "bytes=0-")],
            &[("range", "bytes=1-1")],
            &[("range", &last)],
            &[("range", &middle)],
            &[("range", "bytes=-7")],
            &[("range", &several)],
            &[("range", "bytes=99999999-")],
            &[("range", "bytes=3-5"), ("if-range", &etag)],
            &[("range", "bytes=3-5"), ("if-range", "\"other\"")],
            &[("if-none-match", &etag)],
            &[("if-none-match", "\"other\"")],
            &[("if-match", "\"other\"")],
        ] {
            for method in ["GET", "HEAD"] {
                let (one, other) = (pair.ask(FILES, method, &name, headers), pair.ask(JOINED, method, &name, headers));
                assert_eq!((one.status, &one.body), (other.status, &other.body), "{method} {headers:?}");
                for header in
                    ["etag", "accept-ranges", "content-length", "content-range", "content-type", "cache-control"]
                {
                    assert_eq!(one.header(header), other.header(header), "{method} {headers:?} {header}");
                }
            }
        }
        assert!(pair.ask(JOINED, "HEAD", &name, &[]).header("last-modified").is_some());
    }
    let none = format!("{}-primary.xml.zst", "ab".repeat(32));
    assert_eq!(pair.ask(JOINED, "GET", &none, &[]).status, 404);
}

#[test]
fn an_older_generation_is_served_while_it_is_kept_whatever_its_form() {
    let (pair, service) = Pair::new("zstd");
    let first = pair.data_files(JOINED);
    pair.untag(0);
    let second = pair.data_files(JOINED);
    assert!(first.keys().all(|name| !second.contains_key(name)));
    let all_are_there = |when: &str| {
        for (name, bytes) in first.iter().chain(&second) {
            for tag in [FILES, JOINED] {
                assert_eq!(&pair.read(tag, name), bytes, "{when}: {tag} {name}");
            }
        }
    };
    all_are_there("at once");
    service.stop(SOON);
    let service = pair.site.serve();
    all_are_there("after a restart");
    service.stop(SOON);
    let turned = config("zstd", [(FILES, "assembled"), (JOINED, "files")]);
    let service = pair.site.serve_as(&turned);
    assert_eq!(pair.data_files(JOINED), second);
    assert!(second.keys().all(|name| pair.site.repository(JOINED, "x86_64").join("repodata").join(name).exists()));
    all_are_there("with the forms exchanged");
    pair.untag(1);
    service.stop(SOON);
    let _service = pair.site.serve();
    all_are_there("with the forms exchanged back");
}

#[test]
fn readers_of_a_joined_repository_never_see_a_change_half() {
    let (pair, _service) = Pair::new("zstd");
    let (end, url) = (pair.site.world.path("end"), pair.site.url(&format!("/repos/{JOINED}/x86_64/")));
    let mut reader = python("read_repo.py");
    reader.args(["--reads", "10", "--until"]).arg(&end).arg(&url);
    let reader = std::thread::spawn(move || run(&mut reader));
    let (nvr, pointer) = (pair.distribution.first_builds[0].to_string(), pair.site.repository(JOINED, "x86_64"));
    let pointer = pointer.join("repodata/repomd.xml");
    for round in 0..30 {
        let before = fs::read(&pointer).unwrap();
        pair.site.run(&["tag", ["remove", "add"][round % 2], JOINED, &nvr]).ok();
        crate::world::eventually(SOON, "a new generation", || fs::read(&pointer).unwrap() != before);
    }
    fs::write(end, "").unwrap();
    let summary: Value = serde_json::from_str(reader.join().unwrap().ok().lines().last().unwrap()).unwrap();
    assert!(summary["generations"].as_u64().unwrap() > 5 && summary["excused"] == 0, "{summary}");
}

#[test]
fn a_segment_that_is_lost_is_named_and_no_wrong_byte_is_sent() {
    let (pair, service) = Pair::new("zstd");
    let (name, bytes) = pair.data_files(JOINED).into_iter().find(|(name, _)| name.contains("filelists")).unwrap();
    let segments: Vec<_> =
        fs::read_dir(pair.site.world.path("data/segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(segments.len() >= 3);
    for path in &segments {
        let mut bytes = fs::read(path).unwrap();
        bytes[0] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let mut stream = TcpStream::connect(&pair.site.address).unwrap();
    write!(stream, "GET /repos/{JOINED}/x86_64/repodata/{name} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The connection may be reset, or end early.
    let _ = stream.read_to_end(&mut answer);
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
    let got = answer.get(head + 4..).unwrap_or_default();
    assert!(got.len() < bytes.len() && bytes.starts_with(got), "{} bytes", got.len());
    service.says("it has other bytes", SOON);
    for path in &segments {
        // The one that was found damaged is gone already.
        let _ = fs::remove_file(path);
    }
    assert_eq!(pair.ask(JOINED, "GET", &name, &[]).status, 404);
    service.says("cannot be joined: segment", SOON);
    assert_eq!(pair.read(FILES, &name), bytes);
}
