//! Each kind of damage, what of it the audit names, and whether its plan repairs it.

mod log;
mod orders;
mod sale;

pub(crate) use sale::NUMBERS;

use crate::audit::stage::{Sale, Stage, assert_finds};
use lastseat_ledger::audit::FindingKind::{self, *};
use lastseat_ledger::audit::plan::{Ahead, Choices, PlanTrust};
use shared::Capacity;

/// How a repair is planned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum With {
    Nothing,
    Trust(PlanTrust),
    Undo,
    Capacity(u64),
}

impl With {
    pub(crate) fn choices(self) -> Choices {
        let mut choices = Choices::default();
        match self {
            Self::Nothing => {}
            Self::Trust(trust) => choices.trust = Some(trust),
            Self::Undo => choices.ahead = Ahead::Undo,
            Self::Capacity(tickets) => choices.capacity = Some(Capacity::new(tickets).unwrap()),
        }
        choices
    }
}

/// What a plan makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plans {
    /// It repairs it.
    Repairs(With),
    /// There is none, and it says why.
    Refuses(With, &'static str),
}

pub(crate) struct Damage {
    pub name: &'static str,
    pub does: Vec<Vec<String>>,
    pub finds: Vec<(FindingKind, &'static str)>,
    pub plans: Vec<Plans>,
}

const NOTHING: Plans = Plans::Repairs(With::Nothing);
const LOG: Plans = Plans::Repairs(With::Trust(PlanTrust::Log));
const RECORDS: Plans = Plans::Repairs(With::Trust(PlanTrust::Records));

fn damage(
    name: &'static str,
    does: &[&str],
    finds: &[(FindingKind, &'static str)],
    plans: &[Plans],
) -> Damage {
    let words = |line: &&str| {
        line.split(' ').map(|word| word.replace('~', " ").replace('|', "\n")).collect()
    };
    Damage {
        name,
        does: does.iter().map(words).collect(),
        finds: finds.to_vec(),
        plans: plans.to_vec(),
    }
}

/// Every damage of the table; `~` in a word is a space, `|` a new line.
pub(crate) fn all() -> Vec<Damage> {
    let mut all = sale::of_the_sale();
    all.extend(sale::of_types());
    all.extend(orders::of_records());
    all.extend(orders::of_tallies_and_holds());
    all.extend(log::of_the_log());
    all
}

/// Does the damage to the sale.
pub(crate) async fn inflict(sale: &Sale<'_>, damage: &Damage) {
    for line in &damage.does {
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        sale.says(&words).await;
    }
}

/// The plan of the sale repairs it, and leaves nothing for a second one.
pub(crate) async fn assert_repairs(sale: &Sale<'_>, with: With, name: &str) {
    let plan = sale.plan(&with.choices()).await;
    assert_eq!(plan.why_not, [""; 0], "{name} {with:?}");
    let (ran, said) = sale.run(&plan);
    assert!(ran, "{name} {with:?}: {plan}\n{said}");
    let report = sale.audit().await;
    assert!(report.ok, "{name} {with:?}: {plan}\n{said}\n{report:#?}");
    let nothing = sale.plan(&Choices::default()).await;
    assert_eq!(nothing.commands, [""; 0], "{name}: a second plan");
}

/// There is no plan for the sale, it says why, and running it changes nothing.
pub(crate) async fn assert_refuses(sale: &Sale<'_>, with: With, why: &str, name: &str) {
    let before = sale.stored().await;
    let plan = sale.plan(&with.choices()).await;
    let says = plan.why_not.iter().any(|said| said.contains(why));
    assert!(plan.commands.is_empty() && says, "{name}: {plan}");
    let (ran, _) = sale.run(&plan);
    assert!(!ran, "a plan that is none does not end well");
    assert_eq!(sale.stored().await, before);
}

#[tokio::test]
async fn each_damage_is_named_by_its_kind_and_looking_at_it_changes_nothing() {
    let stage = Stage::new().await;
    for damage in all() {
        let sale = stage.sale().await;
        let clean = sale.audit().await;
        assert!(clean.ok, "{clean:?}");
        inflict(&sale, &damage).await;
        let before = sale.stored().await;
        let report = sale.audit().await;
        for (kind, words) in &damage.finds {
            assert_finds(&report, damage.name, *kind, words);
        }
        for finding in &report.findings {
            assert_eq!(finding.remedy, finding.kind.remedy());
        }
        assert_eq!(sale.stored().await, before, "{}", damage.name);
    }
}

#[tokio::test]
async fn an_entry_that_was_replaced_is_named_where_more_was_taken_than_existed_or_the_log_contradicts_itself()
 {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    sale.rewrite_entry(1, "1 1700000000000 1\nC 5 0 0 3600000 3 10 open").await;
    let report = sale.audit().await;
    assert_finds(
        &report,
        "oversold",
        LogOversold,
        "log entry 2: 6 tickets were taken after it, 5 existed",
    );
    assert_finds(
        &report,
        "capacity",
        FieldAgainstLog,
        "capacity: the log says 5, the sale says 20",
    );

    let sale = stage.sale().await;
    sale.rewrite_entry(3, "1 1700000000000 2\nc order-00000000000077 1").await;
    let report = sale.audit().await;
    assert_finds(&report, "unknown", LogContradiction, "log entry 3: c order-00000000000077 1");
    assert_finds(&report, "record", RecordAgainstLog, "order-00000000000000");

    let sale = stage.sale().await;
    sale.rewrite_entry(4, "not an entry").await;
    let report = sale.audit().await;
    assert_finds(&report, "none", LogEntryInvalid, "log entry 4-0");
    let plan = sale.plan(&With::Nothing.choices()).await;
    let (ran, said) = sale.run(&plan);
    assert!(ran, "{said}");
    let report = sale.audit().await;
    assert!(report.ok, "{report:?}");
    sale.sells_on().await;
}

#[tokio::test]
async fn a_thousand_damages_of_one_kind_are_counted_and_hide_no_other_kind() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    for n in 0..1_000 {
        sale.says(&["HSET", ":orders", &format!("no-{n}"), "x"]).await;
    }
    sale.says(&["HSET", ":buyers", "nobody", "1"]).await;
    let report = sale.audit().await;
    assert_eq!(report.kinds.get(&RecordForeign), Some(&1_000));
    assert_finds(&report, "flood", Tally, "nobody");
    assert_eq!((report.findings.len(), report.more_differences), (51, 950));
}
