// Takes the pictures of the documentation from a running system: `make up` in one terminal, `make screens` in another.
// The system must be new (another data directory): the ids of the sales are on the pictures.
// A machine without the fonts Inter and Noto Sans CJK takes them with others.
import { mkdirSync } from "node:fs";
import { Visitor, change, launch, operator, order, shopToken } from "./system.mjs";

const folder = new URL("../../docs/screens/", import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const browser = await launch();

async function sale(id, terms) {
  await operator("PUT", id, terms);
  return id;
}

async function take(name, id, options, act) {
  const visitor = await Visitor.come(browser, id, { viewport: { width: 360, height: 830 }, reducedMotion: "reduce", ...options });
  await act(visitor);
  await visitor.page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  await visitor.page.screenshot({ path: `${folder}${name}.png`, animations: "disabled" });
  await visitor.leave();
}

const dark = { colorScheme: "dark" };
const pay_url = "https://shop.example/pay?order={order_id}&number={number}";
const concert = await sale("concert", { capacity: 500, hold_ms: 600_000, buyer_limit: 4, pay_url });
const drop = await sale("drop", { capacity: 500, opens_at: Date.now() + 754_000 });
const last = await sale("last-seats", { capacity: 1, hold_ms: 600_000 });
const { order_id: lasts } = await order(last);

await take("opens", drop, {}, (visitor) => visitor.sees("Not open yet"));
await take("held", concert, {}, async (visitor) => {
  await visitor.buys("ada@example.org", 2);
  await visitor.sees("held for you");
});
await take("all-held", last, dark, async (visitor) => {
  await visitor.buys("bob@example.org");
  await visitor.page.locator("[data-action=stop]").waitFor();
});
await change(last, lasts, "cancel");
await take("confirmed-zh", concert, { ...dark, locale: "zh-CN" }, async (visitor) => {
  await visitor.buys("mei@example.org");
  await visitor.page.locator("[data-action=pay]").waitFor();
  await change(concert, await visitor.key(), "confirm", shopToken());
  await visitor.sees("已归您所有");
});
await browser.close();
