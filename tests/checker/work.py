"""The buyers, the shop and the operator: threads that call nodes at random, and remember what they asked for."""

import threading
import time
import uuid
from random import Random

from web import Web, outcome


class Sale:
    """A sale of the run and the orders that were asked of it. `spoilt`: it is damaged on purpose and judged by audit."""

    def __init__(self, name, terms, busy):
        self.name, self.terms, self.busy = name, terms, busy
        self.keys, self.granted = [], []
        self.asked = {}
        self.spoilt = False
        # Orders that a recovery listed as not restored.
        self.unrestored = set()


def make_sales(random, number):
    """Sales with all kinds of terms; a handful is busy."""
    sales = []
    for place in range(number):
        terms = {"capacity": random.choice([1, 2, 5, 12, 40, 200])}
        if random.random() < 0.6:
            terms["hold_ms"] = random.choice([700, 3000, 60000])
        if random.random() < 0.4:
            terms["buyer_limit"] = random.choice([1, 2, 4])
        sales.append(Sale(f"s{place}", terms, place < 8))
    return sales


class Worker(threading.Thread):
    """One thread of calls, until `stop` is set."""

    def __init__(self, seed, stage, history, sales, stop, weights):
        super().__init__(daemon=True)
        self.random = Random(seed)
        self.stage, self.sales, self.stop, self.weights = stage, sales, stop, weights
        self.web = Web(history)
        self.fresh = [sale for sale in sales if not sale.busy]
        self.busy = [sale for sale in sales if sale.busy]

    def run(self):
        operations = list(self.weights)
        while not self.stop.is_set():
            if self.fresh and self.random.random() < 0.15:
                sale = self.random.choice(self.fresh)
            else:
                sale = self.random.choice(self.busy)
            node = self.random.choice(self.stage.nodes)
            op = self.random.choices(operations, self.weights.values())[0]
            call = getattr(self, op)(sale, node)
            if call is not None and call["status"] == 0:
                # A dead node answers at once: do not turn the run into refused connections.
                time.sleep(0.02)

    def order(self, sale, node):
        limited = "buyer_limit" in sale.terms
        buyer = f"b{self.random.randrange(12)}" if limited else f"u{self.random.randrange(10**6)}"
        key = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        quantity = self.random.choice([1, 1, 1, 2, 3])
        sale.asked[key] = (buyer, quantity)
        sale.keys.append(key)
        call = self.web.order(node, sale.name, key, buyer, quantity)
        if outcome(call) == "unknown" and self.random.random() < 0.7:
            other = self.random.choice(self.stage.nodes)
            call = self.web.order(other, sale.name, key, buyer, quantity, retry=True)
        if outcome(call) == "yes":
            sale.granted.append(key)
        return call

    def _known(self, sale):
        """A key that was asked for: mostly one that was granted, mostly one of the last."""
        keys = sale.granted if sale.granted and self.random.random() < 0.9 else sale.keys
        count = len(keys)
        if not count:
            return None
        back = min(count, self.random.choice([5, 30, count]))
        return keys[-self.random.randint(1, back)]

    def again(self, sale, node):
        key = self._known(sale)
        if key is None:
            return None
        buyer, quantity = sale.asked[key]
        return self.web.order(node, sale.name, key, buyer, quantity, retry=self.random.random() < 0.5)

    def _on(self, op, sale, node, quantity=None):
        key = self._known(sale)
        return None if key is None else self.web.on_order(op, node, sale.name, key, quantity)

    def confirm(self, sale, node):
        return self._on("confirm", sale, node)

    def part(self, sale, node):
        return self._on("confirm", sale, node, 1)

    def cancel(self, sale, node):
        return self._on("cancel", sale, node)

    def extend(self, sale, node):
        return self._on("extend", sale, node)

    def get(self, sale, node):
        key = self._known(sale)
        return None if key is None else self.web.get(node, sale.name, key)

    def unknown(self, sale, node):
        key = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        return self.web.on_order("cancel", node, sale.name, key)

    def operator(self, sale, node):
        choice = self.random.random()
        if choice < 0.4:
            capacity = max(1, sale.terms["capacity"] + self.random.randint(-2, 6))
            return self.web.admin("restock", node, "POST", sale.name, {"capacity": capacity})
        if choice < 0.5:
            return self.web.admin("pause", node, "POST", sale.name)
        if choice < 0.9:
            return self.web.admin("open", node, "POST", sale.name)
        return self.web.admin("set", node, "PATCH", sale.name, {"order_limit": self.random.choice([3, 5, 10])})


WEIGHTS = {"order": 40, "again": 10, "confirm": 14, "part": 3, "cancel": 16, "extend": 3, "get": 16, "unknown": 1,
           "operator": 1.5}


class Crowd:
    """All workers."""

    def __init__(self, seed, stage, history, sales, threads=8):
        self.stop = threading.Event()
        self.workers = [Worker(f"{seed}-{n}", stage, history, sales, self.stop, WEIGHTS) for n in range(threads)]
        for worker in self.workers:
            worker.start()

    def end(self):
        self.stop.set()
        for worker in self.workers:
            worker.join(timeout=30)
