//! Fuzz target: the header of a grant.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::grant(bytes));
