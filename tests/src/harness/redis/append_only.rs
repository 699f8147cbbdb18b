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
    /// writes the counters, so that everything else of that script stays. Its first `kept` bytes
    /// stay whatever `bytes` are: then the last script is cut. How many bytes that took; none, and
    /// nothing is cut, if no script follows what is kept.
    ///
    /// # Panics
    /// It cannot be read or written.
    #[must_use]
    pub fn cut_inside_a_script(&self, bytes: u64, kept: u64) -> Option<u64> {
        const COUNTERS: &[u8] = b":sale\r\n";
        let file = self.bytes();
        let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(file.len());
        let from = place(kept);
        let before = (file.len() - place(bytes)).max(from);
        let last = |part: &[u8]| part.windows(COUNTERS.len()).rposition(|here| here == COUNTERS);
        let found = last(&file[from..before]).or_else(|| last(&file[from..]))?;
        let end = from + found + COUNTERS.len();
        self.cut(end as u64);
        Some((file.len() - end) as u64)
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

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "HSET:orders\r\nHSET:sale\r\nfree7";

    fn files(text: &str) -> (TempDir, AppendOnlyFiles) {
        let directory = scratch().unwrap();
        let files = AppendOnlyFiles::of(directory.path());
        fs::create_dir(directory.path().join(DIRECTORY)).unwrap();
        fs::write(directory.path().join(DIRECTORY).join("a.1.incr.aof"), text).unwrap();
        (directory, files)
    }

    #[test]
    fn a_cut_ends_inside_a_script_and_leaves_what_shall_stay() {
        let (whole, end) = (SCRIPT.repeat(3), "free7".len() as u64);
        let script = SCRIPT.len() as u64;
        // Bytes that are asked for, bytes that stay, bytes that are gone.
        for (bytes, kept, gone) in [
            (0, 0, Some(end)),
            (1, 0, Some(end)),
            (end + 1, 0, Some(script + end)),
            (script, 0, Some(script + end)),
            (u64::MAX, 2 * script, Some(end)),
            (script, 2 * script, Some(end)),
            (1, 3 * script, None),
            (1, u64::MAX, None),
        ] {
            let (_directory, files) = files(&whole);
            assert_eq!(files.cut_inside_a_script(bytes, kept), gone, "{bytes} {kept}");
            let left = whole.len() as u64 - gone.unwrap_or(0);
            assert_eq!(files.bytes(), &whole.as_bytes()[..left as usize], "{bytes} {kept}");
        }
    }
}
