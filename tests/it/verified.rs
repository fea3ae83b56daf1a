//! Is an RPM's signature verified against the keys that one trusts? RPMs signed by rpmsign with keys of gpg.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tannery::rpms::{Judgement, Keys, VerifyError, read_signed};

use crate::world::{Signer, World};

fn copy(world: &World, name: &str) -> PathBuf {
    let original = world.distribution().first[0].clone();
    let copy = world.path(name);
    fs::copy(original, &copy).unwrap();
    copy
}

async fn judged(keys: &Keys, rpm: &Path) -> Judgement {
    let (_, signed) = read_signed(File::open(rpm).unwrap()).unwrap();
    keys.judge(&signed).await.unwrap()
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
    Keys::try_gpgv().await.unwrap();

    let unsigned = copy(&world, "unsigned.rpm");
    assert_eq!(why(judged(&keys, &unsigned).await), "its header is not signed");

    let by_ours = copy(&world, "ours.rpm");
    ours.sign(&by_ours);
    assert_eq!(judged(&keys, &by_ours).await, Judgement::Good { key: ours.fingerprint() });

    let by_other = copy(&world, "other.rpm");
    other.sign(&by_other);
    let named = other.fingerprint().to_ascii_lowercase()[24..].to_owned();
    assert_eq!(why(judged(&keys, &by_other).await), format!("none of the keys made it: it names {named}"));
    assert_eq!(judged(&both, &by_other).await, Judgement::Good { key: other.fingerprint() });

    // All that is needed is in front of the payload.
    let bytes = fs::read(&by_ours).unwrap();
    let (front, _) = read_signed(File::open(&by_ours).unwrap()).unwrap();
    let cut = world.write("front.rpm", &bytes[..front.package.header_range.end as usize]);
    assert_eq!(judged(&keys, &cut).await, Judgement::Good { key: ours.fingerprint() });
}

#[tokio::test]
async fn a_forged_signature_is_not_good_and_a_broken_header_is_refused() {
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
    let said = why(judged(&keys, &world.write("forged.rpm", forged)).await);
    assert_eq!(said, "it is bad: it was made for another header");

    let (front, _) = read_signed(File::open(&rpm).unwrap()).unwrap();
    let mut broken = bytes;
    let name = front.package.nevra.name.as_str().as_bytes();
    let header = front.package.header_range.start as usize;
    let at = header + broken[header..].windows(name.len()).position(|bytes| bytes == name).unwrap();
    broken[at] ^= 1;
    let refused = read_signed(File::open(world.write("broken.rpm", broken)).unwrap());
    assert!(matches!(refused, Err(tannery::rpms::Error::Broken(_))), "{refused:?}");
    assert!(matches!(Keys::read(&world.write("none.asc", "no keys")), Err(VerifyError::NoKeys { .. })));
    assert!(matches!(Keys::read(&world.path("absent.asc")), Err(VerifyError::Keys { .. })));
}

/// Returns where the last byte of the header's RSA signature stands (tag 268 of the signature header).
pub fn last_of_signature(rpm: &[u8]) -> usize {
    let number = |at: usize| u32::from_be_bytes(rpm[at..at + 4].try_into().unwrap()) as usize;
    let (intro, entries) = (96, number(104));
    let index = intro + 16;
    let entry = (0..entries).map(|at| index + 16 * at).find(|at| number(*at) == 268).unwrap();
    index + 16 * entries + number(entry + 8) + number(entry + 12) - 1
}
