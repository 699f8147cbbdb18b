//! Head timeout: how long a connection may take to send a request head.
//!
//! hyper's `header_read_timeout` (1.12, `proto/h1/conn.rs`, `poll_read_head`) starts when hyper
//! begins to wait for a head, so on a kept-alive connection it also bounds the idle time between
//! two requests. We want both: a head that was begun must be whole within 5 s, but a connection may
//! idle longer than 60 s.
//!
//! So hyper gets a timer of ours. For each head hyper asks it for one deadline, and after each read
//! that gave no whole head it looks at that deadline, in the same poll. Ours stays far while
//! nothing was received, and moves to 5 s after the first byte. Whether something was received, the
//! stream below it records.
//!
//! hyper drops the deadline with each whole head and asks for the next one. To put every one of
//! them among the runtime's timers and to take it out again costs more than to parse the head, so a
//! connection has one timer, which is moved only when it fires too early or has to fire earlier.

use crate::observed_stream::{ObservedStream, ReadObserver};
use hyper::rt::{Sleep, Timer};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A head that was begun has to be whole after this time.
pub const HEAD: Duration = Duration::from_secs(5);
/// A connection may wait this long for its next request: longer than the 60 s of common clients, so
/// that it is them who close.
pub const IDLE: Duration = Duration::from_secs(75);

/// Times the heads of one connection.
#[derive(Clone, Debug)]
pub struct HeadTimeout(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whether a byte of the head has come that is waited for.
    received: AtomicBool,
    waits: Mutex<Waits>,
}

#[derive(Debug)]
struct Waits {
    /// The head is late then.
    until: Instant,
    /// Whether `until` counts from the first byte of the head.
    begun: bool,
    /// Fires at `until` or before it.
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl HeadTimeout {
    /// Of a connection that begins now; within a runtime.
    #[must_use]
    pub fn start() -> Self {
        let timer = Box::pin(tokio::time::sleep(IDLE));
        Self(Arc::new(Shared {
            received: AtomicBool::new(false),
            waits: Mutex::new(Waits { until: timer.deadline().into_std(), begun: false, timer }),
        }))
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        let waits = self.0.waits.lock();
        waits.unwrap_or_else(PoisonError::into_inner)
    }

    /// `stream`, watched for the first byte of each head.
    pub fn watch<S>(&self, stream: S) -> ObservedStream<S, Self> {
        ObservedStream::new(stream, self.clone())
    }
}

impl Timer for HeadTimeout {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    /// hyper asks when it begins to wait for a head, with [`IDLE`] as its timeout.
    fn sleep_until(&self, until: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.received.store(false, Ordering::Relaxed);
        let mut waits = self.waits();
        waits.until = until;
        waits.begun = false;
        Box::pin(HeadDeadline(self.clone()))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// Ready when the head that a connection waits for is late.
struct HeadDeadline(HeadTimeout);

impl Future for HeadDeadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = &self.0;
        let mut waits = timeout.waits();
        let Waits { until, begun, timer } = &mut *waits;
        if !*begun && timeout.0.received.load(Ordering::Relaxed) {
            *begun = true;
            *until = timeout.now() + HEAD;
            timer.as_mut().reset((*until).into());
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline().into_std() >= *until {
                return Poll::Ready(());
            }
            timer.as_mut().reset((*until).into());
        }
        Poll::Pending
    }
}

impl Sleep for HeadDeadline {}

impl ReadObserver for HeadTimeout {
    fn received(&self, bytes: usize) {
        if bytes > 0 {
            self.0.received.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Incoming;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;
    use std::convert::Infallible;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    fn connect() -> DuplexStream {
        let (client, server) = tokio::io::duplex(4_096);
        let timeout = HeadTimeout::start();
        let io = TokioIo::new(timeout.watch(server));
        let hello =
            |_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new("hello".to_owned())) };
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(timeout)
            .header_read_timeout(IDLE)
            .serve_connection(io, hyper::service::service_fn(hello));
        tokio::spawn(connection);
        client
    }

    /// Sends `bytes` and reads what comes; empty when the connection was closed.
    async fn talk(client: &mut DuplexStream, bytes: &[u8]) -> String {
        let mut answer = [0; 4_096];
        client.write_all(bytes).await.unwrap();
        let length = client.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_was_begun_is_whole_in_5_seconds_or_the_connection_is_closed() {
        let mut client = connect();
        // The second head of the connection is bounded like the first.
        assert!(talk(&mut client, HEAD).await.ends_with("hello"));
        tokio::time::sleep(Duration::from_secs(30)).await;
        let begun = tokio::time::Instant::now();
        assert_eq!(talk(&mut client, &HEAD[..9]).await, "");
        assert_eq!(begun.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_may_idle_for_more_than_a_minute_but_not_for_ever() {
        let mut client = connect();
        for _ in 0..3 {
            assert!(talk(&mut client, HEAD).await.ends_with("hello"));
            tokio::time::sleep(Duration::from_secs(70)).await;
        }
        let begun = tokio::time::Instant::now();
        assert_eq!(talk(&mut client, b"").await, "");
        assert!(begun.elapsed() <= Duration::from_secs(5));
    }
}
