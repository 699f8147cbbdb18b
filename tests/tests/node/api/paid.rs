//! Orders that are paid: who gives them back, and the number that people tell each other.

use crate::api::shop::{SHOP_TOKEN, Shop, assert_no};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::HttpReply;
use shared::domain::order_number::order_number;
use shared::wire::messages::{OrderView, header};
use shared::{Code, OrderId, OrderState, SaleId};

const ADA: &str = r#"{"buyer":"ada"}"#;
const HOLDS: &str = r#"{"capacity":9,"hold_ms":60000}"#;

#[track_caller]
fn assert_cancelled(answer: &HttpReply) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json::<OrderView>().unwrap().state, OrderState::Cancelled);
}

async fn paid(shop: &Shop, sale: &str) -> OrderView {
    let held = shop.buy(sale, ADA).await;
    let confirmed = shop.change(1, &held, "confirm", "").await;
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.text());
    confirmed.json().unwrap()
}

#[tokio::test]
async fn a_paid_order_is_given_back_by_the_shop_or_an_operator_and_by_nobody_else() {
    let shop = Shop::open();
    shop.create("theirs", HOLDS).await;
    let order = paid(&shop, "theirs").await;
    for token in [None, Some("shop-0123456789abcdeX"), Some(shop.admin_token.as_str())] {
        let refused = shop.give_back(0, &order, token).await;
        assert_no(&refused, Code::Paid);
        assert!(refused.problem().unwrap().detail.contains("only the shop"), "{}", refused.text());
        assert_eq!(shop.lookup(&order).await, order);
    }
    assert_cancelled(&shop.give_back(2, &order, Some(SHOP_TOKEN)).await);
    // A repeat changes nothing, so that nobody is refused it.
    let again = shop.give_back(2, &order, None).await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");

    let order = paid(&shop, "theirs").await;
    let path = format!("/theirs/orders/{}/cancel", order.order_id);
    assert_cancelled(&shop.admin(Method::POST, &path, "").await);
    // What is only held goes back to the sale by whoever has it.
    let held = shop.buy("theirs", ADA).await;
    assert_cancelled(&shop.give_back(0, &held, None).await);
    assert!(shop.audit("theirs").await.unwrap().ok);
}

#[tokio::test]
async fn where_no_order_is_paid_a_buyer_gives_a_confirmed_one_back() {
    let shop = Shop::open();
    shop.create("free", r#"{"capacity":9}"#).await;
    let order = shop.buy("free", ADA).await;
    assert_eq!(order.state, OrderState::Confirmed);
    assert_cancelled(&shop.give_back(0, &order, None).await);
}

#[tokio::test]
async fn a_sale_can_let_buyers_give_back_what_they_have_paid() {
    let shop = Shop::open();
    let open = r#"{"capacity":9,"hold_ms":60000,"buyers_cancel":true}"#;
    shop.create("lenient", open).await;
    assert_eq!(shop.report("lenient").await["buyers_cancel"], true);
    let [first, second] = [paid(&shop, "lenient").await, paid(&shop, "lenient").await];
    assert_cancelled(&shop.give_back(3, &first, None).await);
    // It is one of the terms: repeated with others the sale is another one.
    let repeat = shop.admin(Method::PUT, "/lenient", open).await;
    assert_eq!(repeat.status, StatusCode::OK, "{}", repeat.text());
    assert_no(&shop.admin(Method::PUT, "/lenient", HOLDS).await, Code::SaleExists);
    let set = async |word: &str| {
        let body = format!(r#"{{"buyers_cancel":{word}}}"#);
        shop.admin(Method::PATCH, "/lenient", &body).await
    };
    let changed = set("false").await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    assert_eq!(set("false").await.header(header::IDEMPOTENCY_REPLAYED), "true");
    assert_no(&set("null").await, Code::Invalid);
    assert_eq!(shop.report("lenient").await["buyers_cancel"], false);
    assert_no(&shop.give_back(0, &second, None).await, Code::Paid);
    set("true").await;
    assert_cancelled(&shop.give_back(0, &second, None).await);
    assert!(shop.audit("lenient").await.unwrap().ok);
}

/// The words of payment providers come late, twice and in any order.
#[tokio::test]
async fn a_stale_word_of_a_failed_payment_gives_no_paid_order_back() {
    let shop = Shop::open();
    shop.create("stale", HOLDS).await;
    let order = paid(&shop, "stale").await;
    let failed = r#"{"if_state":"held"}"#;
    let refused = shop.change(0, &order, "cancel", failed).await;
    assert_no(&refused, Code::WrongState);
    assert!(refused.problem().unwrap().detail.contains("confirmed"), "{}", refused.text());
    assert_eq!(shop.lookup(&order).await, order);
    assert_cancelled(&shop.change(0, &order, "cancel", r#"{"if_state":"confirmed"}"#).await);

    let held = shop.buy("stale", ADA).await;
    let refused = shop.change(0, &held, "cancel", r#"{"if_state":"confirmed"}"#).await;
    assert_no(&refused, Code::WrongState);
    assert_cancelled(&shop.change(0, &held, "cancel", failed).await);
    let again = shop.change(1, &held, "cancel", failed).await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");

    // One that is not there yet is in no state: nothing happens to it either.
    let nowhere = OrderView { order_id: "0123456789abcdef".to_owned(), ..held };
    assert_no(&shop.change(0, &nowhere, "cancel", failed).await, Code::UnknownOrder);
    assert_no(
        &shop.change(0, &nowhere, "cancel", r#"{"if_state":"expired"}"#).await,
        Code::Invalid,
    );
    assert!(shop.audit("stale").await.unwrap().ok);
}

#[tokio::test]
async fn the_number_of_an_order_names_it_and_opens_nothing() {
    let shop = Shop::open();
    shop.create("named", HOLDS).await;
    let held = shop.buy("named", ADA).await;
    let (sale, id) = (SaleId::parse("named").unwrap(), OrderId::parse(&held.order_id).unwrap());
    assert_eq!(held.number, order_number(&sale, &id));
    assert_eq!(shop.lookup(&held).await.number, held.number);
    let other = OrderView { order_id: held.number.clone(), ..held.clone() };
    for verb in ["cancel", "extend"] {
        assert_no(&shop.change(0, &other, verb, "").await, Code::Invalid);
    }
    assert_eq!(shop.lookup(&held).await, held);
}
