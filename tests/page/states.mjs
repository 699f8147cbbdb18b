// Each state of a sale and of an order, made by the real system, and what the page says of it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { shownThoughHidden } from "./hidden.mjs";
import {
  Visitor,
  accessible,
  change,
  edge,
  launch,
  newSale,
  operator,
  order,
  pause,
  says,
} from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const come = (sale, options) => Visitor.come(browser, sale, options);
const HELD = { capacity: 10, hold_ms: 60_000 };

// Each has a sale and a browser profile of its own.
describe("the page", { concurrency: 4 }, () => {
  test("a sale that does not exist is said not to exist", async () => {
    const ada = await come("no-such-sale");
    await ada.sees("There is no such sale");
    await accessible(ada);
    await ada.leave();
  });

  test("before the opening the page counts down by the clock of the sale, and then sells", async () => {
    const sale = await newSale({ capacity: 5, opens_at: Date.now() + 600_000 });
    // The visitor's own clock is an hour behind.
    const ada = await come(sale);
    await ada.page.addInitScript(() => (Date.now = () => 0));
    await ada.page.reload();
    await ada.sees("Not open yet");
    assert.match(await ada.page.textContent("#clock-time"), /^(09:[0-5]\d|10:00)$/);
    await accessible(ada);
    // Too early: the button says so and sends nothing.
    const sent = ada.counting();
    await ada.page.fill("#buyer", "ada@example.org");
    await ada.page.keyboard.press("Enter");
    await ada.page.locator("#detail", { hasText: "as soon as the sale opens" }).waitFor();
    assert.equal(sent.length, 0);
    // The opening is moved to soon.
    await operator("PATCH", sale, { opens_at: Date.now() + 8_000 });
    await ada.page.reload();
    await ada.sees("On sale now");
    await ada.buys();
    await ada.sees("The ticket is yours");
    await ada.leave();
  });

  test("a sale without an opening time says that it is not set", async () => {
    const ada = await come(await newSale({ capacity: 5, open: false }));
    await ada.sees("Not open yet");
    await ada.page.locator("#detail", { hasText: "not set" }).waitFor();
    await accessible(ada);
    await ada.leave();
  });

  test("a ticket can be bought with the keyboard alone", async () => {
    const sale = await newSale({ ...HELD, buyer_limit: 4 });
    const ada = await come(sale, { viewport: { width: 320, height: 640 } });
    await ada.sees("On sale now");
    await accessible(ada);
    const { keyboard } = ada.page;
    const focus = () =>
      ada.page.evaluate(() => document.activeElement.id || document.activeElement.dataset.action);
    const visible = () =>
      ada.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none");
    const order = [];
    for (let step = 0; step < 5; step++) {
      await keyboard.press("Tab");
      assert.ok(await visible(), `the focus on ${await focus()} is visible`);
      order.push(await focus());
      if (order.at(-1) === "buyer") await keyboard.type("ada@example.org");
      if (order.at(-1) === "more") await keyboard.press("Enter");
    }
    assert.deepEqual(order, ["language", "buyer", "quantity", "more", "get"]);
    await keyboard.press("Enter");
    await ada.sees("2 tickets held for you");
    assert.equal(await focus(), "headline");
    await keyboard.press("Tab");
    await keyboard.press("Tab");
    assert.equal(await focus(), "confirm");
    await keyboard.press("Enter");
    await ada.sees("The 2 tickets are yours");
    const { confirmed } = await operator("GET", sale);
    assert.equal(confirmed, 2);
    await ada.leave();
  });

  test("a hold counts down, is extended, confirmed, and given back only after a question", async () => {
    const sale = await newSale(HELD);
    const ada = await come(sale);
    await ada.buys("ada@example.org", 3);
    await ada.sees("3 tickets held for you");
    assert.match(await ada.page.textContent("#clock-time"), /^(00:[2-5]\d|01:00)$/);
    await accessible(ada);
    const before = await ada.page.getAttribute("#clock-time", "datetime");
    await ada.act("extend");
    await ada.page.waitForFunction(
      (t) => document.getElementById("clock-time").dateTime > t,
      before,
    );
    await ada.act("confirm");
    await ada.sees("The 3 tickets are yours");
    // Shown and copied is the number to tell the shop, never the id, which gives the tickets back.
    const key = await ada.key();
    const { number } = await (await fetch(`${edge}/v1/sales/${sale}/orders/${key}`)).json();
    assert.match(number, /^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}$/);
    assert.equal(await ada.page.textContent("#ticket-id"), number);
    assert.ok(!(await ada.page.content()).includes(key), "the id is not on the page");
    await accessible(ada);
    await ada.act("cancel");
    await ada.page.locator("#sure[open]").waitFor();
    await accessible(ada);
    await ada.page.keyboard.press("Escape");
    assert.equal((await operator("GET", sale)).confirmed, 3);
    await ada.givesBack();
    await ada.sees("Given back");
    await accessible(ada);
    assert.equal((await operator("GET", sale)).free, 10);
    const old = await ada.key();
    await ada.act("another");
    await ada.buys();
    await ada.sees("1 ticket held for you");
    assert.notEqual(await ada.key(), old);
    await ada.leave();
  });

  test("a hold that ends is said to have ended, and can be tried again", async () => {
    const ada = await come(await newSale({ capacity: 1, hold_ms: 6_000 }));
    await ada.buys();
    await ada.sees("1 ticket held for you");
    await ada.sees("The time is over");
    await accessible(ada);
    await ada.act("another");
    await ada.buys();
    await ada.sees("1 ticket held for you");
    await ada.leave();
  });

  test("when all tickets are held the page asks again by itself until one comes back, or is told to stop", async () => {
    const sale = await newSale({ capacity: 1, hold_ms: 60_000 });
    const other = await order(sale);
    const ada = await come(sale);
    await ada.sees("All tickets are taken for the moment");
    await accessible(ada);
    const sent = ada.counting();
    await ada.buys();
    await ada.page.locator("#clock-label", { hasText: "Attempt 3" }).waitFor();
    await accessible(ada);
    assert.equal(new Set(sent.map((headers) => headers["idempotency-key"])).size, 1);
    await ada.act("stop");
    await ada.sees("All tickets are taken for the moment");
    await ada.page.click("#get");
    await ada.page.locator("[data-action=stop]").waitFor();
    await change(sale, other.order_id, "cancel");
    await ada.sees("1 ticket held for you");
    await ada.leave();
  });

  test("sold out is final until tickets are added", async () => {
    const sale = await newSale({ capacity: 1 });
    const ada = await come(sale);
    await ada.sees("On sale now");
    await ada.page.locator("#detail", { hasText: "1 of 1 ticket is available." }).waitFor();
    await ada.page.fill("#buyer", "ada");
    await order(sale);
    await ada.presses();
    await ada.sees("Sold out");
    assert.equal(await ada.page.locator("#form").isVisible(), false);
    await accessible(ada);
    await operator("POST", `${sale}/restock`, { capacity: 2 });
    await ada.page.reload();
    await ada.buys();
    await ada.sees("The ticket is yours");
    await ada.leave();
  });

  test("a paused sale goes on by itself, and a closed one is over", async () => {
    const sale = await newSale(HELD);
    const ada = await come(sale);
    await ada.sees("On sale now");
    await ada.page.fill("#buyer", "ada");
    await operator("POST", `${sale}/pause`);
    await ada.presses();
    await ada.sees("Paused");
    await ada.page.locator("[data-action=stop]").waitFor();
    await accessible(ada);
    await operator("POST", `${sale}/open`);
    await ada.sees("1 ticket held for you");
    await ada.leave();

    const bob = await come(sale);
    await bob.sees("On sale now");
    await operator("POST", `${sale}/pause`);
    await bob.page.reload();
    await bob.sees("Paused");
    await accessible(bob);
    await operator("POST", `${sale}/close`);
    await bob.sees("This sale is over");
    await accessible(bob);
    await bob.leave();
  });

  test("each limit is named, and the page offers what is possible", async () => {
    const sale = await newSale({ ...HELD, buyer_limit: 3, order_limit: 3 });
    await order(sale, { buyer: "ada", quantity: 1 });
    const ada = await come(sale);
    await ada.sees("On sale now");
    await ada.page.fill("#quantity", "9");
    await ada.page.keyboard.press("Tab");
    assert.equal(await ada.page.inputValue("#quantity"), "3");
    await ada.buys("ada", 3);
    await ada.sees("more than one buyer may have");
    await ada.page
      .locator("#detail", { hasText: "One buyer may have 3 in this sale. With 3 more" })
      .waitFor();
    assert.equal(await ada.page.textContent("#get"), "Get 2 tickets");
    await accessible(ada);
    await ada.page.click("#get");
    await ada.sees("2 tickets held for you");
    await ada.leave();

    const bob = await come(sale);
    await bob.sees("On sale now");
    // His page does not hear of the new limit.
    await bob.page.route(`**/v1/sales/${sale}`, (route) => route.abort());
    await operator("PATCH", sale, { order_limit: 1 });
    await bob.buys("bob", 2);
    await bob.sees("more than one order may have");
    assert.equal(await bob.page.textContent("#get"), "Get 1 ticket");
    await accessible(bob);
    await bob.leave();
  });

  test("who has all that one buyer may have is told so, sees the orders, and is not told to ask for fewer", async () => {
    const sale = await newSale({ ...HELD, buyer_limit: 2 });
    const ada = await come(sale);
    await ada.buys("ada", 2);
    await ada.sees("2 tickets held for you");
    const number = await ada.page.textContent("#ticket-id");
    await ada.act("confirm");
    await ada.act("another");
    await ada.buys("ada", 1);
    await ada.sees("You have as many as one buyer may have");
    await ada.page
      .locator("#detail", { hasText: "One buyer may have 2 tickets in this sale" })
      .waitFor();
    await ada.page
      .locator("#detail", { hasText: "The orders of this browser have 2 tickets." })
      .waitFor();
    assert.ok(!(await says(ada.page)).includes("fewer"), "fewer is no way out");
    assert.equal(await ada.page.locator("#form").isVisible(), false);
    await ada.page.locator("#orders-list", { hasText: number }).waitFor();
    await ada.page.locator("#orders-list", { hasText: "2 tickets" }).waitFor();
    await accessible(ada);
    await ada.act("back");
    await ada.sees("On sale now");
    await ada.leave();
  });

  test("how much is left is said in proportion: of six that are new six, and few only where few are", async () => {
    const small = await come(await newSale({ ...HELD, capacity: 6 }));
    await small.page.locator("#detail", { hasText: "6 of 6 tickets are available." }).waitFor();
    await small.page.locator("#quantity-hint", { hasText: "At most 6" }).waitFor();
    await accessible(small);
    await small.leave();

    const sale = await newSale({ capacity: 40, hold_ms: 600_000, order_limit: 37 });
    const { order_id: id } = await order(sale, { quantity: 37 });
    const ada = await come(sale);
    // What is held may come back: few are free, which is not few are left.
    await ada.page
      .locator("#detail", { hasText: "Others are held for buyers who have not paid yet" })
      .waitFor();
    await accessible(ada);
    await change(sale, id, "confirm");
    await ada.page.locator("#detail", { hasText: "Only a few tickets are left." }).waitFor();
    await accessible(ada);
    await ada.leave();
  });

  test("a sale without any ticket does not say that all are sold", async () => {
    const sale = await newSale({ capacity: 0 });
    const ada = await come(sale);
    await ada.sees("No tickets");
    assert.ok(!/sold/i.test(await says(ada.page)));
    const later = await come(await newSale({ capacity: 0, opens_at: Date.now() + 600_000 }));
    await later.page.locator("#detail", { hasText: "There are no tickets in it yet" }).waitFor();
    assert.equal(await later.page.locator("#form").isVisible(), false);
    await accessible(later);
    await later.leave();
    await accessible(ada);
    await operator("POST", `${sale}/restock`, { capacity: 20 });
    await ada.page.reload();
    await ada.page.locator("#detail", { hasText: "20 of 20 tickets are available." }).waitFor();
    await ada.leave();
  });

  test("a time of day is written with its zone, and the page says whose zone and whose clock it uses", async () => {
    const opens_at = Date.UTC(2038, 0, 15, 11, 30);
    const sale = await newSale({ capacity: 5, opens_at });
    for (const [timezoneId, time, zone] of [
      ["America/New_York", "6:30 AM EST", "America/New_York"],
      ["Asia/Shanghai", "7:30 PM GMT+8", "Asia/Shanghai"],
    ]) {
      const ada = await come(sale, { timezoneId });
      await ada.sees("Not open yet");
      const said = (await says(ada.page)).replaceAll("\u202f", " ");
      assert.ok(said.includes(`Fri, Jan 15, 2038, ${time}`), said);
      assert.ok(said.includes(`your device's time zone (${zone})`), said);
      await accessible(ada);
      await ada.leave();
    }
  });

  test("after an order the page offers another only while the sale sells", async () => {
    const sale = await newSale({ ...HELD, capacity: 1 });
    const ada = await come(sale);
    await ada.buys();
    await ada.sees("1 ticket held for you");
    await ada.act("confirm");
    await ada.sees("The ticket is yours");
    await ada.page.reload();
    await ada.page.locator("[data-action=to_sale]").waitFor();
    await accessible(ada);
    await ada.act("to_sale");
    await ada.sees("Sold out");
    await ada.leave();
  });

  test("when fewer are free than asked for, fewer can be asked for", async () => {
    const sale = await newSale({ ...HELD, capacity: 3 });
    await order(sale);
    const ada = await come(sale);
    await ada.buys("ada", 3);
    await ada.sees("Not that many are left");
    await accessible(ada);
    assert.equal(await ada.page.textContent("#get"), "Get 2 tickets");
    await ada.page.click("#get");
    await ada.sees("2 tickets held for you");
    await ada.leave();
  });

  test("a key that stands for another order shows that order and buys nothing", async () => {
    const sale = await newSale(HELD);
    const ada = await come(sale);
    await ada.sees("On sale now");
    await order(sale, { buyer: "eve", quantity: 2, key: await ada.key() });
    await ada.buys("ada", 1);
    await ada.sees("2 tickets held for you");
    await ada.page.locator("#detail", { hasText: "nothing was bought again" }).waitFor();
    await accessible(ada);
    assert.equal((await operator("GET", sale)).held, 2);
    await ada.leave();
  });

  test("a payment that comes too late is told so", async () => {
    const sale = await newSale({ capacity: 1, hold_ms: 10_000 });
    const ada = await come(sale);
    await ada.buys();
    await ada.sees("1 ticket held for you");
    await ada.context.setOffline(true);
    await ada.act("confirm");
    await ada.page.locator("#detail", { hasText: "cannot be read at the moment" }).waitFor();
    await accessible(ada);
    // The hold ends, and somebody else is given the ticket.
    for (let asked = 0; (await order(sale)).state === undefined; asked++) {
      assert.ok(asked < 200, "the hold ends and its ticket is sold");
      await pause(100);
    }
    await ada.context.setOffline(false);
    await ada.sees("The time is over");
    await ada.page.locator("#detail", { hasText: "Too late" }).waitFor();
    await accessible(ada);
    await ada.leave();
  });

  test("a wrong buyer is told what is wrong before anything is sent", async () => {
    const ada = await come(await newSale(HELD));
    const sent = ada.counting();
    for (const [buyer, told] of [
      ["", "enter your e-mail"],
      ["a\u202eda", "cannot be seen"],
      ["a".repeat(140), "That is too long"],
      ["é".repeat(65), "That is too long"],
    ]) {
      await ada.buys(buyer);
      await ada.page.locator("#buyer-wrong", { hasText: told }).waitFor();
      assert.equal(await ada.page.evaluate(() => document.activeElement.id), "buyer");
    }
    await accessible(ada);
    assert.equal(sent.length, 0);
    await ada.leave();
  });

  test("who writes an e-mail, a phone number or a name in different ways is the same buyer", async () => {
    const sale = await newSale({ ...HELD, buyer_limit: 3 });
    for (const [typed, buyer] of [
      ["!AZ.az+09_-~@x", "!AZ.az+09_-~@x"],
      ["  Ada.L@Example.ORG ", "Ada.L@example.org"],
      ["+49 (0) 30 / 12-34", "+49301234"],
      ["0049 30 1234", "+49301234"],
      ["Zoe\u0308  von  A", "Zo\u00eb von A"],
      ["\u738b\u5c0f\u660e", "\u738b\u5c0f\u660e"],
    ]) {
      const ada = await come(sale);
      await ada.buys(typed);
      await ada.sees("1 ticket held for you");
      assert.equal(await ada.page.textContent("#ticket-buyer"), buyer);
      await ada.leave();
    }
  });

  test("a visitor who reads Chinese gets Chinese, and can switch", async () => {
    const sale = await newSale(HELD);
    const ada = await come(sale, { locale: "zh-CN", colorScheme: "dark" });
    await ada.sees("正在发售");
    assert.equal(await ada.page.getAttribute("html", "lang"), "zh-Hans");
    assert.equal(await ada.page.title(), `${sale}：购票`);
    await ada.buys("ada", 2);
    await ada.sees("已为您保留 2 张票");
    await ada.page.click("#language");
    await ada.sees("2 tickets held for you");
    await ada.page.reload();
    await ada.sees("2 tickets held for you");
    assert.equal(await ada.page.getAttribute("html", "lang"), "en");
    await ada.leave();
  });

  test("what is hidden is not shown by any rule of the style", async () => {
    const ada = await come(await newSale(HELD));
    await ada.sees("On sale now");
    assert.deepEqual(await shownThoughHidden(ada.page), []);
    await ada.leave();
  });

  test("a status is announced when it changes and not each second", async () => {
    const ada = await come(await newSale({ capacity: 5, opens_at: Date.now() + 600_000 }));
    await ada.sees("Not open yet");
    const changes = await ada.page.evaluate(async () => {
      let live = 0;
      let clock = 0;
      new MutationObserver((list) => (live += list.length)).observe(
        document.getElementById("status"),
        {
          subtree: true,
          childList: true,
          characterData: true,
        },
      );
      new MutationObserver((list) => (clock += list.length)).observe(
        document.getElementById("clock-time"),
        {
          childList: true,
        },
      );
      await new Promise((resolve) => setTimeout(resolve, 3_500));
      return { live, clock };
    });
    assert.equal(changes.live, 0);
    assert.ok(changes.clock >= 2, `the clock moved ${changes.clock} times`);
    await ada.leave();
  });
});
