//! One connection of a load: opened again when the server closed it, and at another entry point for
//! a while when its own does not answer.
//!
//! It tells a request that was never sent from one whose answer was lost: the second may have sold
//! a ticket.

use super::reply::{AnsweringTier, LastReply, fault_name};
use super::request::LoadRequest;
use super::streams::{self, ANSWER_MAX, CONNECT_WITHIN, NoStreamAnswer, SharedStreams};
use anyhow::{Context, Result, bail, ensure};
use shared::wire::messages::header::ANSWERED_BY;
use std::io::ErrorKind::WouldBlock;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Time that an answer may take: longer than the edge's own deadline (`limits::EDGE_DEADLINE_MS`).
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection stays at another entry point when its own does not answer.
const AWAY: Duration = Duration::from_secs(1);
/// Headers that an answer may have.
const HEADERS_MAX: usize = 32;
/// Milliseconds before a request is repeated that was not answered, or not sent.
pub(super) const REPEAT_AFTER_MS: u32 = 100;

/// An entry point.
#[derive(Clone, Debug)]
pub(super) struct LoadTarget {
    host: String,
    address: SocketAddr,
}

impl LoadTarget {
    /// The one at `http://host:port`.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let address = host.and_then(|host| host.to_socket_addrs().ok()?.next());
        host.zip(address)
            .map(|(host, address)| Self { host: host.to_owned(), address })
            .with_context(|| format!("{url:?} is not an address like http://127.0.0.1:8787"))
    }
}

/// One attempt: what it means for its buyer, and who said so.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) reply: LastReply,
    pub(super) tier: Option<AnsweringTier>,
    /// The name of a 5xx.
    pub(super) fault: Option<String>,
    /// The code of a "no", where the load counts them.
    pub(super) refusal: Option<&'static str>,
    /// Whether it has an answer at all.
    pub(super) answered: bool,
}

impl Attempt {
    /// The answer to request `number`, with this status and of this tier.
    fn of(
        request: &LoadRequest,
        number: u32,
        (status, tier): (u16, Option<AnsweringTier>),
        body: &[u8],
    ) -> Self {
        Self {
            reply: request.observe(number, status, body, tier),
            tier,
            fault: (status >= 500).then(|| fault_name(status, body, tier)),
            refusal: request.refusal(status, body),
            answered: true,
        }
    }
}

/// Waits for `answered`, if there is an end to it, no longer than that.
async fn in_time<T>(within: Option<Duration>, answered: impl Future<Output = T>) -> Result<T> {
    match within {
        None => Ok(answered.await),
        Some(within) => match timeout(within, answered).await {
            Ok(answered) => Ok(answered),
            Err(_) => bail!("no answer within {within:?}"),
        },
    }
}

/// A connection.
#[derive(Debug)]
pub struct LoadConnection {
    to: Arc<[LoadTarget]>,
    home: usize,
    /// How many entry points it is away from its own, and until when.
    away: Option<(usize, Instant)>,
    stream: Option<(usize, TcpStream)>,
    /// With HTTP/2: the connections that it shares with others, in place of one of its own.
    shared: Option<SharedStreams>,
    read: Vec<u8>,
    out: Vec<u8>,
    /// How often it connected.
    pub(super) opened: u64,
}

impl LoadConnection {
    /// A connection to the server at `url`.
    pub fn to(url: &str) -> Result<Self> {
        Ok(Self::at([LoadTarget::parse(url)?].into(), 0))
    }

    /// A connection whose own entry point is number `home`, counted round.
    pub(super) fn at(to: Arc<[LoadTarget]>, home: usize) -> Self {
        let home = home % to.len().max(1);
        Self {
            to,
            home,
            away: None,
            stream: None,
            shared: None,
            read: Vec::new(),
            out: Vec::new(),
            opened: 0,
        }
    }

    /// The same over HTTP/2, on connections that it shares with others.
    pub(super) fn over(self, shared: SharedStreams) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// The entry point at which it is.
    pub(super) fn present(&mut self) -> usize {
        self.away.take_if(|(_, until)| *until <= Instant::now());
        (self.home + self.away.map_or(0, |(step, _)| step)) % self.to.len()
    }

