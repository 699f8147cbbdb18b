// Writes a status into the page.

import { COLORS, draw, legend } from "./chart.js";
import { RANGES } from "./history.js";

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

const number = (n) => (n === undefined || n === null ? "–" : whole.format(n));
const per_second = (n) =>
  n === undefined ? "–" : n < 10 && n > 0 ? n.toFixed(1) : whole.format(Math.round(n));
const percent = (part) => (Number.isFinite(part) ? `${(part * 100).toFixed(1)} %` : "–");
export const time = (us) => {
  if (us === undefined || us === null) return "–";
  if (us < 1000) return `${Math.round(us)} µs`;
  return us < 1_000_000
    ? `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`
    : `${(us / 1_000_000).toFixed(1)} s`;
};

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function cell(text, name) {
  const cell = document.createElement("td");
  cell.className = name ?? "";
  cell.textContent = text;
  return cell;
}

function head(text) {
  const cell = document.createElement("th");
  cell.scope = "row";
  cell.textContent = text;
  return cell;
}

function bar(part, mark) {
  const [track, fill] = [document.createElement("div"), document.createElement("span")];
  track.className = "bar";
  fill.style.width = `${Math.min(100, Math.max(0, part * 100))}%`;
  track.append(fill);
  if (mark !== undefined) {
    const line = document.createElement("em");
    line.style.left = `${mark * 100}%`;
    track.append(line);
  }
  return track;
}

// A bar with what it says in words beside it.
function bar_cell(part, mark, text) {
  const [cell, line, words] = [
    document.createElement("td"),
    document.createElement("div"),
    document.createElement("span"),
  ];
  cell.className = "wide";
  line.className = "bar-line";
  words.className = "num";
  words.textContent = text;
  line.append(bar(part, mark), words);
  cell.append(line);
  return cell;
}

// The totals that Rates counts for a sale. The stages come from the node, which adds them up for
// everybody.
export function flows(sale) {
  const by_node = Object.entries(sale.received_by_node).map(([node, n]) => [`node ${node}`, n]);
  return { ...sale.funnel, ...Object.fromEntries(by_node) };
}

// How long ago, in words.
export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

// An audit that is older than this is shown as late. Nodes make one every ten minutes unless told
// otherwise.
const LATE_MS = 45 * 60_000;

// What is known of the numbers. That free is capacity - held - confirmed says nothing: it is
// computed so. What counts is the last recount of the orders and the log.
export function verdict(sale, now) {
  const audit = sale.totals.audit;
  if (!sale.stock) return { ok: "false", text: sale.damage ?? "the numbers are not known" };
  if (!audit) return { ok: "unknown", text: "not audited yet" };
  const ago = `${age(now - audit.at)} ago`;
  if (!audit.ok)
    return { ok: "false", text: `recounted ${ago}: ${number(audit.differences)} differences` };
  return { ok: now - audit.at > LATE_MS ? "late" : "true", text: `recounted ${ago}: clean` };
}

export function show_sale(sale, rates, now, stale) {
  const stock = sale.stock;
  const state = stock ? stock.state : "damaged";
  const none =
    state === "open" && stock.free === 0 ? (stock.held > 0 ? ", all held" : ", sold out") : "";
  put($("state"), stale ? `was ${state}${none}` : state + none);
  $("state").dataset.state = stale ? "stale" : state;
  for (const part of ["capacity", "free", "held", "confirmed"])
    put($(`n-${part}`), number(stock?.[part]));
  // With a plan all four count each seat once on each leg.
  const plan = stock?.plan;
  put(
    $("counts"),
    plan ? `capacity, ${plan.counts}${plan.legs > 1 ? ` (${plan.legs})` : ""}` : "capacity",
  );
  const { ok, text } = verdict(sale, now);
  $("equation").dataset.ok = stale ? "unknown" : ok;
  put($("equals"), ok === "false" ? "≠" : "=");
  put($("equation-verdict"), stale ? "not known now" : text);
  const gauge = $("stock");
  for (const part of ["confirmed", "held", "free"]) {
    gauge.querySelector(`.${part}`).style.width = stock?.capacity
      ? `${(stock[part] / stock.capacity) * 100}%`
      : "0";
  }
  gauge.setAttribute(
    "aria-label",
    `${number(stock?.confirmed)} of ${number(stock?.capacity)} confirmed, ${number(stock?.held)} held, ${number(stock?.free)} free`,
  );
  show_audit(sale.totals.audit);
  show_funnel(sale, rates);
}

