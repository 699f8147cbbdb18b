"""Measures what a call of reserve.lua costs Redis, in pairs: the script of this tree, the same without the guard
that reads the log's last id, and the script of an older commit.

    python3 tests/checker/script_cost.py --against b1bf712

A private Redis without append-only file on a unix socket; for each size of batch the variants take turns, each round
on fresh sales, and `INFO commandstats` says how many microseconds Redis spent in EVALSHA. Prints a Markdown table of
the fastest round of each, where the machine disturbed least, and the median.
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
OLD, NEW = "origin/src/ledger/lua", "origin/ledger/lua"
BATCHES = (1, 8, 64, 256)
# The lines of prelude.lua that are the guard, by what they begin and end with.
GUARD = re.compile(r"\n  local ahead = redis\.call\('XREAD'.*?\n  end\n", re.S)


def script(name, commit):
    """A script with its prelude, of the tree or of a commit."""
    def text(file):
        if commit is None:
            return (ROOT / NEW / file).read_text()
        for folder in (NEW, OLD):
            shown = subprocess.run(["git", "show", f"{commit}:{folder}/{file}"], cwd=ROOT,
                                   capture_output=True, text=True, check=False)
            if shown.returncode == 0:
                return shown.stdout
        sys.exit(f"commit {commit} has no {file}")
    return text("prelude.lua") + text(f"{name}.lua")


def variants(against):
    """What is measured: name, script that creates a sale, script that reserves."""
    reserve = script("reserve", None)
    without, cuts = GUARD.subn("\n", reserve)
    if cuts != 1:
        sys.exit("the guard was not found in prelude.lua: say in GUARD what it looks like now")
    return [("this tree", script("create", None), reserve),
            ("without the guard", script("create", None), without),
            (against, script("create", against), script("reserve", against))]


def wait_for(path):
    for _ in range(200):
        try:
            return Redis(path)
        except OSError:
            time.sleep(0.05)
    sys.exit("redis-server did not start within 10 s")


def round_of(redis, variant, batch, calls, number):
    """Microseconds of Redis for a call, over `calls` calls on a fresh sale."""
    _, create, reserve = variant
    sale = f"cost-{number}"
    keys = [f"lastseat:{{{sale}}}" + end for end in ("", ":orders", ":buyers", ":holds", ":log")]
    redis.call("EVAL", create, 5, *keys, 0, 10**9, 0, 0, 0, 0, 4, "open")
    sha = redis.call("SCRIPT", "LOAD", reserve)
    batches = []
    for call in range(calls):
        words = []
        for order in range(batch):
            n = call * batch + order
            words += [f"01890a5d-ac96-774b-8000-{n:012x}", f"buyer-{n}", 1]
        batches.append(words)
    redis.call("CONFIG", "RESETSTAT")
    for words in batches:
        letters = redis.call("EVALSHA", sha, 5, *keys, 0, *words)[1]
        if letters != b"g" * batch:
            sys.exit(f"{variant[0]}: not every order was granted: {letters}")
    stats = redis.call("INFO", "commandstats").decode()
    redis.call("FLUSHALL")
    return float(re.search(r"cmdstat_evalsha:calls=\d+,usec=\d+,usec_per_call=([\d.]+)", stats)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--against", default="b1bf712", help="commit whose script is measured beside it")
    parser.add_argument("--rounds", type=int, default=15, choices=range(3, 101), metavar="3..100")
    parser.add_argument("--orders", type=int, default=8192, help="orders of a round, in all batch sizes")
    options = parser.parse_args()
    measured = variants(options.against)
    with tempfile.TemporaryDirectory(prefix="lastseat-cost-") as folder:
        path = f"{folder}/redis.sock"
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "",
                                   "--dir", folder, "--logfile", "redis.log"])
        try:
            with wait_for(path) as redis:
                print("| orders a batch |" + "".join(f" {name}: µs a call, fastest (median) |" for name, _, _ in measured)
                      + " guard, median of pairs |\n|---|" + "---|" * (len(measured) + 1))
                for batch in BATCHES:
                    rows = measure(redis, measured, batch, options)
                    guard = statistics.median(a - b for a, b in zip(rows[0], rows[1]))
                    print(f"| {batch} |" + "".join(f" {min(row):.1f} "
                          f"({statistics.median(row):.1f}) |" for row in rows) + f" {guard:+.2f} |",
                          flush=True)
        finally:
            server.kill()
            server.wait()


def measure(redis, measured, batch, options):
    """A row of figures for each variant. The order within a round turns, so that none always comes first."""
    rows = [[] for _ in measured]
    calls = max(32, min(2000, options.orders // batch))
    for number in range(options.rounds + 1):
        for place in range(len(measured)):
            at = (place + number) % len(measured)
            cost = round_of(redis, measured[at], batch, calls, number)
            # The first round warms up.
            if number:
                rows[at].append(cost)
    return rows


if __name__ == "__main__":
    main()
