//! The plays of `tests/plays`, on the scripts as they are.

use lastseat_ledger::scripts::Scripts;
use lastseat_tests::harness::{Durability, PrivateRedis};
use lastseat_tests::plays::{TranscriptStage, files, on_test_clock, read, show};
use std::fs;

#[test]
fn the_scripts_answer_and_store_what_the_plays_say() {
    let redis = PrivateRedis::start(Durability::Off);
    let scripts = Scripts::patched(on_test_clock);
    let mut stage = TranscriptStage::new(&redis, &scripts).unwrap();
    let writes = std::env::var_os("LASTSEAT_WRITE_PLAYS").is_some();
    let mut count = 0;
    for file in files() {
        let plays = read(&file);
        assert!(!plays.is_empty(), "{}", file.display());
        count += plays.len();
        if writes {
            let parts: Vec<String> =
                plays.iter().map(|play| show(&stage.record(play).unwrap())).collect();
            fs::write(&file, parts.join("\n")).unwrap();
        }
        for play in plays.iter().filter(|_| !writes) {
            let last = play.lines.last().map(|(said, _)| said.as_str());
            assert_eq!(last, Some("dump"), "{}: ends with what is stored", play.sentence);
            stage.check(play).unwrap_or_else(|difference| panic!("{difference}"));
        }
    }
    println!("{count} plays");
}

#[test]
fn the_shipped_scripts_read_the_clock_of_redis() {
    let redis = PrivateRedis::start(Durability::Off);
    let scripts = Scripts::patched(|_, text| text);
    let mut stage = TranscriptStage::new(&redis, &scripts).unwrap();
    stage.reads_the_clock_of_redis().unwrap();
}
