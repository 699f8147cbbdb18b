// The way from a held order to its payment and back, in a real shop's sale: only the shop confirms.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import {
  Visitor,
  accessible,
  change,
  edge,
  frozen,
  launch,
  newSale,
  nodes,
  operator,
  order,
  pause,
  redis,
  says,
  shopToken,
} from "./system.mjs";

let browser;
let shop;
before(async () => {
  browser = await launch();
  // The shop, where the buyer arrives with the order.
  shop = createServer((_, answer) =>
    answer.setHeader("content-type", "text/html").end("<title>shop</title><h1>Pay here</h1>"),
  );
  await new Promise((listens) => shop.listen(0, "127.0.0.1", listens));
});
after(async () => {
  await browser.close();
  shop.closeAllConnections();
  shop.close();
});

const HELD = { capacity: 10, hold_ms: 120_000 };
const template = () =>
  `http://127.0.0.1:${shop.address().port}/pay?order={order_id}&number={number}&sale={sale}`;
const paidAtShop = () => newSale({ ...HELD, pay_url: template() });
const come = (sale, options) => Visitor.come(browser, sale, options);

async function holds(sale, options) {
  const ada = await come(sale, options);
  await ada.buys("ada@example.org", 2);
  await ada.sees("2 tickets held for you");
  return ada;
}

// Presses "Pay now" and arrives at the shop, in the same tab.
async function goesToPay(ada) {
  await ada.act("pay");
  await ada.page.waitForURL(/\/pay\?/);
  assert.equal(ada.context.pages().length, 1);
  assert.equal(await ada.page.textContent("h1"), "Pay here");
}

test("a held order leads to the shop's payment with its id and number, and the page notices the confirmation by itself", async () => {
  const sale = await paidAtShop();
  const ada = await holds(sale);
  assert.equal(await ada.page.locator("[data-action=confirm]").count(), 0);
  assert.equal(await ada.page.textContent("[data-action=pay]"), "Pay now");
  await ada.page.locator("#detail", { hasText: "Pay before the time is over" }).waitFor();
  assert.match(await ada.page.textContent("#clock-time"), /^(01:[0-5]\d|02:00)$/);
  await accessible(ada);
  const [key, number] = [await ada.key(), await ada.page.textContent("#ticket-id")];
  await goesToPay(ada);
  const asked = new URL(ada.page.url()).searchParams;
  assert.deepEqual(
    [asked.get("order"), asked.get("number"), asked.get("sale")],
    [key, number, sale],
  );
  // Back before the word of the payment has come, as with banks that are slow.
  await ada.page.goBack();
  await ada.sees("2 tickets held for you");
  const reads = [];
  ada.page.on("request", (request) => request.url().endsWith(key) && reads.push(request.url()));
  await pause(5_000);
  assert.ok(reads.length >= 1 && reads.length <= 6, `${reads.length} looks in 5 s`);
  await change(sale, key, "confirm", shopToken());
  await ada.sees("The 2 tickets are yours");
  await ada.page.locator("#detail", { hasText: "Only the shop can give it back" }).waitFor();
  // What cannot work is not offered.
  assert.equal(await ada.page.locator("[data-action=cancel]").count(), 0);
  await accessible(ada);
  await ada.leave();
});

test("who comes back from the shop sees what became of the order meanwhile", async () => {
  for (const [verb, seen] of [
    ["confirm", "The 2 tickets are yours"],
    ["cancel", "Given back"],
  ]) {
    const sale = await paidAtShop();
    const ada = await holds(sale);
    const key = await ada.key();
    await goesToPay(ada);
    await change(sale, key, verb, shopToken());
    await ada.page.goBack();
    await ada.sees(seen);
    await accessible(ada);
    await ada.leave();
  }
});

test("a page that nobody sees does not ask, and looks at once when it is seen again, whatever tells it so", async () => {
  const seenAgain = async (event) => {
    const sale = await paidAtShop();
    const ada = await holds(sale);
    const see = (visibilityState) =>
      ada.page.evaluate(
        ([value, event]) => {
          Object.defineProperty(document, "visibilityState", { value, configurable: true });
          if (value === "visible") dispatchEvent(new Event(event));
        },
        [visibilityState, event],
      );
    await see("hidden");
    const key = await ada.key();
    // The look that was due already is not made; the one after it is not planned.
    await pause(13_000);
    const reads = [];
    ada.page.on("request", (request) => request.url().endsWith(key) && reads.push(request.url()));
    await change(sale, key, "confirm", shopToken());
    await pause(12_000);
    assert.deepEqual(reads, [], event);
    await ada.sees("2 tickets held for you");
    await see("visible");
    await ada.sees("The 2 tickets are yours");
    await ada.leave();
  };
  await Promise.all(["visibilitychange", "pageshow", "focus"].map(seenAgain));
});

test("a hold that ends while the buyer is at the shop is seen to have ended, and a late payment is noticed", async () => {
  const sale = await newSale({ ...HELD, hold_ms: 4_000, pay_url: template() });
  const ada = await holds(sale);
  const key = await ada.key();
  await goesToPay(ada);
  await pause(4_500);
  await ada.page.goBack();
  await ada.sees("The time is over");
  await ada.page.locator("#detail", { hasText: "If you have paid, ask the shop" }).waitFor();
  assert.equal(await ada.page.locator("[data-action=pay]").count(), 0);
  await accessible(ada);
  await change(sale, key, "confirm", shopToken());
  await ada.sees("The 2 tickets are yours");
  await ada.leave();
});

