//! Can any file make the RPM reader panic, or reserve more than its limits? What it takes, it must be able to
//! describe.

#![no_main]

use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use tannery::repodata::describe;
use tannery::rpms::{ReadOptions, read_for_listing, read_verified};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::tempfile().expect("a file without a name can be made");
    file.write_all(bytes).expect("it can be written");
    file.rewind().expect("it can be read again");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let _ = read_verified(&path);
    if let Ok((package, listed)) = read_for_listing(&path, &ReadOptions::default()) {
        let _ = describe(package, listed).texts();
    }
});
