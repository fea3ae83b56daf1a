//! How long do `createrepo_c` and `tannery createrepo` take? All packages, and one replaced.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::corpus::replace;
use super::disk;
use super::measure::{Sample, run, words};
use super::report::{Contender, Outcome, megabytes};
use super::setup::{Setup, tannery};

/// A program, what it is called, and the arguments that stand before `-o OUT DIR`.
struct Program {
    who: String,
    place: std::ffi::OsString,
    arguments: Vec<&'static str>,
}

impl Program {
    fn command(&self, more: &[&str], out: &Path, packages: &Path) -> Command {
        let mut command = Command::new(&self.place);
        command.args(&self.arguments).arg("-q").args(more).arg("-o").arg(out).arg(packages);
        command
    }
}

/// Returns the programs for a compression: the newest peer, ours, and the distribution's where it can.
fn programs(setup: &Setup, compression: &'static str) -> anyhow::Result<Vec<Program>> {
    let compressed = vec!["--general-compress-type", compression];
    let newest = setup.newest()?;
    let own = [&["createrepo"][..], &compressed].concat();
    let mut programs = vec![
        Program { who: newest.name, place: newest.place.into(), arguments: compressed.clone() },
        Program { who: "tannery".to_owned(), place: tannery().get_program().to_owned(), arguments: own },
    ];
    if compression == "gz" {
        let old = Setup::distribution()?;
        // It makes SQLite databases unless told not to.
        let arguments = [&compressed[..], &["--no-database"]].concat();
        programs.insert(1, Program { who: old.name, place: old.place.into(), arguments });
    }
    Ok(programs)
}

/// Measures cold runs, each into an empty directory, in turn.
pub fn cold(setup: &Setup, outcome: &mut Outcome, compression: &'static str) -> anyhow::Result<()> {
    let programs = programs(setup, compression)?;
    for program in &programs {
        let command = words(&program.command(&[], Path::new("OUT"), Path::new("DIR")));
        outcome.contenders.push(Contender::new(&program.who, command));
    }
    for _ in 0..setup.rounds {
        for (program, contender) in programs.iter().zip(&mut outcome.contenders) {
            let out = setup.fresh("out")?;
            match run(&mut program.command(&[], &out, &setup.packages), &setup.log()) {
                Ok(sample) => contender.samples.push(sample),
                Err(error) => {
                    outcome.failure = Some(format!("{error:#}"));
                    continue;
                }
            }
            contender.bytes = Some(disk::sizes(&out.join("repodata"))?.iter().sum());
        }
    }
    let sizes = outcome.contenders.iter().map(|contender| contender.bytes);
    let sizes: Option<Vec<u64>> = sizes.collect();
    if let Some([first, .., last]) = sizes.as_deref() {
        outcome.notes.push(format!("size to the first's: {:.3}", *last as f64 / *first as f64));
    }
    Ok(())
}

/// Measures `--update` after one package was replaced, in turn; each program keeps a repository of its own.
pub fn update(setup: &Setup, outcome: &mut Outcome) -> anyhow::Result<()> {
    let packages = setup.copy("updated")?;
    let programs = programs(setup, "zstd")?;
    let mut outs = Vec::new();
    for (number, program) in programs.iter().enumerate() {
        let command = words(&program.command(&["--update"], Path::new("OUT"), Path::new("DIR")));
        outcome.contenders.push(Contender::new(&program.who, command));
        let out = setup.fresh(&format!("updated-{number}"))?;
        run(&mut program.command(&[], &out, &packages), &setup.log())?;
        outs.push(out);
    }
    for round in 1..=setup.rounds {
        replace(&setup.corpus, &packages, 1, round)?;
        for ((program, contender), out) in programs.iter().zip(&mut outcome.contenders).zip(&outs) {
            contender.samples.push(run(&mut program.command(&["--update"], out, &packages), &setup.log())?);
        }
    }
    let last = outs.last().context("there is no program")?;
    let sizes = disk::sizes(&last.join("repodata"))?;
    let probe = disk::write_and_sync(&setup.scratch, &sizes)?;
    let bytes = megabytes(sizes.iter().sum());
    outcome.notes.push(format!("writing and syncing {bytes} on the same disk: {} ms", probe.as_millis()));
    fs::remove_dir_all(&packages)?;
    Ok(())
}

/// Measures that clients are not slower with ours than with the newest peer's.
pub fn clients(setup: &Setup, outcome: &mut Outcome) -> anyhow::Result<()> {
    let mut repositories = Vec::new();
    for (number, program) in programs(setup, "zstd")?.iter().enumerate() {
        let out = setup.fresh(&format!("read-{number}"))?;
        run(&mut program.command(&[], &out, &setup.packages), &setup.log())?;
        repositories.push((program.who.clone(), out));
    }
    for client in [makecache, repo2solv] {
        let mut contenders: Vec<Contender> = Vec::new();
        for round in 0..setup.rounds {
            for (number, (who, out)) in repositories.iter().enumerate() {
                let cache = setup.fresh("cache")?;
                let mut command = client(out, &cache)?;
                if round == 0 {
                    let said = words(&command).replace(&setup.scratch.display().to_string(), "SCRATCH");
                    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
                    contenders.push(Contender::new(&format!("{}, {who}'s", program.to_string_lossy()), said));
                }
                let sample: Sample = run(&mut command, &setup.log())?;
                contenders[number].samples.push(sample);
            }
        }
        if let [peer, own] = &contenders[..]
            && let (Some(peer), Some(time)) = (peer.median(), own.median())
        {
            let ratio = time.as_secs_f64() / peer.as_secs_f64();
            outcome.notes.push(format!("{} to the peer's: {ratio:.2}", own.who));
        }
        outcome.contenders.append(&mut contenders);
    }
    Ok(())
}

fn makecache(repository: &Path, cache: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new("dnf");
    let url = format!("bench,file://{}", repository.canonicalize()?.display());
    command.args(["-q", "--disablerepo=*", "--repofrompath", &url, "--enablerepo=bench", "--nogpgcheck"]);
    command.arg(format!("--setopt=cachedir={}", cache.display()));
    command.args(["--setopt=reposdir=/dev/null", "--setopt=bench.optional_metadata_types=filelists", "makecache"]);
    Ok(command)
}

fn repo2solv(repository: &Path, cache: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new("repo2solv");
    command.arg("-o").arg(cache.join("solv")).arg("-X").arg(repository);
    Ok(command)
}
