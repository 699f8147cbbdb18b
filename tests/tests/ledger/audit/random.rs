//! Random damage: whatever lies in the keys, an audit answers with a report, and where there is a
//! plan it repairs.

use crate::audit::damages::NUMBERS;
use crate::audit::stage::{Sale, Stage, order};
use fastrand::Rng;
use lastseat_ledger::audit::FindingKind;
use lastseat_ledger::audit::plan::{Ahead, Choices, PlanTrust};
use shared::Capacity;

const SEEDS: u64 = 400;

fn bytes(rng: &mut Rng) -> Vec<u8> {
    let length = rng.usize(0..24);
    (0..length).map(|_| rng.u8(..)).collect()
}

/// A word of the kind that lies in these keys, or bytes.
fn word(rng: &mut Rng) -> Vec<u8> {
    let near = [
        order(rng.u32(0..12)),
        format!("buyer-{}", rng.u32(0..12)),
        format!("ended buyer-{}", rng.u32(0..4)),
        rng.u32(0..40).to_string(),
        format!(
            "1{}:{}:{}:{}:{}:buyer-{}",
            rng.char('a'..='z'),
            rng.u8(0..4),
            rng.u8(0..4),
            rng.u64(..),
            rng.u64(..),
            rng.u8(0..9)
        ),
        format!("1c:{0}:{0}:1700000000000:0:buyer-{1}", rng.u8(1..4), rng.u8(0..9)),
        "open".to_owned(),
        "-1".to_owned(),
        String::new(),
    ];
    if rng.u8(0..10) == 0 {
        return bytes(rng);
    }
    rng.choice(near).unwrap().into_bytes()
}

fn entry(rng: &mut Rng) -> Vec<u8> {
    let id = order(rng.u32(0..12));
    let lines = [
        format!("g {id} 1 1900000000000 buyer-{}", rng.u8(0..9)),
        format!("x {id}"),
        format!("c {id} 1"),
        format!("e {id}"),
        format!("K {}", rng.u8(5..40)),
        "S closed".to_owned(),
        "H 3".to_owned(),
        format!("R {id} 1c:1:1:1700000000000:0:buyer-1"),
        "?".to_owned(),
    ];
    let mut text = format!("1 1700000000000 {}", rng.u8(1..20));
    for _ in 0..rng.u8(1..4) {
        text += "\n";
        text += &lines[rng.usize(0..lines.len())];
    }
    text.into_bytes()
}

fn command(rng: &mut Rng) -> Vec<Vec<u8>> {
    const OTHERS: [&str; 11] = [
        "state",
        "history",
        "ended_peak",
        "cancelled_early",
        "buyers_cancel",
        "pay_url",
        "late_seats",
        "return_url",
        "event",
        "actors",
        "heal:found",
    ];
    const KEYS: [&str; 5] = [":sale", ":orders", ":buyers", ":holds", ":log"];
    let text = |word: &str| word.as_bytes().to_vec();
    let key = text(KEYS[rng.usize(0..5)]);
    let field = rng.usize(0..NUMBERS.len() + OTHERS.len());
    let field = text(NUMBERS.iter().chain(&OTHERS).nth(field).unwrap());
    match rng.u8(0..17) {
        0 => vec![text("DEL"), key],
        1 => vec![text("SET"), key, bytes(rng)],
        2 | 3 => vec![text("HSET"), text(":sale"), field, word(rng)],
        4 => vec![text("HDEL"), text(":sale"), field],
        5 | 6 => vec![text("HSET"), text(":orders"), word(rng), word(rng)],
        7 => vec![text("HDEL"), text(":orders"), text(&order(rng.u32(0..8)))],
        8 | 9 => vec![text("HSET"), text(":buyers"), word(rng), word(rng)],
        10 => vec![text("ZADD"), text(":holds"), text(&rng.f64().to_string()), word(rng)],
        11 => vec![text("ZREM"), text(":holds"), text(&order(rng.u32(0..8)))],
        12 => vec![text("XDEL"), text(":log"), text(&format!("{}-0", rng.u8(1..7)))],
        13 => vec![text("XTRIM"), text(":log"), text("MAXLEN"), text(&rng.u8(0..7).to_string())],
        14 => vec![text("XADD"), text(":log"), text("7-0"), text("e"), entry(rng)],
        15 => vec![text("XADD"), text(":log"), text("*"), bytes(rng), bytes(rng)],
        _ => {
            vec![text("XSETID"), text(":log"), text(&format!("{}-{}", rng.u8(6..12), rng.u8(0..2)))]
        }
    }
}

fn choices(rng: &mut Rng) -> Choices {
    Choices {
        trust: rng.choice([None, Some(PlanTrust::Log), Some(PlanTrust::Records)]).unwrap(),
        ahead: rng.choice([Ahead::Finish, Ahead::Undo]).unwrap(),
        capacity: rng.choice([None, Some(Capacity::new(40).unwrap())]).unwrap(),
        ..Choices::default()
    }
}

/// What no plan repairs: the log itself says what cannot have been.
const STAYS: [FindingKind; 2] = [FindingKind::LogOversold, FindingKind::LogContradiction];

async fn repairs(sale: &Sale<'_>, seed: u64, rng: &mut Rng) -> bool {
    let before = sale.audit().await;
    let plan = sale.plan(&choices(rng)).await;
    if plan.commands.is_empty() {
        let reason = before.ok || !plan.why_not.is_empty();
        let stays = before.kinds.keys().all(|kind| STAYS.contains(kind));
        assert!(reason || stays, "seed {seed}: no plan, and no reason\n{before:#?}");
        return false;
    }
    let (ran, said) = sale.run(&plan);
    assert!(ran, "seed {seed}: {plan}\n{said}\n{before:#?}");
    let after = sale.audit().await;
    let stays = after.kinds.keys().any(|kind| STAYS.contains(kind));
    assert!(after.ok || stays, "seed {seed}: {plan}\n{said}\n{before:#?}\n{after:#?}");
    if after.ok {
        sale.says_ready().await;
    }
    after.ok
}

#[tokio::test]
async fn whatever_lies_in_the_keys_an_audit_reports_and_a_plan_repairs_or_says_why_not() {
    let stage = Stage::new().await;
    let (mut repaired, mut damaged) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let sale = stage.sale().await;
        for _ in 0..rng.u8(1..5) {
            // Redis may refuse it: a key of another type, a number below the last one.
            let _ = sale.tries(&command(&mut rng)).await;
        }
        let Some(report) = stage.ledger.audit(&sale.id).await.expect("never a fault") else {
            continue;
        };
        damaged += u64::from(!report.ok);
        repaired += u64::from(repairs(&sale, seed, &mut rng).await);
    }
    println!("{damaged} of {SEEDS} damaged, {repaired} repaired by a plan");
    assert!(damaged > SEEDS / 2 && repaired > SEEDS / 5, "{damaged} damaged, {repaired} repaired");
}
