//! The ledger by itself: scripts, audit, files and backups on a real Redis.

mod audit;
mod backup;
mod payments;
mod scripts;
mod search;
mod torn;
