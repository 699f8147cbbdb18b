"""Everything that was asked, answered and broken in one run, in the order of its end, as lines of JSON."""

import json
import threading
import time


class History:
    def __init__(self, path):
        self._lock = threading.Lock()
        self._file = open(path, "w", encoding="utf-8")
        self._begun = time.monotonic()
        self.path = path
        self.requests = 0
        self.answers = {}
        self.faults = {}
        self.violations = []

    def now(self):
        """Seconds since the run began."""
        return round(time.monotonic() - self._begun, 4)

    def _write(self, line):
        self._file.write(json.dumps(line) + "\n")

    def request(self, **line):
        with self._lock:
            self.requests += 1
            word = line["code"] or str(line["status"])
            self.answers[word] = self.answers.get(word, 0) + 1
            self._write(line)

    def fault(self, kind, **more):
        with self._lock:
            self.faults[kind] = self.faults.get(kind, 0) + 1
            self._write({"at": self.now(), "fault": kind, **more})

    def violation(self, rule, sale, key, why):
        with self._lock:
            self.violations.append({"at": self.now(), "rule": rule, "sale": sale, "key": key, "why": why})
            self._write({"at": self.now(), "violation": rule, "sale": sale, "key": key, "why": why})

    def flush(self):
        with self._lock:
            self._file.flush()

    def slice(self, violation, lines=40):
        """What happened to the order (or the sale) of a violation, and all faults, in time order."""
        self.flush()
        found = []
        with open(self.path, encoding="utf-8") as file:
            for text in file:
                line = json.loads(text)
                about = line.get("key") == violation["key"] and line.get("sale") == violation["sale"]
                if "fault" in line or (violation["key"] and about):
                    found.append(line)
        found.sort(key=lambda line: line.get("at", line.get("sent", 0)))
        return [json.dumps(line) for line in found[-lines:]]
