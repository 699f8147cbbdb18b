//! Chance that does not shift: each item of a scenario and each node draws from a stream of its
//! own, so that a run without one item is the same run for all others.

use fastrand::Rng;

/// The stream that belongs to `parts` in the run of `seed`.
pub fn stream(seed: u64, parts: &[u64]) -> Rng {
    Rng::with_seed(number(seed, parts))
}

/// The number that belongs to `parts` in the run of `seed`.
pub fn number(seed: u64, parts: &[u64]) -> u64 {
    parts
        .iter()
        .fold(mix(seed), |state, part| mix(state ^ part.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
/// 2014).
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Whether something happens that happens `per_mille` times in a thousand.
pub fn happens(rng: &mut Rng, per_mille: u32) -> bool {
    per_mille > 0 && rng.u32(0..1_000) < per_mille
}

/// One of `choices`.
pub fn one<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(0..choices.len())]
}
