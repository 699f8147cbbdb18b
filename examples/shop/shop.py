"""A small shop that sells the tickets of one sale: hold, pay, confirm, or refund.

    python3 examples/shop/shop.py --sale concert --edge http://127.0.0.1:8787 ...   (see README.md)

Python's standard library and lastseat's thin client, nothing else. Buyers come from the form at /
or, with an order that they hold already, from the buyer page by the sale's pay URL.
"""

import argparse
import os
import re
import secrets
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python"))

import hooks
import pages
from lastseat import ATTEMPT_TIMEOUT_S, Lastseat, LastseatError, Order, Problem, new_key
from lastseat.webhooks import BODY_MAX as HOOK_MAX
from payments import Provider
from settle import Settler
from store import Row, Store

# Of a form, in bytes; a webhook may be larger.
FORM_MAX = 16 * 1024
# Requests at a time; more wait in the listen queue of the system.
REQUESTS_MAX = 64
# A buyer who has sent the form waits at most so long for the answer; then the page goes on asking.
ORDER_TIMEOUT_S = 6.0
# A page is shown with what is stored if lastseat does not say in time how the order stands.
READ_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Shop:
    """What the handlers of all requests share."""

    title: str
    sale: str
    price: int
    own_url: str
    store: Store
    lastseat: Lastseat
    provider: Provider
    settler: Settler
    hook_secret: str

    def buy(self, key: str, buyer: str, quantity: int) -> str:
        """The order of a form, placed once however often the form comes; its receipt."""
        # Before anything is sent. The settler leaves it to this request for a while.
        leave_until = time.time() + ORDER_TIMEOUT_S + 5
        with self.store.transaction() as db:
            made = db.execute(
                "INSERT OR IGNORE INTO orders (order_id, receipt, buyer, quantity, state, next_at)"
                " VALUES (?, ?, ?, ?, 'asking', ?)",
                (key, secrets.token_urlsafe(18), buyer, quantity, leave_until),
            ).rowcount
            row = db.execute("SELECT * FROM orders WHERE order_id = ?", (key,)).fetchone()
        if made:
            self.settler.ask(row)
        return str(row["receipt"])

    def arrive(self, order: Order) -> str:
        """An order that was placed on the buyer page; its receipt."""
        with self.store.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO orders"
                " (order_id, receipt, buyer, quantity, state, number, next_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 0)",
                (
                    order["order_id"],
                    secrets.token_urlsafe(18),
                    order["buyer"],
                    order["quantity"],
                    order["state"],
                    order["number"],
                ),
            )
            row = db.execute(
                "SELECT receipt FROM orders WHERE order_id = ?", (order["order_id"],)
            ).fetchone()
        return str(row["receipt"])

    def look(self, row: Row) -> Row:
        """The order as it is now, if lastseat says so in time."""
        if row["state"] not in ("asking", "refused"):
            try:
                self.settler.note(self.lastseat.read(self.sale, row["order_id"]))
            except LastseatError:
                pass
        return self.store.order(row["receipt"]) or row

    def pay(self, row: Row) -> str:
        """Where the buyer of a held order pays: the provider's page of the order's one payment."""
        order_id = row["order_id"]
        with self.store.transaction() as db:
            # The order as it stands says how many tickets there are to pay for.
            db.execute(
                "INSERT OR IGNORE INTO payments"
                " (order_id, price, quantity, kept, state, next_at)"
                " VALUES (?, ?, ?, ?, 'open', ?)",
                (order_id, self.price, row["quantity"], row["quantity"], time.time()),
            )
            payment = db.execute(
                "SELECT * FROM payments WHERE order_id = ?", (order_id,)
            ).fetchone()
        # The order's id is the key: however often a buyer comes here, there is one payment.
        made = self.provider.make(
            order_id,
            amount=payment["price"] * payment["quantity"],
            payee=self.title,
            callback=f"{self.own_url}/hooks/provider",
            return_to=f"{self.own_url}/order/{row['receipt']}",
        )
        url = f"{self.provider.url}/p/{made['id']}"
        with self.store.transaction() as db:
            db.execute(
                "UPDATE payments SET payment_id = ?, url = ? WHERE order_id = ?",
                (made["id"], url, order_id),
            )
        return url

    def page_of(self, row: Row) -> str:
        payment = self.store.payment(row["order_id"])
        sums = {"due": 0, "done": 0}
        for state in sums:
            found = self.store.one(
                "SELECT coalesce(sum(amount), 0) AS total FROM refunds"
                " WHERE payment_id = ? AND state = ?",
                payment["payment_id"] if payment else None,
                state,
            )
            sums[state] = found["total"] if found else 0
        return pages.order_page(
            pages.Standing(self.title, self.price, row, payment, sums["done"], sums["due"])
        )


