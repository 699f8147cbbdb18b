//! The network: each link has a delay, and for a while it may lose, double, hold back or stop what
//! it carries.

use super::chance::happens;
use super::scenario::{InjectedFault, Link, LinkDirection};
use fastrand::Rng;

/// What becomes of one message: when its copies arrive, in microseconds from now. None = it is
/// lost.
pub type Copies = Vec<u64>;

/// All links. A link is disturbed by the items that act on it now.
#[derive(Debug)]
pub struct Network {
    far_ms: u64,
    redis_us: u64,
    acting: Vec<(u64, InjectedFault)>,
}

impl Network {
    /// A network whose edges are up to `far_ms` away from the nodes, and these up to `redis_us`
    /// from Redis.
    #[must_use]
    pub const fn new(far_ms: u64, redis_us: u64) -> Self {
        Self { far_ms, redis_us, acting: Vec::new() }
    }

    /// The fault of item `number` begins.
    pub fn disturb(&mut self, number: u64, fault: InjectedFault) {
        self.acting.push((number, fault));
    }

    /// It ends.
    pub fn mend(&mut self, number: u64) {
        self.acting.retain(|(acting, _)| *acting != number);
    }

    /// Whether anything passes.
    #[must_use]
    pub fn passes(&self, link: Link, way: LinkDirection) -> bool {
        !self.acting.iter().any(|(_, fault)| {
            matches!(fault, InjectedFault::Cut { link: cut, only, .. }
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
            let InjectedFault::Noise { link: noisy, loss, twice, late_ms, .. } = *fault else {
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
        match link {
            Link::Clients(_) => rng.u64(1_000..30_000),
            Link::EdgeNode(..) => rng.u64(200..self.far_ms * 1_000 + 300),
            Link::NodeRedis(_) => rng.u64(80..self.redis_us),
        }
    }
}
