"""The judgement: answers against records, records against log, counters against records, and what audit says."""

import json
import subprocess

from replay import Replay, read
from web import Web, outcome

# Rules that an order may break which was acknowledged by a node within a bound of docs/FAILOVER.md.
MAY_BE_LOST = {"lost", "answers", "not-found", "refused-after-yes", "stale"}


class Judge:
    """Collects violations: (rule, sale, order or None, sentence)."""

    def __init__(self, stage, history, sales, forgiven):
        self.stage, self.history, self.sales = stage, history, sales
        self.forgiven = forgiven
        self.violations = []
        self.standing = 0

    def say(self, rule, sale, order, sentence):
        self.violations.append((rule, sale, order, sentence))

    def judge(self):
        with self.stage.connect() as redis:
            for sale in self.sales:
                kept = read(redis, sale.name)
                before = len(self.violations)
                self._log(sale.name, kept)
                self._counters(sale.name, kept)
                data_are_whole = len(self.violations) == before
                if sale.spoilt:
                    # What is wrong with it was done on purpose: only that audit sees it is judged.
                    del self.violations[before:]
                else:
                    self._answers(sale, kept)
                if sale.busy or sale.spoilt or sale.asked:
                    self._audit(sale.name, data_are_whole)

    # Rule 2: the log gives the records, and no prefix of it takes too many tickets.
    def _log(self, name, kept):
        replay = Replay(kept.log)
        for wrong in kept.broken + replay.wrong[:20]:
            self.say("log", name, None, wrong)
        for order in sorted(replay.orders.keys() | kept.records.keys()):
            made, record = replay.orders.get(order), kept.records.get(order)
            if made is None or record is None or made != record:
                self.say("log", name, order, f"the log says {made}, the record {record}")
        if replay.last != kept.number("commit_seq"):
            self.say("log", name, None, f"the log ends at {replay.last}, the sale at {kept.number('commit_seq')}")
        if replay.capacity != kept.number("capacity"):
            self.say("log", name, None, f"the log says capacity {replay.capacity}, the sale {kept.number('capacity')}")

    # Rule 3: the counters are what the records say.
    def _counters(self, name, kept):
        counts, tallies = {"h": 0, "c": 0}, {}
        for record in kept.records.values():
            if record.has:
                counts[record.state] += record.taken
                tallies[record.buyer] = tallies.get(record.buyer, 0) + record.taken
        held, confirmed = kept.number("held"), kept.number("confirmed")
        if (held, confirmed) != (counts["h"], counts["c"]):
            told = f"the sale counts {held} held and {confirmed} confirmed"
            self.say("counters", name, None, f"{told}, its records {counts['h']} and {counts['c']}")
        if counts["h"] + counts["c"] > kept.number("capacity"):
            taken = counts["h"] + counts["c"]
            self.say("oversold", name, None, f"{taken} tickets are taken of {kept.number('capacity')}")
        if tallies != kept.tallies:
            differ = {b for b in tallies.keys() | kept.tallies.keys() if tallies.get(b) != kept.tallies.get(b)}
            self.say("counters", name, None, f"tallies differ from the records for {sorted(differ)[:5]}")
        holds = {order: r.deadline for order, r in kept.records.items() if r.state == "h"}
        if holds != kept.holds:
            differ = {o for o in holds.keys() | kept.holds.keys() if holds.get(o) != kept.holds.get(o)}
            self.say("counters", name, None, f"holds differ from the records for {sorted(differ)[:5]}")

    # Rules 1 and 4: what clients were told is what is kept, both ways.
    def _answers(self, sale, kept):
        told = counted = 0
        # Give-backs that a node in its bound acknowledged may be gone. Then an order that was sold these tickets does not
        # fit any more, and FAILOVER.md has it listed by name, until a later recovery finds room for it.
        gone = any(c["op"] in ("cancel", "confirm") and self.forgiven([c])
                   for (s, _), calls in self.history.by_order.items() if s == sale.name for c in calls)
        for order in {o for s, o in self.history.by_order if s == sale.name} | kept.records.keys():
            calls = self.history.by_order.get((sale.name, order), [])
            record = kept.records.get(order)
            if record is not None and not record.is_tombstone and order not in sale.asked:
                self.say("foreign", sale.name, order, f"nobody asked this sale for it: {record}")
                continue
            for sentence in order_faults(calls, record, sale.asked.get(order)):
                rule, words = sentence
                excused = self.forgiven(calls) or (gone and order in sale.unrestored | kept.unrestored.keys())
                if rule in MAY_BE_LOST and excused:
                    continue
                if rule == "lost" and order in kept.unrestored:
                    words += f"; listed as unrestored: {kept.unrestored[order]}"
                self.say(rule, sale.name, order, words)
            if record is None or not record.has:
                continue
            counted += record.has
            if any(outcome(c) in ("yes", "unknown") for c in calls if c["op"] == "order"):
                told += record.has
        self.standing += counted
        if told != counted:
            self.say("answers", sale.name, None, f"records stand for {counted} tickets, answers explain {told}")

    # Rule 6: audit says the same.
    def _audit(self, name, whole):
        url = f"redis+unix://{self.stage.socket}"
        words = [self.stage.program, "audit", name, "--ledger", "--json", "--redis-url", url]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        try:
            said = json.loads(done.stdout)
        except ValueError:
            error = done.stderr.decode(errors="replace").strip()[-300:]
            self.say("audit", name, None, f"it ends with {done.returncode} and no report: {error}")
            return
        if said.get("ok") is not whole:
            found = [v[3] for v in self.violations if v[1] == name][:2]
            self.say("audit", name, None, f"it says ok: {said.get('ok')} {said.get('differences')}, the checker {found or whole}")
        node = next(node for node in self.stage.nodes if node.serves())
        call = Web(self.history).admin("audit", node, "GET", name)
        if call["status"] != 200:
            self.say("audit", name, None, f"the operators' call answers {call['status']} {call['code']}")