class Handler(BaseHTTPRequestHandler):
    """One connection. Routes, and what every answer has."""

    shop: Shop
    timeout = 10
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Addresses have receipts and order ids in them, which are secrets."""

    def answer(self, status: int, body: str = "", to: str = "", keep: str = "") -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(data)))
        self.send_header("content-security-policy", pages.policy(self.shop.provider.url))
        # An address of this shop opens an order: no other site receives it, no cache keeps it.
        self.send_header("referrer-policy", "no-referrer")
        self.send_header("cache-control", "no-store")
        if to:
            self.send_header("location", to)
        if keep:
            self.send_header("set-cookie", f"key={keep}; HttpOnly; SameSite=Lax; Path=/")
        self.end_headers()
        self.wfile.write(data)

    def says(self, status: int, headline: str, text: str) -> None:
        main = f'<h1>{headline}</h1><p>{text} <a href="/">To the tickets</a></p>'
        self.answer(status, pages.page(headline, main))

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        parts = at.path.split("/")[1:]
        if parts == [""]:
            return self.offers()
        if parts == ["pay"]:
            return self.arrives(parse_qs(at.query))
        if parts[0] == "order" and len(parts) == 2 and (row := self.shop.store.order(parts[1])):
            return self.answer(200, self.shop.page_of(self.shop.look(row)))
        self.says(404, "Nothing is here", "Check the address.")

    def offers(self) -> None:
        """The form, with the key that its order will have. The browser keeps the key, too: whoever
        comes back because an answer was lost sends the same one, or finds the order."""
        shop = self.shop
        kept = re.search(r"(?:^|; )key=([0-9a-f-]{36})(?:;|$)", self.headers.get("cookie", ""))
        key = kept[1] if kept else new_key()
        earlier = shop.store.one("SELECT * FROM orders WHERE order_id = ?", key)
        if earlier:
            key = new_key()
        open_at = ""
        if earlier and earlier["state"] in ("asking", "held"):
            open_at = f"/order/{earlier['receipt']}"
        self.answer(200, pages.choose(shop.title, shop.price, key, open_at), keep=key)

    def arrives(self, query: dict[str, list[str]]) -> None:
        """A buyer from the buyer page, by the sale's pay URL `.../pay?order={order_id}`.

        Nothing of the address is taken for true but the order's id, and what that order is lastseat
        says. A shop whose pay URL is signed checks the signature here, before it asks.
        """
        try:
            order = self.shop.lastseat.read(self.shop.sale, query.get("order", [""])[0])
        except Problem as no:
            if no.code in ("unknown_order", "invalid", "not_found"):
                return self.says(404, "There is no such order", "It may be over.")
            return self.says(503, "One moment", "Please load this page again.")
        except LastseatError:
            return self.says(503, "One moment", "Please load this page again.")
        # The buyer goes on at an address without the order's id.
        self.answer(303, to=f"/order/{self.shop.arrive(order)}")

    def do_POST(self) -> None:
        length = self.headers.get("content-length") or ""
        hook = self.path.startswith("/hooks/")
        if not length.isdecimal() or int(length) > (HOOK_MAX if hook else FORM_MAX):
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(length))
        if hook:
            return self.answer(self.called(body))
        # A page of another site makes no order in a visitor's browser.
        if self.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return self.answer(403)
        parts = self.path.split("/")[1:]
        if parts == ["buy"]:
            return self.buys(parse_qs(body.decode(errors="replace")))
        if parts[0] == "order" and len(parts) == 3 and (row := self.shop.store.order(parts[1])):
            return self.changes(row, parts[2])
        self.says(404, "Nothing is here", "Check the address.")

    def called(self, body: bytes) -> int:
        shop = self.shop
        if self.path == "/hooks/lastseat":
            header = self.headers.get("lastseat-signature", "")
            return hooks.from_lastseat(shop.store, shop.settler, shop.hook_secret, header, body)
        if self.path == "/hooks/provider":
            header = self.headers.get("provider-signature", "")
            return hooks.from_provider(shop.settler, shop.provider.secret, header, body)
        return 404

    def buys(self, form: dict[str, list[str]]) -> None:
        try:
            key = str(UUID(form["key"][0]))
            buyer, quantity = form["buyer"][0].strip(), int(form["quantity"][0])
        except (KeyError, ValueError):
            return self.says(400, "Please fill in the form", "Something is missing.")
        self.answer(303, to=f"/order/{self.shop.buy(key, buyer, quantity)}")

    def changes(self, row: Row, verb: str) -> None:
        shop, here = self.shop, f"/order/{row['receipt']}"
        row = shop.look(row)
        if verb == "pay" and row["state"] == "held":
            try:
                here = shop.pay(row)
            except (OSError, ValueError):
                return self.says(503, "One moment", "The payment cannot be reached. Go back.")
        if verb == "cancel" and shop.store.payment(row["order_id"]) is None:
            shop.settler.cancel(row["order_id"], if_state="held")
        self.answer(303, to=here)


class Server(ThreadingHTTPServer):
    """A thread a connection, so many at a time."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], shop: type[Handler]) -> None:
        super().__init__(address, shop)
        self.free = threading.BoundedSemaphore(REQUESTS_MAX)

    def handle_error(self, *given: Any) -> None:
        # A buyer who has gone is no fault of the shop's.
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(*given)

    def process_request(self, *given: object) -> None:
        self.free.acquire()
        super().process_request(*given)  # type: ignore[arg-type]

    def process_request_thread(self, *given: object) -> None:
        try:
            super().process_request_thread(*given)  # type: ignore[arg-type]
        finally:
            self.free.release()


