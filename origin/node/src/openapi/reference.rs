//! API reference as one Markdown page.

use super::call::verb_of;
use super::{headers, operators, public};
use serde::Serialize;
use serde_json::Value;
use shared::wire::problem::PROBLEM_JSON;
use std::fmt::Write;
use utoipa::openapi::OpenApi;

/// `docs/API.md`. Written from the documents, so it says what they say.
#[must_use]
pub fn reference() -> String {
    let mut page = "# API\n\n\
        Printed by `lastseat openapi --reference` from the OpenAPI 3.1 documents \
        [openapi.json](openapi.json) and \
        [openapi-operators.json](openapi-operators.json), which edges and nodes also serve at \
        `/openapi.json`. Times are in milliseconds since 1970-01-01T00:00:00Z.\n\n\
        In the examples `$URL` is an edge or a node, `$ADMIN_URL` the operators' listener of a \
        node, `$SHOP_TOKEN` \
        and `$ADMIN_TOKEN` their tokens, and `$KEY` an order id that you made, such as a UUID.\n\n\
        Every answer has the headers `Lastseat-Answered-By` (`edge`, `origin` or `ledger`: who \
        decided) and, unless \
        the edge decided, `Lastseat-Node`.\n"
        .to_owned();
    let documents = [public(), operators()];
    for document in &documents {
        calls(&mut page, document);
    }
    let [public, operators] = documents.map(|document| as_json(&document));
    page.push_str("\n## Types\n");
    let known = &public["components"]["schemas"];
    for (name, schema) in entries(known) {
        describe(&mut page, name, schema);
    }
    for (name, schema) in entries(&operators["components"]["schemas"]) {
        if known.get(name).is_none() {
            describe(&mut page, name, schema);
        }
    }
    page
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// One line of a table: no line may end in it, nor a bar stand in it.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}

/// Writing to a String cannot fail.
macro_rules! say {
    ($page:expr, $($text:tt)*) => {{ let _ = writeln!($page, $($text)*); }};
}

/// Our own types can always be written as JSON.
fn as_json(thing: &impl Serialize) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}

/// The calls in the order of the document, which JSON as a value does not keep.
fn calls(page: &mut String, document: &OpenApi) {
    let info = as_json(&document.info);
    say!(page, "\n## {}\n\n{}", text(&info, "title"), text(&info, "description"));
    for (path, item) in &document.paths.paths {
        for (method, call) in entries(&as_json(item)) {
            describe_call(page, &method.to_uppercase(), path, call);
        }
    }
}

fn describe_call(page: &mut String, method: &str, path: &str, call: &Value) {
    say!(page, "\n### {}\n\n`{method} {path}`\n", text(call, "summary"));
    say!(page, "{}", text(call, "description"));
    let tokens: Vec<&str> = call["security"].as_array().into_iter().flatten().map(token).collect();
    if !tokens.is_empty() {
        say!(page, "\nToken: {}.", tokens.join(" or "));
    }
    if let Some(verb) = verb_of(call) {
        say!(page, "\nVerb of a scoped token: `{verb}`.");
    }
    if let Some(sample) = call["x-codeSamples"][0]["source"].as_str() {
        say!(page, "\n```sh\n{sample}\n```");
    }
    let parameters: Vec<&Value> = call["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        say!(page, "\n| parameter | in | type | |\n|---|---|---|---|");
        for parameter in parameters {
            let (name, place) = (text(parameter, "name"), text(parameter, "in"));
            let (kind, about) = (kind(&parameter["schema"]), cell(text(parameter, "description")));
            say!(page, "| `{name}` | {place} | {kind} | {about} |");
        }
    }
    let body = &call["requestBody"];
    if let Some(json) = body["content"].get("application/json") {
        let need = if body["required"] == true { "" } else { ", may be absent" };
        say!(page, "\nBody: {}{need}, such as `{}`.", kind(&json["schema"]), json["example"]);
    }
    say!(page, "\n| status | | body | headers |\n|---|---|---|---|");
    for (status, answer) in entries(&call["responses"]) {
        describe_response(page, status, answer);
    }
}

/// A "no" by its codes alone, which the table of all codes explains.
fn describe_response(page: &mut String, status: &str, answer: &Value) {
    let mut about = cell(text(answer, "description"));
    let mut bodies = Vec::new();
    for (media_type, content) in entries(&answer["content"]) {
        bodies.push(match media_type.as_str() {
            "application/json" => kind(&content["schema"]),
            PROBLEM_JSON => link("Problem"),
            other => format!("`{other}`"),
        });
        let codes = entries(&content["examples"]).map(|(code, _)| format!("`{code}`"));
        let codes: Vec<String> = codes.collect();
        if !codes.is_empty() {
            about = codes.join(", ");
        }
    }
    let headers = entries(&answer["headers"]).map(|(name, _)| name.as_str());
    let own = headers.filter(|name| !headers::OF_ALL.contains(name));
    let own: Vec<String> = own.map(|name| format!("`{name}`")).collect();
    let (bodies, own) = (bodies.join(", "), own.join(" "));
    say!(page, "| {status} | {about} | {bodies} | {own} |");
}

fn token(requirement: &Value) -> &str {
    entries(requirement).next().map_or("none with `--demo`", |(name, _)| name.as_str())
}

fn describe(page: &mut String, name: &str, schema: &Value) {
    say!(page, "\n### {name}\n");
    if let Some(about) = schema["description"].as_str() {
        say!(page, "{about}\n");
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        say!(page, "One of these:\n");
        for choice in choices {
            match choice.get("properties") {
                Some(_) => fields(page, choice),
                None => say!(page, "- {}", kind(choice)),
            }
        }
    } else if let Some(parts) = schema["allOf"].as_array() {
        for part in parts {
            match part["$ref"].as_str() {
                Some(_) => say!(page, "All of {}, and:", kind(part)),
                None => fields(page, part),
            }
        }
    } else if schema.get("properties").is_some() {
        fields(page, schema);
    } else {
        say!(page, "{}", kind(schema));
    }
}

fn fields(page: &mut String, schema: &Value) {
    let required = schema["required"].as_array();
    say!(page, "\n| field | type | |\n|---|---|---|");
    for (name, field) in entries(&schema["properties"]) {
        let needed = required.is_some_and(|names| names.iter().any(|one| one == name));
        let optional = if needed { "" } else { ", may be absent" };
        let about = [field, &field["oneOf"][0]].map(|part| cell(text(part, "description")));
        say!(page, "| `{name}` | {}{optional} | {} |", kind(field), about.concat());
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

/// A type in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return link(name);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| format!("`{}`", word.as_str().unwrap_or_default()));
        return words.collect::<Vec<_>>().join(", ");
    }
    let name = match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str);
            names.collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    };
    let bounds = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters: at least"),
        ("maxLength", "at most"),
    ];
    let bounds =
        bounds.iter().filter_map(|(key, words)| Some(format!("{words} {}", schema.get(*key)?)));
    let pattern = schema["pattern"].as_str().map(|pattern| format!("pattern `{pattern}`"));
    let rest: Vec<String> = bounds.chain(pattern).collect();
    if rest.is_empty() { name } else { format!("{name} ({})", rest.join(", ")) }
}
