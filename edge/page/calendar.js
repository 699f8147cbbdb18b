// The calendar entry of a ticket (iCalendar, RFC 5545), made in the page.

// Longest line of an entry, in bytes of UTF-8; a longer one goes on behind a space.
const LINE_MAX = 75;
const bytes = (text) => new TextEncoder().encode(text).length;

// The entry as the text of a file. The event has starts_at (Unix milliseconds) and title, and may
// have place, words and url; `uid` is the same for the same ticket, so that an entry that is added
// twice is one; `now` is when the entry is made. All times are in UTC: a calendar shows them in the
// zone of its owner. There is no end, for the event has none.
export function entry({ starts_at, title, place, words, url }, uid, now) {
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//lastseat//ticket//EN",
    "BEGIN:VEVENT",
    `UID:${escaped(uid)}`,
    `DTSTAMP:${utc(now)}`,
    `DTSTART:${utc(starts_at)}`,
    `SUMMARY:${escaped(title)}`,
    place && `LOCATION:${escaped(place)}`,
    words && `DESCRIPTION:${escaped(words)}`,
    url && `URL:${url}`,
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return lines
    .filter(Boolean)
    .map((line) => `${folded(line)}\r\n`)
    .join("");
}

// `20270417T173000Z`
const utc = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");

// What would end a value, or a part of one, is marked.
const escaped = (text) => text.replace(/[\\;,]/g, "\\$&").replace(/\r?\n/g, "\\n");

// In lines of at most LINE_MAX bytes; no letter is cut.
function folded(line) {
  const parts = [""];
  let room = LINE_MAX;
  for (const letter of line) {
    const size = bytes(letter);
    if (size > room) {
      parts.push("");
      // The space counts.
      room = LINE_MAX - 1;
    }
    parts[parts.length - 1] += letter;
    room -= size;
  }
  return parts.join("\r\n ");
}

// Hands a file over to whoever looks at the page. On a telephone the calendar opens with it.
export function hand(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/calendar;charset=utf-8" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  // The browser has it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
