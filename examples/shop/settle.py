"""What the shop finishes by itself, whatever became of the process that began it.

One thread takes what is due, a step at a time: orders without an answer, payments without an end,
refunds. Each step may be made twice: keys make it harmless at lastseat and at the provider.
"""

import threading
import traceback
from typing import Any

from lastseat import Lastseat, LastseatError, Order, OutcomeUnknown, Problem
from payments import Provider
from store import Row, Store, pays_for

# Looked at so often if nobody wakes it.
IDLE_S = 0.5
# How soon the provider is asked of a payment that is open, in case that its call was lost; each
# time twice as long, because most of those that stay open are never paid.
OPEN_FIRST_S, OPEN_MAX_S = 5.0, 600.0
# To `confirm`: the buyer gets no tickets, now and for ever.
REFUND = {"hold_expired", "wrong_state"}
# To `confirm`: nothing is known under this id. It is cancelled first, so that a request for it that
# is still on its way sells nothing; then the money goes back.
UNKNOWN = {"unknown_order"}


class Settler:
    """Owns all that changes an order after the buyer has left."""

    def __init__(self, store: Store, lastseat: Lastseat, provider: Provider, sale: str) -> None:
        self.store, self.lastseat, self.provider, self.sale = store, lastseat, provider, sale
        self._wake = threading.Event()

    def wake(self) -> None:
        self._wake.set()

    def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                if self.step():
                    continue
            except Exception:
                # Whatever it is, the other steps go on, and this one is tried again.
                traceback.print_exc()
            self._wake.wait(IDLE_S)

    def step(self) -> bool:
        """Makes one step of something that is due; false if nothing is."""
        store = self.store
        if order := store.due("orders", "asking"):
            self.ask(order)
        elif payment := store.due("payments", "paid"):
            self.confirm(payment)
        elif payment := store.due("payments", "failing"):
            self.give_back(payment)
        elif refund := store.due("refunds", "due"):
            self.refund(refund)
        elif payment := store.due("payments", "open"):
            self.look(payment)
        else:
            return False
        return True

    def ask(self, order: Row) -> None:
        """Orders under the stored key, or finds what became of it."""
        try:
            answer = self.lastseat.order(
                self.sale, order["order_id"], order["buyer"], order["quantity"]
            )
        except Problem as no:
            if no.code in ("busy", "unavailable"):
                return self.store.later("orders", order, no.code, no.retry_after_s)
            with self.store.transaction() as db:
                db.execute(
                    "UPDATE orders SET state = 'refused', code = ? "
                    "WHERE order_id = ? AND state = 'asking'",
                    (no.code, order["order_id"]),
                )
        except OutcomeUnknown:
            self.store.later("orders", order, "outcome_unknown")
        else:
            self.note(answer)

    def note(self, seen: Order) -> None:
        """The order as lastseat has it."""
        with self.store.transaction() as db:
            db.execute(
                "UPDATE orders SET state = ?, number = ?, quantity = ? WHERE order_id = ?",
                (seen["state"], seen["number"], seen["quantity"], seen["order_id"]),
            )

    def confirm(self, payment: Row) -> None:
        """The provider said yes. Every answer of the table in docs/howto/holds-and-payments.md."""
        order_id = payment["order_id"]
        try:
            sold = self.lastseat.confirm(self.sale, order_id)
        except OutcomeUnknown:
            # It may be sold: the same call again has the outcome.
            return self.store.later("payments", payment, "outcome_unknown")
        except Problem as no:
            if no.code in UNKNOWN and self.cancel(order_id) is None:
                return self.store.later("payments", payment, no.code)
            if no.code not in REFUND | UNKNOWN:
                # Nothing happened. `busy` and `unavailable` end by themselves; whatever else it is
                # (a wrong token, a damaged sale), people mend it, and the buyer stays paid.
                return self.store.later("payments", payment, no.code, no.retry_after_s)
            with self.store.transaction() as db:
                pays_for(db, order_id, 0, no.code)
        else:
            with self.store.transaction() as db:
                pays_for(db, order_id, sold["quantity"], "confirmed")
            self.note(sold)

    def give_back(self, payment: Row) -> None:
        """The payment failed: what waits for it goes back on sale, what is paid stays."""
        if self.cancel(payment["order_id"], if_state="held") is None:
            return self.store.later("payments", payment)
        with self.store.transaction() as db:
            db.execute(
                "UPDATE payments SET state = 'failed' WHERE order_id = ? AND state = 'failing'",
                (payment["order_id"],),
            )

    def cancel(self, order_id: str, if_state: str | None = None) -> str | None:
        """Gives an order back; why it has nothing to give, or nothing while that is not known."""
        try:
            self.note(self.lastseat.cancel(self.sale, order_id, if_state=if_state))
        except Problem as no:
            return no.code if no.code in ("wrong_state", "unknown_order") else None
        except LastseatError:
            return None
        return "cancelled"

    def refund(self, refund: Row) -> None:
        try:
            self.provider.refund(refund["payment_id"], refund["refund_id"], refund["amount"])
        except (OSError, ValueError):
            return self.store.later("refunds", refund)
        with self.store.transaction() as db:
            db.execute(
                "UPDATE refunds SET state = 'done' WHERE refund_id = ?", (refund["refund_id"],)
            )

    def look(self, payment: Row) -> None:
        """Asks the provider: its call may have been lost, or ours when the payment was made."""
        try:
            if payment["payment_id"]:
                self.decided(self.provider.read(payment["payment_id"]))
        except (OSError, ValueError):
            pass
        # Only if it is still open.
        wait_s = min(OPEN_FIRST_S * 2.0 ** payment["tries"], OPEN_MAX_S)
        self.store.later("payments", payment, wait_s=wait_s)

    def decided(self, said: dict[str, Any]) -> None:
        """What the provider says of a payment. On the disk when this returns."""
        state = {"paid": "paid", "failed": "failing"}.get(said.get("state", ""))
        # The provider's call names it by `payment`, its answers by `id`.
        payment_id = said.get("payment") or said.get("id")
        if state:
            with self.store.transaction() as db:
                db.execute(
                    "UPDATE payments SET state = ?, next_at = 0, tries = 0 "
                    "WHERE payment_id = ? AND state = 'open'",
                    (state, payment_id),
                )
            self.wake()
