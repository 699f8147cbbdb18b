// The page on which people buy: watches the sale, carries one order through, and shows how both
// stand.
import { ask, saleAt } from "./api.js";
import { OF_CHOICE } from "./choice.js";
import { Chooser } from "./chooser.js";
import { Clock } from "./clock.js";
import { askForEvent, eventInHead } from "./event.js";
import { Orders } from "./orders.js";
import { buyerOf, takePass } from "./pass.js";
import { isSigned } from "./pay.js";
import { ticketsOf } from "./plan.js";
import { Purchase } from "./purchase.js";
import { scene, standing } from "./scene.js";
import { Store } from "./store.js";
import { View } from "./view.js";
import { preferred, words } from "./words.js";

// How long until the sale is looked at again, in milliseconds, by how it stands.
const LOOK_AGAIN_MS = {
  open: 5_000,
  all_held: 5_000,
  paused: 5_000,
  scheduled: 20_000,
  sold_out: 20_000,
  closed: 60_000,
  missing: 30_000,
};
// In a tab that nobody sees.
const HIDDEN_MS = 60_000;
const UNREACHABLE_MAX_MS = 30_000;
// Not everybody's button works in the same millisecond.
const OPENING_SPREAD_MS = 400;
// An answer about the sale is at most so much older than it is new: edge and origin answer from
// memory.
const MEMORY_MS = 1_500;

const sale = decodeURIComponent(location.pathname.split("/")[2]);
const store = new Store(sale);
const clock = new Clock();
const pass = takePass(sale);
const purchase = new Purchase({
  sale,
  store,
  clock,
  pass,
  changed: () => draw(),
  signed: () => isSigned(known.view?.pay_url),
});
const chooser = new Chooser({ sale, first: firstChoice(), changed: () => draw() });
const orders = new Orders({ sale, store, pass, changed: () => draw() });
const spread = Math.random() * OPENING_SPREAD_MS;

// What is known of the sale.
const known = { view: null, missing: false, unreachable: false };
let failures = 0;
let looked = 0;
let next;
let language = store.language ?? preferred(navigator.languages);

const view = new View(sale, {
  get: (buyer, quantity) => {
    if (!pass) store.buyer = buyer;
    purchase.buy(buyer, quantity, planned() ? chooser.order(purchase.phase) : {});
  },
  // Told while the page is drawn, too: what follows from it is drawn afterwards.
  quantity: (quantity) =>
    queueMicrotask(
      () => chooser.known && chooser.choice.quantity !== quantity && chooser.set({ quantity }),
    ),
  // What was refused, as it can be had.
  instead: () => {
    const { choice } = chooser.offers(purchase.phase);
    chooser.take(choice);
    purchase.buy(store.order.buyer, ticketsOf(choice), chooser.order({}));
  },
  choose: {
    set: (changes) => choose("set", changes),
    toggle: (name, most) => choose("toggle", name, most),
    map: (block) => choose("map", block),
  },
  stop: () => purchase.stop(),
  another: () => leave(() => purchase.another()),
  to_sale: () => leave(() => purchase.another()),
  back: () => purchase.forgive(),
  open: (key) => leave(() => purchase.open(key)),
  pay: () => purchase.pay(),
  confirm: () => purchase.change("confirm"),
  extend: () => purchase.change("extend"),
  cancel: () => purchase.change("cancel"),
  language: () => {
    language = language === "en" ? "zh" : "en";
    store.language = language;
    view.speak(language);
    draw();
  },
});

// What to begin with: what was asked for under this key, else what the link to this page says.
function firstChoice() {
  return store.order.lines?.[0] ?? Object.fromEntries(new URLSearchParams(location.search));
}

// Whether the sale has a plan; an order of one says so, too, before the sale is known.
function planned() {
  return Boolean(known.view ? known.view.plan : store.order.lines);
}

// Another choice: what was refused of the one before says nothing of it.
function choose(verb, ...args) {
  chooser[verb](...args);
  if (OF_CHOICE.has(purchase.phase.problem?.code)) purchase.forgive();
}

// The order on the screen goes to the earlier ones.
function leave(go) {
  go();
  chooser.clear();
  orders.refresh();
  // What is free has changed by this very order.
  if (performance.now() - looked > MEMORY_MS) look();
}

// When the button begins to work here.
const opensAt = () => (known.view?.opens_at ?? Infinity) + spread;

async function look() {
  clearTimeout(next);
  looked = performance.now();
  const answer = await ask(saleAt(sale));
  if (answer.status === 200) {
    receive(answer);
  } else if (!answer.lost && answer.status < 429) {
    Object.assign(known, { view: null, missing: true });
  } else {
    failures++;
    known.unreachable = failures > 1;
  }
  draw();
  next = setTimeout(look, pauseMs());
}

function receive({ body, age, asked, received }) {
  failures = 0;
  clock.update(body.now, age, asked, received);
  Object.assign(known, { view: body, missing: false, unreachable: false });
  // A refusal was true when it was said. A later look at the sale knows better, and shows the form
  // again.
  const { phase } = purchase;
  const saleWide = ["sold_out", "closed", "unknown_sale"].includes(phase.problem?.code);
  if (saleWide && body.now > phase.at + MEMORY_MS) purchase.forgive();
}

function pauseMs() {
  let ms = LOOK_AGAIN_MS.missing;
  if (failures) ms = Math.min(1_000 * 2 ** failures, UNREACHABLE_MAX_MS);
  else if (known.view) {
    const state = standing(known.view, clock.now(), opensAt());
    ms = LOOK_AGAIN_MS[state];
    // Look when it should have opened, and shortly before: the opening may have been moved.
    const left = opensAt() - clock.now();
    if (state === "scheduled" && left < 2 * ms) ms = left > 5_000 ? left / 2 : left + 1_000;
  }
  if (document.visibilityState === "hidden") ms = Math.max(ms, HIDDEN_MS);
  return ms * (0.8 + 0.4 * Math.random());
}

function draw() {
  const now = clock.known ? clock.now() : 0;
  const { phase } = purchase;
  const of = { phase, orders: orders.list, keeps: store.keeps, now, opensAt: opensAt() };
  const shown = scene({ ...known, ...of, ...(planned() && { chooser }) });
  view.show(shown, chooser);
  if (planned()) chooser.watch(Boolean(shown.form));
  // It may keep nothing from the start, or nothing more from some moment on.
  if (!store.keeps) view.warn("forgetful");
  if (!shown.clock) return;
  const { at, until, of: whole } = shown.clock;
  view.tick(at ? at - now : until - performance.now(), whole);
}

addEventListener("visibilitychange", () => {
  const visible = document.visibilityState === "visible";
  if (!visible) return;
  if (performance.now() - looked > LOOK_AGAIN_MS.open) look();
  orders.refresh(true);
});
addEventListener("online", look);
// The shop's link with a new token, opened in this tab: only what is behind the `#` differs.
addEventListener("hashchange", () => location.reload());

// What is sold, in words, and in a language of the shop's.
function tell(event) {
  if (!event) return;
  const offered = event.languages?.filter((one) => Object.hasOwn(words, one)) ?? [];
  if (offered.length > 0 && !(store.language === language && offered.includes(language))) {
    language = preferred(navigator.languages, offered);
  }
  view.tell(event);
}

view.fill(store.buyer, pass ? buyerOf(pass) : null);
const inHead = eventInHead();
tell(inHead);
view.speak(language);
draw();
setInterval(draw, 200);
look();
purchase.resume();
orders.refresh(true);
if (inHead === undefined) {
  askForEvent(sale).then((event) => {
    tell(event);
    view.speak(language);
    draw();
  });
}
