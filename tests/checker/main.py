"""An independent checker of lastseat: random buyers under random faults, judged from answers, records, log and counters.

    python3 tests/checker/main.py --seed 7 --seconds 60 [--bin target/release/lastseat] [--faults cut,torn] [--sales 40]

Exit codes: 0 clean, 1 a rule was broken (what happened is printed), 2 the run itself failed.
"""

import argparse
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from run import FAULTS, Run  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True, help="decides sales, buyers and faults")
    parser.add_argument("--seconds", type=float, default=30, help="how long buyers buy and things break (default 30)")
    parser.add_argument("--bin", default=os.path.join(ROOT, "target/release/lastseat"), help="the program to check")
    parser.add_argument("--keep", metavar="DIR", help="keep data, logs and history.jsonl of the run in DIR")
    parser.add_argument("--sales", type=int, help="how many sales there are; the seed decides otherwise")
    parser.add_argument("--faults", help=f"only these, separated by commas: {','.join(FAULTS)},damage")
    parser.add_argument("--start", choices=["whole", "plain"], help="how Redis is started on a torn file")
    flags = parser.parse_args()
    kinds = flags.faults.split(",") if flags.faults else None
    for kind in kinds or []:
        if kind not in FAULTS and kind != "damage":
            parser.error(f"there is no fault {kind!r}; choose from {', '.join(FAULTS)}, damage")
    if kinds == ["damage"]:
        kinds = ["redis_kill", "damage"]
    run = Run(flags.seed, flags.seconds, os.path.abspath(flags.bin), ROOT, flags.keep, flags.sales, kinds)
    if flags.start:
        run.whole = flags.start == "whole"
    if kinds and "damage" in kinds:
        run.kinds = [kind for kind in kinds if kind != "damage"]
        run.damage_asked = True
    try:
        history = run.run()
    except Exception:
        traceback.print_exc()
        print(f"seed {flags.seed}: the run failed; its files are in {run.room}", file=sys.stderr)
        return 2
    counts = " ".join(f"{name}={count}" for name, count in sorted(history.answers.items()))
    faults = " ".join(f"{name}={count}" for name, count in sorted(history.faults.items()))
    start = "whole files" if run.whole else "plain starts"
    print(f"seed {flags.seed}: {len(run.nodes)} nodes, {run.count} sales, {start}, {history.requests} requests, "
          f"{sum(len(buyer.orders) for buyer in run.buyers)} orders; answers: {counts}; faults: {faults}")
    if not history.violations:
        print(f"seed {flags.seed}: clean")
        run.forget()
        return 0
    rules = {}
    for violation in history.violations:
        rules.setdefault(violation["rule"], []).append(violation)
    for rule, found in rules.items():
        first = found[0]
        print(f"\nBROKEN: {rule} ({len(found)} times). First: sale {first['sale']} order {first['key']}: {first['why']}")
        for line in history.slice(first):
            print("  " + line)
    print(f"\nseed {flags.seed}: {len(history.violations)} violations; everything is in {run.room}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
