//! A sale with a plan on files that end anywhere: every seat is somebody's or free, as the whole
//! scripts left it.

use crate::torn::cuts::{in_two_threads, runtime, start};
use crate::torn::stage::{self, Way};
use crate::torn::story::left;
use lastseat_ledger::{Ledger, Reserve, Verdict};
use lastseat_tests::harness::PrivateRedis;
use lastseat_tests::harness::paths::scratch;
use lastseat_tests::harness::redis::Deployed;
use lastseat_tests::harness::redis::append_only::AppendOnlyFiles;
use shared::domain::sale::{Creation, PageTerms};
use shared::plan::Plan;
use shared::seats::{OrderLines, OrderPart};
use shared::{BuyerId, Cancellation, Capacity, Order, OrderId, Quantity, SaleId, SaleState, Terms};
use std::collections::HashMap;
use std::sync::Arc;
use tempfile::TempDir;

const PLAN: &str = r#"{"format":1,"stops":["A","B","C"],"classes":[{"id":"second","coaches":[
    {"ids":"1-2","rows":"1-2","letters":"AB C"}]},{"id":"standing","standing":3}]}"#;

type Orders = HashMap<OrderId, Order>;

/// A file, and what the sale had when it was so long.
struct TrainStory {
    directory: TempDir,
    after: Vec<(usize, Orders)>,
}

fn sale() -> SaleId {
    SaleId::parse("train").expect("a sale id")
}

fn id(name: &str) -> OrderId {
    OrderId::parse(&format!("order-{name:0>14}")).expect("an id")
}

fn wish(name: &str, lines: &str) -> Reserve {
    let lines = OrderLines::parse(lines).expect("lines");
    Reserve {
        id: id(name),
        buyer: BuyerId::parse(name).expect("a buyer"),
        quantity: Quantity::new(lines.tickets().into()).expect("a quantity"),
        lines: Some(lines),
    }
}

impl TrainStory {
    async fn tell() -> Self {
        let way = Way::By(Deployed::Conf);
        let server = stage::start(scratch().expect("room"), way).expect("a Redis");
        let ledger = stage::ledger(&server).await.expect("a ledger");
        let plan = Arc::new(Plan::from_json(PLAN).expect("a plan"));
        let wanted = Creation {
            capacity: Capacity::new(plan.places()).expect("a capacity"),
            terms: Terms { hold_ms: 3_600_000, ..Terms::default() },
            open: true,
            page: PageTerms::default(),
            plan: Some(plan),
        };
        ledger.create_sale_as(&sale(), &wanted).await.expect("a sale");
        let mut story = Self { directory: scratch().expect("room"), after: Vec::new() };
        story.note(&server, &ledger).await;
        let batch = [
            wish("a", "0.0-2.3a"),
            wish("b", "0.0-1.2r,1.0-1.2a"),
            wish("c", "0.1-2.2r"),
            wish("d", "0.0-2.1a=11"),
        ];
        for batch in batch.chunks(3) {
            let (_, said) = ledger.reserve(&sale(), batch).await.expect("an answer").expect("it");
            assert!(said.iter().all(|one| matches!(one, Verdict::Granted { .. })), "{said:?}");
            story.note(&server, &ledger).await;
        }
        let (line, seat) = (OrderPart::Lines(vec![0]), OrderPart::Seats(vec![(0, 1)]));
        for (name, confirms, part) in [
            ("b", true, line),
            ("a", false, seat),
            ("a", true, OrderPart::Whole),
            ("c", false, OrderPart::Whole),
            ("d", false, OrderPart::Whole),
        ] {
            let how = Cancellation::default();
            let reply = if confirms {
                ledger.confirm(&sale(), &id(name), &part).await
            } else {
                ledger.cancel_as(&sale(), &id(name), how, &part).await
            };
            let (_, verdict) = reply.expect("an answer").expect("the sale");
            let done = matches!(verdict, Verdict::Granted { replayed: false, .. });
            assert!(done, "{name}: {verdict:?}");
            story.note(&server, &ledger).await;
        }
        ledger.reserve(&sale(), &[wish("e", "0.0-2.2c,1.0-2.1a")]).await.expect("an answer");
        story.note(&server, &ledger).await;
        story.directory = server.into_directory();
        story
    }

    async fn note(&mut self, server: &PrivateRedis, ledger: &Ledger) {
        let orders = ledger.all_orders(&sale()).await.expect("the orders");
        self.after.push((left(server.directory()).len(), orders));
    }

    /// Of each script: its first bytes, a part, all but the last byte, and all.
    fn cuts(&self) -> Vec<usize> {
        let pairs = self.after.windows(2).map(|pair| (pair[0].0, pair[1].0));
        let of = |(from, to): (usize, usize)| {
            let long = to - from;
            [from + 20, from + long / 3, from + 2 * long / 3, to - 1, to]
        };
        pairs.flat_map(of).collect()
    }

    fn had(&self, length: usize) -> &Orders {
        let index = self.after.partition_point(|(end, _)| *end <= length);
        &self.after[index - 1].1
    }
}

async fn starts(story: &TrainStory, length: usize, way: Way) -> Result<(), String> {
    let copy = AppendOnlyFiles::of(story.directory.path()).copy();
    AppendOnlyFiles::of(copy.path()).cut(length as u64);
    let mut had = story.had(length).clone();
    let mut directory = copy;
    for name in ["first", "second"] {
        let server = start(directory, way)?;
        let ledger = stage::ledger(&server).await?;
        ledger.recover_without_nodes(&sale()).await.map_err(|e| e.to_string())?;
        let found = ledger.all_orders(&sale()).await.map_err(|e| e.to_string())?;
        if found != had {
            return Err(format!("{name}: {found:#?} instead of {had:#?}"));
        }
        whole(&ledger).await?;
        // What is free can be sold, and nothing else.
        ledger.set_state(&sale(), SaleState::Open).await.map_err(|e| e.to_string())?;
        let wishes: Vec<Reserve> = (0..8)
            .map(|n| wish(&format!("{name}{n}"), "0.0-1.1a"))
            .chain([wish(&format!("{name}-long"), "0.0-2.1a,1.1-2.1a")])
            .collect();
        ledger.reserve(&sale(), &wishes).await.map_err(|e| e.to_string())?;
        whole(&ledger).await?;
        had = ledger.all_orders(&sale()).await.map_err(|e| e.to_string())?;
        directory = server.into_directory();
    }
    Ok(())
}

async fn whole(ledger: &Ledger) -> Result<(), String> {
    let report = ledger.audit(&sale()).await.map_err(|e| e.to_string())?;
    let report = report.ok_or("there is no sale")?;
    if report.ok { Ok(()) } else { Err(format!("{report:#?}")) }
}

fn demand_that_all_seats_agree(way: Way) {
    let story = runtime().block_on(TrainStory::tell());
    let found = in_two_threads(&story.cuts(), |length| {
        let outcome = runtime().block_on(starts(&story, length, way));
        outcome.map_err(|why| format!("cut at {length}: {why}"))
    });
    let faults: Vec<String> = found.into_iter().filter_map(Result::err).collect();
    assert!(faults.is_empty(), "{}: {}", faults.len(), faults[0]);
}

#[test]
fn starts_on_a_file_cut_anywhere_leave_every_seat_as_the_whole_scripts_did_with_our_settings() {
    demand_that_all_seats_agree(Way::By(Deployed::Conf));
}

#[test]
fn starts_on_a_file_cut_anywhere_leave_every_seat_as_the_whole_scripts_did_on_any_redis() {
    demand_that_all_seats_agree(Way::Plain);
}
