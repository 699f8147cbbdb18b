// What the edge asks of its runtime in JavaScript rather than through generated bindings:
// everything here is on the way of each order, and one call that makes a whole object costs a
// fraction of ten that fill one.
//
// No rules live here. Those that take `number` and `settled` call `settled(number, value)` later:
// with what came of it, with undefined if it failed, or with the promise itself if it takes longer
// than `ms`, to be waited for again or left behind: then it ends with the client's request. Only
// the first such call counts (task.rs).

// A request's watch: one timer for whatever it waits for at the moment. It runs on when that has
// come, because a timer that is set and stopped for each wait costs more than all rules together,
// and ends with the request. So it may ring early.
export const watch = () => ({
  number: 0,
  settled: undefined,
  promise: undefined,
  timer: undefined,
  rings: Infinity,
});

const ring = (watch) => {
  watch.rings = Infinity;
  watch.settled(watch.number, watch.promise);
};

export function waitOn(watch, promise, ms, number, settled) {
  watch.number = number;
  watch.settled = settled;
  watch.promise = promise;
  const rings = Date.now() + ms;
  if (rings < watch.rings) {
    clearTimeout(watch.timer);
    watch.timer = setTimeout(ring, ms, watch);
    watch.rings = rings;
  }
  promise.then(
    (value) => settled(number, value),
    () => settled(number, undefined),
  );
}

// One subrequest.
export function ask(watch, url, init, ms, number, settled) {
  waitOn(watch, fetch(url, init), ms, number, settled);
}

// The whole body of a request.
export function body(watch, request, ms, number, settled) {
  waitOn(watch, request.arrayBuffer(), ms, number, settled);
}

// The whole body of an origin's answer.
export function text(watch, answer, ms, number, settled) {
  waitOn(watch, answer.text(), ms, number, settled);
}

export function sleep(ms, number, settled) {
  setTimeout(settled, ms, number, undefined);
}

// Ends an answer that nobody will read.
export function discard(answer) {
  answer.body?.cancel().catch(() => {});
}

// The part of a subrequest that does not depend on the origin. Its headers come as lines, a name
// and its value by turns: one text crosses at a fraction of the cost of ten.
export function init(method, body, lines) {
  const parts = lines.split("\n");
  const headers = {};
  for (let i = 1; i < parts.length; i += 2) headers[parts[i - 1]] = parts[i];
  return { method, headers, body, redirect: "manual" };
}

// The heads of refusals, as answers without a body: a copy of one costs less than an object that is
// read anew.
const heads = new Map();
const headsMax = 64;

// A refusal of the edge's own.
export function refuse(status, body, retryAfter, noStore) {
  const name = retryAfter === undefined ? status : retryAfter * 1000 + status;
  let head = heads.get(name);
  if (head === undefined) {
    head = respond(
      status,
      null,
      "application/problem+json",
      retryAfter,
      undefined,
      undefined,
      false,
      noStore,
    );
    if (heads.size < headsMax) heads.set(name, head);
  }
  return new Response(body, head);
}

// An answer of the edge's own.
export function respond(status, body, type, retryAfter, allow, challenge, limited, noStore) {
  const headers = { "content-type": type, "lastseat-answered-by": "edge" };
  if (noStore) headers["cache-control"] = "no-store";
  if (retryAfter !== undefined) headers["retry-after"] = retryAfter;
  if (allow !== undefined) headers.allow = allow;
  if (challenge !== undefined) headers["www-authenticate"] = challenge;
  if (limited) headers["lastseat-limited"] = "client";
  return new Response(body, { status, headers });
}

// The address has another spelling, at which the answer is.
export function moved(status, location) {
  return new Response(null, { status, headers: { location, "lastseat-answered-by": "edge" } });
}

