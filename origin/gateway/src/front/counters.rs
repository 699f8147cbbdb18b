//! Counters of a front, one set a thread, so that threads do not take a cache line from each other.

use super::proxy_header::HeaderFault;
use hyper::{StatusCode, Version};
use lastseat_http::metrics::page::Page;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Protocols, as label values.
const PROTOCOLS: [&str; 2] = ["http/1", "http/2"];
/// Classes of status, as label values.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Why a gateway has ended an HTTP/2 connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Http2End {
    /// It violated the protocol, or a bound that the HTTP/2 library checks.
    Protocol,
    /// It sent more than its requests account for.
    Bytes,
    /// It cancelled most of its requests.
    Resets,
}

impl Http2End {
    const ALL: [Self; 3] = [Self::Protocol, Self::Bytes, Self::Resets];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Bytes => "bytes",
            Self::Resets => "resets",
        }
    }
}

/// What one thread has counted since it started. The alignment keeps the sets apart: processors
/// fetch lines of 64 bytes in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct FrontCounters {
    answered: [[AtomicU64; CLASSES.len()]; PROTOCOLS.len()],
    handshakes_failed: AtomicU64,
    proxy_headers_refused: [AtomicU64; HeaderFault::COUNTED.len()],
    http2_ended: [AtomicU64; Http2End::ALL.len()],
}

fn count(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl FrontCounters {
    /// Counts an answered request.
    pub(super) fn answered(&self, version: Version, status: StatusCode) {
        let protocol = usize::from(version == Version::HTTP_2);
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        count(self.answered.get(protocol).and_then(|classes| classes.get(class)));
    }

    /// Counts a TLS handshake that failed or was late.
    pub(super) fn handshake_failed(&self) {
        count(Some(&self.handshakes_failed));
    }

    /// Counts a connection from a trusted proxy without a valid PROXY protocol header.
    pub(super) fn proxy_header_refused(&self, fault: HeaderFault) {
        let at = HeaderFault::COUNTED.iter().position(|counted| *counted == fault);
        count(at.and_then(|at| self.proxy_headers_refused.get(at)));
    }

    /// Counts an HTTP/2 connection that was ended.
    pub(super) fn http2_ended(&self, why: Http2End) {
        let at = Http2End::ALL.iter().position(|counted| *counted == why);
        count(at.and_then(|at| self.http2_ended.get(at)));
    }
}

/// Writes the sums of all threads.
pub(super) fn write(threads: &[Arc<FrontCounters>], page: &mut Page) {
    let sum = |counter: &dyn Fn(&FrontCounters) -> &AtomicU64| -> u64 {
        threads.iter().map(|thread| counter(thread).load(Ordering::Relaxed)).sum()
    };
    let help = "Requests that were answered, by protocol and class of status.";
    let mut answered = page.begin("gateway_requests_total", "counter", help);
    for (at, protocol) in PROTOCOLS.iter().enumerate() {
        for (class, status) in CLASSES.iter().enumerate() {
            let count = sum(&|thread| &thread.answered[at][class]);
            answered.add(&[("protocol", protocol), ("status", status)], count);
        }
    }
    page.counter(
        "gateway_tls_handshakes_failed_total",
        "TLS handshakes that failed or took too long.",
        sum(&|thread| &thread.handshakes_failed),
    );
    let help = "Connections of trusted proxies without a valid PROXY protocol header, by reason.";
    let mut refused = page.begin("gateway_proxy_headers_refused_total", "counter", help);
    for (at, fault) in HeaderFault::COUNTED.iter().enumerate() {
        let count = sum(&|thread| &thread.proxy_headers_refused[at]);
        refused.add(&[("reason", fault.as_str())], count);
    }
    let help = "HTTP/2 connections that were ended for what their client sent, by reason.";
    let mut ended = page.begin("gateway_http2_connections_ended_total", "counter", help);
    for (at, why) in Http2End::ALL.iter().enumerate() {
        ended.add(&[("reason", why.as_str())], sum(&|thread| &thread.http2_ended[at]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_sums_of_all_threads() {
        let threads = [Arc::<FrontCounters>::default(), Arc::default()];
        for thread in &threads {
            thread.answered(Version::HTTP_2, StatusCode::CREATED);
            thread.answered(Version::HTTP_11, StatusCode::SERVICE_UNAVAILABLE);
            thread.proxy_header_refused(HeaderFault::Version1);
            thread.proxy_header_refused(HeaderFault::Closed);
        }
        threads[0].http2_ended(Http2End::Resets);
        threads[1].handshake_failed();
        let mut page = Page::default();
        write(&threads, &mut page);
        let text = page.into_text();
        for line in [
            "lastseat_gateway_requests_total{protocol=\"http/2\",status=\"2xx\"} 2",
            "lastseat_gateway_requests_total{protocol=\"http/1\",status=\"5xx\"} 2",
            "lastseat_gateway_requests_total{protocol=\"http/1\",status=\"2xx\"} 0",
            "lastseat_gateway_proxy_headers_refused_total{reason=\"version1\"} 2",
            "lastseat_gateway_proxy_headers_refused_total{reason=\"late\"} 0",
            "lastseat_gateway_http2_connections_ended_total{reason=\"resets\"} 1",
            "lastseat_gateway_tls_handshakes_failed_total 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
