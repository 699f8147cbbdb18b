"""The shop's pages: one to choose, and one for each order that says how it stands."""

import base64
import hashlib
from dataclasses import dataclass
from html import escape

from store import Row

STYLE = """
:root { color-scheme: light dark; }
:root { --ink: #1d2330; --paper: #fbfaf7; --soft: #5a6272; --act: #8a2b0f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eceae4; --paper: #16181d; --soft: #a9b0bd; --act: #f0a98f; }
}
body { font: 1.05rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; max-width: 30rem; padding: 2rem 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
p { margin: .6rem 0; } .soft { color: var(--soft); } a { color: var(--act); }
form { display: inline; } label { display: block; margin: 1rem 0 .25rem; }
input { font: inherit; color: inherit; background: transparent; border: 1px solid var(--soft);
  border-radius: .4rem; padding: .55rem .7rem; width: 100%; box-sizing: border-box; }
button { font: inherit; font-weight: 600; color: var(--paper); background: var(--act); border: 0;
  border-radius: .4rem; padding: .7rem 1.2rem; margin: 1rem .6rem 0 0; cursor: pointer; }
button.soft { color: var(--ink); background: transparent; border: 1px solid var(--soft); }
"""
# Asks again for the page while something is under way, and says aloud what has changed.
SCRIPT = """
const plan = () => document.querySelector("main[data-again]") && setTimeout(look, 1500);
const look = async () => {
  const answer = await fetch(location.href).catch(() => null);
  if (answer?.ok) {
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [now, then] = [document, next].map((page) => page.querySelector("main"));
    if (now.innerHTML !== then.innerHTML) {
      now.replaceChildren(...then.childNodes);
      document.title = next.title;
    }
    now.toggleAttribute("data-again", then.hasAttribute("data-again"));
  }
  plan();
};
plan();
"""

NO = {
    "invalid": "The address or the number cannot be used.",
    "sold_out": "All tickets are sold.",
    "all_held": "Others are paying for the last tickets. Some may come back: try again soon.",
    "not_enough": "So many are not left. Try fewer.",
    "not_open": "The sale has not opened yet.",
    "paused": "The sale is paused.",
    "closed": "The sale is over.",
    "buyer_limit": "You have as many tickets as one buyer may have.",
    "order_limit": "So many tickets cannot be ordered at once.",
}
TOO_LATE = "Your payment came after your time was over, and the tickets had gone to others."
REFUNDED = {
    "hold_expired": TOO_LATE,
    "refused_late": TOO_LATE,
    "wrong_state": "The order had been given back before your payment came.",
    "unknown_order": "The order did not arrive.",
    "cancelled": "The order was given back.",
    "reduced": "A part of the order was given back.",
}


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(provider: str) -> str:
    """What the pages may load and where their forms may lead: the provider is where one pays."""
    return (
        f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; "
        f"connect-src 'self'; form-action 'self' {provider}; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def page(title: str, main: str, again: bool = False) -> str:
    mark = " data-again" if again else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f'<body><main aria-live="polite"{mark}>{main}</main><script>{SCRIPT}</script></body></html>'
    )


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def tickets(count: int) -> str:
    return f"{count} ticket" if count == 1 else f"{count} tickets"


def choose(title: str, price: int, key: str, open_at: str) -> str:
    """The form. It has the order's key in it: sent twice, it is one order. `open_at`: where an
    earlier order of this browser is that waits for its payment."""
    told = f'<p><a href="{open_at}">Your order</a> waits for you.</p>' if open_at else ""
    return page(
        title,
        f"<h1>{escape(title)}</h1><p>{money(price)} a ticket.</p>{told}"
        '<form method="post" action="/buy">'
        f'<input type="hidden" name="key" value="{key}">'
        '<label for="buyer">Your e-mail address</label>'
        '<input id="buyer" name="buyer" type="email" autocomplete="email" required maxlength="128">'
        '<label for="quantity">Tickets</label>'
        '<input id="quantity" name="quantity" type="number" min="1" max="10" value="1" required>'
        "<button>Hold them for me</button></form>",
    )


@dataclass(frozen=True)
class Standing:
    """All that the page of an order is made from."""

    title: str
    price: int
    order: Row
    payment: Row | None
    refunded: int
    refund_due: int


def _button(action: str, text: str, kind: str = "") -> str:
    soft = f' class="{kind}"' if kind else ""
    return f'<form method="post" action="{action}"><button{soft}>{escape(text)}</button></form>'


def _says(seen: Standing) -> tuple[str, str, bool]:
    """Headline, text (HTML), and whether something is under way."""
    order, payment = seen.order, seen.payment
    here = f"/order/{order['receipt']}"
    paid = payment["state"] if payment else "none"
    if paid == "settled" and payment and payment["kept"]:
        back = f"<p>{money(seen.refunded + seen.refund_due)} goes back to you.</p>"
        text = f"<p>Paid: {money(payment['price'] * payment['quantity'])}.</p>"
        text += back if seen.refunded + seen.refund_due else ""
        return f"{tickets(payment['kept'])} for you", text, seen.refund_due > 0
    if paid == "settled" and payment:
        why = REFUNDED.get(payment["code"] or "", "The order has no tickets.")
        money_is = "is on its way back" if seen.refund_due else "was given back"
        total = money(seen.refunded + seen.refund_due)
        return "No tickets", f"<p>{why} {total} {money_is}.</p>", seen.refund_due > 0
    if paid == "paid":
        text = "<p>Your payment has come. Your tickets are being confirmed; this page shows it.</p>"
        return "Paid", text, True
    if paid in ("failing", "failed"):
        text = '<p>Nothing was paid. <a href="/">Begin again</a></p>'
        return "The payment was declined", text, paid == "failing"
    if order["state"] == "held":
        count, cost = tickets(order["quantity"]), money(seen.price * order["quantity"])
        text = f"<p>{cost} in all. They are held for some minutes; pay before they go back.</p>"
        pay = _button(f"{here}/pay", f"Pay {cost}")
        # While a payment is open it may be paid in this moment: nothing is given back by hand.
        undo = "" if payment else _button(f"{here}/cancel", "Give back", "soft")
        return f"{count} held for you", text + pay + undo, payment is not None
    if order["state"] == "asking":
        return "One moment", "<p>Your tickets are being asked for.</p>", True
    if order["state"] == "refused":
        why = NO.get(order["code"] or "", "The order was not taken.")
        return "No tickets", f'<p>{why} <a href="/">Try again</a></p>', False
    if order["state"] == "confirmed":
        return f"{tickets(order['quantity'])} for you", "", False
    gone = {"expired": "Your time is over", "cancelled": "Given back"}[order["state"]]
    # A payment that was begun may still come.
    return gone, '<p>Nothing was paid. <a href="/">Begin again</a></p>', paid == "open"


def order_page(seen: Standing) -> str:
    headline, text, again = _says(seen)
    number = seen.order["number"]
    told = f'<p class="soft">Order <span id="number">{escape(number)}</span></p>' if number else ""
    return page(
        f"{headline} · {seen.title}",
        f'<p class="soft">{escape(seen.title)}</p><h1>{headline}</h1>{text}{told}',
        again,
    )
