//! Finds one whole answer in what a connection has read.

use crate::rush::order::AnsweringTier;
use anyhow::{Result, bail, ensure};
use shared::wire::messages::header::ANSWERED_BY;
use std::ops::Range;

/// Headers that an answer may have.
const HEADERS_MAX: usize = 32;

/// An answer, its body where it lies.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    /// Which tier decided, if it says so.
    pub(super) by: Option<AnsweringTier>,
    /// Whether the server closes the connection after it.
    pub(super) closes: bool,
    body: Body,
    /// How many bytes of the buffer it takes.
    pub(super) length: usize,
}

#[derive(Debug)]
enum Body {
    Whole(Range<usize>),
    Chunks(Vec<Range<usize>>),
}

impl Answer {
    /// The answer at the start of `read`, `None` as long as it is not there completely.
    pub(super) fn find(read: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(begins) = head.parse(read)? else {
            return Ok(None);
        };
        let status = head.code.unwrap_or_default();
        let (mut length, mut chunked, mut by) = (None, false, None);
        let mut closes = head.version == Some(0);
        for header in head.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or_default();
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                14 if is("content-length") => length = Some(value.trim().parse::<usize>()?),
                17 if is("transfer-encoding") => chunked = value.eq_ignore_ascii_case("chunked"),
                10 if is("connection") => closes = value.eq_ignore_ascii_case("close"),
                _ if is(ANSWERED_BY) => by = AnsweringTier::named(value),
                _ => {}
            }
        }
        let (body, end) = match (chunked, length) {
            (true, _) => match chunks(read, begins)? {
                Some((chunks, end)) => (Body::Chunks(chunks), end),
                None => return Ok(None),
            },
            (false, Some(length)) => (Body::Whole(begins..begins + length), begins + length),
            (false, None) if status == 204 || status == 304 => {
                (Body::Whole(begins..begins), begins)
            }
            (false, None) => bail!("an answer {status} without the length of its body"),
        };
        let found = Self { status, by, closes, body, length: end };
        Ok((read.len() >= end).then_some(found))
    }

    /// Its body, in the buffer where it was found.
    pub(super) fn body<'a>(&self, read: &'a [u8], joined: &'a mut Vec<u8>) -> &'a [u8] {
        match &self.body {
            Body::Whole(range) => &read[range.clone()],
            Body::Chunks(ranges) => {
                joined.clear();
                for range in ranges {
                    joined.extend_from_slice(&read[range.clone()]);
                }
                joined
            }
        }
    }
}

type Chunks = (Vec<Range<usize>>, usize);

/// The chunks of a body that begins at `at`, and where it ends.
fn chunks(read: &[u8], mut at: usize) -> Result<Option<Chunks>> {
    let mut found = Vec::new();
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
            return Ok(Some((found, at)));
        }
        found.push(begins..ends);
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
            let mut joined = Vec::new();
            assert_eq!(answer.body(more.as_bytes(), &mut joined), body.as_bytes());
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
