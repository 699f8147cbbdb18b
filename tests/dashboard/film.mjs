// Films the dashboard while a crowd comes, for the README: `make up EDGE=workerd` in one terminal,
// `make film` in another. Takes a picture twice a second and has img2webp (Debian's package webp)
// make docs/screens/rush.webp of them.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Desk, launch, operator, roster, token } from "./system.mjs";

const root = new URL("../../", import.meta.url).pathname;
const frames = `${root}target/film`;
const [BUYERS, TICKETS, EVERY_MS, AFTER] = [40_000, 4_000, 500, 4];
const SALE = `rush-${Date.now().toString(36)}`;

rmSync(frames, { recursive: true, force: true });
mkdirSync(frames, { recursive: true });
const { edges, nodes, redis } = roster();
const browser = await launch();
// Shown before it sells anything: the first picture is of a full stock.
await operator("PUT", `${SALE}-before`, { capacity: TICKETS });
const desk = await Desk.open(browser, { viewport: { width: 1180, height: 720 } });
const crowd = spawn(
  `${root}target/release/tools`,
  [
    "rush",
    "--sale",
    SALE,
    "--buyers",
    BUYERS,
    "--tickets",
    TICKETS,
    "--redis-url",
    redis.url,
    "--token",
    token(),
  ]
    .concat(
      edges.flatMap(({ url }) => ["--target", url]),
      nodes.flatMap(({ admin }) => ["--admin", admin]),
    )
    .map(String),
  { stdio: "inherit" },
);
const ended = once(crowd, "exit");
await desk.choose(SALE);
let last = AFTER;
let count = 0;
for (let begun = Date.now(); last > 0; count++) {
  if (crowd.exitCode !== null) last--;
  await desk.page.screenshot({ path: `${frames}/${String(count).padStart(4, "0")}.png` });
  await sleep(Math.max(0, begun + (count + 1) * EVERY_MS - Date.now()));
}
await browser.close();
const [code] = await ended;
const pictures = Array.from(
  { length: count },
  (_, i) => `${frames}/${String(i).padStart(4, "0")}.png`,
);
const args = [
  "-loop",
  "0",
  "-lossy",
  "-q",
  "50",
  "-m",
  "6",
  "-d",
  String(EVERY_MS / 2),
  ...pictures,
];
execFileSync("img2webp", [...args, "-o", `${root}docs/screens/rush.webp`], { stdio: "inherit" });
process.exit(code ?? 1);
