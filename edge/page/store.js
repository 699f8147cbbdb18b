// What this browser remembers of one sale: the key of the order, written before it is first sent, so that a double
// click, a reload, a second tab and a lost answer all mean the same order. What became of the order it does not
// remember: the ledger knows.

const BUYER = "lastseat:buyer";
const LANGUAGE = "lastseat:language";

export class Store {
  #name;
  #memory = new Map();

  constructor(sale) {
    this.#name = `lastseat:order:${sale}`;
    this.#set("lastseat:here", "1");
  }

  // Whether what is noted outlives the page.
  get keeps() {
    return this.#memory.size === 0;
  }

  // The record of the order: `key`; `sent` once it may be in the ledger; `wanted` while the buyer waits for an outcome;
  // `open` while an answer is out; `lost` when one was lost; `buyer` and `quantity`, what was asked for.
  get order() {
    try {
      const record = JSON.parse(this.#get(this.#name));
      if (typeof record?.key === "string") return record;
    } catch {
      // Not ours, or damaged: as if there were none.
    }
    return this.another();
  }

  note(changes) {
    const record = { ...this.order, ...changes };
    this.#set(this.#name, JSON.stringify(record));
    return record;
  }

  // A new order with a new key.
  another() {
    const record = { key: newKey() };
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

  // Calls `changed` when another tab has changed the record.
  watch(changed) {
    addEventListener("storage", (event) => {
      if (event.key === this.#name || event.key === null) changed();
    });
  }

  // A browser that keeps nothing, or nothing more, gets a page that works until it is closed. What could not be kept is
  // newer than what the browser has under that name: it is read first.
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

// randomUUID is there on https and localhost only; a phone that tries the page of a laptop has neither.
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
