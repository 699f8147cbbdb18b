//! The documents of the API (OpenAPI 3.1), made from the types that travel and the codes that are
//! answered: one of what a node answers to the public, which is what the edge passes on, and one of
//! the operators' listener.
//!
//! A route without its `Call` here, or a call without its route, fails the tests below and in
//! `tests/openapi`.
//!
//! Without `utoipa-axum` (0.3): it registers what `#[utoipa::path]` says of a handler, and that
//! macro cannot refer to a header or an example that the document describes once. Written out they
//! would make the documents half as large again (98 kB to 145, 161 to 236), and the answers that
//! follow from a call's codes would be a type for each call. The tests show what it would.

mod call;
mod example;
mod headers;
mod node;
mod operators;
mod public;
mod reference;
mod seats;
mod watching;

pub use reference::reference;

use call::Call;
use shared::Verb;
use std::fmt::Write;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Contact, Info, License, OpenApi, Paths, Server, Tag};

/// What buyers and shops call, through the edge or at a node.
#[must_use]
pub fn public() -> OpenApi {
    const ABOUT: &str = "Sells a fixed number of tickets to far more people than there are \
        tickets. Asking twice is \
        harmless: the order id is the idempotency key.\n\n\
        A client that lost an answer repeats the call with the same `Idempotency-Key` and \
        `Lastseat-Retry: 1`; it \
        then gets the outcome, or `busy`.";
    let servers =
        [Server::builder().url("http://127.0.0.1:8787").description(Some("The edge of `make up`"))];
    let schemes = [(
        "shop",
        "The token of the shop (`--shop-token`), or a scoped one (`lastseat token create`) that \
         allows the call's verb for the sale. Not needed with `--demo`.",
    )];
    let tags = [
        ("sales", "What is sold."),
        ("orders", "What buyers order, and what becomes of it."),
        ("document", "What programs read to know the API."),
        ("node", "At a node only; the edge has no such addresses."),
    ];
    let first = Server::builder()
        .url("http://127.0.0.1:3001")
        .description(Some("The first node of `make up`"))
        .build();
    let node = node::everywhere().into_iter();
    let node = node.map(|call| call.at(first.clone()));
    let calls = public::calls().into_iter().chain([node::document("URL")]);
    let calls = calls.chain(node).collect();
    document("lastseat", ABOUT, servers.map(Into::into).into(), &schemes, &tags, calls)
}

/// What operators call, on the listener of their own.
#[must_use]
pub fn operators() -> OpenApi {
    let about = format!(
        "Creates, changes and checks sales. Served on the operators' listener of each node \
         (`--admin-listen`), never through the edge. Each call may be repeated, except a relative \
         restock.\n\n{}",
        verbs()
    );
    let servers = [Server::builder()
        .url("http://127.0.0.1:3101")
        .description(Some("The operators' listener of the first node of `make up`"))];
    let schemes = [(
        "operator",
        "The token of the operators (`--admin-token`), or a scoped one (`lastseat token create`) \
         that allows the call's verb for the sale.",
    )];
    let tags = [
        ("sales", "A sale from its creation to its end."),
        ("document", "What programs read to know the API."),
        ("node", "How this node is."),
    ];
    let node = node::everywhere().into_iter().chain(node::for_operators());
    let calls = operators::calls().into_iter().chain([node::document("ADMIN_URL")]);
    let calls = calls.chain(node).collect();
    let title = "lastseat for operators";
    document(title, &about, servers.map(Into::into).into(), &schemes, &tags, calls)
}

/// What scoped tokens may allow, as a table.
#[must_use]
pub fn verbs() -> String {
    let mut table = "A scoped token (`lastseat token create`) allows some verbs for some sales. \
        Each call names the verb that it needs. Calls over all sales show those of the token.\n\n\
        | verb | allows | changes |\n|---|---|---|"
        .to_owned();
    for verb in Verb::ALL {
        let changes = if verb.changes() { "yes" } else { "no" };
        // Writing to a String cannot fail.
        let _ = write!(table, "\n| `{verb}` | {} | {changes} |", verb.about());
    }
    table
}

