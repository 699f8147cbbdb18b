// Webhooks at the shop: which it accepts, that it takes each once, and what only they bring.
// `lastseat relay` delivers them, on a running lastseat.
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { change, launch, operator, pause, shopToken } from "../page/system.mjs";
import { PRICE, Stage, Visitor } from "./stage.mjs";

let browser;
let stage;
before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(async () => (stage = await Stage.open()));
afterEach(async () => {
  await stage.balances();
  await stage.close();
});

// A delivery to the shop, signed as the relay does it; `seconds` later than now.
async function deliver(hook, secret, content, seconds = 0) {
  const body = JSON.stringify(content);
  const time = Math.floor(Date.now() / 1000) + seconds;
  const mac = createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
  const headers = {
    "lastseat-signature": `t=${time},v1=${mac}`,
    "provider-signature": `t=${time},v1=${mac}`,
  };
  return (await fetch(`${stage.url}/hooks/${hook}`, { method: "POST", headers, body })).status;
}

async function bought(quantity) {
  const ada = await Visitor.come(browser, stage.url);
  await ada.holds(quantity);
  await ada.sees("held for you");
  await ada.pays();
  await ada.sees(quantity === 1 ? "1 ticket for you" : `${quantity} tickets for you`);
  return ada;
}

test("a paid order that support gives back is refunded by the webhook, once", async () => {
  await stage.startRelay();
  const ada = await bought(2);
  const [{ key }] = await stage.books();
  await change(stage.sale, key, "cancel", shopToken());
  await ada.finds("50.00 was given back");
  // The same entry again, and an older one: nothing happens.
  const event = { type: "cancelled", order_id: key, sale: stage.sale };
  const { commit_seq } = await operator("GET", stage.sale);
  for (const seq of [commit_seq, 1]) {
    assert.equal(
      await deliver("lastseat", stage.secrets.webhook, {
        sale: stage.sale,
        commit_seq: seq,
        events: [event],
      }),
      204,
    );
  }
  await pause(500);
  const [{ refunds }] = await stage.books();
  assert.deepEqual(Object.values(refunds), [2 * PRICE]);
  await ada.leave();
});

test("a shop that was away gets what has happened afterwards, in its order", async () => {
  const ada = await bought(1);
  const [{ key }] = await stage.books();
  await stage.killShop();
  await change(stage.sale, key, "cancel", shopToken());
  await stage.startRelay();
  await pause(1_000);
  await stage.startShop();
  await ada.finds("25.00 was given back");
  await ada.leave();
});

test("what nobody with the secret has signed just now changes nothing", async () => {
  const ada = await bought(1);
  const [{ key, id }] = await stage.books();
  const events = [{ type: "cancelled", order_id: key, sale: stage.sale }];
  const content = { sale: stage.sale, commit_seq: 1_000, events };
  assert.equal(await deliver("lastseat", randomUUID(), content), 401);
  assert.equal(await deliver("lastseat", stage.secrets.webhook, content, -301), 401);
  assert.equal(await deliver("lastseat", stage.secrets.provider, content), 401);
  assert.equal(
    await deliver("provider", stage.secrets.webhook, { payment: id, state: "failed" }),
    401,
  );
  const plain = await fetch(`${stage.url}/hooks/lastseat`, {
    method: "POST",
    body: JSON.stringify(content),
  });
  assert.equal(plain.status, 401);
  await pause(500);
  assert.deepEqual((await stage.books())[0].refunds, {});
  // Of the provider's words the first one counts.
  assert.equal(
    await deliver("provider", stage.secrets.provider, { payment: id, state: "failed" }),
    204,
  );
  await ada.page.reload();
  await ada.sees("1 ticket for you");
  await ada.leave();
});

test("old news of a hold that ended refunds nobody who has paid since", async () => {
  await operator("PATCH", stage.sale, { hold_ms: 8_000 });
  const ada = await Visitor.come(browser, stage.url);
  await ada.holds(1);
  await ada.sees("1 ticket held for you");
  await ada.pays("");
  await stage.holdsEnd();
  await ada.page.click("button:text-is('Pay')");
  await ada.sees("1 ticket for you");
  // The log has: held, expired, retaken. The relay begins with the first.
  await stage.startRelay();
  await pause(2_000);
  assert.deepEqual((await stage.books())[0].refunds, {});
  await ada.page.reload();
  await ada.sees("1 ticket for you");
  await ada.leave();
});
