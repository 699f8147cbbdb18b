// The life of one order on this page. Whatever happens to the page, the connection or how long the
// buyer waits, an order is asked for under one key, and only a new order gets a new one.
//
// `phase` is what the page shows:
//   { name: "idle" }
//   { name: "looking" }                                   what became of the key that this browser
//   remembers?
//   { name: "asking", quantity, tries, why }              `why`: what the last answer was, if this
//   is not the first
//   { name: "waiting", quantity, tries, why, until }      asks again by itself; `until` as
//   performance.now() counts
//                                                         (both: `unsure` while an earlier request
//                                                         may have an order)
//   { name: "refused", problem, quantity, lines, at }     `at` by the clock of the ledger
//   { name: "order", order, doing, note, trouble, read }  `doing`: a change under way; `note`: the
//   problem of the last; `read`: the order is as a read of it says, with its pay link
//   { name: "missing", number }                           there was an order once, and the ledger
//   has none
import { ask, orderAt, ordersAt } from "./api.js";
import { addressOf } from "./plan.js";

// Refusals that can pass without anybody changing the order, and the fault in which nothing
// happened.
const PASSING = new Set(["busy", "all_held", "not_open", "paused", "unavailable"]);
// The same answers, as far as they say nothing about an earlier request whose answer was lost.
const UNDECIDED = new Set(["busy", "unavailable", "outcome_unknown"]);

const BACKOFF_MAX_MS = 15_000;
// A held order is looked at this often: the shop may confirm it. So is one whose time is over, this
// many times: a payment that comes late may still be accepted.
const SILENCE_POLL_MS = 10_000;
const LATE_POLLS = 18;
// Who comes back from the shop waits for the word of the payment: so often, and for so long.
const EAGER_POLL_MS = 2_000;
const EAGER_MS = 60_000;
// Coming back to a page is told by several events at once.
const READ_APART_MS = 500;

export class Purchase {
  phase = { name: "idle" };
  #sale;
  #store;
  #clock;
  #headers;
  #changed;
  #signed;
  // Counts the loops that were begun: an older one ends when it sees that it is not the last.
  #loop = 0;
  #wake = () => {};
  #timer;
  #eagerUntil = 0;
  #latePolls = 0;
  #read_at = -Infinity;

