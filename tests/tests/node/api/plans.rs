//! `lastseat plan check`: what it prints of a plan, and what is wrong with one. No server runs.

use super::shop::Ran;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use serde_json::Value;
use shared::limits::PLAN_BYTES_MAX;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Checks the plan in a file; `words` are the file and what follows it.
fn check(words: &[&str]) -> Ran {
    let mut command = Command::new(lastseat().unwrap());
    command.current_dir(repository()).args(["plan", "check"]).args(words);
    ran(command.output().unwrap())
}

/// Checks a plan that comes over stdin.
fn check_stdin(text: &[u8], words: &[&str]) -> Ran {
    let mut command = Command::new(lastseat().unwrap());
    command.args(["plan", "check", "-"]).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap();
    // It may end before it has read all.
    let _ = program.stdin.take().unwrap().write_all(text);
    ran(program.wait_with_output().unwrap())
}

/// What `--json` prints of a plan.
fn data(ran: &Ran) -> Value {
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout.lines().count(), 1);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Expects that stderr names these, a line each, and that nothing is printed.
#[track_caller]
fn assert_errors(ran: &Ran, code: i32, lines: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{}", ran.stderr);
    let said: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(said.len(), lines.len(), "{}", ran.stderr);
    for (said, begins) in said.iter().zip(lines) {
        assert!(said.starts_with(&format!("lastseat: {begins}")), "{begins:?}: {said}");
    }
}

#[test]
fn the_train_and_the_stadium_of_the_examples_are_plans_of_real_size() {
    let train = check(&["docs/examples/train.toml"]);
    assert_eq!((train.code, train.stderr.as_str()), (0, ""));
    for line in [
        "30 stops, 29 legs",
        "   1  VNP  Beijing South",
        "  23  AOH  Shanghai Hongqiao",
        "4 classes, 1,230 seats, 35,670 seat-legs, 200 standing places on each leg",
        "  class     name                          in                rows  seats  seat-legs  \
         standing  first  last",
        "  business  Business class                2 coaches 1,16       4     10        290  \
         \u{20}      -  1-1A   16-2F",
        "  standing  Second class, without a seat  -                    -      -          -       \
         200  -      -",
        "  second_load  Load of the second class  1,200  1,244  second, standing",
    ] {
        let printed = train.stdout.lines().any(|printed| printed == line);
        assert!(printed, "{line:?} is missing in\n{}", train.stdout);
    }
    let memory = train.stdout.lines().last().unwrap();
    assert!(memory.starts_with("memory: 4,640 bytes for a bit a seat and leg"), "{memory}");

    let stadium = data(&check(&["docs/examples/stadium.toml", "--json"]));
    let numbers = ["legs", "seats", "standing", "seat_legs", "plane_bytes"];
    let expected = [1, 60_000, 5_000, 60_000, 7_508];
    assert_eq!(numbers.map(|name| stadium[name].as_u64().unwrap()), expected);
    let club = stadium["classes"].as_array().unwrap().iter().find(|class| class["id"] == "club");
    let club = club.unwrap();
    let counts = ["blocks", "rows", "seats"].map(|name| club[name].as_u64().unwrap());
    assert_eq!(counts, [5, 65, 1_430]);
    assert_eq!((&club["first"], &club["last"]), (&"C1-1-1".into(), &"C5-13-2".into()));
}

#[test]
fn a_plan_is_toml_or_json_by_name_or_content_and_the_printed_one_is_the_same_plan() {
    let train = data(&check(&["docs/examples/train.toml", "--json"]));
    let json = train["plan"].to_string();
    assert_eq!(train["plan_bytes"], json.len());
    assert_eq!(data(&check_stdin(json.as_bytes(), &["--json"])), train);
    let toml = fs::read(repository().join("docs/examples/train.toml")).unwrap();
    assert_eq!(data(&check_stdin(&toml, &["--json"])), train);
    let place = scratch().unwrap();
    for (name, content) in
        [("plan.json", json.as_bytes()), ("plan", json.as_bytes()), ("plan.txt", &toml)]
    {
        let file = place.path().join(name);
        fs::write(&file, content).unwrap();
        assert_eq!(data(&check(&[file.to_str().unwrap(), "--json"])), train, "{name}");
    }
}

