// An edge in JavaScript that does for an order what lastseat's edge does in Wasm, step by step, so
// that the two can be compared at equal work: address, key, gate, body, counts, client, signature,
// routing, deadline, verdict, grant. It works with real origins. What stands aside of an order is
// not here: the other addresses, buyer tokens, rates, traces of its own, and leaving a silent
// origin early.

import { env } from "cloudflare:workers";
import { Tally, countsHeader } from "./counts.js";
import { Gates, parseGrant } from "./gate.js";
import { origins } from "./origins.js";
import { Router } from "./router.js";
import { signer } from "./signature.js";

const bodyMax = 4096;
const attemptMs = 3000;
const deadlineMs = 6500;
const attemptsMax = 3;
const beatMs = 25;
const valueMax = 1024;
const recentMax = 32768;

const path = /^\/v1\/sales\/([A-Za-z0-9_-]{1,64})\/orders$/;
const visible = /^[ -~]*$/;
const orderId = /^[!-~]{16,128}$/;

const gates = new Gates();
const tally = new Tally();
// Orders that were granted through this isolate, the oldest first.
const granted = new Set();
const router = new Router(origins(env));
// The key that signs: the first one of `id:secret,id:secret`; a single secret may stand without an
// id.
const [first] = (env.LASTSEAT_EDGE_KEY ?? "").trim().split(",");
const [keyId, secret] = first.includes(":") ? first.split(":") : ["1", first];
if (secret.length < 32) {
  throw new Error(
    "LASTSEAT_EDGE_KEY must be the key of the origins, its secret of 32 characters or more",
  );
}
let sign;

// Chance in bulk, and the id of this isolate; the runtime gives none before the first request.
const pool = new Uint8Array(4096);
let used = pool.length;
let edge;

