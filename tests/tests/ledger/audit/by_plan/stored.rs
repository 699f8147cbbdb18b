//! A sale with a plan as it lies in Redis: written there from the model, key by key.

use crate::audit::stage::{Sale, Stage};
use redis::Value;
use shared::ledger_model::event_log::Entry;
use shared::ledger_model::{self as model, ModelCommand};
use shared::plan::Plan;
use shared::seats::{OrderLines, OrderPart};
use shared::{BuyerId, Cancellation, OrderId, Payment, Quantity, Reserve, Terms, UnixMillis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A coach of 8 seats on 3 legs, 4 places to stand, and 11 of both together.
pub(super) const PLAN: &str = r#"{"format":1,"stops":[{"id":"PAR","name":"Paris"},
    {"id":"DIJ","name":"Dijon"},{"id":"LYO","name":"Lyon"},{"id":"MRS","name":"Marseille"}],
    "classes":[{"id":"second","coaches":[{"ids":"1","rows":"1-2","letters":"ABC D"}]},
    {"id":"standing","standing":4}],
    "quotas":[{"id":"load","classes":["second","standing"],"size":11}]}"#;

/// Fields of a hash, members of a sorted set or entries of a log, by key and name.
type Parts = BTreeMap<(&'static str, String), String>;

/// The sale and its log.
#[derive(Clone)]
pub(super) struct Train {
    pub(super) sale: model::Sale,
    pub(super) log: Vec<Entry>,
    now: UnixMillis,
    history: String,
}

pub(super) fn id(n: u32) -> OrderId {
    OrderId::parse(&format!("order-{n:014}")).unwrap()
}

pub(super) fn request(n: u32, lines: &str) -> Reserve {
    let lines = OrderLines::parse(lines).unwrap();
    Reserve {
        id: id(n),
        buyer: BuyerId::parse(&format!("buyer-{n}")).unwrap(),
        quantity: Quantity::new(lines.tickets().into()).unwrap(),
        lines: Some(lines),
    }
}

pub(super) fn cancel(n: u32, part: OrderPart) -> ModelCommand {
    ModelCommand::Cancel(id(n), Cancellation::default(), part)
}

impl Train {
    /// Orders 0 and 1 confirmed, 2 cancelled, 3 to 5 held, of which 5 gave a seat back. Seats 0 and
    /// 1 are order 0's up to Lyon, 2 is free.
    pub(super) async fn new(stage: &Stage) -> Self {
        let sale = stage.none();
        let info = sale.says(&["INFO", "replication"]).await;
        let text: String = redis::from_redis_value(info).unwrap();
        let history = text.lines().find_map(|line| line.strip_prefix("master_replid:")).unwrap();
        let now = stage.ledger.time().await.unwrap();
        let terms = Terms { hold_ms: 3_600_000, ..Terms::default() };
        let plan = Arc::new(Plan::from_json(PLAN).unwrap());
        let (sale, first) = model::Sale::create_by_plan(plan, terms, true, now);
        let mut train = Self { sale, log: vec![first], now, history: history.trim().to_owned() };
        train.does(&ModelCommand::Reserve(vec![
            request(0, "0.0-2.2r=0+1"),
            request(1, "0.1-3.1a=3,1.1-2.2a"),
            request(2, "0.0-3.2a=2+4"),
            request(3, "0.2-3.2a=0+1"),
            request(4, "0.0-1.1a=3"),
            request(5, "0.0-3.3a=5+6+7"),
        ]));
        train.does(&ModelCommand::Confirm(id(0), OrderPart::Whole, Payment::default()));
        train.does(&ModelCommand::Confirm(id(1), OrderPart::Whole, Payment::default()));
        train.does(&cancel(2, OrderPart::Whole));
        train.does(&cancel(5, OrderPart::Seats(vec![(0, 6)])));
        assert_eq!(train.log.len(), 6, "each of them changed something");
        train
    }

    pub(super) fn does(&mut self, command: &ModelCommand) {
        let (_, entry) = self.sale.apply(command, self.now);
        self.log.extend(entry);
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.sale.seats.as_ref().unwrap().plan
    }

    pub(super) fn seats(&self) -> Vec<u8> {
        self.sale.seats.as_ref().unwrap().bytes()
    }

    fn parts(&self) -> Parts {
        let sale = &self.sale;
        let mut parts = Parts::new();
        let mut put = |key, name: &str, value: String| parts.insert((key, name.to_owned()), value);
        for entry in &self.log {
            put(":log", &format!("{}-0", entry.commit_seq), entry.to_text());
        }
        for (id, order) in &sale.orders {
            put(":orders", id.as_str(), order.pack());
            if order.state == shared::OrderState::Held {
                put(":holds", id.as_str(), order.deadline.to_string());
            }
        }
        for (buyer, tickets) in &sale.buyers {
            put(":buyers", buyer.as_str(), tickets.to_string());
        }
        for (buyer, ended) in &sale.ended {
            put(":buyers", &format!("ended {buyer}"), ended.to_string());
        }
        let peak = sale.ended.values().max().copied().unwrap_or(0);
        let terms = &sale.terms;
        for (name, value) in [
            ("format", "2".to_owned()),
            ("capacity", sale.capacity.to_string()),
            ("held", sale.held.to_string()),
            ("confirmed", sale.confirmed.to_string()),
            ("version", sale.version.to_string()),
            ("commit_seq", sale.commit_seq.to_string()),
            ("state", sale.state.to_string()),
            ("opens_at", terms.opens_at.to_string()),
            ("closes_at", terms.closes_at.to_string()),
            ("hold_ms", terms.hold_ms.to_string()),
            ("buyer_limit", terms.buyer_limit.to_string()),
            ("order_limit", terms.order_limit.to_string()),
            ("acked_seq", "0".to_owned()),
            ("history", self.history.clone()),
            ("ended_peak", peak.to_string()),
        ] {
            put(":sale", name, value);
        }
        for (name, value) in self.plan().stored().unwrap().fields {
            put(":sale", &name, value);
        }
        parts
    }

    /// The writes of a script that brings the sale here from `before`, in the sequence in which
    /// scripts write: the log first, the sale's fields last.
    pub(super) fn writes(&self, before: Option<&Self>) -> Vec<Vec<Vec<u8>>> {
        let (now, then) = (self.parts(), before.map_or_else(Parts::new, Self::parts));
        let mut writes = Vec::new();
        for key in [":log", ":orders", ":buyers", ":holds", ":seats", ":sale"] {
            if key == ":seats" {
                if before.is_none_or(|before| before.seats() != self.seats()) {
                    writes.push(vec![b"SET".to_vec(), key.into(), self.seats()]);
                }
                continue;
            }
            let of_key = |parts: &Parts| -> BTreeMap<String, String> {
                let of = parts.iter().filter(|((of, _), _)| *of == key);
                of.map(|((_, name), value)| (name.clone(), value.clone())).collect()
            };
            let (now, then) = (of_key(&now), of_key(&then));
            let changed = now.iter().filter(|(name, value)| then.get(*name) != Some(value));
            if key == ":log" {
                let mut entries: Vec<_> = changed.collect();
                entries.sort_by_key(|(id, _)| id.trim_end_matches("-0").parse::<u64>().unwrap());
                for (id, text) in entries {
                    writes.push(["XADD", key, id, "e", text].map(Into::into).into());
                }
                continue;
            }
            let (set, unset) = if key == ":holds" { ("ZADD", "ZREM") } else { ("HSET", "HDEL") };
            let pairs = changed.flat_map(|(name, value)| match key {
                ":holds" => [value.as_str(), name.as_str()],
                _ => [name.as_str(), value.as_str()],
            });
            let gone = then.keys().filter(|name| !now.contains_key(*name)).map(String::as_str);
            for (verb, words) in [(set, pairs.collect::<Vec<_>>()), (unset, gone.collect())] {
                if !words.is_empty() {
                    writes.push([verb, key].into_iter().chain(words).map(Into::into).collect());
                }
            }
        }
        writes
    }

    /// Writes it to a sale of which nothing is there.
    pub(super) async fn put<'a>(&self, stage: &'a Stage) -> Sale<'a> {
        let sale = stage.none();
        for words in self.writes(None) {
            sale.tries(&words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        }
        sale
    }

    /// Its orders, tallies, holds and seats lie there; whatever the log says.
    pub(super) async fn assert_lies_in(&self, sale: &Sale<'_>, name: &str) {
        let parts = self.parts();
        for key in [":orders", ":buyers"] {
            let found = sale.says(&["HGETALL", key]).await;
            let found: BTreeMap<String, String> = redis::from_redis_value(found).unwrap();
            let of_key = parts.iter().filter(|((of, _), _)| *of == key);
            let shall = of_key.map(|((_, name), value)| (name.clone(), value.clone())).collect();
            assert_eq!(found, shall, "{name}: {key}");
        }
        let holds = sale.says(&["ZRANGE", ":holds", "0", "-1"]).await;
        let mut holds: Vec<String> = redis::from_redis_value(holds).unwrap();
        holds.sort();
        let shall: Vec<String> =
            parts.keys().filter(|(key, _)| *key == ":holds").map(|(_, id)| id.clone()).collect();
        assert_eq!(holds, shall, "{name}: holds");
        let seats = sale.says(&["GET", ":seats"]).await;
        assert!(seats == Value::BulkString(self.seats()), "{name}: seats");
        for (field, value) in [("held", self.sale.held), ("confirmed", self.sale.confirmed)] {
            assert_eq!(sale.field(field).await, value.to_string(), "{name}: {field}");
        }
    }
}
