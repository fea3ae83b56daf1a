//! Is `docs/metadata-format.md` true? Held against our files by two programs that follow its words alone.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tannery::repodata::Compression;

use crate::made::{self, CUTS};
use crate::world::{World, python, run};

const COMPRESSIONS: [Compression; 2] = [Compression::Zstd { level: 3 }, Compression::Gzip { level: 6 }];

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&run(command).ok()).unwrap()
}

#[test]
fn the_files_are_as_the_page_says() {
    for compression in COMPRESSIONS {
        let world = World::new();
        let mut several = made::set(400);
        for version in ["1.1", "1.2", "1.10"] {
            made::put(&mut several, made::described("p0007", "x86_64", version, 300));
        }
        for (name, set, least) in [("empty", made::set(0), 0), ("one", made::set(1), 1), ("several", several, 30)] {
            made::write(&world.path(name), &set, compression, 1);
            let cuts = [CUTS.filelists, CUTS.primary, CUTS.other].map(|usual| usual.to_string());
            let segments = json(python("format_check.py").arg(world.path(name)).args(cuts));
            assert!(segments["filelists"].as_u64().unwrap() >= least, "{segments}");
            assert!(segments["filelists"].as_u64() >= segments["primary"].as_u64(), "{segments}");
        }
    }
}

#[test]
fn a_reader_that_follows_the_page_fetches_what_changed() {
    for compression in COMPRESSIONS {
        let world = World::new();
        let (mut set, server) = (made::set(3_000), world.path("server"));
        made::write(&server, &set, compression, 1);
        run(Command::new("cp").arg("-r").arg(&server).arg(world.path("old"))).ok();
        made::take(&mut set, "p1500");
        made::put(&mut set, made::described("p1500", "x86_64", "2", 30));
        made::write(&server, &set, compression, 2);
        let (_server, address) = world.partial_server("server");
        let url = format!("http://{address}");
        let told = json(python("delta_reader.py").arg(&url).arg(world.path("old")).arg(world.path("new")));
        for kind in ["primary", "filelists", "other"] {
            let (size, fetched) = (told[kind]["size"].as_u64().unwrap(), told[kind]["fetched"].as_u64().unwrap());
            assert_eq!(told[kind]["whole"], Value::Null, "{told}");
            assert!(fetched * 4 < size, "{told}");
        }
        assert_same_metadata(&world, "server", "new");

        fs::remove_dir_all(world.path("new")).unwrap();
        let (_server, address) = world.static_server("server");
        let url = format!("http://{address}");
        let told = json(python("delta_reader.py").arg(&url).arg(world.path("old")).arg(world.path("new")));
        assert_eq!(told["primary"]["whole"], "the server gives no parts", "{told}");
        assert_same_metadata(&world, "server", "new");
    }
}

/// Checks that every file of one repository's `repodata` is in the other's, byte for byte.
fn assert_same_metadata(world: &World, server: &str, mirror: &str) {
    for entry in fs::read_dir(world.path(mirror).join("repodata")).unwrap() {
        let name = entry.unwrap().file_name();
        let bytes = |of: &str| fs::read(world.path(of).join("repodata").join(&name)).unwrap();
        assert_eq!(bytes(server), bytes(mirror), "{name:?}");
    }
}