function show_audit(audit) {
  const line = $("audit");
  if (!audit) {
    line.className = "quiet";
    return put(
      line,
      "not audited yet: nodes audit each sale by themselves, except those of more than 200,000 orders",
    );
  }
  const parts = `${number(audit.capacity)} = ${number(audit.free)} + ${number(audit.held)} + ${number(audit.confirmed)} recounted`;
  const verdict = audit.ok ? "clean" : `${number(audit.differences)} differences`;
  line.className = audit.ok ? "quiet" : "bad";
  put(line, `audit of ${clock.format(audit.at)}: ${verdict}, ${parts}`);
}

const STAGES = [
  ["asked", "asked", "asked"],
  ["refused_at_edge", "refused at the edge", "refused_at_edge"],
  ["refused_at_origin", "refused at an origin", "refused_at_origin"],
  ["ledger", "decided by the ledger", "ledger"],
  ["granted", "granted", "granted"],
  ["confirmed", "confirmed (tickets)", "confirmed"],
];

function show_funnel(sale, rates) {
  const flow = flows(sale);
  $("funnel").tBodies[0].replaceChildren(
    ...STAGES.map(([stage, label, name]) => {
      const row = document.createElement("tr");
      row.dataset.stage = stage;
      // Tickets are read now, counts are up to a second old: for a moment more seems to be sold
      // than was asked for.
      const part = flow.asked > 0 ? Math.min(1, flow[name] / flow.asked) : 0;
      row.append(
        head(label),
        cell(number(flow[name]), "num total"),
        cell(per_second(rates.now(name)), "num rate"),
      );
      row.append(bar_cell(part, undefined, flow.asked > 0 ? percent(part) : "–"));
      return row;
    }),
  );
  const { edge, refused_by_ledger, replayed } = sale.totals;
  const reasons = Object.entries(edge.refused ?? {}).map(([code, n]) => `${code} ${number(n)}`);
  const text = [
    reasons.length > 0 ? `at the edge: ${reasons.join(", ")}` : "",
    `edges forwarded ${number(edge.forwarded)}, ${number(edge.failed)} without an answer`,
    "tickets are read now, the nodes' counts are up to a second old",
    `the ledger refused ${number(refused_by_ledger)}, repeated ${number(replayed)}`,
  ];
  put($("reasons"), text.filter(Boolean).join(" · "));
}

// What the chart of a sale can show: its lines by the names of a history.
const CHARTS = {
  orders: {
    title: "Orders per second",
    lines: [
      ["asked", "asked"],
      ["refused at the edge", "refused_at_edge"],
      ["at the ledger", "ledger"],
      ["granted", "granted"],
    ],
  },
  tickets: {
    title: "Tickets",
    lines: [
      ["confirmed", "confirmed"],
      ["held", "held"],
    ],
  },
};

// `of` is the name of a chart, `range` one of RANGES. What came since the history was read is added
// to it.
export function show_sale_chart(history, rates, now, of, range) {
  const chart = CHARTS[of];
  const live = (name) => (of === "tickets" ? rates.level(name) : rates.line(name));
  const lines = chart.lines.map(([text, name], i) => ({
    color: COLORS[i],
    text,
    points: history.line(range, name, live(name)),
  }));
  draw($("chart"), lines, now, (n) => short.format(n), RANGES[range]);
  legend(
    $("legend"),
    lines.map(({ color, text }) => ({ color, text })),
  );
  put($("chart-what"), chart.title);
  const back = range === "hour" ? "hour" : "five minutes";
  const words = lines.map(({ text, points }) => `${text} ${number(highest(points, now, range))}`);
  const label = `${chart.title} over the last ${back}, at most: ${words.join(", ")}`;
  if ($("chart").getAttribute("aria-label") !== label) $("chart").setAttribute("aria-label", label);
}

// The highest value that is shown; undefined where there is none.
function highest(points, now, range) {
  const shown = points.filter(([at]) => at >= now - RANGES[range].most);
  return shown.length === 0 ? undefined : Math.round(Math.max(...shown.map(([, value]) => value)));
}

export function show_latency(history, now) {
  const lines = [...history].map(([node, points], i) => ({
    color: COLORS[i % COLORS.length],
    text: `node ${node}`,
    points,
  }));
  draw($("latency"), lines, now, (us) => (us <= 1 ? "0" : time(us)));
  legend(
    $("latency-legend"),
    lines.map(({ color, text }) => ({ color, text })),
  );
}