#[test]
fn all_that_is_wrong_with_a_plan_is_named_with_its_place_and_exit_code_2() {
    let wrong = "stops = ['A', 'a b']\n[[classes]]\nid = 'second'\n\
        coaches = [{ ids = '1-16', rows = '1-18', letters = 'ABC AF' }]\n\
        [[quotas]]\nid = 'q'\nclasses = ['first']\nsize = 0\n";
    let lines = [
        "stdin: stops, number 2: \"a b\" is no id",
        "stdin: class second, coaches 1-16: letters repeat A",
        "stdin: quota q: there is no class \"first\"",
        "stdin: quota q: size is a number from 1",
    ];
    assert_errors(&check_stdin(wrong.as_bytes(), &[]), 2, &lines);
    let said = check_stdin(wrong.as_bytes(), &["--json"]);
    let error: Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!((said.code, &error["error"]["code"]), (2, &"invalid_plan".into()));
    assert_eq!(error["error"]["detail"].as_str().unwrap().lines().count(), lines.len());
}

#[test]
fn what_is_no_plan_at_all_is_refused_with_its_line_and_column() {
    let field = "[[classes]]\nid = 'c'\n\
        blocks = [{ ids = 1, rows = '1', seats = '1-9', price = 5 }]\n";
    let said = "stdin: line 3, column 49: unknown field `price`";
    assert_errors(&check_stdin(field.as_bytes(), &[]), 2, &[said]);
    let rows = field.replace(", price = 5", "").replace("rows = '1'", "rows = 18");
    let said = "stdin: line 3, column 29: invalid type: integer `18`, expected rows as a text";
    assert_errors(&check_stdin(rows.as_bytes(), &[]), 2, &[said]);
    assert_errors(&check_stdin(b"[[classes]\n", &[]), 2, &["stdin: line 1, column "]);
    let said = "stdin: plan: is no JSON of a plan: invalid type: integer `5`";
    assert_errors(&check_stdin(b"{\n\"classes\": 5}", &[]), 2, &[said]);
    assert_errors(&check_stdin(b"format = 2\nnew = 1\n", &[]), 2, &["stdin: format: 2 is not"]);
    let long = format!("# {}\n{field}", "x".repeat(PLAN_BYTES_MAX));
    assert_errors(&check_stdin(long.as_bytes(), &[]), 2, &["stdin: plan: has more than 262144"]);
    let control = "{\"classes\": [], \"\\u001b[2J\": 1}";
    let said = check_stdin(control.as_bytes(), &[]);
    assert!(said.code == 2 && !said.stderr.contains('\u{1b}'), "{:?}", said.stderr);
    assert_errors(&check_stdin(b"\xff\xfe", &[]), 1, &["stdin cannot be read: it is no text"]);
    assert_errors(&check(&["docs/none.toml"]), 1, &["docs/none.toml cannot be read"]);
    assert_errors(&check(&["docs"]), 1, &["docs cannot be read"]);
}

#[test]
fn each_plan_that_the_guide_shows_is_one_and_is_printed_as_it_says() {
    let guide = fs::read_to_string(repository().join("docs/howto/plans.md")).unwrap();
    let blocks = |kind: &str| {
        let fences = guide.split("```").skip(1).step_by(2);
        let of_kind = fences.filter_map(|fence| fence.strip_prefix(kind)).map(str::to_owned);
        of_kind.collect::<Vec<_>>()
    };
    let (toml, json) = (blocks("toml\n"), blocks("json\n"));
    assert!(toml.len() >= 5 && !json.is_empty(), "{} and {}", toml.len(), json.len());
    for text in toml.iter().chain(&json) {
        let said = check_stdin(text.as_bytes(), &[]);
        assert_eq!(said.code, 0, "{}\n{text}", said.stderr);
    }
    let shown = blocks("console\n");
    let (_, printed) = shown[0].split_once('\n').unwrap();
    assert_eq!(check_stdin(toml[0].as_bytes(), &[]).stdout, printed);
    let stored: Value = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(data(&check_stdin(toml[0].as_bytes(), &["--json"]))["plan"], stored);
}
