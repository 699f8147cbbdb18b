"""Measures what a call of reserve.lua costs Redis, the script of this tree and that of another commit in turn.

    python3 tests/checker/script_cost.py --against a07e494 [--hold-ms 60000]

A private Redis without append-only file on a unix socket; for each size of batch the two take turns, each round on a fresh
sale that has 1,000 orders, several calls in one write; and `INFO commandstats` says how many microseconds Redis spent in EVALSHA. Prints a Markdown table of the fastest
round of each, where the machine disturbed least, the median, and the median of the pairs' ratios; then what a call
costs before its first order and what an order costs, by the fastest rounds of the smallest and the largest batch.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from resp import Redis

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEDGER = "origin/ledger"
BATCHES = (1, 16, 64, 256)
# Orders of a sale before anything is measured.
FIRST = 1000


def script(name, commit):
    """A script of the tree or of a commit, put together of its files."""
    def text(file):
        if commit is None:
            return (ROOT / LEDGER / file).read_text()
        shown = subprocess.run(["git", "show", f"{commit}:{LEDGER}/{file}"], cwd=ROOT, capture_output=True, text=True,
                               check=False)
        if shown.returncode:
            sys.exit(shown.stderr)
        return shown.stdout
    rust = text("src/scripts.rs")
    parts = re.search(rf"^    {name} \[(.*?)\];$", rust, re.M | re.S)
    # Before sale_fields.lua each had the prelude before it.
    files = re.findall(r'"(.*?)"', parts[1]) if parts else ["prelude.lua", f"{name}.lua"]
    return "".join(text(f"lua/{file}") for file in files)


def wait_for(path):
    for _ in range(200):
        try:
            return Redis(path)
        except OSError:
            time.sleep(0.05)
    sys.exit("redis-server did not start within 10 s")


def round_of(redis, scripts, batch, options, number):
    """Microseconds of Redis for a call, over many calls on a fresh sale."""
    create, reserve = scripts
    sale = f"cost-{number}"
    keys = [f"lastseat:{{{sale}}}" + end for end in ("", ":orders", ":buyers", ":holds", ":log")]
    redis.call("EVAL", create, 5, *keys, 0, 10**9, 0, 0, options.hold_ms, 0, 4, "open")
    sha = redis.call("SCRIPT", "LOAD", reserve)

    def call_with(first, count):
        words = ["EVALSHA", sha, 5, *keys, 0]
        for n in range(first, first + count):
            words += [f"01890a5d-ac96-774b-8000-{n:012x}", f"buyer-{n}", 1]
        return words

    # Small hashes are lists in Redis, and slower.
    redis.call(*call_with(0, FIRST))
    last = FIRST + max(32, min(1000, options.orders // batch)) * batch
    calls = [call_with(first, batch) for first in range(FIRST, last, batch)]
    redis.call("CONFIG", "RESETSTAT")
    together = max(1, 64 // batch)
    for first in range(0, len(calls), together):
        for reply in redis.pipeline(calls[first:first + together]):
            if reply[1] != b"g" * batch:
                sys.exit(f"not every order was granted: {reply[1]}")
    stats = redis.call("INFO", "commandstats").decode()
    redis.call("FLUSHALL")
    return float(re.search(r"cmdstat_evalsha:calls=\d+,usec=\d+,usec_per_call=([\d.]+)", stats)[1])


def measure(redis, variants, batch, options):
    """The rounds of each variant. Which of them comes first changes from round to round."""
    rows = [[] for _ in variants]
    for number in range(options.rounds + 1):
        for place in range(len(variants)):
            at = (place + number) % len(variants)
            cost = round_of(redis, variants[at][1], batch, options, number)
            # The first round warms up.
            if number:
                rows[at].append(cost)
    return rows


def report(redis, variants, options):
    print("| orders a batch |" + "".join(f" {name}: µs a call, fastest (median) |" for name, _ in variants)
          + " ratio, median of pairs |\n|---|" + "---|" * (len(variants) + 1))
    fastest = {}
    for batch in BATCHES:
        rows = measure(redis, variants, batch, options)
        fastest[batch] = [min(row) for row in rows]
        ratio = statistics.median(a / b for a, b in zip(*rows))
        print(f"| {batch} |" + "".join(f" {min(row):.1f} ({statistics.median(row):.1f}) |" for row in rows)
              + f" {ratio:.2f} |", flush=True)
    least, most = BATCHES[0], BATCHES[-1]
    for at, (name, _) in enumerate(variants):
        order = (fastest[most][at] - fastest[least][at]) / (most - least)
        print(f"\n{name}: {fastest[least][at] - order:.1f} µs a call and {order:.2f} µs an order")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--against", required=True, help="commit whose script is measured beside it")
    parser.add_argument("--rounds", type=int, default=15, choices=range(3, 101), metavar="3..100")
    parser.add_argument("--orders", type=int, default=8192, help="orders of a round, in all batch sizes")
    parser.add_argument("--hold-ms", type=int, default=0, help="how long a hold lasts; 0 = orders are confirmed at once")
    options = parser.parse_args()
    variants = [(name, [script(file, commit) for file in ("create", "reserve")])
                for name, commit in (("this tree", None), (options.against, options.against))]
    with tempfile.TemporaryDirectory(prefix="lastseat-cost-") as folder:
        path = f"{folder}/redis.sock"
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "",
                                   "--dir", folder, "--logfile", "redis.log"])
        try:
            with wait_for(path) as redis:
                report(redis, variants, options)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
