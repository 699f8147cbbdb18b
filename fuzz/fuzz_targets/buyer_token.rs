//! Fuzz target: buyer tokens.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::token(bytes));
