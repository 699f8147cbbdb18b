// The calendar entry of a ticket, without a browser: it is read back as RFC 5545 says that an entry
// is to be read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { entry } from "../../edge/page/calendar.js";

const AT = Date.UTC(2027, 3, 17, 17, 30);
const NOW = Date.UTC(2026, 10, 30, 9, 5, 7, 123);
const made = (about) => entry({ starts_at: AT, title: "Concert", ...about }, "K3.demo@shop", NOW);

// The fields of an entry, unfolded (section 3.1), as the texts that they are (section 3.3.11).
function read(text) {
  const lines = text.replaceAll("\r\n ", "").split("\r\n");
  assert.equal(lines.pop(), "", "each line ends");
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      const value = line.slice(colon + 1);
      return [
        line.slice(0, colon),
        value.replace(/\\([\\;,nN])/g, (_, c) => (/n/i.test(c) ? "\n" : c)),
      ];
    }),
  );
}

test("an entry has what an event needs, and its times are in UTC", () => {
  const text = made({ place: "City hall", url: "https://shop.example/s/demo" });
  assert.ok(text.startsWith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:"));
  assert.ok(text.endsWith("END:VEVENT\r\nEND:VCALENDAR\r\n"));
  const fields = read(text);
  for (const [name, value] of [
    ["UID", "K3.demo@shop"],
    ["DTSTAMP", "20261130T090507Z"],
    ["DTSTART", "20270417T173000Z"],
    ["SUMMARY", "Concert"],
    ["LOCATION", "City hall"],
    ["URL", "https://shop.example/s/demo"],
  ])
    assert.equal(fields.get(name), value);
  // The event says no end, so neither does the entry.
  assert.equal(fields.has("DTEND"), false);
});

test("what is not known is not there", () => {
  const fields = read(made({}));
  assert.deepEqual(
    ["LOCATION", "DESCRIPTION", "URL"].filter((name) => fields.has(name)),
    [],
  );
});

test("whatever stands in the words is read back, and begins no field of its own", () => {
  for (const words of [
    "a, b; c \\ d \\n e",
    "two\nlines",
    "two\r\nlines\r\nDTEND:19700101T000000Z",
    "END:VEVENT",
    "春".repeat(100),
    "🎫".repeat(60),
    "x".repeat(1_000),
    " begins with a space",
    "é".repeat(36) + "🎫é",
  ]) {
    const text = made({ title: words, place: words, words });
    const fields = read(text);
    const plain = words.replaceAll("\r\n", "\n");
    for (const name of ["SUMMARY", "LOCATION", "DESCRIPTION"])
      assert.equal(fields.get(name), plain, words.slice(0, 20));
    assert.equal(text.split("BEGIN:VEVENT").length, 2);
    assert.equal(fields.has("DTEND"), false);
    for (const line of text.split("\r\n")) {
      assert.ok(Buffer.byteLength(line) <= 75, `${Buffer.byteLength(line)} bytes: ${line}`);
      assert.ok(!line.includes("\ufffd") && !/[\r\n]/.test(line));
    }
  }
});
