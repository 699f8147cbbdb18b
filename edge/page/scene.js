// What the page shows, as a function of what it knows. Words are named here and written in
// words.js.
//
// A scene has a `tone` (calm, go, wait, stop), a `headline` and a `detail` (each [name,
// ...arguments]), a `clock` ({ label, at } by the ledger's clock or { label, until } by
// performance.now()), the `form` (null, or whether the button can be pressed and what it says, and
// `chooser`, what the chooser of a sale with a plan shows), an `order`, the `actions` that are
// offered, `pay`, the address of the one of that name, `instead`, what can be had in the place of
// what was refused, `shop_says`, whether the shop may have a word to say to that, `tools`, whether
// the ticket can be printed and put into a calendar, and the earlier `orders` of this browser.

import { OF_CHOICE, chosenForm, refusedChoice } from "./choice.js";
import { isSigned, payAt } from "./pay.js";

const SALE_IS = new Set(["sold_out", "closed", "unknown_sale"]);
const NOTES = new Set(["key_reused", "hold_expired", "hold_limit", "wrong_state", "paid"]);
// While nothing is under way, another order can be put on the screen.
const AT_REST = new Set(["idle", "refused", "order", "missing"]);

// The state of the sale at `now`, which may be later than the answer: a sale opens and closes by
// itself.
export function standing(view, now, opensAt) {
  if (view.closes_at && now >= view.closes_at) return "closed";
  const opened = view.state === "scheduled" && view.opens_at && now >= opensAt;
  if (view.state !== "open" && !opened) return view.state;
  return view.availability === "sold_out" || view.availability === "all_held"
    ? view.availability
    : "open";
}

// Most tickets that one order may ask for.
export function mostOf(view) {
  return Math.min(view.order_limit, view.buyer_limit ?? Infinity, view.capacity);
}

export function scene(known) {
  const { phase, orders } = known;
  const listed = AT_REST.has(phase.name) && !phase.doing;
  return { ...main(known), orders: listed ? orders : [] };
}

// `chooser` has what is known of a sale's plan ({ plan, seats, choice }); it is absent where the
// sale has none, and its `choice` is null while the plan is not known yet.
function main({ view, missing, unreachable, phase, orders, now, opensAt, keeps, chooser }) {
  switch (phase.name) {
    case "order":
      return orderScene(phase, { view, now, opensAt });
    case "missing":
      return {
        tone: "stop",
        headline: ["unknown_order"],
        detail: ["unknown_order_detail", phase.number ?? ""],
        actions: [onward(view, now, opensAt)],
      };
    case "asking":
      // From the second time on nothing moves on the screen but the count.
      if (phase.why) return waitingScene({ ...phase, until: 0 });
      return {
        tone: "wait",
        headline: ["asking", phase.quantity],
        detail: [keeps ? "asking_detail" : "asking_forgetful"],
        actions: [],
      };
    case "waiting":
      return waitingScene(phase);
    case "looking":
      return { tone: "calm", headline: ["looking"], detail: ["looking_detail"], actions: [] };
    case "refused":
      return withPlan(refusedScene(phase, view, chooser, ticketsIn(orders)), chooser);
  }
  if (missing)
    return {
      tone: "stop",
      headline: ["unknown_sale"],
      detail: ["unknown_sale_detail"],
      actions: [],
    };
  if (!view) {
    return unreachable
      ? { tone: "wait", headline: ["unreachable"], detail: ["unreachable_detail"], actions: [] }
      : { tone: "calm", headline: ["loading"], detail: null, actions: [] };
  }
  const shown = withPlan(saleScene(view, standing(view, now, opensAt)), chooser);
  return unreachable ? { ...shown, detail: ["stale"] } : shown;
}

function saleScene(view, state) {
  const most = mostOf(view);
  const form = { ready: true, label: "get", most };
  switch (state) {
    case "scheduled":
      return {
        tone: "calm",
        headline: [view.opens_at ? "opens" : "not_open"],
        detail: view.opens_at
          ? [view.capacity ? "opens_detail" : "opens_empty", view.opens_at]
          : ["not_open_detail"],
        clock: view.opens_at ? { label: "opens_in", at: view.opens_at } : null,
        form: view.capacity ? { ...form, ready: false } : null,
        actions: [],
      };
    case "open":
      return {
        tone: "go",
        headline: ["open"],
        detail: left(view),
        clock: view.closes_at ? { label: "closes_in", at: view.closes_at } : null,
        form,
        actions: [],
      };
    case "all_held":
      return {
        tone: "wait",
        headline: ["all_held"],
        detail: ["all_held_detail"],
        form: { ...form, label: "wait_for" },
        actions: [],
      };
    default:
      return over(state, view);
  }
}

// The same scene, in whose form is chosen of a plan, if the sale has one. What is left of it all
// says nothing to who wants certain places: each choice says that of itself.
function withPlan(shown, chooser) {
  if (!chooser || !shown.form || shown.form.chooser) return shown;
  const amount = shown.headline[0] === "open";
  if (!chooser.choice)
    return { ...shown, form: null, detail: amount ? ["loading_plan"] : shown.detail };
  const detail = amount
    ? [chooser.plan.stops.length > 0 ? "choose_journey" : "choose_places"]
    : shown.detail;
  return { ...shown, detail, form: chosenForm(shown.form, chooser) };
}

// How much is left of a sale that sells.
function left(view) {
  if (view.free !== undefined) return ["free", view.free, view.capacity];
  return [view.some_held ? "few_held" : "few"];
}

function over(state, view) {
  const said = state === "sold_out" && view?.capacity === 0 ? "no_tickets" : state;
  return {
    tone: state === "paused" ? "wait" : "stop",
    headline: [said],
    detail: [`${said}_detail`],
    actions: [],
    ...(said === "sold_out" && { shop_says: true }),
  };
}

