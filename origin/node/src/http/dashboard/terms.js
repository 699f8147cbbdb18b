// The terms of the sale that is shown, and how long it is until it opens or closes by itself.

// Most terms are read again when the sale's version has changed, but no oftener than this.
const READ_EVERY_MS = 5_000;
const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const TO_THE_MINUTE = {
  weekday: "short",
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
};
const moment = new Intl.DateTimeFormat("en", {
  ...TO_THE_MINUTE,
  second: "2-digit",
  timeZoneName: "short",
});

export class Terms {
  #asked_at = -Infinity;
  #is_asking = false;
  #sale;
  // The last report, and the version of the sale that it was read for.
  #report;
  #version;

  // The sale that is shown now.
  show(sale) {
    if (sale === this.#sale) return;
    [this.#sale, this.#report, this.#version] = [sale, undefined, undefined];
    this.#asked_at = -Infinity;
  }

  // Whether it is time to read, for this version of the sale. One call at a time.
  is_due(version, now) {
    const rested = now - this.#asked_at >= READ_EVERY_MS;
    return this.#sale !== undefined && version !== this.#version && rested && !this.#is_asking;
  }

  // Reads: `call` resolves with the report, or undefined.
  async read(version, now, call) {
    const sale = this.#sale;
    [this.#asked_at, this.#is_asking] = [now, true];
    const report = await call(sale);
    this.#is_asking = false;
    if (sale !== this.#sale || !report) return;
    [this.#report, this.#version] = [report, version];
  }

  // Writes them; `stock` is how the sale stands, `now` the ledger's clock.
  write(stock, now) {
    $("terms-card").hidden = !stock;
    if (!stock) return;
    put($("countdown"), countdown(stock, now));
    // Times and limits come with each status, the rest with the report.
    const rows = [...of_stock(stock), ...of_report(this.#report)];
    const key = JSON.stringify(rows);
    if ($("terms").dataset.key === key) return;
    $("terms").dataset.key = key;
    $("terms").replaceChildren(...rows.flatMap(row));
  }
}

// What happens next by itself, and when.
export function countdown({ state, opens_at, closes_at }, now) {
  if (state === "scheduled" && opens_at > now) return `Opens in ${duration(opens_at - now)}`;
  if (state === "scheduled" && opens_at > 0) return "Opens at this moment";
  if (state !== "closed" && closes_at > now) return `Closes in ${duration(closes_at - now)}`;
  return "";
}

// Hours, minutes and seconds, with days before them where there are any.
export function duration(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const rest = `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days > 0 ? `${days} d ${rest}` : rest;
}

// A length of time in words: that of a hold is whole minutes, mostly.
function length(ms) {
  if (ms % 3_600_000 === 0) return `${whole.format(ms / 3_600_000)} h`;
  if (ms % 60_000 === 0) return `${whole.format(ms / 60_000)} min`;
  return `${whole.format(ms / 1000)} s`;
}

const at = (ms) => (ms > 0 ? moment.format(ms) : "by hand");

function of_stock({ opens_at, closes_at, hold_ms, buyer_limit, order_limit, plan }) {
  return [
    ["opens", at(opens_at)],
    ["closes", at(closes_at)],
    ["a hold lasts", hold_ms > 0 ? length(hold_ms) : "no holds: orders are confirmed at once"],
    ["one buyer", buyer_limit > 0 ? `at most ${whole.format(buyer_limit)}` : "no limit"],
    ["one order", `at most ${whole.format(order_limit)}`],
    ["sells", plan ? `a plan of ${plan.legs} legs, ${plan.classes} classes` : "equal tickets"],
  ];
}

function of_report(report) {
  if (!report) return [];
  const late = { same: "the same seats or none", other: "other seats" }[report.late_seats];
  const rows = [
    ["paid orders are given back", report.buyers_cancel ? "by buyers, too" : "by the shop alone"],
    ["buyers pay at", report.pay_url ?? "nowhere: the shop tells them"],
    ["they come back to", report.return_url],
    ["a late payment gets", late],
  ];
  return [...rows, ...of_event(report.event)].filter(([, text]) => text);
}

function of_event(event) {
  if (!event) return [["on the page", "nothing is said of what is sold"]];
  const starts = event.starts_at && when(event.starts_at, event.zone);
  const prices = Object.entries(event.prices ?? {}).map((of) => of.join(" "));
  return [
    ["title", event.title],
    ["subtitle", event.subtitle],
    ["starts", starts],
    ["place", event.place],
    ["organiser", event.organiser],
    ["price", event.price],
    ["prices", prices.join(", ")],
    ["terms of the shop", event.terms_url],
    ["help", event.help_url],
    ["when sold out", [event.sold_out_text, event.sold_out_url].filter(Boolean).join(" ")],
    ["logo", event.logo_url],
    ["colour", event.colour],
    ["languages", event.languages?.join(", ")],
  ];
}

// In the zone of the event, which is named; in the reader's where this browser does not know it.
function when(ms, timeZone) {
  try {
    const there = new Intl.DateTimeFormat("en", { ...TO_THE_MINUTE, timeZone });
    return `${there.format(ms)}, ${timeZone}`;
  } catch {
    return moment.format(ms);
  }
}

function row([name, text]) {
  const [term, value] = ["dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  value.textContent = text;
  const pair = document.createElement("div");
  pair.append(term, value);
  return [pair];
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
