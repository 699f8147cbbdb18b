// A page of another website in a real browser: whatever it tries in its visitor's name, nothing is
// ordered, unless its origin is an allowed one.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { edge, launch, newSale, operator, pause } from "./system.mjs";

// Another site than 127.0.0.1, where the edge is. The port is the one that the test allows.
const { ALLOWED_PORT } = process.env;

let browser;
const websites = [];
before(async () => (browser = await launch()));
after(async () => {
  await browser.close();
  for (const website of websites) website.close();
});

async function visit(port) {
  const website = createServer((_, answer) =>
    answer.setHeader("content-type", "text/html").end("<title>x</title>"),
  );
  websites.push(website);
  await new Promise((listens) => website.listen(port, "127.0.0.1", listens));
  const page = await browser.newPage();
  await page.goto(`http://localhost:${website.address().port}/`);
  return page;
}

const taken = async (sale) => {
  const { held, confirmed } = await operator("GET", sale);
  return held + confirmed;
};

test("no fetch, form or beacon of another website orders a ticket or gives one back", async () => {
  const sale = await newSale({ capacity: 50 });
  const key = randomUUID();
  const bought = await fetch(`${edge}/v1/sales/${sale}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ buyer: "ada", quantity: 1 }),
  });
  assert.equal(bought.status, 201);
  const page = await visit(0);
  const url = `${edge}/v1/sales/${sale}/orders`;
  const seen = await page.evaluate(
    async ({ url, key }) => {
      const body = JSON.stringify({ buyer: "eve", quantity: 5 });
      const json = { "content-type": "application/json" };
      const bytes = new TextEncoder().encode(body);
      const attempts = [
        fetch(url, { method: "POST", headers: json, body }),
        fetch(url, { method: "POST", body }),
        fetch(url, { method: "POST", mode: "no-cors", body }),
        fetch(url, { method: "POST", mode: "no-cors", body: bytes }),
        fetch(url, { method: "POST", mode: "no-cors", keepalive: true, body }),
        fetch(`${url}/${key}/cancel`, { method: "POST", mode: "no-cors" }),
      ];
      navigator.sendBeacon(url, body);
      navigator.sendBeacon(url, bytes);
      navigator.sendBeacon(url, new Blob([body], { type: "text/plain" }));
      const ended = await Promise.allSettled(attempts);
      return ended.map(({ status, value }) => value?.type ?? status);
    },
    { url, key },
  );
  // What asks openly is told nothing; what asks blindly sees nothing.
  assert.deepEqual(seen, ["rejected", "rejected", "opaque", "opaque", "opaque", "opaque"]);
  await page.setContent(
    `<form method="post" enctype="text/plain" action="${url}"><input name='{"buyer":"' value='eve","quantity":5}'></form>`,
  );
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url() === url),
    page.evaluate(() => document.querySelector("form").submit()),
  ]);
  assert.equal(answer.status(), 403);
  await pause(500);
  assert.equal(await taken(sale), 1);
});

test("a page of an allowed origin orders, reads the answer and its headers, and gives back", async () => {
  const sale = await newSale({ capacity: 50, hold_ms: 60_000 });
  const page = await visit(Number(ALLOWED_PORT));
  const url = `${edge}/v1/sales/${sale}/orders`;
  const seen = await page.evaluate(
    async ({ url, key }) => {
      const headers = {
        "content-type": "application/json",
        "idempotency-key": key,
        "lastseat-retry": "1",
      };
      const order = await fetch(url, {
        method: "POST",
        headers,
        body: JSON.stringify({ buyer: "ada", quantity: 2 }),
      });
      const { quantity } = await order.json();
      const at = order.headers.get("location");
      const back = await fetch(`${url}/${key}/cancel`, { method: "POST" });
      const view = await fetch(url.replace("/orders", ""));
      const age = view.headers.get("lastseat-age-ms");
      const lost = await fetch(url.replace("/sales/", "/sales/no-"), {
        method: "POST",
        headers,
        body: "{}",
      });
      return {
        status: order.status,
        quantity,
        at,
        back: (await back.json()).state,
        age,
        lost: lost.status,
      };
    },
    { url, key: "01a206a1-4986-71b9-82fc-1638e7e87c78" },
  );
  assert.deepEqual(
    { ...seen, at: undefined, age: undefined, lost: undefined },
    {
      status: 201,
      quantity: 2,
      back: "cancelled",
      at: undefined,
      age: undefined,
      lost: undefined,
    },
  );
  assert.ok(
    seen.at.endsWith("7c78") && Number(seen.age) >= 0 && seen.lost >= 400,
    JSON.stringify(seen),
  );
});
