"""Buyers: threads that order, repeat, pay, give back, extend and look, each with orders of its own, and check every
answer against what that buyer was told before. What they know is all from answers."""

import http.client
import json
import random
import threading
import time
import uuid

from servers import SHOP_TOKEN

# What a client may take for "nothing happened": the answer says so.
NOTHING_HAPPENED = {"busy", "unavailable", "corrupt", "sold_out", "all_held", "not_enough", "not_open", "paused",
                    "closed", "buyer_limit", "order_limit", "ended_limit", "key_reused", "unknown_sale", "invalid"}
REFUSALS = {"sold_out", "all_held", "not_enough", "not_open", "paused", "closed", "buyer_limit", "order_limit",
            "ended_limit"}


class Order:
    """One order as its buyer knows it. `state` is the last that an answer said; `unsure` = something was asked since
    whose outcome nobody told."""

    def __init__(self, sale, key, buyer, asked):
        self.sale, self.key, self.buyer, self.asked = sale, key, buyer, asked
        self.state, self.quantity, self.unsure = None, 0, False
        self.maybe_sent = False
        self.expires = None
        self.said_unknown = False
        self.cancelled_early = False


class Buyer(threading.Thread):
    """One thread. `nodes` are shared, `sales` too: a list of dictionaries as `run.py` makes them."""

    def __init__(self, number, seed, nodes, sales, history, pace):
        super().__init__(daemon=True)
        self.random = random.Random(f"{seed}/{number}")
        self.number = number
        self.nodes, self.sales, self.history, self.pace = nodes, sales, history, pace
        self.orders = []
        self.perhaps_cancelled = set()
        self.stopped = threading.Event()
        self.connections = {}
        self.failure = None

    def stop(self):
        self.stopped.set()

    def run(self):
        try:
            while not self.stopped.is_set():
                self.turn()
                time.sleep(self.random.uniform(0, 2 * self.pace))
        except Exception as error:  # A mistake of the checker must not look like a clean run.
            self.failure = error
            raise

    def turn(self):
        kind = self.random.random()
        if kind < 0.45 or not self.orders:
            self.order()
            return
        order = self.random.choice(self.orders[-30:])
        if kind < 0.55:
            self.send_order(order)
        elif kind < 0.70:
            self.look(order)
        elif kind < 0.82:
            quantity = self.random.choice([None, None, 1])
            self.change(order, "confirm", quantity)
        elif kind < 0.94:
            self.change(order, "cancel", None)
        elif kind < 0.98:
            self.change(order, "extend", None)
        else:
            self.cancel_unknown()

    def request(self, method, path, headers, body):
        """Status, problem code and JSON body; status 0 where no answer came."""
        node = self.random.choice(self.nodes)
        sent = self.history.now()
        status, code, value = 0, "", None
        try:
            connection = self.connections.get(node.address)
            if connection is None:
                connection = http.client.HTTPConnection(node.address, timeout=15)
                self.connections[node.address] = connection
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read()
            status = response.status
            value = json.loads(text) if text else None
            if status >= 400 and isinstance(value, dict):
                code = value.get("code", "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection = self.connections.pop(node.address, None)
            if connection:
                connection.close()
            # A connection that was refused took nothing away from here.
            code = "refused" if isinstance(error, ConnectionRefusedError) else "no_answer"
            status = 0
        return node.number, sent, status, code, value

    def record(self, order, op, answer, quantity=None):
        node, sent, status, code, value = answer
        state = value.get("state") if status in (200, 201) and isinstance(value, dict) else None
        self.history.request(sent=sent, at=self.history.now(), node=node, op=op, sale=order.sale, key=order.key,
                             buyer=order.buyer, quantity=quantity, status=status, code=code, state=state,
                             has=value.get("quantity") if state else None)

    def broken(self, rule, order, why):
        self.history.violation(rule, order.sale, order.key, why)

    def order(self):
        sale = self.random.choice(self.sales)
        key = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        buyer = f"buyer-{self.random.randrange(sale['buyers'])}"
        order = Order(sale["name"], key, buyer, self.random.choice([1, 1, 1, 2, 3]))
        self.orders.append(order)
        self.send_order(order)

    def send_order(self, order):
        headers = {"Idempotency-Key": order.key, "Content-Type": "application/json"}
        body = json.dumps({"buyer": order.buyer, "quantity": order.asked})
        answer = self.request("POST", f"/v1/sales/{order.sale}/orders", headers, body)
        self.record(order, "order", answer, order.asked)
        _, _, status, code, value = answer
        if status in (200, 201):
            self.learns(order, "order", value)
        elif code in REFUSALS:
            if order.state is not None:
                self.broken("a buyer with an order hears no", order, f"it was {order.state}, now {code}")
        elif code == "refused" or code in NOTHING_HAPPENED:
            pass
        else:
            order.maybe_sent = True
            order.unsure = True

    def look(self, order):
        answer = self.request("GET", f"/v1/sales/{order.sale}/orders/{order.key}", {}, None)
        self.record(order, "look", answer)
        _, _, status, code, value = answer
        if status == 200:
            self.learns(order, "look", value)
        elif code == "unknown_order" and order.state is not None:
            self.broken("an acknowledged order is said to be unknown", order, f"it was {order.state}")
        elif code == "unknown_sale":
            self.broken("a sale that exists is said to be unknown", order, "GET of an order")

    def change(self, order, verb, quantity):
        headers = {"Content-Type": "application/json"}
        if verb == "confirm":
            headers["Authorization"] = f"Bearer {SHOP_TOKEN}"
        body = json.dumps({"quantity": quantity} if quantity else {})
        answer = self.request("POST", f"/v1/sales/{order.sale}/orders/{order.key}/{verb}", headers, body)
        self.record(order, verb, answer, quantity)
        _, _, status, code, value = answer
        if status == 200:
            self.learns(order, verb, value)
            return
        if code == "unknown_order" and order.state is not None:
            self.broken("an acknowledged order is said to be unknown", order, f"{verb}, it was {order.state}")
        if code == "hold_expired" and verb == "confirm" and order.state == "held":
            order.state, order.unsure = "refused_late", False
        if status == 0 and code != "refused" or status == 504:
            order.unsure = True

    def cancel_unknown(self):
        """Gives an order up before it was ever sent: from then on it must never sell."""
        sale = self.random.choice(self.sales)
        key = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        order = Order(sale["name"], key, "-", 0)
        answer = self.request("POST", f"/v1/sales/{order.sale}/orders/{order.key}/cancel", {}, "{}")
        self.record(order, "cancel_unknown", answer)
        if answer[2] == 200:
            order.state, order.cancelled_early = "cancelled", True
            self.orders.append(order)
            order.asked = 1
        elif answer[2] == 0 or answer[2] == 504:
            # It may have been carried out all the same.
            self.perhaps_cancelled.add((order.sale, order.key))

    def learns(self, order, op, view):
        """Holds an answer against what was told before."""
        state, quantity = view["state"], view["quantity"]
        if state in ("held", "confirmed") and not order.cancelled_early:
            if quantity > order.asked:
                self.broken("an order has more tickets than were asked for", order, f"{quantity} of {order.asked}")
        before, sure = order.state, not order.unsure
        if sure and before is not None and op in ("look", "order"):
            may = {"held": {"held", "expired"}, "confirmed": {"confirmed"}, "cancelled": {"cancelled"},
                   "expired": {"expired"}, "refused_late": {"expired"}}[before]
            if state not in may:
                self.broken("an order is not what its buyer was told", order, f"it was {before}, now {state}")
            if before == state == "confirmed" and quantity != order.quantity:
                self.broken("an order is not what its buyer was told", order,
                            f"it had {order.quantity} tickets, now {quantity}")
        if order.cancelled_early and state != "cancelled":
            self.broken("an order that was cancelled before it came was sold", order, state)
        # A repeat may say how the order stands without saying what became of a lost change: it does.
        order.state = "refused_late" if before == "refused_late" and state == "expired" else state
        order.quantity, order.unsure = quantity, False
