//! Doctor check: `wrangler.toml` names origins that an edge can route to.

use super::report::DoctorFinding;
use shared::admission::browser_origin::AllowedOrigins;
use shared::admission::rate_limit::Rate;
use shared::upstream::balancer::{Balance, OriginRow, Router};
use std::path::Path;

const REMEDY: &str = "correct it; docs and comments in wrangler.toml show what it looks like";

pub(super) fn inspect(root: &Path) -> DoctorFinding {
    let path = root.join("wrangler.toml");
    match std::fs::read_to_string(&path).map_err(|e| e.to_string()).and_then(|text| judge(&text)) {
        Ok(origins) => {
            DoctorFinding::ok("wrangler", format!("the table ORIGINS names {origins} origins"))
        }
        Err(why) => DoctorFinding::fail("origins", format!("{}: {why}", path.display()), REMEDY),
    }
}

/// Checks the text of a `wrangler.toml` as an edge does, each environment of it; the number of
/// origins of the local one.
fn judge(text: &str) -> Result<usize, String> {
    let whole: toml::Table = text.parse().map_err(|e| format!("not TOML: {e}"))?;
    let environments = whole.get("env").and_then(toml::Value::as_table);
    for (name, environment) in environments.into_iter().flatten() {
        judge_vars(environment.get("vars")).map_err(|why| format!("[env.{name}.vars]: {why}"))?;
    }
    judge_vars(whole.get("vars")).map_err(|why| format!("[vars]: {why}"))
}

fn judge_vars(vars: Option<&toml::Value>) -> Result<usize, String> {
    let var = |name: &str| vars?.get(name)?.as_str();
    let table = var("ORIGINS").ok_or("there is no text ORIGINS")?;
    let rows: Vec<OriginRow> =
        serde_json::from_str(table).map_err(|e| format!("ORIGINS is no list of origins: {e}"))?;
    let balance = match var("BALANCE") {
        None => Balance::default(),
        Some(word) => Balance::parse(word)
            .ok_or_else(|| format!("BALANCE is {word:?}; it must be {}", Balance::EXPECTED))?,
    };
    AllowedOrigins::parse(var("ALLOWED_ORIGINS").unwrap_or_default())
        .map_err(|e| format!("ALLOWED_ORIGINS: {e}"))?;
    Rate::parse(var("CLIENT_RATE").unwrap_or_default()).map_err(|e| format!("CLIENT_RATE: {e}"))?;
    let zone = var("ZONE").filter(|zone| !zone.is_empty());
    let router = Router::new(rows, balance, zone).map_err(|e| format!("ORIGINS: {e}"))?;
    Ok(router.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_this_repository_is_good() {
        assert_eq!(judge(include_str!("../../../../wrangler.toml")), Ok(4));
    }

    #[test]
    fn each_wrong_table_is_told_what_is_wrong() {
        let origins = |table: &str| format!("[vars]\nORIGINS = '{table}'");
        for (text, word) in [
            ("a = ".to_owned(), "TOML"),
            ("[vars]".to_owned(), "no text ORIGINS"),
            (
                "[vars]\nORIGINS='[{\"url\":\"http://a\"}]'\n[env.production]\nname='x'".to_owned(),
                "[env.production.vars]",
            ),
            (origins("{}"), "no list"),
            (origins("[]"), "empty"),
            (origins(r#"[{"url":"http://a","weight":0}]"#), "weight"),
            ("[vars]\nBALANCE='x'\nORIGINS='[{\"url\":\"http://a\"}]'".to_owned(), "BALANCE"),
            (
                "[vars]\nCLIENT_RATE='5'\nORIGINS='[{\"url\":\"http://a\"}]'".to_owned(),
                "5/s burst 20",
            ),
            (
                "[vars]\nALLOWED_ORIGINS='*'\nORIGINS='[{\"url\":\"http://a\"}]'".to_owned(),
                "ALLOWED_ORIGINS",
            ),
        ] {
            let error = judge(&text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
