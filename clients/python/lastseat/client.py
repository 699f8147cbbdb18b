"""The client: calls that may be lost, and are sent again until their outcome is known."""

import json
import random
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote, urlencode

from lastseat.problem import OutcomeUnknown, Problem
from lastseat.transport import Answer, over_http
from lastseat.types import EventView, LineRequest, Order, Sale

# Longer than an edge takes at most to answer.
ATTEMPT_TIMEOUT_S = 9.0
# How long a call is sent again before the caller is told what is known.
TIMEOUT_S = 30.0
# Of a call, whatever its timeout: a bound where waits are short.
ATTEMPTS_MAX = 60
# Between two attempts where the answer names no time: doubled each time.
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0

# Nothing happened; the same call may work in a moment.
_NOT_CARRIED_OUT = frozenset({"busy", "unavailable"})
# Said of this attempt alone, before anybody looked for the order: an earlier one whose answer was
# lost may have been carried out all the same.
_SAYS_NOTHING_OF_EARLIER = frozenset(
    {"busy", "unavailable", "corrupt", "invalid", "not_found", "method_not_allowed", "too_large",
     "length_required", "unauthorized", "untrusted", "buyer_token", "foreign_origin", "media_type"}
)  # fmt: skip


def new_key() -> str:
    """A key for one order, to be stored before it is sent: it is the order's id, a secret."""
    return str(uuid.uuid4())


class Lastseat:
    """The API of one edge, such as `https://tickets.example.com`.

    `shop_token` is what `confirm` needs, and `cancel` of a paid order. `buyer_token` is what
    orders need where the edge asks for one. Safe to be used by several threads.

    Every call raises `Problem` when lastseat says no, and `OutcomeUnknown` when its answer was
    lost and none came within `timeout_s`: then nobody knows yet, and the same call has to be
    made again.
    """

    def __init__(
        self,
        url: str,
        *,
        shop_token: str | None = None,
        buyer_token: str | None = None,
        attempt_timeout_s: float = ATTEMPT_TIMEOUT_S,
        timeout_s: float = TIMEOUT_S,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"an address begins with https:// or http://, not {url!r}")
        self._url = url.rstrip("/")
        self._shop = {"authorization": f"Bearer {shop_token}"} if shop_token else {}
        self._buyer = {"lastseat-buyer-token": buyer_token} if buyer_token else {}
        self._attempt_timeout_s = attempt_timeout_s
        self._timeout_s = timeout_s
        self._pause = pause

    def order(
        self,
        sale: str,
        key: str,
        buyer: str,
        quantity: int = 1,
        *,
        lines: Sequence[LineRequest] | None = None,
        while_held: bool = False,
    ) -> Order:
        """Orders tickets under `key`, which the caller has stored: see `new_key`.

        The same key again is the same order, as it stands now: look at its `state`. In a sale with
        a plan `lines` say what is wanted, in the place of `quantity`. With `while_held` the call
        waits for tickets that others hold and may not pay.
        """
        path = f"/v1/sales/{quote(sale, safe='')}/orders"
        body: dict[str, Any] = {"buyer": buyer, "quantity": quantity}
        if lines is not None:
            body = {"buyer": buyer, "lines": list(lines)}
            path += "?" + urlencode({"for": _for(lines)}, safe=",")
        again = {"all_held"} if while_held else set()
        headers = {"idempotency-key": key, **self._buyer}
        return cast(Order, self._call("POST", path, body, headers, order=key, again=again))

    def read(self, sale: str, order_id: str) -> Order:
        """The order as the ledger has it; with a shop token also what was said of its payment."""
        path = _at(sale, order_id)
        return cast(Order, self._call("GET", path, headers=self._shop, order=order_id))

    def confirm(
        self,
        sale: str,
        order_id: str,
        *,
        quantity: int | None = None,
        lines: Sequence[int] | None = None,
        seats: Sequence[str] | None = None,
        reference: str | None = None,
        metadata: Mapping[str, Any] | str | None = None,
    ) -> Order:
        """The payment came: sells what is held, or a part of it, and the rest returns.

        `reference`, by which the shop finds the payment, and `metadata` are stored with the order:
        any text of at most 128 bytes, and a mapping or a text of at most 512 bytes as JSON. What is
        said first stays, and the answer has it: another `reference` than this one means that the
        buyer has paid twice. `hold_expired` and `wrong_state` mean: refund. Repeating it is
        harmless.
        """
        body = _without_none(
            quantity=quantity, lines=lines, seats=seats, reference=reference, metadata=metadata
        )
        return self._change(sale, order_id, "confirm", body)

    def cancel(
        self,
        sale: str,
        order_id: str,
        *,
        if_state: str | None = None,
        lines: Sequence[int] | None = None,
        seats: Sequence[str] | None = None,
    ) -> Order:
        """Gives the tickets back, or a part of them, whatever state the order is in.

        With `if_state="held"` a paid order stays: for the late news of a payment that failed.
        """
        body = _without_none(if_state=if_state, lines=lines, seats=seats)
        try:
            return self._change(sale, order_id, "cancel", body)
        except _Repeated as repeated:
            # Of a part, a repeat finds that the order does not have it any more.
            seen = self.read(sale, order_id)
            if repeated.problem.code == "not_its_seats" and not _has(seen, lines, seats):
                return seen
            raise repeated.problem from None

    def extend(self, sale: str, order_id: str) -> Order:
        """Holds it for another hold time from now, until it is three hold times old."""
        return self._change(sale, order_id, "extend", {})

    def sale(self, sale: str) -> Sale:
        """How the sale stands; at most a second old."""
        return cast(Sale, self._call("GET", f"/v1/sales/{quote(sale, safe='')}"))

    def event(self, sale: str) -> EventView:
        """What the sale sells, in words; at most ten seconds old."""
        return cast(EventView, self._call("GET", f"/v1/sales/{quote(sale, safe='')}/event"))

    def plan(self, sale: str) -> dict[str, Any]:
        """What a sale with a plan sells."""
        return self._call("GET", f"/v1/sales/{quote(sale, safe='')}/plan")

    def seats(self, sale: str, **part: str) -> dict[str, Any]:
        """What is left of it: of a `class`, a `block`, or a journey `from` a stop `to` another."""
        query = f"?{urlencode(part)}" if part else ""
        return self._call("GET", f"/v1/sales/{quote(sale, safe='')}/seats{query}")

    def _change(self, sale: str, order_id: str, verb: str, body: dict[str, Any]) -> Order:
        path = f"{_at(sale, order_id)}/{verb}"
        part = verb == "cancel" and ("lines" in body or "seats" in body)
        return cast(
            Order,
            self._call("POST", path, body, self._shop, order=order_id, part=part),
        )

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        order: str | None = None,
        again: Collection[str] = (),
        part: bool = False,
    ) -> dict[str, Any]:
        """Sends it until its outcome is known, or until its time is over."""
        sent = dict(headers or {})
        data = None if body is None else json.dumps(body).encode()
        end = time.monotonic() + self._timeout_s
        unsure = False
        for attempt in range(1, ATTEMPTS_MAX + 1):
            answer = over_http(method, self._url + path, sent, data, self._attempt_timeout_s)
            problem = answer.problem if answer else None
            code = problem.code if problem else None
            if answer and problem is None and (order is None or "order_id" in answer.body):
                return answer.body
            if problem is None or code == "outcome_unknown":
                unsure = True
                # With this a "no" comes from the ledger, which has every order that it granted.
                sent["lastseat-retry"] = "1"
            elif code in again:
                unsure = False
            elif code not in _NOT_CARRIED_OUT:
                if unsure and code in _SAYS_NOTHING_OF_EARLIER:
                    raise OutcomeUnknown(order, problem)
                if unsure and part:
                    raise _Repeated(problem)
                raise problem
            wait_s = _backoff_s(attempt, answer)
            if attempt == ATTEMPTS_MAX or time.monotonic() + wait_s > end:
                break
            self._pause(wait_s)
        if unsure or problem is None:
            raise OutcomeUnknown(order, problem)
        raise problem


