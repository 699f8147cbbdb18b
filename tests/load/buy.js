// k6 script: buyers who order with a key of their own, and who come back as the answers tell them
// to.
//
//   k6 run -e SALE=demo -e BUYERS=1000 -e RATE=200 tests/load/buy.js
//
// URL     the edge (default: http://127.0.0.1:8787); any: workerd, wrangler, a gateway
// SALE    the sale (default: demo)
// BUYERS  buyers in all, up to whole seconds of RATE, and one more (default: 1000)
// RATE    buyers who arrive in a second, whatever the answers take (default: 200)
// TICKETS tickets that each buyer asks for (default: 1)
//
// A buyer makes one key and keeps it. `busy`, `all_held`, `unavailable`, an unknown outcome and no
// answer at all are asked again under it, after `Retry-After`; so a ticket is bought once or not at
// all. Everything else is final. It fails if an answer is none of the API's, or if a buyer gives up
// without knowing whether there is a ticket. Counts are in the summary under `buyers`. Afterwards:
// `lastseat audit SALE`.
//
// wrk (buy.lua) measures answers a second; this one behaves as the buyer page does.

import { check, fail, sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";

const url = __ENV.URL || "http://127.0.0.1:8787";
const sale = __ENV.SALE || "demo";
const buyers = Number(__ENV.BUYERS || 1000);
const rate = Number(__ENV.RATE || 200);
const quantity = Number(__ENV.TICKETS || 1);

// Far more than a sale that goes well needs: a buyer is told "sold out" before.
const ATTEMPTS_MAX = 60;
// An answer that names no time.
const PAUSE_S = 1;
const PAUSE_MAX_S = 10;
const AGAIN = ["busy", "all_held", "unavailable", "outcome_unknown"];

export const options = {
  scenarios: {
    buyers: {
      executor: "constant-arrival-rate",
      rate,
      duration: `${Math.ceil(buyers / rate)}s`,
      preAllocatedVUs: Math.min(buyers, 500),
      maxVUs: Math.min(buyers, 10000),
      gracefulStop: "120s",
    },
  },
  thresholds: {
    checks: ["rate==1"],
    buyers_in_doubt: ["count==0"],
  },
};

const granted = new Counter("buyers_granted");
const refused = new Counter("buyers_refused");
const inDoubt = new Counter("buyers_in_doubt");
const repeats = new Counter("buyers_repeats");
const waited = new Trend("buyers_time_to_outcome", true);

// In which run it is, too: a key belongs to one order for ever.
export function setup() {
  const answer = http.get(`${url}/v1/sales/${sale}`);
  if (answer.status !== 200) fail(`the sale ${sale} at ${url}: ${answer.status} ${answer.body}`);
  return { run: `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 10)}` };
}

function pause(answer) {
  const named = Number(answer.headers["Retry-After"]);
  const seconds = Number.isFinite(named) && named > 0 ? Math.min(named, PAUSE_MAX_S) : PAUSE_S;
  // Not all at once when the time has come.
  sleep(seconds * (1 + Math.random() / 4));
}

// The problem's code, or the order's state; nothing where the body is none of lastseat's.
function word(answer) {
  try {
    const body = answer.json();
    return body.code || body.state;
  } catch {
    return undefined;
  }
}

export default function ({ run }) {
  const key = `k6-${run}-${exec.scenario.iterationInTest.toString(16).padStart(8, "0")}`;
  const body = JSON.stringify({ buyer: key, quantity });
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  const begun = Date.now();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const answer = http.post(`${url}/v1/sales/${sale}/orders`, body, {
      headers,
      responseCallback: http.expectedStatuses(200, 201, 409, 410, 429, 503, 504),
      tags: { name: "order" },
      timeout: "15s",
    });
    const said = word(answer);
    const lost = answer.status === 0;
    if (!lost) check(answer, { "the answer is one of the API": () => said !== undefined });
    if (answer.status === 200 || answer.status === 201) {
      check(answer, { "the order is the buyer's": () => answer.json().order_id === key });
      granted.add(1);
      waited.add(Date.now() - begun);
      return;
    }
    if (!lost && !AGAIN.includes(said)) {
      refused.add(1, { code: said || "?" });
      waited.add(Date.now() - begun);
      return;
    }
    // What was lost or is unknown may have been carried out: this asks for the outcome first.
    if (lost || said === "outcome_unknown") headers["Lastseat-Retry"] = "1";
    repeats.add(1);
    pause(answer);
  }
  inDoubt.add(1);
}