  // `signed` says whether an order of the sale has to be read to have its pay link.
  constructor({ sale, store, clock, pass, changed, signed }) {
    this.#sale = sale;
    this.#store = store;
    this.#clock = clock;
    this.#headers = pass ? { "lastseat-buyer-token": pass } : {};
    this.#changed = changed;
    this.#signed = signed;
    addEventListener("online", () => {
      if (["lost", "look"].includes(this.phase.why) || this.phase.trouble) this.#wake();
    });
    for (const event of ["visibilitychange", "pageshow", "focus"])
      addEventListener(event, () => this.#comeBack());
    store.watch(() => this.#syncFromOtherTab());
  }

  // Takes up what an earlier visit began.
  resume() {
    const { sent, paying } = this.#store.order;
    if (paying) this.#eagerUntil = performance.now() + EAGER_MS;
    if (sent) this.#look();
  }

  // Of a sale with a plan `lines` say what is wanted, and `waits` whether for places of which all
  // are held.
  buy(buyer, quantity, { lines, waits } = {}) {
    if (this.phase.name === "asking") return;
    this.#store.note({ buyer, quantity, lines, waits, wanted: true });
    this.#attempt();
  }

  // The buyer does not want to wait any longer. Not offered while an answer is lost: the order may
  // be taken.
  stop() {
    this.#begin();
    this.#store.note({ wanted: false, open: false });
    this.#enter({ name: "idle" });
  }

  another() {
    this.#begin();
    this.#store.another();
    this.#enter({ name: "idle" });
  }

  // An earlier order of this browser.
  open(key) {
    this.#begin();
    this.#store.open(key);
    this.#look();
  }

  // The buyer goes to the shop to pay.
  pay() {
    this.#store.note({ paying: true });
  }

  // What was refused may be possible now.
  forgive() {
    if (this.phase.name === "refused") this.#enter({ name: "idle" });
  }

  // `verb` is confirm, cancel or extend. All three can be repeated without harm.
  async change(verb) {
    const loop = this.#begin();
    const { order } = this.phase;
    for (let tries = 1; ; tries++) {
      this.#enter({ name: "order", order, doing: verb, trouble: tries > 1 });
      const path = `${orderAt(this.#sale, order.order_id)}/${verb}`;
      const answer = await ask(path, { method: "POST", headers: this.#headers });
      if (loop !== this.#loop) return;
      if (answer.status === 200) return this.#keep(answer.body);
      if (!answer.lost && !UNDECIDED.has(answer.body.code)) {
        this.#enter({ name: "order", order, note: answer.body });
        return this.#refresh();
      }
      await this.#pause(backoff(tries, answer));
      if (loop !== this.#loop) return;
    }
  }

  async #attempt() {
    const loop = this.#begin();
    const { key, buyer, quantity, lines, waits } = this.#store.order;
    const path = ordersAt(this.#sale) + (lines ? `?for=${addressOf(lines)}` : "");
    // Where only some places are held, others may be free: then that is an answer.
    const isPassing = (code) => PASSING.has(code) && !(code === "all_held" && lines && !waits);
    let why;
    for (let tries = 1; ; tries++) {
      const before = this.#store.order;
      // Another tab went on to a new order.
      if (before.key !== key) return this.#look();
      const lost = Boolean(before.lost || before.open);
      this.#store.note({ sent: true, open: true, lost });
      this.#enter({ name: "asking", quantity, tries: tries - 1, why, unsure: lost });
      const answer = await ask(path, {
        method: "POST",
        body: lines ? { buyer, lines } : { buyer, quantity },
        headers: {
          "idempotency-key": key,
          ...(lost && { "lastseat-retry": "1" }),
          ...this.#headers,
        },
      });
      if (loop !== this.#loop) return;
      const code = answer.lost ? "lost" : answer.body.code;
      const isLost = code === "lost" || code === "outcome_unknown";
      const unsure = isLost || (lost && UNDECIDED.has(code));
      this.#store.note({ open: false, lost: unsure });
      if (code === undefined) return this.#keep(answer.body);
      if (code === "key_reused") return this.#look(answer.body);
      if (code === "buyer_token" && lost) {
        // The token has expired meanwhile. To see an order none is needed.
        this.#store.note({ wanted: false });
        return this.#look();
      }
      if (!isLost && !isPassing(code)) {
        this.#store.note({ wanted: false });
        const at = this.#clock.now();
        return this.#enter({ name: "refused", problem: answer.body, quantity, lines, at });
      }
      why = code === "all_held" && lines ? "choice_all_held" : code;
      const ms = backoff(tries, answer);
      const until = performance.now() + ms;
      this.#enter({ name: "waiting", quantity, tries, why, until, unsure });
      await this.#pause(ms);
      if (loop !== this.#loop) return;
    }
  }

  // Asks the ledger what became of the key that this browser remembers.
  async #look(note) {
    const loop = this.#begin();
    const { key, buyer, quantity, lines, waits, wanted, number, state } = this.#store.order;
    this.#enter({ name: "looking" });
    for (let tries = 1; ; tries++) {
      const answer = await this.#read(key);
      if (loop !== this.#loop) return;
      if (answer.status === 200) return this.#keep(answer.body, note, true);
      if (!answer.lost && answer.status < 500 && answer.status !== 429) {
        // Nothing was sold under it, or not yet.
        if (wanted) return this.buy(buyer, quantity, { lines, waits });
        if (!state) return this.#enter({ name: "idle" });
        return this.#miss(key, number);
      }
      const ms = backoff(tries, answer);
      const until = performance.now() + ms;
      this.#enter({ name: "waiting", quantity, tries, why: "look", until, unsure: true });
      await this.#pause(ms);
      if (loop !== this.#loop) return;
    }
  }

  // The same for an order that is on the screen.
  async #refresh() {
    if (this.phase.doing) return;
    const loop = this.#begin();
    for (let tries = 1; ; tries++) {
      const { order, note } = this.phase;
      const answer = await this.#read(order.order_id);
      if (loop !== this.#loop) return;
      if (answer.status === 200) return this.#keep(answer.body, note, true);
      if (answer.status === 404) return this.#miss(order.order_id, order.number);
      this.#enter({ name: "order", order, note, trouble: true });
      await this.#pause(backoff(tries, answer));
      if (loop !== this.#loop) return;
    }
  }

  #comeBack() {
    if (document.visibilityState !== "visible" || this.phase.name !== "order") return;
    if (performance.now() - this.#read_at < READ_APART_MS) return;
    if (this.#store.order.paying) this.#eagerUntil = performance.now() + EAGER_MS;
    this.#latePolls = 0;
    this.#refresh();
  }

  #read(key) {
    this.#read_at = performance.now();
    return ask(orderAt(this.#sale, key), { headers: this.#headers });
  }

  // Shows an order as the ledger has just answered; `read` by a read of it.
  #keep(order, note, read = false) {
    this.#clock.isPast(order.created_at);
    // `state` signals other tabs that there is something new to ask the ledger for.
    const { order_id: key, number, state } = order;
    this.#note(key, { sent: true, wanted: false, open: false, lost: false, number, state });
    this.#enter({ name: "order", order, note, read });
    if (state === "expired" ? ++this.#latePolls > LATE_POLLS : state !== "held") return;
    const left = (order.expires_at ?? Infinity) - this.#clock.now();
    const soon = left > 0 ? left + 300 : 1_000;
    const pause = performance.now() < this.#eagerUntil ? EAGER_POLL_MS : SILENCE_POLL_MS;
    const unsigned = state === "held" && !read && this.#signed();
    const ms = unsigned ? 0 : Math.min(soon, pause * (0.8 + 0.4 * Math.random()));
    this.#timer = setTimeout(() => {
      const seen = document.visibilityState === "visible";
      if (this.phase.name === "order" && seen) this.#refresh();
    }, ms);
  }

  // The ledger, which lacks nothing that it acknowledged, has no such order.
  #miss(key, number) {
    this.#note(key, { number, state: "unknown" });
    this.#enter({ name: "missing", number });
  }

  // Another tab may have gone on to another order meanwhile.
  #note(key, changes) {
    if (this.#store.order.key === key) this.#store.note(changes);
    else this.#store.noteEarlier(key, { number: changes.number, state: changes.state });
  }

  #syncFromOtherTab() {
    const { key, sent, state } = this.#store.order;
    const shown = this.phase.order;
    if (this.phase.name === "asking") return;
    if (shown?.order_id === key) {
      if (shown.state !== state) this.#refresh();
    } else if (sent && state) {
      this.#look();
    } else if (shown) {
      // A new order was begun there.
      this.#begin();
      this.#enter({ name: "idle" });
    }
  }

  #begin() {
    clearTimeout(this.#timer);
    this.#wake();
    return ++this.#loop;
  }

  #enter(phase) {
    this.phase = phase;
    this.#changed();
  }

  #pause(ms) {
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, ms);
      this.#wake = resolve;
    });
  }
}

// What the answer asks for; twice as long each time where there was none. A random part on top, so
// that those who were sent away together do not come back together.
function backoff(tries, answer) {
  const asked = answer.lost ? 0 : answer.body.retry_after_ms;
  const ms = asked || Math.min(500 * 2 ** tries, BACKOFF_MAX_MS);
  return ms * (1 + 0.2 * Math.random());
}
