//! How are segments compressed on all cores? A few threads take texts and give frames.
//!
//! The queue is short, so that a quick reader waits for the compressors and memory stays bounded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use super::super::{Compression, Kind};
use super::codec::Compressor;
use super::manifest::Frame;
use super::texts::short_hash;
use super::{Error, Frames, Settings};
use crate::model::Blake3;

/// A text that is to become a segment.
pub(super) struct Job {
    pub kind: Kind,
    /// Which segment of its file it is.
    pub at: usize,
    pub count: u32,
    pub text: String,
    /// The location of its first package, for errors.
    pub href: String,
}

/// A segment that was made: of which file, which of its segments, and what.
pub(super) type Made = Result<(Kind, usize, Frame), Error>;

/// The threads' common ground.
pub(super) struct Pool<'a, F> {
    compression: Compression,
    threads: usize,
    frames: &'a F,
    has_failed: AtomicBool,
}

impl<'a, F: Frames> Pool<'a, F> {
    pub(super) fn new(settings: &Settings, frames: &'a F) -> Self {
        let compression = settings.compression.of_segments();
        Self { compression, threads: settings.threads.get(), frames, has_failed: AtomicBool::new(false) }
    }

    /// Starts the threads; returns where their jobs go in, and where segments come out. The threads end when the
    /// former goes, and the latter ends with them. Where one is enough, it is the caller's own.
    pub(super) fn start<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
    ) -> (Box<dyn FnMut(Job) + 'env>, Receiver<Made>) {
        let (give, made) = channel();
        if self.threads == 1 {
            let mut compressor = None;
            return (Box::new(move |job| self.work(&job, &mut compressor, &give)), made);
        }
        let (sender, queue) = sync_channel::<Job>(self.threads);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..self.threads {
            let (queue, give) = (queue.clone(), give.clone());
            scope.spawn(move || {
                let mut compressor = None;
                loop {
                    let Ok(job) = lock(&queue).recv() else { return };
                    self.work(&job, &mut compressor, &give);
                }
            });
        }
        let jobs = move |job| {
            // Nobody takes it once the threads are gone, and they go last.
            let _ = sender.send(job);
        };
        (Box::new(jobs), made)
    }

    /// Returns whether a job failed: no more need be sent.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    fn work(&self, job: &Job, compressor: &mut Option<Compressor>, give: &Sender<Made>) {
        // After a failure the queue is emptied, so that nobody waits to put something in.
        if self.has_failed() {
            return;
        }
        let made = make(job, self.compression, compressor, self.frames);
        if made.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        // Whoever gave the walk up asks for nothing any more.
        let _ = give.send(made.map(|frame| (job.kind, job.at, frame)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the frame of a text, or finds it made.
fn make(
    job: &Job,
    compression: Compression,
    compressor: &mut Option<Compressor>,
    frames: &impl Frames,
) -> Result<Frame, Error> {
    let failed = |source| Error::Put { kind: job.kind, source };
    let too_large = || Error::TooLarge { href: job.href.clone() };
    let open = u32::try_from(job.text.len()).map_err(|_| too_large())?;
    let name = name_of(compression, &job.text);
    let bytes = match frames.find(&name).map_err(failed)? {
        Some(bytes) => bytes,
        None => {
            let compressor = match compressor {
                Some(compressor) => compressor,
                None => compressor.insert(Compressor::new(compression).map_err(failed)?),
            };
            let bytes = compressor.compress(job.text.as_bytes()).map_err(failed)?;
            frames.put(&name, &bytes).map_err(failed)?;
            bytes
        }
    };
    let size = u32::try_from(bytes.len()).map_err(|_| too_large())?;
    Ok(Frame { name, hash: short_hash(&bytes), count: job.count, size, open })
}

/// Returns what a segment is kept under.
fn name_of(compression: Compression, text: &str) -> Blake3 {
    let mut digest = blake3::Hasher::new();
    digest.update(super::index::writer(compression).as_bytes());
    digest.update(&[0]);
    digest.update(text.as_bytes());
    Blake3::from_bytes(*digest.finalize().as_bytes())
}
