//! The program `lastseat`: the command line, its commands, the configuration that they read, the
//! doctor and the relay.

#![warn(missing_docs)]

pub mod cli;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod failure;
pub mod journal;
pub mod relay;
pub mod when;
