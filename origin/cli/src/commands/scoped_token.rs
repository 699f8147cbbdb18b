//! Commands `lastseat token create` and `lastseat token inspect`. Neither asks a node.

use super::{print, print_text};
use crate::cli::{Common, TokenCreateFlags, TokenInspectFlags, TokenKeysFlags};
use crate::failure::Failure;
use lastseat_cluster::TOKEN_KEY_FILE;
use lastseat_ledger::clock;
use lastseat_node::secret::{Secret, given, key_ring};
use lastseat_node::timestamp::Rfc3339;
use serde::Serialize;
use shared::auth::sale_patterns::SalePatterns;
use shared::auth::scoped_token::{self, ReadToken, ScopedToken};
use shared::auth::verb::{Verb, Verbs};
use shared::limits::{SCOPED_TOKEN_LIFE_MAX_MS, SCOPED_TOKEN_MAX};
use shared::{Actor, KeyRing, UnixMillis};
use std::io::Read;
use std::process::ExitCode;

const KEYS: &str = "--token-keys or LASTSEAT_TOKEN_KEYS";

/// What a token says.
#[derive(Serialize)]
struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    name: String,
    may: Vec<&'static str>,
    sales: String,
    expires_at: UnixMillis,
    key: String,
    /// Whether one of the keys has signed it; absent where there are none to check it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    genuine: Option<bool>,
    expired: bool,
}

impl Said {
    fn of(token: &ScopedToken, key: &str) -> Self {
        Self {
            token: None,
            name: token.name.to_string(),
            may: token.verbs.iter().map(Verb::as_str).collect(),
            sales: token.sales.to_string(),
            expires_at: token.expires_at,
            key: key.to_owned(),
            genuine: None,
            expired: token.expires_at <= clock::now(),
        }
    }

    fn in_words(&self) -> String {
        let genuine = match self.genuine {
            Some(true) => "right",
            Some(false) => "WRONG: changed, or of a key that is not among these",
            None => "not checked: no keys are given",
        };
        let expired = if self.expired { ", EXPIRED" } else { "" };
        let may = if self.may.is_empty() { "nothing that is known here" } else { "" };
        format!(
            "name       {}\nmay        {may}{}\nsales      {}\nexpires    {}{expired}\n\
             key        {}\nsignature  {genuine}\n",
            self.name,
            self.may.join(", "),
            self.sales,
            Rfc3339(self.expires_at),
            self.key,
        )
    }
}

fn wrong(sentence: impl ToString) -> Failure {
    Failure::usage(vec![sentence.to_string()])
}

/// Prints the token alone, so that it can be piped; with `--json` what it says, too.
pub(super) fn create(common: &Common, flags: &TokenCreateFlags) -> Result<ExitCode, Failure> {
    let name = Actor::of_token(&flags.name).map_err(|e| wrong(format!("--name: {e}")))?;
    let verbs = match flags.may.as_deref() {
        None => Verbs::read_only(),
        Some("all") => Verbs::all(),
        Some(words) => Verbs::parse(words).map_err(|e| wrong(format!("--may: {e}")))?,
    };
    let sales = SalePatterns::parse(&flags.sales).map_err(|e| wrong(format!("--sales: {e}")))?;
    if !(1..=SCOPED_TOKEN_LIFE_MAX_MS).contains(&flags.span.0) {
        return Err(wrong("--for is at most 366d, and more than nothing"));
    }
    let keys = keys(common, &flags.keys)?.ok_or_else(|| {
        wrong(format!(
            "{KEYS} is missing: name the key that nodes verify tokens with. Make one with \
             `openssl rand -hex 32` and give it to the nodes (docs/howto/tokens.md)"
        ))
    })?;
    let expires_at = clock::now().plus(flags.span.0);
    let scoped = ScopedToken { name, verbs, sales, expires_at };
    let text = scoped_token::make(&keys, &scoped);
    if common.json {
        let key = keys.ids().next().unwrap_or_default().to_owned();
        let said = Said::of(&scoped, &key);
        print(common, &Said { token: Some(text), genuine: Some(true), ..said })?;
    } else {
        print_text(&format!("{text}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what a token says.
pub(super) fn inspect(common: &Common, flags: &TokenInspectFlags) -> Result<ExitCode, Failure> {
    let text = match &flags.token {
        Some(token) => token.clone(),
        None => from_stdin()?,
    };
    let keys = keys(common, &flags.keys)?;
    let read = ReadToken::parse(text.trim()).map_err(wrong)?;
    let token = read.token().map_err(wrong)?;
    let genuine = keys.map(|keys| read.is_signed_with(&keys));
    let said = Said { genuine, ..Said::of(&token, read.key_id()) };
    if common.json {
        print(common, &said)?;
    } else {
        print_text(&said.in_words())?;
    }
    let good = genuine != Some(false) && !said.expired;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// At most a byte more than a token can have: then it is none.
fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let most = SCOPED_TOKEN_MAX as u64 + 64;
    std::io::stdin().take(most).read_to_string(&mut text).map_err(Failure::runtime)?;
    Ok(text)
}

/// Those that were given, or those of the data directory, if there are any.
fn keys(common: &Common, flags: &TokenKeysFlags) -> Result<Option<KeyRing>, Failure> {
    let file = common.data_dir().join(TOKEN_KEY_FILE);
    let key = match given(flags.token_keys.as_ref()) {
        Some(key) => Some(key.clone()),
        // Without a cluster here there is none.
        None => std::fs::read_to_string(file).ok().map(Secret::new),
    };
    key_ring(KEYS, key.as_ref()).map_err(wrong)
}
