"""The faults of a run, one after the other, and which orders each of them may cost by docs/FAILOVER.md."""

import os
import time

from resp import RedisError
from web import Web, outcome
from work import Sale

# A cut reaches at most so far back: within the last orders, as a disk does that forgot its last writes. Where there are
# many sales, so far that several of them lose orders.
CUT_BYTES, CUT_BYTES_OF_MANY = 4096, 32768
# Beyond every number that lastseat gives.
FAR_AHEAD = "99999999999999-0"
FAULTS = ("node-kill", "freeze", "redis-kill", "cut", "torn", "torn-pair", "disk", "log-type", "log-ahead", "log-gone",
          "record")


class Faults:
    """Carries out the chosen kinds until the time is over. One Redis fault ends before the next fault begins."""

    def __init__(self, random, stage, history, sales, kinds):
        self.random, self.stage, self.history, self.sales, self.kinds = random, stage, history, sales, kinds
        self.web = Web(history)
        self.cut_bytes = CUT_BYTES if len(sales) <= 20 else CUT_BYTES_OF_MANY
        self.floor = os.path.getsize(stage.growing_file())
        # (node, from, to): what this node acknowledged then may be lost, by the bounds that FAILOVER.md states.
        self.bounds = []

    def go_on_until(self, end):
        """Faults at random moments; those that spoil a sale for good come in `mend`."""
        kinds = [kind for kind in self.kinds if kind not in ("log-gone", "record")]
        while time.monotonic() < end:
            time.sleep(self.random.uniform(0.3, 1.5))
            if kinds and time.monotonic() < end:
                getattr(self, self.random.choice(kinds).replace("-", "_"))()

    def forgiven(self, calls):
        """Whether an order may be gone: a node in its bound acknowledged something of it."""
        return any(c["node"] == node and c["from"] <= to and c.get("to", to) >= since
                   for c in calls for node, since, to in self.bounds)

    def mend(self):
        """Everything runs again. Then sales are damaged for good, if that was chosen: what audit says of them is judged."""
        for node in self.stage.nodes:
            if node.process is None:
                node.start()
            elif node.frozen:
                node.freeze(False)
        if not self.stage.wait_whole(self.history):
            return
        for kind in self.kinds:
            if kind in ("log-gone", "record"):
                self._spoil(kind)

    def _spoil(self, kind):
        sale = Sale("spoilt-" + kind, {"capacity": 20}, False)
        if outcome(self.web.admin("create", self.stage.nodes[0], "PUT", sale.name, sale.terms)) != "yes":
            return
        for number in range(5):
            key = f"spoilt-{kind}-{number:08}"
            sale.asked[key] = (f"s{number}", 2)
            self.web.order(self.stage.nodes[0], sale.name, key, *sale.asked[key])
        sale.spoilt = True
        keys = "lastseat:{%s}:" % sale.name
        with self.stage.connect() as redis:
            if kind == "log-gone":
                redis.call("DEL", keys + "log")
            else:
                redis.call("HSET", keys + "orders", f"spoilt-{kind}-{0:08}", "1c:many:2:0:0:s0")
        self.history.fault(kind, sale=sale.name)
        self.sales.append(sale)

    def node_kill(self):
        node = self.random.choice(self.stage.nodes)
        self.history.fault("node-kill", node=node.number)
        node.kill()
        time.sleep(self.random.uniform(0, 1.5))
        node.start()
        self.history.fault("-node-started", node=node.number)

    def freeze(self):
        node = self.random.choice(self.stage.nodes)
        self.history.fault("freeze", node=node.number)
        node.freeze(True)
        time.sleep(self.random.uniform(0.2, 2.5))
        node.freeze(False)
        self.history.fault("-thawed", node=node.number)

    def _down(self, kind, **more):
        self.history.fault(kind, **more)
        self.stage.kill_redis()

    def _up(self):
        """Starts Redis and waits until the sales have recovered and Redis has ended the rewriting of its file."""
        self.stage.start_redis()
        self.history.fault("-redis-started", start=self.stage.starts)
        whole = self.stage.wait_whole(self.history)
        end = time.monotonic() + 20
        while time.monotonic() < end and self._rewrites():
            time.sleep(0.1)
        self._read_unrestored()
        self.history.fault("-recovered" if whole else "-not-recovered-within-60-s")

    def _read_unrestored(self):
        """Which orders this recovery lists as not restored: a later one may restore them and take them off the list."""
        with self.stage.connect() as redis:
            for sale in self.sales:
                listed = redis.call("HKEYS", "lastseat:{%s}:unrestored" % sale.name)
                sale.unrestored |= {order.decode() for order in listed}

    def _rewrites(self):
        try:
            with self.stage.connect() as redis:
                said = redis.call("INFO", "persistence")
        except (OSError, RedisError):
            return True
        return b"aof_rewrite_in_progress:1" in said or b"aof_rewrite_scheduled:1" in said

    def redis_kill(self):
        self._down("redis-kill")
        time.sleep(self.random.uniform(0, 0.5))
        self._up()

    def _cut_to(self, length):
        path = self.stage.growing_file()
        size = os.path.getsize(path)
        # A file that Redis has rewritten begins anew: all of it is later than the creation of the sales.
        floor = self.floor if ".1.incr" in path else 0
        length = max(min(length(path, size), size), floor)
        os.truncate(path, length)
        self.history.fault("-cut", size=size, length=length)

    def cut(self):
        self._down("cut")
        self._cut_to(lambda _, size: size - self.random.randint(1, self.cut_bytes))
        self._up()

    def _inside_a_script(self, path, size):
        """A length at which a script that grants has begun and not ended."""
        with open(path, "rb") as file:
            file.seek(max(0, size - CUT_BYTES))
            base, tail = file.tell(), file.read()
        places, at = [], tail.find(b"*1\r\n$5\r\nMULTI\r\n")
        while at >= 0:
            end = tail.find(b"*1\r\n$4\r\nEXEC\r\n", at)
            if end > at and b":orders" in tail[at:end]:
                places.append((at + 16, end))
            at = tail.find(b"*1\r\n$5\r\nMULTI\r\n", at + 1)
        if not places:
            return size - self.random.randint(1, self.cut_bytes)
        begin, end = self.random.choice(places[-3:])
        return base + self.random.randint(begin, end)

    def torn(self, node=None):
        """A half script at the end of the file, and two more starts: the second must not carry it out."""
        self._down("torn" if node is None else "torn-pair", **({} if node is None else {"node": node.number}))
        if node is not None:
            node.kill()
            self.bounds.append((node.number, 0, self.history.now()))
        self._cut_to(self._inside_a_script)
        self._up()
        time.sleep(self.random.uniform(0.5, 1.5))
        for _ in range(2):
            self._down("redis-kill", after="torn")
            self._up()
            time.sleep(self.random.uniform(0.2, 0.8))
        if node is not None:
            node.start()

    def torn_pair(self):
        """As `torn`; a node dies with Redis, so that nobody restores what it alone had acknowledged."""
        self.torn(self.random.choice(self.stage.nodes))

    def disk(self):
        """A node's journal is cut short in a line by a full disk and goes on; then the node and the ledger need it."""
        node = self.random.choice(self.stage.nodes)
        since, before = self.history.now(), os.path.getsize(self.stage.growing_file())
        # Several times: each time the first line after the full disk comes behind a torn one.
        for _ in range(6):
            sizes = [os.path.getsize(path) for path in node.journals()]
            limit = max(sizes, default=0) + self.random.randint(1, 400)
            self.history.fault("disk", node=node.number, limit=limit)
            node.limit_files(limit)
            time.sleep(self.random.uniform(0.1, 0.3))
            node.limit_files(None)
            self.history.fault("-disk-has-room", node=node.number)
            time.sleep(self.random.uniform(0.02, 0.2))
        path = self.stage.growing_file()
        node.kill()
        self.bounds.append((node.number, since, self.history.now()))
        node.start()
        self._down("cut", after="disk")
        # Back to the moment at which the disk was full: all of it was acknowledged by nodes.
        self._cut_to(lambda now, size: before if now == path and before < size else size - CUT_BYTES)
        self._up()

    def _log_fails(self, kind, break_, mend):
        sale = self.random.choice([sale for sale in self.sales if sale.busy])
        log = "lastseat:{%s}:log" % sale.name
        with self.stage.connect() as redis:
            if redis.call("TYPE", log) != b"stream":
                # There is none to break; at the end the judge sees what became of it.
                return
            self.history.fault(kind, sale=sale.name)
            break_(redis, log)
            # Orders come in any case, and each is repeated at another node.
            for number in range(6):
                key = f"{kind}-{number}-{self.random.getrandbits(64):016x}"
                sale.asked[key] = (f"{kind}-{number}", 1)
                for node in self.random.sample(self.stage.nodes, 2):
                    self.web.order(node, sale.name, key, *sale.asked[key], retry=True)
            time.sleep(self.random.uniform(0.2, 0.8))
            mend(redis, log)
            self.history.fault("-log-mended", sale=sale.name)

    def log_type(self):
        """The log's key has a wrong type for a while: each write of it fails."""
        def break_(redis, log):
            redis.call("MULTI")
            redis.call("RENAME", log, log + "-aside")
            redis.call("SET", log, "no stream")
            redis.call("EXEC")

        def mend(redis, log):
            redis.call("RENAME", log + "-aside", log)

        self._log_fails("log-type", break_, mend)

    def log_ahead(self):
        """A foreign entry far ahead, so that the next number is refused; later it is taken away."""
        last = []

        def break_(redis, log):
            words = redis.call("XINFO", "STREAM", log)
            fields = dict(zip(words[::2], words[1::2]))
            last.append(fields[b"last-generated-id"])
            redis.call("XADD", log, FAR_AHEAD, "e", "foreign")

        def mend(redis, log):
            redis.call("XDEL", log, FAR_AHEAD)
            # A script may have written between the two calls above.
            top = redis.call("XREVRANGE", log, "+", "-", "COUNT", 1)
            number = lambda text: int(text.split(b"-")[0])
            redis.call("XSETID", log, max([last[0]] + [entry[0] for entry in top], key=number))

        self._log_fails("log-ahead", break_, mend)
