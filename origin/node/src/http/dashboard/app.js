// The dashboard: asks for the token, follows the status, carries out what an operator wants.

import { OrderFinder } from "./find.js";
import { Legs } from "./legs.js";
import { show_legs } from "./legs_view.js";
import { Rates } from "./rates.js";
import { follow, sentence } from "./stream.js";
import {
  age,
  at_clock,
  flows,
  node_notice,
  show_age,
  show_banner,
  show_events,
  show_latency,
  show_nodes,
  show_orders_chart,
  show_sale,
  verdict,
} from "./view.js";

const KEY = "lastseat admin token";
const LATENCY_KEPT_MS = 180_000;
// A status comes each second. What is older than this is shown as old.
const STALE_MS = 3_500;
const $ = (id) => document.getElementById(id);

let token = "";
let following;
let status;
// When the last status came, by this page's own clock; and what came in its place since.
let came_at = 0;
let outage;
const rates = new Map();
const legs = new Legs();
const finder = new OrderFinder(call);
const latency = new Map();

// A link of `lastseat cluster` carries the token behind the #, which no server sees. It does not
// stay in the address.
function token_of_link() {
  const found = /^#token=([A-Za-z0-9]+)$/.exec(location.hash);
  if (!found) return undefined;
  history.replaceState(null, "", location.pathname);
  return found[1];
}

// A browser that keeps nothing asks for the token again after a reload.
function keep(text) {
  try {
    if (text === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, text);
  } catch {
    // The token is in this page all the same.
  }
}

function kept() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function start() {
  const linked = token_of_link();
  if (linked) keep(linked);
  const known = linked ?? kept();
  if (known) enter(known);
  else ask_for_token("");
}

function ask_for_token(error) {
  following?.abort();
  [outage, status] = [undefined, undefined];
  finder.show(undefined);
  show_banner(undefined);
  show_age(false, 0, "");
  $("board").hidden = true;
  $("leave").hidden = true;
  $("gate").hidden = false;
  $("gate-error").textContent = error;
  set_link("not connected", undefined);
  $("token").focus();
}

async function enter(given) {
  token = given;
  following?.abort();
  following = new AbortController();
  $("gate").hidden = true;
  $("leave").hidden = false;
  set_link("connecting", undefined);
  const refused = await follow(
    "/v1/admin/status/stream",
    token,
    { event: receive, state: lost_link },
    following.signal,
  );
  if (refused) {
    keep(undefined);
    ask_for_token("That is not the admin token of this node.");
  }
}

function set_link(text, ok) {
  const link = $("link");
  if (link.textContent !== text) link.textContent = text;
  if (ok === undefined) delete link.dataset.ok;
  else link.dataset.ok = String(ok);
}

// The node itself says nothing: this page knows of no order, but other nodes may well serve.
function lost_link(text, ok) {
  set_link(text, ok);
  outage ??= { what: "This dashboard is cut off from its node:", since: Date.now() };
  outage.buyers = `${text}. What buyers get now is not known here. Other nodes may serve them: open the dashboard of another node.`;
  render();
}

function receive(name, data) {
  if (name === "away") {
    set_link(data.sentence, false);
    outage = {
      what: data.sentence,
      buyers: data.buyers,
      since: Date.now() - (data.at - data.since),
      events: data.events,
    };
    return render();
  }
  if (name !== "status") return;
  status = data;
  [came_at, outage] = [performance.now(), undefined];
  set_link("live", true);
  $("board").hidden = false;
  for (const sale of status.sales) {
    if (!rates.has(sale.sale)) rates.set(sale.sale, new Rates());
    rates.get(sale.sale).add(status.at, flows(sale));
  }
  for (const node of status.nodes) {
    if (!latency.has(node.node)) latency.set(node.node, []);
    const points = latency.get(node.node);
    if (node.health === "live" && node.commit_us.p99 !== undefined)
      points.push([status.at, node.commit_us.p99]);
    while (points.length > 0 && points[0][0] < status.at - LATENCY_KEPT_MS) points.shift();
  }
  offer_sales();
  render();
}

