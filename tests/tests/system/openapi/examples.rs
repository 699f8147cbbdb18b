//! The examples of the reference, as a reader pastes them into a shell.

use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::{Cluster, Edge, Setup};
use serde_json::Value;
use std::process::Command;

const SHOP_TOKEN: &str = "shop-0123456789abcdef0123456789abcdef";

/// Has the stops and the class of the examples.
const TRAIN: &str = r#"{"stops":["VNP","NKH","AOH"],"classes":[{"id":"second",
    "coaches":[{"ids":"3-4","rows":"1-18","letters":"ABC DF"}]}]}"#;

/// A call's name and its line for a shell.
struct Example {
    name: String,
    line: String,
}

impl Example {
    /// The line of a call that creates the sale `demo`, for another sale.
    fn line_of(&self, sale: &str, body: &str) -> String {
        let (call, _) = self.line.split_once(" -d ").unwrap();
        format!("{} -d '{body}'", call.replace("/demo\"", &format!("/{sale}\"")))
    }
}

fn examples(file: &str) -> Vec<Example> {
    let text = std::fs::read_to_string(repository().join(file)).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let calls = items.flat_map(|item| item.as_object().unwrap().values());
    // What is asked of a node by programs needs no example.
    let calls = calls.filter(|call| call["tags"][0] != "node");
    let example = |call: &Value| Example {
        name: call["operationId"].as_str().unwrap().to_owned(),
        line: call["x-codeSamples"][0]["source"]
            .as_str()
            .unwrap_or_else(|| panic!("{} has no example", call["operationId"]))
            .to_owned(),
    };
    calls.map(example).collect()
}

fn named<'a>(examples: &'a [Example], name: &str) -> &'a Example {
    examples.iter().find(|example| example.name == name).unwrap()
}

/// A shell beside a cluster.
struct Shell(Cluster);

impl Shell {
    /// Runs an example; fails where curl hears a status that is no success.
    fn run(&self, example: &Example, key: &str) {
        let line = example.line.replacen("curl ", "curl --fail-with-body ", 1);
        let ran = Command::new("sh")
            .args(["-c", &line])
            .env("URL", &self.0.edges[0])
            .env("ADMIN_URL", &self.0.nodes[0].admin)
            .env("ADMIN_TOKEN", &self.0.admin_token)
            .env("SHOP_TOKEN", SHOP_TOKEN)
            .env("KEY", key)
            .output()
            .unwrap();
        let said = [&ran.stdout[..], &ran.stderr[..]].map(String::from_utf8_lossy).concat();
        // A line that is a pipe ends well whatever curl heard.
        let good = ran.status.success() && !said.contains("{\"code\":");
        assert!(good, "{}: {line}\n{said}", example.name);
    }
}

#[test]
fn every_example_of_the_reference_works_in_a_shell() {
    let setup = Setup {
        arguments: vec!["--shop-token".to_owned(), SHOP_TOKEN.to_owned()],
        ..Setup::with_edge(Edge::under_test())
    };
    let shell = Shell(Cluster::start(&setup).unwrap());
    let (public, operators) =
        (examples("docs/openapi.json"), examples("docs/openapi-operators.json"));
    let (open, place) = (named(&operators, "openSale"), named(&public, "placeOrder"));
    let (first, last) = (named(&operators, "createSale"), named(&operators, "closeSale"));
    shell.run(first, "");
    // The sale of the calls that only one with a plan has.
    let body = format!(r#"{{"plan":{TRAIN}}}"#);
    let name = "a train".to_owned();
    shell.run(&Example { name, line: first.line_of("G1", &body) }, "");
    let between = |one: &&Example| one.name != first.name && one.name != last.name;
    let rest = public.iter().chain(operators.iter().filter(between));
    for (number, example) in (0..).zip(rest.chain([last])) {
        // Each finds the sale open, and an order of its own.
        shell.run(open, "");
        let key = format!("example-0123456789-{number}");
        if example.name != place.name && example.line.contains("$KEY") {
            shell.run(place, &key);
        }
        shell.run(example, &key);
    }
}
