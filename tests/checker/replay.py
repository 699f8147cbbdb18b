"""Reads what a sale has in Redis, and replays its log from nothing. Written from the documented formats, not from the
project's code."""

import re

RECORD = re.compile(r"^1([hcxel]):(\d+):(\d+):(\d+):(\d+):(.+)$")


class Record:
    def __init__(self, state, asked, taken, created, deadline, buyer):
        self.state, self.asked, self.taken = state, asked, taken
        self.created, self.deadline, self.buyer = created, deadline, buyer

    @staticmethod
    def parse(text):
        found = RECORD.match(text)
        if not found:
            raise ValueError(f"no record: {text!r}")
        state, asked, taken, created, deadline, buyer = found.groups()
        return Record(state, int(asked), int(taken), int(created), int(deadline), buyer)

    def pack(self):
        return f"1{self.state}:{self.asked}:{self.taken}:{self.created}:{self.deadline}:{self.buyer}"

    def takes(self):
        return self.taken if self.state in "hc" else 0


class Stored:
    """One sale as it lies in Redis."""

    def __init__(self, redis, name):
        key = lambda part: "lastseat:{%s}:%s" % (name, part)
        self.name = name
        self.sale = redis.hash(key("sale"))
        self.records = {k: Record.parse(v) for k, v in redis.hash(key("orders")).items()}
        buyers = redis.hash(key("buyers"))
        self.tallies = {k: int(v) for k, v in buyers.items() if not k.startswith("ended ")}
        self.holds = redis.scores(key("holds"))
        self.log = redis.entries(key("log"))
        self.unrestored = redis.hash(key("unrestored"))

    def number(self, field):
        return int(self.sale[field])


class Replay:
    """The log from its first entry. `problems` names what no sale may ever say."""

    def __init__(self, log):
        self.records, self.capacity, self.restored = {}, 0, 0
        self.state = None
        self.last = 0
        self.problems = []
        for number, text in log:
            self._entry(int(number.split("-")[0]), text)

    def _entry(self, number, text):
        head, *events = text.split("\n")
        words = head.split(" ")
        if words[0] != "1" or len(words) != 3:
            self.problems.append(f"entry {number} has the head {head!r}")
            return
        healed = bool(events) and events[0].startswith("H ")
        if number != self.last + 1 and not healed:
            self.problems.append(f"the log goes from {self.last} to {number}")
        self.last = number
        for event in events:
            self._event(number, int(words[1]), event.split(" "))
            taken = sum(record.takes() for record in self.records.values()) if event[0] in "gRtK" else 0
            if taken > self.capacity:
                self.problems.append(f"after {event!r} of entry {number}: {taken} taken of {self.capacity}")

    def _event(self, number, at, words):
        kind, rest = words[0], words[1:]
        if kind == "C":
            self.capacity, self.state = int(rest[0]), rest[-1]
        elif kind == "K":
            self.capacity = int(rest[0])
        elif kind == "S":
            self.state = rest[0]
        elif kind == "g":
            key, quantity, deadline, buyer = rest
            if key in self.records:
                self.problems.append(f"order {key} is granted twice, again at {number}")
            state = "h" if int(deadline) else "c"
            self.records[key] = Record(state, int(quantity), int(quantity), at, int(deadline), buyer)
        elif kind == "R":
            self.restored += 1
            self.records[rest[0]] = Record.parse(rest[1])
        elif kind in "ctxeld":
            record = self.records.get(rest[0])
            if record is None:
                self.problems.append(f"{' '.join(words)} at {number} is of no order")
                return
            if kind in "ct":
                record.state, record.taken = "c", int(rest[1])
            elif kind == "d":
                record.deadline = int(rest[1])
            else:
                record.state = kind
        elif kind not in ("T", "H"):
            self.problems.append(f"an event {' '.join(words)!r} at {number} is none")
