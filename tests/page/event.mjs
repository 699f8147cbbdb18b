// What a sale sells, in words: on the page, in both languages, in the shop's colour, and in
// previews of a link.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Visitor, accessible, edge, launch, newSale, operator, says } from "./system.mjs";

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 60"><rect width="240" height="60" fill="#7a1f3d"/></svg>`;

let browser;
let shop;
const asked = [];
before(async () => {
  browser = await launch();
  shop = createServer((question, answer) => {
    asked.push({ url: question.url, referrer: question.headers.referer });
    if (question.url !== "/logo.svg") return answer.writeHead(404).end();
    return answer.setHeader("content-type", "image/svg+xml").end(LOGO);
  });
  await new Promise((listens) => shop.listen(0, "127.0.0.1", listens));
});
after(async () => {
  await browser.close();
  shop.closeAllConnections();
  shop.close();
});

const logo = (name = "logo.svg") => `http://127.0.0.1:${shop.address().port}/${name}`;
const concert = (more) => ({
  title: "Spring concert",
  subtitle: "Mahler’s fourth",
  starts_at: Date.UTC(2027, 3, 17, 17, 30),
  zone: "Europe/Berlin",
  place: "City hall, Berlin",
  organiser: "City orchestra",
  price: "EUR 25",
  terms_url: "https://shop.example/terms",
  help_url: "https://shop.example/help",
  logo_url: logo(),
  colour: "#e8b4c8",
  ...more,
});
const come = (sale, options) => Visitor.come(browser, sale, options);
const fact = (ada, name) =>
  ada.page.locator("#facts div", { hasText: name }).locator("dd").textContent();

test("the page says what is sold in the place of the sale's id, with the time of the place in the reader's format", async () => {
  const sale = await newSale({ capacity: 9, event: concert() });
  const ada = await come(sale, { locale: "en-GB", timezoneId: "America/New_York" });
  await ada.sees("On sale now");
  assert.equal(await ada.page.textContent("h1"), "Spring concert");
  assert.equal(await ada.page.title(), "Spring concert: tickets");
  assert.match(
    await fact(ada, "When"),
    /^Saturday,? 17 April 2027.*19:30\sCentral European Summer Time$/,
  );
  assert.deepEqual(
    await Promise.all(["Where", "Organiser", "Price"].map((name) => fact(ada, name))),
    ["City hall, Berlin", "City orchestra", "EUR 25"],
  );
  assert.ok(!(await says(ada.page)).includes(sale), "the id is not on the page");
  assert.equal(await ada.page.textContent("#brand"), "City orchestra");
  const links = await ada.page.$$eval("#links a", (all) =>
    all.map(({ href, rel, target }) => [href, rel, target]),
  );
  assert.deepEqual(links, [
    ["https://shop.example/terms", "noopener", "_blank"],
    ["https://shop.example/help", "noopener", "_blank"],
  ]);
  // A pale colour is made dark enough (axe looks at it, too).
  const button = await ada.page.$eval("#get", (get) => getComputedStyle(get).backgroundColor);
  assert.notEqual(button, "rgb(232, 180, 200)");
  await accessible(ada);
  await ada.page.click("#language");
  assert.match(await fact(ada, "时间"), /2027年4月17日.*中欧夏令时间.*19:30/);
  assert.equal(await ada.page.title(), "Spring concert：购票");
  await ada.leave();
});

test("the logo is shown with what it says, comes without a referrer, and one that is missing leaves no hole", async () => {
  const sale = await newSale({ capacity: 9, event: concert() });
  const ada = await come(sale);
  const picture = ada.page.locator("#logo");
  await picture.waitFor();
  assert.equal(await picture.getAttribute("alt"), "City orchestra");
  assert.ok(await picture.evaluate((img) => img.decode().then(() => img.naturalWidth > 0)));
  assert.deepEqual(asked.find(({ url }) => url === "/logo.svg").referrer, undefined);
  await ada.leave();

  const other = await newSale({
    capacity: 9,
    event: concert({ logo_url: logo("missing.svg"), logo_alt: "A lyre" }),
  });
  const bob = await come(other);
  await bob.sees("On sale now");
  await bob.page.locator("#logo").waitFor({ state: "hidden" });
  await accessible(bob);
  await bob.leave();
});

