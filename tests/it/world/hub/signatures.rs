//! What does a signer do? It adds signatures, has signed copies written later, and takes either away.

use std::fs;
use std::path::PathBuf;

use super::Hub;
use super::files;
use super::messages::{Message, signed};
use super::rows::{Rows, Rpm, Signature};

impl Hub {
    /// Signs all RPMs of a build: adds the rows and the signature headers, and announces each. There are no signed
    /// copies yet. The signature names the key and verifies by none.
    pub fn sign(&self, nvr: &str, sigkey: &str) -> Vec<Message> {
        self.sign_with(nvr, sigkey, |_| files::unverifiable(sigkey))
    }

    /// As [`Hub::sign`], by OpenPGP packets that `signer` makes for the main header of each file. Signed again by
    /// the same key, the row has another hash, and the copies are stale until they are written anew.
    pub fn sign_with(&self, nvr: &str, sigkey: &str, signer: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Message> {
        self.act(|rows, _| {
            let mut messages = Vec::new();
            for rpm in self.rpms(rows, nvr) {
                let header = files::signature_header(&self.unsigned(rows, &rpm), &signer);
                files::write(&self.sigcache(rows, &rpm, sigkey), &header);
                let row = Signature { sigkey: sigkey.to_owned(), sighash: files::md5(&header), sha256: None };
                messages.push(signed(rows, &rpm, sigkey, &row.sighash));
                let all = rows.signatures.entry(rpm.id).or_default();
                all.retain(|row| row.sigkey != sigkey);
                all.push(row);
            }
            messages
        })
    }

    /// Writes the signed copies of a build; announces nothing.
    pub fn write_signed(&self, nvr: &str, sigkey: &str) {
        self.act(|rows, _| {
            for rpm in self.rpms(rows, nvr) {
                let header = fs::read(self.sigcache(rows, &rpm, sigkey)).unwrap();
                let copy = files::spliced(&self.unsigned(rows, &rpm), &header);
                files::write(&self.signed_copy(rows, &rpm, sigkey), &copy);
                let signatures = rows.signatures.get_mut(&rpm.id).unwrap();
                let row = signatures.iter_mut().find(|row| row.sigkey == sigkey).unwrap();
                row.sha256 = Some(files::sha256(&copy));
            }
        });
    }

    /// Takes the signed copies of a build away, the signatures not; announces nothing.
    pub fn prune_signed(&self, nvr: &str, sigkey: &str) {
        self.act(|rows, _| {
            for rpm in self.rpms(rows, nvr) {
                files::remove(&self.signed_copy(rows, &rpm, sigkey));
            }
        });
    }

    /// Takes signatures away, with copies and headers; announces nothing, and no event tells of it.
    pub fn remove_signature(&self, nvr: &str, sigkey: &str) {
        self.act(|rows, _| {
            for rpm in self.rpms(rows, nvr) {
                files::remove(&self.signed_copy(rows, &rpm, sigkey));
                files::remove(&self.sigcache(rows, &rpm, sigkey));
                rows.signatures.get_mut(&rpm.id).unwrap().retain(|row| row.sigkey != sigkey);
            }
        });
    }

    /// Forgets the checksums that the hub had of a build's files.
    pub fn forget_checksums(&self, nvr: &str) {
        let mut rows = self.desk.rows();
        for rpm in self.rpms(&rows, nvr) {
            rows.signatures.get_mut(&rpm.id).unwrap().iter_mut().for_each(|row| row.sha256 = None);
        }
    }

    fn rpms(&self, rows: &Rows, nvr: &str) -> Vec<Rpm> {
        let mut rpms = rows.rpms[&rows.build_id(nvr).unwrap_or_else(|| panic!("no build {nvr}"))].clone();
        rpms.retain(|rpm| !rpm.metadata_only);
        rpms
    }

    fn dir(&self, rows: &Rows, rpm: &Rpm) -> PathBuf {
        let build = &rows.builds[&rows.build_of[&rpm.id]];
        files::build_dir(&self.volume, &rows.volumes[&build.volume], build)
    }

    pub(super) fn unsigned(&self, rows: &Rows, rpm: &Rpm) -> Vec<u8> {
        fs::read(self.dir(rows, rpm).join(&rpm.arch).join(rpm.file_name())).unwrap()
    }

    fn signed_copy(&self, rows: &Rows, rpm: &Rpm, sigkey: &str) -> PathBuf {
        self.dir(rows, rpm).join("data/signed").join(sigkey).join(&rpm.arch).join(rpm.file_name())
    }

    pub(super) fn sigcache(&self, rows: &Rows, rpm: &Rpm, sigkey: &str) -> PathBuf {
        let file = format!("{}.sig", rpm.file_name());
        self.dir(rows, rpm).join("data/sigcache").join(sigkey).join(&rpm.arch).join(file)
    }
}
