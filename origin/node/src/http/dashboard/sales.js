// The list of all sales: what sells now first. Each row is kept for its sale, so that nobody who
// reads it or moves in it with keys loses their place.

const READ_EVERY_MS = 3_000;
// Numbers that are older are said to be.
const OLD_MS = 30_000;
const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const per_second = (n) =>
  n === undefined ? "–" : n > 0 && n < 10 ? n.toFixed(1) : whole.format(Math.round(n));

export class SalesList {
  #asked_at = -Infinity;
  #is_asking = false;
  #rows = new Map();
  #more = 0;
  #shown;
  // The order of the rows in the page.
  #order = "";

  // `open` is called with the sale that was chosen.
  constructor(open) {
    const body = $("sales").tBodies[0];
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) open(row.dataset.sale);
    });
    body.addEventListener("keydown", (event) => this.#move(event));
    $("sales-find").addEventListener("input", () => this.#find());
  }

  // Whether there is a list to choose from, and the sale that is shown now.
  offer(offered, sale) {
    $("sales-card").hidden = !offered;
    if (!offered) this.#asked_at = -Infinity;
    if (sale === this.#shown) return;
    this.#shown = sale;
    for (const row of this.#rows.values()) row.mark(sale);
  }

  // Whether it is time to read, by a clock in milliseconds. One call at a time.
  is_due(now) {
    const offered = !$("sales-card").hidden;
    return offered && !this.#is_asking && now - this.#asked_at >= READ_EVERY_MS;
  }

  // Reads: `call` resolves with the overview, or undefined where none came.
  async read(now, call) {
    [this.#asked_at, this.#is_asking] = [now, true];
    const overview = await call();
    this.#is_asking = false;
    if (overview) this.#update(overview);
    else this.#note("This node does not answer; what is listed gets older.");
  }

  // Leaves nothing behind.
  clear() {
    this.#rows.clear();
    [this.#order, this.#asked_at] = ["", -Infinity];
    $("sales").tBodies[0].replaceChildren();
    $("sales-card").hidden = true;
  }

  #update({ at, sales, more }) {
    this.#more = more;
    const named = new Set(sales.map(({ sale }) => sale));
    for (const [sale, row] of this.#rows) {
      if (named.has(sale)) continue;
      row.element.remove();
      this.#rows.delete(sale);
    }
    for (const sale of sales) {
      if (!this.#rows.has(sale.sale)) this.#rows.set(sale.sale, new Row(sale.sale));
      this.#rows.get(sale.sale).update(sale, at);
      this.#rows.get(sale.sale).mark(this.#shown);
    }
    this.#sort(sales.map(({ sale }) => sale));
    this.#find();
  }

  // Rows do not move under the hand of who is among them; new ones come at the end until then.
  #sort(names) {
    const body = $("sales").tBodies[0];
    const rows = names.map((name) => this.#rows.get(name).element);
    if (body.contains(document.activeElement)) {
      body.append(...rows.filter((row) => !row.isConnected));
      this.#order = "";
    } else if (this.#order !== names.join()) {
      this.#order = names.join();
      body.append(...rows);
    }
  }

  // Hides what was not looked for.
  #find() {
    const wanted = $("sales-find").value.trim().toLowerCase();
    let found = 0;
    for (const row of this.#rows.values()) {
      row.element.hidden = !row.text.includes(wanted);
      if (!row.element.hidden) found++;
    }
    const all = `${whole.format(this.#rows.size)} ${this.#rows.size === 1 ? "sale" : "sales"}`;
    const more = this.#more > 0 ? `; ${whole.format(this.#more)} more are not listed` : "";
    this.#note(`${wanted === "" ? all : `${whole.format(found)} of ${all}`}${more}`);
    this.#stop();
  }

  // One row is reached with Tab, the others with the arrows.
  #visible() {
    return [...$("sales").tBodies[0].rows].filter((row) => !row.hidden);
  }

  #stop() {
    const visible = this.#visible();
    const active = document.activeElement?.closest?.("#sales tbody tr");
    const stop = active && !active.hidden ? active : visible[0];
    for (const row of visible) row.querySelector("button").tabIndex = row === stop ? 0 : -1;
  }

  #move(event) {
    const rows = this.#visible();
    const now = rows.indexOf(document.activeElement.closest("tr"));
    const last = rows.length - 1;
    const next = {
      ArrowDown: Math.min(last, now + 1),
      ArrowUp: Math.max(0, now - 1),
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined || now < 0) return;
    event.preventDefault();
    rows[now].querySelector("button").tabIndex = -1;
    rows[next].querySelector("button").tabIndex = 0;
    rows[next].querySelector("button").focus();
  }

  #note(text) {
    put($("sales-note"), text);
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function make(name, class_name = "", ...content) {
  const element = document.createElement(name);
  element.className = class_name;
  element.append(...content);
  return element;
}

// One sale in the list.
class Row {
  constructor(sale) {
    this.sale = sale;
    this.text = sale.toLowerCase();
    this.name = make("button", "plain");
    this.name.type = "button";
    this.alarm = make("span", "bad alarm-text");
    this.state = make("span", "pill");
    this.parts = ["confirmed", "held"].map((part) => make("span", part));
    const bar = make("div", "stock thin", ...this.parts);
    bar.setAttribute("aria-hidden", "true");
    this.cells = Object.fromEntries(
      ["free", "held", "confirmed", "capacity", "asked", "taken"].map((name) => [
        name,
        make("td", `num ${name}`),
      ]),
    );
    const head = make("th", "", this.name, this.alarm);
    head.scope = "row";
    this.element = make(
      "tr",
      "",
      head,
      make("td", "", this.state),
      make("td", "wide", bar),
      ...Object.values(this.cells),
    );
    this.element.dataset.sale = sale;
  }

  mark(shown) {
    if (shown === this.sale) this.name.setAttribute("aria-current", "true");
    else this.name.removeAttribute("aria-current");
  }

  update({ title, numbers, alarm, asked_per_second, taken_per_second }, at) {
    put(this.name, title ? `${title} · ${this.sale}` : this.sale);
    this.text = this.name.textContent.toLowerCase();
    put(this.alarm, alarm ?? "");
    const { state, words } = stands(numbers, at);
    put(this.state, words);
    if (this.state.dataset.state !== state) this.state.dataset.state = state;
    for (const name of ["free", "held", "confirmed", "capacity"])
      put(this.cells[name], numbers ? whole.format(numbers[name]) : "–");
    put(this.cells.asked, per_second(asked_per_second));
    put(this.cells.taken, per_second(taken_per_second));
    for (const part of this.parts) {
      const share = numbers?.capacity ? numbers[part.className] / numbers.capacity : 0;
      part.style.width = `${share * 100}%`;
    }
  }
}

// The state of a sale in words, and what gives it its colour.
function stands(numbers, at) {
  if (!numbers) return { state: "", words: "not read yet" };
  const { state, free, held } = numbers;
  const none = state === "open" && free === 0 ? (held > 0 ? ", all held" : ", sold out") : "";
  const words = `${state}${none}`;
  if (at - numbers.at <= OLD_MS) return { state, words };
  return { state: "stale", words: `${words}, ${clock.format(numbers.at)}` };
}
