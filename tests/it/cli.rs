//! What does a person see who types commands? Stories with the built program, no service beside it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tannery::demo::packages::{Distribution, make};
use tannery::store::durable::Lock;

use crate::world::{World, run};

/// A world with the demonstration's distribution in it, and how commands are typed there.
struct Desk {
    world: World,
    packages: Distribution,
}

/// What a command said, and its exit status.
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        let world = World::new();
        world.write("tannery.toml", "log.level = \"error\"\n");
        let packages = make(&world.path("packages"), &"x86_64".parse().unwrap()).unwrap();
        Self { world, packages }
    }

    /// Runs a command given as words.
    fn say(&self, line: &str) -> Said {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ended = run(&mut self.world.tannery(&words));
        Said { status: ended.status, out: ended.stdout, err: ended.stderr }
    }

    /// Runs a command that must succeed, and returns what it printed.
    fn ok(&self, line: &str) -> String {
        let said = self.say(line);
        assert_eq!(said.status, 0, "{line}: {}", said.err);
        said.out
    }

    /// Runs a command that must fail with exit status 1, and returns its one line of error.
    fn fails(&self, line: &str) -> String {
        let said = self.say(line);
        assert_eq!((said.status, said.out.as_str()), (1, ""), "{line}: {}", said.err);
        let error = said.err.strip_prefix("tannery: error: ").unwrap_or_else(|| panic!("{line}: {}", said.err));
        assert_eq!(error.matches('\n').count(), 1, "{error}");
        error.trim_end().to_owned()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(line)).unwrap()
    }

    fn first(&self, name: &str) -> PathBuf {
        self.world.path("packages/first").join(name)
    }

    /// Copies a package of the distribution to a directory of the world.
    fn copied(&self, name: &str, to: &str) -> PathBuf {
        self.world.write(to, fs::read(self.first(name)).unwrap())
    }

    /// Returns every file of the volume.
    fn volume(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.world.path("tannery-data/volume"), &mut files);
        files
    }

    /// Runs `events send -` with this input.
    fn send(&self, input: &str) -> Said {
        let mut command = self.world.tannery(&["events", "send", "-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { status: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn nvrs(shown: &Value) -> Vec<&str> {
    shown["builds"].as_array().unwrap().iter().map(|build| build["nvr"].as_str().unwrap()).collect()
}

#[test]
fn a_distribution_is_imported_tagged_and_shown() {
    let desk = Desk::new();
    let imported = desk.ok("import packages/first");
    assert_eq!(imported.lines().count(), desk.packages.first_builds.len());
    assert!(imported.lines().all(|line| line.starts_with("imported ")), "{imported}");
    let again = desk.ok("import packages/first packages/first");
    assert_eq!(again, imported.replace("imported ", "already there "));

    assert_eq!(desk.ok("tag create oak --arch x86_64"), "created tag oak\n");
    desk.ok("tag create oak-updates --parent oak:10");
    let names: Vec<String> = desk.packages.first_builds.iter().map(ToString::to_string).collect();
    desk.ok(&format!("tag add oak {}", names.join(" ")));
    let shown = desk.json("tag show oak-updates --json");
    assert_eq!(
        (shown["parents"][0]["tag"].as_str(), shown["parents"][0]["priority"].as_i64()),
        (Some("oak"), Some(10))
    );
    assert_eq!(shown["revision"]["arches"][0], "x86_64");
    let builds = nvrs(&shown);
    assert!(builds.contains(&"barklibc-2.38-2.oak1") && !builds.contains(&"barklibc-2.38-1.oak1"), "{builds:?}");
    assert!(shown["builds"].as_array().unwrap().iter().all(|build| build["from"] == "oak"));

    // The older build, tagged again, is the latest by tagging.
    desk.ok("tag add oak-updates barklibc-2.38-1.oak1");
    let text = desk.ok("tag show oak-updates");
    assert!(text.contains("build      barklibc-2.38-1.oak1  from oak-updates\n"), "{text}");
    assert!(text.contains("parent     oak  priority 10\n"), "{text}");
    assert_eq!(
        desk.ok("tag remove oak-updates barklibc-2.38-1.oak1"),
        "untagged barklibc-2.38-1.oak1 from oak-updates\n"
    );
    assert!(desk.ok("tag show oak-updates").contains("build      barklibc-2.38-2.oak1  from oak\n"));
    assert_eq!(desk.ok("tag list").lines().count(), 3);
    let messages = desk.ok("messages --limit 1");
    assert_eq!(serde_json::from_str::<Value>(&messages).unwrap()["sequence"], 1);
}

#[test]
fn packages_are_blocked_and_let_in_again() {
    let desk = Desk::new();
    desk.ok("import packages/first/oak-hello-1.0-1.oak1.src.rpm packages/first/oak-hello-1.0-1.oak1.x86_64.rpm");
    desk.ok("tag create oak");
    desk.ok("tag add oak oak-hello-1.0-1.oak1");
    desk.ok("tag block oak oak-hello");
    let shown = desk.json("tag show oak --json");
    assert_eq!((nvrs(&shown).len(), shown["blocked"][0]["package"].as_str()), (0, Some("oak-hello")));
    let blocked = "package oak-hello is blocked in tag oak";
    assert_eq!(desk.fails("tag add oak oak-hello-1.0-1.oak1"), blocked);
    assert_eq!(desk.fails("tag block oak oak-hello"), format!("{blocked} already"));
    let waits = desk.say("wait-repo oak --contains oak-hello-1.0-1.oak1 --timeout 60");
    assert_eq!((waits.status, waits.out.split(':').next()), (4, Some("blocked")), "{}", waits.err);
    desk.ok("tag unblock oak oak-hello");
    assert_eq!(nvrs(&desk.json("tag show oak --json")), ["oak-hello-1.0-1.oak1"]);
    assert_eq!(desk.fails("tag unblock oak oak-hello"), "package oak-hello is not blocked in tag oak");
}

#[test]
fn parents_are_added_and_removed_but_never_in_a_circle() {
    let desk = Desk::new();
    for line in ["tag create a", "tag create b --parent a", "tag create c --parent b"] {
        desk.ok(line);
    }
    let circle = "the tags would inherit from each other in a circle: a > c > b > a";
    assert_eq!(desk.fails("tag edit a --add-parent c"), circle);
    desk.ok("tag edit c --remove-parent b --add-parent a:7 --maxdepth 1 --intransitive --pkg-filter ^oak");
    let parents = &desk.json("tag show c --json")["parents"];
    assert_eq!(parents.as_array().unwrap().len(), 1);
    assert_eq!((&parents[0]["priority"], &parents[0]["maxdepth"]), (&Value::from(7), &Value::from(1)));
    assert_eq!((&parents[0]["intransitive"], &parents[0]["pkg_filter"]), (&Value::from(true), &Value::from("^oak")));
    let error = desk.fails("tag edit b --remove-parent c");
    assert_eq!(error, "tag b does not inherit from c itself");
}

#[test]
fn names_that_do_not_exist_are_told_with_the_nearest_that_does() {
    let desk = Desk::new();
    desk.ok("import packages/first/oak-hello-1.0-1.oak1.src.rpm packages/first/oak-hello-1.0-1.oak1.x86_64.rpm");
    desk.ok("tag create oak-updates");
    let unknown = "there is no tag oak-updaets; did you mean oak-updates?";
    assert_eq!(desk.fails("tag show oak-updaets"), unknown);
    assert_eq!(desk.fails("tag block oak-updaets bash"), unknown);
    let unknown = "there is no build oak-helo-1.0-1.oak1; import it first; did you mean oak-hello-1.0-1.oak1?";
    assert_eq!(desk.fails("tag add oak-updates oak-helo-1.0-1.oak1"), unknown);
    assert_eq!(desk.fails("tag add oak-updates x-1-1"), "there is no build x-1-1; import it first");
    assert_eq!(desk.fails("tag create oak-updates"), "there is a tag oak-updates already");
    for line in ["tag show ../x", "tag add oak-updates -rf", "tag edit oak-updates", "--set x status"] {
        assert_eq!(desk.say(line).status, 2, "{line}");
    }
    let said = desk.say("--set http.bnid=1 status");
    assert!(said.status == 1 && said.err.contains("did you mean \"http.bind\"?"), "{}", said.err);
}

#[test]
fn a_build_with_a_bad_file_is_not_imported_at_all() {
    let desk = Desk::new();
    desk.copied("oak-hello-1.0-1.oak1.src.rpm", "bad/oak-hello-1.0-1.oak1.src.rpm");
    let binary = fs::read(desk.first("oak-hello-1.0-1.oak1.x86_64.rpm")).unwrap();
    desk.world.write("bad/oak-hello-1.0-1.oak1.x86_64.rpm", &binary[..binary.len() - 1]);
    desk.copied("oak-release-1-1.oak1.src.rpm", "bad/oak-release-1-1.oak1.src.rpm");
    let said = desk.say("import bad");
    assert_eq!((said.status, said.out.as_str()), (1, "imported oak-release-1-1.oak1\n"), "{}", said.err);
    assert!(said.err.contains("bad/oak-hello-1.0-1.oak1.x86_64.rpm: is not an RPM that can be imported: "));
    assert!(said.err.ends_with("; oak-hello-1.0-1.oak1 is not imported\n"), "{}", said.err);
    let volume = desk.volume();
    assert!(volume.len() == 1 && volume[0].ends_with("src/oak-release-1-1.oak1.src.rpm"), "{volume:?}");

    desk.world.write("noise.rpm", [0xed, 0xab, 0xee, 0xdb, 3, 0]);
    let error = desk.fails("import noise.rpm packages/first");
    assert!(error.starts_with("noise.rpm: ") && error.ends_with("; nothing is imported"), "{error}");
    assert_eq!(desk.volume(), volume);
    let error = desk.fails("import nowhere");
    assert!(error.starts_with("nowhere: cannot be read: No such file"), "{error}");
}

#[test]
fn a_wrong_file_name_and_another_payload_are_refused() {
    let desk = Desk::new();
    desk.copied("oak-hello-1.0-1.oak1.src.rpm", "renamed/hello\u{1b}[2J.rpm");
    let error = desk.fails("import renamed");
    assert_eq!(
        error,
        "renamed/hello\\u{1b}[2J.rpm: must be called oak-hello-1.0-1.oak1.src.rpm, by what its header says; \
         oak-hello-1.0-1.oak1 is not imported"
    );
    fs::create_dir(desk.world.path("empty")).unwrap();
    assert_eq!(desk.fails("import empty"), "there are no RPM files there");

    let said = desk.say("import packages/first/awl-9.5-1.oak1.src.rpm");
    assert_eq!(said.out, "imported awl-9.5-1.oak1\n", "{}", said.err);
    // Sources say on which machine they were packed, so that there is another of this name.
    make(&desk.world.path("other"), &"aarch64".parse().unwrap()).unwrap();
    let error = desk.fails("import other/first/awl-9.5-1.oak1.src.rpm");
    assert!(
        error.contains("awl-0:9.5-1.oak1.src is there already with another header or payload, as awl/9.5"),
        "{error}"
    );
}

#[test]
fn binaries_without_their_source_are_taken_with_a_warning() {
    let desk = Desk::new();
    let said = desk.say("import packages/first/oak-hello-1.0-1.oak1.x86_64.rpm");
    assert_eq!((said.status, said.out.as_str()), (0, "imported oak-hello-1.0-1.oak1\n"));
    assert_eq!(said.err, "tannery: warning: oak-hello-1.0-1.oak1 comes without its source RPM\n");
}

#[test]
fn messages_are_handed_in_and_shown_with_what_became_of_them() {
    let desk = Desk::new();
    desk.ok("tag create oak");
    let tag = r#"{"topic": "x.buildsys.tag", "id": "good", "body": {"tag": "oak", "name": "a", "version": "1", "release": "1"}}"#;
    let said = desk.send(tag);
    assert_eq!((said.status, said.out.as_str()), (0, "waiting good x.buildsys.tag: a-1-1 is not imported yet\n"));
    assert_eq!(desk.send(tag).out, "duplicate good x.buildsys.tag: the first one is waiting\n");

    let bad = r#"{"topic": "x.buildsys.tag", "id": "bad", "body": {"tag": "o\u001b[2J/k"}}"#;
    let said = desk.send(&format!("[{bad}, 5] nonsense"));
    assert_eq!((said.status, said.out.lines().count()), (1, 3), "{}", said.out);
    assert!(said.out.starts_with("quarantined bad ") && said.out.contains("\nmalformed: not a JSON object\n"));
    let quarantine = desk.ok("events quarantine");
    assert!(quarantine.contains("  cli  quarantined  bad  x.buildsys.tag\n    the field "), "{quarantine}");
    assert!(!quarantine.contains('\u{1b}'));
    let waiting = desk.json("events list --state waiting --json");
    assert_eq!((waiting[0]["id"].as_str(), waiting[0]["duplicates"].as_i64()), (Some("good"), Some(1)));
    assert_eq!(desk.json("events list --json").as_array().unwrap().len(), 2);
    assert_eq!(desk.json("events show bad --json")["body"]["tag"], "o\u{1b}[2J/k");
    assert!(!desk.ok("events show bad").contains('\u{1b}'));
    assert_eq!(desk.fails("events show godo"), "there is no message godo; did you mean good?");
    let waits = desk.say("wait-repo oak --contains a-1-1 --timeout 0");
    assert_eq!((waits.status, waits.out.as_str()), (3, "timeout: not there after 0 s: a-1-1\n"), "{}", waits.err);
}

#[test]
fn the_status_fits_a_screen_and_says_whether_the_service_runs() {
    let desk = Desk::new();
    desk.ok("tag create oak --arch x86_64");
    desk.ok("tag show oak");
    desk.send(r#"{"topic": "buildsys.tag", "body": {"tag": "pine", "name": "a", "version": "1", "release": "1"}}"#);
    let screen = desk.ok("status");
    assert!(screen.lines().all(|line| line.chars().count() <= 80) && screen.lines().count() <= 24, "{screen}");
    for part in ["service    not running\n", "bus        no broker is configured\n", "unfollowed pine (1)\n", "\noak  "]
    {
        assert!(screen.contains(part), "{part}{screen}");
    }
    let lock = Lock::take(&desk.world.path("tannery-data/serve.lock")).unwrap();
    assert_eq!(desk.json("status --json")["service"]["running"], true);
    let error = desk.fails("serve");
    assert!(error.ends_with("serve.lock is in use by another serve"), "{error}");
    drop(lock);
    let status = desk.json("status --json");
    assert_eq!((&status["service"]["running"], &status["tags"][0]["revision"]), (&Value::from(false), &Value::from(1)));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let desk = Desk::new();
    desk.ok("tag create oak");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = desk.world.tannery(&["tag", "list"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_configuration_is_checked_without_opening_anything() {
    let desk = Desk::new();
    assert!(desk.ok("config check").starts_with("ok ("));
    desk.world.write("tannery.toml", "[http]\nbnid = 1\n");
    let error = desk.fails("config check");
    assert!(error.contains("tannery.toml:2:1: ") && error.ends_with("did you mean \"bind\"?"), "{error}");
    assert!(!desk.world.path("tannery-data").exists());
}
