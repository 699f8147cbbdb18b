//! The ledger loses its last moments, and every acknowledged order is there again before anybody
//! else can have its tickets.

mod buyers;
mod journal;
mod late;
mod late_seats;
mod lost;
mod many;
mod numbers;
mod past;
mod stage;
