//! Doctor check: the keys shared by edges, nodes and shop are set and are secret.

use super::report::DoctorFinding;
use lastseat_cluster::variable;
use lastseat_node::secret::Secret;
use lastseat_node::secret::key_ring;
use std::path::Path;

const EDGE: &str = "LASTSEAT_EDGE_KEY";
const BUYER: &str = "LASTSEAT_BUYER_KEY";

/// The keys of the environment, or else of the checkout's `.dev.vars`.
pub(super) fn inspect(
    edge: Option<&Secret>,
    buyer: Option<&Secret>,
    root: Option<&Path>,
) -> Vec<DoctorFinding> {
    let file = root.map(|root| root.join(".dev.vars"));
    let found = |name: &str, given: Option<&Secret>| {
        let kept = || Some((file.as_ref()?, variable(file.as_ref()?, name)?));
        match (given, kept()) {
            (None, Some((file, key))) => {
                (format!("{name} in {}", file.display()), Some(key.clone()))
            }
            (given, _) => (name.to_owned(), given.cloned()),
        }
    };
    let (place, key) = found(EDGE, edge);
    let absent = DoctorFinding::warn(
        "edge-key",
        format!("{place} is not set: no node takes orders from an edge here"),
        "scripts/dev-vars makes one for this machine; elsewhere give the output of `openssl rand \
         -hex 32` \
         to edge and nodes",
    );
    let edge = judge("edge-key", &place, key.as_ref()).unwrap_or(absent);
    let (place, key) = found(BUYER, buyer);
    let absent =
        DoctorFinding::ok("buyer-key", format!("{place} is not set: orders need no buyer token"));
    let buyer = judge("buyer-key", &place, key.as_ref()).unwrap_or(absent);
    vec![edge, buyer]
}

fn judge(subject: &'static str, place: &str, key: Option<&Secret>) -> Option<DoctorFinding> {
    match key_ring(place, key) {
        Ok(ring) => {
            let ids: Vec<String> = ring?.ids().map(str::to_owned).collect();
            let found = format!("{place} is set (key ids: {})", ids.join(", "));
            Some(DoctorFinding::ok(subject, found))
        }
        Err(why) => Some(DoctorFinding::fail(
            subject,
            why,
            "replace it wherever it is used: docs/SECURITY.md says how",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    #[test]
    fn a_key_is_there_and_is_neither_the_sample_nor_short() {
        for (text, levels) in [
            (None, [Level::Warn, Level::Ok]),
            (Some(""), [Level::Warn, Level::Ok]),
            (Some("replace-me: openssl rand -hex 32"), [Level::Fail, Level::Fail]),
            (Some("secret"), [Level::Fail, Level::Fail]),
            (Some("0123456789abcdef0123456789abcdef"), [Level::Ok, Level::Ok]),
        ] {
            let key = text.map(|text| Secret::new(text.to_owned()));
            let findings = inspect(key.as_ref(), key.as_ref(), None);
            let found: Vec<Level> = findings.iter().map(|finding| finding.level).collect();
            assert_eq!(found, levels, "{findings:?}");
            assert!(!format!("{findings:?}").contains("0123"), "{findings:?}");
        }
    }
}
