//! Every target of `lastseat_tests::fuzz`, with what is in its corpus and with what becomes of that
//! when it is changed here and there. The same inputs on every machine: a failure can be repeated.
//! The changes are those of the crate `mutatis`, which needs neither a nightly compiler nor an
//! instrumented build and takes a seed; longer runs, guided by coverage, are in `fuzz/`.

mod planted;

use lastseat_tests::fuzz::{KEYS, TARGETS, link_session};
use lastseat_tests::harness::paths::repository;
use mutatis::Session;
use shared::auth::buyer_token;
use shared::auth::edge_signature::{Signed, Version, sign_as};
use shared::ledger_model::event_log::Entry;
use shared::link::FromGateway;
use shared::{BuyerId, KeyRing, SaleId, UnixMillis};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

/// Changed inputs for each target, if there is time.
const INPUTS: u64 = 60_000;
/// Time for each target.
const TIME: Duration = Duration::from_secs(8);
/// Inputs that each target gets however slow the machine is.
const INPUTS_MIN: u64 = 2_000;
/// Most changes to one input.
const CHANGES_MAX: u64 = 8;
/// Longest input, in bytes: above all bounds of what is read.
const LENGTH_MAX: usize = 8 * 1024;

/// The inputs of `target`, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = repository().join("fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut inputs: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    inputs.sort();
    inputs
}

/// An input on which a target fails, and how many were tried before it.
struct Failure {
    input: Vec<u8>,
    after: u64,
}

/// Runs `run` over the corpus of `name` and over what becomes of it; how many inputs that were.
fn fuzz(name: &str, run: impl Fn(&[u8]), seed: u64) -> Result<u64, Failure> {
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| run(input))).is_err();
    let corpus = corpus(name);
    for (_, input) in &corpus {
        if fails(input) {
            let input = input.clone();
            return Err(Failure { input, after: 0 });
        }
    }
    let mut session = Session::new().seed(seed);
    let end = Instant::now() + TIME;
    for n in 0..INPUTS {
        if n >= INPUTS_MIN && Instant::now() > end {
            return Ok(n);
        }
        let index = usize::try_from(n).unwrap() % corpus.len();
        let mut input = corpus[index].1.clone();
        for _ in 0..=n % CHANGES_MAX {
            session.mutate(&mut input).unwrap();
        }
        input.truncate(LENGTH_MAX);
        if fails(&input) {
            return Err(Failure { input, after: n });
        }
    }
    Ok(INPUTS)
}

#[test]
fn no_input_makes_a_reader_panic_or_believe_what_is_forged() {
    let runs: Vec<_> = TARGETS
        .into_iter()
        .map(|(name, run)| (name, thread::spawn(move || fuzz(name, run, seed(name)))))
        .collect();
    for (name, run) in runs {
        match run.join().unwrap() {
            Ok(inputs) => {
                assert!(inputs >= INPUTS_MIN, "{name}: {inputs}");
                println!("{name}: {inputs} inputs");
            }
            Err(Failure { input, .. }) => {
                let shown = String::from_utf8_lossy(&input).escape_debug().to_string();
                panic!(
                    "{name} fails on {shown:?}, bytes {input:?}: put them into fuzz/corpus/{name}"
                );
            }
        }
    }
}

/// The seed of a target: its place in the list.
fn seed(name: &str) -> u64 {
    let place = TARGETS.iter().position(|(target, _)| *target == name);
    place.map_or(0, |place| place as u64 + 1)
}

/// Inputs that no reader takes would try the first line of each only.
#[test]
fn the_corpus_has_what_edge_shop_and_ledger_really_write() {
    let keys = KeyRing::parse(KEYS).unwrap();
    let now = UnixMillis(1_763_862_000_123);
    let asked = Signed {
        method: "POST",
        path: "/v1/sales/spring/orders",
        order: "0123456789abcdef",
        client: "10.1.2.3",
        edge: "e1",
        key_source: "sent",
        buyer_token: "",
        ..Signed::NOTHING
    };
    let [one, two] = [Version::One, Version::Two]
        .map(|version| format!("{}\n{}", sign_as(version, &keys, &asked, now), asked.path));
    let (sale, buyer) = (SaleId::parse("spring").unwrap(), BuyerId::parse("ada").unwrap());
    let token = buyer_token::make(&keys, &sale, &buyer, now.plus(60_000));
    let mut frame = vec![2];
    link_session().write(&keys, 0, FromGateway::Ping, &mut frame);
    for (target, input) in [
        ("signature", one.into_bytes()),
        ("signature", two.into_bytes()),
        ("buyer_token", token.into_bytes()),
        ("link", frame),
    ] {
        let found = corpus(target);
        let there = found.iter().any(|(_, known)| *known == input);
        assert!(there, "fuzz/corpus/{target} lacks {input:?}");
    }
    let entry = |(_, input): &(String, Vec<u8>)| {
        let text = std::str::from_utf8(input).ok();
        text.and_then(|text| Entry::parse(7, text)).is_some_and(|entry| entry.events.len() > 1)
    };
    assert!(corpus("log_entry").iter().any(entry), "an entry with several events");
    for (name, _) in TARGETS {
        assert!(corpus(name).len() >= 3, "{name}");
    }
}
