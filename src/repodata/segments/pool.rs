//! How are segments compressed on all cores? A few threads take texts and give frames.
//!
//! The queue is short, so that a quick reader waits for the compressors and memory stays bounded.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use super::super::{Compression, Kind};
use super::codec::{self, Compressor};
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

/// What the threads have done so far.
#[derive(Default)]
pub(super) struct Done {
    pub frames: Vec<(Kind, usize, Frame)>,
    pub failed: Option<Error>,
}

/// The threads' common ground.
pub(super) struct Pool<'a, F> {
    compression: Compression,
    threads: usize,
    frames: &'a F,
    done: Mutex<Done>,
}

impl<'a, F: Frames> Pool<'a, F> {
    pub(super) fn new(settings: &Settings, frames: &'a F) -> Self {
        let compression = settings.compression.of_segments();
        Self { compression, threads: settings.threads.get(), frames, done: Mutex::default() }
    }

    /// Starts the threads, and returns where their jobs go in; they end when that goes. Where one is enough, it
    /// is the caller's own.
    pub(super) fn start<'scope, 'env>(&'env self, scope: &'scope Scope<'scope, 'env>) -> Box<dyn FnMut(Job) + 'env> {
        if self.threads == 1 {
            let mut compressor = None;
            return Box::new(move |job| self.work(&job, &mut compressor));
        }
        let (sender, queue) = sync_channel::<Job>(self.threads);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..self.threads {
            let queue = queue.clone();
            scope.spawn(move || {
                let mut compressor = None;
                loop {
                    let Ok(job) = lock(&queue).recv() else { return };
                    self.work(&job, &mut compressor);
                }
            });
        }
        Box::new(move |job| {
            // Nobody takes it once the threads are gone, and they go last.
            let _ = sender.send(job);
        })
    }

    /// Returns whether a job failed: no more need be sent.
    pub(super) fn has_failed(&self) -> bool {
        lock(&self.done).failed.is_some()
    }

    /// Returns what was done, once the threads have ended.
    pub(super) fn into_done(self) -> Done {
        self.done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, job: &Job, compressor: &mut Option<Compressor>) {
        // After a failure the queue is emptied, so that nobody waits to put something in.
        if self.has_failed() {
            return;
        }
        let result = make(job, self.compression, compressor, self.frames);
        let mut done = lock(&self.done);
        match result {
            Ok(frame) => done.frames.push((job.kind, job.at, frame)),
            Err(error) => done.failed = done.failed.take().or(Some(error)),
        }
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
    // One that was damaged where it lay is made again.
    let is_it =
        |bytes: &Vec<u8>| codec::open(compression, bytes, job.text.len()).is_ok_and(|text| text == job.text.as_bytes());
    let bytes = match frames.find(&name).map_err(failed)?.filter(is_it) {
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
