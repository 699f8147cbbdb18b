"""How long sales stand still after Redis was killed and started, by the number of sales, and whether any acknowledged
order is missing afterwards.

    python3 tests/checker/pause.py [--sales 1,40,400,4000] [--scenes plain,cut,...] [--nodes 4] [--bin target/release/lastseat]

Scenes, each on the same sales, one after the other:

    plain     Redis is killed (-9) and started
    cut       the same, and the end of the append-only file is cut so that acknowledged orders are lost
    slow      as cut, and one node stands still for 40 of each 50 ms
    frozen    as cut, and one node is stopped when Redis dies and goes on 3 s later
    dead      as cut, and one node is killed with Redis and started when the others sell again
    restarted as cut, and one node is killed and started while Redis recovers
    twice     as cut, and Redis is killed, cut and started once more half a second later

The pause is the time from the moment at which Redis answers (the second time in `twice`) to the last line of a node that nothing was done to
that all sales go on, as their logs have it. Then every sale is asked for a ticket until it has sold one, and when no node
has a sale that stands still, the orders that Redis lost are looked for. Prints rows of a table. Exit code 1 = an order
was missing, or `plain` took longer than --most seconds.
"""

import argparse
import datetime
import http.client
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stage import Stage, wait_for  # noqa: E402
from web import ADMIN, Web  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
THREADS = 8
# Orders that Redis loses at most, one a sale.
LOST = 400
BEGIN, END = "<!-- make pause writes from here -->", "<!-- to here -->"
SCENES = {
    "plain": "kill -9 and start",
    "cut": "the same, end of the file cut",
    "slow": "cut, a node stands still for 40 of each 50 ms",
    "frozen": "cut, a node frozen for 3 s",
    "dead": "cut, a node killed with Redis and started after the pause",
    "restarted": "cut, a node killed and started during it",
    "twice": "cut, and 0.5 s later again",
}
GOES_ON = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z.*(all is well|sales go on after)")


def ask(connections, node, method, path, body=None, headers=None, admin=False):
    address = (node.admin if admin else node.url).split("//")[1]
    try:
        connection = connections.get(address)
        if connection is None:
            connection = connections[address] = http.client.HTTPConnection(address, timeout=10)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        connections.pop(address, None)
        return 0, b""


def order(connections, node, sale, key):
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    body = json.dumps({"buyer": f"of-{key}", "quantity": 1})
    return ask(connections, node, "POST", f"/v1/sales/{sale}/orders", body, headers)[0] in (200, 201)


def in_threads(work):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def buy_in_each(nodes, names, word):
    """One order in each sale, repeated until it is answered with yes, for two minutes at most."""
    deadline, late = time.monotonic() + 120, []

    def lane(n):
        connections = {}
        waiting = names[n::THREADS]
        while waiting:
            left = []
            for place, name in enumerate(waiting):
                if not order(connections, nodes[place % len(nodes)], name, f"{word}-{name}-0000000001"):
                    left.append(name)
            waiting = left
            if left and time.monotonic() > deadline:
                late.extend(left)
                return
            if left:
                time.sleep(0.005)
    in_threads(lane)
    if late:
        raise RuntimeError(f"{len(late)} sales do not sell, {late[0]} among them")
    return time.monotonic()


def lines(node):
    """The moments of the node's lines that all sales go on."""
    log = os.path.join(node.stage.directory, f"node-{node.number}.stderr")
    with open(log, encoding="utf-8", errors="replace") as file:
        found = [GOES_ON.search(line) for line in file]
    moments = [datetime.datetime.fromisoformat(match[1] + "+00:00") for match in found if match]
    return [moment.timestamp() for moment in moments]


