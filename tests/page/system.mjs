// The running system and a real browser, for the tests of the page. Nothing here answers in place
// of the system.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

// What `lastseat cluster` wrote about itself.
const roster = () => JSON.parse(readFileSync(process.env.LASTSEAT_CLUSTER, "utf8"));

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// Where pictures of each state go, if it is set: for people, who see what no rule finds.
const { STATE_PICTURES } = process.env;
// How long the page may take for what it should show at once, on a machine that is busy.
export const PATIENCE = 30_000;

export const edge = roster().edges[0].url;

export async function launch() {
  assert.ok(
    existsSync(CHROMIUM),
    `${CHROMIUM} is missing. Run 'make setup-tests', or set CHROMIUM to a Chromium`,
  );
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-sync",
    ],
  });
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks as long as the answer is a fault or "busy": on a machine that is busy the ledger may take
// too long. Everything that is asked here can be repeated.
async function decided(ask) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask().catch((error) => ({ status: 503, text: async () => String(error) }));
    if ((answer.status < 500 && answer.status !== 429) || Date.now() > end) return answer;
    await pause(200);
  }
}

// An operator's call at one node after the other.
export async function operator(method, path, body) {
  let turn = 0;
  const answer = await decided(() => {
    const { admin } = roster().nodes[turn++ % roster().nodes.length];
    return fetch(`${admin}/v1/admin/sales/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${roster().admin_token}`,
        "content-type": "application/json",
      },
      body: body && JSON.stringify(body),
    });
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

let sales = 0;

// Makes a sale of its own; returns its id.
export async function newSale(terms) {
  const sale = `page-${process.pid}-${++sales}`;
  await operator("PUT", sale, terms);
  return sale;
}

// One request of another buyer, who uses no page; `lines` in a sale with a plan.
export function ask(
  sale,
  { buyer = `other-${randomUUID()}`, quantity = 1, lines, key = randomUUID() } = {},
) {
  return fetch(`${edge}/v1/sales/${sale}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(lines ? { buyer, lines } : { buyer, quantity }),
  });
}

// Such a buyer, who asks until there is an answer: the order, or the "no".
export async function order(sale, more = {}) {
  const asked = { key: randomUUID(), ...more };
  return (await decided(() => ask(sale, asked))).json();
}

export async function change(sale, key, verb, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const path = `${edge}/v1/sales/${sale}/orders/${key}/${verb}`;
  const answer = await decided(() => fetch(path, { method: "POST", headers }));
  assert.ok(answer.ok, `${verb}: ${answer.status} ${await answer.text()}`);
}

export const shopToken = () => roster().shop_token;

// Stops a process without ending it, for as long as `work` takes.
export async function frozen(pid, work) {
  process.kill(pid, "SIGSTOP");
  try {
    return await work();
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

export const redis = () => roster().redis.pid;
export const nodes = () => roster().nodes.map((node) => node.pid);

// A visitor with a browser profile of their own. What goes wrong in the page's scripts fails the
// test.
export class Visitor {
  static async come(browser, sale, { path = `/s/${sale}`, ...options } = {}) {
    const context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      locale: "en-US",
      ...options,
    });
    context.setDefaultTimeout(PATIENCE);
    const visitor = new Visitor();
    Object.assign(visitor, { context, sale, wrong: [] });
    visitor.page = await visitor.tab(path);
    return visitor;
  }

  async tab(path = `/s/${this.sale}`) {
    const page = await this.context.newPage();
    page.on("pageerror", (error) => this.wrong.push(error.message));
    page.on("console", (message) => {
      // The browser itself notes each answer that is a "no".
      const noted = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !noted) this.wrong.push(message.text());
    });
    await page.goto(edge + path);
    return page;
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.wrong, []);
  }

  async sees(headline, page = this.page) {
    await page.locator("#headline", { hasText: headline }).waitFor();
  }

  async buys(buyer = "ada@example.org", quantity = 1, page = this.page) {
    await page.fill("#buyer", buyer);
    await page.fill("#quantity", String(quantity));
    await page.click("#get");
  }

  // Presses the button, even if the page learns at this moment that there is nothing to press.
  async presses(page = this.page) {
    await page.evaluate(() => document.getElementById("get").click());
  }

  act(name, page = this.page) {
    return page.click(`[data-action=${name}]`);
  }

  async givesBack() {
    await this.act("cancel");
    await this.page.click("#sure-yes");
  }

  key(page = this.page) {
    const name = `lastseat:order:${this.sale}`;
    return page.evaluate((name) => JSON.parse(localStorage.getItem(name)).key, name);
  }

  // Counts what the page sends to place an order, and with which keys.
  counting(page = this.page) {
    const sent = [];
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (request.method() === "POST" && pathname.endsWith("/orders")) sent.push(request.headers());
    });
    return sent;
  }
}

// Looks at the page as it stands with axe, in both languages and both colour schemes; and that
// nothing is cut off.
export async function accessible({ page }) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  for (let language = 0; language < 2; language++) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const found = await page.evaluate(async () => {
        const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
        const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
        return {
          violations: violations.map(
            ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`,
          ),
          wide,
          lang: document.documentElement.lang,
          headline: document.getElementById("headline").textContent,
        };
      });
      const where = `${found.headline} (${found.lang}, ${colorScheme})`;
      if (STATE_PICTURES) await picture(page, where);
      assert.deepEqual(found.violations, [], where);
      assert.equal(found.wide, false, `${where} is wider than the screen`);
    }
    await page.evaluate(() => document.getElementById("language").click());
  }
}

let pictures = 0;

async function picture(page, where) {
  mkdirSync(STATE_PICTURES, { recursive: true });
  const name = `${process.pid}-${String(++pictures).padStart(3, "0")}-${where.replace(/\W+/gu, "-")}`;
  await page.screenshot({
    path: `${STATE_PICTURES}/${name}.png`,
    fullPage: true,
    animations: "disabled",
  });
}

// What every text of the page says while it is in this state.
export const says = (page) => page.evaluate(() => document.body.innerText);