export function show_nodes(status, rates, stale) {
  const flow = status.nodes.map((node) => rates.now(`node ${node.node}`) ?? 0);
  const all = flow.reduce((a, b) => a + b, 0);
  const live = status.nodes.filter((node) => node.health === "live").length;
  put(
    $("edges"),
    `${live} of ${status.nodes.length} ${stale ? "were live" : "live"} · ${number(status.live_edges)} ${status.live_edges === 1 ? "edge" : "edges"} seen`,
  );
  $("nodes").tBodies[0].replaceChildren(
    ...status.nodes.map((node, i) => {
      const row = document.createElement("tr");
      row.dataset.node = node.node;
      row.dataset.health = stale ? "unknown" : node.health;
      const health = document.createElement("td");
      const pill = document.createElement("span");
      pill.className = "pill";
      const word = node.health === "lost" ? `lost ${age(node.silent_ms)}` : node.health;
      pill.dataset.state = stale ? "stale" : node.health;
      pill.textContent = stale ? `was ${node.health}` : word;
      if (node.trouble) pill.title = node.trouble;
      health.append(pill);
      const share = all > 0 ? flow[i] / all : 0;
      const words =
        all > 0
          ? `${percent(share)} / ${percent(node.weight_share)}`
          : `– / ${percent(node.weight_share)}`;
      row.append(
        head(`${node.node}`),
        health,
        bar_cell(share, node.weight_share, words),
        cell(per_second(rates.now(`node ${node.node}`)), "num"),
        cell(number(node.queue), "num"),
        cell(`${number(node.batch_orders.p50)} / ${number(node.batch_orders.p99)}`, "num"),
        cell(`${time(node.commit_us.p50)} / ${time(node.commit_us.p99)}`, "num"),
        cell(time(node.order_us.p99), "num"),
        cell(number(node.connections), "num"),
        cell(number(node.ledger_faults), node.ledger_faults > 0 ? "num bad" : "num"),
      );
      return row;
    }),
  );
}

const WORDS = {
  opened: (e) => `${e.sale} opened`,
  paused: (e) => `${e.sale} paused`,
  closed: (e) => `${e.sale} closed`,
  sold_out: (e) => `${e.sale} sold out`,
  returned: (e) => `${e.sale} has free tickets again`,
  restocked: (e) => `${e.sale} restocked to ${number(e.capacity)}`,
  node_started: (e) => `node ${e.node} started`,
  node_stopped: (e) => `node ${e.node} stopped`,
  node_lost: (e) => `node ${e.node} lost`,
  node_back: (e) => `node ${e.node} is back`,
  ledger_away: () => "the ledger does not answer: nothing is sold",
  ledger_back: () => "the ledger answers again",
  node_trouble: (e) => `node ${e.node} cannot serve orders`,
  node_well: (e) => `node ${e.node} serves orders again`,
  audit_differs: (e) => `the audit of ${e.sale} found differences`,
};

export function show_events(events) {
  const list = $("events");
  const key = JSON.stringify(events);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...events.map((event) => {
      const [item, when, text] = ["li", "time", "span"].map((name) => document.createElement(name));
      item.dataset.kind = event.kind;
      when.dateTime = new Date(event.at).toISOString();
      when.textContent = clock.format(event.at);
      const words = WORDS[event.kind]?.(event) ?? event.kind;
      text.textContent = event.by ? `${words} by ${event.by}` : words;
      item.append(when, text);
      return item;
    }),
  );
}

// What a status says of nodes that do not serve: undefined when all do.
export function node_notice(status) {
  const of = (...healths) =>
    status.nodes.filter((node) => healths.includes(node.health)).map((node) => node.node);
  const [live, lost, trouble] = [of("live"), of("lost"), of("trouble")];
  if (lost.length + trouble.length === 0) return undefined;
  const names = (nodes) => `node${nodes.length > 1 ? "s" : ""} ${nodes.join(", ")}`;
  const parts = [
    lost.length > 0 ? `${names(lost)} lost` : "",
    trouble.length > 0 ? `${names(trouble)} cannot serve orders` : "",
  ];
  const why = status.nodes.find((node) => node.trouble)?.trouble;
  const what = `${parts.filter(Boolean).join("; ")}${why ? ` (${why})` : ""}.`;
  if (live.length > 0) {
    const buyers =
      "The other nodes take the orders. An order that was on its way may be answered some seconds late, under the same number.";
    return { level: "warn", what, buyers };
  }
  return {
    level: "bad",
    what,
    buyers:
      "No node serves orders: a new order is answered 503, and the buyer page asks again with the same order.",
  };
}

// The banner: what is wrong, and what buyers get now. `urgent` = something else cannot wait.
export function show_banner(notice, urgent = false) {
  const banner = $("banner");
  banner.hidden = notice === undefined;
  document.title = urgent || notice?.level === "bad" ? "(!) lastseat" : "lastseat";
  if (notice === undefined) return;
  banner.dataset.level = notice.level;
  put($("banner-what"), notice.what);
  put($("banner-buyers"), notice.buyers);
}

// How old what is shown is. `stale` greys it.
export function show_age(stale, ms, line) {
  $("board").dataset.stale = String(stale);
  for (const place of document.querySelectorAll(".age")) put(place, stale ? `${age(ms)} old` : "");
  put($("banner-age"), line);
}

export const at_clock = (ms) => clock.format(ms);
