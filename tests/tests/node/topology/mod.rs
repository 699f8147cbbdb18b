//! A ledger of several servers, a Redis Cluster or what Sentinels name, and the way to a single
//! one. Real servers, real nodes, and buyers who keep what they were told.

mod cluster;
mod crowd;
pub(crate) mod ledger;
mod lost_master;
mod lost_reply;
mod replicas;
mod restart;
mod sentinel;
mod tls;
mod turns;
