//! How a program of ours that starts others ends.

use anyhow::{Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};

/// Does `work` on one thread, which leaves the rest of the machine to what is measured. Ctrl-C and
/// SIGTERM drop it, so that whatever it started ends with it.
///
/// # Errors
/// Those of the work; a signal came.
pub fn until_ended<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow!("terminated")),
        }
    })
}
