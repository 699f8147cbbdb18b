//! Frames of a link and the code that authenticates those of a gateway.
//!
//! From the gateway: length, kind, number, id of the key, code, payload. The code is an
//! HMAC-SHA-256 over purpose, nonce, edge id, kind, number and payload, so that no frame can be
//! changed, repeated, left out, or moved to another link. Each frame names its key: keys are
//! replaced while a link is open. From the node: length, kind, payload; as over HTTP, what a node
//! answers is not signed.

use super::codec::{Fields, Malformed, put_short, text};
use crate::auth::key_ring::KeyRing;
use crate::domain::ids::EdgeId;
use crate::limits::{KEY_ID_MAX, LINK_FRAME_MAX};

/// Bytes before a frame: its length.
pub const PREFIX: usize = 4;
/// What the code is for: the first field of its message.
const PURPOSE: &[u8] = b"lastseat link frame 1";

/// Made by the node for each link, at random: a frame of one link is worth nothing on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkNonce(pub [u8; 16]);

impl LinkNonce {
    /// The value of [`super::NONCE_HEADER`].
    #[must_use]
    pub fn to_header(self) -> String {
        base16ct::lower::encode_string(&self.0)
    }

    /// Reads the value.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut nonce = [0; 16];
        let read = base16ct::lower::decode(header, &mut nonce).ok()?;
        (read.len() == 16).then_some(Self(nonce))
    }
}

/// Why a node closes a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum LinkRejection {
    /// Bytes that no gateway of this version sends.
    #[error("a frame is malformed")]
    Malformed = 1,
    /// A length above [`LINK_FRAME_MAX`].
    #[error("a frame is longer than {max} bytes", max = LINK_FRAME_MAX)]
    TooLong = 2,
    /// Signed with a key that the node does not have.
    #[error(
        "a frame is signed with a key that this node does not have; give gateway and node the same \
         LASTSEAT_EDGE_KEY"
    )]
    UnknownKey = 3,
    /// The code does not fit.
    #[error(
        "the code of a frame does not fit; gateway and node have different secrets in \
         LASTSEAT_EDGE_KEY under one key id, or something between them changed the frame"
    )]
    WrongCode = 4,
    /// A frame was repeated or is missing.
    #[error("a frame has another number than the next one")]
    Sequence = 5,
}

impl LinkRejection {
    /// One word, for logs and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::UnknownKey => "unknown_key",
            Self::WrongCode => "wrong_code",
            Self::Sequence => "sequence",
        }
    }

    fn of(byte: u8) -> Result<Self, Malformed> {
        [Self::Malformed, Self::TooLong, Self::UnknownKey, Self::WrongCode, Self::Sequence]
            .into_iter()
            .find(|rejection| *rejection as u8 == byte)
            .ok_or(Malformed)
    }
}

impl From<Malformed> for LinkRejection {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The length of the frame that `received` begins with, its prefix included; `None` while that has
/// not arrived. Whether the frame itself is whole, the length of `received` says.
///
/// # Errors
/// It is longer than a frame may be.
pub fn length(received: &[u8]) -> Result<Option<usize>, LinkRejection> {
    let Ok(length) = Fields(received).u32() else {
        return Ok(None);
    };
    match usize::try_from(length) {
        Ok(length) if length <= LINK_FRAME_MAX => Ok(Some(PREFIX + length)),
        _ => Err(LinkRejection::TooLong),
    }
}

/// What a gateway sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromGateway<'a> {
    /// Orders, see [`super::orders`].
    Orders(&'a [u8]),
    /// Asks for a sign of life.
    Ping,
}

impl<'a> FromGateway<'a> {
    const fn parts(self) -> (u8, &'a [u8]) {
        match self {
            Self::Orders(payload) => (1, payload),
            Self::Ping => (2, &[]),
        }
    }
}

/// What both ends of one link have in common.
#[derive(Clone, Debug)]
pub struct LinkSession {
    /// The beginning of each signed message: each field after its length.
    message: Vec<u8>,
}

impl LinkSession {
    /// Of the link that was opened under this nonce by this edge.
    #[must_use]
    pub fn new(nonce: LinkNonce, edge: &EdgeId) -> Self {
        let mut message = Vec::with_capacity(96);
        for field in [PURPOSE, &nonce.0, edge.as_str().as_bytes()] {
            put_short(&mut message, field);
        }
        Self { message }
    }

