//! The Lua scripts on a real Redis, held against the model in `shared`.

mod concurrent;
mod failing;
mod faults;
mod history;
mod mutants;
mod plays;
mod recovery_rules;
mod rules;

use lastseat_tests::histories::world;
