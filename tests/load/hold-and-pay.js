// k6 script: buyers who hold tickets, pay for them or give them back, with the client of
// clients/typescript.
//
//   k6 run -e SALE=demo -e BUYERS=1000 -e RATE=200 -e SHOP_TOKEN=... tests/load/hold-and-pay.js
//
// URL        the edge (default: http://127.0.0.1:8787); any: workerd, wrangler, a gateway
// SALE       a sale with holds (default: demo)
// BUYERS     buyers in all, up to whole seconds of RATE, and one more (default: 1000)
// RATE       buyers who arrive in a second, whatever the answers take (default: 200)
// TICKETS    tickets that each buyer asks for (default: 1)
// SHOP_TOKEN what confirms; of three buyers two pay and one gives back. Without it all give back
//
// k6 takes TypeScript as it is since version 0.57; for an older one make one file of it first:
//   npx esbuild tests/load/hold-and-pay.js --bundle --format=esm '--external:k6*'
//   --outfile=target/hold-and-pay.js
//
// It fails if a buyer does not learn the outcome, or if an answer is none of the API's. Afterwards:
// `lastseat audit SALE`.
import { check, fail } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";
import { isProblem, Lastseat, OutcomeUnknown } from "../../clients/typescript/src/index.ts";

const url = __ENV.URL || "http://127.0.0.1:8787";
const sale = __ENV.SALE || "demo";
const buyers = Number(__ENV.BUYERS || 1000);
const rate = Number(__ENV.RATE || 200);
const quantity = Number(__ENV.TICKETS || 1);
const shopToken = __ENV.SHOP_TOKEN;

// Answers that are no failure of HTTP: every status of the API's, but for those that a wrong
// request gets.
const EXPECTED = http.expectedStatuses(200, 201, 409, 410, 429, 503, 504);
// A buyer in a rush waits longer than one in a shop.
const TIMEOUT_MS = 120_000;

export const options = {
  scenarios: {
    buyers: {
      executor: "constant-arrival-rate",
      rate,
      duration: `${Math.ceil(buyers / rate)}s`,
      preAllocatedVUs: Math.min(buyers, 500),
      maxVUs: Math.min(buyers, 10000),
      gracefulStop: "130s",
    },
  },
  thresholds: {
    checks: ["rate==1"],
    buyers_in_doubt: ["count==0"],
  },
};

const paid = new Counter("buyers_paid");
const gaveBack = new Counter("buyers_gave_back");
const refused = new Counter("buyers_refused");
const inDoubt = new Counter("buyers_in_doubt");
const waited = new Trend("buyers_time_to_outcome", true);

// k6 has no fetch; no answer has the status 0.
async function send({ method, url, headers, body, attemptTimeoutMs }) {
  const options = {
    headers,
    timeout: attemptTimeoutMs,
    responseCallback: EXPECTED,
    tags: { name: "call" },
  };
  const answer = await http
    .asyncRequest(method, url, body ?? null, options)
    .catch(() => ({ status: 0 }));
  if (answer.status === 0) return undefined;
  return {
    status: answer.status,
    retryAfter: answer.headers["Retry-After"] ?? null,
    body: String(answer.body),
  };
}

const client = new Lastseat(url, { shopToken, send, timeoutMs: TIMEOUT_MS, now: Date.now });

// In which run it is, too: a key belongs to one order for ever.
export async function setup() {
  const { hold_ms } = await client.sale(sale);
  if (hold_ms === 0) fail(`orders of the sale ${sale} are confirmed at once: nobody would pay`);
  return { run: `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 10)}` };
}

export default async function ({ run }) {
  const number = exec.scenario.iterationInTest;
  const key = `k6-${run}-${number.toString(16).padStart(8, "0")}`;
  const begun = Date.now();
  try {
    const order = await client.order(sale, key, { buyer: key, quantity }, { whileHeld: true });
    check(order, { "the order is the buyer's": ({ order_id }) => order_id === key });
    waited.add(Date.now() - begun);
    const pays = shopToken && number % 3 !== 2;
    const ended = pays ? await client.confirm(sale, key) : await client.cancel(sale, key);
    check(ended, {
      "it ends as the buyer wants": ({ state }) => state === (pays ? "confirmed" : "cancelled"),
    });
    (pays ? paid : gaveBack).add(1);
  } catch (error) {
    if (error instanceof OutcomeUnknown) return inDoubt.add(1);
    check(error, { "a no is one of the API's": () => isProblem(error) });
    refused.add(1, { code: isProblem(error) ? error.code : "?" });
  }
}
