//! The edge of lastseat: a Cloudflare Worker that says "no" early and asks an origin otherwise.
//! It never says "yes". The rules are those of `shared`; this crate gives them a clock, chance,
//! timers and `fetch`.

// A panic ends the whole isolate's instance and forgets what every gate has heard.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod answer;
mod config;
mod forward;
mod headers;
mod orders;
mod routes;
mod runtime;
mod state;

use worker::{Context, Env, Result, event};

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response> {
    Ok(routes::answer(request, &env, &context).await?)
}