function offer_sales() {
  const picker = $("sale");
  const names = status.sales.map((sale) => sale.sale);
  // A sale that was chosen stays chosen, wherever it moves in the list.
  const present = [...picker.options].map((option) => option.value);
  const fresh = names.filter((name) => !present.includes(name));
  const gone = present.filter((name) => !names.includes(name));
  for (const name of fresh) picker.add(new Option(name, name));
  for (const name of gone) picker.querySelector(`option[value="${name}"]`).remove();
  for (const { sale, title } of status.sales) {
    const option = picker.querySelector(`option[value="${sale}"]`);
    const text = title ? `${sale} · ${title}` : sale;
    if (option.text !== text) option.text = text;
  }
  picker.disabled = names.length === 0;
  if (!names.includes(picker.value) && names.length > 0) picker.value = names[0];
  const more = status.more_sales > 0 ? `${status.more_sales} more sales are not shown` : "";
  if (picker.title !== more) picker.title = more;
}

const chosen = () => status?.sales.find((sale) => sale.sale === $("sale").value);

const is_stale = () => outage !== undefined || performance.now() - came_at > STALE_MS;

// The banner, and how old what is shown is: both go on while nothing comes.
function render_age() {
  if ($("gate").hidden === false) return;
  const [old, stale] = [performance.now() - came_at, is_stale()];
  const silent = {
    level: "bad",
    what: "No news from this node.",
    buyers: "What buyers get now is not known here.",
  };
  const since =
    outage && `Since ${at_clock(outage.since)}, ${age(Date.now() - outage.since)} now. `;
  const numbers = status
    ? `The numbers below are those of ${at_clock(status.at)}, ${age(old)} old.`
    : "";
  if (outage) show_banner({ level: "bad", ...outage });
  else if (!status) return;
  else show_banner(stale ? silent : node_notice(status));
  show_age(stale && status !== undefined, old, stale ? `${since ?? ""}${numbers}` : "");
}

function render() {
  render_age();
  if (outage?.events) show_events(outage.events);
  if (!status) return;
  const [sale, stale] = [chosen(), is_stale()];
  const none = new Rates();
  // The audit's age goes on while nothing else does.
  const now = status.at + (performance.now() - came_at);
  if (sale) {
    const own = rates.get(sale.sale);
    show_sale(sale, own, now, stale);
    show_orders_chart(own, status.at);
  }
  render_legs(sale, stale);
  finder.show(sale?.sale);
  show_nodes(status, sale ? rates.get(sale.sale) : none, stale);
  show_latency(latency, status.at);
  if (!outage?.events) show_events(status.happenings);
  const state = sale?.stock?.state;
  $("do-open").disabled = stale || !sale || !["paused", "scheduled"].includes(state);
  $("do-pause").disabled = stale || state !== "open";
  // A plan says how many places there are.
  $("do-restock").disabled = stale || !sale?.stock || Boolean(sale.stock.plan);
  $("do-audit").disabled = stale || !sale || auditing;
}

// Legs are read only while a sale with a plan is looked at.
function render_legs(sale, stale) {
  legs.show(sale?.stock?.plan ? sale.sale : undefined);
  const now = performance.now();
  const old = legs.view ? ` The numbers below are ${age(now - legs.came_at)} old.` : "";
  show_legs(legs, stale || !legs.trouble ? undefined : `${legs.trouble}${old}`);
  if (stale || document.hidden || !legs.is_due(now)) return;
  legs.read(now, read_legs).then(() => status && render_legs(chosen(), is_stale()));
}

async function read_legs(sale) {
  try {
    const answer = await call("GET", `/v1/admin/sales/${sale}/legs`);
    return answer.ok ? { view: await answer.json() } : { trouble: await sentence(answer) };
  } catch {
    return { trouble: "This node does not answer." };
  }
}