def order_faults(calls, record, asked):
    """What of the answers about one order cannot be, as (rule, sentence)."""
    wanted = [c for c in calls if c["op"] == "order"]
    yes = [c for c in calls if outcome(c) == "yes" and c["op"] != "get" and (c["view"] or {}).get("buyer") != "-"]
    granted = [c for c in yes if c["op"] != "cancel"]
    cancels = [c for c in calls if c["op"] == "cancel" and outcome(c) in ("yes", "unknown")]
    confirms = [c for c in calls if c["op"] == "confirm"]
    yield from views(calls, asked)
    yield from while_running(calls)
    if record is None:
        if yes:
            yield "lost", f"told {yes[0]['status']} {yes[0]['view']}, and no record is left"
        return
    if record.is_tombstone:
        if granted:
            yield "lost", f"told {granted[0]['status']} {granted[0]['view']}, and what is left is a tombstone"
        elif not cancels:
            yield "answers", "a tombstone that nobody asked for"
        return
    if asked != (record.buyer, record.asked):
        yield "answers", f"asked for {asked}, the record is {record}"
    if not any(outcome(c) in ("yes", "unknown") for c in wanted):
        told = sorted({f"{c['status']} {c['code']}" for c in wanted})
        yield "told-nothing", f"each answer says that nothing was sold ({', '.join(told)}), the record is {record}"
    state = record.state
    if state == "x" and not cancels:
        yield "answers", f"nobody gave it back, the record is {record}"
    if state != "x" and any(outcome(c) == "yes" and c["view"]["state"] == "cancelled" for c in cancels):
        yield "lost", f"told that it was given back, the record is {record}"
    paid = [c for c in confirms if outcome(c) == "yes"]
    if paid and state not in "cx":
        yield "lost", f"told that it is confirmed, the record is {record}"
    if paid and state == "c" and paid[-1]["view"]["quantity"] != record.taken:
        yield "answers", f"confirmed with {paid[-1]['view']['quantity']} tickets, the record is {record}"
    at_once = any(outcome(c) == "yes" and c["view"]["state"] == "confirmed" for c in wanted)
    if at_once and state not in "cx":
        yield "lost", f"told that it is confirmed, the record is {record}"
    if state == "c" and record.deadline and not any(outcome(c) in ("yes", "unknown") for c in confirms):
        yield "answers", f"nobody paid, the record is {record}"
    if state == "l" and not any(outcome(c) in ("no", "unknown") for c in confirms):
        yield "answers", f"nobody paid late, the record is {record}"


def views(calls, asked):
    """Orders in answers are the ones that were asked for."""
    for call in calls:
        view = call.get("view")
        if call["op"] not in ("order", "get", "confirm", "cancel", "extend") or not view or view["buyer"] == "-":
            continue
        if asked is None or view["buyer"] != asked[0] or view["quantity"] > asked[1]:
            yield "answers", f"{call['op']} shows {view}, asked for was {asked}"
            return


def while_running(calls):
    """Answers that contradict an answer that was complete before the request was sent."""
    told = None
    for call in sorted((c for c in calls if "to" in c), key=lambda c: c["to"]):
        earlier = [c for c in calls if "to" in c and c["to"] < call["from"]]
        known = [c for c in earlier if outcome(c) == "yes" and c["op"] != "get"]
        if known and call["code"] in ("unknown_order", "unknown_sale"):
            told = f"{call['op']} at {call['from']} answers 404 {call['code']}, it was told {known[0]['status']} before"
            yield "not-found", told
            return
        # Who repeats a key without saying so may be refused from memory, when a node has looked up many (docs/GUARANTEES.md).
        sure = call.get("retry") or call["tier"] == "ledger"
        if known and call["op"] == "order" and sure and call["code"] in REFUSALS:
            told = f"asked again at {call['from']} it answers {call['code']}, it was told {known[0]['status']} before"
            yield "refused-after-yes", told
            return
        if call["op"] == "get" and call["status"] == 200 and call["view"]["state"] in ("held", "confirmed"):
            back = [c for c in known if c["op"] == "cancel" and c["view"]["state"] == "cancelled"]
            if back:
                yield "stale", f"get at {call['from']} shows {call['view']['state']}, it was given back before"
                return
        if call["op"] == "confirm" and outcome(call) == "yes" and any(c["op"] == "cancel" for c in known):
            yield "answers", f"confirm at {call['from']} answers {call['status']}, it was given back before"
            return
        if call["op"] == "order" and call["replayed"]:
            others = [c for c in calls if c["op"] == "order" and c is not call and c["from"] < call["to"]]
            false = [c for c in others if c.get("code") == "corrupt"]
            if false and not any(outcome(c) in ("yes", "unknown") for c in others) and call["to"] - call["from"] < 0.15:
                yield "told-nothing", f"told 500 'not carried out' at {false[0]['from']}, and then that it was granted before"
                return


REFUSALS = {"sold_out", "all_held", "not_enough", "not_open", "paused", "closed", "buyer_limit", "order_limit",
            "key_reused"}
