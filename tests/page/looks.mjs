// How what is sold looks, without a browser: the shop's colour can be read on the page, and times
// are written in the zone of the event and in the reader's format.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SCHEMES, contrast, readable } from "../../edge/page/colour.js";
import { LONG, localeOf, momentIn } from "../../edge/page/event.js";
import { tags } from "../../edge/page/words.js";

test("the schemes are those of the style", () => {
  const style = readFileSync(new URL("../../edge/page/style.css", import.meta.url), "utf8");
  const named = (name) =>
    [...style.matchAll(new RegExp(`--${name}: (#[0-9a-f]{6});`, "g"))].map(([, colour]) => colour);
  assert.deepEqual(
    [named("paper"), named("card")],
    [0, 1].map((at) => [SCHEMES.light[at], SCHEMES.dark[at]]),
  );
});

test("whatever colour a shop has, it can be read in both schemes, and so can the text on it", () => {
  const steps = ["00", "33", "66", "99", "cc", "FF"];
  for (const r of steps) {
    for (const g of steps) {
      for (const b of steps) {
        const shop = `#${r}${g}${b}`;
        const [light, dark] = [readable(shop, "light"), readable(shop, "dark")];
        for (const paper of SCHEMES.light)
          assert.ok(contrast(light, paper) >= 4.5, `${shop} ${light}`);
        for (const paper of SCHEMES.dark)
          assert.ok(contrast(dark, paper) >= 4.5, `${shop} ${dark}`);
        // As style.css has the text of a button.
        assert.ok(contrast(light, "#ffffff") >= 4.5 && contrast(dark, "#141412") >= 4.5, shop);
      }
    }
  }
  assert.equal(readable("#7a1f3d", "light"), "#7a1f3d", "what can be read stays as it is");
  assert.equal(Math.round(contrast("#000000", "#ffffff")), 21);
});

test("a time is that of the event's zone, which is named, in the format of the reader", () => {
  const at = Date.UTC(2027, 3, 17, 17, 30);
  const plain = (text) => text.replaceAll(/\s/g, " ");
  const say = (zone, locale) => plain(momentIn(zone, locale, at, LONG));
  assert.match(
    say("Europe/Berlin", "en-US"),
    /^Saturday, April 17, 2027.* 7:30 PM Central European Summer Time$/,
  );
  assert.match(
    say("Europe/Berlin", "en-GB"),
    /^Saturday,? 17 April 2027.* 19:30 Central European Summer Time$/,
  );
  assert.match(say("Asia/Shanghai", "zh-Hans"), /2027年4月18日.*中国标准时间.*01:30/);
  // A zone that this browser does not know.
  assert.match(say("Moon/Crater", "en-US"), /5:30 PM Coordinated Universal Time$/);
});

test("of the reader's languages the one that the page speaks says the format", () => {
  assert.equal(localeOf("en", ["de-DE", "en-IE", "en-US"]), "en-IE");
  assert.equal(localeOf("zh", ["zh-TW"]), "zh-TW");
  assert.equal(localeOf("zh", ["en-IE"]), tags.zh);
});
