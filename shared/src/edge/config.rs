//! Configuration of an edge: its variables, read once and checked as a whole.

use crate::admission::browser_origin::AllowedOrigins;
use crate::admission::rate_limit::Rate;
use crate::auth::key_ring::KeyRing;
use crate::upstream::balancer::{Balance, OriginRow, Router};

/// What an edge is configured to do.
#[derive(Debug)]
pub struct EdgeConfig {
    /// The origins.
    pub router: Router,
    /// The zone that it stands in.
    pub zone: Option<String>,
    /// With which it signs.
    pub keys: KeyRing,
    /// Verifies the shop's buyer tokens, where orders need one.
    pub buyer_keys: Option<KeyRing>,
    /// Pages of other hosts that may call this edge.
    pub allowed_origins: AllowedOrigins,
    /// How much one client address may ask, where that is limited.
    pub client_rate: Option<Rate>,
    /// Of requests that name no trace, the share for which one is started.
    pub trace_share: f64,
    /// Whether a trace that a client names goes on.
    pub takes_client_traces: bool,
}

impl EdgeConfig {
    /// Reads `ORIGINS`, `BALANCE`, `ZONE`, `CLIENT_RATE`, `ALLOWED_ORIGINS`, `TRACE_SHARE`,
    /// `CLIENT_TRACES` and the secrets `LASTSEAT_EDGE_KEY` and `LASTSEAT_BUYER_KEY` through `var`.
    /// `key_hint` says how the key is set in this shell, as the beginning of a sentence.
    ///
    /// # Errors
    /// A sentence that names the variable and what it must look like.
    pub fn read(var: impl Fn(&str) -> Option<String>, key_hint: &str) -> Result<Self, String> {
        // workerd.capnp has its own table for when the environment names none.
        let origins = var("ORIGINS").or_else(|| var("LOCAL_ORIGINS")).ok_or(
            "the variable ORIGINS is not set; it must be a JSON array such as \
             [{\"url\":\"http://127.0.0.1:3001\",\"weight\":1}]",
        )?;
        let rows: Vec<OriginRow> = serde_json::from_str(&origins).map_err(|error| {
            format!(
                "the variable ORIGINS is not a JSON array such as \
                 [{{\"url\":\"http://127.0.0.1:3001\",\"weight\":1}}]: {error}"
            )
        })?;
        let balance = match var("BALANCE") {
            None => Balance::default(),
            Some(word) => Balance::parse(&word).ok_or_else(|| {
                format!("the variable BALANCE is {word:?}; it must be {}", Balance::EXPECTED)
            })?,
        };
        let keys =
            KeyRing::parse(&var("LASTSEAT_EDGE_KEY").unwrap_or_default()).map_err(|error| {
                format!(
                    "the secret LASTSEAT_EDGE_KEY, with which it signs for the origins: {error}. \
                 {key_hint}, and give the origins the same"
                )
            })?;
        let buyer_keys = var("LASTSEAT_BUYER_KEY").filter(|text| !text.is_empty());
        let buyer_keys = buyer_keys.map(|text| KeyRing::parse(&text)).transpose();
        let buyer_keys = buyer_keys.map_err(|error| {
            format!(
                "the secret LASTSEAT_BUYER_KEY, which verifies the shop's buyer tokens: {error}"
            )
        })?;
        let client_rate = Rate::parse(&var("CLIENT_RATE").unwrap_or_default())
            .map_err(|error| format!("the variable CLIENT_RATE is wrong: {error}"))?;
        let allowed_origins = AllowedOrigins::parse(&var("ALLOWED_ORIGINS").unwrap_or_default())
            .map_err(|error| format!("the variable ALLOWED_ORIGINS is wrong: {error}"))?;
        let trace_share = trace_share(var("TRACE_SHARE").as_deref())?;
        let takes_client_traces = takes_client_traces(var("CLIENT_TRACES").as_deref())?;
        let zone = var("ZONE").filter(|zone| !zone.is_empty());
        let router = Router::new(rows, balance, zone.as_deref())
            .map_err(|error| format!("the variable ORIGINS is wrong: {error}"))?;
        Ok(Self {
            router,
            zone,
            keys,
            buyer_keys,
            allowed_origins,
            client_rate,
            trace_share,
            takes_client_traces,
        })
    }
}

fn trace_share(text: Option<&str>) -> Result<f64, String> {
    match text {
        None | Some("") => Ok(0.0),
        Some(text) => {
            text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
                format!("the variable TRACE_SHARE is {text:?}; it must be a number from 0 to 1")
            })
        }
    }
}

fn takes_client_traces(word: Option<&str>) -> Result<bool, String> {
    match word {
        None | Some("" | "ignored") => Ok(false),
        Some("taken") => Ok(true),
        Some(word) => {
            Err(format!("the variable CLIENT_TRACES is {word:?}; it must be ignored or taken"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"[{"url":"http://a","weight":1},{"url":"http://b","weight":2}]"#;

    const KEY: (&str, &str) = ("LASTSEAT_EDGE_KEY", "0123456789abcdef0123456789abcdef");

    /// With a key, unless `vars` name another one.
    fn read(vars: &[(&str, &str)]) -> Result<EdgeConfig, String> {
        let var = |name: &str| {
            let found = vars.iter().chain([&KEY]).find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        EdgeConfig::read(var, "Set it so")
    }

    #[test]
    fn a_table_is_enough() {
        let config = read(&[("ORIGINS", TWO)]).unwrap();
        assert_eq!(config.router.len(), 2);
        assert!(config.buyer_keys.is_none() && config.client_rate.is_none());
        assert!(config.allowed_origins.is_empty());
    }

    #[test]
    fn the_environment_comes_before_the_local_table() {
        let one = r#"[{"url":"http://c"}]"#;
        let config = read(&[("ORIGINS", TWO), ("LOCAL_ORIGINS", one)]).unwrap();
        assert_eq!(config.router.len(), 2);
        assert_eq!(read(&[("LOCAL_ORIGINS", one)]).unwrap().router.len(), 1);
    }

    #[test]
    fn each_mistake_is_named_in_words() {
        for (vars, words) in [
            (vec![], "ORIGINS is not set"),
            (vec![("ORIGINS", "http://a")], "not a JSON array"),
            (vec![("ORIGINS", r#"[{"uri":"http://a"}]"#)], "uri"),
            (vec![("ORIGINS", "[]")], "is empty"),
            (vec![("ORIGINS", r#"[{"url":"http://a/"}]"#)], "final slash"),
            (vec![("ORIGINS", TWO), ("BALANCE", "random")], "round_robin, ip_hash"),
            (vec![("ORIGINS", TWO), ("ZONE", "east")], "zone"),
            (vec![("ORIGINS", TWO), ("TRACE_SHARE", "1%")], "from 0 to 1"),
            (vec![("ORIGINS", TWO), ("CLIENT_TRACES", "yes")], "ignored or taken"),
            (vec![("ORIGINS", TWO), ("CLIENT_RATE", "5")], "5/s burst 20"),
            (vec![("ORIGINS", TWO), ("ALLOWED_ORIGINS", "shop.example")], "https://shop.example"),
            (vec![("ORIGINS", TWO), ("LASTSEAT_BUYER_KEY", "short")], "LASTSEAT_BUYER_KEY"),
            (vec![("ORIGINS", TWO), ("LASTSEAT_EDGE_KEY", "")], "Set it so, and give"),
            (vec![("ORIGINS", TWO), ("LASTSEAT_EDGE_KEY", "replace-me: with a key")], "sample"),
        ] {
            let error = read(&vars).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
