//! Command `lastseat bound`: becomes another program that the kernel stops when our parent dies.
//! Hidden; see [`lastseat_cluster::process::bound`].

use crate::cli::BoundFlags;
use crate::failure::Failure;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Comes back only if the program cannot be started.
pub(super) fn run(flags: &BoundFlags) -> Failure {
    if let Err(e) = bind(flags.parent) {
        return Failure::runtime(e);
    }
    let Some((program, arguments)) = flags.command.split_first() else {
        return Failure::usage(vec!["no program".to_owned()]);
    };
    let error = Command::new(program).args(arguments).exec();
    Failure::runtime(format!("{} cannot be started: {error}", program.display()))
}

#[cfg(target_os = "linux")]
fn bind(parent: i32) -> Result<(), String> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|e| e.to_string())?;
    // The parent may have died before the kernel was asked to watch it.
    if getppid().map(rustix::process::Pid::as_raw_pid) == Some(parent) {
        Ok(())
    } else {
        Err("the parent is gone".to_owned())
    }
}

/// Elsewhere a parent that is killed leaves its children behind; the next run stops its Redis.
#[cfg(not(target_os = "linux"))]
fn bind(_: i32) -> Result<(), String> {
    Ok(())
}
