//! The table of malformed and of ambiguous requests.

/// The buyer of each order that hides in another request.
pub(crate) const HIDDEN: &str = "smuggled";
/// The header that a request gives its length with, in the end.
const LENGTH: &str = "Content-Length";

/// What a server may do about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Say 4xx or close the connection; what follows is not read.
    Refused,
    /// Refuse it, or serve it in the one way that RFC 9112 leaves, and then close the connection.
    ClosedAfterOne,
    /// Refuse it or serve it; what is in it is no second request.
    AtMostOne,
    /// Refuse it and close the connection. workerd answers this with a 500 of its own, which no
    /// program in it can change.
    NoTunnel,
    /// Serve both: they are two honest orders in one piece.
    Both,
}

/// One way to be wrong.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) what: &'static str,
    /// Sent one after the other.
    pub(crate) parts: Vec<Vec<u8>>,
    pub(crate) end: End,
    /// The orders that may come of it.
    pub(crate) may_order: Vec<Key>,
}

/// The key of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// An order, in pieces that a case can put together in its own way.
pub(crate) struct Order {
    pub(crate) key: String,
    line: String,
    headers: String,
    pub(crate) body: String,
}

/// The order `which` of the case `what` at `place`.
pub(crate) fn order(place: &str, what: &str, which: &str) -> Order {
    let key = format!("{place}-{}-{which}-0123456789", what.replace([' ', '\''], "-"));
    let buyer = if which == "hidden" { HIDDEN } else { "mallory" };
    Order {
        line: "POST /v1/sales/spring/orders HTTP/1.1\r\n".to_owned(),
        headers: format!(
            "Host: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n"
        ),
        body: format!(r#"{{"buyer":"{buyer}"}}"#),
        key,
    }
}

impl Order {
    /// As an honest client sends it.
    fn whole(&self) -> String {
        let length = self.body.len();
        self.with(&format!("{LENGTH}: {length}\r\n"), &self.body)
    }

    /// With these headers instead of its length, and this body.
    fn with(&self, headers: &str, body: &str) -> String {
        format!("{}{}{headers}\r\n{body}", self.line, self.headers)
    }

    /// In one chunk.
    fn chunked(&self) -> String {
        format!("{:x}\r\n{}\r\n0\r\n\r\n", self.body.len(), self.body)
    }
}

/// All cases, with keys of their own for `place`.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn cases(place: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |what: &'static str, end: End, make: &dyn Fn(&Order, &Order) -> String| {
        let (outer, hidden) = (order(place, what, "outer"), order(place, what, "hidden"));
        cases.push(Case {
            what,
            parts: vec![make(&outer, &hidden).into_bytes()],
            end,
            may_order: match end {
                End::Refused | End::NoTunnel => Vec::new(),
                _ => vec![Key(outer.key)],
            },
        });
    };
    let length = |order: &Order| order.body.len();

    // Two lengths: whoever believes the other one finds a request in the body.
    add("length and chunks", End::ClosedAfterOne, &|outer, hidden| {
        let body = format!("{}{}", outer.chunked(), hidden.whole());
        let headers = format!("{LENGTH}: {}\r\nTransfer-Encoding: chunked\r\n", body.len());
        outer.with(&headers, &body)
    });
    add("chunks and length", End::ClosedAfterOne, &|outer, hidden| {
        let headers = format!("Transfer-Encoding: chunked\r\n{LENGTH}: 4\r\n");
        outer.with(&headers, &format!("{}{}", outer.chunked(), hidden.whole()))
    });
    add("two lengths", End::Refused, &|outer, hidden| {
        let both = length(outer) + hidden.whole().len();
        let headers = format!("{LENGTH}: {}\r\n{LENGTH}: {both}\r\n", length(outer));
        outer.with(&headers, &format!("{}{}", outer.body, hidden.whole()))
    });
    add("two lengths in a list", End::Refused, &|outer, hidden| {
        let headers = format!("{LENGTH}: {}, 7\r\n", length(outer));
        outer.with(&headers, &format!("{}{}", outer.body, hidden.whole()))
    });
    for (what, text) in [
        ("length with a plus", "+16"),
        ("length below nothing", "-1"),
        ("length in hexadecimal", "0x10"),
        ("length that is none", ""),
        ("length beyond 64 bits", "18446744073709551632"),
        ("length with a space in it", "1 6"),
    ] {
        add(what, End::Refused, &|outer, hidden| {
            let headers = format!("{LENGTH}: {text}\r\n");
            outer.with(&headers, &format!("{}{}", outer.body, hidden.whole()))
        });
    }
    // A whole order as the body of another request.
    add("an order as the body", End::AtMostOne, &|outer, hidden| {
        let body = hidden.whole();
        outer.with(&format!("{LENGTH}: {}\r\n", body.len()), &body)
    });
    add("an order after spaces in the body", End::AtMostOne, &|outer, hidden| {
        let body = format!("{}\r\n\r\n{}", outer.body, hidden.whole());
        outer.with(&format!("{LENGTH}: {}\r\n", body.len()), &body)
    });
    add("an order as the body of a GET", End::AtMostOne, &|outer, hidden| {
        let line = outer.line.replace("POST", "GET").replace("/orders", "");
        let body = hidden.whole();
        format!("{line}{}{LENGTH}: {}\r\n\r\n{body}", outer.headers, body.len())
    });
    add("an order in a header", End::AtMostOne, &|outer, hidden| {
        let inner = hidden.whole().replace("\r\n", "%0d%0a");
        let headers = format!("X-Note: {inner}\r\n{LENGTH}: {}\r\n", length(outer));
        outer.with(&headers, &outer.body)
    });
    add("an order in a chunk's extension", End::Refused, &|outer, hidden| {
        let chunks =
            format!("{:x};a=\n{}\r\n{}\r\n0\r\n\r\n", length(outer), hidden.whole(), outer.body);
        outer.with("Transfer-Encoding: chunked\r\n", &chunks)
    });
    add("an order among the trailers", End::AtMostOne, &|outer, hidden| {
        let chunks = outer.chunked();
        let chunks = chunks.trim_end_matches("\r\n");
        let body = format!("{chunks}\r\nX-Trailer: {}\r\n\r\n", hidden.line.trim());
        outer.with("Transfer-Encoding: chunked\r\n", &body)
    });

    // Names of the transfer encoding that one reader knows and another one does not.
    for (what, encoding) in [
        ("an unknown encoding", "Transfer-Encoding: xchunked\r\n"),
        ("an encoding after chunks", "Transfer-Encoding: chunked, identity\r\n"),
        ("an encoding with a tab", "Transfer-Encoding:\tchunked\x0b\r\n"),
        ("an encoding with a space before its colon", "Transfer-Encoding : chunked\r\n"),
    ] {
        add(what, End::Refused, &|outer, hidden| {
            let headers = format!("{encoding}{LENGTH}: {}\r\n", length(outer));
            outer.with(&headers, &format!("0\r\n\r\n{}", hidden.whole()))
        });
    }
    add("chunks in HTTP 1.0", End::Refused, &|outer, hidden| {
        let body = format!("{}{}", outer.chunked(), hidden.whole());
        let text = outer.with("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", &body);
        text.replacen("HTTP/1.1", "HTTP/1.0", 1)
    });
    for (what, size) in [
        ("a chunk of no size", "x"),
        ("a chunk of a size below nothing", "-1"),
        ("a chunk of a size beyond 64 bits", "10000000000000010"),
        ("a chunk of a size with a prefix", "0x10"),
    ] {
        add(what, End::Refused, &|outer, hidden| {
            let body = format!("{size}\r\n{}\r\n0\r\n\r\n{}", outer.body, hidden.whole());
            outer.with("Transfer-Encoding: chunked\r\n", &body)
        });
    }
    add("a chunk longer than its size", End::Refused, &|outer, hidden| {
        let body = format!("5\r\n{}\r\n0\r\n\r\n{}", outer.body, hidden.whole());
        outer.with("Transfer-Encoding: chunked\r\n", &body)
    });

    // Heads that are none.
    for (what, header) in [
        ("a space before a colon", "X-Note : a\r\n"),
        ("a folded header", "X-Note: a\r\n b\r\n"),
        ("a name with a space", "X Note: a\r\n"),
        ("a header without a colon", "X-Note\r\n"),
        ("a header without a name", ": a\r\n"),
        ("a header with a NUL", "X-Note: a\0b\r\n"),
        ("a name with a NUL", "X-No\0te: a\r\n"),
        ("a carriage return in a header", "X-Note: a\rb\r\n"),
    ] {
        add(what, End::Refused, &|outer, hidden| {
            let headers = format!("{header}{LENGTH}: {}\r\n", length(outer));
            outer.with(&headers, &format!("{}{}", outer.body, hidden.whole()))
        });
    }
    // workerd takes them, as Cloudflare takes up to 128 KiB, and the edge sends none of them on.
    let by_workerd = match place {
        "edge" => End::AtMostOne,
        _ => End::Refused,
    };
    add("a thousand headers", by_workerd, &|outer, _| {
        let many: String = (0..1_000).map(|n| format!("X-Note-{n}: a\r\n")).collect();
        outer.with(&format!("{many}{LENGTH}: {}\r\n", length(outer)), &outer.body)
    });
    add("a header of 64 KiB", by_workerd, &|outer, _| {
        let long = "a".repeat(64 * 1024);
        let headers = format!("X-Note: {long}\r\n{LENGTH}: {}\r\n", length(outer));
        outer.with(&headers, &outer.body)
    });
    add("headers without end", End::Refused, &|outer, _| {
        let many: String = (0..20_000).map(|n| format!("X-Note-{n}: a\r\n")).collect();
        outer.with(&format!("{many}{LENGTH}: {}\r\n", length(outer)), &outer.body)
    });
    add("an address of 64 KiB", End::Refused, &|outer, _| {
        let long = format!("/orders?{}", "a".repeat(64 * 1024));
        outer.whole().replacen("/orders", &long, 1)
    });
    // RFC 9112, section 2.2, lets a server take a line feed alone for the end of a line; it is one
    // request then.
    add("line feeds alone", End::AtMostOne, &|outer, _| outer.whole().replace("\r\n", "\n"));
    // RFC 9112, section 3.2: no host or several are refused. What is sold does not depend on the
    // host.
    add("another host in the address", End::AtMostOne, &|outer, _| {
        outer.whole().replacen(" /v1", " http://elsewhere.example/v1", 1)
    });
    add("no path", End::Refused, &|outer, _| {
        outer.whole().replacen("/v1/sales/spring/orders", "*", 1)
    });
    add("a tunnel", End::NoTunnel, &|outer, hidden| {
        let line = "CONNECT localhost:6379 HTTP/1.1\r\n";
        format!("{line}{}\r\n{}", outer.headers, hidden.whole())
    });
    add("an upgrade", End::AtMostOne, &|outer, _| {
        let headers = format!(
            "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n{LENGTH}: \
             {}\r\n",
            length(outer)
        );
        outer.with(&headers, &outer.body)
    });
    for (what, line) in [
        ("HTTP 0.9", "GET /v1/sales/spring\r\n\r\n"),
        ("HTTP 3.0", "POST /v1/sales/spring/orders HTTP/3.0\r\n"),
        ("HTTP 2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("no method", " /v1/sales/spring/orders HTTP/1.1\r\n"),
        ("a method with a NUL", "PO\0ST /v1/sales/spring/orders HTTP/1.1\r\n"),
        ("two spaces in the first line", "POST  /v1/sales/spring/orders HTTP/1.1\r\n"),
        ("the hello of TLS", "\x16\x03\x01\x02\0\x01\0\x01\x7c\x03\x03"),
        ("a command of Redis", "*1\r\n$8\r\nFLUSHALL\r\n"),
    ] {
        add(what, End::Refused, &|outer, _| {
            let length = length(outer);
            format!("{line}{}{LENGTH}: {length}\r\n\r\n{}", outer.headers, outer.body)
        });
    }

    // Silence.
    add("half a head and silence", End::Refused, &|outer, _| outer.whole()[..60].to_owned());
    add("half a body and silence", End::Refused, &|outer, _| {
        let whole = outer.whole();
        whole[..whole.len() - 3].to_owned()
    });

    let [first, second] = ["first", "second"].map(|which| order(place, "pipelined", which));
    cases.push(Case {
        what: "pipelined",
        parts: vec![format!("{}{}", first.whole(), second.whole()).into_bytes()],
        end: End::Both,
        may_order: vec![Key(first.key), Key(second.key)],
    });
    cases
}