function chance(bytes) {
  if (used + bytes > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += bytes;
  return pool.subarray(used - bytes, used);
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

// A UUIDv7.
function newOrderId(now) {
  const time = now.toString(16).padStart(12, "0");
  const c = chance(10);
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-${hex[0x70 | (c[0] & 0x0f)]}${hex[c[1]]}-` +
    `${hex[0x80 | (c[2] & 0x3f)]}${hex[c[3]]}-${hex[c[4]]}${hex[c[5]]}${hex[c[6]]}${hex[c[7]]}${hex[c[8]]}${hex[c[9]]}`
  );
}

// Status, code, title and detail of what the edge says by itself.
const refusals = {
  s: [409, "sold_out", "Sold out", "Every ticket of this sale is sold."],
  h: [
    409,
    "all_held",
    "All tickets are held",
    "No ticket is free now, but some are held and not paid yet. Try again after Retry-After.",
  ],
  n: [
    409,
    "not_open",
    "Not open yet",
    "This sale has not opened. Its opening time is in opens_at, if it is set.",
  ],
  p: [409, "paused", "Paused", "This sale is paused. Try again later."],
  c: [410, "closed", "Closed", "This sale is over."],
  u: [404, "unknown_sale", "No such sale", "No sale has this id. Check the address."],
  b: [
    429,
    "busy",
    "Busy",
    "Too many are asking at this moment. This request was not carried out. Ask again after Retry-After.",
  ],
};
const notFound = [404, "not_found", "No such address", "Nothing is at this address."];
const wrongMethod = [405, "method_not_allowed", "Method not allowed", "This address takes POST."];
const badKey = [
  400,
  "invalid",
  "Invalid request",
  "An Idempotency-Key has 16 to 128 visible characters.",
];
const noLength = [
  411,
  "length_required",
  "Length required",
  "Send the body with a Content-Length.",
];
const tooLarge = [413, "too_large", "Request too large", "A request body has at most 4096 bytes."];
const incomplete = [
  400,
  "invalid",
  "Invalid request",
  "The body did not arrive whole and in time.",
];
const unavailable = [
  503,
  "unavailable",
  "Unavailable",
  "This request was not carried out. Ask again after Retry-After.",
];
const unknown = [
  504,
  "outcome_unknown",
  "Outcome unknown",
  "The order may have been taken. Ask again with the same Idempotency-Key.",
];

function problem([status, code, title, detail], order, retryMs) {
  const headers = { "content-type": "application/problem+json", "lastseat-answered-by": "edge" };
  if (retryMs !== undefined)
    headers["retry-after"] = String(Math.max(Math.ceil(retryMs / 1000), 1));
  const body = JSON.stringify({
    code,
    title,
    status,
    detail,
    order_id: order,
    retry_after_ms: retryMs,
  });
  return new Response(body, { status, headers });
}

// What comes of `promise`, or undefined if it fails or takes longer than `ms`.
function within(ms, promise) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const done = (value) => {
      clearTimeout(timer);
      resolve(value);
    };
    promise.then(done, () => done(undefined));
  });
}

function sane(value) {
  return value !== null && value.length <= valueMax && visible.test(value) ? value : undefined;
}

// The order id of a request and where it comes from.
function keyOf(request, now) {
  const id = request.headers.get("idempotency-key");
  if (id === null) return { id: newOrderId(now), key: "made" };
  if (granted.has(id)) return { id, key: "known" };
  return { id, key: request.headers.get("lastseat-retry") === "1" ? "repeated" : "sent" };
}

// A refusal is answered at once, without a promise.
function place(request, context) {
  const { url } = request;
  const [, sale] = path.exec(url.slice(url.indexOf("/", 8))) ?? [];
  if (sale === undefined) return problem(notFound);
  if (request.method !== "POST") return problem(wrongMethod);
  const since = Date.now();
  const order = { sale, since, ...keyOf(request, since) };
  if (order.key !== "made" && !orderId.test(order.id)) return problem(badKey);
  const length = request.headers.get("content-length");
  if (length === null || !/^[0-9]+$/.test(length)) return problem(noLength, order.id);
  if (Number(length) > bodyMax) return problem(tooLarge, order.id);
  const decision = gates.of(sale).decide(since, 0, order.key);
  if (decision !== "forward" && decision !== "wait") return refuse(decision, order);
  const work = forward(request, order, decision);
  context.waitUntil(work);
  return work;
}

function refuse(letter, { sale, id }) {
  tally.refused(sale, letter);
  const retryMs = { b: 250 + Math.random() * 250, h: 1000, p: 1000 }[letter];
  return problem(refusals[letter], id, retryMs === undefined ? undefined : Math.floor(retryMs));
}

async function forward(request, order, first) {
  let decision = first;
  for (let beats = 1; decision === "wait"; beats += 1) {
    await new Promise((resolve) => setTimeout(resolve, beatMs));
    decision = gates.of(order.sale).decide(Date.now(), beats, order.key);
  }
  if (decision !== "forward") return refuse(decision, order);
  const body = await within(attemptMs, request.arrayBuffer());
  if (body === undefined) return problem(incomplete, order.id);
  if (body.byteLength > bodyMax) return problem(tooLarge, order.id);
  tally.forwarded(order.sale);
  const untold = tally.take(order.sale);
  const address = `/v1/sales/${order.sale}/orders`;
  return ask(address, order, await init(request, address, order, body, untold), untold);
}

function clientOf(request) {
  if (env.CLIENT_IP !== "connection") return request.headers.get("cf-connecting-ip") ?? "";
  return (request.cf?.clientIp ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}

// Fresh headers with the edge's signature, good for all attempts.
async function init(request, address, { id, key }, body, untold) {
  sign ??= signer(keyId, secret);
  edge ??= Array.from(chance(8), (byte) => hex[byte]).join("");
  const ip = clientOf(request);
  const source = key === "known" ? "repeated" : key;
  const headers = {
    "lastseat-edge": edge,
    "lastseat-edge-signature": await (
      await sign
    )(Date.now(), ["POST", address, id, ip, edge, source, ""]),
    "idempotency-key": id,
    "lastseat-key": source,
    "lastseat-edge-counts": countsHeader(untold),
  };
  if (ip !== "") headers["lastseat-client-ip"] = ip;
  const type = sane(request.headers.get("content-type"));
  if (type !== undefined) headers["content-type"] = type;
  const authorization = sane(request.headers.get("authorization"));
  if (authorization !== undefined) headers.authorization = authorization;
  const trace = sane(request.headers.get("traceparent"));
  if (trace !== undefined) headers.traceparent = trace;
  return { method: "POST", headers, body, redirect: "manual" };
}

// One origin after the other, under the same order id, until one decides.
async function ask(address, { sale, id, since }, request, untold) {
  const tried = [];
  let sent = false;
  let told = false;
  try {
    while (tried.length < attemptsMax) {
      const now = Date.now();
      const ms = Math.min(since + deadlineMs - now, attemptMs);
      const origin = ms > 0 ? router.pick(tried, now) : undefined;
      if (origin === undefined) break;
      tried.push(origin);
      const answer = await within(ms, fetch(origin.url + address, request));
      const heard = Date.now();
      const ours =
        answer !== undefined && (answer.status < 500 || answer.headers.has("lastseat-answered-by"));
      router.report(origin, ours, heard);
      if (!ours) tally.failed(sale);
      const grant =
        answer === undefined ? undefined : parseGrant(answer.headers.get("lastseat-grant"));
      if (grant !== undefined) {
        gates.hear(sale, grant, now, heard);
        told ||= grant.version > 0;
        // A second origin must not count it again.
        if (told) delete request.headers["lastseat-edge-counts"];
      }
      // 503: nothing happened there. 504, or no answer: it may have.
      if (ours && answer.status !== 503 && answer.status !== 504) {
        if (answer.ok) remember(id);
        return strip(answer);
      }
      sent ||= !ours || answer.status === 504;
      answer?.body?.cancel().catch(() => {});
    }
  } finally {
    if (!told) tally.putBack(sale, untold);
  }
  return problem(sent ? unknown : unavailable, id, Math.floor(Math.random() * 1000));
}

function remember(id) {
  granted.add(id);
  if (granted.size > recentMax) granted.delete(granted.values().next().value);
}

// Without what the origin told the edge; the body stays a stream.
function strip(answer) {
  if (!answer.headers.has("lastseat-grant")) return answer;
  const changeable = new Response(answer.body, answer);
  changeable.headers.delete("lastseat-grant");
  return changeable;
}

export default { fetch: (request, _, context) => place(request, context) };
