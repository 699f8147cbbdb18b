//! Orders in a frame of a link: all that a forwarded HTTP order carries.

use super::codec::{Fields, Malformed, put_long, put_short, text};
use crate::domain::order::KeySource;
use crate::limits::{BODY_MAX, LINK_FRAME_ROOM, LINK_ORDERS_MAX, LINK_TOKEN_MAX, WANTED_MAX};
use crate::wire::edge_counters::EdgeCounts;
use crate::wire::messages::key_source;
use crate::wire::trace_context::TraceParent;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One order on its way to a node. Its texts are checked by the node as those of a request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkOrder<'a> {
    /// The sale, as a path names it.
    pub sale: &'a str,
    /// `Idempotency-Key`.
    pub id: &'a str,
    /// Where the id comes from. `Known` arrives as `Repeated`, as in `Lastseat-Key`.
    pub key: KeySource,
    /// The client's address, as far as the edge has it.
    pub client: Option<IpAddr>,
    /// `Lastseat-Buyer-Token`, at most [`LINK_TOKEN_MAX`] bytes.
    pub token: Option<&'a str>,
    /// What it is for, as `?for=` says it, at most [`WANTED_MAX`] bytes. Only for nodes that say
    /// that they take it ([`super::TAKES_WANTED`]).
    pub wanted: Option<&'a str>,
    /// `traceparent`.
    pub trace: Option<TraceParent>,
    /// What the edge has counted for the sale since its last report.
    pub counts: Option<EdgeCounts>,
    /// The body, at most [`BODY_MAX`] bytes.
    pub body: &'a [u8],
}

/// Bits of an order's first byte; the lowest two are the key's source.
const TOKEN: u8 = 1 << 2;
const TRACE: u8 = 1 << 3;
const COUNTS: u8 = 1 << 4;
const V4: u8 = 1 << 5;
const V6: u8 = 1 << 6;
const WANTED: u8 = 1 << 7;
const SOURCE: u8 = 0b11;

const fn source_bits(key: KeySource) -> u8 {
    match key {
        KeySource::Made => 0,
        KeySource::Sent => 1,
        KeySource::Repeated | KeySource::Known => 2,
    }
}

fn source_of(bits: u8) -> Result<KeySource, Malformed> {
    let sources = [KeySource::Made, KeySource::Sent, KeySource::Repeated];
    sources.into_iter().find(|key| source_bits(*key) == bits).ok_or(Malformed)
}

impl LinkOrder<'_> {
    /// Whether no field is longer than a link carries it. Another order is sent plainly, and the
    /// node says what is wrong.
    #[must_use]
    pub fn fits(&self) -> bool {
        let short = |text: &str| text.len() <= usize::from(u8::MAX);
        short(self.sale)
            && short(self.id)
            && self.token.is_none_or(|token| token.len() <= LINK_TOKEN_MAX)
            && self.wanted.is_none_or(|wanted| wanted.len() <= WANTED_MAX)
            && self.body.len() <= BODY_MAX
    }

    /// The bytes of this order in a frame, without the number by which its answer is matched;
    /// `None` where it does not fit ([`Self::fits`]).
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        if !self.fits() {
            return None;
        }
        let mut out = Vec::with_capacity(96 + self.sale.len() + self.id.len() + self.body.len());
        let client = match self.client {
            Some(IpAddr::V4(_)) => V4,
            Some(IpAddr::V6(_)) => V6,
            None => 0,
        };
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        out.push(
            source_bits(self.key)
                | flag(self.token.is_some(), TOKEN)
                | flag(self.wanted.is_some(), WANTED)
                | flag(self.trace.is_some(), TRACE)
                | flag(self.counts.is_some(), COUNTS)
                | client,
        );
        put_short(&mut out, self.sale.as_bytes());
        put_short(&mut out, self.id.as_bytes());
        match self.client {
            Some(IpAddr::V4(address)) => out.extend_from_slice(&address.octets()),
            Some(IpAddr::V6(address)) => out.extend_from_slice(&address.octets()),
            None => {}
        }
        if let Some(token) = self.token {
            put_long(&mut out, token.as_bytes());
        }
        if let Some(wanted) = self.wanted {
            put_long(&mut out, wanted.as_bytes());
        }
        if let Some(trace) = &self.trace {
            out.extend_from_slice(&trace.to_bytes());
        }
        if let Some(counts) = &self.counts {
            for count in counts.to_numbers() {
                out.extend_from_slice(&count.to_be_bytes());
            }
        }
        put_long(&mut out, self.body);
        Some(out)
    }

    /// The word of [`key_source`] that a plain request has for this order.
    #[must_use]
    pub const fn key_word(&self) -> &'static str {
        key_source::word(self.key)
    }
}

