"""The history of a run: each request, answer and fault with its time, in memory and as JSON lines in a file."""

import json
import threading
import time
from collections import Counter, defaultdict


# Statuses of answers after which something may have changed; 500 is among them because it should not.
CHANGED = (200, 201, 500, 504)


class History:
    """Appends from many threads. Times are seconds since the start of the run (monotonic)."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "w", encoding="utf-8")
        self.begun = time.monotonic()
        self.calls = []
        self.faults = []
        self.by_order = defaultdict(list)
        self.counts = Counter()

    def now(self):
        return time.monotonic() - self.begun

    def _write(self, entry):
        self.file.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def fault(self, kind, **more):
        """Notes something that was done to the system. Counted by kind unless the kind ends with a dash."""
        entry = {"at": round(self.now(), 4), "fault": kind, **more}
        with self.lock:
            self.faults.append(entry)
            self._write(entry)

    def sent(self, op, node, sale, order=None, **more):
        """Notes a request before it is sent, so that one without an answer is in the file, too."""
        call = {"from": round(self.now(), 4), "op": op, "node": node, "sale": sale, "order": order, **more}
        with self.lock:
            self.calls.append(call)
            if order is not None:
                self.by_order[sale, order].append(call)
            self._write({"request": len(self.calls), **call})
            call["request"] = len(self.calls)
        return call

    def answered(self, call, status, code, view, replayed, tier):
        """Notes the answer, and the tier that it came from: status 0 where none came."""
        with self.lock:
            call.update(to=round(self.now(), 4), status=status, code=code, view=view, replayed=replayed, tier=tier)
            self.counts[f"{status} {code}".strip() if status else "none"] += 1
            answer = {"at": call["to"], "answer": call["request"], "status": status, "code": code}
            self._write({**answer, "view": view, "replayed": replayed, "tier": tier})

    def slice(self, sale, order=None, most=60):
        """What happened to an order (or a sale), with the faults, in the order of time; the last `most` lines."""
        if order is not None:
            calls = [c for c in self.by_order[sale, order]]
        else:
            # Of a whole sale only what may have changed it: refusals would fill the page.
            calls = [c for c in self.calls if c["sale"] == sale and c["op"] != "get" and c.get("status") in CHANGED]
        lines = [(c["from"], "request " + json.dumps({k: v for k, v in c.items() if v is not None})) for c in calls]
        lines += [(f["at"], "FAULT   " + json.dumps(f)) for f in self.faults]
        lines.sort(key=lambda line: line[0])
        return [f"{at:9.3f} {text}" for at, text in lines[-most:]]
