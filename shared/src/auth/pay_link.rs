//! Pay link: the pay URL of a held order, signed.
//!
//! A shop sees from the link alone what is to be paid, until when, and that nobody has changed it.
//! In the place of `{signed}` stands a query: `order_id`, `number`, `sale`, `quantity`, `lines` (in
//! a sale with a plan), `expires_at`, `return_url` (where the sale has one) and `signature`. That
//! is `1.<key id>.<HMAC-SHA-256, hexadecimal>`, the code of nine lines without a final line end:
//! `lastseat pay link 1`, the key id, and the values of the seven others in this order, before
//! they are percent-encoded; one that is absent is an empty line. None of them can contain a line
//! end, so no two links share a message.

use crate::auth::key_ring::KeyRing;
use crate::domain::order_state::OrderState;
use crate::domain::pay_url::PayUrl;
use crate::domain::return_url::ReturnUrl;
use crate::wire::messages::OrderView;
use core::fmt::Write;

/// Version of the format, the first part of a signature.
const VERSION: &str = "1";

/// The link at which `order` is paid, signed with the first key of `keys`; `None` where it is not
/// held, or where the sale has no template that is signed.
#[must_use]
pub fn make(
    keys: &KeyRing,
    template: &PayUrl,
    back: &ReturnUrl,
    order: &OrderView,
) -> Option<String> {
    let expires_at = order.expires_at.filter(|_| order.state == OrderState::Held)?;
    if !template.is_signed() {
        return None;
    }
    let values = [
        ("order_id", order.order_id.clone()),
        ("number", order.number.clone()),
        ("sale", order.sale.clone()),
        ("quantity", order.quantity.to_string()),
        ("lines", lines_of(order)),
        ("expires_at", expires_at.0.to_string()),
        ("return_url", back.as_str().to_owned()),
    ];
    let id = keys.signing_id();
    let mut message = format!("lastseat pay link {VERSION}\n{id}");
    for (_, value) in &values {
        message.push('\n');
        message.push_str(value);
    }
    let signature = format!("{VERSION}.{id}.{}", keys.sign(message.as_bytes()));
    let of = |name: &str| {
        let found = values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| encoded(value)).unwrap_or_default()
    };
    Some(template.filled(|name| match name {
        "signed" => {
            let given = values.iter().filter(|(_, value)| !value.is_empty());
            let mut query: String =
                given.map(|(name, value)| format!("{name}={}&", encoded(value))).collect();
            query.push_str("signature=");
            query.push_str(&signature);
            query
        }
        name => of(name),
    }))
}

/// The lines of an order as the parameter `for` of an order's address has them:
/// `second.VNP-NKH.2,first.VNP-NKH.1`, in a hall `stalls.2`. A line that has nothing is left out.
fn lines_of(order: &OrderView) -> String {
    let lines = order.lines.iter().filter(|line| line.quantity > 0);
    let words: Vec<String> = lines
        .map(|line| match (&line.from, &line.to) {
            (Some(from), Some(to)) => format!("{}.{from}-{to}.{}", line.class, line.quantity),
            _ => format!("{}.{}", line.class, line.quantity),
        })
        .collect();
    words.join(",")
}

/// A value in a query: all but letters, digits and `-._~` as `%XX`, which every language decodes.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UnixMillis;
    use crate::wire::seat_lines::LineView;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn held() -> OrderView {
        OrderView {
            order_id: "a/b?c=d&e#f-0123456789".to_owned(),
            number: "K3F7-9QXM-2D".to_owned(),
            sale: "spring".to_owned(),
            buyer: "ada".to_owned(),
            quantity: 2,
            state: OrderState::Held,
            created_at: UnixMillis(1),
            paid: false,
            expires_at: Some(UnixMillis(1_763_862_900_000)),
            pay_url: None,
            lines: Vec::new(),
            confirmed_at: None,
            reference: None,
            metadata: None,
        }
    }

    fn link(keys: &str, template: &str, back: &str, order: &OrderView) -> Option<String> {
        let (template, back) = (PayUrl::parse(template).unwrap(), ReturnUrl::parse(back).unwrap());
        make(&KeyRing::parse(keys).unwrap(), &template, &back, order)
    }

    /// Against `printf 'lastseat pay link 1\nshop\na/b?c=d&e#f-0123456789\nK3F7-9QXM-2D\nspring\n2
    /// \n\n1763862900000\nhttps://tickets.example/s/spring' | openssl dgst -sha256 -hmac ...`
    /// without the line break of this comment.
    #[test]
    fn a_link_is_the_one_that_openssl_signs() {
        let back = "https://tickets.example/s/spring";
        let keys = format!("shop:{SECRET},old:{}", SECRET.replace('0', "f"));
        let link = link(&keys, "https://shop.example/pay?x=1&{signed}", back, &held());
        assert_eq!(
            link.unwrap(),
            "https://shop.example/pay?x=1&order_id=a%2Fb%3Fc%3Dd%26e%23f-0123456789\
             &number=K3F7-9QXM-2D&sale=spring&quantity=2&expires_at=1763862900000\
             &return_url=https%3A%2F%2Ftickets.example%2Fs%2Fspring\
             &signature=1.shop.03a6ed51d969173defd0bba8c4b839555ec0488148266ca2fda6b13ce412684d"
        );
    }

    #[test]
    fn whatever_is_changed_in_it_the_signature_is_another_one() {
        let signature = |order: &OrderView, back: &str| {
            let link = link(SECRET, "https://shop.example/pay?{signed}", back, order).unwrap();
            link.split_once("signature=").unwrap().1.to_owned()
        };
        let order = held();
        let line = |class: &str, from: Option<&str>, quantity| LineView {
            class: class.to_owned(),
            from: from.map(str::to_owned),
            to: from.map(|_| "AOH".to_owned()),
            quantity,
            seats: Vec::new(),
        };
        let changed = [
            OrderView { order_id: "0123456789abcdef".into(), ..order.clone() },
            OrderView { sale: "autumn".into(), ..order.clone() },
            OrderView { quantity: 3, ..order.clone() },
            OrderView { expires_at: Some(UnixMillis(1_763_862_900_001)), ..order.clone() },
            OrderView { lines: vec![line("second", Some("VNP"), 2)], ..order.clone() },
            OrderView { lines: vec![line("second", None, 2)], ..order.clone() },
            OrderView { lines: vec![line("first", None, 2)], ..order.clone() },
        ];
        let mut seen: Vec<String> = changed.iter().map(|order| signature(order, "")).collect();
        seen.push(signature(&order, ""));
        seen.push(signature(&order, "https://tickets.example/"));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), changed.len() + 2);
        let lines =
            vec![line("second", Some("VNP"), 2), line("s", None, 0), line("stalls", None, 1)];
        assert_eq!(lines_of(&OrderView { lines, ..order }), "second.VNP-AOH.2,stalls.1");
    }

    #[test]
    fn only_a_held_order_of_a_template_that_is_signed_has_one() {
        let signed = "https://shop.example/pay?{signed}#{sale}";
        let ends = link(SECRET, signed, "", &held()).unwrap();
        assert!(ends.ends_with("#spring") && !ends.contains("return_url"), "{ends}");
        let plain = "https://shop.example/pay?o={order_id}";
        assert_eq!(link(SECRET, plain, "", &held()), None);
        assert_eq!(link(SECRET, "", "", &held()), None);
        for state in [OrderState::Confirmed, OrderState::Cancelled, OrderState::Expired] {
            assert_eq!(link(SECRET, signed, "", &OrderView { state, ..held() }), None);
        }
    }
}
