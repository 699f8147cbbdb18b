//! What `scripts/release` makes, as far as that goes without an hour of compiling: the edge's
//! folder, the lists of parts, and what is said where something cannot be had.

use lastseat_tests::harness::paths::{installed, repository, scratch};
use lastseat_tests::harness::upload::{dry_run, dry_run_of};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn script(name: &str) -> Command {
    let mut command = Command::new(repository().join("scripts").join(name));
    command.current_dir(repository());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The modules of an upload by their endings. The names of files in comments of the JavaScript are
/// those of the folder, so comments do not count.
fn modules(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let mut content = fs::read(&path).unwrap();
        if ending == "js" {
            let text = String::from_utf8(content).unwrap();
            let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("//")).collect();
            content = lines.join("\n").into_bytes();
        }
        if ["js", "wasm"].contains(&ending.as_str()) {
            assert!(found.insert(ending, content).is_none(), "two of a kind: {}", path.display());
        }
    }
    found
}

#[test]
fn the_edge_of_a_release_is_uploaded_without_a_checkout_and_is_the_same() {
    let place = scratch().unwrap();
    let [bundle, here, there] = ["bundle", "here", "there"].map(|name| place.path().join(name));
    let made = script("edge-bundle").arg("edge/build").arg(&bundle).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let of_checkout = dry_run(&here).unwrap();
    let of_release = dry_run_of(&bundle, &there).unwrap();
    let uploaded = modules(&there);
    assert_eq!(uploaded.keys().map(String::as_str).collect::<Vec<_>>(), ["js", "wasm"]);
    assert!(uploaded == modules(&here), "the checkout uploads other modules");
    let variables = |said: &str| -> Vec<String> {
        said.lines().filter(|line| line.contains("env.")).map(str::to_owned).collect()
    };
    assert_eq!(variables(&of_release), variables(&of_checkout));
    assert!(!variables(&of_release).is_empty(), "{of_release}");
    // The same without wrangler: what is embedded lies beside the file.
    let config = fs::read_to_string(bundle.join("workerd.capnp")).unwrap();
    for part in config.split("embed \"").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(bundle.join(name).is_file(), "{name} is not in the folder");
    }
}

#[test]
fn two_lists_of_the_same_parts_are_the_same_whenever_and_wherever_they_were_made() {
    let place = scratch().unwrap();
    let list = |folder: &str, serial: &str, at: &str| {
        let file = place.path().join(serial);
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","serialNumber":"{serial}",
            "metadata":{{"timestamp":"{at}"}},
            "components":[{{"name":"a","bom-ref":"path+file://{folder}/a"}}]}}"#
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(installed("node"));
        command.current_dir(repository()).env("SOURCE_DATE_EPOCH", "1700000000");
        command.args(["scripts/sbom.mjs", folder]).arg(&file).output().unwrap()
    };
    let one = list("/home/one", "s1", "2026-11-30T19:40:18.704Z");
    let other = list("/tmp/other/place", "s2", "2026-12-01T00:00:00Z");
    assert!(one.status.success(), "{}", said(&one));
    assert_eq!(one.stdout, other.stdout);
    let text = String::from_utf8(one.stdout).unwrap();
    assert!(text.contains("file:///lastseat/a") && text.contains("2023-11-14T22:13:20"), "{text}");
}

#[test]
fn a_release_names_what_it_cannot_make_and_makes_nothing_then() {
    let strange = script("release").env("TARGETS", "x86_64 sparc").output().unwrap();
    assert_eq!(strange.status.code(), Some(1));
    assert!(said(&strange).contains("no architecture 'sparc'. There are: x86_64 arm64"));

    // A machine whose toolchain lacks the target, and that reaches nobody who has it.
    let place = scratch().unwrap();
    for (name, text) in [("rustc", "echo /nowhere"), ("rustup", "exit 1"), ("apt-get", "exit 1")] {
        let file = place.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", place.path().display(), std::env::var("PATH").unwrap());
    for (archs, without) in [
        (&["x86_64", "arm64"][..], "make release TARGETS=\"arm64\""),
        (&["arm64"][..], "no program is left"),
    ] {
        let setup = script("setup-release").args(archs).env("PATH", &path).output().unwrap();
        let text = said(&setup);
        assert_eq!(setup.status.code(), Some(1), "{text}");
        let loud = format!("NO PROGRAM FOR {}", archs[0].to_uppercase());
        assert!(text.contains(&loud) && text.contains(without), "{text}");
    }
}
