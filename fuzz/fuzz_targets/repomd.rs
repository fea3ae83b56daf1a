//! Can any bytes make the reader of `repomd.xml` panic? What it takes, it must write so that it comes back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tannery::repodata::Repomd;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(repomd) = Repomd::parse(bytes) {
        let again = Repomd::parse(&repomd.to_bytes()).expect("what is written can be read");
        assert_eq!(again, repomd);
    }
});
