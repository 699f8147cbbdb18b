//! Each kind of damage of a sale with a plan, what the audit says of it, and what a plan makes of
//! it.

use super::stored::{Train, id, request};
use crate::audit::damages::{Plans, With, assert_refuses, assert_repairs};
use crate::audit::stage::{Sale, Stage, assert_finds};
use lastseat_ledger::Verdict;
use lastseat_ledger::audit::FindingKind::{self, *};
use lastseat_ledger::audit::plan::PlanTrust;
use shared::seats::OrderPart;
use shared::{Cancellation, SaleState};

struct SeatDamage {
    name: &'static str,
    does: Vec<Vec<String>>,
    finds: Vec<(FindingKind, String)>,
    plans: Vec<Plans>,
}

const NOTHING: Plans = Plans::Repairs(With::Nothing);
const LOG: Plans = Plans::Repairs(With::Trust(PlanTrust::Log));

/// Of the string: a word of rows, three planes of a word, then held places on three legs; held
/// places of who stands; and on three legs each what the quota has in use and what stands.
const ROWS: usize = 0;
const PLANE: usize = 1;
const HELD: usize = 4;
const QUOTA: usize = 10;
const STANDING: usize = 13;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Sets a word of the seats to what `change` makes of it.
fn word(train: &Train, at: usize, change: impl Fn(u32) -> u32) -> Vec<String> {
    let bytes = &train.seats()[4 * at..4 * at + 4];
    let value = change(u32::from_be_bytes(bytes.try_into().unwrap()));
    words(&format!("BITFIELD :seats SET u32 #{at} {value}"))
}

fn of_the_string(train: &Train) -> Vec<SeatDamage> {
    let flip = |leg: usize, seat: u32| word(train, PLANE + leg, |word| word ^ 1 << seat);
    let one = |name, does: Vec<Vec<String>>, kind, says: &str| SeatDamage {
        name,
        does,
        finds: vec![(kind, says.to_owned())],
        plans: vec![NOTHING],
    };
    vec![
        one(
            "a seat that nobody has",
            vec![flip(1, 2)],
            Seat,
            "seat 1-1C is taken from Dijon to Lyon by nobody",
        ),
        one(
            "on several legs",
            vec![flip(0, 2), flip(1, 2), flip(2, 2)],
            Seat,
            "seat 1-1C is taken from Paris to Marseille by nobody",
        ),
        one(
            "a seat that somebody has is free",
            vec![flip(0, 0), flip(1, 0)],
            Seat,
            &format!("seat 1-1A is free from Paris to Lyon, but order {} has it", id(0)),
        ),
        one(
            "held places of a class",
            vec![word(train, HELD, |held| held + 1)],
            Places,
            "held places of class second from Paris to Dijon: the orders say 3, the ledger says 4",
        ),
        one(
            "places of a quota",
            vec![word(train, QUOTA + 2, |used| used - 1)],
            Places,
            "quota load, places in use from Lyon to Marseille: the orders say 5, the ledger says 4",
        ),
        one(
            "standing places",
            vec![word(train, STANDING + 1, |_| 4)],
            Places,
            "standing places of class standing, places in use from Dijon to Lyon: the orders say \
             2, the ledger says 4",
        ),
        one("other rows", vec![word(train, ROWS, |rows| rows ^ 1)], SeatsInvalid, "rows or seats"),
        one(
            "a seat beyond the last",
            vec![flip(0, 30)],
            SeatsInvalid,
            "class second does not have",
        ),
        one("no seats", vec![words("DEL :seats")], SeatsInvalid, ":seats is missing"),
        one(
            "more bytes",
            vec![words("APPEND :seats x")],
            SeatsInvalid,
            "has 65 bytes, for its plan it has 64",
        ),
        one(
            "seats of another type",
            vec![words("DEL :seats"), words("SADD :seats x")],
            WrongType,
            "key :seats is a set, not a string",
        ),
        one(
            "only ones",
            (PLANE..HELD).map(|at| word(train, at, |_| 0xff)).collect(),
            Seat,
            "seat 1-2D is free from Paris to Marseille",
        ),
    ]
}

