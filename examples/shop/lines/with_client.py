"""The calls of a shop to lastseat, with the client of clients/python."""

from lastseat import Lastseat, NotGenuine, OutcomeUnknown, Problem, delivery


class Tickets:
    """Each call returns what the shop does next; "again": the same call, later."""

    def __init__(self, url: str, shop_token: str, sale: str) -> None:
        self.client, self.sale = Lastseat(url, shop_token=shop_token), sale

    def hold(self, key: str, buyer: str, quantity: int) -> str:
        try:
            return self.client.order(self.sale, key, buyer, quantity)["state"]
        except Problem as no:
            return "again" if no.code in ("busy", "unavailable") else no.code
        except OutcomeUnknown:
            return "again"

    def paid(self, key: str) -> str:
        try:
            self.client.confirm(self.sale, key)
            return "sold"
        except Problem as no:
            return "refund" if no.code in ("hold_expired", "wrong_state") else "again"
        except OutcomeUnknown:
            return "again"

    def declined(self, key: str) -> str:
        try:
            self.client.cancel(self.sale, key, if_state="held")
            return "given back"
        except Problem as no:
            return "left" if no.code in ("wrong_state", "unknown_order") else "again"
        except OutcomeUnknown:
            return "again"


def is_genuine(signature: str, body: bytes, secrets: list[str]) -> bool:
    try:
        return bool(delivery(signature, body, secrets))
    except NotGenuine:
        return False
