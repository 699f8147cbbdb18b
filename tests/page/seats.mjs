// Sales with a plan, a train and a hall: what a buyer chooses is what is bought, and each refusal
// is told truly.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
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
} from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const come = (sale, query = "", options = {}) =>
  Visitor.come(browser, sale, { path: `/s/${sale}${query}`, ...options });

const stops = [
  { id: "VNP", name: "Beijing South" },
  { id: "NKH", name: "Nanjing South" },
  { id: "AOH", name: "Shanghai Hongqiao" },
];
const TRAIN = {
  stops,
  classes: [
    { id: "business", name: "Business class", coaches: [{ ids: "1", rows: "1", letters: "A F" }] },
    {
      id: "second",
      name: "Second class",
      coaches: [{ ids: "3-4", rows: "1-10", letters: "ABC DF" }],
    },
    { id: "standing", name: "Without a seat", standing: 5 },
  ],
};
const HALL = {
  classes: [
    {
      id: "stalls",
      name: "Stalls",
      blocks: [{ ids: "P", name: "Parkett", rows: "1-6", seats: "1-6 7-12" }],
    },
    { id: "floor", name: "Floor", standing: 40 },
  ],
};
const planned = (plan, terms = {}) => newSale({ plan, hold_ms: 120_000, order_limit: 4, ...terms });
const whole = { from: "VNP", to: "AOH" };

// What a class says is left.
const left = (ada, id) =>
  ada.page
    .locator("#classes-list label", { has: ada.page.locator(`[value=${id}]`) })
    .locator(".left");
const chooses = (ada, id) => ada.page.check(`#classes-list [value=${id}]`);
const seat = (ada, name) => ada.page.locator(`[data-seat="${name}"]`);
const said = (ada, id, text) => ada.page.locator(`#${id}`, { hasText: text }).waitFor();

async function opensMap(ada) {
  await ada.page.click("#map-toggle");
  await ada.page.locator("[data-seat]").first().waitFor();
}

// From now on the page does not hear what is left.
const deaf = (ada) => ada.page.route("**/v1/sales/*/seats*", (route) => route.abort());

// The bodies of the orders that the page sends, with the keys and what their addresses say.
function sending({ page }) {
  const sent = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (request.method() !== "POST" || !url.pathname.endsWith("/orders")) return;
    sent.push({
      key: request.headers()["idempotency-key"],
      for: url.searchParams.get("for"),
      ...request.postDataJSON(),
    });
  });
  return sent;
}

