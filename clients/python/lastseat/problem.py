"""Errors of the client: a "no" with its code, and an outcome that is not known."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

# Every code that an edge, or a node for buyers and shops, answers today. New ones may come: a
# `Problem` then has a code that is not in this list. A test compares it with docs/openapi.json.
Code = Literal[
    "sold_out",
    "all_held",
    "not_enough",
    "not_together",
    "seat_taken",
    "leaves_single",
    "needs_lines",
    "no_plan",
    "not_its_seats",
    "has_plan",
    "not_open",
    "paused",
    "closed",
    "buyer_limit",
    "ended_limit",
    "order_limit",
    "key_reused",
    "hold_expired",
    "hold_limit",
    "wrong_state",
    "quantity_held",
    "paid",
    "unknown_order",
    "unknown_sale",
    "sale_exists",
    "capacity_taken",
    "bad_transition",
    "bad_terms",
    "invalid",
    "not_found",
    "method_not_allowed",
    "too_large",
    "length_required",
    "unauthorized",
    "token_expired",
    "token_verb",
    "token_sale",
    "untrusted",
    "buyer_token",
    "foreign_origin",
    "media_type",
    "busy",
    "unavailable",
    "outcome_unknown",
    "corrupt",
]
CODES: frozenset[str] = frozenset(get_args(Code))


class LastseatError(Exception):
    """Whatever goes wrong between a call and its answer."""


class Problem(LastseatError):
    """lastseat said no. The call was not carried out, now or by an earlier attempt.

    `code` says why and is stable; `detail` is a sentence that a person can act on. The fields of
    the problem that have no name here are in `body` (docs/API.md, "Problem").
    """

    def __init__(self, body: Mapping[str, Any], status: int, retry_after_s: float | None) -> None:
        self.body = body
        self.code: Code = body["code"]
        self.status = status
        self.detail = str(body.get("detail", ""))
        # When to ask again, in seconds; none where that changes nothing.
        self.retry_after_s = retry_after_s
        self.order_id: str | None = body.get("order_id")
        # Milliseconds since 1970.
        self.opens_at: int | None = body.get("opens_at")
        # Of an order with lines: the one that is refused, and what could be had instead.
        self.line: int | None = body.get("line")
        self.seat: str | None = body.get("seat")
        self.instead: list[str] = list(body.get("instead", []))
        self.free: int | None = body.get("free")
        super().__init__(f"{self.code}: {self.detail}")


class OutcomeUnknown(LastseatError):
    """The call may have been carried out: an answer was lost and none came in time.

    It is not a "no". Make the same call again, with the same key: the answer has the outcome.
    `problem` is what was said last, if anything was.
    """

    def __init__(self, order_id: str | None, problem: Problem | None) -> None:
        self.order_id = order_id
        self.problem = problem
        last = f" (last: {problem.code})" if problem else ""
        super().__init__(f"the outcome is not known{last}: make the same call again")
