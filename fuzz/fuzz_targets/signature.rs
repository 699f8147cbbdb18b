//! Fuzz target: signatures of edges.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::signature(bytes));
