//! Fuzz target: the header traceparent.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::trace(bytes));
