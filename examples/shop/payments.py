"""The provider's API, as the shop calls it. A real provider's library stands in its place."""

import json
import urllib.request
from typing import Any

TIMEOUT_S = 5.0
BODY_MAX = 64 * 1024


class Provider:
    """Makes payments and refunds. Each call raises OSError or ValueError where it has no outcome;
    then it is made again, under the same key."""

    def __init__(self, url: str, secret: str) -> None:
        self.url, self.secret = url.rstrip("/"), secret

    def make(self, key: str, **asked: Any) -> dict[str, Any]:
        return self._call("/payments", key, asked)

    def read(self, payment_id: str) -> dict[str, Any]:
        return self._call(f"/payments/{payment_id}")

    def refund(self, payment_id: str, key: str, amount: int) -> dict[str, Any]:
        return self._call(f"/payments/{payment_id}/refunds", key, {"amount": amount})

    def _call(self, path: str, key: str = "", body: Any = None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.secret}", "content-type": "application/json"}
        if key:
            headers["idempotency-key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            said: dict[str, Any] = json.loads(answer.read(BODY_MAX))
            return said
