//! Fuzz target: the header of edge counters.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::counts(bytes));
