//! Is everything on the disk before it is shown? Told by the system calls of the service, since a kill
//! does not lose what the kernel holds, and a loss of power does.

mod disk;
mod trace;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tannery::demo::packages::UPDATED;

use crate::world::{SOON, Service, Site, Store, peer, run};
use disk::Disk;
use trace::{Act, Call};

const TAG: &str = "oak-1";

/// One swap: the moment something becomes visible.
struct Swap<'a> {
    call: &'a Call,
    from: &'a Path,
    to: &'a Path,
}

#[test]
fn all_of_a_generation_is_synced_before_its_swap_and_the_swap_after_it() {
    let site = Site::new(Store::Sqlite, "[repos]\nquiet = \"20ms\"\nat_latest = \"100ms\"\n");
    let distribution = site.world.distribution();
    let trace = site.world.path("trace");
    let service = traced(&site, &trace, &["serve"]);
    let mut service = Service::start(&mut { service }, &site.world.path("serve.log"));
    service.ready(&site.address, "/readyz", SOON).unwrap();
    site.import(&distribution.first);
    site.import(&distribution.update);
    site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
    let builds: Vec<String> = distribution.first_builds.iter().map(ToString::to_string).collect();
    let tag = |builds: &[String]| {
        let builds: Vec<&str> = builds.iter().map(String::as_str).collect();
        site.run(&[&["tag", "add", TAG], &builds[..]].concat()).ok();
        assert_eq!(site.wait_repo(TAG, builds.last().unwrap(), 60).status, 0);
    };
    // The first generation with packages, more of them, one of an RPM that is there, one of a new one.
    let hello = |build: &&String| build.starts_with(UPDATED);
    tag(&builds[..10]);
    tag(&builds);
    tag(&[builds.iter().find(hello).unwrap().clone()]);
    tag(&[distribution.update_build.to_string()]);
    // The traced program, not its tracer, which lets no signal through.
    kill_process(child_of(service.id()), Signal::TERM).unwrap();
    assert!(service.wait(SOON).success());

    let calls = trace::parse(&fs::read_to_string(&trace).unwrap());
    let swaps: Vec<Swap<'_>> = renames(&calls).filter(|swap| swap.to.ends_with("repodata/repomd.xml")).collect();
    for name in ["src", "x86_64", "x86_64-debug"] {
        let base = site.repository(TAG, name);
        let found = swaps.iter().filter(|swap| swap.to.starts_with(&base)).count();
        assert!(found >= 2, "{name}: {found} swaps");
    }
    let losses: Vec<String> = swaps.iter().flat_map(|swap| losses_of_generation(swap, &calls)).collect();
    assert!(losses.is_empty(), "{}", losses.join("\n"));
    the_check_sees_each_missing_sync(&swaps, &calls);
}

#[test]
fn all_of_a_compose_is_synced_before_it_is_shown() {
    let site = Site::new(Store::Sqlite, "");
    let distribution = site.world.distribution();
    site.import(&distribution.first);
    site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
    let builds: Vec<String> = distribution.first_builds.iter().map(ToString::to_string).collect();
    let builds: Vec<&str> = builds.iter().map(String::as_str).collect();
    site.run(&[&["tag", "add", TAG], &builds[..]].concat()).ok();
    let definition = site.world.write(
        "oak.toml",
        "[release]\nname = \"Oak\"\nshort = \"Oak\"\nversion = \"1\"\n[compose]\ntype = \"nightly\"\n\
         tag = \"oak-1\"\narches = [\"x86_64\"]\n[[variant]]\nid = \"Everything\"\npackages = [\"*\"]\n",
    );
    let trace = site.world.path("trace");
    run(&mut traced(&site, &trace, &["compose", "run", definition.to_str().unwrap()])).ok();
    let calls = trace::parse(&fs::read_to_string(&trace).unwrap());
    let composes = fs::canonicalize(site.world.path("data/composes")).unwrap();
    let shown = |swap: &Swap<'_>| swap.to.parent() == Some(&composes) && swap.to.join("COMPOSE_ID").is_file();
    let swaps: Vec<Swap<'_>> = renames(&calls).filter(shown).collect();
    let trees: Vec<&Swap<'_>> = swaps.iter().filter(|swap| !swap.to.is_symlink()).collect();
    assert_eq!(trees.len(), 1);
    let before = Disk::at(trees[0].call.begin, &calls);
    let all = before.below(trees[0].from);
    let rpms = all.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rpm")).count();
    assert!(rpms > distribution.first_builds.len(), "{rpms} RPMs in the trace");
    let mut losses: Vec<String> = all.iter().flat_map(|path| losses_below(&before, path, trees[0].from)).collect();
    // The pointer is swapped once the tree cannot be lost any more, and is synced itself.
    let pointer = swaps.iter().find(|swap| swap.to.is_symlink()).expect("no latest- link");
    losses.extend(Disk::at(pointer.call.begin, &calls).lost_names(trees[0].to));
    losses.extend(Disk::at(usize::MAX, &calls).lost_names(pointer.to));
    assert!(losses.is_empty(), "{}", losses.join("\n"));
    // The check sees what is missing: once without the syncs of files, once without those of directories.
    for missing in [false, true] {
        let is_directory = |path: &Path| calls.iter().any(|call| call.act == Act::MakeDir(path.to_owned()));
        let stays = |call: &&Call| !matches!(&call.act, Act::Sync(path) if is_directory(path) == missing);
        let without = Disk::at(trees[0].call.begin, &calls.iter().filter(stays).cloned().collect::<Vec<_>>());
        assert!(all.iter().any(|path| !losses_below(&without, path, trees[0].from).is_empty()), "{missing}");
    }
}

