// The running system and a real browser, for the tests of the dashboard. Nothing here answers in
// place of the system.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// How long the page may take for what it should show within seconds, on a machine that is busy.
export const PATIENCE = 60_000;
// Looks by the clock: a page in the background paints no frames to look by.
export const POLL = { polling: 200 };

// What `lastseat cluster` wrote about itself.
export const roster = () => JSON.parse(readFileSync(process.env.LASTSEAT_CLUSTER, "utf8"));
export const token = () => roster().admin_token;

// A token that `lastseat token create` makes with these words.
export function scoped(...words) {
  const key = readFileSync(join(dirname(process.env.LASTSEAT_CLUSTER), "token.key"), "utf8").trim();
  const made = execFileSync(process.env.LASTSEAT_BIN, ["token", "create", ...words], {
    encoding: "utf8",
    env: { ...process.env, LASTSEAT_TOKEN_KEYS: key },
  });
  return made.trim();
}

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

// An operator's call, past the page.
export async function operator(method, path, body) {
  const answer = await fetch(`${roster().nodes[0].admin}/v1/admin/sales/${path}`, {
    method,
    headers: { authorization: `Bearer ${token()}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const read = await answer.json();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${JSON.stringify(read)}`);
  return read;
}

export async function buy(sale, count) {
  const { url } = roster().nodes[1];
  for (let i = 0; i < count; i++) {
    const answer = await fetch(`${url}/v1/sales/${sale}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ buyer: `b${i}` }),
    });
    assert.equal(answer.status, 201, await answer.text());
  }
}

// One order of a sale with a plan.
export async function order(sale, lines) {
  const answer = await fetch(`${roster().nodes[1].url}/v1/sales/${sale}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ buyer: "ada", lines }),
  });
  const read = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(read));
  return read;
}

// Writes past lastseat, as nobody should.
export function redis(...words) {
  const { url } = roster().redis;
  execFileSync("redis-cli", ["-s", url.replace(/^unix:(\/\/)?/, ""), ...words]);
}

// One operator with a tab. What goes wrong in the page's scripts fails the test.
export class Desk {
  static async open(browser, { node = 0, link = `#token=${token()}`, ...options } = {}) {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      locale: "en-US",
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const desk = new Desk(context, page);
    page.on("pageerror", (error) => desk.errors.push(String(error)));
    page.on("console", (message) => {
      // The browser itself notes each answer that is an error, which the page shows.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        desk.errors.push(message.text());
    });
    await page.goto(`${roster().nodes[node].admin}/dashboard${link}`);
    return desk;
  }

  constructor(context, page) {
    Object.assign(this, { context, page, errors: [] });
  }

  async choose(sale) {
    await this.page.locator(`#sale option[value="${sale}"]`).waitFor({ state: "attached" });
    await this.page.selectOption("#sale", sale);
  }

  text(id) {
    return this.page.textContent(`#${id}`);
  }

  // Waits until the element says so.
  sees(id, what) {
    return this.page.locator(`#${id}`, { hasText: what }).first().waitFor();
  }

  // The numbers on the screen, as a reader sees them.
  numbers() {
    return this.page.evaluate(() => {
      const read = (id) => Number(document.getElementById(id).textContent.replaceAll(",", ""));
      const equation = document.getElementById("equation");
      const [capacity, free, held, confirmed] = [
        "n-capacity",
        "n-free",
        "n-held",
        "n-confirmed",
      ].map(read);
      return {
        capacity,
        free,
        held,
        confirmed,
        ok: equation.dataset.ok,
        color: getComputedStyle(equation.querySelector("b")).color,
      };
    });
  }

  funnel() {
    return this.page.evaluate(() =>
      Object.fromEntries(
        [...document.querySelectorAll("#funnel tbody tr")].map((row) => [
          row.dataset.stage,
          Number(row.querySelector(".total").textContent.replaceAll(",", "")),
        ]),
      ),
    );
  }

  async answer(verb) {
    await this.page.locator("#ask[open]").waitFor();
    await this.page.click(verb === "yes" ? "#ask-yes" : "#ask-no");
  }

  // The rows of a table that are shown, each as its cells by their column.
  rows(id) {
    return this.page.evaluate((id) => {
      const table = document.getElementById(id);
      const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
      const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
      const cells = (row) => [...row.cells].map((cell, i) => [names[i], cell.textContent]);
      return shown.map((row) => Object.fromEntries(cells(row)));
    }, id);
  }

  // It is no wider than its screen.
  async fits() {
    const [inside, outside] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      innerWidth,
    ]);
    assert.ok(inside <= outside, `${inside} wide on a screen of ${outside}`);
  }

  // No violation that axe knows of.
  async accessible() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => axe.run());
    const found = violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`,
    );
    assert.deepEqual(found, []);
  }

  async leave() {
    assert.deepEqual(this.errors, []);
    await this.context.close();
  }
}
