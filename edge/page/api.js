// Asks the edge. An answer is what lastseat said; anything else, silence included, is a lost
// answer.

// Longer than the edge takes at most to answer (EDGE_DEADLINE_MS).
const DEADLINE_MS = 9_000;

// { lost: true }, or { status, body, age, asked, received } where `body` is the order, the sale or
// the problem.
export async function ask(path, { method = "GET", body, headers = {} } = {}) {
  const asked = performance.now();
  try {
    const answer = await fetch(path, {
      method,
      body: body && JSON.stringify(body),
      headers: body ? { "content-type": "application/json", ...headers } : headers,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const received = performance.now();
    const age = Number(answer.headers.get("lastseat-age-ms"));
    const read = await answer.json();
    if (!answer.ok && typeof read.code !== "string") return { lost: true };
    return { status: answer.status, body: read, age, asked, received };
  } catch {
    return { lost: true };
  }
}

export const saleAt = (sale) => `/v1/sales/${sale}`;
export const ordersAt = (sale) => `/v1/sales/${sale}/orders`;
export const orderAt = (sale, key) => `/v1/sales/${sale}/orders/${encodeURIComponent(key)}`;
export const eventAt = (sale) => `/v1/sales/${sale}/event`;
export const planAt = (sale) => `/v1/sales/${sale}/plan`;
export const seatsAt = (sale, part) =>
  `/v1/sales/${sale}/seats${part ? `?${new URLSearchParams(part)}` : ""}`;
