//! Random bytes, asked for in bulk: one call into the runtime serves some 300 orders.

use core::fmt;

/// Fills bytes from a source that nobody can guess; `false` where the runtime gives none.
pub type FillRandom = Box<dyn FnMut(&mut [u8]) -> bool + Send>;

/// Bytes of a pool.
const POOL: usize = 4_096;

/// A pool of random bytes.
pub struct RandomPool {
    fill: FillRandom,
    pool: Box<[u8; POOL]>,
    used: usize,
}

impl RandomPool {
    /// An empty pool, which the first use fills.
    #[must_use]
    pub fn new(fill: FillRandom) -> Self {
        Self { fill, pool: Box::new([0; POOL]), used: POOL }
    }

    /// `N` bytes that were not given before; `None` where the runtime gives none.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        if let Some(bytes) = self.next() {
            return Some(bytes);
        }
        if !(self.fill)(&mut *self.pool) {
            return None;
        }
        self.used = 0;
        self.next()
    }

    /// A number in `0.0..1.0`, for what only has to be spread; 0 where there is no chance.
    pub fn chance(&mut self) -> f64 {
        let word = self.take().map_or(0, u16::from_le_bytes);
        f64::from(word) / 65_536.0
    }

    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.pool.get(self.used..)?.first_chunk().copied()?;
        self.used = self.used.saturating_add(N);
        Some(bytes)
    }
}

impl fmt::Debug for RandomPool {
    /// Without its bytes: order ids come from them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RandomPool").field("used", &self.used).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Counts up, so that no two pieces are the same.
    fn counting() -> FillRandom {
        let mut next = 0u32;
        Box::new(move |bytes| {
            for word in bytes.chunks_exact_mut(4) {
                word.copy_from_slice(&next.to_le_bytes());
                next += 1;
            }
            true
        })
    }

    #[test]
    fn no_byte_is_given_twice_however_often_the_pool_is_filled() {
        let mut pool = RandomPool::new(counting());
        let taken: BTreeSet<[u8; 4]> = (0..5_000).filter_map(|_| pool.take()).collect();
        assert_eq!(taken.len(), 5_000);
    }

    #[test]
    fn where_the_runtime_gives_nothing_there_is_no_id_and_no_panic() {
        let mut pool = RandomPool::new(Box::new(|_| false));
        assert_eq!(pool.take::<10>(), None);
        assert!(pool.chance().abs() < f64::EPSILON);
    }
}
