"""HTTP calls to nodes, each with one outcome: yes, no, nothing (it says that it was not carried out) or unknown."""

import http.client
import json

SHOP = "0123456789abcdef0123456789abcdef-shop"
ADMIN = "fedcba9876543210fedcba9876543210-admin"
TIMEOUT_S = 4.0
# Codes that say that the request was not carried out, from the table in docs/API.md.
NOTHING = {"busy", "unavailable", "corrupt"}


def outcome(call):
    """What the answer of a call claims."""
    status, code = call.get("status", 0), call.get("code", "")
    if status in (200, 201):
        return "yes"
    if status == 0 or code == "outcome_unknown" or not code:
        return "unknown"
    return "nothing" if code in NOTHING else "no"


class Web:
    """Calls of one thread; keeps one connection a node address."""

    def __init__(self, history):
        self.history = history
        self.open = {}

    def call(self, op, node, method, path, body=None, headers=None, admin=False, sale="", order=None, **more):
        """Sends one request and notes it and its answer. Never raises for what the other side does."""
        call = self.history.sent(op, node.number, sale, order, **more)
        status, code, view, replayed, tier = 0, "", None, False, None
        try:
            status, answered, got = self._exchange(node.admin if admin else node.url, method, path, body, headers or {})
            replayed = answered.get("Idempotency-Replayed") == "true"
            tier = answered.get("Lastseat-Answered-By")
            data = json.loads(got) if got.strip() and "json" in answered.get("Content-Type", "") else None
            if isinstance(data, dict):
                code, view = (data.get("code", ""), None) if status >= 400 else ("", data)
        except (OSError, http.client.HTTPException, ValueError) as error:
            status, code = 0, type(error).__name__
        self.history.answered(call, status, code, view, replayed, tier)
        return call

    def _exchange(self, address, method, path, body, headers):
        connection = self.open.pop(address, None)
        if connection is None:
            host = address.removeprefix("http://")
            connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            got = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self.open[address] = connection
        return response.status, response.headers, got

    def text(self, address, path):
        """The body of a GET that is not part of the history (metrics, readiness); raises OSError."""
        try:
            status, _, got = self._exchange(address, "GET", path, None, {})
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
        return status, got.decode(errors="replace")

    def order(self, node, sale, key, buyer, quantity, **more):
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        if more.get("retry"):
            headers["Lastseat-Retry"] = "1"
        body = {"buyer": buyer, "quantity": quantity}
        path = f"/v1/sales/{sale}/orders"
        return self.call("order", node, "POST", path, body, headers, sale=sale, order=key, buyer=buyer,
                         quantity=quantity, **more)

    def on_order(self, op, node, sale, key, quantity=None):
        """confirm, cancel or extend."""
        headers = {"Content-Type": "application/json"}
        if op in ("confirm", "cancel"):
            headers["Authorization"] = f"Bearer {SHOP}"
        body = {} if quantity is None else {"quantity": quantity}
        path = f"/v1/sales/{sale}/orders/{key}/{op}"
        return self.call(op, node, "POST", path, body, headers, sale=sale, order=key, quantity=quantity)

    def get(self, node, sale, key):
        return self.call("get", node, "GET", f"/v1/sales/{sale}/orders/{key}", sale=sale, order=key)

    def admin(self, op, node, method, sale, body=None):
        path = f"/v1/admin/sales/{sale}" + ("" if op in ("create", "set") else f"/{op}")
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        return self.call(op, node, method, path, body, headers, admin=True, sale=sale, asked=body)
