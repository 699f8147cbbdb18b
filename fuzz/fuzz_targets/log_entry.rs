//! Fuzz target: entries of the event log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::log_entry(bytes));
