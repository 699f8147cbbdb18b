//! Fuzz target: the frames of a link.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::link(bytes));
