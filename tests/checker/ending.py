"""The end of a run: fresh buyers take whatever is free, which must be exactly what the counters say."""

import time

from replay import read
from web import Web, outcome

TRIES = 40
# Of one sale.
SECONDS = 30


def persistently(call):
    """Repeats a call while it says that nothing happened or nothing is known; bounded."""
    for _ in range(TRIES):
        answer = call()
        if outcome(answer) not in ("nothing", "unknown"):
            return answer
        time.sleep(0.25)
    return answer


def sell_the_rest(stage, history, sales, judge):
    """Rule 5: nothing is left over. At most a few hundred orders a sale, because capacities are small."""
    web = Web(history)
    node = stage.nodes[0]
    for sale in (sale for sale in sales if sale.busy and not sale.spoilt):
        opened = persistently(lambda sale=sale: web.admin("open", node, "POST", sale.name))
        if outcome(opened) != "yes":
            judge.say("left-over", sale.name, None, f"cannot be opened: {opened['status']} {opened['code']}")
            continue
        # Short holds end meanwhile and are sold again.
        end = time.monotonic() + SECONDS
        for number in range(1000):
            if time.monotonic() > end:
                break
            key, buyer = f"the-rest-of-{sale.name}-{number:04}", f"last-{number}"
            sale.asked[key] = (buyer, 1)
            again = {"retry": True}
            call = persistently(lambda k=key, b=buyer, s=sale: web.order(node, s.name, k, b, 1, **again))
            if outcome(call) != "yes":
                break
        with stage.connect() as redis:
            kept = read(redis, sale.name)
        due = any(deadline <= kept.now for deadline in kept.holds.values())
        free = kept.number("capacity") - kept.number("held") - kept.number("confirmed")
        if time.monotonic() > end:
            # Too slow to say what is left over; no verdict depends on that.
            continue
        if call["code"] not in ("sold_out", "all_held"):
            judge.say("left-over", sale.name, key, f"a fresh buyer hears {call['status']} {call['code']}, {free} are free")
        elif free > 0 and not due and not kept.holds:
            judge.say("left-over", sale.name, key, f"a fresh buyer hears {call['code']}, {free} are free")
