// A real shop's sale: the shop names its buyers with tokens, and only the shop confirms.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import {
  Visitor,
  accessible,
  change,
  edge,
  launch,
  newSale,
  operator,
  shopToken,
} from "./system.mjs";

const ADA = "ada@example.org";
const { BUYER_KEY_ID, BUYER_SECRET } = process.env;

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// As a shop makes it.
function token(sale, ms = 600_000) {
  const expiry = Date.now() + ms;
  const text = ["lastseat buyer token 1", BUYER_KEY_ID, sale, expiry, ADA].join("\n");
  const mac = createHmac("sha256", BUYER_SECRET).update(text).digest("hex");
  return ["1", BUYER_KEY_ID, expiry, Buffer.from(ADA).toString("base64url"), mac].join(".");
}

const come = (sale, pass) =>
  Visitor.come(browser, sale, { path: `/s/${sale}${pass ? `#token=${pass}` : ""}` });

test("a token of the shop names the buyer, leaves the address bar and goes with the order", async () => {
  const sale = await newSale({ capacity: 1 });
  const pass = token(sale);
  const ada = await come(sale, pass);
  await ada.sees("On sale now");
  assert.equal(ada.page.url(), `${edge}/s/${sale}`);
  assert.equal(await ada.page.inputValue("#buyer"), ADA);
  assert.equal(await ada.page.getAttribute("#buyer", "readonly"), "");
  await accessible(ada);
  // It outlives a reload.
  await ada.page.reload();
  await ada.page.click("#get");
  await ada.sees("The ticket is yours");
  assert.equal(await ada.page.textContent("#ticket-buyer"), ADA);
  // Nothing of it stays when the tab is closed.
  const kept = await ada.page.evaluate(() => JSON.stringify({ ...localStorage }));
  assert.ok(!kept.includes(pass), kept);
  await ada.leave();
});

test("the page leaves the payment to the shop, whose buyers have tokens, and shows it when it has come", async () => {
  const sale = await newSale({ capacity: 1, hold_ms: 60_000 });
  const ada = await come(sale, token(sale));
  await ada.page.click("#get");
  await ada.sees("1 ticket held for you");
  await ada.page.locator("#detail", { hasText: "Tell the shop your order number" }).waitFor();
  assert.equal(await ada.page.locator("[data-action=confirm]").count(), 0);
  await accessible(ada);
  await change(sale, await ada.key(), "confirm", shopToken());
  await ada.sees("The ticket is yours");
  // What is paid only the shop gives back.
  await ada.page.locator("#detail", { hasText: "Only the shop can give it back" }).waitFor();
  assert.equal(await ada.page.locator("[data-action=cancel]").count(), 0);
  await accessible(ada);
  assert.equal((await operator("GET", sale)).confirmed, 1);
  await change(sale, await ada.key(), "cancel", shopToken());
  await ada.page.reload();
  await ada.sees("Given back");
  await ada.leave();
});

test("who comes without a token, or with an old one, is sent to the shop, and its new link works in the same tab", async () => {
  const sale = await newSale({ capacity: 1 });
  const eve = await come(sale);
  await eve.buys("eve@example.org");
  await eve.sees("Please come from the shop");
  await accessible(eve);
  await eve.leave();

  const ada = await come(sale, token(sale, -1_000));
  await ada.page.click("#get");
  await ada.sees("Please come from the shop");
  assert.equal((await operator("GET", sale)).free, 1);
  await ada.page.goto(`${edge}/s/${sale}#token=${token(sale)}`);
  await ada.sees("On sale now");
  await ada.page.click("#get");
  await ada.sees("The ticket is yours");
  await ada.leave();
});