/// Gathers the orders of one frame.
#[derive(Debug, Default)]
pub struct OrdersWriter {
    payload: Vec<u8>,
    orders: u8,
}

impl OrdersWriter {
    /// Whether `order`, as [`LinkOrder::to_bytes`] made it, fits into the frame.
    #[must_use]
    pub fn has_room(&self, order: &[u8]) -> bool {
        usize::from(self.orders) < LINK_ORDERS_MAX
            && self.payload.len() + 4 + order.len() < LINK_FRAME_ROOM
    }

    /// Adds `order`, for which there is room; its answer will have `number`.
    pub fn add(&mut self, number: u32, order: &[u8]) {
        debug_assert!(self.has_room(order), "asked before");
        if self.payload.is_empty() {
            self.payload.push(0);
        }
        self.orders += 1;
        self.payload.extend_from_slice(&number.to_be_bytes());
        self.payload.extend_from_slice(order);
    }

    /// How many there are.
    #[must_use]
    pub const fn orders(&self) -> u8 {
        self.orders
    }

    /// The payload; the writer begins anew. Its memory is given back with [`OrdersWriter::reuse`].
    pub fn take(&mut self) -> Vec<u8> {
        let mut payload = std::mem::take(&mut self.payload);
        if let Some(count) = payload.first_mut() {
            *count = self.orders;
        }
        self.orders = 0;
        payload
    }

    /// Takes the memory of a payload that was sent for the next one.
    pub fn reuse(&mut self, mut payload: Vec<u8>) {
        if self.payload.is_empty() {
            payload.clear();
            self.payload = payload;
        }
    }
}

/// Reads the orders of one frame, each with its number.
#[derive(Debug)]
pub struct OrdersReader<'a> {
    fields: Fields<'a>,
    left: u8,
}

impl<'a> OrdersReader<'a> {
    /// Of this payload.
    ///
    /// # Errors
    /// It has no orders, or too many.
    pub fn new(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(payload);
        let left = fields.u8()?;
        if !(1..=LINK_ORDERS_MAX).contains(&usize::from(left)) {
            return Err(Malformed);
        }
        Ok(Self { fields, left })
    }

    /// All of them.
    ///
    /// # Errors
    /// One of them is malformed: then none counts.
    pub fn all(mut self) -> Result<Vec<(u32, LinkOrder<'a>)>, Malformed> {
        let mut orders = Vec::with_capacity(usize::from(self.left));
        for _ in 0..self.left {
            orders.push(self.one()?);
        }
        self.fields.end()?;
        Ok(orders)
    }

    fn one(&mut self) -> Result<(u32, LinkOrder<'a>), Malformed> {
        let fields = &mut self.fields;
        let number = fields.u32()?;
        let flags = fields.u8()?;
        let has = |bit: u8| flags & bit != 0;
        let key = source_of(flags & SOURCE)?;
        let sale = text(fields.short()?)?;
        let id = text(fields.short()?)?;
        let client = match (has(V4), has(V6)) {
            (false, false) => None,
            (true, false) => Some(IpAddr::V4(Ipv4Addr::from(fields.array::<4>()?))),
            (false, true) => Some(IpAddr::V6(Ipv6Addr::from(fields.array::<16>()?))),
            (true, true) => return Err(Malformed),
        };
        let token = if has(TOKEN) { Some(text(fields.long(LINK_TOKEN_MAX)?)?) } else { None };
        let wanted = if has(WANTED) { Some(text(fields.long(WANTED_MAX)?)?) } else { None };
        let trace = if has(TRACE) {
            Some(TraceParent::from_bytes(&fields.array()?).ok_or(Malformed)?)
        } else {
            None
        };
        let counts = if has(COUNTS) {
            let mut numbers = [0; EdgeCounts::NUMBERS];
            for number in &mut numbers {
                *number = fields.u32()?;
            }
            Some(EdgeCounts::of_numbers(numbers))
        } else {
            None
        };
        let body = fields.long(BODY_MAX)?;
        Ok((number, LinkOrder { sale, id, key, client, token, wanted, trace, counts, body }))
    }
}