/// A document as it is served and kept in the repository.
#[must_use]
pub fn text(document: &OpenApi) -> String {
    // Only maps with keys that are no text cannot be written, and there are none.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn document(
    title: &str,
    about: &str,
    servers: Vec<Server>,
    schemes: &[(&str, &str)],
    tags: &[(&str, &str)],
    calls: Vec<Call>,
) -> OpenApi {
    let mut components = Components::new();
    for (name, about) in schemes {
        let http = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(*about));
        let scheme = SecurityScheme::Http(http.build());
        components.security_schemes.insert((*name).to_owned(), scheme.into());
    }
    headers::declare(&mut components);
    let mut paths = Paths::new();
    for call in calls {
        call.enter(&mut paths, &mut components);
    }
    let tags = tags.iter().map(|(name, about)| {
        let tag = Tag::builder().name(*name).description(Some(*about));
        tag.build()
    });
    let info = Info::builder()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{about}\n\n{}", example::of_all_codes())))
        .contact(None::<Contact>)
        .license(Some(License::builder().name("MIT").identifier(Some("MIT")).build()));
    OpenApi::builder()
        .info(info.build())
        .servers(Some(servers))
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;
    use shared::Code;
    use shared::auth::verb::CALLS;
    use std::collections::{BTreeMap, BTreeSet};

    /// Codes of addresses that are none, and of methods that they do not take: no call answers
    /// them.
    const OF_NO_CALL: [Code; 2] = [Code::NotFound, Code::MethodNotAllowed];

    /// The paths of a router, which it names in its `Debug` text and nowhere else.
    fn routes(router: &impl std::fmt::Debug) -> BTreeSet<String> {
        let text = format!("{router:?}");
        let quoted = text.split('"').skip(1).step_by(2);
        // A page for people is no call, and what answers all other paths is no path.
        let fallback = |word: &str| word == "/" || word.contains("__private");
        quoted
            .filter(|word| word.starts_with('/') && !word.starts_with("/dashboard"))
            .filter(|word| !fallback(word))
            .map(ToOwned::to_owned)
            .collect()
    }

    fn paths(document: &OpenApi) -> BTreeSet<String> {
        document.paths.paths.keys().cloned().collect()
    }

    #[test]
    fn every_route_of_a_node_is_in_its_document_and_the_reverse() {
        assert_eq!(routes(&http::for_edges().merge(http::for_all())), paths(&public()));
        assert_eq!(routes(&http::for_operators()), paths(&operators()));
    }

    #[test]
    fn every_call_that_needs_a_token_has_a_verb_and_every_verb_a_call() {
        let known: BTreeMap<_, _> =
            CALLS.iter().map(|(method, path, verb)| ((*method, *path), verb.as_str())).collect();
        let mut documented = BTreeSet::new();
        for document in [public(), operators()] {
            let json = serde_json::to_value(&document).unwrap();
            for (path, item) in json["paths"].as_object().unwrap() {
                for (method, call) in item.as_object().unwrap() {
                    let method = method.to_uppercase();
                    let verb = known.get(&(method.as_str(), path.as_str())).copied();
                    // Buyers make some of these calls without a token.
                    if call.get("security").is_some() {
                        assert_eq!(call::verb_of(call), verb, "{method} {path}");
                        assert!(verb.is_some(), "{method} {path}");
                    }
                    documented.extend(verb.map(|_| (method, path.clone())));
                }
            }
        }
        assert_eq!(documented.len(), known.len(), "{documented:?}");
    }

    #[test]
    fn every_code_is_answered_by_a_call() {
        let said = [text(&public()), text(&operators())].concat();
        for code in Code::ALL {
            let named = said.contains(&format!("\"#/components/examples/{}\"", code.as_str()));
            assert_eq!(named, !OF_NO_CALL.contains(code), "{}", code.as_str());
        }
    }

    #[test]
    fn the_documents_are_of_openapi_3_1_and_every_reference_in_them_leads_somewhere() {
        for document in [public(), operators()] {
            let json = serde_json::to_value(&document).unwrap();
            assert_eq!(json["openapi"], "3.1.0");
            let text = text(&document);
            for place in text.split("\"$ref\": \"#").skip(1) {
                let place = place.split('"').next().unwrap();
                assert!(json.pointer(place).is_some(), "{place}");
            }
        }
    }
}
