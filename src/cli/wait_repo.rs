//! `tannery wait-repo`: can a fresh client install the build yet?
//!
//! Only the waiting is here; whether a build is visible, or never will be, is asked.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::output::print;
use crate::app::App;
use crate::clock::Clock;
use crate::model::{Arch, Nvr, TagName};
use crate::repos::Visibility;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Exit status: it did not come true in time.
const TIMEOUT: u8 = 3;

/// Exit status: it cannot come true.
const NEVER: u8 = 4;

/// Wait until a tag's repositories hold builds
///
/// Ends once a client that begins now would see all of them, or at once when that cannot come true,
/// with one word for it and the reason: held, blocked, superseded,
/// deleted, not-followed, no-repository, no-arch, no-tag.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 visible, 1 failed, 2 wrong arguments, 3 not in time, 4 it cannot come true.")]
pub(super) struct WaitRepo {
    /// The tag
    tag: TagName,
    /// Wait for this build; may be repeated, for all of them
    #[arg(long, value_name = "NVR", required = true)]
    contains: Vec<Nvr>,
    /// Wait for the repository of this arch only; may be repeated [default: all of the tag's]
    #[arg(long = "arch", value_name = "ARCH")]
    arches: Vec<Arch>,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

/// How waiting ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Visible,
    Timeout { pending: Vec<Nvr> },
    Never { word: &'static str, reason: String },
}

impl WaitRepo {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let look = async |nvr: &Nvr| Ok(app.repos.visible(&self.tag, nvr, &self.arches).await?);
        let timeout = Duration::from_secs(self.timeout);
        let (line, status) = match wait(&self.contains, look, &app.clock, timeout, LOOK).await? {
            End::Visible => ("visible".to_owned(), 0),
            End::Timeout { pending } => {
                let names: Vec<String> = pending.iter().map(ToString::to_string).collect();
                (format!("timeout: not there after {} s: {}", self.timeout, names.join(", ")), TIMEOUT)
            }
            End::Never { word, reason } => (format!("{word}: {reason}"), NEVER),
        };
        print(&(super::output::harmless(&line) + "\n"))?;
        Ok(ExitCode::from(status))
    }
}

/// Looks at each build until all are visible, one never will be, or the time is over; at least once.
async fn wait(
    builds: &[Nvr],
    look: impl AsyncFn(&Nvr) -> anyhow::Result<Visibility>,
    clock: &Clock,
    timeout: Duration,
    between: Duration,
) -> anyhow::Result<End> {
    let begun = clock.monotonic_millis();
    loop {
        let mut pending = Vec::new();
        for nvr in builds {
            match look(nvr).await? {
                Visibility::Visible => {}
                Visibility::Pending => pending.push(nvr.clone()),
                Visibility::Never { word, reason } => return Ok(End::Never { word, reason }),
            }
        }
        if pending.is_empty() {
            return Ok(End::Visible);
        }
        let left = timeout.saturating_sub(Duration::from_millis(clock.monotonic_millis() - begun));
        if left.is_zero() {
            return Ok(End::Timeout { pending });
        }
        tokio::time::sleep(between.min(left)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Waits for two builds, given what each look shows, the last one again and again.
    async fn ended(looks: Vec<Visibility>, timeout: Duration) -> (End, usize) {
        let builds: Vec<Nvr> = ["a-1-1", "b-1-1"].map(|nvr| nvr.parse().unwrap()).to_vec();
        let seen = RefCell::new(0);
        let look = async |_: &Nvr| {
            *seen.borrow_mut() += 1;
            Ok(looks[(*seen.borrow() - 1).min(looks.len() - 1)].clone())
        };
        let end = wait(&builds, look, &Clock::system(), timeout, Duration::from_millis(1)).await.unwrap();
        (end, seen.into_inner())
    }

    #[tokio::test]
    async fn waiting_ends_when_all_builds_are_visible() {
        use Visibility::{Pending, Visible};
        let (end, looks) = ended(vec![Visible, Pending, Pending, Visible, Visible], Duration::from_secs(60)).await;
        assert_eq!((end, looks), (End::Visible, 6));
    }

    #[tokio::test]
    async fn it_ends_at_once_when_one_build_never_comes() {
        let never = Visibility::Never { word: "held", reason: "a is held".to_owned() };
        let (end, looks) = ended(vec![Visibility::Pending, never], Duration::from_secs(60)).await;
        assert_eq!((end, looks), (End::Never { word: "held", reason: "a is held".to_owned() }, 2));
    }

    #[tokio::test]
    async fn no_time_is_enough_for_one_look() {
        assert_eq!(ended(vec![Visibility::Visible], Duration::ZERO).await, (End::Visible, 2));
        let (end, looks) = ended(vec![Visibility::Visible, Visibility::Pending], Duration::ZERO).await;
        assert_eq!((end, looks), (End::Timeout { pending: vec!["b-1-1".parse().unwrap()] }, 2));
    }
}
