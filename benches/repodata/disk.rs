//! What does the disk alone take? Writing and syncing bytes, and counting those below a directory.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Returns how long it takes to write files of these sizes below `directory` and to sync them and it.
pub fn write_and_sync(directory: &Path, sizes: &[u64]) -> io::Result<Duration> {
    // Not zeros: some disks and file systems do not write those.
    let block: Vec<u8> = (0..1_u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let started = Instant::now();
    for (number, size) in sizes.iter().enumerate() {
        let mut file = File::create(directory.join(format!("probe-{number}")))?;
        let mut left = *size as usize;
        while left > 0 {
            let length = left.min(block.len());
            file.write_all(&block[..length])?;
            left -= length;
        }
        file.sync_all()?;
    }
    File::open(directory)?.sync_all()?;
    let taken = started.elapsed();
    for number in 0..sizes.len() {
        fs::remove_file(directory.join(format!("probe-{number}")))?;
    }
    Ok(taken)
}

/// Returns the bytes of disk that a directory takes, files with several names once.
///
/// What vanishes while it is counted is not counted: a running service cleans up.
pub fn used(directory: &Path) -> io::Result<u64> {
    fn add(directory: &Path, seen: &mut HashSet<u64>) -> io::Result<u64> {
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut total = 0;
        for entry in entries {
            let entry = entry?;
            match entry.metadata() {
                Ok(there) if seen.insert(there.ino()) => total += there.blocks() * 512,
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => continue,
            }
            if entry.file_type()?.is_dir() {
                total += add(&entry.path(), seen)?;
            }
        }
        Ok(total)
    }
    add(directory, &mut HashSet::new())
}

/// Returns the sizes of the files that stand in a directory.
pub fn sizes(directory: &Path) -> io::Result<Vec<u64>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.metadata()?.len())).collect()
}
