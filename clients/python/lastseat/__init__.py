"""Thin client of lastseat, of the standard library alone.

An order is placed under a key that the caller makes and stores before it sends anything. Whatever
is lost on the way, the same key sent again means the same order; this client sends it again, waits
as the answers say, and tells what is not known apart from what was refused.
"""

from lastseat.client import ATTEMPT_TIMEOUT_S, TIMEOUT_S, Lastseat, new_key
from lastseat.problem import CODES, Code, LastseatError, OutcomeUnknown, Problem
from lastseat.types import (
    Delivery,
    Event,
    EventDetails,
    EventView,
    Line,
    LineRequest,
    Order,
    OrderState,
    Sale,
)
from lastseat.webhooks import NotGenuine, delivery

__all__ = [
    "ATTEMPT_TIMEOUT_S",
    "CODES",
    "TIMEOUT_S",
    "Code",
    "Delivery",
    "Event",
    "EventDetails",
    "EventView",
    "Lastseat",
    "LastseatError",
    "Line",
    "LineRequest",
    "NotGenuine",
    "Order",
    "OrderState",
    "OutcomeUnknown",
    "Problem",
    "Sale",
    "delivery",
    "new_key",
]