test("when the time is over and nothing answers the page neither counts on nor sends anybody to pay", async () => {
  const sale = await newSale({ ...HELD, hold_ms: 6_000, pay_url: template() });
  const ada = await holds(sale);
  await ada.context.setOffline(true);
  await ada.sees("The time is up");
  assert.equal(await ada.page.locator("#actions > *").count(), 0);
  await ada.page
    .locator("#detail", { hasText: /Looking up|cannot be read at the moment/ })
    .waitFor();
  await accessible(ada);
  await ada.context.setOffline(false);
  await ada.sees("The time is over");
  await ada.leave();
});

test("without a pay URL the page says in both languages what to do, and has no button that cannot work", async () => {
  const sale = await newSale(HELD);
  const ada = await holds(sale, { viewport: { width: 320, height: 640 } });
  await ada.page
    .locator("#detail", {
      hasText: "Tell the shop your order number and pay there before the time is over",
    })
    .waitFor();
  for (const action of ["confirm", "pay"])
    assert.equal(await ada.page.locator(`[data-action=${action}]`).count(), 0);
  const refused = [];
  ada.page.on("response", (response) => response.status() >= 400 && refused.push(response.url()));
  await accessible(ada);
  await ada.page.click("#language");
  await ada.page
    .locator("#detail", { hasText: "请在时间结束前把订单号告知商店并在那里付款" })
    .waitFor();
  await ada.act("extend");
  await ada.page.locator("[data-action=extend]").waitFor();
  assert.deepEqual(refused, []);
  await change(sale, await ada.key(), "confirm", shopToken());
  await ada.sees("2 张票已归您所有");
  await ada.leave();
});

test("a pay URL that is set, changed or taken away while the page is open is the one that is shown", async () => {
  const sale = await newSale(HELD);
  const ada = await holds(sale);
  assert.equal(await ada.page.locator("[data-action=pay]").count(), 0);
  for (const path of ["a", "b"]) {
    await operator("PATCH", sale, { pay_url: `https://shop.example/${path}/{sale}/{order_id}` });
    const href = `https://shop.example/${path}/${sale}/${await ada.key()}`;
    await ada.page.locator(`[data-action=pay][href="${href}"]`).waitFor();
  }
  await operator("PATCH", sale, { pay_url: "" });
  await ada.page.locator("[data-action=pay]").waitFor({ state: "detached" });
  await ada.leave();
});

test("a pay link that is signed comes with the order, and another one when the hold lasts longer", async () => {
  const back = "https://tickets.example/s/x";
  const sale = await newSale({
    ...HELD,
    pay_url: template().replace(/\?.*/, "?{signed}"),
    return_url: back,
  });
  const ada = await holds(sale);
  const link = ada.page.locator("[data-action=pay]");
  const query = async () => new URL(await link.getAttribute("href")).searchParams;
  await link.waitFor();
  const first = await query();
  assert.deepEqual(
    [first.get("order_id"), first.get("quantity"), first.get("sale"), first.get("return_url")],
    [await ada.key(), "2", sale, back],
  );
  assert.match(first.get("signature"), /^1\.1\.[0-9a-f]{64}$/);
  await accessible(ada);
  await pause(1_100);
  await ada.act("extend");
  await ada.page.waitForFunction((old) => {
    const link = document.querySelector("[data-action=pay]");
    return link && new URL(link.href).searchParams.get("signature") !== old;
  }, first.get("signature"));
  assert.ok(Number((await query()).get("expires_at")) > Number(first.get("expires_at")));
  await goesToPay(ada);
  await ada.leave();
});

test("a sale whose orders are confirmed at once says nothing of a payment, and gives back", async () => {
  const sale = await newSale({ capacity: 10, pay_url: template() });
  const ada = await come(sale);
  await ada.buys();
  await ada.sees("The ticket is yours");
  assert.ok(!/\bpay|paid/i.test(await says(ada.page)), await says(ada.page));
  await accessible(ada);
  await ada.givesBack();
  await ada.sees("Given back");
  await ada.leave();
});

test("a sale that lets buyers give back what is paid offers that", async () => {
  const sale = await newSale({ ...HELD, buyers_cancel: true });
  const ada = await holds(sale);
  await change(sale, await ada.key(), "confirm", shopToken());
  await ada.sees("The 2 tickets are yours");
  await ada.givesBack();
  await ada.sees("Given back");
  await ada.leave();
});

// The last one: it loses the Redis of them all.
test("while a sale recovers the page does not say that an order is missing or that a connection is lost", async () => {
  const sale = await paidAtShop();
  const ada = await holds(sale);
  const bob = await come(sale);
  await bob.sees("On sale now");
  const key = await ada.key();
  const said = (async () => {
    const seen = new Set();
    for (const end = Date.now() + 60_000; Date.now() < end;) {
      const answer = await fetch(`${edge}/v1/sales/${sale}/orders/${key}`).catch(() => ({
        status: 0,
      }));
      seen.add(answer.status);
      if (seen.has(503) && answer.status === 200) break;
      await pause(100);
    }
    return seen;
  })();
  // A node that cannot say what it acknowledged is waited for; until then nothing is sold and no
  // order is read.
  await frozen(nodes()[0], async () => {
    process.kill(redis(), "SIGKILL");
    await ada.page.reload();
    await ada.sees("Your order cannot be looked up at the moment");
    await accessible(ada);
    await bob.buys("bob@example.org");
    await bob.sees(/No order can be taken|Not known yet/);
    await accessible(bob);
    await bob.sees("1 ticket held for you");
  });
  await ada.sees("2 tickets held for you");
  const statuses = await said;
  assert.ok(statuses.has(503) && !statuses.has(404), [...statuses].join());
  assert.equal((await order(sale, { quantity: 1 })).state, "held");
  await ada.leave();
  await bob.leave();
});
