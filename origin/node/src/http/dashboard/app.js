// The dashboard: asks for the token, follows the status, carries out what an operator wants.

import { is_urgent, show_alarms } from "./alarms.js";
import { ask } from "./ask.js";
import { EdgesTable } from "./edges.js";
import { OrderFinder } from "./find.js";
import { SaleHistory } from "./history.js";
import { Legs } from "./legs.js";
import { show_legs } from "./legs_view.js";
import { Rates } from "./rates.js";
import { SalesList } from "./sales.js";
import { follow, sentence } from "./stream.js";
import { Terms } from "./terms.js";
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
  show_sale,
  show_sale_chart,
  verdict,
} from "./view.js";

const KEY = "lastseat admin token";
const LATENCY_KEPT_MS = 180_000;
// A status comes each second. What is older than this is shown as old.
const STALE_MS = 3_500;
// Statuses without the sale that was asked for, after which there is none.
const MISSING_MAX = 3;
const $ = (id) => document.getElementById(id);

let token = "";
let following;
let status;
// What the token allows: a name, verbs, an end; undefined where the node does not say.
let allowed;
// The sale that the stream has to show although others have more traffic, and in how many statuses
// it was missing.
let wanted = "";
let missing = 0;
// When the last status came, by this page's own clock; and what came in its place since.
let came_at = 0;
let outage;
const rates = new Map();
const legs = new Legs();
const hour = new SaleHistory();
const terms = new Terms();
const edges = new EdgesTable();
const sales = new SalesList(open_sale);
const finder = new OrderFinder(call);
const latency = new Map();

// A link of `lastseat cluster` carries the token behind the #, which no server sees. It does not
// stay in the address.
function token_of_link() {
  const found = /^#token=([\w.-]+)$/.exec(location.hash);
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
  [outage, status, allowed, wanted] = [undefined, undefined, undefined, ""];
  finder.show(undefined);
  sales.clear();
  show_banner(undefined);
  show_alarms([], true);
  show_age(false, 0, "");
  $("board").hidden = true;
  $("leave").hidden = true;
  $("gate").hidden = false;
  $("gate-error").textContent = error;
  set_link("not connected", undefined);
  $("token").focus();
}

function enter(given) {
  token = given;
  offer_verbs(undefined);
  $("gate").hidden = true;
  $("leave").hidden = false;
  set_link("connecting", undefined);
  listen();
}

// Follows the stream of the node, with the sale that is looked at in it.
async function listen() {
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  const sale = wanted === "" ? "" : `?sale=${encodeURIComponent(wanted)}`;
  const on = { event: receive, state: lost_link };
  const refused = await follow(`/v1/admin/status/stream${sale}`, token, on, signal);
  if (refused === undefined || signal.aborted) return;
  keep(undefined);
  ask_for_token(refused);
}

// Whether the token allows it: what it does not is not offered. The node decides in any case.
const may = (verb) => allowed === undefined || allowed.verbs.includes(verb);

