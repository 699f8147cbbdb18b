// What this browser remembers of one sale: the key of the order, written before it is first sent,
// so that a double click, a reload, a second tab and a lost answer all mean the same order; and the
// keys of the orders before it. What became of an order it does not remember: the ledger knows.

const BUYER = "lastseat:buyer";
const LANGUAGE = "lastseat:language";

// Orders that are remembered beside the one on the screen. Of more, those that have ended are
// forgotten first, then the oldest.
const EARLIER_MAX = 20;
const ENDED = new Set(["cancelled", "expired", "unknown"]);

export class Store {
  #name;
  #list;
  #memory = new Map();

  constructor(sale) {
    this.#name = `lastseat:order:${sale}`;
    this.#list = `lastseat:orders:${sale}`;
    this.#set("lastseat:here", "1");
  }

  // Whether what is noted outlives the page.
  get keeps() {
    return this.#memory.size === 0;
  }

  // The record of the order: `key`; `sent` once it may be in the ledger; `wanted` while the buyer
  // waits for an outcome; `open` while an answer is out; `lost` when one was lost; `buyer` and
  // `quantity`, what was asked for, with `lines` and `waits` in a sale with a plan; `state` and
  // `number` once the ledger has shown it; `paying` when the buyer went to the shop to pay.
  get order() {
    return this.#record ?? this.another();
  }

  // Damaged, or not ours: as if there were none.
  get #record() {
    const record = this.#read(this.#name);
    return typeof record?.key === "string" ? record : null;
  }

  // The orders before it, the newest first: `key`, and `number` and `state` as they were last seen.
  get earlier() {
    const list = this.#read(this.#list);
    if (!Array.isArray(list)) return [];
    return list.filter((order) => typeof order?.key === "string").slice(0, EARLIER_MAX);
  }

  note(changes) {
    const record = { ...this.order, ...changes };
    this.#set(this.#name, JSON.stringify(record));
    return record;
  }

  // A new order with a new key. The one on the screen goes to the earlier ones.
  another() {
    return this.#goOn({ key: newKey() });
  }

  // Puts an earlier order on the screen.
  open(key) {
    const { number, state } = this.earlier.find((order) => order.key === key) ?? {};
    return this.#goOn({ key, sent: true, number, state });
  }

  noteEarlier(key, changes) {
    const list = this.earlier;
    const known = list.find((order) => order.key === key);
    if (!known || Object.entries(changes).every(([name, value]) => known[name] === value)) return;
    Object.assign(known, changes);
    this.#set(this.#list, JSON.stringify(list));
  }

  #goOn(record) {
    const now = this.#record;
    const list = this.earlier.filter(({ key }) => key !== record.key && key !== now?.key);
    // One under whose key nothing was asked for, or a "no" was the answer, is none.
    if (now?.state || now?.open || now?.lost || now?.wanted)
      list.unshift({ key: now.key, number: now.number, state: now.state });
    while (list.length > EARLIER_MAX) {
      const ended = list.findLastIndex(({ state }) => ENDED.has(state));
      list.splice(ended, 1);
    }
    this.#set(this.#list, JSON.stringify(list));
    this.#set(this.#name, JSON.stringify(record));
    return record;
  }

  get buyer() {
    return this.#get(BUYER) ?? "";
  }

  set buyer(buyer) {
    this.#set(BUYER, buyer);
  }

  get language() {
    return this.#get(LANGUAGE);
  }

  set language(language) {
    this.#set(LANGUAGE, language);
  }

  // Calls `changed` when another tab has changed what is remembered of the orders.
  watch(changed) {
    addEventListener("storage", (event) => {
      if ([this.#name, this.#list, null].includes(event.key)) changed();
    });
  }

  #read(name) {
    try {
      return JSON.parse(this.#get(name));
    } catch {
      return null;
    }
  }

  // A browser that keeps nothing, or nothing more, gets a page that works until it is closed. What
  // could not be kept is newer than what the browser has under that name: it is read first.
  #get(name) {
    const noted = this.#memory.get(name);
    if (noted !== undefined) return noted;
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  }

  #set(name, text) {
    try {
      localStorage.setItem(name, text);
      this.#memory.delete(name);
    } catch {
      this.#memory.set(name, text);
    }
  }
}

// randomUUID is there on https and localhost only; a phone that tries the page of a laptop has
// neither.
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
