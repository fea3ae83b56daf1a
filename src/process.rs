//! What does another program answer? The one place that starts programs: with a list of arguments and no
//! shell, within a time, and with no more of its answer than asked for.
//!
//! What a program is for, and whether its answer is any good, is not known here. A program that takes too
//! long, says too much, or is asked for no longer is killed with all that it has started in its group.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// How much of what a program complains of is told, in bytes.
const COMPLAINT: u64 = 2000;

/// What a program is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How many bytes it may answer.
    pub output: u64,
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no program named.
    #[error("no program is named")]
    Nothing,
    /// It could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It could not be talked to.
    #[error("cannot talk to {program}")]
    Talk {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{program} was not done within {} s and was killed", time.as_secs_f64())]
    TooLong {
        /// The program.
        program: String,
        /// How long it had.
        time: Duration,
    },
    /// It said too much.
    #[error("{program} answered with more than {output} bytes and was killed")]
    TooMuch {
        /// The program.
        program: String,
        /// How many it might.
        output: u64,
    },
    /// It says that it failed.
    #[error("{program} failed ({status}){}", said(complaint))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said on standard error, on one line.
        complaint: String,
    },
}

fn said(complaint: &str) -> String {
    if complaint.is_empty() { String::new() } else { format!(": {complaint}") }
}

/// Runs a program, gives it `input` on standard input, and returns what it answers on standard output.
///
/// # Errors
/// It cannot be run, passes a limit, or ends with another status than 0.
pub async fn ask(command: &[String], input: &[u8], limits: Limits) -> Result<Vec<u8>, Error> {
    match hear(command, input, limits).await? {
        (answer, None) => Ok(answer),
        (_, Some(failure)) => Err(failure),
    }
}

/// As [`ask`], of a program whose answer counts also where it ends with another status than 0: then that comes with it,
/// as [`Error::Failed`].
///
/// # Errors
/// It cannot be run, or passes a limit.
pub async fn hear(command: &[String], input: &[u8], limits: Limits) -> Result<(Vec<u8>, Option<Error>), Error> {
    let (program, arguments) = command.split_first().ok_or(Error::Nothing)?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| Error::Start { program: program.clone(), source })?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let talked = tokio::time::timeout(limits.time, talk(child, input, limits.output)).await;
    let talked = talked.map_err(|_| Error::TooLong { program: program.clone(), time: limits.time })?;
    let (status, answer, complaint) = talked.map_err(|source| Error::Talk { program: program.clone(), source })?;
    let Some(status) = status else { return Err(Error::TooMuch { program: program.clone(), output: limits.output }) };
    group.0 = None;
    let failure = (!status.success()).then(|| Error::Failed { program: program.clone(), status, complaint });
    Ok((answer, failure))
}

/// Talks until the program has ended; without a status where it said more than it may.
async fn talk(mut child: Child, input: &[u8], most: u64) -> std::io::Result<(Option<ExitStatus>, Vec<u8>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        let Some(mut stdin) = stdin else { return Ok(()) };
        match stdin.write_all(input).await {
            // It need not read all of it, nor any.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    };
    let listen = async {
        let answer = read(stdout, most + 1).await?;
        // An error ends the other two: who says too much may go on for ever.
        if answer.len() as u64 > most { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(answer) }
    };
    let complain = async {
        let mut stderr = stderr;
        let complaint = read(stderr.as_mut(), COMPLAINT).await?;
        // What is not told is read nevertheless, or the program would wait for ever.
        if let Some(stderr) = &mut stderr {
            tokio::io::copy(stderr, &mut tokio::io::sink()).await?;
        }
        Ok(complaint)
    };
    let (answer, complaint) = match tokio::try_join!(feed, listen, complain) {
        Ok(((), answer, complaint)) => (answer, complaint),
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => return Ok((None, Vec::new(), String::new())),
        Err(error) => return Err(error),
    };
    let complaint = String::from_utf8_lossy(&complaint).split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((Some(child.wait().await?), answer, complaint))
}

async fn read(from: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// A program with all that it has started, killed when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            // Whoever has ended already needs no end.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { time: Duration::from_secs(30), output: 1 << 20 };

    async fn run(command: &[&str], input: &[u8], limits: Limits) -> Result<Vec<u8>, String> {
        let command: Vec<String> = command.iter().map(ToString::to_string).collect();
        ask(&command, input, limits).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_program_gets_its_input_and_gives_its_answer() {
        let input: Vec<u8> = (0..500_000).map(|n| n as u8).collect();
        assert_eq!(run(&["cat"], &input, LIMITS).await.unwrap(), input);
        assert_eq!(run(&["echo", "$HOME; `id`"], &input, LIMITS).await.unwrap(), b"$HOME; `id`\n");
    }

    #[tokio::test]
    async fn failures_are_told_with_what_the_program_said() {
        let refused = run(&["cat", "/nonexistent/x"], b"", LIMITS).await.unwrap_err();
        assert!(refused.starts_with("cat failed (exit status: 1): cat: /nonexistent/x: "), "{refused}");
        assert!(run(&["/nonexistent/program"], b"", LIMITS).await.unwrap_err().starts_with("cannot start "));
        assert_eq!(run(&[], b"", LIMITS).await.unwrap_err(), "no program is named");
        let command = ["sh", "-c", "echo said; exit 3"].map(str::to_owned);
        let (said, failure) = hear(&command, b"", LIMITS).await.unwrap();
        assert_eq!((said, failure.unwrap().to_string()), (b"said\n".to_vec(), "sh failed (exit status: 3)".to_owned()));
    }

    #[tokio::test]
    async fn who_takes_too_long_or_says_too_much_is_killed_with_its_children() {
        let short = Limits { time: Duration::from_millis(200), ..LIMITS };
        let mark = format!("{}", 86_400 + std::process::id());
        let refused = run(&["sh", "-c", &format!("sleep {mark} & sleep {mark}")], b"", short).await.unwrap_err();
        assert_eq!(refused, "sh was not done within 0.2 s and was killed");
        let refused = run(&["sh", "-c", &format!("sleep {mark} & yes")], b"", LIMITS).await.unwrap_err();
        assert_eq!(refused, "sh answered with more than 1048576 bytes and was killed");
        let still_runs = || {
            let all = std::fs::read_dir("/proc").unwrap().flatten();
            let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
            lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())).count() > 0
        };
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while still_runs() {
            assert!(std::time::Instant::now() < end, "children live on");
            tokio::task::yield_now().await;
        }
    }
}
