//! Do strangers read what we write? dnf installs from it; that createrepo_c reads it, all tests of this room need.

use std::process::Command;

use super::House;
use crate::world::{run, tool};

#[test]
fn dnf_installs_whatever_the_compression() {
    let house = House::new();
    for number in 0..house.made.first.len() {
        house.put(number, house.file_name(number));
    }
    for packing in ["zstd", "gz", "xz", "bz2"] {
        house.make(&["--general-compress-type", packing]);
        let address = format!("file://{}", house.dir().display());
        let installed =
            run(Command::new(tool("dnf-install")).arg(address).arg(house.world.path(packing)).arg("oak-hello"));
        assert!(installed.ok().contains("oak-hello-"), "{packing}");
    }
}
