//! What every test of the running system needs. Whatever is started here is gone when its value is
//! dropped, with all its children; ports are chosen by the operating system.

pub mod certificates;
pub mod cluster;
pub mod document;
pub mod ending;
pub mod http;
pub mod ledger;
pub mod lone_edge;
pub mod metrics;
pub mod paths;
pub mod processes;
pub mod program;
pub mod proxy;
pub mod redis;
pub mod small_disk;
pub mod stat_log;
pub mod system;
pub mod upload;
pub mod wait;

pub use cluster::{Cluster, Edge, Setup};
pub use http::{ConnectionLost, HttpClient, HttpReply};
pub use lone_edge::LoneEdge;
pub use program::Program;
pub use proxy::Proxy;
pub use redis::{Durability, PrivateRedis, RedisCluster, RedisSentinel, RedisSetup};
pub use system::{AuditRun, System};
