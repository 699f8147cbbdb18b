//! Sales with plans through the API: a train and a hall are created, sold, shown, paid in parts and
//! given back in parts.

use crate::api::shop::{Ran, SHOP_TOKEN, Shop, assert_no, lines, path_of};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::scratch;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{HttpClient, HttpReply};
use serde_json::{Value, json};
use shared::wire::messages::{OrderView, header};
use shared::{Code, OrderState};
use std::fs;

/// Two coaches of two rows, four stops, and places to stand. Six seats in coach 7, four in coach 8.
fn train() -> Value {
    json!({
        "stops": ["VNP", {"id": "JNK", "name": "Jinan West"}, "NKH", "AOH"],
        "classes": [
            {"id": "first", "coaches": [{"ids": "1", "rows": "1", "letters": "A C"}]},
            {"id": "second", "name": "Second class", "coaches": [
                {"ids": "7", "rows": "1-2", "letters": "AB C"},
                {"ids": "8", "rows": "1-2", "letters": "AB"}]},
            {"id": "standing", "standing": 5},
        ],
        "quotas": [{"id": "load", "classes": ["second", "standing"], "size": 12}],
    })
}

/// Two rows of five seats, and places to stand.
fn hall() -> Value {
    json!({"classes": [
        {"id": "stalls",
            "blocks": [{"ids": "P", "name": "Parkett", "rows": "1-2", "seats": "1-5"}]},
        {"id": "standing", "standing": 3},
    ]})
}

async fn create(shop: &Shop, sale: &str, plan: Value, hold_ms: u64) {
    let body = json!({"plan": plan, "hold_ms": hold_ms});
    shop.create(sale, &body.to_string()).await;
}

fn order_of(lines: Value) -> String {
    json!({"buyer": "ada", "lines": lines}).to_string()
}

/// The seats that an order has, line by line.
fn seats(order: &OrderView) -> Vec<Vec<&str>> {
    order.lines.iter().map(|line| line.seats.iter().map(String::as_str).collect()).collect()
}

async fn get(shop: &Shop, path: &str) -> HttpReply {
    shop.send(0, (Method::GET, path), None, "").await
}

async fn keyed(shop: &Shop, sale: &str, key: &str, body: &str) -> HttpReply {
    let mut client = HttpClient::new(&shop.nodes[0].url).unwrap();
    client.order(sale, Some(key), body).await.unwrap()
}

#[tokio::test]
async fn a_train_sells_each_seat_on_each_leg_and_names_what_it_sold() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 60_000).await;
    let report = shop.report("G1").await;
    assert_eq!(report["plan"], json!({"counts": "places on legs", "legs": 3, "classes": 3}));
    assert_eq!(report["capacity"], (2 + 10 + 5) * 3);

    let body = order_of(json!([
        {"class": "second", "from": "VNP", "to": "NKH", "quantity": 2, "together": "row"},
        {"class": "standing", "from": "2", "to": "4"},
    ]));
    let held = shop.buy("G1", &body).await;
    assert_eq!((held.state, held.quantity), (OrderState::Held, 3));
    let [second, standing] = &held.lines[..] else { panic!("{:?}", held.lines) };
    assert_eq!((second.from.as_deref(), second.to.as_deref()), (Some("VNP"), Some("NKH")));
    assert_eq!((second.class.as_str(), second.quantity, second.seats.len()), ("second", 2, 2));
    let to = (standing.from.as_deref(), standing.to.as_deref());
    assert_eq!((to, standing.quantity), ((Some("JNK"), Some("AOH")), 1));
    assert!(standing.seats.is_empty());
    assert_eq!(shop.lookup(&held).await, held);
    assert_eq!(shop.report("G1").await["held"], 2 * 2 + 2);

    // The same seats from the stop where these passengers get off.
    let chosen = json!([{"class": "second", "from": "NKH", "to": "AOH", "seats": second.seats}]);
    let after = shop.buy("G1", &order_of(chosen)).await;
    assert_eq!(after.lines[0].seats, second.seats);
    assert!(shop.audit("G1").await.unwrap().ok);

    let answer = shop.admin(Method::GET, "/G1/log", "").await;
    let events = lines(&answer.text());
    let kinds: Vec<&str> = events.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sale_created", "sale_planned", "held", "held"]);
    assert_eq!(events[1]["plan"]["classes"][2], json!({"id": "standing", "standing": 5}));
    assert_eq!(events[2]["lines"][0]["seats"], json!(second.seats));
    assert_eq!(events[2]["asked"], "1.0-2.2r,2.1-3.1a");
}

