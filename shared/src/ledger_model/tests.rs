//! Tests of the model: sales that are one counter.

mod by_plan;
mod restored;
mod tiny_train;

use super::*;
use crate::Quantity;

fn order_request(n: u32, quantity: u64) -> Reserve {
    Reserve {
        id: OrderId::parse(&format!("order-{n:016}")).unwrap(),
        buyer: BuyerId::parse(&format!("buyer-{n}")).unwrap(),
        quantity: Quantity::new(quantity).unwrap(),
        lines: None,
    }
}

fn sale(capacity: u64, terms: Terms) -> Sale {
    Sale::create(Capacity::new(capacity).unwrap(), terms, true, UnixMillis(1)).0
}

fn granted(sale: &mut Sale, orders: std::ops::Range<u32>) -> usize {
    let batch = orders.map(|n| order_request(n, 1)).collect();
    let (ModelReply::Orders(verdicts), _) =
        sale.apply(&ModelCommand::Reserve(batch), UnixMillis(2))
    else {
        panic!("a batch is answered with verdicts");
    };
    verdicts.iter().filter(|v| matches!(v, Verdict::Granted { replayed: false, .. })).count()
}

#[test]
fn ten_thousand_tickets_and_one_order_more_sell_ten_thousand() {
    let mut sale = sale(10_000, Terms::default());
    assert_eq!(granted(&mut sale, 0..10_001), 10_000);
    assert_eq!(sale.confirmed, 10_000);
    assert_eq!(granted(&mut self::sale(0, Terms::default()), 0..10), 0);
}

#[test]
fn a_late_payment_gets_its_tickets_again_only_while_some_are_free() {
    for (others, paid) in [(0, true), (1, false)] {
        let mut sale = sale(1, Terms { hold_ms: 100, ..Terms::default() });
        sale.apply(&ModelCommand::Reserve(vec![order_request(1, 1)]), UnixMillis(10));
        let later = UnixMillis(110);
        for n in 0..others {
            sale.apply(&ModelCommand::Reserve(vec![order_request(100 + n, 1)]), later);
        }
        let confirm =
            ModelCommand::Confirm(order_request(1, 1).id, OrderPart::Whole, Payment::default());
        let (answer, _) = sale.apply(&confirm, later);
        let is_paid = matches!(answer, ModelReply::Order(Verdict::Granted { .. }));
        assert_eq!(is_paid, paid);
        if !paid {
            let back = ModelCommand::Cancel(
                order_request(100, 1).id,
                Cancellation::default(),
                OrderPart::Whole,
            );
            sale.apply(&back, later);
            let again = sale.apply(&confirm, later).0;
            assert_eq!(again, answer, "the shop may have refunded already");
        }
    }
}
