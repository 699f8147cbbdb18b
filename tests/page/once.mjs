// Whatever a buyer or a connection does, one order is one order.
import assert from "node:assert/strict";
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
  pause,
  redis,
} from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const come = (sale, options) => Visitor.come(browser, sale, options);
const sold = async (sale) => (await operator("GET", sale)).confirmed;
const keys = (sent) => new Set(sent.map((headers) => headers["idempotency-key"]));

test("a double click buys once", async () => {
  const sale = await newSale({ capacity: 10 });
  const ada = await come(sale);
  const sent = ada.counting();
  await ada.page.fill("#buyer", "ada");
  await ada.page.dblclick("#get");
  await ada.sees("The ticket is yours");
  assert.equal(sent.length, 1);
  assert.equal(await sold(sale), 1);
  await ada.leave();
});

test("a reload in the middle of a request buys once, and the page goes on by itself", async () => {
  const sale = await newSale({ capacity: 10 });
  const ada = await come(sale);
  await ada.sees("On sale now");
  const sent = ada.counting();
  await frozen(redis(), async () => {
    await ada.buys();
    await ada.sees("Asking for 1 ticket");
    await ada.page.reload();
    await ada.sees("Looking up your order");
    await accessible(ada);
  });
  await ada.sees("The ticket is yours");
  assert.equal(await sold(sale), 1);
  assert.ok(keys(sent).size <= 1);
  await ada.leave();
});

test("two tabs buy once, and both show it", async () => {
  const sale = await newSale({ capacity: 10 });
  const ada = await come(sale);
  const second = await ada.tab();
  await ada.sees("On sale now", second);
  const sent = [ada.counting(), ada.counting(second)];
  await second.fill("#buyer", "ada");
  await ada.page.fill("#buyer", "ada");
  // Both at once: a moment later the second tab shows the order of the first by itself.
  await Promise.all([ada.presses(), ada.presses(second)]);
  await ada.sees("The ticket is yours");
  await ada.sees("The ticket is yours", second);
  assert.equal(keys(sent.flat()).size, 1);
  assert.equal(await sold(sale), 1);
  // What happens in one tab is seen in the other.
  await ada.givesBack();
  await ada.sees("Given back", second);
  await ada.leave();
});

test("who closes the page and comes back finds the order as the ledger has it", async () => {
  const sale = await newSale({ capacity: 10, hold_ms: 60_000 });
  const ada = await come(sale);
  await ada.buys();
  await ada.sees("1 ticket held for you");
  const key = await ada.key();
  await ada.page.goto("about:blank");
  await change(sale, key, "cancel");
  await ada.page.goto(`${edge}/s/${sale}`);
  await ada.sees("Given back");
  await ada.leave();
});

test("when an answer is lost the page asks again with the same key and says that it is a repeat", async () => {
  const sale = await newSale({ capacity: 1 });
  const ada = await come(sale);
  await ada.sees("On sale now");
  const sent = ada.counting();
  // The order goes all the way to the ledger; its answer is thrown away on the way back.
  let lost;
  let busy = 0;
  const lose = async (route) => {
    const answer = await route.fetch();
    // Who is quicker than the edge's share of the stock asks again by itself.
    if (answer.status() === 429) busy += 1;
    if (lost || answer.status() === 429) return route.fulfill({ response: answer });
    lost = answer.status();
    return route.abort();
  };
  await ada.page.route("**/orders", lose);
  await ada.buys();
  await ada.sees("Connection lost");
  assert.equal(lost, 201);
  await accessible(ada);
  await ada.sees("The ticket is yours");
  const repeats = sent.map((headers) => headers["lastseat-retry"]);
  assert.deepEqual([repeats[0], repeats.at(-1)], [undefined, "1"]);
  assert.equal(sent.length, 2 + busy);
  assert.equal(keys(sent).size, 1);
  assert.equal(await sold(sale), 1);
  await ada.leave();
});

test("a phone without a connection says so, and asks as soon as it has one", async () => {
  const sale = await newSale({ capacity: 1 });
  const ada = await come(sale);
  await ada.sees("On sale now");
  await ada.context.setOffline(true);
  await ada.buys();
  await ada.sees("Connection lost");
  await ada.page.locator("#clock-label", { hasText: "Attempt 4" }).waitFor();
  assert.equal(await ada.page.locator("[data-action=stop]").count(), 0);
  await ada.context.setOffline(false);
  await ada.sees("The ticket is yours");
  assert.equal(await sold(sale), 1);
  await ada.leave();
});

