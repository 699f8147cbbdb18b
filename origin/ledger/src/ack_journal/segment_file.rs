//! File of one journal segment, and how much of the segment it has.

use super::codec::whole_answers;
use crate::private_file;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// What is in the file are whole lines, also after a write that failed half-way.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// `None` = not opened yet.
    file: Option<File>,
    /// Bytes of the file that are whole lines.
    length: u64,
    /// Bytes of the segment that are in the file.
    bytes: usize,
    /// The file ends with half a line that could not be cut off.
    torn: bool,
}

impl Saved {
    /// Of a segment that was read from its file. `file` goes on where it ends.
    pub(super) fn all(segment: &[u8], file: Option<File>) -> io::Result<Self> {
        let length = match &file {
            Some(file) => file.metadata()?.len(),
            None => 0,
        };
        Ok(Self { file, length, bytes: segment.len(), torn: false })
    }

    /// The next write fails.
    #[cfg(test)]
    pub(super) fn on_a_full_disk(&mut self) {
        let full = std::fs::OpenOptions::new().append(true).open("/dev/full");
        self.file = Some(full.unwrap());
    }

    /// A write fails that gets `half` a line out, which cannot be cut off.
    #[cfg(test)]
    pub(super) fn leave_half_a_line(&mut self, half: &[u8]) {
        self.file.as_mut().unwrap().write_all(half).unwrap();
        self.torn = true;
    }

    /// How many bytes of `segment` are not in the file.
    pub(super) fn lacks(&self, segment: &[u8]) -> usize {
        segment.len() - self.bytes
    }

    /// Writes what the file lacks of `segment`, and makes the file if there is none. What gets out
    /// before an error is kept as far as it is whole answers.
    pub(super) fn save(&mut self, segment: &[u8], path: &Path) -> io::Result<()> {
        if self.bytes == segment.len() && self.file.is_some() {
            return Ok(());
        }
        let outcome = self.write_missing(segment, path);
        if outcome.is_err() {
            // The next try opens it again: it may have been the file, not the disk.
            self.file = None;
        }
        outcome
    }

    fn write_missing(&mut self, segment: &[u8], path: &Path) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = private_file::append(path)?;
                let length = file.metadata()?.len();
                if length < self.length {
                    // Another file than before: somebody took that away.
                    self.bytes = 0;
                }
                self.length = length;
                self.file.insert(file)
            }
        };
        if self.torn {
            // With this the half line is a line, though one with no meaning.
            file.write_all(b"\n")?;
            self.length = file.metadata()?.len();
            self.torn = false;
        }
        let missing = &segment[self.bytes..];
        let (written, outcome) = write(file, missing);
        let kept = match &outcome {
            Ok(()) => written,
            Err(_) => whole_answers(missing, written),
        };
        self.bytes += kept;
        self.length += kept as u64;
        if kept < written {
            self.torn = file.set_len(self.length).is_err();
        }
        outcome
    }
}

/// Writes as much of `bytes` as gets out; how much that was, and why not all of it.
fn write(file: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return (written, Err(e)),
        }
    }
    (written, Ok(()))
}
