//! Nodes on a real Redis: their API, recovery, logs, metrics, webhooks, and the ledger in all its
//! topologies; the front of a gateway, which needs none of them.

mod api;
mod gateway;
mod link;
mod logs;
mod metrics;
mod recovery;
mod relay;
mod rim;
mod shop_day;
mod topology;
