"""A payment provider to try the shop with. It takes no money, and keeps its books in memory.

    python3 examples/shop/provider.py --secret-file provider.secret --listen 127.0.0.1:9200

What a shop needs of one, and what a real one has: a payment is made once for each idempotency key,
the buyer pays or declines on a page of the provider, the shop is called back until it has answered
2xx, the shop can ask how a payment stands, and a refund is made once for each idempotency key.
"""

import argparse
import hashlib
import hmac
import html
import json
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

BODY_MAX = 16 * 1024
# Between two callbacks that the shop did not answer with 2xx, and how many there are.
CALLBACK_FIRST_S, CALLBACK_MAX_S, CALLBACKS_MAX = 0.2, 5.0, 1_000
PAYMENTS_MAX = 10_000
JSON = "application/json"

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Pay {amount}</title>
<style>body{{font:1rem/1.5 system-ui;max-width:24rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;padding:.6rem 1.2rem;margin-right:.5rem}}</style>
<main><h1>Pay {amount}</h1><p>To: {payee}. This page stands in for a payment provider; no money is
taken.</p><form method="post"><button name="do" value="pay">Pay</button>
<button name="do" value="decline">Decline</button></form></main>"""


class Books:
    """All payments, by their ids. One lock: a payment is paid once, a refund made once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.payments: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, str] = {}

    def make(self, key: str, asked: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            if key not in self.by_key:
                if len(self.payments) >= PAYMENTS_MAX:
                    raise ValueError("too many payments for a stand-in")
                made: dict[str, Any] = {
                    "id": secrets.token_urlsafe(12),
                    "key": key,
                    "amount": int(asked["amount"]),
                    "payee": str(asked["payee"]),
                    "callback": str(asked["callback"]),
                    "return_to": str(asked["return_to"]),
                    "state": "open",
                    "charges": 0,
                    "refunds": {},
                }
                self.by_key[key] = made["id"]
                self.payments[made["id"]] = made
            return self.payments[self.by_key[key]]

    def decide(self, payment: dict[str, Any], does: str) -> bool:
        """What the buyer does; false where that was done before."""
        with self.lock:
            if payment["state"] != "open":
                return False
            payment["state"] = "paid" if does == "pay" else "failed"
            payment["charges"] += does == "pay"
            return True

    def refund(self, payment: dict[str, Any], key: str, amount: int) -> None:
        with self.lock:
            given = payment["refunds"]
            if key not in given:
                if sum(given.values()) + amount > payment["amount"] * payment["charges"]:
                    raise ValueError("more than was paid")
                given[key] = amount


def call_back(payment: dict[str, Any], secret: str) -> None:
    """Tells the shop until it has it."""
    wait_s = CALLBACK_FIRST_S
    for _ in range(CALLBACKS_MAX):
        body = json.dumps({"payment": payment["id"], "state": payment["state"]}).encode()
        now = str(int(time.time()))
        mac = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "provider-signature": f"t={now},v1={mac}"}
        try:
            request = urllib.request.Request(payment["callback"], body, headers)
            with urllib.request.urlopen(request, timeout=5):
                return
        except OSError:
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, CALLBACK_MAX_S)


def handler(books: Books, secret: str) -> type[BaseHTTPRequestHandler]:
    """The provider's pages and its API."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def log_message(self, *_: object) -> None:
            """Addresses have ids of payments in them."""

        def answer(self, status: int, body: str, kind: str = JSON, to: str = "") -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("content-type", f"{kind}; charset=utf-8")
            self.send_header("content-length", str(len(data)))
            if to:
                self.send_header("location", to)
            self.end_headers()
            self.wfile.write(data)

        def find(self, at: int) -> dict[str, Any] | None:
            parts = self.path.split("/")
            return books.payments.get(parts[at]) if len(parts) > at else None

        def is_shop(self) -> bool:
            sent = self.headers.get("authorization", "")
            return hmac.compare_digest(sent.encode(), f"Bearer {secret}".encode())

        def do_GET(self) -> None:
            if self.path == "/books" and self.is_shop():
                return self.answer(200, json.dumps(list(books.payments.values())))
            if self.path.startswith("/payments/") and self.is_shop() and (found := self.find(2)):
                return self.answer(200, json.dumps(found))
            if self.path.startswith("/p/") and (found := self.find(2)):
                amount = f"{found['amount'] / 100:.2f}"
                page = PAGE.format(amount=amount, payee=html.escape(found["payee"]))
                return self.answer(200, page, "text/html")
            self.answer(404, "{}")

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > BODY_MAX:
                return self.answer(413, "{}")
            body = self.rfile.read(length)
            if self.path.startswith("/p/") and (found := self.find(2)):
                if books.decide(found, parse_qs(body.decode()).get("do", [""])[0]):
                    threading.Thread(target=call_back, args=(found, secret), daemon=True).start()
                return self.answer(303, "", to=found["return_to"])
            key = self.headers.get("idempotency-key", "")
            if not self.is_shop() or not key:
                return self.answer(401, "{}")
            try:
                asked = json.loads(body)
                if self.path == "/payments":
                    return self.answer(200, json.dumps(books.make(key, asked)))
                if self.path.endswith("/refunds") and (found := self.find(2)):
                    books.refund(found, key, int(asked["amount"]))
                    return self.answer(200, json.dumps(found))
            except (ValueError, KeyError) as wrong:
                return self.answer(400, json.dumps({"error": str(wrong)}))
            self.answer(404, "{}")

    return Handler


def main() -> None:
    flags = argparse.ArgumentParser(description="A payment provider to try the shop with.")
    flags.add_argument("--secret-file", type=Path, required=True, help="shared with the shop")
    flags.add_argument("--listen", default="127.0.0.1:9200", help="address and port, port 0 = any")
    given = flags.parse_args()
    host, port = given.listen.rsplit(":", 1)
    secret = given.secret_file.read_text().strip()
    server = ThreadingHTTPServer((host, int(port)), handler(Books(), secret))
    server.daemon_threads = True
    print(f"provider on http://{host}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
