//! Faults planted in readers, outside of the program: each must be found by the short run of its
//! target, with the inputs that it gets anyway, or that run proves nothing.

use crate::fuzz::{fuzz, seed};
use futures_util::FutureExt;
use lastseat_gateway::front::proxy_header::read_untimed;
use lastseat_ledger::reserve_batch;
use lastseat_tests::fuzz::{
    KEYS, config_with, counts_with, grant_with, ids_with, link_with, log_entry_with,
    order_body_with, plan_with, proxy_header_with, reply_with, signature_with, token_with,
};
use shared::auth::buyer_token;
use shared::auth::edge_signature::{Signed, verify};
use shared::domain::order::Verdict;
use shared::ledger_model::event_log::Entry;
use shared::link::{LinkOrder, OrdersReader, OrdersWriter};
use shared::{BuyerId, Grant, KeyRing, OrderId, SaleId, UnixMillis};
use std::net::IpAddr;

/// What is wrong, the target that must find it, and the target with that fault.
type Fault = (&'static str, &'static str, fn(&[u8]));

const FAULTS: [Fault; 15] = [
    // An answer that repeats what is in a body would let it forge lines.
    ("a complaint about a body repeats it", "order_body", |bytes| {
        order_body_with(bytes, |request| {
            let parsed = request.parse(BuyerId::of_request);
            parsed.map_err(|error| format!("{error}: {}", request.buyer))
        });
    }),
    ("an order id may contain one byte that is none of it", "ids", |bytes| {
        ids_with(bytes, |text| OrderId::parse(&text.replacen('\u{b}', "-", 1)).ok());
    }),
    ("an order id may be a byte longer than it may be", "ids", |bytes| {
        ids_with(bytes, |text| {
            let shorter = text.get(..text.len().saturating_sub(1));
            OrderId::parse(text).or_else(|_| OrderId::parse(shorter.unwrap_or_default())).ok()
        });
    }),
    ("the budget of a grant overflows", "grant", |bytes| {
        grant_with(bytes, |text| {
            let grant = Grant::parse(text)?;
            assert!(grant.budget.checked_mul(2).is_some(), "attempt to multiply with overflow");
            Some(grant)
        });
    }),
    ("a grant loses the moment of the opening", "grant", |bytes| {
        grant_with(bytes, |text| {
            let grant = Grant::parse(text)?;
            let opens_at = UnixMillis(grant.opens_at.0.saturating_sub(1));
            Some(Grant { opens_at, ..grant })
        });
    }),
    ("the counts of edges overflow", "counts", |bytes| {
        counts_with(bytes, |sum, counts| {
            let fits = |n: u32| n.checked_add(n).is_some();
            let told = counts.to_header();
            let numbers = told.split(|c: char| !c.is_ascii_digit());
            assert!(
                numbers.filter_map(|n| n.parse().ok()).all(fits),
                "attempt to add with overflow"
            );
            sum.add(counts);
        });
    }),
    ("an order that was refused is left out", "reply", |bytes| {
        reply_with(bytes, |orders, parts| {
            let (snapshot, mut verdicts) = reserve_batch::read(orders, false, parts).ok()?;
            verdicts.retain(|verdict| matches!(verdict, Verdict::Granted { .. }));
            Some((snapshot, verdicts))
        });
    }),
    ("a signature does not cover the path", "signature", |bytes| {
        signature_with(bytes, |header, signed, now| {
            let keys = KeyRing::parse(KEYS).expect("valid keys");
            let path = "/v1/sales/spring/orders";
            verify(&keys, Some(header), &Signed { path, ..*signed }, now).is_ok()
        });
    }),
    ("a buyer token never expires", "buyer_token", |bytes| {
        token_with(bytes, |text, _| {
            let keys = KeyRing::parse(KEYS).expect("valid keys");
            let sale = SaleId::parse("spring").expect("a valid id");
            let now = UnixMillis(1_763_862_000_123);
            buyer_token::check(&keys, Some(text), &sale, now).ok()
        });
    }),
    ("an entry of the log loses its last event", "log_entry", |bytes| {
        log_entry_with(bytes, |text| {
            let mut entry = Entry::parse(7, text)?;
            entry.events.pop();
            Some(entry)
        });
    }),
    ("an order of a link loses the counts of its edge", "link", |bytes| {
        link_with(bytes, |payload| {
            let read = OrdersReader::new(payload).and_then(OrdersReader::all).ok()?;
            let mut writer = OrdersWriter::default();
            for (number, order) in read {
                writer.add(number, &LinkOrder { counts: None, ..order }.to_bytes()?);
            }
            Some(writer.take())
        });
    }),
    ("a PROXY header takes a byte of what is behind it", "proxy_header", |bytes| {
        proxy_header_with(bytes, |bytes| {
            let mut rest = bytes;
            let client = read_untimed(&mut rest).now_or_never()?.ok()?;
            Some((client, rest.len().saturating_sub(1)))
        });
    }),
    ("an IPv4 client that a PROXY header writes as IPv6 is another one", "proxy_header", |bytes| {
        proxy_header_with(bytes, |bytes| {
            let mut rest = bytes;
            let client = read_untimed(&mut rest).now_or_never()?.ok()?;
            let mapped = |client| match client {
                IpAddr::V4(client) if bytes[13] == 0x21 => client.to_ipv6_mapped().into(),
                other => other,
            };
            Some((client.map(mapped), rest.len()))
        });
    }),
    ("a complaint about a key shows it", "config", |bytes| {
        config_with(bytes, |secret| {
            let error = KeyRing::parse(secret).err()?;
            Some(format!("{error}: {secret}"))
        });
    }),
    ("a stored plan takes a missing seat for an aisle", "plan", |bytes| {
        plan_with(bytes, |plan| plan.to_json().replace("_ ", " "));
    }),
];

#[test]
fn every_fault_planted_in_a_reader_is_found_by_the_short_run() {
    let mut missed = Vec::new();
    for (fault, target, run) in FAULTS {
        match fuzz(target, run, seed(target)) {
            Err(failure) => println!("{target}, after {} inputs: {fault}", failure.after),
            Ok(_) => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