def flags() -> argparse.Namespace:
    made = argparse.ArgumentParser(description="A small shop that sells the tickets of one sale.")
    made.add_argument("--sale", required=True)
    made.add_argument("--title", default="An evening", help="what is sold, for people")
    made.add_argument("--price", type=int, default=2500, help="of one ticket, in cents")
    made.add_argument("--edge", default=os.environ.get("LASTSEAT_URL", "http://127.0.0.1:8787"))
    made.add_argument("--shop-token-file", type=Path, required=True)
    made.add_argument("--webhook-secret-file", type=Path, required=True, help="of the relay")
    made.add_argument("--provider", default="http://127.0.0.1:9200")
    made.add_argument("--provider-secret-file", type=Path, required=True)
    made.add_argument("--listen", default="127.0.0.1:9100", help="address and port, port 0 = any")
    made.add_argument("--own-url", help="where buyers and the provider reach the shop")
    made.add_argument("--data", type=Path, default=Path("shop.db"), help="the SQLite file")
    return made.parse_args()


def main() -> None:
    given = flags()
    host, port = given.listen.rsplit(":", 1)

    class Own(Handler):
        """The handler of this shop."""

    server = Server((host, int(port)), Own)
    own_url = given.own_url or f"http://{host}:{server.server_address[1]}"
    token = given.shop_token_file.read_text().strip()

    def client(timeout_s: float, attempt_timeout_s: float = ATTEMPT_TIMEOUT_S) -> Lastseat:
        return Lastseat(
            given.edge,
            shop_token=token,
            timeout_s=timeout_s,
            attempt_timeout_s=attempt_timeout_s,
        )

    store = Store(given.data)
    provider = Provider(given.provider, given.provider_secret_file.read_text().strip())
    settler = Settler(store, client(ORDER_TIMEOUT_S), provider, given.sale)
    hook_secret = given.webhook_secret_file.read_text().strip()
    Own.shop = Shop(
        title=given.title,
        sale=given.sale,
        price=given.price,
        own_url=own_url,
        store=store,
        lastseat=client(READ_TIMEOUT_S, READ_TIMEOUT_S),
        provider=provider,
        settler=settler,
        hook_secret=hook_secret,
    )
    threading.Thread(target=settler.run, daemon=True).start()
    print(f"shop on {own_url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
