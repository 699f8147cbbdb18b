"""What travels, as docs/API.md describes it. Times are milliseconds since 1970-01-01."""

from typing import Any, Literal, NotRequired, TypedDict

OrderState = Literal["held", "confirmed", "cancelled", "expired"]

LineRequest = TypedDict(
    "LineRequest",
    {
        "class": str,
        "from": NotRequired[str],
        "to": NotRequired[str],
        "quantity": NotRequired[int],
        "seats": NotRequired[list[str]],
        "or_search": NotRequired[bool],
        "together": NotRequired[Literal["row", "coach", "block", "any"]],
    },
)

Line = TypedDict(
    "Line",
    {
        "class": str,
        "from": NotRequired[str],
        "to": NotRequired[str],
        "quantity": int,
        "seats": NotRequired[list[str]],
    },
)


class Order(TypedDict):
    """An order as it stands. `order_id` is a secret of the buyer and the shop.

    `pay_url` is the signed link to the payment, only where a held order is read. What was said of
    the payment is only for the shop and operators.
    """

    order_id: str
    number: str
    sale: str
    buyer: str
    quantity: int
    state: OrderState
    created_at: int
    expires_at: NotRequired[int]
    paid: NotRequired[bool]
    pay_url: NotRequired[str]
    lines: NotRequired[list[Line]]
    confirmed_at: NotRequired[int]
    reference: NotRequired[str]
    metadata: NotRequired[dict[str, Any] | str]


class Sale(TypedDict):
    """How a sale stands."""

    sale: str
    state: Literal["scheduled", "open", "paused", "closed"]
    availability: Literal["available", "few", "all_held", "sold_out"]
    capacity: int
    hold_ms: int
    order_limit: int
    now: int
    free: NotRequired[int]
    some_held: NotRequired[bool]
    buyer_limit: NotRequired[int]
    buyers_cancel: NotRequired[bool]
    opens_at: NotRequired[int]
    closes_at: NotRequired[int]
    pay_url: NotRequired[str]
    plan: NotRequired[bool]
    demo: NotRequired[bool]


class EventDetails(TypedDict):
    """What a sale sells, as people read it. `prices` are those of the classes of a plan, by id."""

    title: str
    subtitle: NotRequired[str]
    starts_at: NotRequired[int]
    zone: NotRequired[str]
    place: NotRequired[str]
    organiser: NotRequired[str]
    price: NotRequired[str]
    prices: NotRequired[dict[str, str]]
    terms_url: NotRequired[str]
    help_url: NotRequired[str]
    sold_out_text: NotRequired[str]
    sold_out_url: NotRequired[str]
    logo_url: NotRequired[str]
    logo_alt: NotRequired[str]
    colour: NotRequired[str]
    languages: NotRequired[list[str]]


class EventView(TypedDict):
    """What a sale sells, where the operator has said it; `starts_local` is by its time zone."""

    sale: str
    event: NotRequired[EventDetails]
    starts_local: NotRequired[str]


class Event(TypedDict):
    """One change of a sale; the fields that every event has, and those of orders."""

    type: str
    sale: str
    commit_seq: int
    index: int
    at: int
    version: int
    order_id: NotRequired[str]
    buyer: NotRequired[str]
    quantity: NotRequired[int]
    deadline: NotRequired[int]
    lines: NotRequired[list[Line]]
    restored: NotRequired[bool]
    by: NotRequired[str]
    confirmed_at: NotRequired[int]
    reference: NotRequired[str]
    metadata: NotRequired[dict[str, Any] | str]


class Delivery(TypedDict):
    """What a webhook brings: one entry of a sale's log."""

    sale: str
    commit_seq: int
    events: list[Event]
