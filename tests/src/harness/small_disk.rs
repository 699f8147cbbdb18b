//! A disk of a few MiB that only chosen programs see: a tmpfs in a mount namespace of its own.
//! Nothing stays mounted when it is dropped, whatever happens.

use super::program::Program;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const MOUNTED_WITHIN: Duration = Duration::from_secs(5);
const BALLAST: &str = "ballast";

/// A small disk, gone when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    /// Keeps the namespace.
    holder: Program,
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many MiB at `place`.
    ///
    /// # Errors
    /// This user may not; the message names the remedy.
    pub fn mount(place: &Path, mib: u32) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.arg("-m");
        if !is_root() {
            command.arg("-r");
        }
        let script = format!(
            "mount -t tmpfs -o size={mib}m none '{}' && echo mounted && exec sleep infinity",
            place.display()
        );
        command.args(["sh", "-c", &script]);
        let holder = Program::start("a small disk", command)?;
        let said = holder.line(MOUNTED_WITHIN).context(
            "this user cannot mount a small disk. Run it as root, or allow user namespaces \
             (sysctl kernel.unprivileged_userns_clone=1)",
        )?;
        ensure!(said == "mounted", "a small disk said {said}");
        Ok(Self { holder, place: place.to_owned() })
    }

    /// `program`, as one that sees the disk.
    #[must_use]
    pub fn on_it(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.pid().to_string(), "-m"]);
        if !is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.arg(program);
        command
    }

    /// Writes until nothing more fits.
    ///
    /// # Errors
    /// Another error than that came.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast()).context("ballast")?;
        for size in [64 * 1024, 512] {
            let bytes = vec![0; size];
            loop {
                match ballast.write(&bytes) {
                    Ok(1..) => {}
                    Ok(_) => break,
                    Err(e) if e.kind() == ErrorKind::StorageFull => break,
                    Err(e) => return Err(e).context("ballast"),
                }
            }
        }
        Ok(())
    }

    /// Takes the ballast away.
    ///
    /// # Errors
    /// There is none.
    pub fn empty(&self) -> Result<()> {
        fs::remove_file(self.ballast()).context("ballast")
    }

    /// The way to it from outside of its namespace.
    fn ballast(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.pid());
        let place = self.place.strip_prefix("/").unwrap_or(&self.place);
        Path::new(&root).join(place).join(BALLAST)
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
