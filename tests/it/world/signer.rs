//! Who signs packages? A key of gpg, and rpmsign.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::World;
use super::peer::run;

/// A home of gpg with one key, ended with its agent.
#[derive(Debug)]
pub struct Signer {
    home: PathBuf,
    name: String,
}

impl Signer {
    /// Makes a key of this kind, by the names of gpg.
    pub fn new(world: &World, name: &str, kind: &str) -> Self {
        let signer = Self { home: world.path(format!("home-{name}")), name: format!("{name}@example.org") };
        fs::create_dir(&signer.home).unwrap();
        fs::set_permissions(&signer.home, fs::Permissions::from_mode(0o700)).unwrap();
        run(signer.gpg().args(["--passphrase", "", "--quick-generate-key", &signer.name, kind, "sign", "never"])).ok();
        signer
    }

    fn gpg(&self) -> Command {
        let mut command = Command::new("gpg");
        let batch = ["--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback"];
        command.arg("--homedir").arg(&self.home).args(batch);
        command
    }

    /// Returns the public key, armoured.
    pub fn public(&self) -> String {
        run(self.gpg().args(["--armor", "--export"])).ok()
    }

    /// Returns the fingerprint, in capitals.
    pub fn fingerprint(&self) -> String {
        let listed = run(self.gpg().args(["--with-colons", "--list-keys"])).ok();
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    /// Returns the key's id as Koji has it.
    pub fn sigkey(&self) -> String {
        self.fingerprint().to_ascii_lowercase()[32..].to_owned()
    }

    /// Signs an RPM file.
    pub fn sign(&self, rpm: &Path) {
        let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
        let mut command = Command::new("rpmsign");
        command.args(define("_gpg_name", &self.name)).args(define("_gpg_path", &self.home.display().to_string()));
        command.args(define("__gpg", "/usr/bin/gpg"));
        run(command.arg("--addsign").arg(rpm)).ok();
    }

    /// Returns signed copies of RPM files, in a directory of this world.
    pub fn copies(&self, world: &World, rpms: &[PathBuf]) -> Vec<PathBuf> {
        let copy = |rpm: &PathBuf| {
            let name = rpm.file_name().unwrap().display();
            let copy = world.write(&format!("by-{}/{name}", self.name), fs::read(rpm).unwrap());
            self.sign(&copy);
            copy
        };
        rpms.iter().map(copy).collect()
    }

    /// Returns the signature of some bytes, as a packet.
    pub fn packet(&self, bytes: &[u8]) -> Vec<u8> {
        let mut command = self.gpg();
        let child = command.args(["--detach-sign", "--output", "-"]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), bytes).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success());
        ended.stdout
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(&self.home).args(["--kill", "all"]).output();
    }
}
