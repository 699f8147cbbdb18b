//! The clock of an open loop. Timers of the runtime tell whole milliseconds apart, which is as long
//! as a quick answer takes; a thread that sleeps on the kernel's clock is exact to a few hundredths
//! of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Requests that are due within this time are let go together: waking a thread for each would cost
/// more than sending it.
const STEP: Duration = Duration::from_micros(250);

/// The moment for which request `number` is meant.
pub(super) fn intended(started: Instant, rate: u32, number: u32) -> Instant {
    let micros = u64::from(number) * 1_000_000 / u64::from(rate);
    started + Duration::from_micros(micros)
}

/// Lets requests go when they are due: a permit for each.
#[derive(Debug)]
pub(super) struct Pacer {
    due: Arc<Semaphore>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Lets `count` requests go, `rate` a second from `started` on.
    pub(super) fn start(started: Instant, rate: u32, count: u32) -> Self {
        let (due, stop) = (Arc::new(Semaphore::new(0)), Arc::<AtomicBool>::default());
        let (permits, ends) = (Arc::clone(&due), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut gone = 0;
            while gone < count && !ends.load(Ordering::Relaxed) {
                let next = intended(started, rate, gone);
                thread::sleep((next + STEP).saturating_duration_since(Instant::now()));
                let now = Instant::now();
                let before = gone;
                while gone < count && intended(started, rate, gone) <= now {
                    gone += 1;
                }
                permits.add_permits((gone - before) as usize);
            }
        });
        Self { due, stop, thread: Some(thread) }
    }

    /// The permits.
    pub(super) fn due(&self) -> Arc<Semaphore> {
        Arc::clone(&self.due)
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.due.close();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
