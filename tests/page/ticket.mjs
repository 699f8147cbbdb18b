// What the page has for those who came too late, and for those who have a ticket: the shop's words,
// a ticket on paper, and an entry for a calendar.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Visitor, accessible, change, launch, newSale, operator, order } from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const concert = (more) => ({
  title: "Spring concert, with; all",
  starts_at: Date.UTC(2027, 3, 17, 17, 30),
  zone: "Europe/Berlin",
  place: "City hall, Berlin",
  organiser: "City orchestra",
  ...more,
});
const come = (sale, options) => Visitor.come(browser, sale, options);
const visible = (ada, id) => ada.page.locator(`#${id}`).isVisible();

test("when all is sold the shop's words are shown as text, and its link names its host", async () => {
  const text = `There is a <b>second</b> date & "more" 春`;
  const event = concert({ sold_out_text: text, sold_out_url: "https://shop.example/second?a=1" });
  const sale = await newSale({ capacity: 1, event });
  const ada = await come(sale);
  await ada.sees("On sale now");
  assert.equal(await visible(ada, "shop-says"), false, "nothing is sold out yet");
  await order(sale);
  await ada.page.reload();
  await ada.sees("Sold out");
  const says = ada.page.locator("#shop-says");
  assert.equal(await says.locator("span").textContent(), text);
  const link = says.locator("a");
  assert.equal(await link.textContent(), "More from the shop (shop.example)");
  assert.deepEqual(
    await link.evaluate(({ href, rel, target }) => [href, rel, target]),
    ["https://shop.example/second?a=1", "noopener", "_blank"],
  );
  await accessible(ada);
  await ada.page.click("#language");
  assert.equal(await link.textContent(), "商店的更多信息（shop.example）");
  await ada.leave();
});

test("one of the two is enough, and while a ticket may come back neither is shown", async () => {
  const only_link = await newSale({
    capacity: 1,
    hold_ms: 600_000,
    event: concert({ sold_out_url: "https://shop.example/" }),
  });
  const held = await order(only_link);
  const ada = await come(only_link);
  await ada.sees("All tickets are taken for the moment");
  assert.equal(await visible(ada, "shop-says"), false);
  await change(only_link, held.order_id, "confirm");
  await ada.sees("Sold out");
  assert.equal(await ada.page.textContent("#shop-says span"), "");
  await ada.page.locator("#shop-says a").waitFor();
  await accessible(ada);
  // Over is not sold out.
  await operator("POST", `${only_link}/close`);
  await ada.page.reload();
  await ada.sees("This sale is over");
  assert.equal(await visible(ada, "shop-says"), false);
  await ada.leave();

  const only_text = await newSale({ capacity: 1, event: concert({ sold_out_text: "Next year." }) });
  await order(only_text);
  const bob = await come(only_text);
  await bob.sees("Sold out");
  await bob.page.locator("#shop-says", { hasText: "Next year." }).waitFor();
  assert.equal(await bob.page.locator("#shop-says a").isVisible(), false);
  await bob.leave();

  const nothing = await newSale({ capacity: 1, event: concert() });
  await order(nothing);
  const cay = await come(nothing);
  await cay.sees("Sold out");
  assert.equal(await visible(cay, "shop-says"), false);
  await cay.leave();
});

test("a confirmed ticket goes into a calendar with its number and without its id", async () => {
  const sale = await newSale({ capacity: 9, hold_ms: 600_000, event: concert() });
  const ada = await come(sale);
  await ada.buys("ada@example.org", 2);
  await ada.sees("2 tickets held for you");
  assert.equal(await visible(ada, "calendar"), false, "it is not paid yet");
  assert.equal(await visible(ada, "print"), false);
  await ada.act("confirm");
  await ada.sees("The 2 tickets are yours");
  await accessible(ada);
  const [file] = await Promise.all([
    ada.page.waitForEvent("download"),
    ada.page.click("#calendar"),
  ]);
  assert.equal(file.suggestedFilename(), `${sale}.ics`);
  const text = await readFile(await file.path(), "utf8");
  const number = await ada.page.textContent("#ticket-id");
  const unfolded = text.replaceAll("\r\n ", "");
  for (const part of [
    "DTSTART:20270417T173000Z\r\n",
    "SUMMARY:Spring concert\\, with\\; all\r\n",
    "LOCATION:City hall\\, Berlin\r\n",
    `Order number: ${number}`,
    `UID:${number}.${sale}@`,
    `/s/${sale}\r\n`,
  ])
    assert.ok(unfolded.includes(part), `${part} in ${text}`);
  assert.ok(!text.includes(await ada.key()), "the id gives tickets back");
  assert.equal(ada.page.url().endsWith(`/s/${sale}`), true, "the page stays where it is");
  // In the language of the page.
  await ada.page.click("#language");
  assert.equal(await ada.page.textContent("#calendar"), "添加到日历");
  const [other] = await Promise.all([
    ada.page.waitForEvent("download"),
    ada.page.click("#calendar"),
  ]);
  assert.ok((await readFile(await other.path(), "utf8")).includes("2 张票"));
  await ada.leave();
});

test("without a start there is nothing for a calendar, and what was given back has neither", async () => {
  const sale = await newSale({
    capacity: 9,
    event: concert({ starts_at: undefined, zone: undefined }),
  });
  const ada = await come(sale);
  await ada.buys();
  await ada.sees("The ticket is yours");
  await ada.page.locator("#print").waitFor();
  assert.equal(await visible(ada, "calendar"), false);
  await ada.givesBack();
  await ada.sees("Given back");
  assert.equal(await visible(ada, "print"), false);
  await ada.leave();
});

test("on paper a confirmed ticket is one page with all that the door asks for, and nothing else", async () => {
  const plan = {
    stops: ["VNP", "AOH"],
    classes: [{ id: "second", name: "Second class", coaches: [{ ids: "3", rows: "1-2", letters: "AB" }] }],
  };
  for (const terms of [{ capacity: 9 }, { plan }]) {
    const sale = await newSale({ ...terms, event: concert() });
    const ada = await come(sale, { colorScheme: "dark" });
    if (terms.plan) await ada.page.locator("#get:not([aria-disabled=true])").waitFor();
    await ada.buys("ada@example.org", 2);
    await ada.sees("The 2 tickets are yours");
    await ada.page.evaluate(() => (globalThis.print = () => (globalThis.printed = true)));
    await ada.page.click("#print");
    assert.equal(await ada.page.evaluate(() => globalThis.printed), true);
    await ada.page.emulateMedia({ media: "print", colorScheme: "dark" });
    const text = await ada.page.evaluate(() => document.body.innerText);
    const number = await ada.page.textContent("#ticket-id");
    for (const part of [
      "Spring concert, with; all",
      "April 17, 2027",
      "City hall, Berlin",
      "ada@example.org",
      number,
    ])
      assert.ok(text.includes(part), `${part} in ${text}`);
    if (terms.plan) assert.match(text, /seats? .*A/);
    for (const id of ["language", "actions", "ticket-tools", "orders", "promise"])
      assert.equal(await visible(ada, id), false, id);
    // Ink on paper, whatever the screen has.
    assert.equal(
      await ada.page.evaluate(() => getComputedStyle(document.body).backgroundColor),
      "rgb(255, 255, 255)",
    );
    const pdf = await ada.page.pdf({ format: "A4" });
    assert.equal(pdf.toString("latin1").match(/\/Type\s*\/Page\b(?!s)/g).length, 1);
    await ada.leave();
  }
});
