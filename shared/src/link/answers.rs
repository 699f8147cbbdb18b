//! Answers in a frame of a link: each as its HTTP response would be, and one grant for each sale.

use super::codec::{Fields, Malformed, put_long, put_short, text};
use crate::admission::grant::{Grant, Supply};
use crate::limits::{
    GONE_HEADER_MAX, LINK_ANSWERS_MAX, LINK_FRAME_ROOM, LINK_HEADER_MAX, LINK_HEADERS_MAX,
    SALES_HEADER_MAX,
};
use crate::wire::messages::header;

/// Header names that have a number on the wire, in its order from 1; 0 = the name follows. New
/// ones are appended.
const NAMES: [&str; 8] = [
    "content-type",
    "location",
    "retry-after",
    "www-authenticate",
    "cache-control",
    header::ANSWERED_BY,
    header::LIMITED,
    header::IDEMPOTENCY_REPLAYED,
];
/// Stands for "no grant".
const NO_GRANT: u8 = u8::MAX;

/// What a frame of answers says of one sale.
///
/// One text follows a grant: of a sale that the node does not serve the names of those that exist,
/// of another one what is gone. Gateways of earlier versions read it in the first case only, and
/// nodes of earlier versions write nothing in the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkGrant<'a> {
    /// `Lastseat-Grant`.
    pub grant: Grant,
    /// `Lastseat-Sales`, empty where there is none, as in every grant of a sale that is served.
    pub sales: &'a str,
    /// `Lastseat-Gone`, empty where there is none, as in every grant of a sale that is not.
    pub gone: &'a str,
}

impl<'a> LinkGrant<'a> {
    /// The text that follows the grant, and the most bytes that it may have.
    const fn more(&self) -> (&'a str, usize) {
        match self.grant.supply {
            Supply::Unknown => (self.sales, SALES_HEADER_MAX),
            _ => (self.gone, GONE_HEADER_MAX),
        }
    }

    /// A grant with the text that follows it; `None` where that is too long.
    fn with(grant: Grant, more: &'a str) -> Option<Self> {
        let (sales, gone) = match grant.supply {
            Supply::Unknown => (more, ""),
            _ => ("", more),
        };
        let read = Self { grant, sales, gone };
        (more.len() <= read.more().1).then_some(read)
    }
}

/// Gathers the answers of one frame: grants first, then answers that name theirs.
#[derive(Debug, Default)]
pub struct AnswerWriter {
    grants: Vec<u8>,
    grant_count: u8,
    answers: Vec<u8>,
    answer_count: u8,
}

impl AnswerWriter {
    /// Adds a grant and returns the place by which answers name it; `None` where the frame is full
    /// or the names are too long.
    pub fn grant(&mut self, grant: &LinkGrant<'_>) -> Option<u8> {
        let text = grant.grant.to_header();
        let (more, most) = grant.more();
        let length = 3 + text.len() + more.len();
        if more.len() > most
            || usize::from(self.grant_count) >= LINK_ANSWERS_MAX
            || self.length() + length > LINK_FRAME_ROOM
        {
            return None;
        }
        put_short(&mut self.grants, text.as_bytes());
        put_long(&mut self.grants, more.as_bytes());
        self.grant_count += 1;
        Some(self.grant_count - 1)
    }

