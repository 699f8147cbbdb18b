"""What the shop keeps, in one SQLite file: orders, payments, refunds, positions of webhooks.

Everything is written before it is acted on, so that a process that is started again finds what was
begun. Every change is one transaction that says from which state it goes to which: whoever comes
second finds the state changed and does nothing.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# An order: `asking` until lastseat has answered, then its state there or `refused`.
# A payment: open -> paid -> settled (tickets, or money back) or open -> failing -> failed.
# `kept`: tickets that were paid for and that the buyer has; what is paid beyond that is refunded.
SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
  order_id TEXT PRIMARY KEY, receipt TEXT UNIQUE NOT NULL, buyer TEXT NOT NULL,
  quantity INTEGER NOT NULL, state TEXT NOT NULL, number TEXT, code TEXT,
  next_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS payments (
  order_id TEXT PRIMARY KEY REFERENCES orders, payment_id TEXT UNIQUE, url TEXT,
  price INTEGER NOT NULL, quantity INTEGER NOT NULL, kept INTEGER NOT NULL, state TEXT NOT NULL,
  code TEXT, next_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS refunds (
  refund_id TEXT PRIMARY KEY, payment_id TEXT NOT NULL, amount INTEGER NOT NULL,
  why TEXT NOT NULL, state TEXT NOT NULL, next_at REAL NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS positions (sale TEXT PRIMARY KEY, commit_seq INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS orders_due ON orders (state, next_at);
CREATE INDEX IF NOT EXISTS payments_due ON payments (state, next_at);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (state, next_at);
"""

# A tried step is tried again after so long, doubled each time.
AGAIN_FIRST_S, AGAIN_MAX_S = 0.5, 60.0

Row = sqlite3.Row


class Store:
    """The file. One connection and one lock: a shop of this size needs no more."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # What was answered with 2xx must outlive the power.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)
        # What an earlier process was about to do is due now.
        for table in ("orders", "payments", "refunds"):
            self._db.execute(f"UPDATE {table} SET next_at = 0, tries = 0")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on the disk when it ends."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def one(self, question: str, *values: object) -> Row | None:
        with self._lock:
            found: Row | None = self._db.execute(question, values).fetchone()
            return found

    def order(self, receipt: str) -> Row | None:
        return self.one("SELECT * FROM orders WHERE receipt = ?", receipt)

    def payment(self, order_id: str) -> Row | None:
        return self.one("SELECT * FROM payments WHERE order_id = ?", order_id)

    def due(self, table: str, *states: str) -> Row | None:
        """What waits longest for its next step, if its time has come."""
        marks = ", ".join("?" * len(states))
        return self.one(
            f"SELECT * FROM {table} WHERE state IN ({marks}) AND next_at <= ? "
            "ORDER BY next_at LIMIT 1",
            *states,
            time.time(),
        )

    def later(self, table: str, row: Row, code: str = "", wait_s: float | None = None) -> None:
        """Nothing was decided: its next step is tried again."""
        again = wait_s or min(AGAIN_FIRST_S * 2.0 ** row["tries"], AGAIN_MAX_S)
        name = "refund_id" if table == "refunds" else "order_id"
        said = ", code = ?" if table != "refunds" else ""
        values = [time.time() + again, *([code] if said else []), row[name], row["state"]]
        with self.transaction() as db:
            db.execute(
                f"UPDATE {table} SET next_at = ?, tries = min(tries + 1, 20){said} "
                f"WHERE {name} = ? AND state = ?",
                values,
            )


def pays_for(db: sqlite3.Connection, order_id: str, kept: int, why: str) -> None:
    """The payment is decided: the buyer has `kept` of the tickets that were paid for, at most as
    many as before. What was paid for the others goes back, once."""
    payment = db.execute("SELECT * FROM payments WHERE order_id = ?", (order_id,)).fetchone()
    if payment is None or payment["state"] not in ("paid", "settled"):
        return
    kept = min(kept, payment["kept"])
    if payment["state"] == "settled" and kept == payment["kept"]:
        return
    db.execute(
        "UPDATE payments SET state = 'settled', kept = ?, code = ? WHERE order_id = ?",
        (kept, why, order_id),
    )
    if kept < payment["kept"]:
        # Its id is its idempotency key: which tickets it is for.
        db.execute(
            "INSERT INTO refunds VALUES (?, ?, ?, ?, 'due', 0, 0)",
            (
                f"{payment['payment_id']}-{payment['kept']}-{kept}",
                payment["payment_id"],
                payment["price"] * (payment["kept"] - kept),
                why,
            ),
        )
