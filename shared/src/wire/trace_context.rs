//! Trace context: the header `traceparent` (W3C Trace Context, level 1).

use core::fmt;

/// A request's place in a trace. Printed as the header's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    parent: u64,
    flags: u8,
}

/// The flag that asks for the trace to be recorded.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Reads `00-<trace id>-<parent id>-<flags>` in lower-case hexadecimal; `None` for anything
    /// else, which counts as none sent.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut hex = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length)?;
            let lower = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            lower.then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let (version, trace, parent, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        // The last version is none, and neither id is ever zero.
        let good = version != 0xff && trace != 0 && parent != 0 && parts.next().is_none();
        good.then_some(Self {
            trace,
            parent: u64::try_from(parent).ok()?,
            flags: u8::try_from(flags).ok()?,
        })
    }

    /// The first request of a trace that is to be recorded. `random` makes its ids.
    #[must_use]
    pub fn start(random: [u8; 24]) -> Self {
        let (trace, parent) = random.split_at(16);
        let number = |bytes: &[u8]| bytes.iter().fold(0u128, |n, byte| n << 8 | u128::from(*byte));
        Self {
            // Zero stands for none.
            trace: number(trace).max(1),
            parent: u64::try_from(number(parent)).unwrap_or(1).max(1),
            flags: SAMPLED,
        }
    }

    /// Trace id, parent id and flags, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 25] {
        let mut bytes = [0; 25];
        bytes[..16].copy_from_slice(&self.trace.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.parent.to_be_bytes());
        bytes[24] = self.flags;
        bytes
    }

    /// Reads [`TraceParent::to_bytes`]; `None` where an id is zero, which stands for none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 25]) -> Option<Self> {
        let (trace, rest) = bytes.split_first_chunk::<16>()?;
        let (parent, rest) = rest.split_first_chunk::<8>()?;
        let (trace, parent) = (u128::from_be_bytes(*trace), u64::from_be_bytes(*parent));
        let flags = *rest.first()?;
        (trace != 0 && parent != 0).then_some(Self { trace, parent, flags })
    }

    /// The id that all requests of the trace share.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        TraceId(self.trace)
    }

    /// The id of the sender's own part of the trace.
    #[must_use]
    pub const fn parent_id(&self) -> u64 {
        self.parent
    }

    /// Whether the sender records the trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, parent, flags) = (self.trace_id(), self.parent, self.flags);
        write!(f, "00-{trace}-{parent:016x}-{flags:02x}")
    }
}

/// Names a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_a_trace_of_the_standard_is_one() {
        let read = TraceParent::parse(GOOD).unwrap();
        assert_eq!(read.to_string(), GOOD);
        assert!(read.is_sampled());
        assert_eq!(read.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_trace_that_was_started_reads_back(random: [u8; 24]) {
            let started = TraceParent::start(random);
            prop_assert_eq!(TraceParent::parse(&started.to_string()), Some(started));
        }
    }
}