// Each has a sale and a browser profile of its own.
describe("a sale with a plan", { concurrency: 4 }, () => {
  test("a journey and a class are chosen, and the ticket names coach, row and seats", async () => {
    const sale = await planned(TRAIN);
    const ada = await come(sale);
    await said(ada, "detail", "Choose your journey and your class.");
    await left(ada, "second").filter({ hasText: "20+ left" }).waitFor();
    await left(ada, "business").filter({ hasText: "2 left" }).waitFor();
    await accessible(ada);
    // Only later stops can be gone to.
    await ada.page.selectOption("#from", { label: "Nanjing South" });
    assert.deepEqual(await ada.page.locator("#to option").allTextContents(), ["Shanghai Hongqiao"]);
    await chooses(ada, "second");
    const sent = sending(ada);
    await ada.buys("ada@example.org", 3);
    await ada.sees("3 tickets held for you");
    assert.equal(sent[0].for, "second.NKH-AOH.3");
    assert.deepEqual(sent[0].lines, [
      { class: "second", from: "NKH", to: "AOH", quantity: 3, together: "row" },
    ]);
    await said(ada, "ticket-lines", "Second class, Nanjing South – Shanghai Hongqiao");
    const [, coach, row, letters] = /Coach (\d+), row (\d+), seats ([A-F], [A-F], [A-F])$/.exec(
      await ada.page.textContent("#ticket-lines dd"),
    );
    await accessible(ada);
    await ada.act("confirm");
    await ada.sees("The 3 tickets are yours");
    await ada.act("another");
    await said(ada, "orders-list", `Coach ${coach}, row ${row}, seats ${letters}`);
    // What was chosen stays chosen.
    assert.equal(await ada.page.isChecked("#classes-list [value=second]"), true);
    await accessible(ada);
    assert.equal((await operator("GET", sale)).confirmed, 3);
    await ada.leave();
  });

  test("a seat that is sold to one stop is left from there, and the page says so for each journey", async () => {
    const single = {
      stops,
      classes: [
        { id: "only", name: "Only class", coaches: [{ ids: "1", rows: "1", letters: "A" }] },
      ],
    };
    const sale = await planned(single, { hold_ms: 0 });
    await order(sale, { lines: [{ class: "only", from: "VNP", to: "NKH" }] });
    const ada = await come(sale);
    await left(ada, "only").filter({ hasText: "sold out" }).waitFor();
    await accessible(ada);
    const sent = ada.counting();
    await ada.page.fill("#buyer", "ada");
    await ada.presses();
    await said(ada, "detail", "Another class or another journey may have some");
    assert.equal(sent.length, 0, "nothing is asked for that is known to be gone");
    await ada.page.selectOption("#from", { label: "Nanjing South" });
    await left(ada, "only").filter({ hasText: "1 left" }).waitFor();
    await ada.page.click("#get");
    await ada.sees("The ticket is yours");
    await said(ada, "ticket-lines", "Coach 1, row 1, seat A");
    await ada.leave();
  });

  test("places without seats are counted and have no map", async () => {
    const ada = await come(await planned(TRAIN), "?class=standing&from=VNP&to=NKH&quantity=2");
    await left(ada, "standing").filter({ hasText: "5 left" }).waitFor();
    assert.equal(await ada.page.inputValue("#quantity"), "2");
    assert.equal(await ada.page.locator("#map-toggle").isVisible(), false);
    await ada.page.fill("#buyer", "ada");
    await ada.page.click("#get");
    await ada.sees("2 tickets held for you");
    await said(ada, "ticket-lines", "2 places without seat numbers");
    await ada.leave();
  });

  test("who wants seats side by side where there are none is offered the same coach with one button", async () => {
    const ada = await come(await planned(TRAIN), "?class=business&quantity=2");
    await left(ada, "business").filter({ hasText: "2 left" }).waitFor();
    await ada.page.fill("#buyer", "ada");
    await ada.page.click("#get");
    await ada.sees("Not next to each other");
    await said(ada, "detail", "2 tickets are free for this choice, but not side by side.");
    assert.equal(await ada.page.isChecked("#classes-list [value=business]"), true);
    assert.equal(
      await ada.page.textContent("[data-action=instead]"),
      "Take them in the same coach",
    );
    await accessible(ada);
    await ada.act("instead");
    await ada.sees("2 tickets held for you");
    await said(ada, "ticket-lines", "Coach 1, row 1, seats A, F");
    await ada.leave();
  });

  test("fewer than asked for, all held and sold out are said of the choice, which stays", async () => {
    const sale = await planned(TRAIN);
    const ada = await come(sale, "?class=business&quantity=2&together=any");
    await left(ada, "business").filter({ hasText: "2 left" }).waitFor();
    await deaf(ada);
    const first = await order(sale, { lines: [{ class: "business", ...whole }] });
    await ada.page.fill("#buyer", "ada");
    await ada.page.click("#get");
    await ada.sees("Not that many are left");
    await said(ada, "detail", "Only 1 is free for this choice.");
    assert.equal(await ada.page.textContent("#get"), "Get 1 ticket");
    await accessible(ada);
    const second = await order(sale, { lines: [{ class: "business", ...whole }] });
    await ada.page.click("#get");
    await ada.sees("All of these are held for the moment");
    assert.equal(await ada.page.textContent("#get"), "Wait for 1 ticket");
    assert.equal(await ada.page.isChecked("#classes-list [value=business]"), true);
    await accessible(ada);
    // Who wants to wait does, and may stop.
    await ada.page.click("#get");
    await ada.page.locator("[data-action=stop]").waitFor();
    await accessible(ada);
    await ada.act("stop");
    for (const { order_id } of [first, second]) await change(sale, order_id, "confirm");
    await ada.page.click("#get");
    // For a moment an edge may remember that all were held. Who waits then hears the end of it.
    await ada.sees(/All of these are held|Sold out for this choice/);
    if ((await ada.page.textContent("#headline")).startsWith("All")) await ada.page.click("#get");
    await ada.sees("Sold out for this choice");
    await accessible(ada);
    await chooses(ada, "second");
    await ada.sees("On sale now");
    await ada.page.click("#get");
    await ada.sees("1 ticket held for you");
    await ada.leave();
  });

  test("seats of a hall are chosen on the map with the keyboard alone", async () => {
    const sale = await planned(HALL, { hold_ms: 0 });
    await order(sale, { lines: [{ class: "stalls", seats: ["P-1-1", "P-1-2"] }] });
    const ada = await come(sale, "", { viewport: { width: 320, height: 640 } });
    await left(ada, "stalls").filter({ hasText: "20+ left" }).waitFor();
    const { keyboard } = ada.page;
    const focus = () =>
      ada.page.evaluate(
        () => document.activeElement.getAttribute("aria-label") ?? document.activeElement.id,
      );
    const tabTo = async (id) => {
      for (let step = 0; (await focus()) !== id; step++) {
        assert.ok(step < 20, `${id} can be reached with Tab`);
        await keyboard.press("Tab");
      }
    };
    await tabTo("map-toggle");
    await keyboard.press("Enter");
    await ada.page.locator("[data-seat]").first().waitFor();
    await accessible(ada);
    // One seat is reached with Tab, the first that is free.
    await tabTo("block");
    await keyboard.press("Tab");
    assert.equal(await focus(), "Row 1, seat 3, free");
    assert.equal(
      await ada.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle),
      "solid",
    );
    const way = {
      ArrowLeft: "Row 1, seat 2, taken",
      ArrowDown: "Row 2, seat 2, free",
      End: "Row 2, seat 12, free",
      ArrowUp: "Row 1, seat 12, free",
      Home: "Row 1, seat 1, taken",
    };
    for (const [key, told] of Object.entries(way)) {
      await keyboard.press(key);
      assert.equal(await focus(), told);
    }
    // What is taken cannot be chosen.
    await keyboard.press("Space");
    assert.equal(await focus(), "Row 1, seat 1, taken");
    for (const key of ["ArrowDown", "Space", "ArrowRight", "Enter"]) await keyboard.press(key);
    assert.equal(await focus(), "Row 2, seat 2, chosen");
    await said(ada, "map-chosen", "Chosen: Parkett, row 2, seats 1, 2.");
    await accessible(ada);
    await tabTo("buyer");
    await keyboard.type("ada");
    await tabTo("get");
    assert.equal(await ada.page.textContent("#get"), "Get 2 tickets");
    await keyboard.press("Enter");
    await ada.sees("The 2 tickets are yours");
    await said(ada, "ticket-lines", "Parkett, row 2, seats 1, 2");
    await accessible(ada);
    await ada.leave();
  });

  test("who chooses no seat or too many is told so, and nothing is sent", async () => {
    const ada = await come(await planned(HALL, { order_limit: 2 }));
    await left(ada, "stalls").filter({ hasText: "20+ left" }).waitFor();
    await opensMap(ada);
    const sent = ada.counting();
    await ada.page.fill("#buyer", "ada");
    await ada.presses();
    await said(ada, "detail", "Please choose a seat on the map first.");
    for (const name of ["P-3-1", "P-3-2", "P-3-3"]) await seat(ada, name).click();
    await said(ada, "map-chosen", "Chosen: Parkett, row 3, seats 1, 2.");
    assert.equal(sent.length, 0);
    await ada.page.click("#map-clear");
    await said(ada, "map-chosen", "Nothing is chosen yet. You can choose up to 2 seats.");
    await ada.leave();
  });

  test("a chosen seat that another buyer gets is named, and the nearest one is had with one button", async () => {
    const sale = await planned(HALL);
    const ada = await come(sale);
    await left(ada, "stalls").filter({ hasText: "20+ left" }).waitFor();
    await opensMap(ada);
    await seat(ada, "P-3-1").click();
    await seat(ada, "P-3-2").click();
    await deaf(ada);
    await order(sale, {
      lines: [
        { class: "stalls", seats: ["P-3-1"], quantity: 1 },
        { class: "stalls", seats: ["P-2-12"] },
      ],
    });
    await ada.page.fill("#buyer", "ada");
    await ada.page.click("#get");
    await ada.sees("That seat is taken");
    await said(ada, "detail", "Somebody else was first: Parkett, row 3, seat 1.");
    const offered = await ada.page.textContent("[data-action=instead]");
    assert.match(offered, /^Take instead: Parkett, row \d+, seat \d+$/);
    await accessible(ada);
    const sent = sending(ada);
    await ada.act("instead");
    await ada.sees(/held for you|would be left alone/);
    assert.equal(sent[0].lines[0].seats.length, 2);
    assert.ok(sent[0].lines[0].seats.includes("P-3-2"));
    await ada.leave();
  });

  test("a seat that is taken while one chooses leaves the choice, and the page says so", async () => {
    const sale = await planned(HALL);
    const ada = await come(sale);
    await left(ada, "stalls").filter({ hasText: "20+ left" }).waitFor();
    await opensMap(ada);
    await seat(ada, "P-4-1").click();
    await seat(ada, "P-4-2").click();
    await order(sale, { lines: [{ class: "stalls", seats: ["P-4-1"] }] });
    await said(
      ada,
      "map-chosen",
      "Somebody else has just taken Parkett, row 4, seat 1. Chosen: Parkett, row 4, seat 2.",
    );
    assert.equal(await seat(ada, "P-4-1").getAttribute("aria-label"), "Row 4, seat 1, taken");
    assert.equal(await ada.page.textContent("#get"), "Get 1 ticket");
    await accessible(ada);
    await ada.leave();
  });

  test("a choice that would leave a single seat is told so, with seats that would not", async () => {
    const ada = await come(await planned(HALL));
    await left(ada, "stalls").filter({ hasText: "20+ left" }).waitFor();
    await opensMap(ada);
    await seat(ada, "P-3-2").click();
    await seat(ada, "P-3-3").click();
    await ada.page.fill("#buyer", "ada");
    await ada.page.click("#get");
    await ada.sees("One seat would be left alone");
    await said(ada, "detail", "Parkett, row 3, seat 1");
    await accessible(ada);
    await ada.act("instead");
    await ada.sees("2 tickets held for you");
    await ada.leave();
  });

  test("after a lost answer the same body is sent again under the same key, after a reload too", async () => {
    const sale = await planned(HALL, { hold_ms: 0 });
    const ada = await come(sale);
    await left(ada, "stalls").filter({ hasText: "20+ left" }).waitFor();
    await opensMap(ada);
    await seat(ada, "P-5-1").click();
    const sent = sending(ada);
    // It arrives, and its answer does not.
    await ada.page.route(
      "**/orders?for=*",
      async (route) => {
        await route.fetch();
        await route.abort();
      },
      { times: 1 },
    );
    await ada.page.fill("#buyer", "ada");
    await ada.page.click("#get");
    await ada.sees(/Connection lost|The ticket is yours/);
    await ada.sees("The ticket is yours");
    assert.equal(sent.length, 2);
    assert.deepEqual(sent[0], sent[1]);
    assert.deepEqual(
      [sent[0].for, sent[0].lines],
      ["stalls.1", [{ class: "stalls", seats: ["P-5-1"] }]],
    );
    assert.equal((await operator("GET", sale)).confirmed, 1);
    await ada.act("another");

    // It does not arrive, and the page is loaded anew before it could ask again.
    await ada.page.route("**/orders?for=*", (route) => route.abort(), { times: 1 });
    await seat(ada, "P-5-2").click();
    await ada.page.click("#get");
    await ada.sees("Connection lost");
    await ada.page.reload();
    await ada.sees("The ticket is yours");
    await said(ada, "ticket-lines", "Parkett, row 5, seat 2");
    const repeated = sent.slice(2);
    assert.ok(repeated.length >= 2);
    assert.equal(new Set(repeated.map((each) => JSON.stringify(each))).size, 1);
    await ada.leave();
  });

  test("what is left is asked for at most once a second, and only while somebody chooses", async () => {
    const sale = await planned(TRAIN, { hold_ms: 120_000 });
    const ada = await come(sale);
    const looks = [];
    await ada.page.goto("about:blank");
    ada.page.on(
      "request",
      (request) => request.url().includes(`/${sale}/seats`) && looks.push(Date.now()),
    );
    await ada.page.goto(`${edge}/s/${sale}`);
    await left(ada, "second").filter({ hasText: "20+ left" }).waitFor();
    await pause(5_000);
    assert.ok(looks.length >= 2 && looks.length <= 6, `${looks.length} looks in 5 s`);
    for (const [at, time] of looks.slice(1).entries())
      assert.ok(time - looks[at] >= 1_000, `${time - looks[at]} ms`);
    await ada.buys("ada", 1);
    await ada.sees("1 ticket held for you");
    looks.length = 0;
    await pause(4_000);
    assert.ok(looks.length <= 1, "an order on the screen needs no look");
    await ada.leave();
  });

  test("a sale without a plan asks for no plan and shows no chooser", async () => {
    const sale = await newSale({ capacity: 5 });
    const ada = await come(sale);
    const asked = [];
    ada.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await ada.page.reload();
    await ada.sees("On sale now");
    await ada.buys();
    await ada.sees("The ticket is yours");
    assert.deepEqual(
      asked.filter((path) => /plan|seats/.test(path)),
      [],
    );
    for (const id of ["chooser", "seating", "ticket-lines"])
      assert.equal(await ada.page.locator(`#${id}`).isVisible(), false, id);
    await ada.leave();
  });

  test("a visitor who reads Chinese gets the chooser in Chinese, and can switch", async () => {
    const ada = await come(await planned(TRAIN), "?class=second&quantity=2", {
      locale: "zh-CN",
      colorScheme: "dark",
    });
    await left(ada, "second").filter({ hasText: "余 20 张以上" }).waitFor();
    await opensMap(ada);
    assert.equal(await ada.page.locator("#block option").first().textContent(), "3 车厢");
    await seat(ada, "3-2A").click();
    await said(ada, "map-chosen", "已选：3 车厢，2 排，A 座。");
    await ada.page.click("#language");
    await said(ada, "map-chosen", "Chosen: Coach 3, row 2, seat A.");
    assert.equal(await seat(ada, "3-2A").getAttribute("aria-label"), "Row 2, seat A, chosen");
    await ada.leave();
  });
});
