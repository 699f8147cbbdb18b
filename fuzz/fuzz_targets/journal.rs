//! Fuzz target: an exported log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::journal(bytes));
