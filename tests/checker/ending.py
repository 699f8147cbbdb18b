"""The end of a run: fresh buyers take whatever is free, which must be exactly what the counters say."""

import time

from replay import read
from web import Web, outcome

TRIES = 40


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
        if "hold_ms" in sale.terms:
            # Holds that end as fast as their tickets are sold again leave no end to sell to.
            lasts = persistently(lambda s=sale: web.admin("set", node, "PATCH", s.name, {"hold_ms": 600_000}))
            if outcome(lasts) != "yes":
                judge.say("left-over", sale.name, None, f"cannot be changed: {lasts['status']} {lasts['code']}")
                continue
        with stage.connect() as redis:
            exist = read(redis, sale.name).number("capacity")
        # One more than exist: whoever is given that is given too much, and the judge sees it.
        for number in range(exist + 1):
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
        if call["code"] not in ("sold_out", "all_held"):
            judge.say("left-over", sale.name, key, f"a fresh buyer hears {call['status']} {call['code']}, {free} are free")
        elif free > 0 and not due and not kept.holds:
            judge.say("left-over", sale.name, key, f"a fresh buyer hears {call['code']}, {free} are free")
