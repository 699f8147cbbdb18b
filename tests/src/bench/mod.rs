//! `make bench`.

pub mod load;
