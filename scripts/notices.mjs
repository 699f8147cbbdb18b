// Prints the crates that are in a program, with their licences and the texts about these that lie in their packages:
//
//   node scripts/notices.mjs MANIFEST TARGET...
//
// A tool that knows the texts of all licences compares each file of each crate with each of them, which takes minutes of
// processor time for each program. That is not needed here: who publishes a crate says which licence it has, cargo-deny
// checks in `make test` that it is one of those that are allowed (deny.toml), and what has to go along with a program is the
// text as it lies in the crate.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

// How the names of such files begin.
const TEXTS = /^(licen[sc]e|copying|notice|copyright)/i;

const [manifest, ...targets] = process.argv.slice(2);
if (!manifest || targets.length === 0) throw new Error("use: node scripts/notices.mjs MANIFEST TARGET...");
const fail = (message) => {
  console.error(`notices: ${message}`);
  process.exit(1);
};
// By code units, which are the same on each machine; names before versions.
const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

const command = ["metadata", "--format-version", "1", "--locked", "--manifest-path", manifest];
for (const target of targets) command.push("--filter-platform", target);
const options = { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] };
const metadata = JSON.parse(execFileSync("cargo", command, options));

// What tests and build scripts need is in no program: only normal dependencies are followed.
const program = metadata.packages.find((found) => found.manifest_path === resolve(manifest));
if (!program) fail(`${manifest} is the manifest of no package`);
const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
const reached = new Set([program.id]);
// A set hands out what is added to it while it is walked.
for (const id of reached) {
  for (const { pkg, dep_kinds } of nodes.get(id).deps) {
    if (dep_kinds.some(({ kind }) => kind === null)) reached.add(pkg);
  }
}
const own = new Set(metadata.workspace_members);
const crates = metadata.packages.filter(({ id }) => reached.has(id) && !own.has(id));
crates.sort((one, other) => compare(one.name, other.name) || compare(one.version, other.version));
if (crates.length === 0) fail(`${manifest} has no dependencies, which cannot be`);

const parts = ["The crates in this program, each with its licence and the files about it that lie in its package."];
for (const { name, version, license, manifest_path } of crates) {
  const folder = dirname(manifest_path);
  const entries = readdirSync(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && TEXTS.test(entry.name)).map((entry) => entry.name);
  if (!license && files.length === 0) fail(`the crate ${name} ${version} names no licence and has no file with one`);
  parts.push(`${"=".repeat(80)}\n${name} ${version}\nLicence: ${license ?? "as in its file"}`);
  if (files.length === 0) parts.push("Its package has no text of the licence.");
  for (const file of files.sort(compare)) {
    const text = readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").replace(/^\s*\n|\s+$/g, "");
    parts.push(`--- ${file}\n\n${text}`);
  }
}
console.log(parts.join("\n\n"));
