// Makes the page one file: `node edge/page/build.mjs OUT` writes a module for the worker with the
// page's text, its content security policy and its entity tag, or the same as JSON for the gateway
// where OUT ends so. One file, because a page that is there is there whole: it cannot miss a part
// of itself when the crowd comes, and its reload costs one answer without a body.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { tags, words } from "./words.js";

const here = (name) => new URL(name, import.meta.url).pathname;

async function bundled(entry) {
  const made = await build({
    entryPoints: [here(entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    // Browsers of the last four years.
    target: ["chrome108", "firefox115", "safari16"],
    charset: "utf8",
    legalComments: "none",
  });
  const text = made.outputFiles[0].text.trim();
  if (/<\/(script|style)/i.test(text)) throw new Error(`${entry} would end its own element`);
  return text;
}

const sha256 = (text, encoding) => createHash("sha256").update(text).digest(encoding);
const script = await bundled("main.js");
const style = await bundled("style.css");
const html = (await readFile(here("index.html"), "utf8"))
  .replace(/>\s+</g, "> <")
  .replace(/\s*\n\s*/g, " ")
  .trim();
const body = html
  .replace("<style></style>", () => `<style>${style}</style>`)
  .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);

// What an edge puts words of the sale in the place of.
const [plainHead] = /<meta name="description"[^>]*> <title>[^<]*<\/title>/.exec(body) ?? [];
if (body.split(plainHead).length !== 2) throw new Error("the page has not one head of its own");

// Where nothing is: a page for people who mistyped an address, in both languages, without a script.
// It has the head of the other page, without what belongs to a sale, and its style, which is put in
// when the worker starts.
const head = html
  .split("<main")[0]
  .replace(/<meta name="description"[^>]*>\s*/, "")
  .replace(/<button.*<\/button>\s*/, "");
const nothing = (headline) => {
  const said = (language) => {
    const { [headline]: title, [`${headline}_detail`]: detail } = words[language];
    return `<div class="said" lang="${tags[language]}"><h1 class="headline">${title}</h1><p class="detail">${detail}</p></div>`;
  };
  const titled = head.replace(/<title>.*<\/title>/, `<title>${words.en[headline]}</title>`);
  return `${titled}<main data-tone="stop">${said("en")}${said("zh")}</main></body></html>`;
};

const policy = [
  "default-src 'none'",
  `script-src 'sha256-${sha256(script, "base64")}'`,
  `style-src 'sha256-${sha256(style, "base64")}'`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const stylePolicy = policy
  .split("; ")
  .filter((part) => !/^(script|connect)-src|^require/.test(part))
  .join("; ");
const tag = `"${sha256(body, "hex").slice(0, 16)}"`;

// The headers of the page, and those of the page where nothing is.
const every = {
  "content-type": "text/html; charset=utf-8",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "lastseat-answered-by": "edge",
};
// Kept by the browser, and asked for each time whether it is still this one.
const headers = {
  ...every,
  "content-security-policy": policy,
  "cache-control": "no-cache",
  etag: tag,
};
const nothingHeaders = {
  ...every,
  "content-security-policy": stylePolicy,
  "cache-control": "no-store",
  vary: "Accept",
};

const made = {
  body,
  head: plainHead,
  headers,
  nothingHeaders,
  tag,
  style,
  noSale: nothing("unknown_sale"),
  noPage: nothing("no_page"),
};
const out = process.argv[2];
const module = () =>
  Object.entries(made)
    .map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`)
    .join("");
await writeFile(out, out.endsWith(".json") ? `${JSON.stringify(made, null, 1)}\n` : module());
