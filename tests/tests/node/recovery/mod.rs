//! The ledger loses its last moments, and every acknowledged order is there again before anybody
//! else can have its tickets.

mod buyers;
mod journal;
mod late;
mod lost;
mod many;
mod numbers;
mod stage;
