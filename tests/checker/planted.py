"""Puts each known fault of the core back into a copy of the sources, builds that, and demands that the checker finds it.

    python3 tests/checker/planted.py [K1 K2 ...]

Takes some minutes for each: the copy is built (without optimisation) in target/planted. Exit code 1 = one was not found.
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COPY = os.path.join(ROOT, "target/planted")
SEEDS = range(1, 21)

# Name, what it is, the file, what is replaced by what, and how the checker is called.
FAULTS = [
    ("K1", "nodes write behind a half script", [
        ("origin/src/ledger/link/seal.rs",
         "    if !may_stand_behind_a_half_script(persistence, load_truncated) {",
         "    if true || !may_stand_behind_a_half_script(persistence, load_truncated) {"),
    ], ["--faults", "torn", "--start", "plain", "--sales", "2", "--seconds", "8"]),
    ("K2", "a script writes the log last, and does not look whether it is ahead", [
        ("origin/src/ledger/lua/prelude.lua", "  if ahead then\n", "  if false then\n"),
        ("origin/src/ledger/lua/prelude.lua", "  for i = 1, #writes do redis.call(unpack(writes[i])) end\n",
         "  if #events > 0 then writes[#writes + 1] = table.remove(writes, 1) end\n"
         "  for i = 1, #writes do redis.call(unpack(writes[i])) end\n"),
    ], ["--faults", "log_ahead", "--sales", "2", "--seconds", "6"]),
    ("K3", "sales go on without waiting for the nodes that live", [
        ("shared/src/recovery.rs", "now.saturating_sub(lived.seen.max(since)) < HEAL_PATIENCE_MS",
         "now.saturating_sub(lived.seen.max(since)) == HEAL_PATIENCE_MS"),
    ], ["--faults", "cut", "--sales", "40", "--seconds", "10"]),
    ("K4", "reading an order does not stand behind the fence", [
        ("origin/src/ledger/lua/order.lua", "if healing then return fenced() end\n", ""),
    ], ["--faults", "cut", "--sales", "40", "--seconds", "10"]),
    ("K5", "a journal goes on behind half a line and forgets what was not written", [
        ("origin/src/acknowledged/saved.rs", "            Err(_) => whole_answers(missing, written),",
         "            Err(_) => missing.len(),"),
    ], ["--faults", "disk_full", "--sales", "4", "--seconds", "6"]),
    ("K6", "the audit does not see that the log is gone", [
        ("origin/src/ledger/audit/fields.rs", "        if commit_seq != Some(0) {\n            found.note(FindingKind::LogMissing",
         "        if commit_seq == Some(u64::MAX) {\n            found.note(FindingKind::LogMissing"),
    ], ["--faults", "damage", "--sales", "2", "--seconds", "3"]),
]


def copy_sources():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        source, target = os.path.join(ROOT, name), os.path.join(COPY, name)
        if not name or not os.path.isfile(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or open(source, "rb").read() != open(target, "rb").read():
            shutil.copyfile(source, target)


def plant(changes):
    for name, find, replace in changes:
        path = os.path.join(COPY, name)
        text = open(path, encoding="utf-8").read()
        if text.count(find) != 1:
            sys.exit(f"{name} has not one place {find!r}: write the planted fault anew")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(find, replace))


def build():
    words = ["cargo", "build", "--locked", "--package", "lastseat"]
    subprocess.run(words, cwd=COPY, check=True, env={**os.environ, "CARGO_TARGET_DIR": os.path.join(COPY, "target")})
    return os.path.join(COPY, "target/debug/lastseat")


def main():
    missed = []
    for name, what, changes, words in FAULTS:
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        copy_sources()
        plant(changes)
        binary = build()
        for seed in SEEDS:
            call = [sys.executable, os.path.join(HERE, "main.py"), "--seed", str(seed), "--bin", binary, *words]
            ran = subprocess.run(call, capture_output=True, text=True, timeout=600)
            if ran.returncode == 1:
                rules = [line[8:].split(" (")[0] for line in ran.stdout.splitlines() if line.startswith("BROKEN: ")]
                print(f"{name}: {what}: found by seed {seed}: {'; '.join(rules)}", flush=True)
                break
        else:
            print(f"{name}: {what}: NOT FOUND by seeds {SEEDS.start} to {SEEDS.stop - 1}", flush=True)
            missed.append(name)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
