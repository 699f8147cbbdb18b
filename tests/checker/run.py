"""One run: a seed decides sales, buyers and faults. Everything is mended at the end, the leftover tickets are sold, and
then everything is judged."""

import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

import judge
from buyers import Buyer, Order
from history import History
from resp import RedisError
from servers import ADMIN_TOKEN, Node, RedisServer

# What may be broken. `cut` and `torn` lose acknowledged orders, which all nodes, alive then, have to bring back.
FAULTS = ["redis_kill", "cut", "torn", "node_kill", "node_stop", "disk_full", "log_ahead", "pause", "restock"]
SETTLED = 90.0


class Run:
    def __init__(self, seed, seconds, binary, root, keep, sales, kinds):
        self.seed, self.seconds, self.binary, self.root = seed, seconds, binary, root
        self.random = random.Random(seed)
        self.kinds = kinds or FAULTS
        self.room = keep or tempfile.mkdtemp(prefix=f"checker-{seed}-")
        os.makedirs(self.room, exist_ok=True)
        self.keep = keep
        self.history = History(os.path.join(self.room, "history.jsonl"))
        self.whole = self.random.random() < 0.5
        self.count = sales or self.random.choice([1, 2, 4, 40, 400])
        self.redis = None
        self.nodes, self.sales, self.buyers = [], [], []
        self.damage_asked = False

    def run(self):
        try:
            self.begin()
            self.work()
            self.end()
        finally:
            for node in self.nodes:
                if node.process:
                    node.kill()
            if self.redis and self.redis.process:
                self.redis.kill()
        return self.history

    # --- the beginning ---

    def begin(self):
        self.redis = RedisServer(self.room, self.root, self.whole)
        self.redis.start()
        for number in range(1, self.random.randint(2, 4) + 1):
            node = Node(number, self.room, self.redis, self.binary)
            node.start()
            self.nodes.append(node)
        self.until("nodes are ready", lambda: all(self.ready(node) for node in self.nodes))
        for number in range(self.count):
            self.create(number)
        busy = self.sales if self.count <= 4 else self.random.sample(self.sales, 6 if self.count < 100 else 40)
        pace = 0.004 if self.count <= 4 else 0.01
        for number in range(8):
            self.buyers.append(Buyer(number, self.seed, self.nodes, busy, self.history, pace))
        self.busy = busy

    def create(self, number):
        hold = self.random.choice([0, 0, 1000, 3000, 600000])
        # Enough that a run does not sell out at once, and sometimes so few that it does.
        capacity = self.random.choice([1, 5, 50, 500, 5000, 1000000])
        sale = {
            "name": f"sale-{number}",
            "capacity": capacity,
            "buyers": self.random.choice([3, 1000, 1000000]),
            "limit": self.random.choice([0, 0, 3]),
        }
        body = {"capacity": capacity, "hold_ms": hold, "order_limit": 10}
        if sale["limit"]:
            body["buyer_limit"] = sale["limit"]
        status, answer = self.admin("PUT", f"/v1/admin/sales/{sale['name']}", body)
        if status not in (200, 201):
            raise RuntimeError(f"{sale['name']} cannot be created: {status} {answer}")
        self.sales.append(sale)

    def admin(self, method, path, body=None, node=None):
        node = node or self.nodes[0]
        connection = http.client.HTTPConnection(node.admin, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def ready(self, node):
        try:
            return self.admin("GET", "/readyz", node=node)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def until(self, what, true, seconds=SETTLED):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if true():
                return
            time.sleep(0.05)
        logs = [open(os.path.join(node.room, "log")).read()[-1500:] for node in self.nodes]
        raise RuntimeError(f"not within {seconds} s: {what}\n" + "\n".join(logs))

    # --- the middle ---

    def work(self):
        for buyer in self.buyers:
            buyer.start()
        deadline = time.monotonic() + self.seconds
        time.sleep(min(1.0, self.seconds / 4))
        first = True
        while time.monotonic() < deadline or first:
            first = False
            kind = self.random.choice(self.kinds)
            getattr(self, "fault_" + kind)()
            self.mended()
            time.sleep(self.random.uniform(0.3, 1.2))
        for buyer in self.buyers:
            buyer.stop()
        for buyer in self.buyers:
            buyer.join(60)
            if buyer.failure:
                raise buyer.failure

    def mended(self):
        """Waits until all nodes serve and no sale stands still: the next fault finds everything whole."""
        def quiet():
            for node in self.nodes:
                if not self.ready(node):
                    return False
                status, text = self.admin("GET", "/metrics", node=node)
                gauge = [line for line in text.splitlines() if line.startswith("lastseat_sales_healing ")]
                if status != 200 or any(float(line.split()[-1]) > 0 for line in gauge):
                    return False
            return True
        self.until("nodes are ready and no sale recovers", quiet)

    def fault_redis_kill(self):
        self.history.fault("redis_kill", stage="killed")
        self.redis.kill()
        time.sleep(self.random.uniform(0, 0.5))
        self.redis.start()

    def fault_cut(self):
        """The end of the file is gone, wherever it was cut; nodes are alive and bring back what they acknowledged."""
        self.redis.kill()
        size = os.path.getsize(self.redis.growing_file())
        most = self.random.choice([400, 4000, 20000])
        left = max(0, size - self.random.randrange(1, most))
        self.redis.cut(left)
        self.history.fault("cut", of=size, left=left)
        self.redis.start()

    def fault_torn(self):
        """As `cut`, but inside a script, and then two more starts with some selling between them."""
        self.redis.kill()
        path = self.redis.growing_file()
        with open(path, "rb") as file:
            text = file.read()
        begin = text.rfind(b"*1\r\n$5\r\nMULTI\r\n", 0, max(0, len(text) - self.random.choice([1, 3000])))
        end = text.find(b"*1\r\n$4\r\nEXEC\r\n", begin)
        if begin >= 0 and end > begin:
            left = self.random.randrange(begin + 20, end + 14)
            self.redis.cut(left)
            self.history.fault("torn", of=len(text), left=left, script=[begin, end])
        self.redis.start()
        for _ in range(2):
            self.mended()
            time.sleep(self.random.uniform(0.3, 1.5))
            self.redis.kill()
            self.history.fault("restart_after_torn")
            self.redis.start()

    def fault_node_kill(self):
        node = self.random.choice(self.nodes)
        self.history.fault("node_kill", node=node.number)
        node.kill()
        time.sleep(self.random.uniform(0, 1.0))
        node.start()

    def fault_node_stop(self):
        node = self.random.choice(self.nodes)
        self.history.fault("node_stop", node=node.number)
        node.signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.2, 3.0))
        node.signal(signal.SIGCONT)

    def fault_disk_full(self):
        """The journal of a node cannot grow for a while, and ends inside a line. Then there is room again, the node is
        started again with the file that it has, and Redis loses its end: what the file says is restored."""
        node = self.random.choice(self.nodes)
        path = self.redis.growing_file()
        size = os.path.getsize(path)
        self.history.fault("disk_full", node=node.number)
        for _ in range(3):
            node.limit_files(node.journal() + self.random.randrange(20, 600))
            time.sleep(self.random.uniform(0.1, 0.4))
            node.limit_files(None)
            time.sleep(self.random.uniform(0.1, 0.3))
        self.history.fault("disk_has_room", node=node.number)
        # A node writes what its file lacks within a second or two.
        time.sleep(2.5)
        node.kill()
        node.start()
        self.mended()
        self.redis.kill()
        if self.redis.growing_file() == path:
            self.redis.cut(size)
            self.history.fault("cut", of=os.path.getsize(path), left=size)
        self.redis.start()

    def fault_log_ahead(self):
        """A write of the log fails: its last id is far ahead. Nothing may be given meanwhile; then it is taken away."""
        sale = self.random.choice(self.busy)
        key = "lastseat:{%s}:log" % sale["name"]
        redis = self.redis.connect()
        self.history.fault("log_ahead", sale=sale["name"])
        try:
            if self.random.random() < 0.5:
                redis.call("XADD", key, "99999999999-0", "e", "1 1 1\nS open")
                time.sleep(self.random.uniform(0.3, 1.0))
                mend = "redis.call('XDEL', KEYS[1], '99999999999-0') local last = redis.call('HGET', KEYS[2], " \
                       "'commit_seq') return redis.call('XSETID', KEYS[1], last .. '-0')"
                redis.call("EVAL", mend, 2, key, "lastseat:{%s}:sale" % sale["name"])
            else:
                # In one step: an entry that is written between two would be the checker's own loss.
                aside = "redis.call('RENAME', KEYS[1], KEYS[2]) return redis.call('SET', KEYS[1], 'not a log')"
                redis.call("EVAL", aside, 2, key, key + ":aside")
                time.sleep(self.random.uniform(0.3, 1.0))
                redis.call("RENAME", key + ":aside", key)
        except RedisError as error:
            raise RuntimeError(f"the fault cannot be made: {error}") from error
        finally:
            redis.close()
        self.history.fault("log_mended", sale=sale["name"])

    def fault_pause(self):
        sale = self.random.choice(self.busy)["name"]
        self.history.fault("pause", sale=sale)
        self.admin("POST", f"/v1/admin/sales/{sale}/pause")
        time.sleep(self.random.uniform(0.1, 0.5))
        self.until("it is open again", lambda: self.admin("POST", f"/v1/admin/sales/{sale}/open")[0] == 200)

    def fault_restock(self):
        sale = self.random.choice(self.busy)
        more = self.random.randrange(1, 50)
        status, _ = self.admin("POST", f"/v1/admin/sales/{sale['name']}/restock", {"add": more})
        self.history.fault("restock", sale=sale["name"], more=more, status=status)

    # --- the end ---

    def end(self):
        self.mended()
        self.sell_out()
        for node in self.nodes:
            node.signal(signal.SIGSTOP)
        # What they had sent already is carried out.
        time.sleep(0.5)
        redis = self.redis.connect()
        orders, cancelled = {}, set()
        for buyer in self.buyers:
            cancelled |= buyer.perhaps_cancelled
            for order in buyer.orders:
                orders.setdefault(order.sale, []).append(order)
        for sale in self.sales:
            found = judge.stored(self.history, redis, sale["name"])
            if found:
                judge.answers(self.history, found, orders.get(sale["name"], []), cancelled)
        redis.close()
        for node in self.nodes:
            node.signal(signal.SIGCONT)
        for sale in self.busy:
            self.audit(sale["name"])
        self.damage()

    def sell_out(self):
        """Whatever is left of small sales can be sold to somebody new."""
        node = self.nodes[0]
        last = Buyer(99, self.seed, [node], self.busy, self.history, 0)
        self.buyers.append(last)
        for sale in self.busy:
            if sale["capacity"] > 100:
                continue
            name, number = sale["name"], 0
            deadline = time.monotonic() + 30
            while True:
                number += 1
                order = Order(name, f"last-{name}-{number:012}", f"last-{number}", 1)
                last.orders.append(order)
                last.send_order(order)
                if order.state is not None:
                    continue
                # Holds that end meanwhile bring tickets back: only what stays is left over.
                status, text = self.admin("GET", f"/v1/admin/sales/{name}")
                view = json.loads(text) if status == 200 else {}
                if view.get("free") == 0 or view.get("state") != "open":
                    break
                if time.monotonic() > deadline:
                    why = f"{view.get('free')} of {view.get('capacity')}"
                    self.history.violation("tickets are left over", name, "", why)
                    break
                time.sleep(0.05)

    def audit(self, name, damaged=False):
        words = [self.binary, "audit", "--json", "--redis-url", "unix:" + self.redis.socket, "--sale", name]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        try:
            ok = json.loads(done.stdout)["ok"]
        except (ValueError, KeyError):
            ok = None
        if ok is None or done.returncode not in (0, 1):
            self.history.violation("the audit gives no report", name, "", done.stdout[-300:] + done.stderr[-300:])
        elif ok and damaged:
            self.history.violation("the audit does not see the damage", name, "", str(damaged))
        elif not ok and not damaged:
            self.history.violation("the audit sees a difference", name, "", done.stdout[-600:])

    def damage(self):
        """Damage of several kinds: the audit names each and never fails."""
        if "log_ahead" not in self.kinds and not self.damage_asked:
            return
        for node in self.nodes:
            node.signal(signal.SIGSTOP)
        time.sleep(0.5)
        redis = self.redis.connect()
        for kind, sale in zip(["log", "record", "tally", "field", "type"], self.busy * 5):
            name = sale["name"]
            key = lambda part: "lastseat:{%s}:%s" % (name, part)
            copy = {part: redis.call("DUMP", key(part)) for part in ("sale", "orders", "buyers", "holds", "log")}
            if kind == "log":
                redis.call("DEL", key("log"))
            elif kind == "record":
                redis.call("HSET", key("orders"), "a-damaged-order-0001", "9z:what")
            elif kind == "tally":
                redis.call("HSET", key("buyers"), "somebody", "many")
            elif kind == "field":
                redis.call("HSET", key("sale"), "held", "-7")
            else:
                redis.call("DEL", key("holds"))
                redis.call("SET", key("holds"), "text")
            self.history.fault("damage", what=kind, sale=name)
            self.audit(name, damaged=kind)
            for part, dump in copy.items():
                redis.call("DEL", key(part))
                if dump is not None:
                    redis.call("RESTORE", key(part), 0, dump)
        redis.close()
        for node in self.nodes:
            node.signal(signal.SIGCONT)

    def forget(self):
        if not self.keep:
            shutil.rmtree(self.room, ignore_errors=True)