fn of_fields(train: &Train) -> Vec<SeatDamage> {
    let field = |name, line: &str, kind, says: &str| SeatDamage {
        name,
        does: vec![words(line)],
        finds: vec![(kind, says.to_owned())],
        plans: vec![NOTHING],
    };
    let places = train.sale.capacity;
    let mut all = vec![
        field("no plan", "HDEL :sale plan", PlanField, "field plan of the sale is missing"),
        field("another plan", "HSET :sale plan {}", PlanField, "field plan of the sale is {}"),
        field(
            "another shape",
            "HSET :sale shape 3",
            PlanField,
            "field shape of the sale is 3, its plan says 3 2 2",
        ),
        field("no class", "HDEL :sale class:0", PlanField, "field class:0 of the sale is missing"),
        field("a quota", "HSET :sale quota:0 1", PlanField, "field quota:0 of the sale is 1"),
        field(
            "the format of a sale without a plan",
            "HSET :sale format 1",
            FieldInvalid,
            "format of the sale is 1, but it has a plan",
        ),
        field(
            "another capacity",
            "HSET :sale capacity 40",
            PlanField,
            &format!("field capacity of the sale is 40, its plan says {places}"),
        ),
        field("no sale", "DEL :sale", SaleMissing, ":sale is missing"),
        field("no orders", "DEL :orders", OrdersMissing, "the log has orders"),
    ];
    all[6].plans.push(Plans::Refuses(With::Capacity(40), "has a plan"));
    all.push(SeatDamage {
        name: "no plan, and a log that begins late",
        does: vec![words("HDEL :sale plan"), words("XTRIM :log MINID 3-0")],
        finds: vec![],
        plans: vec![Plans::Refuses(With::Nothing, "format of another lastseat")],
    });
    all
}