#[tokio::test]
async fn a_hall_sells_blocks_without_stops_and_leaves_no_single_seat() {
    let shop = Shop::open();
    create(&shop, "opera", hall(), 0).await;
    let bought = shop.buy("opera", &order_of(json!([{"class": "stalls", "quantity": 3}]))).await;
    assert_eq!(bought.state, OrderState::Confirmed);
    assert_eq!((&bought.lines[0].from, bought.lines[0].seats.len()), (&None, 3));
    let shown = get(&shop, "/v1/sales/opera/seats?class=stalls&block=P").await;
    let shown: Value = shown.json().unwrap();
    let stalls = &shown["classes"][0];
    assert_eq!(stalls["journeys"], json!([{"free": 7}]));
    let free = stalls["seats"].as_array().unwrap().iter().filter(|seat| seat["free"] == true);
    assert_eq!(free.count(), 7);

    let stops = json!([{"class": "stalls", "from": "1", "to": "2"}]);
    let no = shop.order(0, "opera", &order_of(stops)).await;
    assert_no(&no, Code::Invalid);
    assert!(no.text().contains("a hall has no stops"), "{}", no.text());
    // The other row is empty: 2 to 4 of it would leave 1 and 5 alone.
    let row = if bought.lines[0].seats[0].starts_with("P-1") { 2 } else { 1 };
    let chosen: Vec<String> = (2..=4).map(|seat| format!("P-{row}-{seat}")).collect();
    let body = order_of(json!([{"class": "stalls", "seats": chosen, "together": "row"}]));
    let single = shop.order(0, "opera", &body).await;
    assert_no(&single, Code::LeavesSingle);
    let said: Value = single.json().unwrap();
    let other: Vec<String> = (1..=3).map(|seat| format!("P-{row}-{seat}")).collect();
    assert_eq!((&said["seat"], &said["instead"]), (&json!(format!("P-{row}-1")), &json!(other)));
    assert!(shop.audit("opera").await.unwrap().ok);
}

#[tokio::test]
async fn each_refusal_of_a_line_says_which_one_and_what_could_be_had() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 60_000).await;
    let first = |n: u32| json!({"class": "first", "from": "1", "to": "4", "quantity": n});
    let ask = async |lines: Value| shop.order(0, "G1", &order_of(lines)).await;
    let many = ask(json!([{"class": "standing", "from": "1", "to": "2"}, first(3)])).await;
    assert_no(&many, Code::NotEnough);
    let said: Value = many.json().unwrap();
    assert_eq!((&said["line"], &said["free"]), (&1.into(), &2.into()));
    // A and C are across the aisle.
    let mut together = first(2);
    together["together"] = "row".into();
    assert_no(&ask(json!([together])).await, Code::NotTogether);

    let bought = shop.buy("G1", &order_of(json!([first(1)]))).await;
    let seat = &bought.lines[0].seats[0];
    let chosen = json!([{"class": "first", "from": "2", "to": "3", "seats": [seat]}]);
    let taken = ask(chosen.clone()).await;
    assert_no(&taken, Code::SeatTaken);
    let said: Value = taken.json().unwrap();
    let other = if seat == "1-1A" { "1-1C" } else { "1-1A" };
    assert_eq!((&said["seat"], &said["instead"]), (&json!(seat), &json!([other])));
    let mut searched = chosen;
    searched[0]["or_search"] = true.into();
    let found = shop.buy("G1", &order_of(searched)).await;
    assert_eq!(seats(&found), [[other]]);

    let gone = ask(json!([first(1)])).await;
    assert_no(&gone, Code::AllHeld);
    assert_eq!(gone.json::<Value>().unwrap()["free"], 0);
    // What contains it is refused from memory.
    let again = ask(json!([first(2)])).await;
    assert_no(&again, Code::AllHeld);
    assert_eq!(again.header(header::ANSWERED_BY), "origin");
    let legs = json!([{"class": "first", "from": "3", "to": "4"}]);
    assert_eq!(ask(legs).await.status, StatusCode::CREATED);

    assert_no(&shop.order(0, "G1", r#"{"buyer":"ada","quantity":1}"#).await, Code::NeedsLines);
    shop.create("plain", r#"{"capacity":5}"#).await;
    let no = shop.order(0, "plain", &order_of(json!([{"class": "second"}]))).await;
    assert_no(&no, Code::NoPlan);
    let unknown = shop.order(0, "nowhere", &order_of(json!([{"class": "second"}]))).await;
    assert_no(&unknown, Code::UnknownSale);
    assert!(shop.audit("G1").await.unwrap().ok);
}

#[tokio::test]
async fn a_name_that_the_plan_does_not_have_is_named_with_its_line_and_the_nearest_ones() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 0).await;
    for (line, words, instead) in [
        (json!({"class": "secnd", "from": "1", "to": "2"}), "class \"secnd\"", "second"),
        (json!({"class": "second", "from": "JNX", "to": "NKH"}), "stop \"JNX\"", "JNK"),
        (json!({"class": "second", "from": "1", "to": "2", "seats": ["7-2D"]}), "\"7-2D\"", "7-2A"),
    ] {
        let good = json!({"class": "standing", "from": "1", "to": "2"});
        let no = shop.order(0, "G1", &order_of(json!([good, line]))).await;
        assert_no(&no, Code::Invalid);
        let said: Value = no.json().unwrap();
        assert!(said["detail"].as_str().unwrap().contains(words), "{said}");
        assert_eq!((&said["line"], &said["instead"][0]), (&1.into(), &json!(instead)), "{said}");
    }
    for body in [
        r#"{"buyer":"ada","quantity":1,"lines":[{"class":"second","from":"1","to":"2"}]}"#
            .to_owned(),
        order_of(json!([])),
        order_of(json!(vec![json!({"class": "second", "from": "1", "to": "2"}); 9])),
        order_of(json!([{"class": "second", "from": "1", "to": "2", "quantity": 0}])),
    ] {
        assert_no(&shop.order(0, "G1", &body).await, Code::Invalid);
    }
}