// What leads away from an order: to the next one, where one can be had.
function onward(view, now, opensAt) {
  const sells = !view || ["open", "all_held", "scheduled"].includes(standing(view, now, opensAt));
  return sells ? "another" : "to_sale";
}

function waitingScene({ why, until, tries, unsure }) {
  return {
    tone: "wait",
    headline: [why],
    // Whether an earlier request was carried out, this answer does not say.
    detail: [
      unsure && (why === "busy" || why === "unavailable") ? "outcome_unknown_wait" : `${why}_wait`,
    ],
    clock: { label: "again_in", until, tries },
    // Whose answer is lost may have an order: giving up would not undo it.
    actions: unsure ? [] : ["stop"],
  };
}

// How many tickets the orders of this browser have now, as far as the ledger has said so.
function ticketsIn(orders) {
  const has = orders.filter(({ state }) => state === "held" || state === "confirmed");
  return has.reduce((sum, { quantity }) => sum + (quantity ?? 0), 0);
}

// `mine` = the tickets that this browser has, of whichever buyer.
function refusedScene(phase, view, chooser, mine) {
  const { problem, quantity } = phase;
  const { code } = problem;
  const most = view ? mostOf(view) : 1;
  const told =
    phase.lines &&
    chooser?.choice &&
    refusedChoice(phase, chooser, { ready: true, label: "get", most });
  if (told) return told;
  // Not known yet what it was that is not there.
  if (phase.lines && OF_CHOICE.has(code))
    return { tone: "calm", headline: ["loading"], detail: null, actions: [] };
  if (SALE_IS.has(code)) return over(code, view);
  const base = {
    tone: "stop",
    headline: [code, quantity],
    detail: [`${code}_detail`, quantity],
    actions: [],
  };
  // Fewer than were asked for, if that is possible.
  const fewer =
    quantity > 1 ? { ready: true, label: "get", most: Math.min(most, quantity - 1) } : null;
  switch (code) {
    case "not_enough":
      return { ...base, tone: "wait", form: fewer };
    case "order_limit":
      return { ...base, form: fewer, actions: fewer ? [] : ["back"] };
    case "buyer_limit":
      // Who was refused one ticket has as many as are allowed. How many others have in a name,
      // nobody is told.
      if (!fewer)
        return {
          ...base,
          headline: ["limit_reached"],
          detail: limitReached(view, mine),
          actions: ["back"],
        };
      return {
        ...base,
        detail: ["buyer_limit_detail", view?.buyer_limit, quantity, mine],
        form: fewer,
      };
    case "ended_limit":
      return { ...base, actions: ["back"] };
    case "invalid":
      return { ...base, detail: ["fault_detail", code], form: { ready: true, label: "get", most } };
    case "unauthorized":
    case "buyer_token":
      return { ...base, headline: ["unauthorized"], detail: ["unauthorized_detail"] };
    default:
      return { ...base, headline: ["fault"], detail: ["fault_detail", code] };
  }
}

function limitReached(view, mine) {
  return view?.buyer_limit
    ? ["limit_reached_detail", view.buyer_limit, mine]
    : ["limit_reached_unknown"];
}

// How an order of this sale is confirmed: by the shop, once it is paid at the address that the sale
// names; where it names none, by the buyer in a demonstration, else by the shop, wherever the buyer
// finds it. Null while that is not known.
function payment(order, note, view, read) {
  if (note?.code === "unauthorized") return { detail: ["held_shop"] };
  if (!view) return null;
  const pay = payAt(view.pay_url, order);
  if (pay) return { verb: "pay", pay, detail: ["held_pay"] };
  if (isSigned(view.pay_url) && !read) return null;
  return view.demo ? { verb: "confirm", detail: ["held_detail"] } : { detail: ["held_shop"] };
}

function orderScene({ order, doing, note, trouble, read }, { view, now, opensAt }) {
  const base = { tone: "calm", order, actions: [] };
  const headline = [doing ? `${doing}_doing` : order.state, order.quantity];
  const told = trouble ? ["order_trouble"] : noted(note);
  if (order.state === "held" && now >= order.expires_at) {
    // What became of it is asked for at this moment.
    const unread = { ...order, state: "unread" };
    return {
      ...base,
      order: unread,
      tone: "wait",
      headline: ["time_over"],
      detail: trouble ? told : ["time_over_detail"],
    };
  }
  if (order.state === "held") {
    const how = payment(order, note, view, read);
    const verbs = [how?.verb, note?.code === "hold_limit" ? null : "extend", "cancel"];
    return {
      ...base,
      tone: "wait",
      headline,
      detail: told ?? how?.detail ?? null,
      clock: { label: "held_for", at: order.expires_at, of: view?.hold_ms },
      actions: doing ? [] : verbs.filter(Boolean),
      pay: how?.pay,
    };
  }
  const next = onward(view, now, opensAt);
  if (order.state !== "confirmed") {
    return {
      ...base,
      order: null,
      headline,
      detail: told ?? [`${order.state}_detail`],
      actions: doing ? [] : [next],
    };
  }
  // What is paid only the shop gives back, unless the sale allows it.
  const final = note?.code === "paid" || (order.paid && view && !view.buyers_cancel && !view.demo);
  return {
    ...base,
    tone: "go",
    headline,
    detail: told ?? [order.paid && final ? "paid_detail" : "confirmed_detail"],
    tools: true,
    actions: doing ? [] : final ? [next] : [next, "cancel"],
  };
}

// Why the last change did not happen; how the order stands says the rest.
function noted(note) {
  if (!note || note.code === "unauthorized") return null;
  return NOTES.has(note.code) ? [`note_${note.code}`] : ["fault_detail", note.code];
}
