// The shop of examples/shop on a running lastseat: its processes, the way between it and lastseat,
// and its books.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { PATIENCE, edge, newSale, operator, pause, shopToken } from "../page/system.mjs";

// What the test was told: the interpreter, and the program whose relay delivers the webhooks.
const { PYTHON, LASTSEAT, LASTSEAT_CLUSTER, STATE_PICTURES } = process.env;
const SHOP = new URL("../../examples/shop/", import.meta.url).pathname;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const PRICE = 2_500;

// Passes everything on to `target`, but for what a trap catches: the next request whose address
// ends so. Caught `before`, it never arrives there; caught `after`, it is carried out and its
// answer never comes back. One that is only `seen` goes through.
async function gate(target) {
  const traps = [];
  const server = createServer((asked, answer) => {
    const parts = [];
    asked.on("data", (part) => parts.push(part));
    asked.on("end", () => {
      const at = traps.findIndex(({ ending }) => asked.url.endsWith(ending));
      const [trap] = at < 0 ? [] : traps.splice(at, 1);
      if (trap?.when === "before") return trap.caught();
      const { connection: _, ...headers } = asked.headers;
      const there = request(
        target + asked.url,
        { method: asked.method, headers, agent: false },
        (said) => {
          const back = [];
          said.on("data", (part) => back.push(part));
          said.on("end", () => {
            trap?.caught();
            if (trap?.when === "after") return;
            const { connection: __, "transfer-encoding": ___, ...kept } = said.headers;
            answer.writeHead(said.statusCode, kept).end(Buffer.concat(back));
          });
        },
      );
      there.on("error", () => asked.socket.destroy());
      there.end(Buffer.concat(parts));
    });
  });
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    // Resolves when it is caught.
    catchNext: (ending, when) => new Promise((caught) => traps.push({ ending, when, caught })),
    close: () => (server.closeAllConnections(), server.close()),
  };
}

// A process; `line` is the first that it prints.
async function started(program, args, environment = {}) {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const notes = [];
  child.stderr.on("data", (data) => notes.push(data) > 200 && notes.shift());
  const ended = new Promise((end) => child.once("exit", end));
  const printed = new Promise((line) =>
    child.stdout.once("data", (data) => line(String(data).trim())),
  );
  const line = await Promise.race([printed, ended.then(() => undefined), pause(PATIENCE)]);
  return { child, ended, line, notes: () => Buffer.concat(notes).toString() };
}

async function listening(program, args) {
  const running = await started(program, args);
  assert.match(running.line ?? "", / on http/, `${args[0]}: ${running.line} ${running.notes()}`);
  return { ...running, url: running.line.split(" on ")[1] };
}

export class Stage {
  // A sale, a provider and a shop that sells it; `terms` of the sale besides.
  static async open(terms = {}) {
    const stage = new Stage();
    stage.sale = await newSale({ capacity: 20, hold_ms: 120_000, ...terms });
    stage.room = mkdtempSync("/tmp/ls-shop-");
    const secrets = {
      provider: randomUUID(),
      webhook: randomUUID() + randomUUID(),
      shop: shopToken(),
    };
    for (const [name, secret] of Object.entries(secrets))
      writeFileSync(`${stage.room}/${name}`, secret);
    stage.secrets = secrets;
    stage.toLastseat = await gate(edge);
    const flags = ["--secret-file", `${stage.room}/provider`, "--listen", "127.0.0.1:0"];
    stage.provider = await listening(PYTHON, [`${SHOP}provider.py`, ...flags]);
    stage.toProvider = await gate(stage.provider.url);
    await stage.startShop();
    return stage;
  }

  async startShop() {
    const at = this.url ? new URL(this.url).port : "0";
    this.shop = await listening(PYTHON, [
      `${SHOP}shop.py`,
      "--sale",
      this.sale,
      "--title",
      "An evening",
      "--price",
      String(PRICE),
      "--edge",
      this.toLastseat.url,
      "--shop-token-file",
      `${this.room}/shop`,
      "--webhook-secret-file",
      `${this.room}/webhook`,
      "--provider",
      this.toProvider.url,
      "--provider-secret-file",
      `${this.room}/provider`,
      "--listen",
      `127.0.0.1:${at}`,
      "--data",
      `${this.room}/shop.db`,
    ]);
    this.url = this.shop.url;
  }

  // As the power does.
  async killShop() {
    this.shop.child.kill("SIGKILL");
    await this.shop.ended;
  }

