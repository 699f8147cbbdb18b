//! Serving threads: each with its own runtime, listener and handler.

use super::counters::FrontCounters;
use super::handler::Application;
use super::server::{FINISH, Server, ServerSettings};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tracing::warn;

/// How much longer than [`FINISH`] threads are waited for.
const LATE: Duration = Duration::from_secs(1);

/// Threads that serve.
#[derive(Debug)]
pub(super) struct ServingThreads {
    counters: Vec<Arc<FrontCounters>>,
    /// Why a thread ended; closed once all have.
    ends: mpsc::Receiver<String>,
}

/// Reports the end of a thread, also where it panics.
struct ReportEnd {
    why: String,
    ends: mpsc::Sender<String>,
}

impl Drop for ReportEnd {
    fn drop(&mut self) {
        // There is room for one report of each thread.
        let _ = self.ends.try_send(std::mem::take(&mut self.why));
    }
}

impl ServingThreads {
    /// Starts one for each of `listeners`.
    ///
    /// # Errors
    /// The system gives no thread or no runtime; those that were started stop.
    pub(super) fn start<A: Application>(
        listeners: Vec<TcpListener>,
        settings: &Arc<ServerSettings>,
        application: &Arc<A>,
        end: &watch::Sender<bool>,
    ) -> Result<Self, String> {
        let (report, ends) = mpsc::channel(listeners.len().max(1));
        let mut counters = Vec::with_capacity(listeners.len());
        for (number, listener) in (1..).zip(listeners) {
            let name = format!("gateway-{number}");
            let not_started = |e| format!("the thread {name} cannot be started: {e}");
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(not_started)?;
            let counted = Arc::<FrontCounters>::default();
            counters.push(Arc::clone(&counted));
            let (application, settings) = (Arc::clone(application), Arc::clone(settings));
            let stopping = end.subscribe();
            let report =
                ReportEnd { why: format!("the thread {name} panicked"), ends: report.clone() };
            let work = move || {
                let serve = async {
                    let server = Server::new(application.handler(), settings, counted);
                    server.run(listener, stopping).await
                };
                run_thread(&runtime, serve, report);
            };
            let thread = thread::Builder::new().name(name.clone());
            thread.spawn(work).map_err(not_started)?;
        }
        Ok(Self { counters, ends })
    }

    /// What each counts.
    pub(super) fn counters(&self) -> &[Arc<FrontCounters>] {
        &self.counters
    }

    /// Waits until one of them ends, and returns why. None does before it is told to stop, unless
    /// something is wrong.
    pub(super) async fn one_ends(&mut self) -> String {
        self.ends.recv().await.unwrap_or_else(|| "all threads have ended".to_owned())
    }

    /// Waits until all have ended, within bounds.
    pub(super) async fn finish(mut self) {
        let all = async { while self.ends.recv().await.is_some() {} };
        if tokio::time::timeout(FINISH + LATE, all).await.is_err() {
            warn!("some threads did not stop in time and are left");
        }
    }
}

fn run_thread(
    runtime: &Runtime,
    serve: impl Future<Output = std::io::Result<()>>,
    mut report: ReportEnd,
) {
    let local = LocalSet::new();
    let served = local.block_on(runtime, serve);
    report.why = match served {
        Ok(()) => "a serving thread stopped".to_owned(),
        Err(e) => format!("a serving thread cannot serve: {e}"),
    };
    // Connections that did not finish are cut, where their streams still find a runtime.
    let _within = runtime.enter();
    drop(local);
}
