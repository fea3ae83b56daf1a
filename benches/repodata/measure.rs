//! What does a program cost? Its time by the clock and on the processors, and the most memory it had.
//!
//! Everything comes from `/proc`: the processors' time is read while the ended program is still a zombie,
//! the peak of memory a few hundred times a second until then.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Between two looks at the memory of a running program.
const LOOK: Duration = Duration::from_millis(4);
/// How many ticks of `/proc/PID/stat` a second has, on all of Linux's architectures in use.
const TICKS: u64 = 100;

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub wall: Duration,
    /// Of the program and of those it waited for.
    pub cpu: Option<Duration>,
    /// Most bytes resident at a time.
    pub peak: Option<u64>,
}

/// Runs a command to its end, its output at the end of `log`; an error unless it succeeds.
pub fn run(command: &mut Command, log: &Path) -> anyhow::Result<Sample> {
    let words = words(command);
    let output = File::options().create(true).append(true).open(log)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {words}"))?;
    let (id, pid, ended) = (child.id(), Pid::from_child(&child), AtomicBool::new(false));
    let (wall, peak) = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut peak = None;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(memory(id).map(|memory| memory.peak));
                thread::sleep(LOOK);
            }
            peak
        });
        let waited = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let wall = started.elapsed();
        ended.store(true, Ordering::Relaxed);
        let peak = looking.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        waited.map(|_| (wall, peak))
    })?;
    let cpu = processor_time(id);
    let status = child.wait()?;
    if !status.success() {
        bail!("{words} ended with {status}: {}", tail(log));
    }
    Ok(Sample { wall, cpu, peak })
}

/// Returns how much time the host of a virtual machine has kept the processors from it, and all time that they
/// counted, in ticks since the start; `None` where the kernel does not tell.
pub fn stolen() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields = text.lines().next()?.split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    Some((*ticks.get(7)?, ticks.iter().sum()))
}

/// Returns the command as a person would type it.
pub fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Memory of a running program, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    /// The most that was resident, since its start or [`forget_peak`].
    pub peak: u64,
}

/// Returns the memory of a program; `None` where it has ended.
pub fn memory(id: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
    };
    Some(Memory { resident: line("VmRSS:")?, peak: line("VmHWM:")? })
}

/// Lets the peak of a running program's memory begin again at what it has now.
pub fn forget_peak(id: u32) -> anyhow::Result<()> {
    let place = format!("/proc/{id}/clear_refs");
    fs::write(&place, "5").with_context(|| format!("cannot write {place}"))
}

/// Returns the time on the processors, that of children it waited for included.
pub fn processor_time(id: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold blanks; the times are the 14th to 17th field of the line.
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    let mut ticks = 0;
    for field in fields {
        ticks += field.parse::<u64>().ok()?;
    }
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}

/// Returns the last lines of a log, in one.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}
