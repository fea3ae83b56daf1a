//! When does work begin and when must it stop? The only place that spawns tasks and hears signals.
//!
//! Two tokens: the soft one says "finish what is in hand", the hard one "drop it". A room that loops
//! looks at the soft token between two steps; nothing is lost by the hard one, since every step is
//! durable or not begun.

use std::future::Future;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long work in hand may go on after the soft stop.
const GRACE: Duration = Duration::from_secs(20);

/// A task ended that should have run until the stop, and took the process with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{task} ended by itself, and the service with it")]
pub struct Broken {
    /// The task's name.
    pub task: &'static str,
}

/// The life of a process: what it runs, and its two stops. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    broken: Arc<OnceLock<Broken>>,
}

impl Lifecycle {
    /// Returns the token that asks to finish.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Runs a task until it ends or the hard stop drops it. A task that ends before the soft stop
    /// ends the whole process: none of ours ends by itself.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (soft, hard, broken) = (self.soft.clone(), self.hard.clone(), self.broken.clone());
        self.tasks.spawn(async move {
            // Run apart, so that a panic is seen here and not lost.
            let run = tokio::spawn(async move {
                tokio::select! {
                    () = task => {}
                    () = hard.cancelled() => {}
                }
            });
            let ended = run.await;
            if !soft.is_cancelled() {
                // The first to end is the cause.
                let _ = broken.set(Broken { task: name });
                tracing::error!(task = name, panicked = ended.is_err(), "{name} ended by itself; stopping");
                soft.cancel();
            }
        });
    }

    /// Runs a task whose end means nothing to the others.
    pub fn spawn_side(&self, task: impl Future<Output = ()> + Send + 'static) {
        let hard = self.hard.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = task => {}
                () = hard.cancelled() => {}
            }
        });
    }

    /// Waits for SIGTERM, SIGINT or a soft stop from within, then lets everything end.
    ///
    /// # Errors
    /// It was not asked to stop: a task ended by itself.
    pub async fn until_stopped(&self) -> Result<(), Broken> {
        tokio::select! {
            () = interrupted() => tracing::info!("asked to stop; finishing what is in hand"),
            () = self.soft.cancelled() => {}
        }
        self.stop().await;
        self.broken.get().map_or(Ok(()), |broken| Err(*broken))
    }

    /// Stops everything: softly, then, after a while, hard.
    pub async fn stop(&self) {
        self.soft.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some work did not end within {} s and is dropped", GRACE.as_secs());
            self.hard.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Waits for SIGTERM or SIGINT.
pub async fn interrupted() {
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        // Without handlers of ours the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Calls `heard` at each SIGTERM, SIGINT and SIGHUP, on a thread of its own: for a command that works without
/// tasks.
///
/// # Errors
/// The thread cannot be started.
pub fn when_told_to_end(mut heard: impl FnMut() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (begun, begins) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
            let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)] = kinds.map(signal) else {
                // Without handlers of ours the signals end the process by themselves.
                let _ = begun.send(());
                return;
            };
            // Whoever waited has gone only where the process ends.
            let _ = begun.send(());
            loop {
                tokio::select! {
                    _ = terminate.recv() => heard(),
                    _ = interrupt.recv() => heard(),
                    _ = hang_up.recv() => heard(),
                }
            }
        });
    })?;
    begins.recv().map_err(io::Error::other)
}

/// A signal between rooms that there is something to do. It only shortens the wait: the work itself
/// is a row, and every room also looks by itself.
#[derive(Debug, Clone, Default)]
pub struct Bell(std::sync::Arc<tokio::sync::Notify>);

impl Bell {
    /// Rings; a room that is not waiting just now hears it when it next does.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits for a ring, or for `at_most`.
    pub async fn heard(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.0.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_told_at_the_end() {
        let life = Lifecycle::default();
        let soft = life.soft().clone();
        life.spawn("steady", async move { soft.cancelled().await });
        life.spawn("brittle", async {});
        assert_eq!(life.until_stopped().await, Err(Broken { task: "brittle" }));
    }

    #[tokio::test]
    async fn a_stop_that_was_asked_for_is_no_failure() {
        let life = Lifecycle::default();
        let soft = life.soft().clone();
        life.spawn("steady", async move { soft.cancelled().await });
        life.stop().await;
        assert_eq!(life.until_stopped().await, Ok(()));
    }
}
