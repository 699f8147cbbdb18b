//! Fuzz target: the PROXY protocol header of a connection to a gateway.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lastseat_tests::fuzz::proxy_header(bytes));
