//! Command `lastseat token`.

use super::{print, print_text, sale_id, scoped_token};
use crate::cli::{Common, TokenCommand, TokenFlags};
use crate::failure::Failure;
use lastseat_cluster::{repository, variable};
use lastseat_ledger::clock;
use lastseat_node::secret::key_ring;
use serde::Serialize;
use shared::auth::buyer_token;
use shared::limits::BUYER_TOKEN_LIFE_MAX_MS;
use shared::{BuyerId, UnixMillis};
use std::process::ExitCode;

const KEY: &str = "LASTSEAT_BUYER_KEY";

#[derive(Serialize)]
struct Made {
    token: String,
    sale: String,
    buyer: String,
    expires_at: UnixMillis,
}

pub(super) fn run(common: &Common, flags: &TokenFlags) -> Result<ExitCode, Failure> {
    match &flags.command {
        None => of_buyer(common, flags),
        Some(TokenCommand::Create(flags)) => scoped_token::create(common, flags),
        Some(TokenCommand::Inspect(flags)) => scoped_token::inspect(common, flags),
    }
}

/// Prints the token alone, so that it can stand in a header; with `--json` what it says, too.
fn of_buyer(common: &Common, flags: &TokenFlags) -> Result<ExitCode, Failure> {
    let wrong = |sentence: String| Failure::usage(vec![sentence]);
    // clap has both, or a command.
    let sale = sale_id(flags.sale.as_deref().unwrap_or_default())?;
    let buyer = BuyerId::of_request(flags.buyer.as_deref().unwrap_or_default());
    let buyer = buyer.map_err(|e| wrong(format!("--buyer: {e}")))?;
    if !(1..=BUYER_TOKEN_LIFE_MAX_MS).contains(&flags.span.0) {
        return Err(wrong("--for is at most 1d, and more than nothing".to_owned()));
    }
    let given = flags.buyer_key.clone();
    let key = given.filter(|key| !key.reveal().is_empty());
    let key = key.or_else(|| variable(&repository()?.join(".dev.vars"), KEY));
    let keys = key_ring(KEY, key.as_ref()).map_err(wrong)?.ok_or_else(|| {
        wrong(format!(
            "--buyer-key or {KEY} is missing: name the key by which edge and nodes know the \
             shop's tokens \
             (docs/SECURITY.md)"
        ))
    })?;
    let expires_at = clock::now().plus(flags.span.0);
    let token = buyer_token::make(&keys, &sale, &buyer, expires_at);
    if common.json {
        let (sale, buyer) = (sale.to_string(), buyer.to_string());
        print(common, &Made { token, sale, buyer, expires_at })?;
    } else {
        print_text(&format!("{token}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
