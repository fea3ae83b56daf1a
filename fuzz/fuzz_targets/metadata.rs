//! Can any bytes make the readers of other people's metadata panic, or go on for ever?

#![no_main]

use libfuzzer_sys::fuzz_target;
use tannery::repodata::read::{Decompressed, Document, Joined, Limits, Packages};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { open_bytes: 16 << 20, ..Limits::default() };
    for document in [Document::Primary, Document::Filelists, Document::Other] {
        let Ok(open) = Decompressed::new(bytes, limits) else { return };
        let mut packages = Packages::new(open, document, "the input", limits);
        while let Ok(Some(_)) = packages.next() {}
    }
    let Ok(open) = Decompressed::new(bytes, limits) else { return };
    let mut joined = Joined::new(Packages::new(open, Document::Primary, "the input", limits), Vec::new());
    while let Ok(Some(listed)) = joined.next() {
        let _ = listed.described();
    }
});
