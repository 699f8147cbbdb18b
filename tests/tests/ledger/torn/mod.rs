//! Append-only files that end anywhere: as a machine leaves them that lost its power, or a disk
//! that lied.
//!
//! A file that ends inside a script is started on three times, with sales in between: what stands
//! behind a half script is read at the second start, and what was made of that at the third.

mod by_plan;
mod cuts;
mod own;
mod stage;
mod story;

use cuts::{Cut, all, last, some};
use lastseat_tests::harness::RedisSetup;
use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::redis::Deployed;
use stage::Way;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;
use story::Story;

/// Cuts that `make test` makes in each way, of the several thousand bytes of the file.
const FEW: usize = 40;
/// Where no Redis is started.
const MORE: usize = 400;

fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| cuts::runtime().block_on(Story::tell()))
}

/// All of them with `LASTSEAT_TORN=all`, as `make torn` does; with `last`, every byte of the last
/// five scripts.
fn chosen(few: usize) -> Vec<usize> {
    match std::env::var("LASTSEAT_TORN").as_deref() {
        Ok("all") => all(story()),
        Ok("last") => last(story()),
        Ok(other) => panic!("LASTSEAT_TORN is {other:?}; it may be all or last"),
        Err(_) => some(story(), few),
    }
}

fn demand_that_all_agree(way: Way) {
    let begun = Instant::now();
    let cuts = chosen(FEW);
    let found = cuts::run(story(), &cuts, way);
    println!("{way:?}: {} cuts in {:?}", cuts.len(), begun.elapsed());
    let faults: Vec<&Cut> = found.iter().filter(|cut| cut.outcome.is_err()).collect();
    assert!(
        faults.is_empty(),
        "{} of {}: {:#?}",
        faults.len(),
        cuts.len(),
        &faults[..faults.len().min(5)]
    );
}

#[test]
fn three_starts_on_a_file_cut_anywhere_sell_no_ticket_twice_with_our_settings() {
    demand_that_all_agree(Way::By(Deployed::Conf));
}

#[test]
fn three_starts_on_a_file_cut_anywhere_sell_no_ticket_twice_in_a_container() {
    demand_that_all_agree(Way::By(Deployed::Compose));
}

#[test]
fn three_starts_on_a_file_cut_anywhere_sell_no_ticket_twice_in_a_pod() {
    demand_that_all_agree(Way::By(Deployed::Kubernetes));
}

#[test]
fn three_starts_on_a_file_cut_anywhere_sell_no_ticket_twice_on_a_redis_that_somebody_else_starts() {
    demand_that_all_agree(Way::Plain);
}

/// Otherwise the four above would prove nothing.
#[test]
fn the_same_cuts_find_a_redis_that_goes_on_behind_half_scripts() {
    let found = cuts::run(story(), &some(story(), 40), Way::Exposed);
    let faults: Vec<&Cut> = found.iter().filter(|cut| cut.outcome.is_err()).collect();
    println!("{} of {} cuts do harm: {faults:#?}", faults.len(), found.len());
    assert!(faults.len() >= 5, "{} of {}", faults.len(), found.len());
}

/// Without starting a Redis each time, so at more places.
#[test]
fn of_a_file_cut_anywhere_exactly_the_whole_scripts_are_left() {
    let begun = Instant::now();
    let story = story();
    let ends = story.ends();
    let cuts = chosen(MORE);
    let wrong = cuts::in_two_threads(&cuts, |length| {
        let whole = ends.iter().rev().find(|end| **end <= length);
        let directory = story.cut(length);
        let made = Command::new(repository().join("deploy/redis/make-whole"))
            .arg(directory.path())
            .output()
            .expect("make-whole runs");
        let left = story::left(directory.path());
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let right = made.status.success()
            && left == story.bytes[..*whole.expect("a whole script")]
            && said.is_empty() == ends.contains(&length);
        (!right).then(|| format!("{length}: {} bytes are left; {made:?}", left.len()))
    });
    println!("{} cuts in {:?}", cuts.len(), begun.elapsed());
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The file was rewritten at the first start, and the machine stops before that is done: the torn
/// file is not the last one then. Redis refuses it once, having cut it where it must be cut, and
/// runs at the next start.
#[test]
fn a_crash_while_the_file_is_sealed_delays_a_start_and_sells_nothing_twice() {
    let story = story();
    let cuts = cuts::inside_the_last_scripts(story);
    let refused = cuts::in_two_threads(&cuts, |length| {
        cuts::runtime().block_on(crash_while_sealing(story, length))
    });
    let refused = refused.iter().filter(|refused| **refused).count();
    // Of the three cuts of each script two are inside a command: there the half script stays.
    assert_eq!(refused, cuts.len() / 3 * 2);
}

/// Whether the start after the crash was refused, once.
async fn crash_while_sealing(story: &Story, length: usize) -> bool {
    let slow = ["--rdb-key-save-delay", "1000000"];
    let server = RedisSetup::default().on(story.cut(length)).options(&slow).start();
    let mut sales = cuts::Counting::of(story, length);
    let ledger = stage::ledger(&server).await.unwrap();
    sales.sell(&ledger, "first").await.unwrap();
    let info = server.says(&["info", "persistence"]);
    assert!(info.contains("aof_rewrite_in_progress:1"), "{info}");
    let (mut directory, refused) = match stage::start(server.into_directory(), Way::Plain) {
        Ok(server) => (server.into_directory(), false),
        Err(refused) => {
            let why_it_shall = "the truncated file is not the last file";
            assert!(refused.said.contains(why_it_shall), "cut at {length}: {}", refused.said);
            (refused.directory.expect("its files"), true)
        }
    };
    for name in ["second", "third"] {
        let server = stage::start(directory, Way::Plain).expect(name);
        let ledger = stage::ledger(&server).await.unwrap();
        sales.agree(&ledger).await.unwrap();
        sales.sell(&ledger, name).await.unwrap();
        directory = server.into_directory();
    }
    refused
}
