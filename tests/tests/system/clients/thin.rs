//! The thin clients of `clients/`, each with its own tests, on a running lastseat: keys, retries,
//! lost answers, the codes and types of the API's document.

use super::{run, write};
use lastseat_cluster::process::free_port;
use lastseat_tests::harness::paths::{api_tool, installed, repository, scratch};
use lastseat_tests::harness::{Cluster, Edge, Setup};
use std::path::Path;
use std::process::Command;

/// A cluster whose edge says `busy` to whoever asks quickly.
fn cluster(environment: &[(&str, String)]) -> Cluster {
    let rate = ("LASTSEAT_CLIENT_RATE", "8/s burst 8".to_owned());
    let environment = environment.iter().cloned().chain([rate]);
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).collect();
    let setup = Setup { environment, ..Setup::with_edge(Edge::under_test()) };
    Cluster::start(&setup).expect("the cluster comes up")
}

/// A command that finds the cluster.
fn beside(cluster: &Cluster, program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("LASTSEAT_CLUSTER", cluster.data_dir().join("cluster.json"))
        .env("NODE_NO_WARNINGS", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[test]
fn the_thin_client_in_python_loses_no_order_and_buys_none_twice() {
    let tests = repository().join("clients/python/tests");
    let scratch = scratch().unwrap();
    run(Command::new(api_tool("mypy"))
        .env("MYPYPATH", repository().join("clients/python"))
        .args(["--strict", "--cache-dir"])
        .arg(scratch.path())
        .args([tests.join("test_client.py"), tests.join("faulty_path.py")]));
    let cluster = cluster(&[]);
    run(beside(&cluster, &api_tool("python")).arg(tests.join("test_client.py")));
}

#[test]
fn the_thin_client_in_typescript_loses_no_order_and_buys_none_twice() {
    let cluster = cluster(&[]);
    let test = repository().join("clients/typescript/test/client.test.mjs");
    run(beside(&cluster, &installed("node")).arg("--test").arg(test));
}

#[test]
fn the_types_of_the_thin_client_in_typescript_are_those_of_the_document() {
    let directory = scratch().unwrap();
    let root = repository().canonicalize().unwrap();
    let types = directory.path().join("lastseat-api.d.ts");
    let node = installed("node");
    run(Command::new(&node)
        .arg(installed("openapi-typescript"))
        .arg(root.join("docs/openapi.json"))
        .arg("--output")
        .arg(&types));
    let settings = serde_json::json!({
        "extends": root.join("clients/typescript/tsconfig.json"),
        "compilerOptions": {
            "noEmit": true,
            "rootDir": "/",
            // The document's optional fields are written `?:` alone.
            "exactOptionalPropertyTypes": false,
            "paths": {"lastseat-api": [types]},
        },
        "include": [],
        "files": [root.join("clients/typescript/test/types.ts")],
    });
    let settings_file = directory.path().join("tsconfig.json");
    write(&settings_file, &settings.to_string());
    run(Command::new(&node).arg(installed("tsc")).arg("--project").arg(&settings_file));
}

#[test]
fn the_thin_client_orders_once_from_a_page_of_another_host_in_a_browser() {
    let built = scratch().unwrap();
    let root = repository();
    // As `npm run build` does it.
    run(Command::new(installed("node"))
        .arg(installed("tsc"))
        .arg("--project")
        .arg(root.join("clients/typescript/tsconfig.json"))
        .arg("--outDir")
        .arg(built.path()));
    let port = free_port().unwrap();
    let cluster = cluster(&[("LASTSEAT_ALLOWED_ORIGINS", format!("http://localhost:{port}"))]);
    run(beside(&cluster, &installed("node"))
        .env("CLIENT_BUILT", built.path())
        .env("ALLOWED_PORT", port.to_string())
        .arg("--test")
        .arg(root.join("clients/typescript/test/browser.test.mjs")));
}

#[tokio::test]
async fn the_load_script_that_uses_the_thin_client_holds_pays_and_gives_back_exactly() {
    let cluster = Cluster::with_edge(Edge::under_test());
    let shop_token = std::fs::read_to_string(cluster.data_dir().join("shop.token")).unwrap();
    let terms = r#"{"capacity":40,"hold_ms":60000}"#;
    super::create(&cluster, "load", terms).await;
    let script = repository().join("tests/load");
    let said = run(beside(&cluster, &installed("node"))
        .env("URL", &cluster.edges[0])
        .env("SALE", "load")
        .env("BUYERS", "60")
        .env("SHOP_TOKEN", shop_token.trim())
        .arg(script.join("k6-stand-in.mjs"))
        .arg(script.join("hold-and-pay.js")));
    // Every third buyer gives back, so all that is left at the end was given back last.
    let audit = cluster.audit("load").await.unwrap();
    assert!(audit.ok && audit.held == 0, "{audit:?}");
    let paid = format!("buyers_paid {}", audit.confirmed);
    assert!(said.lines().any(|line| line == paid), "{paid}\n{said}");
}
