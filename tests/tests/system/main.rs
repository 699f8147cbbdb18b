//! The whole system: edges, nodes, Redis, browsers and those who call them from outside.

mod bench;
mod checker;
mod clients;
mod dashboard;
mod deploy;
mod drills;
mod end_to_end;
mod isolate;
mod malformed;
mod openapi;
mod page;
mod peers;
mod shop;
mod trust;
mod tutorial;
