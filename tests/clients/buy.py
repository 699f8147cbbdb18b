"""A buyer in Python, with the client that openapi-python-client makes from docs/openapi.json."""

import os
import time
import uuid
from http import HTTPStatus

from lastseat_api import Client
from lastseat_api.api.orders import cancel_order, get_order, place_order
from lastseat_api.models import Code, OrderRequest, OrderState, OrderView, Problem
from lastseat_api.types import Response

SALE = os.environ["SALE"]
client = Client(base_url=os.environ["URL"])


def buy(buyer: str, key: str) -> Response[OrderView | Problem]:
    """Asks for one ticket, again and again while the sale is busy: the key makes that harmless."""
    for _ in range(100):
        answer = place_order.sync_detailed(
            SALE, client=client, body=OrderRequest(buyer=buyer, quantity=1), idempotency_key=key
        )
        problem = answer.parsed
        if not isinstance(problem, Problem) or problem.code != Code.BUSY:
            return answer
        time.sleep((problem.retry_after_ms or 1000) / 1000)
    raise SystemExit("busy for ever")


key = str(uuid.uuid4())
first = buy("ada", key)
assert first.status_code == HTTPStatus.CREATED, first
assert isinstance(first.parsed, OrderView)
assert first.parsed.state == OrderState.CONFIRMED
assert first.parsed.order_id == key

again = buy("ada", key)
assert again.status_code == HTTPStatus.OK, again
assert again.headers["Idempotency-Replayed"] == "true"
assert again.parsed == first.parsed

late = buy("bob", str(uuid.uuid4()))
assert isinstance(late.parsed, Problem), late
assert late.parsed.code == Code.SOLD_OUT, late

given_back = cancel_order.sync(SALE, key, client=client)
assert isinstance(given_back, OrderView), given_back
assert given_back.state == OrderState.CANCELLED

seen = get_order.sync(SALE, key, client=client)
assert seen == given_back, seen
print("bought, repeated, heard sold_out, cancelled")
