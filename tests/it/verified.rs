//! Is an RPM's signature verified against the keys that one trusts? RPMs signed by rpmsign with keys of gpg.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tannery::model::Sha256;
use tannery::rpms::{Judgement, Keys, VerifyError};

use crate::world::{World, run};

/// A home of gpg with one key, ended with its agent.
struct Signer {
    home: PathBuf,
    name: String,
}

impl Signer {
    fn new(world: &World, name: &str, kind: &str) -> Self {
        let signer = Self { home: world.path(format!("home-{name}")), name: format!("{name}@example.org") };
        fs::create_dir(&signer.home).unwrap();
        fs::set_permissions(&signer.home, fs::Permissions::from_mode(0o700)).unwrap();
        run(signer.gpg().args(["--passphrase", "", "--quick-generate-key", &signer.name, kind, "sign", "never"])).ok();
        signer
    }

    fn gpg(&self) -> Command {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&self.home).args([
            "--batch",
            "--quiet",
            "--no-tty",
            "--pinentry-mode",
            "loopback",
        ]);
        command
    }

    fn public(&self) -> String {
        run(self.gpg().args(["--armor", "--export"])).ok()
    }

    fn fingerprint(&self) -> String {
        let listed = run(self.gpg().args(["--with-colons", "--list-keys"])).ok();
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    fn sign(&self, rpm: &Path) {
        let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
        let mut command = Command::new("rpmsign");
        command.args(define("_gpg_name", &self.name)).args(define("_gpg_path", &self.home.display().to_string()));
        command.args(define("__gpg", "/usr/bin/gpg"));
        run(command.arg("--addsign").arg(rpm)).ok();
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(&self.home).args(["--kill", "all"]).output();
    }
}

fn copy(world: &World, name: &str) -> PathBuf {
    let original = world.distribution().first[0].clone();
    let copy = world.path(name);
    fs::copy(original, &copy).unwrap();
    copy
}

fn why(judgement: Judgement) -> String {
    match judgement {
        Judgement::Good { key } => panic!("good, by {key}"),
        Judgement::NotGood { why } => why,
    }
}

#[tokio::test]
async fn only_a_signature_by_one_of_the_keys_for_this_very_header_is_good() {
    let world = World::new();
    let (ours, other) = (Signer::new(&world, "ours", "rsa2048"), Signer::new(&world, "other", "ed25519"));
    let keys = Keys::read(&world.write("ours.asc", ours.public())).unwrap();
    let both = Keys::read(&world.write("both.asc", ours.public() + &other.public())).unwrap();
    assert_ne!(keys.digest(), both.digest());

    let unsigned = copy(&world, "unsigned.rpm");
    assert_eq!(why(keys.judge(&unsigned).await.unwrap().1), "its header is not signed");

    let by_ours = copy(&world, "ours.rpm");
    ours.sign(&by_ours);
    let (facts, judgement) = keys.judge(&by_ours).await.unwrap();
    assert_eq!(judgement, Judgement::Good { key: ours.fingerprint() });
    assert_eq!(facts.sha256, Sha256::of(&fs::read(&by_ours).unwrap()));

    let by_other = copy(&world, "other.rpm");
    other.sign(&by_other);
    let said = why(keys.judge(&by_other).await.unwrap().1);
    assert!(said.contains("gpgv failed"), "{said}");
    let (_, judgement) = both.judge(&by_other).await.unwrap();
    assert_eq!(judgement, Judgement::Good { key: other.fingerprint() });
}

#[tokio::test]
async fn a_forged_signature_is_not_good_and_a_broken_file_is_refused() {
    let world = World::new();
    let ours = Signer::new(&world, "ours", "rsa2048");
    let keys = Keys::read(&world.write("ours.asc", ours.public())).unwrap();
    let rpm = copy(&world, "signed.rpm");
    ours.sign(&rpm);
    let bytes = fs::read(&rpm).unwrap();

    // The packet's last bytes are the number that signs; the file promises nothing about them.
    let packet = last_of_signature(&bytes);
    let mut forged = bytes.clone();
    forged[packet] ^= 1;
    let said = why(keys.judge(&world.write("forged.rpm", forged)).await.unwrap().1);
    assert!(said.contains("gpgv failed"), "{said}");

    let mut broken = bytes;
    *broken.last_mut().unwrap() ^= 1;
    let refused = keys.judge(&world.write("broken.rpm", broken)).await;
    assert!(matches!(refused, Err(VerifyError::Rpm(_))), "{refused:?}");
    assert!(matches!(Keys::read(&world.write("none.asc", "no keys")), Err(VerifyError::NoKeys { .. })));
    assert!(matches!(Keys::read(&world.path("absent.asc")), Err(VerifyError::Keys { .. })));
}

/// Returns where the last byte of the header's RSA signature stands (tag 268 of the signature header).
fn last_of_signature(rpm: &[u8]) -> usize {
    let number = |at: usize| u32::from_be_bytes(rpm[at..at + 4].try_into().unwrap()) as usize;
    let (intro, entries) = (96, number(104));
    let index = intro + 16;
    let entry = (0..entries).map(|at| index + 16 * at).find(|at| number(*at) == 268).unwrap();
    index + 16 * entries + number(entry + 8) + number(entry + 12) - 1
}
