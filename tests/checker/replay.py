"""Reads a sale's keys out of Redis in one transaction, and carries its log out again from nothing."""

import re
from dataclasses import dataclass

RECORD = re.compile(r"1([hcxel]):(\d+):(\d+):(\d+):(\d+):(.+)", re.S)


@dataclass
class Record:
    """An order as it is stored. `taken` is what it has, or had when it ended; `deadline` in Unix milliseconds."""

    state: str
    asked: int
    taken: int
    created_at: int
    deadline: int
    buyer: str

    @property
    def has(self):
        """The tickets that it takes from the capacity."""
        return self.taken if self.state in "hc" else 0

    @property
    def is_tombstone(self):
        return self.state == "x" and self.asked == 0


def parse_record(text):
    found = RECORD.fullmatch(text)
    if not found:
        return None
    state, *numbers, buyer = found.groups()
    return Record(state, *map(int, numbers), buyer)


@dataclass
class Kept:
    """What Redis keeps of one sale at one moment."""

    sale: dict
    records: dict
    tallies: dict
    holds: dict
    log: list
    unrestored: dict
    now: int
    broken: list

    def number(self, field):
        return int(self.sale.get(field, "-1") or "-1")


def pairs(items):
    texts = [item.decode(errors="replace") for item in items]
    return dict(zip(texts[::2], texts[1::2]))


def read(redis, name):
    """All keys of a sale. What cannot be read is named in `broken`."""
    key = "lastseat:{%s}:" % name
    redis.call("MULTI")
    for word in (("HGETALL", "sale"), ("HGETALL", "orders"), ("HGETALL", "buyers"), ("HGETALL", "unrestored")):
        redis.call(word[0], key + word[1])
    redis.call("ZRANGE", key + "holds", 0, -1, "WITHSCORES")
    redis.call("XRANGE", key + "log", "-", "+")
    redis.call("TIME")
    broken, got = [], redis.call("EXEC")
    for place, what in enumerate(("sale", "orders", "buyers", "unrestored", "holds", "log")):
        if isinstance(got[place], Exception):
            broken.append(f"{what}: {got[place]}")
            got[place] = []
    sale, orders, tallies, unrestored = (pairs(items) for items in got[:4])
    records = {}
    for order, text in orders.items():
        record = parse_record(text)
        if record is None:
            broken.append(f"the record of {order} is none: {text[:80]}")
        else:
            records[order] = record
    log = [(entry.decode(), pairs(fields)) for entry, fields in got[5]]
    holds = {order: int(float(score)) for order, score in pairs(got[4]).items()}
    clock = int(got[6][0]) * 1000 + int(got[6][1]) // 1000
    # Fields with a space are no buyers: "ended <buyer>" counts the orders that a buyer has given back.
    tallies = {buyer: int(tickets) for buyer, tickets in tallies.items() if " " not in buyer}
    return Kept(sale, records, tallies, holds, log, unrestored, clock, broken)


class Replay:
    """The orders and the capacity that follow from the log alone, and whatever in it cannot be."""

    def __init__(self, log):
        self.orders, self.capacity, self.limit, self.taken = {}, 0, 0, 0
        # From a `sale_healed` to the next grant: what was acknowledged is restored, whatever the limit of its buyer.
        self.restores = False
        self.tickets = {}
        self.wrong = []
        self.last = 0
        for entry, fields in log:
            self._entry(entry, fields.get("e", ""))

    def _entry(self, entry, text):
        seq, _, part = entry.partition("-")
        seq, lines = int(seq), text.split("\n")
        head = lines[0].split(" ")
        if part != "0" or len(head) != 3 or head[0] != "1" or not text:
            self.wrong.append(f"entry {entry} is none of lastseat: {text[:80]!r}")
            return
        # Numbers may be missing only before an entry that says that some were lost.
        lost = len(lines) > 1 and lines[1].startswith("H ")
        if seq != self.last + 1 and not lost:
            self.wrong.append(f"entry {seq} follows {self.last}")
        # A recovery that goes on in another history keeps what was found at first, and has written entries since.
        if lost and int(lines[1].split(" ")[1]) > self.last:
            self.wrong.append(f"entry {seq} says that {lines[1][2:]} was the last that was found, it was {self.last}")
        self.last = seq
        for line in lines[1:]:
            try:
                self._event(seq, int(head[1]), line.split(" "))
            except (KeyError, ValueError, IndexError) as error:
                self.wrong.append(f"entry {seq}, {line!r}: {type(error).__name__} {error}")
        if self.taken > self.capacity:
            self.wrong.append(f"after entry {seq} {self.taken} tickets of {self.capacity} are taken")

    def _move(self, order, state, taken):
        record = self.orders[order]
        more = (taken if state in "hc" else 0) - record.has
        self.taken += more
        self.tickets[record.buyer] = self.tickets.get(record.buyer, 0) + more
        record.state, record.taken = state, taken

    def _within_limit(self, seq, order):
        buyer = self.orders[order].buyer
        if self.limit and self.tickets[buyer] > self.limit:
            self.wrong.append(f"entry {seq}: buyer {buyer} has {self.tickets[buyer]} tickets, the limit is {self.limit}")

    def _must_be(self, seq, order, states, event):
        if self.orders[order].state not in states:
            self.wrong.append(f"entry {seq}: {event} of order {order} in state {self.orders[order].state}")

    def _event(self, seq, at, words):
        kind, order = words[0], words[1]
        if kind == "C":
            self.capacity, self.limit = int(words[1]), int(words[5])
        elif kind == "K":
            self.capacity = int(words[1])
        elif kind == "T":
            self.limit = int(words[4])
        elif kind == "g":
            if order in self.orders:
                self.wrong.append(f"entry {seq}: order {order} is granted twice")
                return
            quantity, deadline, buyer = int(words[2]), int(words[3]), words[4]
            self.orders[order] = Record("e", quantity, 0, at, deadline, buyer)
            self._move(order, "h" if deadline else "c", quantity)
            self.restores = False
            self._within_limit(seq, order)
        elif kind in ("c", "t"):
            self._must_be(seq, order, "h" if kind == "c" else "e", kind)
            self._move(order, "c", int(words[2]))
            if kind == "t" and not self.restores:
                self._within_limit(seq, order)
        elif kind in ("l", "x", "e"):
            self._must_be(seq, order, {"l": "e", "x": "hce", "e": "h"}[kind], kind)
            if kind == "e" and at < self.orders[order].deadline:
                early = self.orders[order].deadline - at
                self.wrong.append(f"entry {seq}: order {order} expires {early} ms before its deadline")
            self._move(order, kind, self.orders[order].taken)
        elif kind == "d":
            self._must_be(seq, order, "h", kind)
            if int(words[2]) <= self.orders[order].deadline:
                self.wrong.append(f"entry {seq}: order {order} is extended to an earlier moment")
            self.orders[order].deadline = int(words[2])
        elif kind == "R":
            told = parse_record(words[2])
            if order not in self.orders:
                self.orders[order] = Record("e", told.asked, 0, told.created_at, told.deadline, told.buyer)
            self._move(order, told.state, told.taken)
            self.orders[order] = told
        elif kind == "H":
            self.restores = True
        elif kind != "S":
            self.wrong.append(f"entry {seq}: no event of lastseat: {' '.join(words)[:80]}")
