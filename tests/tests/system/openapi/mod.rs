//! The documents of the API against the running system: they are the code's, they name every
//! method, their examples work, and a client that tries what they allow, and what they do not,
//! hears only what they say.

mod document;
mod examples;
mod fuzz;
