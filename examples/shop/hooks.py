"""Calls to the shop: lastseat's webhooks and the provider's.

Both are checked before they are read, stored before they are answered, and harmless when they come
twice. Whoever gets no 2xx calls again.
"""

from typing import Any

from lastseat import Delivery, NotGenuine, delivery
from settle import Settler
from store import Store, pays_for


def take(store: Store, said: Delivery) -> bool:
    """What lastseat did, one entry of the sale's log. False where it came before.

    The position is stored in the transaction of what it brought: after a crash in between the
    entry comes again, and nothing of it was done.
    """
    with store.transaction() as db:
        found = db.execute(
            "SELECT commit_seq FROM positions WHERE sale = ?", (said["sale"],)
        ).fetchone()
        if found and said["commit_seq"] <= found["commit_seq"]:
            return False
        for event in said["events"]:
            order_id, kind = event.get("order_id"), event["type"]
            quantity = event.get("quantity", 0)
            if kind in ("confirmed", "retaken"):
                db.execute(
                    "UPDATE orders SET state = 'confirmed', quantity = ? WHERE order_id = ?",
                    (quantity, order_id),
                )
                # Our own call may have been told nothing.
                pays_for(db, order_id or "", quantity, kind)
            elif kind == "refused_late":
                pays_for(db, order_id or "", 0, kind)
            elif kind in ("cancelled", "reduced"):
                # Given back. Of a payment that waits for its confirmation, that call decides. An
                # order that has `expired` may be confirmed meanwhile: that event says nothing.
                left = quantity if kind == "reduced" else 0
                payment = db.execute(
                    "SELECT state FROM payments WHERE order_id = ?", (order_id,)
                ).fetchone()
                if payment and payment["state"] == "settled":
                    pays_for(db, order_id or "", left, kind)
                if kind == "cancelled":
                    db.execute(
                        "UPDATE orders SET state = 'cancelled' WHERE order_id = ?", (order_id,)
                    )
        db.execute(
            "INSERT INTO positions VALUES (?, ?) "
            "ON CONFLICT (sale) DO UPDATE SET commit_seq = excluded.commit_seq",
            (said["sale"], said["commit_seq"]),
        )
        return True


def from_lastseat(store: Store, settler: Settler, secret: str, header: str, body: bytes) -> int:
    """The status that answers one of lastseat's."""
    try:
        said = delivery(header, body, [secret])
    except NotGenuine:
        return 401
    if take(store, said):
        settler.wake()
    return 204


def from_provider(settler: Settler, secret: str, header: str, body: bytes) -> int:
    """The status that answers one of the provider's, which signs as lastseat does."""
    try:
        said: Any = delivery(header, body, [secret])
    except NotGenuine:
        return 401
    settler.decided(said)
    return 204