// Asks before something is done. Resolves with undefined when it was called off.
function confirm(title, text, verb, value) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = verb;
  $("ask-error").textContent = "";
  $("ask-number").hidden = value === undefined;
  if (value !== undefined) $("ask-value").value = String(value);
  dialog.showModal();
  return new Promise((done) => {
    const end = (answer) => {
      dialog.onclose = null;
      dialog.close();
      done(answer);
    };
    dialog.onclose = () => end(undefined);
    $("ask-no").onclick = () => end(undefined);
    $("ask-yes").onclick = () => {
      if (value === undefined) return end(true);
      const wanted = Number($("ask-value").value);
      if ($("ask-value").value === "" || !Number.isSafeInteger(wanted) || wanted < 0) {
        $("ask-error").textContent = "A capacity is a whole number that is not below 0.";
        return;
      }
      end(wanted);
    };
    $("ask-value").onkeydown = (event) => {
      if (event.key === "Enter") $("ask-yes").click();
    };
  });
}

async function call(method, path, body) {
  const headers = { authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  return fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
}

function say(text, ok) {
  $("outcome").textContent = text;
  $("outcome").dataset.ok = String(ok);
}

// Carries out a change and says what came of it, in the words of the API where it refuses.
async function change(sale, verb, body, done) {
  try {
    const answer = await call("POST", `/v1/admin/sales/${sale}/${verb}`, body);
    if (answer.ok) say(done(await answer.json()), true);
    else say(await sentence(answer), false);
  } catch {
    say(
      "This node does not answer; whether the change was made, the numbers above will show.",
      false,
    );
  }
}

let auditing = false;

async function audit(sale) {
  auditing = true;
  render();
  say(`Recounting ${sale} from its orders and its log …`, true);
  try {
    const answer = await call("GET", `/v1/admin/sales/${sale}/audit`);
    if (!answer.ok) return say(await sentence(answer), false);
    const report = await answer.json();
    const parts = `${report.capacity} = ${report.free} free + ${report.held} held + ${report.confirmed} confirmed`;
    const found = report.differences.slice(0, 3).join("; ");
    say(
      report.ok ? `Audit clean: ${parts}, recounted.` : `The audit found differences: ${found}.`,
      report.ok,
    );
  } catch {
    say("This node does not answer; the sale was not audited.", false);
  } finally {
    auditing = false;
    render();
  }
}

$("enter").addEventListener("click", () => {
  const given = $("token").value.trim();
  if (given === "") return ask_for_token("Type the admin token.");
  $("token").value = "";
  keep(given);
  enter(given);
});
$("token").addEventListener("keydown", (event) => {
  if (event.key === "Enter") $("enter").click();
});
$("leave").addEventListener("click", () => {
  keep(undefined);
  ask_for_token("");
});
$("sale").addEventListener("change", () => {
  say("", true);
  render();
});
$("do-audit").addEventListener("click", () => audit(chosen().sale));
$("do-open").addEventListener("click", async () => {
  const { sale } = chosen();
  const yes = await confirm(
    `Open ${sale}?`,
    "Buyers get tickets from the next second on.",
    "Open it",
  );
  if (yes) await change(sale, "open", undefined, () => `${sale} is open.`);
});
$("do-pause").addEventListener("click", async () => {
  const { sale } = chosen();
  const yes = await confirm(
    `Pause ${sale}?`,
    "No ticket is sold until it is opened again. Held orders can still be confirmed.",
    "Pause it",
  );
  if (yes) await change(sale, "pause", undefined, () => `${sale} is paused.`);
});
$("do-restock").addEventListener("click", async () => {
  const { sale, stock } = chosen();
  const taken = stock.held + stock.confirmed;
  const text = `It has ${stock.capacity} tickets, of which ${taken} are held or confirmed; it cannot go below that.`;
  const capacity = await confirm(`Restock ${sale}`, text, "Set the capacity", stock.capacity);
  if (capacity === undefined) return;
  await change(
    sale,
    "restock",
    { capacity },
    (now) => `${sale} has ${now.capacity} tickets, ${now.free} of them free.`,
  );
});
addEventListener("resize", () => status && render());
setInterval(() => (status || outage) && (is_stale() ? render() : render_age()), 1000);
addEventListener("hashchange", () => {
  const linked = token_of_link();
  if (!linked) return;
  keep(linked);
  enter(linked);
});

// For tests and for the console: what the page shows now.
window.lastseat = { status: () => status, verdict: () => chosen() && verdict(chosen(), status.at) };

start();
