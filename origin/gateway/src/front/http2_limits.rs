//! Bounds of an HTTP/2 connection.
//!
//! Some are settings of the library (h2 0.4). It also ends a connection by itself for a header
//! block in more CONTINUATION frames than its bound for headers explains, for more than 100 empty
//! DATA frames and for many small ones. It answers each PING and SETTINGS frame before it reads the
//! next one, so these take no memory, but processor time without an end. [`Http2Account`] is for
//! all such floods, whatever frames they are made of, and for requests that are cancelled as soon
//! as they were accepted ("rapid reset", CVE-2023-44487).

use super::counters::Http2End;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::TokioTimer;
use lastseat_http::head_timeout::IDLE;
use lastseat_http::observed_stream::{ObservedStream, ReadObserver};
use shared::limits::{BODY_MAX, HEAD_MAX};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Requests of one connection at a time; RFC 9113 recommends no fewer.
const STREAMS_MAX: u32 = 100;
/// Bytes of a body that may be under way: a body has 4 KiB at most ([`BODY_MAX`]), so this
/// never stalls one that is taken.
const STREAM_WINDOW: u32 = 16 * 1024;
/// The same for all streams together: the smallest that HTTP/2 can begin with.
const CONNECTION_WINDOW: u32 = 65_535;
/// Bytes of an answer that are kept ready to be sent; the longest page is sent in a few rounds.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that were reset before they were accepted: what the library recommends.
const RESET_BEFORE_ACCEPTED_MAX: usize = 20;
/// Streams that the library reset for errors of the client in them: a working one makes none.
const RESET_FOR_ERRORS_MAX: usize = 64;
/// Time between two pings, and for the answer to one: so a client that has gone without a word is
/// noticed after 50 s, although its request may still be under way.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WITHIN: Duration = Duration::from_secs(20);

/// Bytes that a connection may send beside those that its requests account for: settings, window
/// updates and pings of a working client are below a thousandth of it in the time that it may be
/// idle.
const BYTES_FREE: u64 = 64 * 1024;
/// Bytes that a request accounts for: the longest head, and a body that was refused as too large
/// when a window of it was under way already, with as much again for frames and window updates.
const BYTES_PER_REQUEST: u64 = HEAD_MAX as u64 + 2 * STREAM_WINDOW as u64;
/// Requests that a connection may cancel: as many as it can have at a time, when a page is left.
/// Above that, at most half of all.
const CANCELLED_FREE: u64 = STREAMS_MAX as u64;

const _: () = assert!(BODY_MAX < STREAM_WINDOW as usize);

/// A connection's settings.
pub(super) fn builder<E: Clone>(executor: E) -> Builder<E> {
    let mut builder = Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_MAX as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESET_BEFORE_ACCEPTED_MAX)
        .max_local_error_reset_streams(RESET_FOR_ERRORS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN);
    builder
}

/// What a connection has sent and asked so far.
#[derive(Debug)]
pub(super) struct Http2Account {
    bytes: Cell<u64>,
    begun: Cell<u64>,
    cancelled: Cell<u64>,
    in_flight: Cell<u32>,
    /// When the last request ended, or the connection began.
    idle_since: Cell<Instant>,
}

impl Http2Account {
    /// Of a connection that begins now.
    pub(super) fn start() -> Rc<Self> {
        Rc::new(Self {
            bytes: Cell::new(0),
            begun: Cell::new(0),
            cancelled: Cell::new(0),
            in_flight: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
        })
    }

    /// Counts a request that begins.
    pub(super) fn begin(self: &Rc<Self>) -> Http2Request {
        self.begun.set(self.begun.get().saturating_add(1));
        self.in_flight.set(self.in_flight.get().saturating_add(1));
        Http2Request { account: Rc::clone(self), answered: false }
    }

    /// `stream`, whose bytes are counted; reading fails once a bound is exceeded.
    pub(super) fn watch<S>(self: &Rc<Self>, stream: S) -> ObservedStream<S, CountedBytes> {
        ObservedStream::new(stream, CountedBytes(Rc::clone(self)))
    }

    /// Which bound is exceeded.
    pub(super) fn exceeded(&self) -> Option<Http2End> {
        let (begun, cancelled) = (self.begun.get(), self.cancelled.get());
        let accounted = BYTES_FREE.saturating_add(begun.saturating_mul(BYTES_PER_REQUEST));
        if self.bytes.get() > accounted {
            Some(Http2End::Bytes)
        } else if cancelled > CANCELLED_FREE && cancelled > begun / 2 {
            Some(Http2End::Resets)
        } else {
            None
        }
    }

    /// Ready once no request was under way for [`IDLE`].
    pub(super) async fn idle(&self) {
        loop {
            let now = Instant::now();
            let since = if self.in_flight.get() > 0 { now } else { self.idle_since.get() };
            let until = since + IDLE;
            if until <= now {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A request under way; it was cancelled if it is dropped before it was answered.
#[derive(Debug)]
pub(super) struct Http2Request {
    account: Rc<Http2Account>,
    answered: bool,
}

impl Http2Request {
    /// The request has its answer.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Http2Request {
    fn drop(&mut self) {
        let account = &self.account;
        account.in_flight.set(account.in_flight.get().saturating_sub(1));
        account.idle_since.set(Instant::now());
        if !self.answered {
            account.cancelled.set(account.cancelled.get().saturating_add(1));
        }
    }
}

/// The account of a connection, held by its stream.
#[derive(Debug)]
pub(super) struct CountedBytes(Rc<Http2Account>);

impl ReadObserver for CountedBytes {
    fn allows(&self) -> io::Result<()> {
        self.0.exceeded().map_or(Ok(()), |_| Err(io::ErrorKind::ConnectionAborted.into()))
    }

    fn received(&self, bytes: usize) {
        self.0.bytes.set(self.0.bytes.get().saturating_add(bytes as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_without_requests_end_a_connection_and_requests_pay_for_theirs() {
        let account = Http2Account::start();
        account.bytes.set(BYTES_FREE);
        assert_eq!(account.exceeded(), None);
        account.bytes.set(BYTES_FREE + 1);
        assert_eq!(account.exceeded(), Some(Http2End::Bytes));
        account.begin().answered();
        assert_eq!(account.exceeded(), None);
        account.bytes.set(BYTES_FREE + BYTES_PER_REQUEST + 1);
        assert_eq!(account.exceeded(), Some(Http2End::Bytes));
    }

    #[tokio::test(start_paused = true)]
    async fn who_cancels_most_requests_is_ended_and_who_leaves_a_page_is_not() {
        let account = Http2Account::start();
        for _ in 0..CANCELLED_FREE {
            drop(account.begin());
        }
        assert_eq!(account.exceeded(), None, "one page of requests");
        drop(account.begin());
        assert_eq!(account.exceeded(), Some(Http2End::Resets));
        for _ in 0..=CANCELLED_FREE {
            account.begin().answered();
        }
        assert_eq!(account.exceeded(), None, "as many were answered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_while_no_request_is_under_way() {
        let account = Http2Account::start();
        let begun = Instant::now();
        let request = account.begin();
        let work = async {
            tokio::time::sleep(Duration::from_secs(200)).await;
            request.answered();
        };
        tokio::join!(account.idle(), work);
        assert_eq!(begun.elapsed(), Duration::from_secs(200) + IDLE);
    }
}
