//! The origin of lastseat: nodes that take orders to the ledger, the cluster that runs them on one
//! machine, and the operator's commands.

#![warn(missing_docs)]

pub mod acknowledged;
pub mod changes;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod commands;
mod committer;
pub mod config;
pub mod doctor;
pub mod events;
pub mod failure;
pub mod happenings;
mod healing;
pub mod http;
pub mod journal;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod node_number;
mod nodes;
pub mod openapi;
pub mod operator;
mod outbound;
mod private_file;
pub mod process;
pub mod redis_server;
mod redis_watch;
pub mod relay;
mod sale_names;
pub mod sales;
pub mod secret;
pub mod serve;
mod spans;
pub mod stat_log;
pub mod status;
pub mod timestamp;
pub mod when;
