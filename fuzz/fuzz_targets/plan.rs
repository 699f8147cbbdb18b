//! Fuzz target: a plan of a sale.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::plan(bytes));
