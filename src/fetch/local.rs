//! How is a file of this machine had? Opened where it is, after its bytes were looked at.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::Failure;
use super::place::Place;
use super::sink::{Answer, Fetched, Sink, Validators, Wanted, rewound, same};

const CHUNK: usize = 128 << 10;

/// Returns how many bytes a file has.
pub(super) fn stat(path: &Path) -> Result<u64, Failure> {
    let metadata = std::fs::metadata(path).map_err(Failure::Read)?;
    if metadata.is_file() { Ok(metadata.len()) } else { Err(Failure::NoFile) }
}

/// Returns a file, of which part is copied if only part is wanted.
pub(super) fn get(path: &Path, wanted: &Wanted) -> Result<Answer, Failure> {
    // Without waiting, should the path be a pipe.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(Failure::Read)?;
    let metadata = file.metadata().map_err(Failure::Read)?;
    if !metadata.is_file() {
        return Err(Failure::NoFile);
    }
    let (file, size) = match &wanted.range {
        Some(range) => part(file, range.start, range.end.saturating_sub(range.start), wanted)?,
        None => {
            let size = whole(&mut file, metadata.len(), wanted)?;
            (file, size)
        }
    };
    Ok(Answer::Got(Fetched { file, size, from: Place::Path(path.to_owned()), validators: Validators::default() }))
}

/// Checks a file where it lies; returns its size.
fn whole(file: &mut File, size: u64, wanted: &Wanted) -> Result<u64, Failure> {
    if let Some(expected) = wanted.size.filter(|expected| *expected != size) {
        return Err(Failure::Size { expected, came: size });
    }
    if size > wanted.most {
        return Err(Failure::TooLarge(wanted.most));
    }
    let Some((algorithm, expected)) = &wanted.checksum else { return Ok(size) };
    let mut hasher = algorithm.hasher();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer).map_err(Failure::Read)? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    same(*algorithm, expected, hasher.finish())?;
    rewound(file).map_err(Failure::Read)?;
    Ok(size)
}

fn part(mut file: File, start: u64, length: u64, wanted: &Wanted) -> Result<(File, u64), Failure> {
    let mut sink = Sink::new(wanted)?;
    sink.announced(Some(length))?;
    file.seek(SeekFrom::Start(start)).map_err(Failure::Read)?;
    let (mut rest, mut buffer) = (file.take(length), vec![0; CHUNK]);
    loop {
        match rest.read(&mut buffer).map_err(Failure::Read)? {
            0 => return sink.finish(Some(length)),
            length => sink.take(&buffer[..length])?,
        }
    }
}
