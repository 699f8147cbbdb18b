"""Webhooks: is a delivery from lastseat, and what does it say?"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Sequence

from lastseat.problem import LastseatError
from lastseat.types import Delivery

# An entry of the log has at most 1,024 orders.
BODY_MAX = 4 * 1024 * 1024
# How old a delivery may be, in seconds: somebody could have recorded it.
TOLERANCE_S = 300
_HEADER = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,4})")


class NotGenuine(LastseatError):
    """Nobody who has the secret sent this now. Answer 401 and do nothing."""


def delivery(
    signature: str | None, body: bytes, secrets: Sequence[str], now_s: float | None = None
) -> Delivery:
    """The delivery in `body`, which has the header `Lastseat-Signature: <signature>`.

    `secrets` are those that may have signed it: two while one replaces the other. What is done
    with it must be harmless when it is done twice: store `commit_seq` in the same transaction.

    Raises NotGenuine.
    """
    found = _HEADER.fullmatch(signature or "")
    if not found or len(body) > BODY_MAX:
        raise NotGenuine("the signature is missing or malformed")
    time_s, macs = found[1], found[2][len(",v1=") :].split(",v1=")
    if abs((time.time() if now_s is None else now_s) - int(time_s)) > TOLERANCE_S:
        raise NotGenuine("the delivery is too old")
    signed = time_s.encode() + b"." + body
    expected = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    # Each with each: the time that this takes says nothing about what fits.
    if not any([hmac.compare_digest(mac, ours) for mac in macs for ours in expected]):
        raise NotGenuine("the signature does not fit")
    said: Delivery = json.loads(body)
    return said