    /// Makes sure that it is open: a server may close one that is idle.
    pub(super) async fn open(&mut self) -> Result<()> {
        let at = self.present();
        if let Some(shared) = &self.shared {
            shared.open(at, self.to[at].address).await?;
            self.opened += shared.take_opened();
            return Ok(());
        }
        if let Some((open, stream)) = &self.stream
            && *open == at
            && stream.try_read(&mut [0]).is_err_and(|error| error.kind() == WouldBlock)
        {
            return Ok(());
        }
        // Closed, broken, elsewhere, or something came that nobody asked for.
        self.stream = None;
        self.read.clear();
        let address = self.to[at].address;
        let opened = timeout(CONNECT_WITHIN, TcpStream::connect(address)).await;
        let opened = opened.with_context(|| format!("none within {CONNECT_WITHIN:?}"));
        let opened = opened.and_then(|opened| Ok(opened?));
        let stream = opened.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        self.stream = Some((at, stream));
        self.opened += 1;
        Ok(())
    }

    /// Sends request `number` and reads the whole answer; `repeated` when an earlier answer to it
    /// was lost.
    pub(super) async fn ask(
        &mut self,
        request: &LoadRequest,
        number: u32,
        repeated: bool,
        within: Option<Duration>,
    ) -> Attempt {
        let asked = match self.shared.clone() {
            None => self.over_http1(request, number, repeated, within).await,
            Some(shared) => self.over_http2(shared, request, number, repeated, within).await,
        };
        let lost = match asked {
            Ok(attempt) => return attempt,
            Err(lost) => lost,
        };
        self.stream = None;
        let step = self.away.map_or(0, |(step, _)| step) + 1;
        self.away = Some((step % self.to.len(), Instant::now() + AWAY));
        Attempt { reply: lost, tier: None, fault: None, refusal: None, answered: false }
    }

    async fn over_http1(
        &mut self,
        request: &LoadRequest,
        number: u32,
        repeated: bool,
        within: Option<Duration>,
    ) -> Result<Attempt, LastReply> {
        self.open().await.map_err(|error| LastReply::NotSent(format!("{error:#}")))?;
        self.out.clear();
        let at = self.present();
        request.write(number, repeated, &self.to[at].host, &mut self.out);
        let answered = in_time(within, self.exchange()).await.and_then(|answered| answered);
        let answer = answered.map_err(|error| LastReply::Lost(format!("{error:#}")))?;
        let body = answer.body(&self.read);
        let attempt = Attempt::of(request, number, (answer.status, answer.by), body);
        self.read.drain(..answer.length);
        if answer.closes {
            self.stream = None;
        }
        Ok(attempt)
    }

    async fn over_http2(
        &mut self,
        shared: SharedStreams,
        request: &LoadRequest,
        number: u32,
        repeated: bool,
        within: Option<Duration>,
    ) -> Result<Attempt, LastReply> {
        let not_sent = |error: anyhow::Error| LastReply::NotSent(format!("{error:#}"));
        let at = self.present();
        let LoadTarget { host, address } = &self.to[at];
        let open = shared.open(at, *address).await.map_err(not_sent)?;
        self.opened += shared.take_opened();
        let message = request.message(number, repeated, host).map_err(not_sent)?;
        match in_time(within, streams::exchange(open, message)).await {
            Ok(Ok(answer)) => {
                Ok(Attempt::of(request, number, (answer.status, answer.by), &answer.body))
            }
            Ok(Err(NoStreamAnswer::NotSent(why))) => Err(LastReply::NotSent(why)),
            Ok(Err(NoStreamAnswer::Lost(why))) => Err(LastReply::Lost(why)),
            Err(error) => Err(LastReply::Lost(format!("{error:#}"))),
        }
    }

    async fn exchange(&mut self) -> Result<Answer> {
        let (_, stream) = self.stream.as_mut().context("the connection is not open")?;
        stream.write_all(&self.out).await.context("sending")?;
        loop {
            if stream.read_buf(&mut self.read).await.context("reading")? == 0 {
                bail!("the connection was closed before the answer");
            }
            if let Some(answer) = Answer::find(&self.read)? {
                return Ok(answer);
            }
            let length = self.read.len();
            ensure!(length <= ANSWER_MAX, "an answer of more than {ANSWER_MAX} bytes");
        }
    }

    /// Sends request `number` once; what the answer means.
    pub async fn send(&mut self, request: &LoadRequest, number: u32) -> LastReply {
        self.ask(request, number, false, Some(ANSWER_WITHIN)).await.reply
    }

