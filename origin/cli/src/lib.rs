//! The program `lastseat`: the command line, its commands, the configuration that they read, the
//! doctor and the relays.

#![warn(missing_docs)]

pub mod api_client;
pub mod cli;
pub mod commands;
pub mod config;
pub mod contexts;
pub mod doctor;
pub mod event_file;
pub mod failure;
mod http_address;
pub mod journal;
mod node_relay;
mod own_node;
pub mod plan_file;
pub mod plan_report;
pub mod relay;
pub mod when;
