//! Whether the key that edges and nodes share is there and is a secret.

use super::report::Finding;
use crate::cluster::variable;
use crate::config::key_ring;
use crate::secret::Secret;
use std::path::Path;

const NAME: &str = "LASTSEAT_EDGE_KEY";
const SUBJECT: &str = "edge-key";

/// The key of the environment, or else of the checkout's `.dev.vars`.
pub(super) fn look(given: Option<&Secret>, root: Option<&Path>) -> Finding {
    let file = root.map(|root| root.join(".dev.vars"));
    let kept = file.as_ref().and_then(|file| variable(file, NAME));
    match (given, kept, file) {
        (Some(key), ..) => judge(NAME, Some(key)),
        (None, kept, Some(file)) => judge(&format!("{NAME} in {}", file.display()), kept.as_ref()),
        (None, _, None) => judge(NAME, None),
    }
}

fn judge(place: &str, key: Option<&Secret>) -> Finding {
    match key_ring(place, key) {
        Ok(Some(ring)) => {
            let ids: Vec<&str> = ring.ids().collect();
            Finding::ok(SUBJECT, format!("{place} has the keys {}", ids.join(", ")))
        }
        Ok(None) => Finding::warn(
            SUBJECT,
            format!("{place} is not set: no node takes orders from an edge here"),
            "scripts/dev-vars makes one for this machine; elsewhere give the output of `openssl rand \
             -hex 32` to edge and nodes",
        ),
        Err(why) => Finding::fail(
            SUBJECT,
            why,
            "replace it at the edge and at the nodes: docs/SECURITY.md says how",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    #[test]
    fn a_key_is_there_and_is_neither_the_sample_nor_short() {
        for (text, level) in [
            (None, Level::Warn),
            (Some(""), Level::Warn),
            (Some("replace-me: openssl rand -hex 32"), Level::Fail),
            (Some("secret"), Level::Fail),
            (Some("0123456789abcdef0123456789abcdef"), Level::Ok),
        ] {
            let key = text.map(|text| Secret::new(text.to_owned()));
            let finding = judge(NAME, key.as_ref());
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(!finding.found.contains("0123"), "{finding:?}");
        }
    }
}
