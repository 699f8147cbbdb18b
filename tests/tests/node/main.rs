//! Nodes on a real Redis: their API, recovery, logs, metrics, webhooks, and the ledger in all its
//! topologies.

mod api;
mod logs;
mod metrics;
mod recovery;
mod relay;
mod rim;
mod shop_day;
mod topology;
