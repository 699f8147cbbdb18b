//! A ledger of several servers: a Redis Cluster, or what Sentinels name. Real servers, real nodes, and buyers who
//! keep what they were told.

mod cluster;
mod crowd;
mod ledger;
mod lost_master;
mod replicas;
mod restart;
mod sentinel;