  // Delivers the sale's changes until the stage closes.
  async startRelay() {
    const { redis } = JSON.parse(readFileSync(LASTSEAT_CLUSTER, "utf8"));
    const args = [
      "relay",
      this.sale,
      "--to",
      `${this.url}/hooks/lastseat`,
      "--secret-file",
      `${this.room}/webhook`,
    ];
    this.relay = spawn(LASTSEAT, args, {
      env: { ...process.env, REDIS_URL: redis.url },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.relayEnded = new Promise((end) => this.relay.once("exit", end));
  }

  async close() {
    this.relay?.kill("SIGTERM");
    await this.relayEnded;
    for (const { child, ended } of [this.shop, this.provider]) {
      child.kill("SIGKILL");
      await ended;
    }
    this.toLastseat.close();
    this.toProvider.close();
    assert.doesNotMatch(this.shop.notes(), /Traceback/);
    rmSync(this.room, { recursive: true });
  }

  async books() {
    const headers = { authorization: `Bearer ${this.secrets.provider}` };
    return (await fetch(`${this.provider.url}/books`, { headers })).json();
  }

  // What differs between the money and the tickets, or nothing: whoever paid has tickets for it or
  // the money back, paid once, and nobody has tickets without having paid.
  async #difference() {
    let sold = 0;
    const books = await this.books();
    for (const { key, amount, charges, refunds } of books) {
      const answer = await fetch(`${edge}/v1/sales/${this.sale}/orders/${key}`);
      if (!answer.ok) return `${key}: ${answer.status}`;
      const { state, quantity } = await answer.json();
      if (charges > 1) assert.fail(`${key} was paid ${charges} times`);
      const back = Object.values(refunds).reduce((sum, refund) => sum + refund, 0);
      const tickets = state === "confirmed" ? quantity : 0;
      if (charges * amount - back !== tickets * PRICE) {
        return `${key}: paid ${charges * amount}, back ${back}, ${tickets} tickets (${state})`;
      }
      sold += tickets;
    }
    const audit = await operator("GET", `${this.sale}/audit`);
    assert.equal(audit.ok, true, JSON.stringify(audit));
    return audit.confirmed === sold ? "" : `${audit.confirmed} tickets sold, ${sold} paid`;
  }

  // Waits until nothing is held any more.
  async holdsEnd() {
    while ((await operator("GET", this.sale)).held > 0) await pause(200);
  }

  async balances() {
    let difference;
    for (const end = Date.now() + PATIENCE; Date.now() < end; await pause(200)) {
      difference = await this.#difference();
      if (!difference) return;
    }
    assert.fail(difference);
  }
}

// A visitor with a browser profile of their own. What goes wrong in the pages' scripts fails the
// test.
export class Visitor {
  static async come(browser, url) {
    const visitor = new Visitor();
    visitor.context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      locale: "en-US",
    });
    visitor.context.setDefaultTimeout(PATIENCE);
    visitor.wrong = [];
    visitor.page = await visitor.tab(url);
    return visitor;
  }

  async tab(url) {
    const page = await this.context.newPage();
    page.on("pageerror", (error) => this.wrong.push(error.message));
    await page.goto(url);
    return page;
  }

  sees(headline, page = this.page) {
    return page.locator("h1", { hasText: headline }).waitFor();
  }

  async holds(quantity = 1, buyer = "ada@example.org") {
    await this.page.fill("#buyer", buyer);
    await this.page.fill("#quantity", String(quantity));
    await this.page.click("text=Hold them for me");
  }

  // Goes to the provider; `does` what is pressed there.
  async pays(does = "Pay") {
    await this.page.click("button:has-text('Pay')");
    await this.sees("Pay ");
    if (does) await this.page.click(`button:text-is("${does}")`);
  }

  // Loads the page again until it says `text`: a page on which nothing is under way does not change
  // by itself.
  async finds(text) {
    for (const end = Date.now() + PATIENCE; Date.now() < end; await pause(200)) {
      await this.page.reload();
      if ((await this.page.locator(`text=${text}`).count()) > 0) return;
    }
    assert.fail(`${text}: ${await this.page.textContent("main")}`);
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.wrong, []);
  }
}

let pictures = 0;

// Looks at the page with axe, in both colour schemes; and that nothing is cut off.
export async function accessible({ page }) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const headline = await page.textContent("h1");
    if (STATE_PICTURES) {
      const name = `shop-${++pictures}-${headline.replace(/\W+/g, "-")}-${colorScheme}`;
      await page.screenshot({ path: `${STATE_PICTURES}/${name}.png` });
    }
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
      const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
      return {
        wide,
        violations: violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`,
        ),
      };
    });
    assert.deepEqual(found, { wide: false, violations: [] }, headline);
  }
}
