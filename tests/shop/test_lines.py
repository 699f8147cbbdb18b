"""The calls of a shop with the client and without it (examples/shop/lines) do the same.

Both are counted in examples/shop/README.md; that says something only if they do the same job, on a
way to lastseat that loses answers, too.
"""

import hashlib
import hmac
import importlib
import json
import os
import sys
import time
import unittest
import urllib.request
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(ROOT / part) for part in ("clients/python", "clients/python/tests", "examples/shop/lines")
]

from faulty_path import FaultyPath  # noqa: E402

ROSTER: dict[str, Any] = json.loads(Path(os.environ["LASTSEAT_CLUSTER"]).read_text())
BOTH = [importlib.import_module(name) for name in ("with_client", "without_client")]


def new_sale(**terms: int) -> str:
    sale = f"lines-{uuid.uuid4().hex[:12]}"
    request = urllib.request.Request(
        f"{ROSTER['nodes'][0]['admin']}/v1/admin/sales/{sale}",
        json.dumps(terms).encode(),
        {"authorization": f"Bearer {ROSTER['admin_token']}"},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=20).close()
    return sale


class SameJob(unittest.TestCase):
    def each(self, **terms: int) -> Any:
        for module in BOTH:
            path = FaultyPath(ROSTER["edges"][0]["url"])
            self.addCleanup(path.close)
            with self.subTest(module.__name__):
                yield path, module.Tickets(path.url, ROSTER["shop_token"], new_sale(**terms))

    def test_an_order_is_held_and_paid_once_although_answers_are_lost(self) -> None:
        for path, tickets in self.each(capacity=2, hold_ms=60_000):
            key = str(uuid.uuid4())
            path.faults = ["lose", "page", "drop"]
            self.assertEqual(tickets.hold(key, "ada", 2), "held")
            self.assertEqual(tickets.hold(str(uuid.uuid4()), "bob", 1), "all_held")
            path.faults = ["lose", "drop"]
            self.assertEqual(tickets.paid(key), "sold")
            self.assertEqual(tickets.declined(key), "left")
            self.assertEqual(tickets.hold(str(uuid.uuid4()), "bob", 1), "sold_out")

    def test_a_declined_payment_gives_back_and_a_later_one_is_refunded(self) -> None:
        for path, tickets in self.each(capacity=2, hold_ms=60_000):
            key = str(uuid.uuid4())
            self.assertEqual(tickets.hold(key, "ada", 2), "held")
            path.faults = ["lose"]
            self.assertEqual(tickets.declined(key), "given back")
            self.assertEqual(tickets.paid(key), "refund")

    def test_a_no_that_says_nothing_of_the_earlier_attempt_decides_nothing(self) -> None:
        for path, tickets in self.each(capacity=2, hold_ms=60_000):
            key = str(uuid.uuid4())
            path.faults = ["lose", "garble"]
            self.assertEqual(tickets.hold(key, "ada", 2), "again")
            self.assertEqual(tickets.hold(key, "ada", 2), "held")
            path.faults = ["garble"]
            self.assertEqual(tickets.hold(str(uuid.uuid4()), "bob", 1), "invalid")
            self.assertEqual(tickets.paid(str(uuid.uuid4())), "again")

    def test_a_webhook_is_genuine_with_its_signature_alone(self) -> None:
        now, body = str(int(time.time())), b'{"a":1}'
        mac = hmac.new(b"ours", f"{now}.".encode() + body, hashlib.sha256).hexdigest()
        for module in BOTH:
            with self.subTest(module.__name__):
                header = f"t={now},v1={mac}"
                self.assertTrue(module.is_genuine(header, body, ["old", "ours"]))
                self.assertFalse(module.is_genuine(header, body + b" ", ["ours"]))
                self.assertFalse(module.is_genuine(header, body, ["old"]))
                self.assertFalse(module.is_genuine(f"t={int(now) - 301},v1={mac}", body, ["ours"]))
                self.assertFalse(module.is_genuine("", body, ["ours"]))


if __name__ == "__main__":
    unittest.main()
