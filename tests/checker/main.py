#!/usr/bin/env python3
"""An independent check of lastseat: one seed is one run under faults, judged from answers, records and log alone."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from random import Random

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from ending import sell_the_rest  # noqa: E402
from faults import FAULTS, Faults  # noqa: E402
from history import History  # noqa: E402
from judge import Judge  # noqa: E402
from stage import Stage, StageError  # noqa: E402
from web import Web, outcome  # noqa: E402
from work import Crowd, make_sales  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog="Exit codes: 0 clean, 1 violations, 2 could not check.")
    parser.add_argument("--seed", type=int, required=True, help="names the run")
    parser.add_argument("--seconds", type=float, default=30, help="how long calls and faults go on (default 30)")
    parser.add_argument("--bin", default=os.path.join(ROOT, "target/release/lastseat"), help="the lastseat to check")
    parser.add_argument("--keep", metavar="DIR", help="keep the history and all files of the run there")
    parser.add_argument("--sales", type=int, help="how many sales (default: by the seed 1, 40 or 400)")
    parser.add_argument("--faults", help=f"only these, separated by commas: {', '.join(FAULTS)}; '' = none")
    parser.add_argument("--redis", choices=["whole", "plain"], help="how Redis is started (default: by the seed)")
    chosen = parser.parse_args()
    kinds = list(FAULTS) if chosen.faults is None else [k for k in chosen.faults.split(",") if k]
    unknown = set(kinds) - set(FAULTS)
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    chosen.faults = kinds
    return chosen


def run(chosen, directory):
    """One run. Gives the judge and the history."""
    random = Random(chosen.seed)
    whole = random.random() < 0.5
    if chosen.redis:
        whole = chosen.redis == "whole"
    sales = make_sales(random, chosen.sales or random.choice([1, 8, 40, 40, 400]))
    history = History(os.path.join(directory, "history.jsonl"))
    history.fault("begin", seed=chosen.seed, sales=len(sales), whole=whole)
    stage = Stage(directory, os.path.abspath(chosen.bin), random.randint(2, 4), whole)
    try:
        web = Web(history)
        for sale in sales:
            call = web.admin("create", stage.nodes[0], "PUT", sale.name, sale.terms)
            if outcome(call) != "yes":
                raise StageError(f"sale {sale.name} was not created: {call}")
        begun = time.monotonic()
        crowd = Crowd(chosen.seed, stage, history, sales)
        faults = Faults(random, stage, history, sales, chosen.faults)
        faults.go_on_until(begun + chosen.seconds)
        crowd.end()
        lasted = time.monotonic() - begun
        faults.mend()
        judge = Judge(stage, history, sales, faults.forgiven)
        if not stage.wait_whole(history, 90):
            judge.say("recovery", "-", None, "90 s after all is mended a node still says that sales recover")
        sell_the_rest(stage, history, sales, judge)
        judge.judge()
        return judge, history, stage, lasted
    finally:
        stage.stop()


def report(chosen, judge, history, stage, lasted):
    """Prints what was found; the exit code."""
    shown = Counter()
    for rule, sale, order, sentence in judge.violations:
        shown[rule] += 1
        if shown[rule] > 3:
            continue
        print(f"VIOLATION seed {chosen.seed} rule {rule} sale {sale} order {order or '-'}: {sentence}")
        if shown[rule] == 1:
            print("  what happened:")
            for line in history.slice(sale, order):
                print("  " + line[:400])
    kinds = Counter(fault["fault"] for fault in history.faults if not fault["fault"].startswith("-"))
    kinds.pop("begin", None)
    answers = ", ".join(f"{code}: {count}" for code, count in sorted(history.counts.items()))
    line = f"seed {chosen.seed}: {len(history.calls)} requests ({len(history.calls) / max(lasted, 0.001):.0f}/s), "
    line += f"answers {{{answers}}}, {len(history.by_order)} orders, {judge.standing} tickets stand, faults "
    line += f"{dict(kinds)}, Redis started {stage.starts} times, file made whole: {stage.whole}; "
    print(line + (f"VIOLATIONS {dict(shown)}" if shown else "clean"))
    return 1 if shown else 0


def main():
    chosen = arguments()
    directory = chosen.keep or tempfile.mkdtemp(prefix="lastseat-checker-")
    os.makedirs(directory, exist_ok=True)
    try:
        code = report(chosen, *run(chosen, directory))
    except StageError as error:
        print(f"seed {chosen.seed}: could not check: {error}", file=sys.stderr)
        return 2
    finally:
        if not chosen.keep:
            shutil.rmtree(directory, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
