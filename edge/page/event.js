// What the sale sells, in words (`GET /v1/sales/{sale}/event`): an edge puts it into the head of
// the page.
import { ask, eventAt } from "./api.js";
import { tags } from "./words.js";

// The words in the head: null where the operator has said nothing, undefined where the edge did not
// know.
export function eventInHead() {
  const data = document.getElementById("event");
  return data ? (JSON.parse(data.textContent).event ?? null) : undefined;
}

// The same by a question, without the logo: the policy of a page that came without words allows
// none.
export async function askForEvent(sale) {
  const { status, body } = await ask(eventAt(sale));
  return status === 200 && body.event ? { ...body.event, logo_url: undefined } : null;
}

// The form in which the reader writes times, in the language of the page: who reads English may be
// in Ireland.
export const localeOf = (language, wanted = navigator.languages) =>
  wanted.find((tag) => tag.split("-")[0] === language) ?? tags[language];

// A moment in the time zone of the event, which is named; in UTC where this browser does not know
// the zone.
export function momentIn(zone, locale, time, lengths) {
  const format = (timeZone) =>
    new Intl.DateTimeFormat(locale, { ...lengths, timeZone }).format(time);
  try {
    return format(zone);
  } catch {
    return format("UTC");
  }
}

export const LONG = {
  weekday: "long",
  year: "numeric",
  month: "long",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  timeZoneName: "long",
};
