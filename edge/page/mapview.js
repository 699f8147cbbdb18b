// Draws the map of a coach or block: each seat is a box to tick, whose shape says how it is: a
// square is free, a cross is taken, a circle is chosen. One of them is reached with Tab, the others
// with the arrow keys.
import { CELL, entrance, follow } from "./seatmap.js";

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  free: "M6 4h16a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z",
  taken: "M9 9l10 10M19 9L9 19",
  chosen: "M14 2a12 12 0 0 1 0 24a12 12 0 0 1 0-24z",
};
// A longer label would run into its neighbours: it is only spoken.
const LABEL_MAX = 3;

export class MapView {
  #box;
  #say;
  #map = null;
  #chosen = null;
  #names = "";
  #seats = new Map();
  #focused = null;
  #svg = null;

  constructor(box, say, toggle) {
    this.#box = box;
    this.#say = say;
    const seat = ({ target }) => target.closest("[data-seat]");
    const press = (element) => element?.dataset.state !== "taken" && toggle(element.dataset.seat);
    box.addEventListener("click", (event) => seat(event) && press(seat(event)));
    box.addEventListener(
      "focusin",
      (event) => seat(event) && this.#enter(seat(event).dataset.seat),
    );
    box.addEventListener("keydown", (event) => {
      const { key } = event;
      const on = seat(event);
      if (!on || event.ctrlKey || event.metaKey || event.altKey) return;
      if (key === " " || key === "Enter") press(on);
      else if (!/^(Arrow|Home$|End$)/.test(key)) return;
      else this.#seats.get(follow(this.#map, on.dataset.seat, key))?.focus();
      event.preventDefault();
    });
  }

  // Everything is drawn anew, in another language.
  forget() {
    this.#map = null;
    this.#names = "";
  }

  // `map` as layOut makes it, null while it is not known; `chosen` are names of seats.
  show(map, chosen, title) {
    // Drawn again and again, and thousands of seats are not looked at each time.
    if (map && map === this.#map && chosen === this.#chosen) return;
    this.#chosen = chosen;
    if (map !== this.#map || !map) {
      const names = map
        ? JSON.stringify([title, map.rows.map((row) => row.seats.map(({ name }) => name))])
        : "";
      this.#map = map;
      if (names !== this.#names || !map) this.#draw(map, title);
      this.#names = names;
    }
    if (!map) return;
    for (const seat of map.rows.flatMap((row) => row.seats))
      this.#mark(seat, chosen.includes(seat.name));
    if (!this.#seats.has(this.#focused)) this.#enter(entrance(map, this.#focused, chosen));
  }

  #draw(map, title) {
    this.#seats.clear();
    this.#focused = null;
    if (!map) return this.#box.replaceChildren();
    const { margin, width, height } = map;
    const svg = make("svg", {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      "aria-label": title,
    });
    for (const { label, y, seats } of map.rows) {
      if (label)
        svg.append(text(label, { class: "label", x: margin - 8, y: y + 18, "text-anchor": "end" }));
      for (const seat of seats) {
        const box = make("g", {
          role: "checkbox",
          tabindex: -1,
          transform: `translate(${seat.x} ${seat.y})`,
          "data-seat": seat.name,
        });
        box.append(make("path", {}));
        const middle = { x: CELL / 2, y: 18, "text-anchor": "middle" };
        if (seat.label.length <= LABEL_MAX) box.append(text(seat.label, middle));
        this.#seats.set(seat.name, box);
        svg.append(box);
      }
    }
    this.#box.replaceChildren(svg);
  }

  #mark(seat, chosen) {
    const state = chosen ? "chosen" : seat.free ? "free" : "taken";
    const box = this.#seats.get(seat.name);
    if (box.dataset.state === state) return;
    box.dataset.state = state;
    box.firstChild.setAttribute("d", SHAPES[state]);
    box.setAttribute("aria-checked", String(chosen));
    box.setAttribute("aria-disabled", String(state === "taken"));
    const where = [
      ...(seat.row ? [this.#say("row", seat.row)] : []),
      this.#say("seats", seat.label, 1),
    ];
    const name = [...where, this.#say(state === "taken" ? "seat_taken_by" : `seat_${state}`)].join(
      this.#say("comma"),
    );
    box.setAttribute("aria-label", name[0].toUpperCase() + name.slice(1));
  }

  #enter(name) {
    if (name === this.#focused) return;
    this.#seats.get(this.#focused)?.setAttribute("tabindex", "-1");
    this.#seats.get(name)?.setAttribute("tabindex", "0");
    this.#focused = name;
  }
}

function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(content, attributes) {
  const element = make("text", { ...attributes, "aria-hidden": "true" });
  element.textContent = content;
  return element;
}
