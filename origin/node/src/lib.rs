//! A node of the origin: takes orders to the ledger, recovers sales, serves buyers, edges and
//! operators over HTTP and says how it does.

#![warn(missing_docs)]

pub mod alarm_watch;
pub mod api;
mod auditor;
mod cached_sale;
mod committer;
pub mod config;
pub mod directory_lock;
pub mod edge_list;
pub(crate) mod header_names;
mod healer;
pub mod http;
pub mod membership;
mod moments;
pub mod node_number;
pub mod openapi;
pub mod ready_line;
mod redis_watch;
mod sale_handle;
pub mod sale_history;
mod sale_names;
mod sale_plan;
mod sale_seats;
pub mod sale_service;
pub mod secret;
pub mod serve;
pub mod status;
mod status_publisher;
pub mod telemetry;
pub mod timeline;
pub mod timestamp;