#[tokio::test]
async fn a_repeat_gives_the_same_seats_and_other_lines_are_another_order() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 60_000).await;
    let body = order_of(json!([{"class": "second", "from": "1", "to": "4", "quantity": 2}]));
    let key = "0123456789abcdef-same";
    let first: OrderView = keyed(&shop, "G1", key, &body).await.json().unwrap();
    let again = keyed(&shop, "G1", key, &body).await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
    assert_eq!(again.json::<OrderView>().unwrap(), first);
    let other = body.replace("\"to\":\"4\"", "\"to\":\"3\"");
    assert_no(&keyed(&shop, "G1", key, &other).await, Code::KeyReused);
    let counted = r#"{"buyer":"ada","quantity":2}"#;
    let no = keyed(&shop, "G1", key, counted).await.problem().unwrap().code;
    assert!(matches!(no, Code::KeyReused | Code::NeedsLines), "{no:?}");
}

#[tokio::test]
async fn orders_are_paid_and_given_back_in_parts() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 60_000).await;
    let body = order_of(json!([
        {"class": "second", "from": "1", "to": "3", "quantity": 3},
        {"class": "standing", "from": "1", "to": "2", "quantity": 2},
    ]));
    let held = shop.buy("G1", &body).await;
    let [one, two, three] = &held.lines[0].seats[..] else { panic!("{:?}", held.lines) };
    let change =
        async |verb: &str, part: Value| shop.change(0, &held, verb, &part.to_string()).await;
    // A part of what is held goes back; the order stays held.
    let less = change("cancel", json!({"seats": [two]})).await;
    let less: OrderView = less.json().unwrap();
    assert_eq!((less.state, less.quantity), (OrderState::Held, 4));
    assert_eq!(seats(&less), [vec![one.as_str(), three], vec![]]);

    assert_no(&change("confirm", json!({"quantity": 9})).await, Code::QuantityHeld);
    assert_no(&change("confirm", json!({"quantity": 1})).await, Code::NeedsLines);
    assert_no(&change("confirm", json!({"seats": [two]})).await, Code::NotItsSeats);
    assert_no(&change("confirm", json!({"lines": [5]})).await, Code::NotItsSeats);
    for wrong in [
        json!({"lines": [8]}),
        json!({"lines": [0, 0]}),
        json!({"lines": []}),
        json!({"seats": []}),
        json!({"seats": ["9-1A"]}),
        json!({"lines": [0], "seats": [one]}),
        json!({"lines": [0], "quantity": 1}),
    ] {
        assert_no(&change("confirm", wrong).await, Code::Invalid);
    }
    // One line is paid, the other returns.
    let paid = change("confirm", json!({"lines": [0]})).await;
    let paid: OrderView = paid.json().unwrap();
    assert_eq!((paid.state, paid.quantity), (OrderState::Confirmed, 2));
    assert_eq!(paid.lines[1].quantity, 0);
    let again = change("confirm", json!({"seats": [one, three]})).await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
    // A seat of a paid order is refunded.
    let refunded: OrderView = change("cancel", json!({"seats": [one]})).await.json().unwrap();
    assert_eq!(refunded.state, OrderState::Confirmed);
    assert_eq!(seats(&refunded), [vec![three.as_str()], vec![]]);
    assert_eq!(shop.lookup(&held).await, refunded);
    let events = shop.events("G1").await;
    assert_eq!(events[2..], ["held", "reduced", "confirmed", "reduced"]);

    shop.create("plain", r#"{"capacity":5,"hold_ms":60000}"#).await;
    let plain = shop.buy("plain", r#"{"buyer":"ada"}"#).await;
    for part in [r#"{"lines":[0]}"#, r#"{"seats":["1-1A"]}"#] {
        assert_no(&shop.change(0, &plain, "confirm", part).await, Code::NoPlan);
        assert_no(&shop.change(0, &plain, "cancel", part).await, Code::NoPlan);
    }
    assert!(shop.audit("G1").await.unwrap().ok);
}

#[tokio::test]
async fn what_is_sold_and_what_is_left_is_shown_to_anybody() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 60_000).await;
    let plan = get(&shop, "/v1/sales/G1/plan").await;
    assert_eq!(plan.header("cache-control"), "max-age=60");
    let plan: Value = plan.json().unwrap();
    let jinan = json!({"number": 2, "id": "JNK", "name": "Jinan West"});
    assert_eq!((&plan["legs"], &plan["stops"][1]), (&3.into(), &jinan));
    let second = &plan["classes"][1];
    assert_eq!((&second["name"], &second["seats"]), (&"Second class".into(), &10.into()));
    assert_eq!(second["blocks"][0], json!({"id": "7", "kind": "coach", "seats": 6}));
    assert_eq!(plan["plan"]["classes"].as_array().unwrap().len(), 3);
    let view: Value = get(&shop, "/v1/sales/G1").await.json().unwrap();
    assert_eq!((&view["plan"], &view["capacity"]), (&true.into(), &51.into()));

    let lines = json!([{"class": "first", "from": "1", "to": "3", "quantity": 2}]);
    shop.buy("G1", &order_of(lines)).await;
    let left = get(&shop, "/v1/sales/G1/seats?class=first").await;
    assert_eq!(left.header("cache-control"), "max-age=1");
    let left: Value = left.json().unwrap();
    let journeys = left["classes"][0]["journeys"].as_array().unwrap();
    assert_eq!(journeys.len(), 6);
    let gone = json!({"from": "VNP", "to": "JNK", "free": 0, "all_held": true});
    assert_eq!(journeys[0], gone);
    assert_eq!(journeys[5], json!({"from": "NKH", "to": "AOH", "free": 2}));
    let all: Value = get(&shop, "/v1/sales/G1/seats?from=VNP&to=AOH").await.json().unwrap();
    let free = |class: usize| all["classes"][class]["journeys"][0]["free"].clone();
    assert_eq!((free(0), free(1), free(2)), (0.into(), 10.into(), 5.into()));
    let coach = get(&shop, "/v1/sales/G1/seats?class=first&block=1&from=3&to=4").await;
    let coach: Value = coach.json().unwrap();
    let seats = json!([{"seat": "1-1A", "free": true}, {"seat": "1-1C", "free": true}]);
    assert_eq!(coach["classes"][0]["seats"], seats);

    for (query, words) in [
        ("?class=third", "no class"),
        ("?block=7", "name both"),
        ("?class=first&block=7", "no coach or block"),
        ("?class=first&block=1", "name \\\"from\\\" and \\\"to\\\""),
        ("?from=1", "Name the stops"),
        ("?from=3&to=1", "does not come after"),
        ("?coach=1", "coach"),
    ] {
        let no = get(&shop, &format!("/v1/sales/G1/seats{query}")).await;
        assert_no(&no, Code::Invalid);
        assert!(no.text().contains(words), "{query}: {}", no.text());
    }
    shop.create("plain", r#"{"capacity":5}"#).await;
    for path in ["plan", "seats"] {
        assert_no(&get(&shop, &format!("/v1/sales/plain/{path}")).await, Code::NoPlan);
        assert_no(&get(&shop, &format!("/v1/sales/none/{path}")).await, Code::UnknownSale);
    }
}