def pause(nodes, before, begun):
    """Seconds from `begun` until the last node said that all sales go on."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        now = [lines(node) for node in nodes]
        if all(len(moments) > count for moments, count in zip(now, before)):
            return max(moments[-1] for moments in now) - begun
        time.sleep(0.05)
    raise RuntimeError("not all nodes say that sales go on")


def missing(stage, names, word):
    """How many of these orders Redis does not have with their ticket."""
    gone = 0
    with stage.connect() as redis:
        for name in names:
            record = redis.call("HGET", "lastseat:{%s}:orders" % name, f"{word}-{name}-0000000001")
            gone += record is None or record[:2] not in (b"1h", b"1c")
    return gone


class Slow:
    """A node that stands still for 40 of each 50 ms, in a `with`."""

    def __init__(self, node):
        self.node, self.over = node, threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over.is_set():
            self.node.process.signal(signal.SIGSTOP)
            time.sleep(0.04)
            self.node.process.signal(signal.SIGCONT)
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def kill_redis_cut_and_start(stage, size):
    stage.kill_redis()
    if size is not None:
        os.truncate(stage.growing_file(), size)
    stage.start_redis()
    return time.time()


def play(scene, stage, names, some):
    """Plays one scene and says how long all sales stood still. What the acknowledged orders of `some` are is in Redis."""
    nodes, odd = stage.nodes, stage.nodes[-1]
    size = None if scene == "plain" else os.path.getsize(stage.growing_file())
    buy_in_each(nodes, some, scene)
    others = nodes if scene in ("plain", "cut", "twice") else nodes[:-1]
    before = [len(lines(node)) for node in others]
    if scene == "slow":
        with Slow(odd):
            return pause(others, before, kill_redis_cut_and_start(stage, size))
    if scene == "frozen":
        odd.freeze(True)
        begun = kill_redis_cut_and_start(stage, size)
        time.sleep(max(0.0, begun + 3 - time.time()))
        odd.freeze(False)
        return pause(others, before, begun)
    if scene == "dead":
        odd.kill()
        took = pause(others, before, kill_redis_cut_and_start(stage, size))
        odd.start()
        return took
    begun = kill_redis_cut_and_start(stage, size)
    if scene == "restarted":
        odd.kill()
        odd.start()
    if scene == "twice":
        time.sleep(0.5)
        before = [len(lines(node)) for node in others]
        # Of what the first recovery wrote, too, the end is lost.
        begun = kill_redis_cut_and_start(stage, max(size, os.path.getsize(stage.growing_file()) - 4096))
    return pause(others, before, begun)


def recovered(stage):
    """Whether no sale stands still at any node, four times in a row."""
    web = Web(None)
    for _ in range(4):
        if not stage.is_whole(web):
            return False
        time.sleep(0.1)
    return True


def measure(count, nodes_wanted, program, scenes, directory):
    stage = Stage(directory, program, nodes_wanted, True)
    nodes = stage.nodes
    try:
        names = [f"sale-{n:05}" for n in range(count)]
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}

        def create(lane):
            connections = {}
            for name in names[lane::THREADS]:
                path = f"/v1/admin/sales/{name}"
                while ask(connections, nodes[0], "PUT", path, '{"capacity":1000000}', headers, True)[0] not in (200, 201):
                    time.sleep(0.05)
        in_threads(create)
        buy_in_each(nodes, names, "first")
        time.sleep(1.5)
        some = names[:LOST]
        for scene in scenes:
            took = play(scene, stage, names, some)
            buy_in_each(nodes, names, f"after-{scene}")
            wait_for("all sales go on at all nodes", 60, lambda: recovered(stage))
            lost = 0 if scene == "plain" else len(some)
            yield scene, took, lost, missing(stage, some, scene)
            # A history that is a beat old: each scene finds nodes that live.
            time.sleep(1.5)
    finally:
        stage.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sales", default="1,40,400,4000")
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--most", type=float, help="seconds that a plain restart may take")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/FAILOVER.md")
    parser.add_argument("--bin", default=os.path.join(ROOT, "target/release/lastseat"))
    flags = parser.parse_args()
    bad = False
    scenes = flags.scenes.split(",")
    unknown = [scene for scene in scenes if scene not in SCENES]
    if unknown:
        parser.error(f"unknown scene {unknown[0]}; there are {', '.join(SCENES)}")
    table = []

    def row(text):
        print(text, flush=True)
        table.append(text)
    row("| sales | what | until all sales go on | orders lost by Redis | missing afterwards |")
    row("|---|---|---|---|---|")
    for count in map(int, flags.sales.split(",")):
        with tempfile.TemporaryDirectory(prefix="pause-") as room:
            for scene, took, lost, gone in measure(count, flags.nodes, os.path.abspath(flags.bin), scenes, room):
                row(f"| {count:,} | {SCENES[scene]} | {took:.2f} s | {lost} | {gone} |")
                late = flags.most and scene == "plain" and took > flags.most
                bad = bad or gone > 0 or bool(late)
    if flags.write_docs:
        write(table)
    sys.exit(1 if bad else 0)


def write(table):
    """Puts the table between its marks in docs/FAILOVER.md."""
    path = os.path.join(ROOT, "docs", "FAILOVER.md")
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    text = before + BEGIN + "\n" + "\n".join(table) + "\n" + END + rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