    /// Adds the answer to the order `number`; returns whether it fits. Of an answer that does not,
    /// nothing is written.
    pub fn answer<'h>(
        &mut self,
        number: u32,
        grant: Option<u8>,
        status: u16,
        headers: impl ExactSizeIterator<Item = (&'h str, &'h [u8])>,
        body: &[u8],
    ) -> bool {
        let begun = self.answers.len();
        let written = usize::from(self.answer_count) < LINK_ANSWERS_MAX
            && headers.len() <= LINK_HEADERS_MAX
            && self.put(number, grant, status, headers, body).is_some()
            && self.length() <= LINK_FRAME_ROOM;
        if written {
            self.answer_count += 1;
        } else {
            self.answers.truncate(begun);
        }
        written
    }

    fn put<'h>(
        &mut self,
        number: u32,
        grant: Option<u8>,
        status: u16,
        headers: impl ExactSizeIterator<Item = (&'h str, &'h [u8])>,
        body: &[u8],
    ) -> Option<()> {
        let out = &mut self.answers;
        out.extend_from_slice(&number.to_be_bytes());
        out.push(grant.unwrap_or(NO_GRANT));
        out.extend_from_slice(&status.to_be_bytes());
        out.push(u8::try_from(headers.len()).ok()?);
        for (name, value) in headers {
            if name.len() > usize::from(u8::MAX) || value.len() > LINK_HEADER_MAX {
                return None;
            }
            match NAMES.iter().position(|known| *known == name) {
                Some(place) => out.push(u8::try_from(place + 1).ok()?),
                None => {
                    out.push(0);
                    put_short(out, name.as_bytes());
                }
            }
            put_long(out, value);
        }
        out.extend_from_slice(&u32::try_from(body.len()).ok()?.to_be_bytes());
        if body.len() > LINK_FRAME_ROOM {
            return None;
        }
        out.extend_from_slice(body);
        Some(())
    }

    fn length(&self) -> usize {
        2 + self.grants.len() + self.answers.len()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.answer_count == 0
    }

    /// The parts of the payload, in order; [`AnswerWriter::clear`] begins anew.
    #[must_use]
    pub fn payload(&self) -> [&[u8]; 4] {
        [
            std::slice::from_ref(&self.grant_count),
            &self.grants,
            std::slice::from_ref(&self.answer_count),
            &self.answers,
        ]
    }

    /// Begins anew, in the same memory.
    pub fn clear(&mut self) {
        self.grants.clear();
        self.answers.clear();
        (self.grant_count, self.answer_count) = (0, 0);
    }
}

/// One answer of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAnswer<'a> {
    /// That of its order.
    pub number: u32,
    /// The place of its sale's grant in [`LinkAnswers::grants`].
    pub grant: Option<usize>,
    /// The HTTP status.
    pub status: u16,
    /// The headers, but for the grant.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// The body.
    pub body: &'a [u8],
}

/// A whole frame of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAnswers<'a> {
    /// One for each sale of which there is an answer.
    pub grants: Vec<LinkGrant<'a>>,
    /// The answers.
    pub answers: Vec<ReadAnswer<'a>>,
}

impl<'a> LinkAnswers<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// No node of this version writes it.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(payload);
        let count = usize::from(fields.u8()?);
        if count > LINK_ANSWERS_MAX {
            return Err(Malformed);
        }
        let mut grants = Vec::with_capacity(count);
        for _ in 0..count {
            let written = text(fields.short()?)?;
            let grant = Grant::parse(written).ok_or(Malformed)?;
            if grant.to_header() != written {
                return Err(Malformed);
            }
            let more = text(fields.long(SALES_HEADER_MAX)?)?;
            grants.push(LinkGrant::with(grant, more).ok_or(Malformed)?);
        }
        let count = usize::from(fields.u8()?);
        if !(1..=LINK_ANSWERS_MAX).contains(&count) {
            return Err(Malformed);
        }
        let mut answers = Vec::with_capacity(count);
        for _ in 0..count {
            answers.push(answer(&mut fields, grants.len())?);
        }
        fields.end()?;
        Ok(Self { grants, answers })
    }
}

fn answer<'a>(fields: &mut Fields<'a>, grants: usize) -> Result<ReadAnswer<'a>, Malformed> {
    let number = fields.u32()?;
    let grant = match fields.u8()? {
        NO_GRANT => None,
        place if usize::from(place) < grants => Some(usize::from(place)),
        _ => return Err(Malformed),
    };
    let status = fields.u16()?;
    let count = usize::from(fields.u8()?);
    if count > LINK_HEADERS_MAX {
        return Err(Malformed);
    }
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        let name = match usize::from(fields.u8()?) {
            0 => {
                let name = text(fields.short()?)?;
                // What has a number is written by it.
                if NAMES.contains(&name) {
                    return Err(Malformed);
                }
                name
            }
            place => *NAMES.get(place - 1).ok_or(Malformed)?,
        };
        headers.push((name, fields.long(LINK_HEADER_MAX)?));
    }
    let length = usize::try_from(fields.u32()?).map_err(|_| Malformed)?;
    let body = fields.bytes(length)?;
    Ok(ReadAnswer { number, grant, status, headers, body })
}
