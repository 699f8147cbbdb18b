"""How long sales stand still after Redis was killed and started, by the number of sales, and whether any acknowledged
order is missing afterwards.

    python3 tests/checker/pause.py [--sales 1,40,400,4000] [--nodes 4] [--bin target/release/lastseat]

For each number: once plainly, and once with the end of the append-only file cut so that acknowledged orders are lost.
The pause is the time from the moment at which Redis answers to the last node's line that all sales go on, as the log has
it. Then every sale is asked for a ticket until it has sold one. Prints rows of a table. Exit code 1 = an order was missing, or a plain restart took longer than --most seconds.
"""

import argparse
import datetime
import http.client
import json
import os
import re
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stage import Stage  # noqa: E402
from web import ADMIN  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
THREADS = 8
# Orders that Redis loses at most, one a sale.
LOST = 400
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
    """One order in each sale, repeated until it is answered with yes; when the last one was."""
    def lane(n):
        connections = {}
        waiting = names[n::THREADS]
        while waiting:
            left = []
            for place, name in enumerate(waiting):
                if not order(connections, nodes[place % len(nodes)], name, f"{word}-{name}-0000000001"):
                    left.append(name)
            waiting = left
            if left:
                time.sleep(0.005)
    in_threads(lane)
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


def measure(count, nodes_wanted, program, directory):
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
        rows = []
        for kind, word in (("kill -9 and start", "kept"), ("the same, end of the file cut", "lost")):
            size = os.path.getsize(stage.growing_file())
            some = names[:LOST]
            buy_in_each(nodes, some, word)
            before = [len(lines(node)) for node in nodes]
            stage.kill_redis()
            if word == "lost":
                os.truncate(stage.growing_file(), size)
            stage.start_redis()
            took = pause(nodes, before, time.time())
            buy_in_each(nodes, names, f"after-{word}")
            rows.append((kind, took, len(some) if word == "lost" else 0, missing(stage, some, word)))
        return rows
    finally:
        stage.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sales", default="1,40,400,4000")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--most", type=float, help="seconds that a plain restart may take")
    parser.add_argument("--bin", default=os.path.join(ROOT, "target/release/lastseat"))
    flags = parser.parse_args()
    bad = False
    print("| sales | what | until all sales go on | orders lost by Redis | missing afterwards |\n|---|---|---|---|---|")
    for count in map(int, flags.sales.split(",")):
        with tempfile.TemporaryDirectory(prefix="pause-") as room:
            for kind, took, lost, gone in measure(count, flags.nodes, os.path.abspath(flags.bin), room):
                print(f"| {count:,} | {kind} | {took:.2f} s | {lost} | {gone} |", flush=True)
                late = flags.most and kind.startswith("kill") and took > flags.most
                bad = bad or gone > 0 or bool(late)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