// A sale that was chosen in the list; the stream may not have it yet.
function open_sale(name) {
  const picker = $("sale");
  if (![...picker.options].some(({ value }) => value === name)) {
    picker.add(new Option(name, name));
    [wanted, missing] = [name, 0];
    listen();
  }
  picker.value = name;
  picker.dispatchEvent(new Event("change"));
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
  if (name === "token") return offer_verbs(data);
  if (name !== "status") return;
  status = data;
  [came_at, outage] = [performance.now(), undefined];
  set_link("live", true);
  $("board").hidden = false;
  for (const sale of status.sales) {
    if (!rates.has(sale.sale)) rates.set(sale.sale, new Rates());
    rates.get(sale.sale).add(status.at, flows(sale), sale.stock ?? {});
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

// Whose token it is and how long it lasts; what it does not allow is taken away.
function offer_verbs(token) {
  allowed = token;
  const end = token?.expires_at;
  const until = end ? `, until ${new Date(end).toLocaleString("en")}` : "";
  $("who").textContent = end ? `${token.name}${until}` : "";
  for (const verb of ["audit", "open", "pause", "restock", "close"])
    $(`do-${verb}`).hidden = !may(verb);
  $("find-card").hidden = !may("find");
}

function offer_sales() {
  const picker = $("sale");
  const names = status.sales.map((sale) => sale.sale);
  follow_sale(picker.value, names);
  // A sale that was chosen stays chosen, wherever it moves in the list.
  const present = [...picker.options].map((option) => option.value);
  const fresh = names.filter((name) => !present.includes(name));
  // The one that the stream was asked for stays until it is there, or known to be none.
  const gone = present.filter((name) => !names.includes(name) && name !== wanted);
  for (const name of fresh) picker.add(new Option(name, name));
  for (const name of gone) picker.querySelector(`option[value="${name}"]`).remove();
  for (const { sale, title } of status.sales) {
    const option = picker.querySelector(`option[value="${sale}"]`);
    const text = title ? `${sale} · ${title}` : sale;
    if (option.text !== text) option.text = text;
  }
  picker.disabled = names.length === 0;
  const is_there = names.includes(picker.value) || picker.value === wanted;
  if (!is_there && names.length > 0) picker.value = names[0];
  sales.offer(names.length + status.more_sales > 1, picker.value);
  const more = status.more_sales > 0 ? `${status.more_sales} more sales are not shown` : "";
  if (picker.title !== more) picker.title = more;
}

// A sale that is looked at stays in the stream, however many others have more traffic; one that
// the stream does not bring does not exist.
function follow_sale(sale, names) {
  if (sale === "" || names.includes(sale)) {
    missing = 0;
    return;
  }
  if (sale !== wanted) {
    [wanted, missing] = [sale, 0];
    listen();
    return;
  }
  missing++;
  if (missing > MISSING_MAX) wanted = "";
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
  const urgent = is_urgent(status?.alarms, stale);
  show_alarms(status?.alarms, stale);
  if (outage) show_banner({ level: "bad", ...outage });
  else if (!status) return;
  else show_banner(stale ? silent : node_notice(status), urgent);
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
    show_sale_chart(hour, own, status.at, $("chart-of").value, $("chart-range").value);
  }
  render_legs(sale, stale);
  render_terms(sale, stale, now);
  read_in_turn(sale, stale);
  edges.show(status, age);
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
  $("do-close").disabled = stale || !state || state === "closed";
}

// What comes by calls of its own: the list of sales, and the hour of the one that is shown.
function read_in_turn(sale, stale) {
  hour.show(sale?.sale);
  if (stale || document.hidden) return;
  const now = performance.now();
  if (hour.is_due(now)) hour.read(now, (name) => found(`/v1/admin/sales/${name}/history`));
  if (sales.is_due(now)) sales.read(now, () => found("/v1/admin/overview"));
}

function render_terms(sale, stale, now) {
  terms.show(sale?.sale);
  terms.write(sale?.stock, now);
  const version = sale?.stock?.version;
  if (stale || document.hidden || !terms.is_due(version, performance.now())) return;
  terms.read(version, performance.now(), (name) => found(`/v1/admin/sales/${name}`));
}

// What a call brings; undefined where it brings nothing.
async function found(path) {
  try {
    const answer = await call("GET", path);
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined;
  }
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
  const yes = await ask(
    `Open ${sale}?`,
    "Buyers get tickets from the next second on.",
    "Open it",
  );
  if (yes) await change(sale, "open", undefined, () => `${sale} is open.`);
});
$("do-pause").addEventListener("click", async () => {
  const { sale } = chosen();
  const yes = await ask(
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
  const capacity = await ask(`Restock ${sale}`, text, "Set the capacity", {
    value: stock.capacity,
  });
  if (capacity === undefined) return;
  await change(
    sale,
    "restock",
    { capacity },
    (now) => `${sale} has ${now.capacity} tickets, ${now.free} of them free.`,
  );
});
$("do-close").addEventListener("click", async () => {
  const { sale, stock } = chosen();
  const held = stock.held > 0 ? ` ${stock.held} are held and can still be paid for.` : "";
  const text = `No order is taken any more, for good: a closed sale cannot be opened again. What is sold stays sold.${held}`;
  const yes = await ask(`Close ${sale} for good?`, text, "Close it for good", { id: sale });
  if (yes) await change(sale, "close", undefined, () => `${sale} is closed.`);
});
for (const id of ["chart-of", "chart-range"])
  $(id).addEventListener("change", () => status && render());
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
