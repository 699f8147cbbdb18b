"""The calls of a shop to lastseat, of the standard library alone."""

import hashlib
import hmac
import http.client
import json
import random
import re
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

ATTEMPT_TIMEOUT_S, TIMEOUT_S, ATTEMPTS_MAX = 9.0, 30.0, 60
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 15.0
BODY_MAX, TOLERANCE_S = 4 * 1024 * 1024, 300
# Said of one attempt alone: an earlier one whose answer was lost may have been carried out.
UNDECIDED = {
    "busy", "unavailable", "corrupt", "invalid", "not_found", "method_not_allowed", "too_large",
    "length_required", "unauthorized", "untrusted", "buyer_token", "foreign_origin", "media_type",
}  # fmt: skip


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Tickets:
    """Each call returns what the shop does next; "again": the same call, later."""

    def __init__(self, url: str, shop_token: str, sale: str) -> None:
        self.orders = f"{url.rstrip('/')}/v1/sales/{quote(sale, safe='')}/orders"
        self.shop = {"authorization": f"Bearer {shop_token}"}
        self.opener = urllib.request.build_opener(_NoRedirects)

    def hold(self, key: str, buyer: str, quantity: int) -> str:
        body = {"buyer": buyer, "quantity": quantity}
        code, order = self.call(self.orders, body, {"idempotency-key": key})
        return str(order["state"]) if order else code

    def paid(self, key: str) -> str:
        code, order = self.call(f"{self.at(key)}/confirm", {}, dict(self.shop))
        if order:
            return "sold"
        return "refund" if code in ("hold_expired", "wrong_state") else "again"

    def declined(self, key: str) -> str:
        body = {"if_state": "held"}
        code, order = self.call(f"{self.at(key)}/cancel", body, dict(self.shop))
        if order:
            return "given back"
        return "left" if code in ("wrong_state", "unknown_order") else "again"

    def at(self, key: str) -> str:
        return f"{self.orders}/{quote(key, safe='')}"

    def call(self, url: str, body: Any, headers: dict[str, str]) -> tuple[str, Any]:
        """The order, or the code of a "no"; "again" while nothing is decided."""
        end = time.monotonic() + TIMEOUT_S
        unsure = False
        for attempt in range(ATTEMPTS_MAX):
            said, retry_after = self.send(url, body, headers)
            if said is not None and "order_id" in said and "code" not in said:
                return "", said
            code = said.get("code") if said else None
            wait_s = min(BACKOFF_FIRST_S * 2.0**attempt, BACKOFF_MAX_S)
            if not isinstance(code, str) or code == "outcome_unknown":
                unsure = True
                headers["lastseat-retry"] = "1"
            elif code not in ("busy", "unavailable"):
                return ("again" if unsure and code in UNDECIDED else code), None
            if said and isinstance(said.get("retry_after_ms"), int):
                wait_s = said["retry_after_ms"] / 1000
            elif retry_after and retry_after.isdecimal():
                wait_s = float(retry_after)
            wait_s *= 1 + 0.2 * random.random()
            if time.monotonic() + wait_s > end:
                break
            time.sleep(wait_s)
        return "again", None

    def send(self, url: str, body: Any, headers: dict[str, str]) -> tuple[Any, str | None]:
        """What lastseat said, or nothing: silence and the page of a proxy are the same."""
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        request.add_header("content-type", "application/json")
        try:
            try:
                answer = self.opener.open(request, timeout=ATTEMPT_TIMEOUT_S)
            except urllib.error.HTTPError as refused:
                answer = refused
            with answer:
                said = json.loads(answer.read(BODY_MAX))
                return (said if isinstance(said, dict) else None), answer.headers["retry-after"]
        except (OSError, http.client.HTTPException, ValueError):
            return None, None


def is_genuine(signature: str, body: bytes, secrets: list[str]) -> bool:
    found = re.fullmatch(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,4})", signature)
    if not found or len(body) > BODY_MAX or abs(time.time() - int(found[1])) > TOLERANCE_S:
        return False
    signed = found[1].encode() + b"." + body
    ours = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    macs = found[2][len(",v1=") :].split(",v1=")
    return any([hmac.compare_digest(mac, one) for mac in macs for one in ours])
