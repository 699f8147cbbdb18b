// The earlier orders of this browser in this sale: each can be opened again, and its state is what
// the ledger has just said. The store has their keys; what became of them is read one after the
// other.
import { ask, orderAt } from "./api.js";

// Between two of them, and between two looks at those that can change by themselves.
const BETWEEN_MS = 250;
const AGAIN_MS = 15_000;
// An order in one of these states changes only when somebody changes it.
const SETTLED = new Set(["confirmed", "cancelled", "unknown"]);

export class Orders {
  #sale;
  #store;
  #headers;
  #changed;
  // What the ledger said of each key: { number, quantity, state, lines }.
  #known = new Map();
  #loop = 0;
  #timer;

  constructor({ sale, store, pass, changed }) {
    this.#sale = sale;
    this.#store = store;
    this.#headers = pass ? { "lastseat-buyer-token": pass } : {};
    this.#changed = changed;
    store.watch(() => this.refresh());
  }

  // The newest first: { key, number, quantity, state, lines }; without `state` while it is not
  // known.
  get list() {
    return this.#store.earlier.map((order) => ({
      key: order.key,
      number: order.number,
      ...this.#knownOf(order),
    }));
  }

  // Nothing, where the order was seen in another state since: on the screen, or in another tab.
  #knownOf({ key, state }) {
    const known = this.#known.get(key);
    return known?.state === state ? known : undefined;
  }

  // Reads them all again; those that are settled only where they were never read, or when `all` is
  // wanted.
  async refresh(all = false) {
    const loop = ++this.#loop;
    clearTimeout(this.#timer);
    const keys = new Set(this.#store.earlier.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
    for (const order of this.#store.earlier) {
      if (!all && SETTLED.has(this.#knownOf(order)?.state)) continue;
      const { key } = order;
      const answer = await ask(orderAt(this.#sale, key), { headers: this.#headers });
      if (loop !== this.#loop) return;
      this.#receive(key, answer);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
      if (loop !== this.#loop) return;
    }
    if (this.list.every(({ state }) => SETTLED.has(state))) return;
    this.#timer = setTimeout(
      () => {
        if (document.visibilityState === "visible") this.refresh();
      },
      AGAIN_MS * (0.8 + 0.4 * Math.random()),
    );
  }

  #receive(key, answer) {
    if (answer.status === 200) {
      const { number, quantity, state, lines } = answer.body;
      this.#known.set(key, { number, quantity, state, lines });
      this.#store.noteEarlier(key, { number, state });
    } else if (answer.status === 404) {
      this.#known.set(key, { state: "unknown" });
      this.#store.noteEarlier(key, { state: "unknown" });
    } else {
      // Nothing that is no longer known to be true is shown.
      this.#known.delete(key);
    }
    this.#changed();
  }
}