/// A reader that has what is left is sent it again only when it has changed, however often it was
/// read anew, and whichever node is asked.
#[tokio::test]
async fn what_is_left_is_sent_again_only_when_it_has_changed() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 60_000).await;
    let path = "/v1/sales/G1/seats?class=first";
    let first = get(&shop, path).await;
    let tag = first.header("etag").to_owned();
    let read_at = |reply: &HttpReply| reply.json::<Value>().unwrap()["at"].clone();
    let asked = async |node: usize| {
        let has = [("if-none-match", tag.as_str())];
        let asked = request(Method::GET, path, &has, "").unwrap();
        HttpClient::new(&shop.nodes[node].url).unwrap().send(asked).await.unwrap()
    };
    let anew = until_async("it is read anew", async || {
        let again = get(&shop, path).await;
        (read_at(&again) != read_at(&first)).then_some(again)
    });
    assert_eq!(anew.await.header("etag"), tag);
    for node in [0, 1] {
        let same = asked(node).await;
        assert_eq!((same.status, same.text()), (StatusCode::NOT_MODIFIED, String::new()));
        assert_eq!(same.header("etag"), tag);
    }
    let lines = json!([{"class": "first", "from": "1", "to": "3", "quantity": 1}]);
    shop.buy("G1", &order_of(lines)).await;
    let other = until_async("it has changed", async || {
        let other = asked(0).await;
        (other.status != StatusCode::NOT_MODIFIED).then_some(other)
    });
    let other = other.await;
    assert_eq!(other.status, StatusCode::OK);
    assert_ne!(other.header("etag"), tag);
}

