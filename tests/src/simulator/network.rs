//! Simulated network: each link has a delay, and for a while it may lose, double, hold back or stop
//! what it carries.

use super::chance::happens;
use fastrand::Rng;

/// A link between two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The clients of an edge.
    Clients(usize),
    /// An edge and a node.
    EdgeNode(usize, usize),
    /// A node and Redis.
    NodeRedis(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkDirection {
    /// Towards Redis.
    In,
    /// Towards the client.
    Out,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug)]
pub enum Disturbance {
    /// Nothing passes, in both directions or in one.
    Cut { link: Link, only: Option<LinkDirection> },
    /// So many of a thousand messages get lost or come twice, and each is late by up to this.
    Noise { link: Link, loss: u32, twice: u32, late_ms: u64 },
}

/// How long a message takes where nothing is wrong: at least, and at most so much more, in
/// microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    pub least_us: u64,
    pub spread_us: u64,
}

impl Delay {
    pub const NONE: Self = Self { least_us: 0, spread_us: 1 };

    pub const fn from_to(least_us: u64, most_us: u64) -> Self {
        Self { least_us, spread_us: most_us - least_us }
    }

    fn draw(self, rng: &mut Rng) -> u64 {
        self.least_us + rng.u64(0..self.spread_us)
    }
}

/// The delays of all links.
#[derive(Clone, Debug)]
pub struct Delays {
    pub clients: Delay,
    /// Of each edge to the nodes.
    pub edges: Vec<Delay>,
    pub redis: Delay,
    /// The part of the messages between edges and nodes, 0 to 1, that is late, and by how much at
    /// most, in microseconds.
    pub late: Option<(f64, u64)>,
}

/// When the copies of one message arrive, in microseconds from now. None = it is lost.
pub type Copies = Vec<u64>;

/// All links. A link is disturbed by the faults that act on it now.
#[derive(Debug)]
pub struct Network {
    delays: Delays,
    acting: Vec<(u64, Disturbance)>,
}

impl Network {
    pub const fn new(delays: Delays) -> Self {
        Self { delays, acting: Vec::new() }
    }

    /// The fault with this number begins.
    pub fn disturb(&mut self, number: u64, disturbance: Disturbance) {
        self.acting.push((number, disturbance));
    }

    /// It ends.
    pub fn mend(&mut self, number: u64) {
        self.acting.retain(|(acting, _)| *acting != number);
    }

    /// Whether anything passes.
    pub fn passes(&self, link: Link, way: LinkDirection) -> bool {
        !self.acting.iter().any(|(_, fault)| {
            matches!(fault, Disturbance::Cut { link: cut, only }
                if *cut == link && only.is_none_or(|only| only == way))
        })
    }

    /// One message. `doubles` = it may arrive twice.
    pub fn send(&self, link: Link, way: LinkDirection, doubles: bool, rng: &mut Rng) -> Copies {
        let usual = self.delay(link, rng);
        if !self.passes(link, way) {
            return Copies::new();
        }
        let mut copies = vec![usual];
        for (_, fault) in &self.acting {
            let Disturbance::Noise { link: noisy, loss, twice, late_ms } = *fault else {
                continue;
            };
            if noisy != link {
                continue;
            }
            if happens(rng, loss) {
                return Copies::new();
            }
            for copy in &mut copies {
                *copy += rng.u64(0..late_ms * 1_000 + 1);
            }
            if doubles && happens(rng, twice) {
                copies.push(usual + rng.u64(0..late_ms * 1_000 + 10_000));
            }
        }
        copies
    }

    /// How long a message takes where nothing is wrong, in microseconds.
    pub fn delay(&self, link: Link, rng: &mut Rng) -> u64 {
        let edge = match link {
            Link::Clients(_) => return self.delays.clients.draw(rng),
            Link::NodeRedis(_) => return self.delays.redis.draw(rng),
            Link::EdgeNode(edge, _) => self.delays.edges[edge].draw(rng),
        };
        match self.delays.late {
            Some((part, most_us)) if rng.f64() < part => edge + rng.u64(..most_us),
            _ => edge,
        }
    }
}
