//! Supervised processes: started, monitored, restarted when they die, stopped together.

use crate::process::{Running, ShutdownSignal};
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

/// Pause before a member that died is started again: doubled from the first to the last, and from
/// the start again once it has lived for a while.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const LIVED: Duration = Duration::from_secs(10);
/// A member gets this long to stop; a node needs up to 10 s by its own promise.
const STOP: Duration = Duration::from_secs(12);

/// A kind of process in a cluster.
pub trait Member: Send + 'static {
    /// How messages call it.
    fn name(&self) -> String;

    /// Does what must be done before each start of its process; nothing, for most.
    ///
    /// # Errors
    /// A sentence that says what to do.
    fn before_start(&mut self) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }

    /// Starts its process.
    ///
    /// # Errors
    /// A sentence that says what to do.
    fn spawn(&mut self) -> Result<Running, String>;

    /// Waits until the process does its work.
    ///
    /// # Errors
    /// A sentence that says what to do; also when the process ended meanwhile.
    fn ready(&mut self, running: &mut Running) -> impl Future<Output = Result<(), String>> + Send;
}

/// Members that stop together.
#[derive(Debug)]
pub struct MemberGroup {
    signal: watch::Sender<ShutdownSignal>,
    supervisors: Vec<JoinHandle<()>>,
}

impl MemberGroup {
    /// A tier without members.
    #[must_use]
    pub fn new() -> Self {
        Self { signal: watch::Sender::new(ShutdownSignal::Run), supervisors: Vec::new() }
    }

    /// Starts `members` side by side, waits until all are ready, and keeps them running from then
    /// on.
    ///
    /// # Errors
    /// One of them did not become ready; those that are not ready yet are killed.
    pub async fn add_all<M: Member>(
        &mut self,
        members: impl IntoIterator<Item = M>,
    ) -> Result<(), String> {
        let mut starting = JoinSet::new();
        for mut member in members {
            starting.spawn(async move {
                let launched = launch(&mut member).await;
                (member, launched)
            });
        }
        while let Some(started) = starting.join_next().await {
            let (member, launched) = started.map_err(|e| e.to_string())?;
            let signal = self.signal.subscribe();
            self.supervisors.push(tokio::spawn(keep(member, launched?, signal)));
        }
        Ok(())
    }

    /// Stops all members and waits for their end.
    pub async fn stop(&mut self) {
        self.signal.send_if_modified(|signal| {
            let stop = *signal == ShutdownSignal::Run;
            if stop {
                *signal = ShutdownSignal::Stop;
            }
            stop
        });
        for supervisor in self.supervisors.drain(..) {
            if let Err(e) = supervisor.await {
                warn!("a supervisor task failed: {e}");
            }
        }
    }

    /// Where others can send this tier a signal.
    #[must_use]
    pub fn shutdown_signal(&self) -> watch::Sender<ShutdownSignal> {
        self.signal.clone()
    }
}

impl Default for MemberGroup {
    fn default() -> Self {
        Self::new()
    }
}

async fn launch(member: &mut impl Member) -> Result<Running, String> {
    member.before_start().await?;
    let mut running = member.spawn()?;
    // A process that is not ready is killed when it is dropped here.
    member.ready(&mut running).await?;
    Ok(running)
}

async fn keep(
    mut member: impl Member,
    first: Running,
    mut signal: watch::Receiver<ShutdownSignal>,
) {
    let mut running = Some(first);
    let mut pause = PAUSE;
    loop {
        let begun = Instant::now();
        if let Some(mut process) = running.take() {
            let status = tokio::select! {
                status = process.wait() => status,
                _ = stopping(&mut signal) => return process.stop(STOP, &mut signal).await,
            };
            let how = status.map_or_else(|e| e.to_string(), |status| status.to_string());
            if begun.elapsed() > LIVED {
                pause = PAUSE;
            }
            warn!("{} ended ({how}); starting it again in {pause:?}", member.name());
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping(&mut signal) => return,
        }
        pause = (pause * 2).min(PAUSE_MAX);
        let launched = tokio::select! {
            launched = launch(&mut member) => launched,
            _ = stopping(&mut signal) => return,
        };
        match launched {
            Ok(process) => {
                info!("{} runs again", member.name());
                running = Some(process);
            }
            Err(why) => warn!("{} did not start: {why}; trying again in {pause:?}", member.name()),
        }
    }
}

/// Ready when the tier shall stop; also when nobody is left to say so.
async fn stopping(signal: &mut watch::Receiver<ShutdownSignal>) {
    let _ = signal.wait_for(|signal| *signal != ShutdownSignal::Run).await;
}