#[tokio::test]
async fn an_address_that_says_what_its_order_is_for_says_the_same_as_its_body() {
    let shop = Shop::open();
    create(&shop, "G1", train(), 0).await;
    let lines = json!([{"class": "second", "from": "VNP", "to": "NKH", "quantity": 2}]);
    let ask = async |wanted: &str, body: &str| {
        let path = format!("/v1/sales/G1/orders?for={wanted}");
        shop.send(0, (Method::POST, &path), None, body).await
    };
    for wanted in ["second.VNP-NKH.2", "second.1-3.2"] {
        let bought = ask(wanted, &order_of(lines.clone())).await;
        assert_eq!(bought.status, StatusCode::CREATED, "{wanted}: {}", bought.text());
    }
    for wanted in ["second.VNP-NKH.1", "first.1-3.2", "second.1-3.2,second.1-3.2", "second", ""] {
        let no = ask(wanted, &order_of(lines.clone())).await;
        assert_no(&no, Code::Invalid);
        assert!(no.text().contains("?for="), "{wanted}: {}", no.text());
    }
    assert_no(&ask("second.1-3.1", r#"{"buyer":"ada"}"#).await, Code::Invalid);
}

#[tokio::test]
async fn a_plan_is_checked_before_its_sale_is_made_and_stays_as_it_is() {
    let shop = Shop::open();
    let put = async |sale: &str, body: Value| {
        shop.admin(Method::PUT, &format!("/{sale}"), &body.to_string()).await
    };
    let wrong = json!({"stops": ["A", "a b"], "classes": [{"id": "second", "coaches": [
        {"ids": "1-16", "rows": "1-18", "letters": "ABC AF"}]}]});
    let no = put("G1", json!({"plan": wrong})).await;
    assert_no(&no, Code::Invalid);
    let detail = no.problem().unwrap().detail;
    assert_eq!(detail.lines().count(), 2, "{detail}");
    assert!(detail.contains("plan: class second, coaches 1-16: letters repeat A"), "{detail}");
    let both = put("G1", json!({"plan": train(), "capacity": 5})).await;
    assert!(both.problem().unwrap().detail.contains("not both"), "{}", both.text());
    let many = json!({"stops": ["A", "B", "C"], "classes": [{"id": "s", "standing": 900_000_000}]});
    let many = put("G1", json!({"plan": many})).await;
    assert!(many.problem().unwrap().detail.contains("1800000000 places"), "{}", many.text());
    let long = json!({"plan": train(), "pay_url": "x".repeat(300_000)});
    assert_no(&put("G1", long).await, Code::TooLarge);

    // A plan that is longer than any other body.
    let name = "x".repeat(90);
    let block = |n| json!({"ids": format!("B{n}"), "name": name, "rows": "1", "seats": "1-9"});
    let blocks: Vec<Value> = (0..200).map(block).collect();
    let large = json!({"plan": {"classes": [{"id": "s", "blocks": blocks}]}});
    assert!(large.to_string().len() > 20_000);
    assert_eq!(put("large", large).await.status, StatusCode::CREATED);

    let body = json!({"plan": train(), "hold_ms": 1_000});
    assert_eq!(put("G1", body.clone()).await.status, StatusCode::CREATED);
    assert_eq!(put("G1", body).await.status, StatusCode::OK);
    assert_no(&put("G1", json!({"capacity": 51, "hold_ms": 1_000})).await, Code::SaleExists);
    let mut other = train();
    other["classes"][2]["standing"] = 6.into();
    assert_no(&put("G1", json!({"plan": other, "hold_ms": 1_000})).await, Code::SaleExists);
    let restock = shop.admin(Method::POST, "/G1/restock", r#"{"capacity":60}"#).await;
    assert_no(&restock, Code::HasPlan);
    let paused = shop.admin(Method::POST, "/G1/pause", "").await;
    assert_eq!(paused.json::<Value>().unwrap()["plan"]["legs"], 3);
}

/// What a command prints for programs.
fn data(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[tokio::test]
async fn operators_sell_by_a_plan_from_the_terminal() {
    let shop = Shop::open();
    let place = scratch().unwrap();
    let file = place.path().join("train.json");
    fs::write(&file, train().to_string()).unwrap();
    let file = file.to_str().unwrap();
    for (sale, on) in [("G1", None), ("G2", Some("--ledger"))] {
        let words = ["sale", "create", sale, "--plan", file, "--hold", "1m", "--json"];
        let words: Vec<&str> = words.into_iter().chain(on).collect();
        let made = shop.run(&words);
        assert_eq!(data(&made)["plan"]["legs"], 3);
        assert!(shop.run(&words).stderr.contains("was there already"));
    }
    let list = shop.run(&["sale", "list"]);
    assert!(list.stdout.contains("places on 3 legs of a plan"), "{}", list.stdout);
    let shown = shop.run(&["sale", "show", "G1"]);
    assert!(shown.stdout.contains("places on legs"), "{}", shown.stdout);
    let both = shop.run(&["sale", "create", "G3", "--plan", file, "--capacity", "3"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
    let wrong = place.path().join("wrong.toml");
    fs::write(&wrong, "stops = ['A', 'a b']\n[[classes]]\nid = 'c'\n").unwrap();
    let wrong = shop.run(&["sale", "create", "G3", "--plan", wrong.to_str().unwrap()]);
    assert_eq!((wrong.code, wrong.stderr.lines().count()), (2, 2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("wrong.toml: stops, number 2: "), "{}", wrong.stderr);

    let body = order_of(json!([{"class": "second", "from": "1", "to": "3", "quantity": 2}]));
    let held = shop.buy("G1", &body).await;
    let [one, two] = &held.lines[0].seats[..] else { panic!("{:?}", held.lines) };
    let paid = ["orders", "confirm", "G1", &held.order_id, "--seats", one, "--json"];
    let paid = data(&shop.run(&paid));
    assert_eq!((&paid["state"], &paid["lines"][0]["seats"]), (&"confirmed".into(), &json!([one])));
    let back = shop.run(&["orders", "cancel", "G1", &held.order_id, "--seats", two]);
    assert!(back.code == 1 && back.stderr.contains("not_its_seats"), "{}", back.stderr);
    let back =
        data(&shop.run(&["orders", "cancel", "G1", &held.order_id, "--lines", "0", "--json"]));
    assert_eq!(back["state"], "cancelled");
    let path = path_of(&held);
    let shown = shop.send(0, (Method::GET, &path), Some(SHOP_TOKEN), "").await;
    assert_eq!(shown.json::<OrderView>().unwrap().state, OrderState::Cancelled);
}
