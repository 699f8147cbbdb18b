//! Fuzz target: the body of an order.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::order_body(bytes));
