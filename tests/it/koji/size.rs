//! How much memory does a distribution cost that is asked about as one tag? Measured in a process of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, thread};

use tannery::buildsys::BuildSystem;
use tannery::buildsys::koji::files::{OfTag, Settings as FileSettings};
use tannery::buildsys::koji::{Hub, Koji, Settings};
use tannery::clock::Clock;
use tannery::fetch::Place;
use tannery::store::Db;

use crate::world::{World, run};

/// A quarter of a distribution: 400,000 RPMs may take 300 MB.
const BUILDS: u64 = 6_000;
const RPMS: u64 = 100_000;
const LIMIT_KIB: u64 = 300_000_000 / 4 / 1024;

/// The arches that get an answer each, beside source packages, noarch and all others.
const ARCHES: [&str; 4] = ["aarch64", "ppc64le", "s390x", "x86_64"];
const ANSWERS: u64 = ARCHES.len() as u64 + 3;

/// Where the other process finds the hub.
const HUB: &str = "TANNERY_TEST_HUB";

#[test]
fn a_quarter_of_a_distribution_takes_a_quarter_of_300_mb() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        for stream in listener.incoming() {
            // Whoever asked may be gone.
            let _ = answer(&stream.unwrap(), ASKED.fetch_add(1, Ordering::SeqCst));
        }
    });
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["koji::size::ask_about_a_tag", "--exact", "--ignored", "--nocapture"]);
    let said = run(command.env(HUB, format!("http://{address}/kojihub"))).ok();
    let told: BTreeMap<&str, u64> =
        said.lines().filter_map(|line| line.strip_prefix("told ")?.split_once(' ')).map(number).collect();
    assert_eq!((told["builds"], told["rpms"], told["keys"]), (BUILDS, RPMS, 2 * RPMS));
    assert!(told["kib"] < LIMIT_KIB, "it took {} KiB", told["kib"]);
}

fn number<'a>((name, value): (&'a str, &str)) -> (&'a str, u64) {
    (name, value.parse().unwrap())
}

/// The other process: asks, and takes what was said build by build.
#[tokio::test]
#[ignore = "started by the test above"]
async fn ask_about_a_tag() {
    let world = World::new();
    let db = Db::open_sqlite(&world.path("state.sqlite")).await.unwrap();
    let settings = Settings::new(std::env::var(HUB).unwrap().parse().unwrap());
    let hub = Arc::new(Hub::new(Clock::system(), settings).unwrap());
    let files = FileSettings::new(Place::Path(world.path("koji")), world.path("own"));
    let koji = Koji::new(db, "koji", hub, Clock::system(), files);
    let arches = ARCHES.iter().map(|arch| arch.parse().unwrap()).collect();
    let builds: BTreeSet<i64> = (1..=BUILDS as i64).collect();
    let wanted = OfTag { tag_id: 1, event: 1, latest: true, arches, foreign: BTreeSet::new(), builds };
    let before = peak_kib();
    let said = koji.files().unwrap().list_tag(&wanted).await.unwrap();
    let (mut builds, mut rpms, mut keys) = (0, 0, 0);
    for (_, said) in said {
        builds += 1;
        rpms += said.rpms.len();
        keys += said.rpms.iter().map(|rpm| rpm.forms.len()).sum::<usize>();
    }
    println!("\ntold builds {builds}\ntold rpms {rpms}\ntold keys {keys}\ntold kib {}", peak_kib() - before);
}

/// Returns the most memory that this process has had resident so far, in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Answers one request for a part of the tag, row by row.
fn answer(stream: &TcpStream, part: u64) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let mut out = BufWriter::new(stream);
    let lists = "<value><array><data>";
    write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\n\r\n")?;
    write!(out, "<?xml version='1.0'?><methodResponse><params><param>{lists}{lists}")?;
    for id in (1..=RPMS).filter(|id| id % ANSWERS == part) {
        for sigkey in ["", "aaaaaaaa"] {
            out.write_all(rpm(id, sigkey).as_bytes())?;
        }
    }
    write!(out, "</data></array></value>{lists}")?;
    for id in 1..=BUILDS {
        out.write_all(build(id).as_bytes())?;
    }
    let end = "</data></array></value>";
    write!(out, "{end}{end}</param></params></methodResponse>")?;
    out.flush()
}

fn members(numbers: &[(&str, u64)], texts: &[(&str, &str)]) -> String {
    let mut row = "<value><struct>".to_owned();
    for (name, value) in numbers {
        let _ = write!(row, "<member><name>{name}</name><value><int>{value}</int></value></member>");
    }
    for (name, value) in texts {
        let _ = write!(row, "<member><name>{name}</name><value><string>{value}</string></value></member>");
    }
    row + "</struct></value>"
}

fn rpm(id: u64, sigkey: &str) -> String {
    let arch = ["src", "noarch", "x86_64", "aarch64", "ppc64le", "s390x", "i686"][(id % ANSWERS) as usize];
    let (name, hash) = (format!("a-package-with-a-name-{}", id / 5), format!("{id:032x}"));
    let numbers = [("id", id), ("build_id", id % BUILDS + 1), ("size", 10_000 + id), ("buildtime", 1_700_000_000)];
    let texts = [("name", &*name), ("version", "1.2.3"), ("release", "4.fc44"), ("arch", arch), ("payloadhash", &hash)];
    members(&numbers, &[&texts[..], &[("sigkey", sigkey)]].concat())
}

fn build(id: u64) -> String {
    let name = format!("a-package-{id}");
    let numbers = [("build_id", id), ("package_id", id), ("state", 1), ("tag_id", 1), ("create_event", id)];
    let texts = [("package_name", &*name), ("version", "1.2.3"), ("release", "4.fc44"), ("volume_name", "DEFAULT")];
    members(&numbers, &texts)
}
