//! Clients buy tickets through a real edge: those that are generated from `docs/openapi.json`, and
//! the thin ones of `clients/`.

mod thin;

use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{api_tool, installed, repository, scratch};
use lastseat_tests::harness::{Cluster, Edge, HttpClient};
use std::path::Path;
use std::process::Command;

/// A cluster with an edge, and a sale of one ticket.
async fn one_ticket() -> Cluster {
    let cluster = Cluster::with_edge(Edge::under_test());
    create(&cluster, "single", r#"{"capacity":1}"#).await;
    cluster
}

/// Makes a sale with these terms.
async fn create(cluster: &Cluster, sale: &str, terms: &str) {
    let bearer = format!("Bearer {}", cluster.admin_token);
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/v1/admin/sales/{sale}");
    let create = request(Method::PUT, &path, &headers, terms);
    let mut operators = HttpClient::new(&cluster.nodes[0].admin).unwrap();
    let created = operators.send(create.unwrap()).await.unwrap();
    assert_eq!(created.status, 201, "{}", created.text());
}

/// Runs a step to its end; what it said.
fn run(command: &mut Command) -> String {
    let ran = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = [&ran.stdout[..], &ran.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(ran.status.success(), "{command:?}: {}\n{said}", ran.status);
    said
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

#[tokio::test]
async fn a_typed_client_in_python_buys_repeats_hears_sold_out_and_cancels() {
    let directory = scratch().unwrap();
    let root = repository();
    // Formatting the result would be for readers.
    let config = directory.path().join("client.yml");
    write(&config, "post_hooks: []\n");
    run(Command::new(api_tool("openapi-python-client"))
        .arg("generate")
        .arg("--path")
        .arg(root.join("docs/openapi.json"))
        .arg("--output-path")
        .arg(directory.path().join("lastseat_api"))
        .args(["--meta", "none", "--fail-on-warning", "--config"])
        .arg(&config));
    let program = root.join("tests/clients/buy.py");
    run(Command::new(api_tool("mypy"))
        .current_dir(directory.path())
        .env("MYPYPATH", directory.path())
        .args(["--strict", "--cache-dir", "cache"])
        .arg(&program));
    let cluster = one_ticket().await;
    let said = run(Command::new(api_tool("python"))
        .env("PYTHONPATH", directory.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("URL", &cluster.edges[0])
        .env("SALE", "single")
        .arg(&program));
    assert!(said.contains("heard sold_out"), "{said}");
}

#[tokio::test]
async fn a_typed_client_in_typescript_buys_repeats_hears_sold_out_and_cancels() {
    let directory = scratch().unwrap();
    let root = repository();
    let types = directory.path().join("lastseat-api.d.ts");
    let node = installed("node");
    run(Command::new(&node)
        .arg(installed("openapi-typescript"))
        .arg(root.join("docs/openapi.json"))
        .arg("--output")
        .arg(&types));
    let program = root.canonicalize().unwrap().join("tests/clients/buy.ts");
    let settings = serde_json::json!({
        "compilerOptions": {
            "strict": true,
            "noEmit": true,
            "target": "es2022",
            "lib": ["es2022", "dom"],
            "module": "esnext",
            "moduleResolution": "bundler",
            "types": [],
            "moduleDetection": "force",
            "paths": {"lastseat-api": [types]},
        },
        "files": [program],
    });
    let settings_file = directory.path().join("tsconfig.json");
    write(&settings_file, &settings.to_string());
    run(Command::new(&node).arg(installed("tsc")).arg("--project").arg(&settings_file));
    let cluster = one_ticket().await;
    // Node takes the types out by itself.
    let said = run(Command::new(&node)
        .env("URL", &cluster.edges[0])
        .env("SALE", "single")
        .env("NODE_NO_WARNINGS", "1")
        .arg(&program));
    assert!(said.contains("heard sold_out"), "{said}");
}
