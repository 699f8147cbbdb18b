//! The lock file of a data directory: one process uses it at a time.

use std::fs::File;
use std::io;
use std::path::Path;

/// Claims `directory` for this process until the file is dropped. `None` = another process has it.
///
/// # Errors
/// The lock file cannot be made.
pub fn claim(directory: &Path) -> io::Result<Option<File>> {
    std::fs::create_dir_all(directory)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(directory.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(e)) => Err(e),
    }
}