test("while the ledger does not answer nobody hears sold out, and afterwards the ticket is there", async () => {
  const sale = await newSale({ capacity: 1 });
  const ada = await come(sale);
  await ada.sees("On sale now");
  const sent = ada.counting();
  await frozen(redis(), async () => {
    await ada.buys();
    await ada.sees(/Not known yet|No order can be taken/);
    await accessible(ada);
  });
  await ada.sees("The ticket is yours");
  assert.equal(keys(sent).size, 1);
  assert.equal(await sold(sale), 1);
  await ada.leave();
});

test("when every node is killed the page keeps asking and buys once", async () => {
  const sale = await newSale({ capacity: 1 });
  const ada = await come(sale);
  await ada.sees("On sale now");
  const sent = ada.counting();
  for (const pid of nodes()) process.kill(pid, "SIGKILL");
  await ada.buys();
  await ada.sees("The ticket is yours");
  assert.equal(keys(sent).size, 1);
  assert.equal(await sold(sale), 1);
  await ada.leave();
});

// What a browser does with what the page wants to keep. `full` fills it when the test says so.
const storages = {
  denied: () =>
    Object.defineProperty(window, "localStorage", {
      get: () => {
        throw new DOMException("", "SecurityError");
      },
    }),
  null: () => Object.defineProperty(window, "localStorage", { value: null }),
  full: () =>
    (Storage.prototype.setItem = () => {
      throw new DOMException("", "QuotaExceededError");
    }),
  "full while open": () => {
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (...both) {
      if (window.isFull) throw new DOMException("", "QuotaExceededError");
      setItem.apply(this, both);
    };
  },
};

for (const [name, storage] of Object.entries(storages)) {
  test(`with a storage that is ${name} the button works, and the page remembers its order until it is closed`, async () => {
    const sale = await newSale({ capacity: 10, hold_ms: 60_000 });
    const ada = await come(sale);
    await ada.page.addInitScript(storage);
    await ada.page.reload();
    await ada.sees("On sale now");
    await ada.page.evaluate(() => (window.isFull = true));
    const sent = ada.counting();
    // The first answer is lost: the order is asked for again, under the same key.
    let lost = 0;
    await ada.page.route(/orders$/, (route) =>
      lost++ === 0 ? route.fetch().then(() => route.abort()) : route.continue(),
    );
    await ada.buys("ada");
    await ada.sees("1 ticket held for you");
    assert.equal(sent.length, 2);
    assert.equal(keys(sent).size, 1);
    await ada.page.locator("#promise", { hasText: "This browser keeps nothing" }).waitFor();
    await ada.act("extend");
    await ada.givesBack();
    await ada.sees("Given back");
    // Another order has another key, although nothing could be noted.
    await ada.act("another");
    await ada.buys("ada");
    await ada.sees("1 ticket held for you");
    assert.equal(keys(sent).size, 2);
    assert.equal((await operator("GET", sale)).held, 1);
    await ada.leave();
  });
}

test("a browser that keeps nothing is told not to reload, and buys", async () => {
  const sale = await newSale({ capacity: 1 });
  const ada = await come("no-such-sale");
  await ada.page.addInitScript(() => {
    const denied = {
      get: () => {
        throw new DOMException("denied", "SecurityError");
      },
    };
    Object.defineProperty(window, "localStorage", denied);
    Object.defineProperty(window, "sessionStorage", denied);
  });
  await ada.page.goto(`${edge}/s/${sale}`);
  await ada.page.locator("footer", { hasText: "Do not reload" }).waitFor();
  await ada.buys();
  await ada.sees("The ticket is yours");
  await ada.leave();
});

test("a page that nobody sees asks less often", async () => {
  const ada = await come(await newSale({ capacity: 1 }));
  await ada.sees("On sale now");
  const looks = [];
  ada.page.on("request", (request) => looks.push(request.url()));
  await ada.page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  });
  // One more look may be due already; the next one is a minute away.
  await pause(13_000);
  assert.ok(looks.length <= 1, `${looks.length} looks`);
  await ada.leave();
});