fn of_orders() -> Vec<SeatDamage> {
    let record = |n: u32, text: &str| {
        vec![["HSET", ":orders", id(n).as_str(), text].map(str::to_owned).to_vec()]
    };
    let trusts = |why| vec![LOG, Plans::Refuses(With::Trust(PlanTrust::Records), why)];
    vec![
        SeatDamage {
            name: "a seat sold twice",
            does: record(9, "2c:1:1:1700000000000:0:0.1-3.1a:0.1-3.1=0::late"),
            finds: vec![
                (RecordUnlogged, id(9).to_string()),
                (
                    SeatTwice,
                    format!(
                        "seat 1-1A is sold twice from Dijon to Lyon: orders {} and {} have it",
                        id(0),
                        id(9)
                    ),
                ),
                (
                    SeatTwice,
                    format!(
                        "seat 1-1A is sold twice from Lyon to Marseille: orders {} and {} have it",
                        id(3),
                        id(9)
                    ),
                ),
            ],
            plans: trusts("sold twice"),
        },
        SeatDamage {
            name: "more than a quota has",
            does: record(9, "2c:3:3:1700000000000:0:1.1-2.3a:1.1-2.3::late"),
            finds: vec![(
                QuotaExceeded,
                "standing places of class standing: orders have 5 of 4 places from Dijon to Lyon"
                    .to_owned(),
            )],
            plans: trusts("orders have 5 of 4"),
        },
        SeatDamage {
            name: "a seat that the plan does not have",
            does: record(9, "2c:1:1:1700000000000:0:0.0-3.1a:0.0-3.1=8::late"),
            finds: vec![(RecordInvalid, "not in the plan".to_owned())],
            plans: trusts("not in the plan"),
        },
        SeatDamage {
            name: "another seat than in the log",
            does: record(4, "2h:1:1:1700000000000:1900000000000:0.0-1.1a=3:0.0-1.1=2::buyer-4"),
            finds: vec![
                (RecordAgainstLog, id(4).to_string()),
                (Seat, format!("seat 1-1C is free from Paris to Dijon, but order {}", id(4))),
                (Seat, "seat 1-1D is taken from Paris to Dijon by nobody".to_owned()),
            ],
            plans: vec![LOG, Plans::Repairs(With::Trust(PlanTrust::Records))],
        },
        SeatDamage {
            name: "a record of a sale without a plan",
            does: record(4, "1h:1:1:1700000000000:1900000000000:buyer-4"),
            finds: vec![(RecordInvalid, "not one that lastseat writes".to_owned())],
            plans: vec![NOTHING],
        },
        SeatDamage {
            name: "a log in which a seat was given twice",
            does: vec![
                ["XADD", ":log", "7-0", "e"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain([format!(
                        "2 1700000000000 9\ng {} 1 0 late 0.0-2.1a=0 0.0-2.1=0",
                        id(9)
                    )])
                    .collect(),
            ],
            finds: vec![
                (LogAhead, "entry 7".to_owned()),
                (LogOversold, "seat 0 is taken already on leg 0".to_owned()),
                (SeatTwice, "seat 1-1A is sold twice from Paris to Lyon".to_owned()),
            ],
            plans: vec![Plans::Refuses(With::Nothing, "sold twice"), Plans::Repairs(With::Undo)],
        },
    ]
}

/// Opens the sale and sells seats of it; it must then still be as it should be.
async fn sells_on(stage: &Stage, sale: &Sale<'_>, name: &str) {
    let ledger = &stage.ledger;
    ledger.set_state(&sale.id, SaleState::Open).await.unwrap();
    let wish = request(30, "0.0-2.1a,0.2-3.1a");
    let (_, verdicts) = ledger.reserve(&sale.id, &[wish]).await.unwrap().unwrap();
    assert!(
        matches!(verdicts[0], Verdict::Granted { replayed: false, .. }),
        "{name}: {verdicts:?}"
    );
    let one = OrderPart::Lines(vec![0]);
    let how = Cancellation::default();
    for call in [
        ledger.cancel_as(&sale.id, &id(30), how, &one).await,
        ledger.confirm(&sale.id, &id(30), &OrderPart::Whole).await,
        ledger.cancel(&sale.id, &id(5)).await,
    ] {
        let (_, verdict) = call.unwrap().unwrap();
        assert!(matches!(verdict, Verdict::Granted { .. }), "{name}: {verdict:?}");
    }
    let report = sale.audit().await;
    assert!(report.ok, "{name}, after it sold on: {report:#?}");
}

#[tokio::test]
async fn each_damage_of_a_sale_with_a_plan_is_named_and_repaired_or_refused_with_a_reason() {
    let stage = Stage::new().await;
    let train = Train::new(&stage).await;
    let mut all = of_the_string(&train);
    all.extend(of_fields(&train));
    all.extend(of_orders());
    for damage in all {
        for plans in &damage.plans {
            let sale = train.put(&stage).await;
            let clean = sale.audit().await;
            assert!(clean.ok, "{clean:#?}");
            for line in &damage.does {
                sale.says(&line.iter().map(String::as_str).collect::<Vec<_>>()).await;
            }
            let before = sale.stored().await;
            let report = sale.audit().await;
            assert!(!report.ok, "{}", damage.name);
            for (kind, says) in &damage.finds {
                assert_finds(&report, damage.name, *kind, says);
            }
            assert_eq!(sale.stored().await, before, "{}: looking changes nothing", damage.name);
            match plans {
                Plans::Repairs(with) => {
                    assert_repairs(&sale, *with, damage.name).await;
                    if !matches!(with, With::Trust(PlanTrust::Records)) {
                        train.assert_lies_in(&sale, damage.name).await;
                    }
                    sells_on(&stage, &sale, damage.name).await;
                }
                Plans::Refuses(with, why) => {
                    assert_refuses(&sale, *with, why, damage.name).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_report_has_the_sum_of_each_leg_of_each_class_the_worst_one_first() {
    let stage = Stage::new().await;
    let train = Train::new(&stage).await;
    let sale = train.put(&stage).await;
    let report = sale.audit().await;
    assert_eq!(report.legs.len(), 6);
    let frees: Vec<i64> = report.legs.iter().map(|leg| leg.free).collect();
    assert!(frees.is_sorted(), "{frees:?}");
    for leg in &report.legs {
        let sum = leg.free + (leg.held + leg.confirmed) as i64;
        assert!(leg.is_whole() && sum == leg.places as i64, "{leg:?}");
    }
    let sum = |of: fn(&lastseat_ledger::audit::AuditedLeg) -> u64| -> u64 {
        report.legs.iter().map(of).sum()
    };
    assert_eq!((sum(|leg| leg.held), sum(|leg| leg.confirmed)), (report.held, report.confirmed));
    // One seat too many is taken on the leg on which most is free.
    let last = report.legs.last().unwrap().clone();
    let leg = ["PAR", "DIJ", "LYO"].iter().position(|stop| last.from.as_deref() == Some(stop));
    assert_eq!((last.class.as_str(), leg), ("standing", Some(2)), "{last:?}");
    sale.says(&word(&train, STANDING + 2, |_| 3).iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let report = sale.audit().await;
    assert_eq!(report.legs[0].ledger_says_free, Some(1), "{:?}", report.legs[0]);
    assert!(!report.legs[0].is_whole() && report.legs[1..].iter().all(|leg| leg.is_whole()));
}
