// Runs a k6 script in Node, without k6, as far as the scripts of this folder need it: that a script
// does what it says can then be tested where k6 is not installed. It measures nothing.
//
//   node tests/load/k6-stand-in.mjs tests/load/hold-and-pay.js      with the script's variables in
//   the environment
//
// It bundles the script as it would be for k6, puts modules with the same names in the place of
// k6's, calls `setup` and then the default function once for each of BUYERS, many at a time. Prints
// each counter, and fails if a check or a threshold of the kind `count==0` does.
import { mkdtempSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [script] = process.argv.slice(2);
const buyers = Number(process.env.BUYERS ?? 100);
const AT_A_TIME = 20;

const counters = new Map();
const failed = [];

// What k6 gives to a script. `globalThis.k6` is how the modules below find it.
globalThis.__ENV = process.env;
globalThis.k6 = {
  check(value, checks) {
    for (const [name, holds] of Object.entries(checks)) if (!holds(value)) failed.push(name);
    return true;
  },
  fail(text) {
    throw new Error(text);
  },
  Counter: class {
    constructor(name) {
      this.name = name;
      counters.set(name, 0);
    }
    add(count) {
      counters.set(this.name, counters.get(this.name) + count);
    }
  },
  Trend: class {
    add() {}
  },
  http: {
    expectedStatuses: () => undefined,
    async asyncRequest(method, url, body, { headers, timeout }) {
      const answer = await fetch(url, {
        method,
        body,
        headers,
        signal: AbortSignal.timeout(timeout),
      });
      const titled = (name) => name.replace(/(^|-)\w/g, (letter) => letter.toUpperCase());
      const named = [...answer.headers].map(([name, value]) => [titled(name), value]);
      return {
        status: answer.status,
        headers: Object.fromEntries(named),
        body: await answer.text(),
      };
    },
  },
  // Each buyer's number while its function begins; the scripts read it before they wait.
  execution: { scenario: { iterationInTest: 0 } },
};
const MODULES = {
  k6: "export const { check, fail } = globalThis.k6;",
  "k6/http": "export default globalThis.k6.http;",
  "k6/metrics": "export const { Counter, Trend } = globalThis.k6;",
  "k6/execution": "export default globalThis.k6.execution;",
};

const room = mkdtempSync("/tmp/ls-k6-");
await build({
  entryPoints: [fileURLToPath(new URL(script, `file://${process.cwd()}/`))],
  outfile: `${room}/script.mjs`,
  bundle: true,
  format: "esm",
  logLevel: "error",
  plugins: [
    {
      name: "k6",
      setup(bundle) {
        bundle.onResolve({ filter: /^k6(\/|$)/ }, ({ path }) => ({ path, namespace: "k6" }));
        bundle.onLoad({ filter: /./, namespace: "k6" }, ({ path }) => ({
          contents: MODULES[path],
        }));
      },
    },
  ],
});
const { default: buy, options, setup } = await import(`${room}/script.mjs`);
rmSync(room, { recursive: true });

const data = await setup();
let next = 0;
const worker = async () => {
  while (next < buyers) {
    globalThis.k6.execution.scenario.iterationInTest = next++;
    await buy(data);
  }
};
await Promise.all(Array.from({ length: AT_A_TIME }, worker));

for (const [name, count] of counters) console.log(`${name} ${count}`);
for (const [name, wanted] of Object.entries(options.thresholds)) {
  if (wanted.includes("count==0") && counters.get(name) !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}`);
  process.exit(1);
}
