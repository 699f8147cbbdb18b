// The search among the orders of the sale that is shown: by number, by buyer, by payment or by
// state, page by page.

import { sentence } from "./stream.js";

// Orders in the table at most: whoever looks for more of them uses `lastseat orders find`.
const SHOWN_MAX = 200;
const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

export class OrderFinder {
  #call;
  #sale;
  // What runs now; another search or another sale ends it.
  #search;
  #found = new Map();

  // `call` makes a call of the API.
  constructor(call) {
    this.#call = call;
    $("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
    $("find-by").addEventListener("change", () => this.#offer());
    this.#offer();
  }

  // The sale that is shown now.
  show(sale) {
    if (sale === this.#sale) return;
    [this.#sale, this.#search] = [sale, undefined];
    $("find-go").disabled = sale === undefined;
    this.#clear();
    say("");
  }

  // A state is chosen, all else is typed.
  #offer() {
    const by_state = $("find-by").value === "state";
    $("find-state").hidden = !by_state;
    $("find-text").hidden = by_state;
  }

  #clear() {
    this.#found.clear();
    $("found").hidden = true;
    $("found-rows").replaceChildren();
  }

  async #begin() {
    const by = $("find-by").value;
    const value = by === "state" ? $("find-state").value : $("find-text").value.trim();
    if (value === "") return say("Type what to look for.", false);
    const search = (this.#search = { query: `${by}=${encodeURIComponent(value)}`, sale: this.#sale, read: 0 });
    this.#clear();
    say("Searching …");
    try {
      await this.#run(search);
    } catch {
      if (search === this.#search) say("This node does not answer; search again.", false);
    }
  }

  async #run(search) {
    for (let after = ""; after !== undefined;) {
      const answer = await this.#call("GET", `/v1/admin/sales/${search.sale}/orders?${search.query}${after}`);
      if (search !== this.#search) return;
      if (!answer.ok) return say(await sentence(answer), false);
      const page = await answer.json();
      if (search !== this.#search) return;
      search.read += page.read;
      for (const order of page.orders) this.#add(order);
      if (this.#found.size >= SHOWN_MAX) return say(`These are the first ${SHOWN_MAX}; lastseat orders find shows all.`);
      after = page.next_after === undefined ? undefined : `&after=${encodeURIComponent(page.next_after)}`;
      if (after !== undefined) say(`Searched ${whole.format(Math.min(search.read, page.of))} of ${whole.format(page.of)} orders …`);
    }
    const count = this.#found.size;
    say(`${count === 0 ? "No order" : count === 1 ? "1 order" : `${whole.format(count)} orders`} of ${whole.format(search.read)}.`);
  }

  // A search may find an order twice while the sale sells.
  #add(order) {
    if (this.#found.has(order.order_id) || this.#found.size >= SHOWN_MAX) return;
    this.#found.set(order.order_id, order);
    const row = document.createElement("tr");
    const head = cell("th", order.number);
    head.scope = "row";
    const state = cell("td", order.state);
    if (order.expires_at !== undefined) state.title = `until ${moment.format(order.expires_at)}`;
    row.append(head, state, cell("td", String(order.quantity), "num"), cell("td", order.buyer),
      cell("td", moment.format(order.created_at)), cell("td", order.order_id, "id"));
    $("found-rows").append(row);
    $("found").hidden = false;
  }
}

function cell(name, text, class_name = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = class_name;
  return made;
}

function say(text, ok = true) {
  const note = $("find-note");
  if (note.textContent !== text) note.textContent = text;
  note.dataset.ok = String(ok);
}