test("whatever stands in the words is text, in the page, in its head and in its data", async () => {
  const nasty = `</script><script>document.title="taken"</script><img src=x onerror=alert(1)> "&' ${"春".repeat(10)}`;
  const sale = await newSale({
    capacity: 9,
    event: concert({ title: nasty, subtitle: nasty, organiser: nasty, price: "<b>1</b>" }),
  });
  const ada = await come(sale);
  await ada.sees("On sale now");
  assert.equal(await ada.page.textContent("h1"), nasty);
  assert.equal(await fact(ada, "Price"), "<b>1</b>");
  assert.equal(await ada.page.title(), `${nasty}: tickets`);
  const previews = await ada.page.$$eval("meta[property]", (all) =>
    all.map(({ content, attributes }) => [attributes.property.value, content]),
  );
  assert.equal(new Map(previews).get("og:title"), nasty);
  await accessible(ada);
  await ada.leave();
});

test("a preview of a link to the page names what, when and where, and has the logo", async () => {
  const sale = await newSale({ capacity: 9, event: concert() });
  const page = await fetch(`${edge}/s/${sale}`);
  const html = await page.text();
  for (const part of [
    "<title>Spring concert</title>",
    `<meta property="og:title" content="Spring concert" />`,
    `content="Mahler’s fourth · 2027-04-17 19:30, Europe/Berlin · City hall, Berlin · City orchestra · EUR 25" />`,
    `<meta property="og:image" content="${logo()}" />`,
  ]) {
    assert.ok(html.includes(part), part);
  }
  const policy = page.headers.get("content-security-policy");
  assert.ok(policy.split("; ").includes(`img-src data: ${logo()}`), policy);
  // Who has the page is told so, until other words are there.
  const again = (etag) => fetch(`${edge}/s/${sale}`, { headers: { "if-none-match": etag } });
  assert.equal((await again(page.headers.get("etag"))).status, 304);
  const plain = await newSale({ capacity: 9 });
  const other = await fetch(`${edge}/s/${plain}`, {
    headers: { "if-none-match": page.headers.get("etag") },
  });
  assert.equal(other.status, 200);
  assert.ok((await other.text()).includes("<title>Tickets</title>"));
  assert.ok(other.headers.get("content-security-policy").split("; ").includes("img-src data:"));
});

test("a sale speaks the languages that the shop has chosen", async () => {
  const only = await newSale({ capacity: 9, event: concert({ languages: ["zh"] }) });
  const ada = await come(only, { locale: "en-US" });
  await ada.sees("正在发售");
  assert.equal(await ada.page.locator("#language").isVisible(), false);
  await ada.leave();
  const first = await newSale({ capacity: 9, event: concert({ languages: ["zh", "en"] }) });
  const bob = await come(first, { locale: "fr-FR" });
  await bob.sees("正在发售");
  await bob.page.click("#language");
  await bob.sees("On sale now");
  await bob.leave();
});

test("openings are told in the time of the place, prices beside their classes, and a sale without words has its id", async () => {
  const later = await newSale({ capacity: 9, opens_at: Date.UTC(2030, 0, 5, 9), event: concert() });
  const ada = await come(later, { timezoneId: "Asia/Tokyo" });
  await ada.page
    .locator("#detail", { hasText: /10:00\sAM Central European Standard Time/ })
    .waitFor();
  assert.ok((await says(ada.page)).includes("those of the event's time zone (Europe/Berlin)"));
  await accessible(ada);
  await ada.leave();

  const plan = {
    classes: [
      { id: "stalls", name: "Stalls", standing: 9 },
      { id: "balcony", standing: 9 },
    ],
  };
  const hall = await newSale({ plan, event: { title: "Opera", prices: { stalls: "EUR 40" } } });
  const bob = await come(hall);
  await bob.page.locator("#classes-list .name", { hasText: "Stalls · EUR 40" }).waitFor();
  assert.equal(await bob.page.locator("#classes-list .name").nth(1).textContent(), "balcony");
  await bob.leave();

  const plain = await newSale({ capacity: 9 });
  const cay = await come(plain);
  await cay.sees("On sale now");
  assert.equal(await cay.page.textContent("h1"), plain);
  assert.equal(await cay.page.textContent("#brand"), "lastseat");
  await cay.leave();
});

test("what an operator changes is on the page ten seconds later", async () => {
  const sale = await newSale({ capacity: 9, event: concert() });
  const ada = await come(sale);
  await ada.sees("On sale now");
  await operator("PATCH", sale, { event: { title: "Autumn concert" } });
  for (const end = Date.now() + 20_000; (await ada.page.textContent("h1")) !== "Autumn concert";) {
    assert.ok(Date.now() < end, "the page still says what it said");
    await ada.page.waitForTimeout(1_000);
    await ada.page.reload();
    await ada.sees("On sale now");
  }
  assert.equal(await ada.page.locator("#facts").isVisible(), false);
  await ada.leave();
});
