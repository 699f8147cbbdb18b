//! Fuzz target: replies of Redis.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::reply(bytes));
