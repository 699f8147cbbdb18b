// Puts what the sale sells on the page, in words: logo, title, facts, links, and the shop's colour.
import { readable } from "./colour.js";
import { LONG, localeOf, momentIn } from "./event.js";

const at = (id) => document.getElementById(id);

// Once: what does not depend on the language.
export function dress(event) {
  at("what").classList.add("told");
  at("sale").textContent = event.title;
  if (event.organiser) at("brand").textContent = event.organiser;
  at("subtitle").textContent = event.subtitle ?? "";
  at("subtitle").hidden = !event.subtitle;
  if (event.colour) {
    const { style } = document.documentElement;
    for (const scheme of ["light", "dark"])
      style.setProperty(`--shop-${scheme}`, readable(event.colour, scheme));
    style.setProperty("--on-shop-dark", "#141412");
  }
  if (!event.logo_url) return;
  const logo = at("logo");
  logo.alt = event.logo_alt ?? event.organiser ?? event.title;
  logo.addEventListener("error", () => (logo.hidden = true));
  logo.src = event.logo_url;
  logo.hidden = false;
}

// In this language; `say` is a text by its name.
export function describe(event, language, say) {
  const when = event.starts_at && momentIn(event.zone, localeOf(language), event.starts_at, LONG);
  const facts = [
    ["when", when],
    ["where", event.place],
    ["by", event.organiser],
    ["price", event.price],
  ];
  const told = facts.filter(([, text]) => text);
  at("facts").hidden = told.length === 0;
  at("facts").replaceChildren(
    ...told.map(([name, text]) => {
      const row = document.createElement("div");
      const what = Object.assign(document.createElement("dd"), {
        textContent: text,
        translate: name === "when",
      });
      row.append(
        Object.assign(document.createElement("dt"), { textContent: say(`event_${name}`) }),
        what,
      );
      return row;
    }),
  );
  const links = [
    ["terms", event.terms_url],
    ["help", event.help_url],
  ].filter(([, href]) => href);
  at("links").hidden = links.length === 0;
  at("links").replaceChildren(
    ...links.flatMap(([name, href]) => {
      // In a tab of its own: who reads terms does not want to lose the order.
      const link = Object.assign(document.createElement("a"), {
        href,
        target: "_blank",
        rel: "noopener",
      });
      link.textContent = say(`event_${name}`);
      return [link, " "];
    }),
  );
}
