// The built client in Chromium, in a page of another host than the edge's, which the edge allows
// (ALLOWED_ORIGINS).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "../../../tests/page/system.mjs";
import { audited, edge, newSale } from "./system.mjs";

// What `npm run build` made, and the port of the origin that the edge allows.
const { CLIENT_BUILT, ALLOWED_PORT } = process.env;

let browser;
let server;
before(async () => {
  browser = await launch();
  server = createServer((asked, answer) => {
    if (asked.url === "/")
      return answer.setHeader("content-type", "text/html").end("<title>shop</title>");
    const file = /^\/\w+\.js$/.test(asked.url) ? readFileSync(CLIENT_BUILT + asked.url) : "";
    answer.setHeader("content-type", "text/javascript").end(file);
  });
  await new Promise((listens) => server.listen(Number(ALLOWED_PORT), "127.0.0.1", listens));
});
after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});

test("a page orders once although the answer is lost, and reads the code of a no", async () => {
  const sale = await newSale({ capacity: 3, hold_ms: 60_000 });
  const page = await browser.newPage();
  await page.goto(`http://localhost:${ALLOWED_PORT}/`);
  // The first answer is lost on the way to the page, after the edge has given it.
  let lost = 0;
  await page.route("**/orders", async (route) => {
    if (route.request().method() !== "POST" || lost++ > 0) return route.continue();
    await route.fetch();
    await route.abort();
  });
  const seen = await page.evaluate(
    async ([edge, sale]) => {
      const { Lastseat, newKey, isProblem } = await import("/index.js");
      const client = new Lastseat(edge);
      const key = newKey();
      localStorage.setItem("key", key);
      const order = await client.order(sale, key, { buyer: "ada", quantity: 2 });
      const no = await client
        .order(sale, newKey(), { buyer: "bob", quantity: 2 })
        .catch((error) => error);
      const back = await client.cancel(sale, key);
      return { key, order, no: isProblem(no) && no.code, back: back.state };
    },
    [edge, sale],
  );
  assert.equal(seen.order.order_id, seen.key);
  assert.deepEqual([seen.order.state, seen.no, seen.back], ["held", "not_enough", "cancelled"]);
  assert.ok(lost >= 3, `${lost} requests`);
  await audited(sale, { held: 0, confirmed: 0, free: 3 });
  await page.close();
});