// An origin's response without the headers for the edge; the body stays a stream.
export function strip(answer) {
  const changeable = new Response(answer.body, answer);
  changeable.headers.delete("lastseat-grant");
  changeable.headers.delete("lastseat-gone");
  if (!answer.ok) changeable.headers.delete("lastseat-sales");
  return changeable;
}

export const sales = (answer) => answer.headers.get("lastseat-sales") ?? undefined;
export const grant = (answer) => answer.headers.get("lastseat-grant") ?? undefined;
export const gone = (answer) => answer.headers.get("lastseat-gone") ?? undefined;
export const etag = (answer) => answer.headers.get("etag") ?? undefined;
export const challenge = (answer) => answer.headers.get("www-authenticate") ?? undefined;
export const limited = (answer) => answer.headers.get("lastseat-limited") ?? undefined;
export const answeredBy = (answer) => answer.headers.get("lastseat-answered-by") ?? undefined;

// The client's own key, after a "1" if it is sent again, a "0" if not, and a "2" if the header that
// says so was sent more than once: one crossing for both headers. A "3" alone is a key under a name
// that nobody reads.
export const sentKey = (request) => {
  const { headers } = request;
  const key = headers.get("idempotency-key");
  if (key === null) return headers.has("x-idempotency-key") ? "3" : undefined;
  const retry = headers.get("lastseat-retry");
  return (retry === "1" ? "1" : retry?.includes(", ") ? "2" : "0") + key;
};
// What a browser says of the page that asks: its origin, and on a second line how it relates to
// this site. Undefined where no browser asks: one crossing for both headers.
export const pageMarks = ({ headers }) => {
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site");
  return origin === null && site === null ? undefined : `${origin ?? ""}\n${site ?? ""}`;
};
// Whether a person opens the address in a browser.
export const wantsPage = (request) => request.headers.get("accept")?.includes("text/html") ?? false;
export const asksPermission = (request) => request.headers.has("access-control-request-method");

// Lets the page of `origin` read an answer of ours, if there is one; either way the answer says to
// caches that it depends on that. A node may have said so already.
export function addCors(answer, origin, exposed) {
  if (!answer.headers.get("vary")?.includes("Origin")) answer.headers.append("vary", "Origin");
  if (origin === undefined) return;
  answer.headers.set("access-control-allow-origin", origin);
  answer.headers.set("access-control-expose-headers", exposed);
}

// What the page of an allowed origin may send.
export function preflight(methods, names, maxAge) {
  const headers = {
    "access-control-allow-methods": methods,
    "access-control-allow-headers": names,
    "access-control-max-age": maxAge,
    "lastseat-answered-by": "edge",
  };
  return new Response(null, { status: 204, headers });
}

export const ifNoneMatch = (request) => request.headers.get("if-none-match") ?? undefined;
export const contentLength = (request) => request.headers.get("content-length") ?? undefined;
export const contentType = (request) => request.headers.get("content-type") ?? undefined;
export const traceparent = (request) => request.headers.get("traceparent") ?? undefined;
export const authorization = (request) => request.headers.get("authorization") ?? undefined;
export const buyerToken = (request) => request.headers.get("lastseat-buyer-token") ?? undefined;
export const connectingIp = (request) => request.headers.get("cf-connecting-ip") ?? undefined;
export const peer = (request) => request.cf?.clientIp ?? undefined;

// How a sale stands, what it sells or what is left: a copy that caches may keep for the time for
// which it is true. Who has it already gets no body.
export function view(body, age, by, node, kept, etag) {
  const headers = {
    "content-type": "application/json",
    "cache-control": kept,
    age: String(Math.floor(age / 1000)),
    "lastseat-age-ms": String(age),
    "lastseat-answered-by": by,
  };
  if (node !== undefined) headers["lastseat-node"] = node;
  if (etag !== undefined) headers.etag = etag;
  return body === undefined
    ? new Response(null, { status: 304, headers })
    : new Response(body, { headers });
}

export const node = (answer) => answer.headers.get("lastseat-node") ?? undefined;
