"""Holds the answers of a run against records, log and counters, both ways."""

from replay import Replay, Stored

STATES = {"h": "held", "c": "confirmed", "x": "cancelled", "e": "expired", "l": "refused_late"}
# What an order may have become by itself, or by its deadline, since its buyer was told.
LATER = {"held": {"held", "expired"}, "confirmed": {"confirmed"}, "cancelled": {"cancelled"},
         "expired": {"expired", "refused_late"}, "refused_late": {"refused_late", "expired"}}


def stored(history, redis, name):
    """Judges what a sale has in Redis by itself; None where it cannot be read."""
    def broken(rule, why, key=""):
        history.violation(rule, name, key, why)
    try:
        sale = Stored(redis, name)
    except Exception as error:
        broken("what is stored cannot be read", str(error))
        return None
    replay = Replay(sale.log)
    for problem in replay.problems[:10]:
        broken("the log breaks a rule", problem)
    for key in sale.records.keys() | replay.records.keys():
        has = sale.records[key].pack() if key in sale.records else None
        logged = replay.records[key].pack() if key in replay.records else None
        if has != logged:
            broken("record and log differ", f"record {has}, log {logged}", key)
    held = sum(r.takes() for r in sale.records.values() if r.state == "h")
    confirmed = sum(r.takes() for r in sale.records.values() if r.state == "c")
    capacity = sale.number("capacity")
    if held + confirmed > capacity:
        broken("oversold", f"{held} held and {confirmed} confirmed of {capacity}")
    if (held, confirmed) != (sale.number("held"), sale.number("confirmed")):
        counted = f"{sale.sale['held']} and {sale.sale['confirmed']}"
        broken("counters and records differ", f"{held} held, {confirmed} confirmed, counted {counted}")
    if sale.number("commit_seq") != replay.last:
        broken("counters and log differ", f"commit_seq {sale.sale['commit_seq']}, the log ends at {replay.last}")
    if capacity != replay.capacity:
        broken("counters and log differ", f"capacity {capacity}, the log says {replay.capacity}")
    tallies = {}
    for record in sale.records.values():
        if record.takes():
            tallies[record.buyer] = tallies.get(record.buyer, 0) + record.takes()
    if tallies != sale.tallies:
        broken("tallies and records differ", str(sorted(set(tallies.items()) ^ set(sale.tallies.items()))[:6]))
    holds = {key: r.deadline for key, r in sale.records.items() if r.state == "h"}
    if holds != sale.holds:
        broken("holds and records differ", str(sorted(set(holds.items()) ^ set(sale.holds.items()))[:6]))
    limit = sale.number("buyer_limit")
    if limit and not replay.restored:
        for buyer, tally in tallies.items():
            if tally > limit:
                broken("a buyer has more than the limit", f"{buyer} has {tally} of {limit}")
    return sale


def answers(history, sale, orders, perhaps_cancelled):
    """Judges the records of one sale against what its buyers were told, and the other way."""
    known = {order.key: order for order in orders}
    for key, order in known.items():
        record = sale.records.get(key)

        def broken(rule, why):
            history.violation(rule, sale.name, key, why)
        if record is None:
            if order.state is not None:
                listed = "listed as unrestored" if key in sale.unrestored else "listed nowhere"
                broken("an acknowledged order is gone", f"it was {order.state}, {listed}")
            continue
        if record.asked and (record.buyer, record.asked) != (order.buyer, order.asked):
            broken("an order is not the one that was asked for", f"{record.pack()}, asked by {order.buyer}")
        if order.cancelled_early and record.takes():
            broken("an order that was cancelled before it came was sold", record.pack())
        state = STATES[record.state]
        if order.state is None and not order.maybe_sent and record.takes():
            broken("who was told that nothing happened has tickets", record.pack())
        if order.state is not None and not order.unsure:
            if state not in LATER[order.state]:
                broken("an order is not what its buyer was told", f"told {order.state}, it is {state}")
            if order.state == state == "confirmed" and record.taken != order.quantity:
                broken("an order is not what its buyer was told", f"told {order.quantity}, it has {record.taken}")
    for key, record in sale.records.items():
        if key not in known and not (record.asked == 0 and (sale.name, key) in perhaps_cancelled):
            history.violation("an order was asked for by nobody", sale.name, key, record.pack())
    told = sum(o.quantity for o in known.values() if o.state == "confirmed" and not o.unsure)
    unsure = {o.key for o in known.values() if o.unsure or o.state is None}
    has = sum(r.takes() for key, r in sale.records.items() if r.state == "c" and key not in unsure)
    if told != has:
        history.violation("answers and records count differently", sale.name, "", f"{told} told, {has} recorded")
