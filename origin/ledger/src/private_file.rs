//! Private files (mode 0600): order ids in them are capabilities.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

const OWNER_ONLY: u32 = 0o600;

/// Opens `path` to write at its end; makes it if it is missing.
///
/// # Errors
/// It cannot be made or written.
pub fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(OWNER_ONLY).open(path)?;
    close_to_others(path);
    Ok(file)
}

/// Whether the file is empty or its last line is whole.
///
/// # Errors
/// It cannot be read.
pub fn ends_with_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Takes the file from the eyes of others; versions before wrote some that anybody could read.
/// Nothing where there is no such file.
pub fn close_to_others(path: &Path) {
    let Ok(found) = fs::metadata(path) else {
        return;
    };
    if found.permissions().mode() & 0o077 == 0 {
        return;
    }
    if let Err(e) = fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY)) {
        tracing::warn!(
            "{} can be read by others, and that cannot be changed: {e}. It should belong to the \
             user of this process",
            path.display()
        );
    }
}
