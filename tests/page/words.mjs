// The texts of the page, without a browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { preferred, words } from "../../edge/page/words.js";

test("both languages say the same things", () => {
  const { en, zh } = words;
  assert.deepEqual(Object.keys(zh), Object.keys(en));
  for (const name of Object.keys(en)) {
    assert.equal(typeof zh[name], typeof en[name], name);
    const said = typeof zh[name] === "function" ? zh[name]("2", 3) : zh[name];
    assert.ok(said.length > 0, name);
  }
});

test("every text that the page asks for by name is there, and none is there in vain", () => {
  const read = (name) => readFileSync(new URL(`../../edge/page/${name}`, import.meta.url), "utf8");
  const seats = ["eventview.js", "choice.js", "chooserview.js", "mapview.js"];
  const code = [
    "index.html",
    "buyer.js",
    "view.js",
    "scene.js",
    "main.js",
    "purchase.js",
    "build.mjs",
    ...seats,
  ]
    .map(read)
    .join("\n");
  // Names that are put together from a state, a code or an action.
  const made =
    /^(state_|note_|name$|cancelled$|together_|instead_|seat_|choice_|event_|coach$|block$)|_(doing|detail|wait)$/;
  for (const name of Object.keys(words.en)) {
    if (!made.test(name)) assert.match(code, new RegExp(`["'\`]?\\b${name}\\b`), name);
  }
  for (const [, name] of code.matchAll(/data-say="(\w+)"/g)) assert.ok(name in words.en, name);
  for (const [, name] of code.matchAll(/\bsay\("(\w+)"/g)) assert.ok(name in words.en, name);
  for (const [, name] of code.matchAll(/(?:headline|detail): \["(\w+)"/g))
    assert.ok(name in words.en, name);
});

test("the first language of the visitor that the page speaks is taken", () => {
  assert.equal(preferred(["fr-FR", "zh-TW", "en"]), "zh");
  assert.equal(preferred(["en-GB", "zh"]), "en");
  assert.equal(preferred(["fr"]), "en");
  assert.equal(preferred([]), "en");
});
