//! Waiting for a condition, with a bound. The tests never sleep for a guessed time.

use std::time::{Duration, Instant};

/// How long a condition is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);
const BEAT: Duration = Duration::from_millis(10);

/// Asks `probe` until it has an answer.
///
/// # Panics
/// There is none within [`PATIENCE`]; `what` says what was waited for.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(BEAT);
    }
}

/// As [`until`], for a probe that itself waits for something.
///
/// # Panics
/// There is no answer within [`PATIENCE`]; `what` says what was waited for.
pub async fn until_async<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(BEAT).await;
    }
}
