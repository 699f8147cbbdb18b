//! The repair plan, run as an operator runs it.

use crate::audit::damages::{Plans, With, all, assert_refuses, assert_repairs, inflict};
use crate::audit::stage::{Stage, order, wish};
use lastseat_ledger::audit::plan::{Choices, PlanTrust};
use shared::{OrderId, OrderState};
use std::collections::HashSet;

#[tokio::test]
async fn after_the_plan_for_each_damage_the_audit_is_clean_and_the_sale_sells_on() {
    let stage = Stage::new().await;
    for damage in all() {
        for plans in &damage.plans {
            let sale = stage.sale().await;
            inflict(&sale, &damage).await;
            match plans {
                Plans::Repairs(with) => {
                    assert_repairs(&sale, *with, damage.name).await;
                    sale.sells_on().await;
                }
                Plans::Refuses(with, why) => {
                    assert_refuses(&sale, *with, why, damage.name).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_sale_that_is_as_it_should_be_needs_no_plan() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    let plan = sale.plan(&Choices::default()).await;
    assert!(plan.commands.is_empty() && plan.why_not.is_empty(), "{plan}");
    assert!(plan.to_string().contains("nothing to repair"));
}

#[tokio::test]
async fn a_plan_pauses_first_and_sets_the_counters_last() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    sale.says(&["HSET", ":sale", "held", "9"]).await;
    sale.says(&["HDEL", ":orders", &order(3)]).await;
    let plan = sale.plan(&Choices::default()).await;
    let (first, last) = (&plan.commands[0], plan.commands.last().unwrap());
    assert!(first.ends_with(":sale state paused"), "{plan}");
    assert!(last.contains(":sale state paused") && last.contains(" held 5 "), "{plan}");
    let log = plan.commands.iter().position(|line| line.starts_with("XADD")).unwrap();
    let orders = plan.commands.iter().position(|line| line.contains(":orders")).unwrap();
    assert!(log < orders, "{plan}");
    for words in ["Take a backup", "lastseat sale pause", "lastseat audit"] {
        assert!(plan.to_string().contains(words), "{words}");
    }
}

#[tokio::test]
async fn a_plan_is_refused_where_the_sale_has_changed_since() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    sale.says(&["HSET", ":buyers", "nobody", "1"]).await;
    let plan = sale.plan(&Choices::default()).await;
    stage.ledger.reserve(&sale.id, &[wish(20)]).await.unwrap();
    let before = sale.stored().await;
    let (ran, said) = sale.run(&plan);
    assert!(!ran && said.contains("make it anew"), "{said}");
    assert_eq!(sale.stored().await, before);
}

#[tokio::test]
async fn of_a_single_order_the_other_side_can_stand() {
    let stage = Stage::new().await;
    for trust in [PlanTrust::Log, PlanTrust::Records] {
        let sale = stage.sale().await;
        for n in [0, 1] {
            let record = format!("1x:1:1:1700000000000:0:buyer-{n}");
            sale.says(&["HSET", ":orders", &order(n), &record]).await;
        }
        let except = OrderId::parse(&order(1)).unwrap();
        let choices =
            Choices { trust: Some(trust), except: HashSet::from([except]), ..Choices::default() };
        let plan = sale.plan(&choices).await;
        assert_eq!(plan.contradictions.len(), 2);
        let (ran, said) = sale.run(&plan);
        assert!(ran, "{said}");
        let report = sale.audit().await;
        assert!(report.ok, "{report:?}");
        let mut states = Vec::new();
        for n in [0, 1] {
            let found = stage.ledger.order(&sale.id, &wish(n).id).await;
            states.push(found.unwrap().unwrap().state);
        }
        let (confirmed, cancelled) = (OrderState::Confirmed, OrderState::Cancelled);
        let expected = match trust {
            PlanTrust::Log => [confirmed, cancelled],
            PlanTrust::Records => [cancelled, confirmed],
        };
        assert_eq!(states, expected);
        sale.sells_on().await;
    }
}

#[tokio::test]
async fn an_oversold_sale_is_repaired_with_a_capacity_that_has_room_for_all() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    let record = "1c:14:14:1700000000000:0:late";
    sale.says(&["HSET", ":orders", &order(99), record]).await;
    let mut choices = With::Capacity(30).choices();
    choices.trust = Some(PlanTrust::Records);
    let (ran, said) = sale.run(&sale.plan(&choices).await);
    assert!(ran, "{said}");
    let report = sale.audit().await;
    assert!(report.ok && report.confirmed == 16 && report.capacity == 30, "{report:?}");
    sale.sells_on().await;
}
