"""The client against a running lastseat, over a path that loses requests and answers.

The tests of the repository run it (tests/tests/system/clients): LASTSEAT_CLUSTER names the file in
which `lastseat cluster` says where everything is.
"""

import json
import os
import signal
import socket
import sys
import time
import unittest
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from faulty_path import FaultyPath  # noqa: E402
from lastseat import (  # noqa: E402
    CODES,
    Delivery,
    EventDetails,
    EventView,
    Lastseat,
    Line,
    LineRequest,
    NotGenuine,
    Order,
    OrderState,
    OutcomeUnknown,
    Problem,
    Sale,
    delivery,
    new_key,
)

ROSTER: dict[str, Any] = json.loads(Path(os.environ["LASTSEAT_CLUSTER"]).read_text())
OPENAPI: dict[str, Any] = json.loads((HERE.parents[2] / "docs/openapi.json").read_text())
TRAIN = {
    "stops": ["A", "B", "C"],
    "classes": [{"id": "second", "coaches": [{"ids": "1", "rows": "1-2", "letters": "ABC DF"}]}],
}


def operator(method: str, path: str, body: Any = None) -> dict[str, Any]:
    """An operator's call, repeated while the machine is too busy for it."""
    for last in (False,) * 20 + (True,):
        request = urllib.request.Request(
            f"{ROSTER['nodes'][0]['admin']}/v1/admin/sales/{path}",
            None if body is None else json.dumps(body).encode(),
            {"authorization": f"Bearer {ROSTER['admin_token']}"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                said: dict[str, Any] = json.loads(answer.read())
                return said
        except OSError:
            if last:
                raise
            time.sleep(0.3)
    raise AssertionError("unreachable")


def new_sale(**terms: Any) -> str:
    sale = f"py-{uuid.uuid4().hex[:12]}"
    operator("PUT", sale, terms)
    return sale


class Calls(unittest.TestCase):
    """Each test has a sale and a path of its own."""

    def setUp(self) -> None:
        self.path = FaultyPath(ROSTER["edges"][0]["url"])
        self.addCleanup(self.path.close)
        self.client = self.at(self.path.url)

    def at(self, url: str, **options: Any) -> Lastseat:
        return Lastseat(url, **{"shop_token": ROSTER["shop_token"], **options})

    def refused(self, code: str, call: Any) -> Problem:
        with self.assertRaises(Problem) as caught:
            call()
        self.assertEqual(caught.exception.code, code, caught.exception.body)
        return caught.exception

    def audited(self, sale: str, **numbers: int) -> None:
        report = operator("GET", f"{sale}/audit")
        self.assertTrue(report["ok"], report)
        self.assertEqual({name: report[name] for name in numbers}, numbers)

    def test_an_order_whose_answers_are_lost_is_one_order_under_one_key(self) -> None:
        sale, key = new_sale(capacity=10), new_key()
        self.path.faults = ["lose", "page", "lose", "drop"]
        order = self.client.order(sale, key, "ada", 2)
        self.assertEqual((order["order_id"], order["quantity"]), (key, 2))
        self.assertEqual(order["state"], "confirmed")
        headers = [headers for path, headers in self.path.seen if path.endswith("/orders")]
        self.assertGreaterEqual(len(headers), 5)
        self.assertEqual({sent["idempotency-key"] for sent in headers}, {key})
        # The first one is not marked as a repeat; all others are.
        marks = [sent.get("lastseat-retry") for sent in headers]
        self.assertEqual(marks, [None] + ["1"] * (len(headers) - 1))
        self.audited(sale, confirmed=2, free=8)

    def test_the_same_key_is_the_same_order_and_another_content_is_refused(self) -> None:
        sale, key = new_sale(capacity=10), new_key()
        first = self.client.order(sale, key, "ada")
        self.assertEqual(self.client.order(sale, key, "ada"), first)
        self.refused("key_reused", lambda: self.client.order(sale, key, "ada", 2))
        self.audited(sale, confirmed=1)

    def test_a_busy_edge_is_asked_again_when_it_says_so(self) -> None:
        # At once, and more than the edge takes from one address: until it has said so.
        sale, bought = new_sale(capacity=1_000), 0
        with ThreadPoolExecutor(20) as buyers:
            while 429 not in self.path.statuses and bought < 400:
                keys = [new_key() for _ in range(20)]
                list(buyers.map(lambda key: self.client.order(sale, key, key), keys))
                bought += 20
        self.assertIn(429, self.path.statuses)
        self.audited(sale, confirmed=bought)

    def test_a_no_is_an_error_with_its_code(self) -> None:
        sale = new_sale(capacity=1, order_limit=5)
        self.client.order(sale, new_key(), "ada")
        problem = self.refused("sold_out", lambda: self.client.order(sale, new_key(), "bob"))
        self.assertEqual(problem.status, 409)
        self.assertIn("sold", problem.detail)
        self.refused("order_limit", lambda: self.client.order(new_sale(capacity=9, order_limit=2),
                                                              new_key(), "bob", 3))  # fmt: skip
        self.refused("unknown_sale", lambda: self.client.sale("no-such-sale"))
        self.refused("unknown_order", lambda: self.client.read(sale, new_key()))
        later = int(time.time() * 1000) + 3_600_000
        soon = new_sale(capacity=1, opens_at=later)
        early = self.refused("not_open", lambda: self.client.order(soon, new_key(), "bob"))
        self.assertEqual(early.opens_at, later)
        self.assertEqual(self.client.sale(sale)["availability"], "sold_out")

    def test_whoever_waits_for_held_tickets_gets_one_that_comes_back(self) -> None:
        sale = new_sale(capacity=1, hold_ms=2_000)
        self.client.order(sale, new_key(), "ada")
        problem = self.refused("all_held", lambda: self.client.order(sale, new_key(), "bob"))
        self.assertIsNotNone(problem.retry_after_s)
        order = self.client.order(sale, new_key(), "bob", while_held=True)
        self.assertEqual(order["state"], "held")

    def test_an_outcome_that_nobody_knows_is_no_refusal_and_the_same_key_finds_it(self) -> None:
        sale, key = new_sale(capacity=1), new_key()
        hasty = self.at(self.path.url, timeout_s=1)
        self.path.faults = ["lose"] * 20
        with self.assertRaises(OutcomeUnknown) as caught:
            hasty.order(sale, key, "ada")
        self.assertEqual(caught.exception.order_id, key)
        self.path.faults = []
        self.assertEqual(self.client.order(sale, key, "ada")["state"], "confirmed")
        self.audited(sale, confirmed=1)

    def test_a_no_that_says_nothing_of_the_earlier_attempt_does_not_end_the_doubt(self) -> None:
        sale, key = new_sale(capacity=5), new_key()
        self.path.faults = ["lose", "garble"]
        with self.assertRaises(OutcomeUnknown) as caught:
            self.client.order(sale, key, "ada")
        self.assertIsNotNone(caught.exception.problem)
        # It had been carried out.
        self.assertEqual(self.client.read(sale, key)["state"], "confirmed")
        # Without a lost answer before, the same "no" is one.
        self.path.faults = ["garble"]
        self.refused("invalid", lambda: self.client.order(sale, new_key(), "bob"))

    def test_while_the_ledger_stands_still_nothing_is_refused_and_nothing_sold_twice(self) -> None:
        sale, key = new_sale(capacity=5), new_key()
        os.kill(ROSTER["redis"]["pid"], signal.SIGSTOP)
        try:
            with self.assertRaises((OutcomeUnknown, Problem)) as caught:
                self.at(self.path.url, timeout_s=1).order(sale, key, "ada")
            if isinstance(caught.exception, Problem):
                self.assertEqual(caught.exception.code, "unavailable")
        finally:
            os.kill(ROSTER["redis"]["pid"], signal.SIGCONT)
        self.assertEqual(self.client.order(sale, key, "ada")["order_id"], key)
        self.audited(sale, confirmed=1)

    def test_a_silent_address_is_given_up_in_time(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            hasty = self.at(url, attempt_timeout_s=0.3, timeout_s=1)
            begun = time.monotonic()
            with self.assertRaises(OutcomeUnknown):
                hasty.read("demo", new_key())
            self.assertLess(time.monotonic() - begun, 10)

    def test_a_payment_is_confirmed_once_however_often_its_answer_is_lost(self) -> None:
        sale, key = new_sale(capacity=5, hold_ms=60_000), new_key()
        held = self.client.order(sale, key, "ada", 2)
        self.assertIn("expires_at", held)
        stranger = Lastseat(self.path.url)
        self.refused("unauthorized", lambda: stranger.confirm(sale, key))
        self.path.faults = ["lose", "drop", "lose"]
        paid = self.client.confirm(sale, key)
        self.assertEqual((paid["state"], paid["quantity"]), ("confirmed", 2))
        self.refused("wrong_state", lambda: self.client.cancel(sale, key, if_state="held"))
        self.refused("paid", lambda: stranger.cancel(sale, key))
        self.assertEqual(self.client.cancel(sale, key)["state"], "cancelled")
        self.refused("wrong_state", lambda: self.client.confirm(sale, key))
        self.audited(sale, confirmed=0, free=5)

    def test_what_is_said_of_a_payment_first_stays_and_the_shop_alone_reads_it(self) -> None:
        sale, key = new_sale(capacity=5, hold_ms=60_000), new_key()
        self.client.order(sale, key, "Zoë von A")
        self.path.faults = ["lose"]
        said: dict[str, Any] = {"invoice": "2026-7"}
        paid = self.client.confirm(sale, key, reference="pi 3", metadata=said)
        self.assertEqual((paid["reference"], paid["metadata"]), ("pi 3", said))
        self.assertEqual(self.client.confirm(sale, key, reference="pi_4"), paid)
        self.assertEqual(self.client.read(sale, key), paid)
        stranger = Lastseat(self.path.url).read(sale, key)
        self.assertEqual(stranger["buyer"], "Zoë von A")
        for name in ("reference", "metadata", "confirmed_at"):
            self.assertNotIn(name, stranger)

    def test_a_sale_says_what_it_sells(self) -> None:
        event: EventDetails = {"title": "Spring", "zone": "UTC", "starts_at": 1_808_155_800_000}
        view = self.client.event(new_sale(capacity=5, event=event))
        self.assertEqual((view["event"], view["starts_local"]), (event, "2027-04-19T17:30"))
        self.assertNotIn("event", self.client.event(new_sale(capacity=5)))

    def test_a_payment_that_comes_too_late_is_refused_for_ever(self) -> None:
        sale, key = new_sale(capacity=1, hold_ms=600), new_key()
        self.client.order(sale, key, "ada")
        late = self.client.order(sale, new_key(), "bob", while_held=True)
        self.client.confirm(sale, late["order_id"])
        self.refused("hold_expired", lambda: self.client.confirm(sale, key))
        operator("POST", f"{sale}/restock", {"add": 5})
        self.refused("hold_expired", lambda: self.client.confirm(sale, key))

    def test_a_hold_is_extended_until_it_is_three_hold_times_old(self) -> None:
        sale, key = new_sale(capacity=1, hold_ms=60_000), new_key()
        first = self.client.order(sale, key, "ada")
        time.sleep(0.05)
        longer = self.client.extend(sale, key)
        self.assertGreater(longer["expires_at"], first["expires_at"])

    def test_a_part_of_an_order_is_confirmed(self) -> None:
        sale, key = new_sale(capacity=5, hold_ms=60_000), new_key()
        self.client.order(sale, key, "ada", 3)
        self.path.faults = ["lose"]
        self.assertEqual(self.client.confirm(sale, key, quantity=2)["quantity"], 2)
        self.refused("quantity_held", lambda: self.client.confirm(sale, key, quantity=3))
        self.audited(sale, confirmed=2, free=3)

    def test_lines_of_a_plan_name_their_seats_and_a_part_is_given_back_once(self) -> None:
        sale, key = new_sale(plan=TRAIN, hold_ms=60_000), new_key()
        lines: list[LineRequest] = [
            {"class": "second", "from": "A", "to": "C", "quantity": 2, "together": "row"}
        ]
        order = self.client.order(sale, key, "ada", lines=lines)
        seats = order["lines"][0]["seats"]
        self.assertEqual(len(seats), 2)
        self.assertIn("?for=second.A-C.2", self.path.seen[-1][0])
        self.assertEqual(self.client.plan(sale)["stops"][0]["id"], "A")
        left = self.client.seats(sale, **{"class": "second", "from": "A", "to": "B"})
        self.assertEqual(left["classes"][0]["journeys"][0]["to"], "B")
        wanted: list[LineRequest] = [
            {"class": "second", "from": "A", "to": "B", "seats": [seats[0]]}
        ]
        taken = self.refused(
            "seat_taken", lambda: self.client.order(sale, new_key(), "bob", lines=wanted)
        )
        self.assertEqual((taken.line, taken.seat), (0, seats[0]))
        # The repeat finds that the order does not have the seat any more: it was given back.
        self.path.faults = ["lose"]
        rest = self.client.cancel(sale, key, seats=[seats[0]])
        self.assertEqual(rest["lines"][0]["seats"], [seats[1]])
        self.refused("not_its_seats", lambda: self.client.cancel(sale, key, seats=[seats[0]]))
        # A seat that the order never had, and still has no part in, is none of its either.
        self.assertEqual(self.client.confirm(sale, key)["quantity"], 1)


class Words(unittest.TestCase):
    """What the client says of the API is what the API's own document says."""

    def test_the_codes_are_those_of_the_document(self) -> None:
        self.assertEqual(CODES, set(OPENAPI["components"]["schemas"]["Code"]["enum"]))

    def test_the_types_are_those_of_the_document(self) -> None:
        schemas = OPENAPI["components"]["schemas"]
        for name, typed in [
            ("OrderView", Order), ("SaleView", Sale), ("LineView", Line),
            ("LineRequest", LineRequest), ("EventView", EventView), ("EventDetails", EventDetails),
        ]:  # fmt: skip
            with self.subTest(name):
                named: Any = typed
                self.assertEqual(set(named.__annotations__), set(schemas[name]["properties"]))
                self.assertEqual(named.__required_keys__, set(schemas[name]["required"]))
        self.assertEqual(set(get_args(OrderState)), set(schemas["OrderState"]["enum"]))


class Webhooks(unittest.TestCase):
    """By the example that `lastseat relay` is tested with, which openssl made."""

    OURS, OTHER = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
    BY_OURS = "fbaaa70bc0e3fd2ccadf2c5ad35d9352f77840c911a9cd4debca0ba6a743289f"
    BY_OTHER = "e9dd282a496fe9c7537fa250d380665cccbf54fa505e5341f7dbe615bbe7eff2"
    AT = 1_763_862_000

    def taken(self, header: str | None, secrets: list[str], now_s: float = AT) -> Delivery:
        return delivery(header, b'{"a":1}', secrets, now_s)

    def test_a_delivery_is_genuine_if_one_secret_of_two_signed_it(self) -> None:
        both = f"t={self.AT},v1={self.BY_OTHER},v1={self.BY_OURS}"
        for header, secrets in [
            (f"t={self.AT},v1={self.BY_OURS}", [self.OURS]),
            (both, [self.OURS]),
            (f"t={self.AT},v1={self.BY_OURS}", [self.OTHER, self.OURS]),
        ]:
            self.assertEqual(self.taken(header, secrets), {"a": 1})

    def test_another_signature_an_old_one_and_none_are_refused(self) -> None:
        right = f"t={self.AT},v1={self.BY_OURS}"
        for header, secrets, now_s in [
            (None, [self.OURS], self.AT),
            ("", [self.OURS], self.AT),
            (right, [self.OTHER], self.AT),
            (right, [], self.AT),
            (right, [self.OURS], self.AT + 301),
            (right, [self.OURS], self.AT - 301),
            (f"t={self.AT + 1},v1={self.BY_OURS}", [self.OURS], self.AT),
            (f"t={self.AT},v1={self.BY_OURS.upper()}", [self.OURS], self.AT),
            (right + f",v1={self.BY_OTHER}" * 4, [self.OURS], self.AT),
        ]:
            with self.assertRaises(NotGenuine):
                self.taken(header, secrets, now_s)


if __name__ == "__main__":
    unittest.main()
