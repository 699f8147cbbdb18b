//! The append-only file of a Redis, in parts: read, copied and cut as a power failure does it.

use crate::harness::paths::scratch;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The directory of Redis for them.
pub const DIRECTORY: &str = "appendonlydir";

/// The files of one Redis. Whoever changes them kills it first.
#[derive(Clone, Debug)]
pub struct AppendOnlyFiles(PathBuf);

impl AppendOnlyFiles {
    /// Those of a Redis whose data lies in `directory`.
    #[must_use]
    pub fn of(directory: &Path) -> Self {
        Self(directory.join(DIRECTORY))
    }

    /// The file that it appends to: the last one, while an older one is rewritten.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn tail(&self) -> PathBuf {
        let files = fs::read_dir(&self.0).expect("append-only files");
        let files = files.map(|file| file.expect("a file").path());
        let numbered = files.filter_map(|path| {
            let name = path.to_string_lossy();
            let (_, number) = name.strip_suffix(".incr.aof")?.rsplit_once('.')?;
            Some((number.parse::<u64>().ok()?, path.clone()))
        });
        numbered.max().expect("the file that grows").1
    }

    /// How long that is.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn length(&self) -> u64 {
        fs::metadata(self.tail()).expect("its length").len()
    }

    /// What it has.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.tail()).expect("the file")
    }

    /// Replaces that.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn replace(&self, bytes: &[u8]) {
        fs::write(self.tail(), bytes).expect("the file is written");
    }

    /// Cuts it to `length`, as a disk does that forgot its last writes.
    ///
    /// # Panics
    /// It is shorter, or cannot be written.
    pub fn cut(&self, length: u64) {
        assert!(self.length() >= length, "{} is shorter than {length}", self.tail().display());
        let file = OpenOptions::new().write(true).open(self.tail());
        file.expect("the file").set_len(length).expect("it is cut");
    }

    /// Cuts `bytes` off it and some more: up to inside the last command of a script, the one that
    /// writes the counters, so that everything else of that script stays. How many bytes that took.
    ///
    /// # Panics
    /// It has no such script.
    #[must_use]
    pub fn cut_inside_a_script(&self, bytes: u64) -> u64 {
        const COUNTERS: &[u8] = b":sale\r\n";
        let file = self.bytes();
        let before = file.len().saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
        let mut places = file[..before].windows(COUNTERS.len());
        let place = places.rposition(|place| place == COUNTERS);
        let end = place.expect("a script before the end that was asked for") + COUNTERS.len();
        self.cut(end as u64);
        (file.len() - end) as u64
    }

    /// A copy of them as they are now, for another Redis.
    ///
    /// # Panics
    /// They cannot be read.
    #[must_use]
    pub fn copy(&self) -> TempDir {
        let copy = scratch().expect("room for a copy");
        let to = copy.path().join(DIRECTORY);
        fs::create_dir(&to).expect("room for a copy");
        for file in fs::read_dir(&self.0).expect("append-only files") {
            let file = file.expect("a file");
            fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
        }
        copy
    }
}
