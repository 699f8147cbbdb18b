//! How connections of HTTP/1.1 are served: with bounded heads, and with answers for clients that
//! have ended their side.

use crate::head_timeout::{HeadTimeout, IDLE};
use hyper::server::conn::http1;
use shared::limits::HEAD_MAX;

/// Serves connections whose heads `head_timeout` watches.
#[must_use]
pub fn builder(head_timeout: HeadTimeout) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(head_timeout)
        .header_read_timeout(IDLE)
        // Its bound of headers is `HEADERS_MAX` without being told.
        .max_buf_size(HEAD_MAX)
        // A client may end its side once its request is sent, and wait for the answer. On the wire
        // this cannot be distinguished from a client that has left: its order is carried out, too,
        // if its turn comes in time.
        .half_close(true)
        // Heads and bodies are small: to copy a body behind its head costs less than a vector of
        // two.
        .writev(false);
    builder
}