    /// Repeats request `number` until there is a final answer, at most so many times; the last
    /// answer.
    pub async fn settle(&mut self, request: &LoadRequest, number: u32, times: u32) -> LastReply {
        let mut last = LastReply::NotSent("never".to_owned());
        for _ in 0..times {
            last = self.ask(request, number, true, Some(ANSWER_WITHIN)).await.reply;
            let wait_ms = match last {
                LastReply::Later { wait_ms, .. } => wait_ms,
                LastReply::Lost(_) | LastReply::NotSent(_) => REPEAT_AFTER_MS,
                LastReply::Granted | LastReply::Refused | LastReply::Wrong(_) => break,
            };
            sleep(Duration::from_millis(wait_ms.into())).await;
        }
        last
    }
}

/// An answer, its body where it lies.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// Which tier decided, if it says so.
    by: Option<AnsweringTier>,
    /// Whether the server closes the connection after it.
    closes: bool,
    whole: Range<usize>,
    /// The body that came in chunks.
    joined: Option<Vec<u8>>,
    /// How many bytes of the buffer it takes.
    length: usize,
}

impl Answer {
    /// The answer at the start of `read`, `None` as long as it is not there completely.
    fn find(read: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(begins) = head.parse(read)? else {
            return Ok(None);
        };
        let status = head.code.unwrap_or_default();
        let (mut size, mut chunked, mut by) = (None, false, None);
        let mut closes = head.version == Some(0);
        for header in head.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or_default();
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                14 if is("content-length") => size = Some(value.trim().parse::<usize>()?),
                17 if is("transfer-encoding") => chunked = value.eq_ignore_ascii_case("chunked"),
                10 if is("connection") => closes = value.eq_ignore_ascii_case("close"),
                _ if is(ANSWERED_BY) => by = AnsweringTier::named(value),
                _ => {}
            }
        }
        let (joined, length) = match (chunked, size) {
            (true, _) => match chunks(read, begins)? {
                Some((body, end)) => (Some(body), end),
                None => return Ok(None),
            },
            (false, Some(size)) => (None, begins.saturating_add(size)),
            (false, None) if status == 204 || status == 304 => (None, begins),
            (false, None) => bail!("an answer {status} without the length of its body"),
        };
        let found = Self { status, by, closes, whole: begins..length, joined, length };
        Ok((read.len() >= length).then_some(found))
    }

    /// Its body, in the buffer where it was found.
    fn body<'a>(&'a self, read: &'a [u8]) -> &'a [u8] {
        self.joined.as_deref().unwrap_or_else(|| &read[self.whole.clone()])
    }
}

/// The body whose chunks begin at `at`, and where they end.
fn chunks(read: &[u8], mut at: usize) -> Result<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    loop {
        let (begins, size) = match httparse::parse_chunk_size(&read[at..]) {
            Ok(httparse::Status::Complete((line, size))) => (at + line, usize::try_from(size)?),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => bail!("a chunk without a size"),
        };
        let ends = begins.saturating_add(size);
        let Some(mark) = read.get(ends..ends.saturating_add(2)) else {
            return Ok(None);
        };
        ensure!(mark == b"\r\n", "a chunk without an end (or trailers, which nobody here sends)");
        at = ends + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
        body.extend_from_slice(&read[begins..ends]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str =
        "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nlastseat-answered-by: ledger\r\n\r\nhello";
    const CHUNKED: &str = "HTTP/1.1 409 Conflict\r\ntransfer-encoding: chunked\r\nconnection: \
        close\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";

    #[test]
    fn an_answer_is_found_when_its_last_byte_is_there_and_not_before() {
        for (text, status, body) in [(PLAIN, 201, "hello"), (CHUNKED, 409, "abcde")] {
            for cut in 0..text.len() {
                let part = Answer::find(&text.as_bytes()[..cut]).unwrap();
                assert!(part.is_none(), "{cut} bytes of {text:?} are no answer");
            }
            let more = format!("{text}HTTP/1.1 ");
            let answer = Answer::find(more.as_bytes()).unwrap().unwrap();
            assert_eq!((answer.status, answer.length), (status, text.len()));
            assert_eq!(answer.body(more.as_bytes()), body.as_bytes());
        }
        let answer = Answer::find(PLAIN.as_bytes()).unwrap().unwrap();
        assert_eq!((answer.by, answer.closes), (Some(AnsweringTier::Ledger), false));
        assert!(Answer::find(CHUNKED.as_bytes()).unwrap().unwrap().closes);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for wrong in [
            "SSH-2.0-x\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        ] {
            assert!(Answer::find(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
