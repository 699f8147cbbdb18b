// A receiver of lastseat's webhooks, as small as a right one can be. Prints what is delivered, a
// line an event.
//
//   node docs/examples/webhook-receiver.mjs SECRET-FILE [PORT]
//
// It does the four things that each receiver must do: check the signature over the raw body, refuse
// old deliveries, take each position of a sale once, and answer 2xx only when the work is done.

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [secretFile, port = "9000"] = process.argv.slice(2);
if (!secretFile) {
  console.error("usage: node webhook-receiver.mjs SECRET-FILE [PORT]");
  process.exit(2);
}
const secret = readFileSync(secretFile, "utf8").trim();
const TOLERANCE_S = 300; // How old a delivery may be: somebody could have recorded it.
const BODY_MAX = 4 * 1024 * 1024; // An entry holds a batch of up to 1,024 orders.

// By sale. A shop keeps this beside the orders, in the same transaction.
const last = new Map();

// `t=<unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`. While the secret is replaced there is a
// `v1` for each, and one that is ours is enough.
function isOurs(header, body) {
  const [, time, macs] = /^t=(\d+)((?:,v1=[0-9a-f]{64}){1,4})$/.exec(header ?? "") ?? [];
  if (!time || Math.abs(Date.now() / 1000 - Number(time)) > TOLERANCE_S) return false;
  const expected = createHmac("sha256", secret).update(`${time}.`).update(body).digest();
  return macs
    .slice(4)
    .split(",v1=")
    .some((mac) => timingSafeEqual(expected, Buffer.from(mac, "hex")));
}

function take({ sale, commit_seq, events }) {
  if (commit_seq <= (last.get(sale) ?? 0)) return; // It comes at least once; a second time is no news.
  for (const { type, order_id = "", buyer = "", quantity = "" } of events) {
    console.log([commit_seq, sale, type, order_id, buyer, quantity].join(" ").trimEnd());
  }
  last.set(sale, commit_seq);
}

createServer((request, response) => {
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size > BODY_MAX) request.destroy();
    else chunks.push(chunk);
  });
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    const ours = isOurs(request.headers["lastseat-signature"], body);
    if (ours) take(JSON.parse(body));
    response.writeHead(ours ? 204 : 401).end();
  });
}).listen(Number(port), "127.0.0.1", () => console.log(`listening on ${port}`));
