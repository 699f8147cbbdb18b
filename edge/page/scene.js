// What the page shows, as a function of what it knows. Words are named here and written in words.js.
//
// A scene has a `tone` (calm, go, wait, stop), a `headline` and a `detail` (each [name, ...arguments]), a `clock`
// ({ label, at } by the ledger's clock or { label, until } by performance.now()), the `form` (null, or whether the
// button can be pressed and what it says), an `order` and the `actions` that are offered.

const SALE_IS = new Set(["sold_out", "closed", "unknown_sale"]);
const NOTES = new Set(["key_reused", "hold_expired", "hold_limit", "wrong_state", "paid", "unknown_order"]);

// The state of the sale at `now`, which may be later than the answer: a sale opens and closes by itself.
export function standing(view, now, opensAt) {
  if (view.closes_at && now >= view.closes_at) return "closed";
  if (view.state === "scheduled") return view.opens_at && now >= opensAt ? "open" : "scheduled";
  if (view.state !== "open") return view.state;
  return view.availability === "sold_out" || view.availability === "all_held"
    ? view.availability
    : "open";
}

// Most tickets that one order may ask for.
export function mostOf(view) {
  return Math.min(view.order_limit, view.buyer_limit ?? Infinity);
}

export function scene({ view, missing, unreachable, phase, now, opensAt }) {
  switch (phase.name) {
    case "order":
      return orderScene(phase, view);
    case "asking":
      // From the second time on nothing moves on the screen but the count.
      if (phase.why) return waitingScene({ ...phase, until: 0 });
      return { tone: "wait", headline: ["asking", phase.quantity], detail: ["asking_detail"], actions: [] };
    case "waiting":
      return waitingScene(phase);
    case "looking":
      return { tone: "calm", headline: ["looking"], detail: ["looking_detail"], actions: [] };
    case "refused":
      return refusedScene(phase, view);
  }
  if (missing) return { tone: "stop", headline: ["unknown_sale"], detail: ["unknown_sale_detail"], actions: [] };
  if (!view) {
    return unreachable
      ? { tone: "wait", headline: ["unreachable"], detail: ["unreachable_detail"], actions: [] }
      : { tone: "calm", headline: ["loading"], detail: null, actions: [] };
  }
  const shown = saleScene(view, standing(view, now, opensAt));
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
        detail: view.opens_at ? ["opens_detail", view.opens_at] : ["not_open_detail"],
        clock: view.opens_at ? { label: "opens_in", at: view.opens_at } : null,
        form: { ...form, ready: false },
        actions: [],
      };
    case "open":
      return {
        tone: "go",
        headline: ["open"],
        detail: view.free === undefined ? ["few"] : ["free", view.free, view.capacity],
        clock: view.closes_at ? { label: "closes_in", at: view.closes_at } : null,
        form,
        actions: [],
      };
    case "all_held":
      return { tone: "wait", headline: ["all_held"], detail: ["all_held_detail"], form: { ...form, label: "wait_for" }, actions: [] };
    default:
      return { tone: state === "paused" ? "wait" : "stop", headline: [state], detail: [`${state}_detail`], actions: [] };
  }
}

function waitingScene({ why, until, tries, unsure }) {
  return {
    tone: "wait",
    headline: [why],
    detail: [`${why}_wait`],
    clock: { label: "again_in", until, tries },
    // Whose answer is lost may have an order: giving up would not undo it.
    actions: unsure ? [] : ["stop"],
  };
}

function refusedScene({ problem, quantity }, view) {
  const { code } = problem;
  if (SALE_IS.has(code)) return { tone: "stop", headline: [code], detail: [`${code}_detail`], actions: [] };
  const most = view ? mostOf(view) : 1;
  const base = { tone: "stop", headline: [code, quantity], detail: [`${code}_detail`, quantity], actions: [] };
  switch (code) {
    case "not_enough":
      return { ...base, tone: "wait", form: { ready: true, label: "get", most: quantity - 1 } };
    case "order_limit":
    case "buyer_limit":
      return { ...base, form: { ready: true, label: "get", most } };
    case "ended_limit":
      return base;
    case "invalid":
      return { ...base, detail: ["said", problem.detail], form: { ready: true, label: "get", most } };
    case "unauthorized":
    case "buyer_token":
      return { ...base, headline: ["unauthorized"], detail: ["unauthorized_detail"] };
    default:
      return { ...base, headline: ["fault"], detail: ["said", problem.detail] };
  }
}

function orderScene({ order, doing, note, trouble }, view) {
  const shop = note?.code === "unauthorized" && order.state === "held";
  const over = order.state === "cancelled" || order.state === "expired";
  const paid = note?.code === "paid" && order.state === "confirmed";
  const actions = {
    held: shop ? ["extend", "cancel"] : ["confirm", "extend", "cancel"],
    confirmed: paid ? ["another"] : ["another", "cancel"],
  }[order.state] ?? ["another"];
  return {
    tone: { held: "wait", confirmed: "go" }[order.state] ?? "calm",
    headline: [doing ? `${doing}_doing` : order.state, order.quantity],
    detail: trouble ? ["order_trouble"] : shop ? ["shop_pays"] : (noted(note) ?? [`${order.state}_detail`]),
    clock: order.state === "held" ? { label: "held_for", at: order.expires_at, of: view?.hold_ms } : null,
    order: over ? null : order,
    actions: doing ? [] : actions,
  };
}

// Why the last change did not happen; how the order stands says the rest.
function noted(note) {
  if (!note || note.code === "unauthorized") return null;
  return NOTES.has(note.code) ? [`note_${note.code}`] : ["said", note.detail];
}