class _Repeated(Exception):
    """A "no" to a repeat of a call that may have been carried out before."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def _at(sale: str, order_id: str) -> str:
    return f"/v1/sales/{quote(sale, safe='')}/orders/{quote(order_id, safe='')}"


def _backoff_s(attempt: int, answer: Answer | None) -> float:
    """What the answer asks for, else longer each time; and a part by chance on top, so that those
    who were sent away together do not come back together."""
    asked = answer.problem.retry_after_s if answer and answer.problem else None
    wait_s = asked or min(BACKOFF_FIRST_S * 2.0 ** (attempt - 1), BACKOFF_MAX_S)
    return wait_s * (1 + 0.2 * random.random())


def _for(lines: Sequence[LineRequest]) -> str:
    """What an order is for, for its address: edges refuse from memory what is gone."""

    def text(line: LineRequest) -> str:
        tickets = len(line.get("seats", [])) or line.get("quantity", 1)
        journey = [f"{line['from']}-{line['to']}"] if "from" in line and "to" in line else []
        return ".".join([line["class"], *journey, str(tickets)])

    return ",".join(map(text, lines))


def _without_none(**fields: Any) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
        if value is not None
    }


def _has(order: Order, lines: Sequence[int] | None, seats: Sequence[str] | None) -> bool:
    """Whether it still has any of these lines or seats."""
    mine = order.get("lines", [])
    if lines is not None and any(at < len(mine) and mine[at]["quantity"] for at in lines):
        return True
    had = {seat for line in mine for seat in line.get("seats", [])}
    return any(seat in had for seat in seats or ())