    /// Appends the gateway's frame with this number to `out`; the newest key signs it.
    pub fn write(&self, keys: &KeyRing, number: u64, frame: FromGateway<'_>, out: &mut Vec<u8>) {
        let (kind, payload) = frame.parts();
        let code = keys.code(&[&self.message, &[kind], &number.to_be_bytes(), payload]);
        let id = keys.signing_id().as_bytes();
        let length = 1 + 8 + 1 + id.len() + code.len() + payload.len();
        out.reserve(PREFIX + length);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        out.push(kind);
        out.extend_from_slice(&number.to_be_bytes());
        put_short(out, id);
        out.extend_from_slice(&code);
        out.extend_from_slice(payload);
    }

    /// Reads a gateway's whole frame, prefix included, that must have this number.
    ///
    /// # Errors
    /// Why the link has to be closed. A frame whose code does not fit is not read any further.
    pub fn read<'a>(
        &self,
        keys: &KeyRing,
        number: u64,
        frame: &'a [u8],
    ) -> Result<FromGateway<'a>, LinkRejection> {
        let mut fields = Fields(frame);
        let length = fields.u32()?;
        if usize::try_from(length) != Ok(fields.0.len()) {
            return Err(LinkRejection::Malformed);
        }
        let kind = fields.u8()?;
        let sent = fields.u64()?;
        let id = fields.short()?;
        let code = fields.array::<32>()?;
        let payload = fields.0;
        if id.len() > KEY_ID_MAX {
            return Err(LinkRejection::Malformed);
        }
        let parts: [&[u8]; 4] = [&self.message, &[kind], &sent.to_be_bytes(), payload];
        match keys.has_code(text(id)?, &parts, &code) {
            None => return Err(LinkRejection::UnknownKey),
            Some(false) => return Err(LinkRejection::WrongCode),
            Some(true) => {}
        }
        if sent != number {
            return Err(LinkRejection::Sequence);
        }
        match (kind, payload) {
            (1, payload) => Ok(FromGateway::Orders(payload)),
            (2, []) => Ok(FromGateway::Ping),
            _ => Err(LinkRejection::Malformed),
        }
    }
}

/// What a node sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromNode<'a> {
    /// Answers, see [`super::answers`].
    Answers(&'a [u8]),
    /// The sign of life that was asked for.
    Pong,
    /// The node stops: it answers what it has received, and another one is to be asked.
    Goodbye,
    /// The node closes the link.
    Rejected(LinkRejection),
}

const ANSWERS: u8 = 1;
const PONG: u8 = 2;
const GOODBYE: u8 = 3;
const REJECTED: u8 = 4;

impl<'a> FromNode<'a> {
    /// Appends a frame of answers, given by the parts of its payload, to `out`.
    pub fn write_answers(payload: &[&[u8]], out: &mut Vec<u8>) {
        Self::put(ANSWERS, payload, out);
    }

    /// Appends the frame to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Answers(payload) => Self::put(ANSWERS, &[payload], out),
            Self::Pong => Self::put(PONG, &[], out),
            Self::Goodbye => Self::put(GOODBYE, &[], out),
            Self::Rejected(why) => Self::put(REJECTED, &[&[*why as u8]], out),
        }
    }

    fn put(kind: u8, payload: &[&[u8]], out: &mut Vec<u8>) {
        let length = 1 + payload.iter().map(|part| part.len()).sum::<usize>();
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        out.push(kind);
        for part in payload {
            out.extend_from_slice(part);
        }
    }

    /// Reads a node's whole frame, prefix included.
    ///
    /// # Errors
    /// No node of this version writes it.
    pub fn read(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(frame);
        let length = fields.u32()?;
        if usize::try_from(length) != Ok(fields.0.len()) {
            return Err(Malformed);
        }
        match (fields.u8()?, fields.0) {
            (ANSWERS, payload) => Ok(Self::Answers(payload)),
            (PONG, []) => Ok(Self::Pong),
            (GOODBYE, []) => Ok(Self::Goodbye),
            (REJECTED, [why]) => Ok(Self::Rejected(LinkRejection::of(*why)?)),
            _ => Err(Malformed),
        }
    }
}
