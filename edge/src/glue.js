// What the edge asks of its runtime in JavaScript rather than through generated bindings: everything here is
// on the way of each order, and one call that makes a whole object costs a fraction of ten that fill one.
//
// No rules live here. Those that take `number` and `settled` call `settled(number, value)` later: with what came of
// it, or with undefined if nothing did within `ms`. Only the first such call counts (task.rs).

const within = (ms, promise, number, settled, pending) => {
  const timer = setTimeout(settled, ms, number, pending);
  const done = (value) => {
    clearTimeout(timer);
    settled(number, value);
  };
  promise.then(done, () => done(undefined));
};

// One subrequest. When it takes longer, its promise is the value, to be waited for again or left behind: then it ends
// with the client's request. An AbortSignal would cost more than the timer does.
export function ask(url, init, ms, number, settled) {
  waitOn(fetch(url, init), ms, number, settled);
}

export function waitOn(answer, ms, number, settled) {
  within(ms, answer, number, settled, answer);
}

// The whole body of a request.
export function body(request, ms, number, settled) {
  within(ms, request.arrayBuffer(), number, settled);
}

export function sleep(ms, number, settled) {
  setTimeout(settled, ms, number, undefined);
}

// Ends an answer that nobody will read.
export function discard(answer) {
  answer.body?.cancel().catch(() => {});
}

// The part of a subrequest that does not depend on the origin: fresh headers and nothing of the client's but
// what is named here.
export function init(method, body, type, trace, authorization, edge, ip, id, key, signature, token, counts) {
  const headers = { "lastseat-edge": edge, "lastseat-edge-signature": signature };
  if (type !== undefined) headers["content-type"] = type;
  if (trace !== undefined) headers.traceparent = trace;
  if (authorization !== undefined) headers.authorization = authorization;
  if (ip !== undefined) headers["lastseat-client-ip"] = ip;
  if (id !== undefined) {
    headers["idempotency-key"] = id;
    headers["lastseat-key"] = key;
  }
  if (token !== undefined) headers["lastseat-buyer-token"] = token;
  if (counts !== undefined) headers["lastseat-edge-counts"] = counts;
  return { method, headers, body, redirect: "manual" };
}

// An origin has heard the counts: the same subrequest to another one goes without them.
export function forgetCounts(init) {
  delete init.headers["lastseat-edge-counts"];
}

// An answer of the edge's own.
export function respond(status, body, type, retryAfter, allow, challenge, limited) {
  const headers = { "content-type": type, "lastseat-answered-by": "edge" };
  if (retryAfter !== undefined) headers["retry-after"] = retryAfter;
  if (allow !== undefined) headers.allow = allow;
  if (challenge !== undefined) headers["www-authenticate"] = challenge;
  if (limited) headers["lastseat-limited"] = "client";
  return new Response(body, { status, headers });
}

// An origin's answer without what it told the edge; the body stays a stream.
export function strip(answer) {
  if (!answer.headers.has("lastseat-grant")) return answer;
  const changeable = new Response(answer.body, answer);
  changeable.headers.delete("lastseat-grant");
  return changeable;
}

export const grant = (answer) => answer.headers.get("lastseat-grant") ?? undefined;
export const challenge = (answer) => answer.headers.get("www-authenticate") ?? undefined;
export const limited = (answer) => answer.headers.get("lastseat-limited") ?? undefined;
export const answeredBy = (answer) => answer.headers.get("lastseat-answered-by") ?? undefined;

export const idempotencyKey = (request) => request.headers.get("idempotency-key") ?? undefined;
export const retry = (request) => request.headers.get("lastseat-retry") ?? undefined;
export const contentLength = (request) => request.headers.get("content-length") ?? undefined;
export const contentType = (request) => request.headers.get("content-type") ?? undefined;
export const traceparent = (request) => request.headers.get("traceparent") ?? undefined;
export const authorization = (request) => request.headers.get("authorization") ?? undefined;
export const buyerToken = (request) => request.headers.get("lastseat-buyer-token") ?? undefined;
export const connectingIp = (request) => request.headers.get("cf-connecting-ip") ?? undefined;
export const peer = (request) => request.cf?.clientIp ?? undefined;

// The whole body of an origin's answer.
export function text(answer, ms, number, settled) {
  within(ms, answer.text(), number, settled);
}

// How a sale stands: a copy that caches may keep for the second for which it is true.
export function view(body, age, by, node) {
  const headers = {
    "content-type": "application/json",
    "cache-control": "public, max-age=1",
    age: String(Math.floor(age / 1000)),
    "lastseat-age-ms": String(age),
    "lastseat-answered-by": by,
  };
  if (node !== undefined) headers["lastseat-node"] = node;
  return new Response(body, { headers });
}

export const node = (answer) => answer.headers.get("lastseat-node") ?? undefined;
