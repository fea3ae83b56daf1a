//! Do clients that insist on signatures read signed repositories, and does a failing signer change nothing?
//! With gpg and stock dnf.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::world::{Ended, SOON, Service, Site, Store, eventually, run, tool};

const TAG: &str = "oak";

/// A home of gpg with one key, ended with its agent.
struct Keys {
    home: PathBuf,
}

impl Keys {
    fn make(site: &Site) -> Self {
        let keys = Self { home: site.world.path("gnupg") };
        fs::create_dir(&keys.home).unwrap();
        fs::set_permissions(&keys.home, fs::Permissions::from_mode(0o700)).unwrap();
        let key = ["--passphrase", "", "--quick-generate-key", "Oak <oak@example.org>", "rsa2048", "sign", "never"];
        run(keys.gpg().args(key)).ok();
        fs::write(site.world.path("key.asc"), run(keys.gpg().args(["--armor", "--export"])).ok()).unwrap();
        keys
    }

    fn gpg(&self) -> Command {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&self.home).args(["--batch", "--quiet", "--no-tty"]);
        command
    }

    /// Returns the configuration of a signer.
    fn signer(&self) -> String {
        let home = self.home.display();
        format!(
            "sign_command = [\"gpg\", \"--homedir\", \"{home}\", \"--batch\", \"--no-tty\", \"--armor\", \
             \"--detach-sign\", \"--output\", \"-\"]\n"
        )
    }

    fn verifies(&self, repodata: &std::path::Path) {
        run(self.gpg().arg("--verify").arg(repodata.join("repomd.xml.asc")).arg(repodata.join("repomd.xml"))).ok();
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(&self.home).args(["--kill", "all"]).output();
    }
}

const QUICK: &str = "[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\nsign_every = \"0s\"\nsign_timeout = \"60s\"\n";

struct Rig {
    site: Site,
    keys: Keys,
    /// One of the builds in the tag.
    build: String,
}

impl Rig {
    fn new() -> (Self, Service) {
        let site = Site::new(Store::Sqlite, QUICK);
        let keys = Keys::make(&site);
        let distribution = site.world.distribution();
        site.import(&distribution.first);
        site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
        let builds: Vec<String> = distribution.first_builds.iter().map(ToString::to_string).collect();
        let names = builds.iter().map(String::as_str);
        site.run(&["tag", "add", TAG].into_iter().chain(names).collect::<Vec<_>>()).ok();
        let repository = format!(
            "[oak]\nname=oak\nbaseurl={}\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=1\ngpgkey=file://{}\n",
            site.url(&format!("/repos/{TAG}/x86_64/")),
            site.world.path("key.asc").display()
        );
        site.world.write("signed.repo", repository);
        let service = site.serve_as(&format!("{QUICK}{}", keys.signer()));
        (Self { site, keys, build: builds[0].clone() }, service)
    }

    fn repodata(&self) -> PathBuf {
        self.site.repository(TAG, "x86_64").join("repodata")
    }

    fn pair(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let dir = self.repodata();
        (fs::read(dir.join("repomd.xml")).unwrap(), fs::read(dir.join("repomd.xml.asc")).ok())
    }

    /// Has a dnf that insists on the signature read the repository.
    fn dnf(&self, root: &str) -> Ended {
        let (repository, root) = (self.site.world.path("signed.repo"), self.site.world.path(root));
        run(Command::new(tool("dnf-ask")).arg(repository).arg(root).args(["list", "--available", "oak-hello"]))
    }

    /// Has the repository checked, by the key that signs it.
    fn check(&self) -> Ended {
        let (repository, keys) = (self.site.repository(TAG, "x86_64"), self.site.world.path("key.asc"));
        let [repository, keys] = [repository, keys].map(|path| path.display().to_string());
        self.site.run(&["repo", "check", &repository, "--keys", &keys])
    }

    /// Takes a build out of the tag.
    fn change(&self) {
        self.site.run(&["tag", "remove", TAG, &self.build]).ok();
    }
}

#[test]
fn a_signed_repository_is_read_by_who_insists_on_it() {
    let (rig, service) = Rig::new();
    rig.keys.verifies(&rig.repodata());
    assert!(rig.dnf("one").ok().contains("oak-hello.x86_64"));
    let before = rig.pair();
    rig.change();
    eventually(SOON, "a new pair", || rig.pair().0 != before.0 && rig.pair().1 != before.1);
    rig.keys.verifies(&rig.repodata());
    rig.site.run(&["repo", "export", TAG, "x86_64", "out", "--packages", "none"]).ok();
    rig.keys.verifies(&rig.site.world.path("out/repodata"));

    let checked = rig.check().ok();
    assert!(checked.contains("signed by a key that was given"), "{checked}");

    // That dnf does look: a signature of something else is refused.
    fs::write(rig.repodata().join("repomd.xml.asc"), before.1.unwrap()).unwrap();
    let checked = rig.check();
    assert!(checked.status == 1 && checked.stdout.contains("repomd.xml.asc: it was not verified"), "{checked:?}");
    let refused = rig.dnf("two");
    assert_ne!(refused.status, 0, "{}", refused.stdout);
    service.stop(SOON);
    let service = rig.site.serve_as(&format!("{QUICK}{}", rig.keys.signer()));
    rig.keys.verifies(&rig.repodata());
    assert!(rig.dnf("three").ok().contains("oak-hello.x86_64"));

    // Without a signer, nothing is left of the signature.
    service.stop(SOON);
    let _service = rig.site.serve_as(QUICK);
    assert_eq!(rig.pair().1, None);
    rig.site.run(&["repo", "export", TAG, "x86_64", "out", "--packages", "none"]).ok();
    assert!(!rig.site.world.path("out/repodata/repomd.xml.asc").exists());
}

#[test]
fn a_failing_signer_leaves_the_last_pair_and_says_so() {
    let (rig, service) = Rig::new();
    service.stop(SOON);
    let good = rig.keys.signer();
    let before = rig.pair();
    rig.change();
    for (command, timeout, complaint) in [
        ("[\"false\"]", "60s", "false failed (exit status: 1)"),
        ("[\"echo\", \"hello\"]", "60s", "echo gave no armoured signature"),
        ("[\"sleep\", \"600\"]", "100ms", "sleep was not done within 0.1 s and was killed"),
        ("[\"/nonexistent/signer\"]", "60s", "cannot start /nonexistent/signer"),
    ] {
        let config = QUICK.replace("60s", timeout);
        let service = rig.site.start_as(&format!("{config}sign_command = {command}\n"));
        service.says(complaint, SOON);
        assert_eq!(rig.pair(), before, "{complaint}");
        // A service that is not ready yet stops as quickly as any.
        service.stop(Duration::from_secs(15));
    }
    let _service = rig.site.serve_as(&format!("{QUICK}{good}"));
    eventually(SOON, "a new pair", || rig.pair().0 != before.0);
    rig.keys.verifies(&rig.repodata());
}