/// Returns the command that runs `tannery` under strace. It ends with its tracer.
fn traced(site: &Site, trace: &Path, arguments: &[&str]) -> Command {
    let tannery = site.world.tannery(arguments);
    let mut command = Command::new(peer("STRACE"));
    command.args(["-f", "-y", "-s", "65536", "--seccomp-bpf", "-e", &format!("trace={}", trace::CALLS), "-o"]);
    command.arg(trace).args(["setpriv", "--pdeathsig", "KILL"]).arg(tannery.get_program()).args(tannery.get_args());
    command.current_dir(tannery.get_current_dir().unwrap());
    for (name, value) in tannery.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

fn child_of(id: u32) -> Pid {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    Pid::from_raw(children.trim().parse().unwrap()).unwrap()
}

fn renames(calls: &[Call]) -> impl Iterator<Item = Swap<'_>> {
    calls.iter().filter_map(|call| match &call.act {
        Act::Rename(from, to) => Some(Swap { call, from, to }),
        _ => None,
    })
}

/// Returns what a reader could miss who sees `repomd.xml` after a loss of power at any moment.
fn losses_of_generation(swap: &Swap<'_>, calls: &[Call]) -> Vec<String> {
    let repodata = swap.to.parent().unwrap();
    let base = repodata.parent().unwrap();
    let before = Disk::at(swap.call.begin, calls);
    let mut losses: Vec<String> = before.lost_bytes(swap.from).into_iter().collect();
    let data = data_files(swap, calls);
    assert_eq!(data.len(), 3, "{data:?}");
    losses.extend(data.iter().flat_map(|name| before.losses(&base.join(name))));
    let pool = fs::canonicalize(base.join("packages")).unwrap();
    for location in locations(&base.join(data.iter().find(|name| name.contains("primary.xml")).unwrap())) {
        losses.extend(before.losses(&pool.join(location.strip_prefix("packages/").unwrap())));
    }
    losses.extend(before.lost_names(&base.join("packages")));
    // Until the next swap of the same pointer, at the latest.
    let next = renames(calls).find(|next| next.to == swap.to && next.call.begin > swap.call.end);
    let after = Disk::at(next.map_or(usize::MAX, |next| next.call.begin), calls);
    losses.extend(after.losses(swap.to));
    losses
}

/// Returns the data files that a `repomd.xml` names, out of what was written into it before its swap.
fn data_files(swap: &Swap<'_>, calls: &[Call]) -> BTreeSet<String> {
    let began = calls.iter().rfind(|call| call.end < swap.call.begin && call.act == Act::Create(swap.from.to_owned()));
    let began = began.expect("the new repomd.xml was never made").begin;
    let written = calls.iter().filter(|call| call.begin > began && call.end < swap.call.begin);
    let mut text = String::new();
    for call in written {
        if let Act::Write(path, shown) = &call.act
            && path == swap.from
        {
            text.push_str(shown);
        }
    }
    hrefs(&text.replace('\\', "")).map(ToOwned::to_owned).collect()
}

/// Returns the locations of packages in a primary file, which stands there still.
fn locations(primary: &Path) -> Vec<String> {
    let bytes = zstd::decode_all(File::open(primary).unwrap()).unwrap();
    hrefs(&String::from_utf8(bytes).unwrap()).map(ToOwned::to_owned).collect()
}

fn hrefs(text: &str) -> impl Iterator<Item = &str> {
    text.split("<location href=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0))
}

/// Returns what a loss of power would take of a path, apart from the names above `root`: the directory
/// that is yet to be shown.
fn losses_below(disk: &Disk, path: &Path, root: &Path) -> Vec<String> {
    let mut losses: Vec<String> = if disk.is_file(path) { disk.losses(path) } else { disk.lost_names(path) };
    let own = format!("{} was not synced after {} came", root.parent().unwrap().display(), root.display());
    losses.retain(|loss| !loss.starts_with(&own));
    losses
}

/// Takes each sync out of the trace that belongs to the last swap: each time something is lost.
fn the_check_sees_each_missing_sync(swaps: &[Swap<'_>], calls: &[Call]) {
    let swap = swaps.last().unwrap();
    let repodata = swap.to.parent().unwrap();
    let named: Vec<PathBuf> = calls
        .iter()
        .filter_map(|call| match &call.act {
            Act::Sync(path) if path.starts_with(repodata) => Some(path.clone()),
            _ => None,
        })
        .collect();
    assert!(named.iter().any(|path| path == repodata) && named.len() > 4, "{named:?}");
    for path in [swap.from.to_owned(), repodata.to_owned()] {
        let without: Vec<Call> = calls.iter().filter(|call| call.act != Act::Sync(path.clone())).cloned().collect();
        let swap = renames(&without).find(|other| other.call.begin == swap.call.begin).unwrap();
        assert!(!losses_of_generation(&swap, &without).is_empty(), "without the syncs of {}", path.display());
    }
}
