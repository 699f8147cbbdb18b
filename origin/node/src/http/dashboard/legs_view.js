// Writes the legs of a sale with a plan into the page: for each class the equation of its fullest
// leg, a cell for each leg, and a cell for each coach or block.

import {
  adds_up,
  leg_name,
  leg_words,
  part_id,
  part_words,
  shape,
  share,
  share_words,
  worst,
} from "./legs.js";

// Beyond this, numbers do not fit into the cells of legs.
const NUMBERED_LEGS_MAX = 32;
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");

// What is in the page: the shape of the answer it was built for, and the parts of each class.
let built = "";
let classes = [];

// Shows `legs` (see legs.js); hidden where no sale with a plan is shown.
export function show_legs(legs, trouble) {
  const { view } = legs;
  $("legs-card").hidden = legs.sale === undefined;
  put($("legs-trouble"), trouble ?? "");
  if (!view) return clear();
  if (built !== shape(view)) build(view);
  view.classes.forEach((of, i) => classes[i].update(view, of));
}

function clear() {
  built = "";
  classes = [];
  put($("legs"), "Not read yet.");
}

function build(view) {
  built = shape(view);
  classes = view.classes.map((of) => new ClassBoard(view, of));
  $("legs").replaceChildren(...classes.map((board) => board.element));
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function make(name, class_name, ...content) {
  const element = document.createElement(name);
  element.className = class_name;
  element.append(...content);
  return element;
}

// A drawing of some rectangles, stretched over its cell. It says nothing that the cell does not say
// in words.
function drawing(...class_names) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of [
    ["viewBox", "0 0 100 100"],
    ["preserveAspectRatio", "none"],
    ["aria-hidden", "true"],
  ])
    svg.setAttribute(name, value);
  const bars = class_names.map((class_name) => {
    const bar = document.createElementNS(SVG, "rect");
    for (const [name, value] of [
      ["class", class_name],
      ["x", "0"],
      ["y", "0"],
      ["width", "100"],
      ["height", "100"],
    ])
      bar.setAttribute(name, value);
    return bar;
  });
  svg.append(...bars);
  return { svg, bars };
}

// A part of a drawing from `start` to `end`, both from 0 to 1: upwards, or to the right.
function stretch(bar, start, end, is_wide) {
  const [at, length] = [is_wide ? start : 1 - end, end - start].map((part) =>
    (part * 100).toFixed(2),
  );
  const names = is_wide ? ["x", "width"] : ["y", "height"];
  set(bar, names[0], at);
  set(bar, names[1], length);
}

// A row of cells, each with words of its own: one of them is reached with Tab, the others with the
// arrows.
class Cells {
  constructor(element, cells, told) {
    Object.assign(this, { element, cells, told, active: undefined });
    element.append(...cells);
    cells.forEach((cell, i) => {
      cell.setAttribute("role", "img");
      cell.tabIndex = i === 0 ? 0 : -1;
    });
    const cell_of = (event) => this.cells.find((cell) => cell.contains(event.target));
    for (const event of ["focusin", "pointerover"])
      element.addEventListener(event, (e) => this.tell(cell_of(e)));
    element.addEventListener("focusout", () => this.tell(undefined));
    element.addEventListener("pointerleave", () =>
      this.tell(this.cells.find((cell) => cell === document.activeElement)),
    );
    element.addEventListener("keydown", (event) => this.move(event));
  }

  move(event) {
    const now = this.cells.indexOf(document.activeElement);
    const last = this.cells.length - 1;
    const next = {
      ArrowRight: Math.min(last, now + 1),
      ArrowLeft: Math.max(0, now - 1),
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined || now < 0) return;
    event.preventDefault();
    this.cells[now].tabIndex = -1;
    this.cells[next].tabIndex = 0;
    this.cells[next].focus();
  }

  tell(cell) {
    this.active = cell;
    put(this.told, cell?.getAttribute("aria-label") ?? this.told.dataset.hint);
  }

  say(i, words) {
    const cell = this.cells[i];
    set(cell, "aria-label", words);
    set(cell, "title", words);
    if (cell === this.active) put(this.told, words);
  }
}

// One class in the page.
class ClassBoard {
  constructor(view, of) {
    const told = (hint) => {
      const line = make("p", "told quiet", hint);
      line.dataset.hint = hint;
      return line;
    };
    this.is_wide = of.legs.length === 1;
    this.head = make("h3", "", of.name);
    this.sum = make("p", "leg-sum");
    this.bars = of.legs.map(() => drawing("confirmed", "held"));
    this.numbers = of.legs.map(() => make("span", "num"));
    const leg_cells = this.bars.map(({ svg }, i) => make("div", "leg", svg, this.numbers[i]));
    const legs_told = told(
      this.is_wide
        ? "Sold, held and free, from the left."
        : "Sold and held of each leg, from the bottom; a number is what is free.",
    );
    const strip = make("div", of.legs.length > NUMBERED_LEGS_MAX ? "strip many" : "strip");
    strip.setAttribute("role", "group");
    strip.setAttribute(
      "aria-label",
      `${of.name}, ${this.is_wide ? "sold and held" : "leg by leg"}`,
    );
    this.strip = new Cells(strip, leg_cells, legs_told);
    this.element = make("article", "class-legs", this.head, this.sum, strip, legs_told);
    this.element.dataset.class = of.class;
    if (of.parts.length > 0)
      this.add_parts(
        of,
        told(
          this.is_wide
            ? "What is taken of each part."
            : "What is taken of each part on the leg with the frame.",
        ),
      );
  }

  add_parts(of, told) {
    this.shades = of.parts.map(() => drawing("taken"));
    this.percents = of.parts.map(() => make("span", "num"));
    const cells = of.parts.map((part, i) =>
      make("div", "part", this.shades[i].svg, make("b", "", part_id(part)), this.percents[i]),
    );
    const heat = make("div", "heat");
    heat.setAttribute("role", "group");
    heat.setAttribute("aria-label", `${of.name}, part by part`);
    this.heat = new Cells(heat, cells, told);
    this.element.append(heat, told);
  }

  update(view, of) {
    const leg = worst(of);
    this.show_sum(view, of, leg);
    of.legs.forEach((leg, i) => {
      const [sold, taken] = [
        share(leg.confirmed, of.places),
        share(leg.confirmed + leg.held, of.places),
      ];
      const [confirmed, held] = this.bars[i].bars;
      stretch(confirmed, 0, sold, this.is_wide);
      stretch(held, sold, taken, this.is_wide);
      put(this.numbers[i], whole.format(leg.free));
      set(this.strip.cells[i], "data-worst", String(!this.is_wide && leg.leg === of.worst_leg));
      this.strip.say(i, leg_words(view, of, leg));
    });
    of.parts.forEach((part, i) => {
      set(this.shades[i].bars[0], "fill-opacity", share(part.taken, part.seats).toFixed(2));
      put(this.percents[i], share_words(part.taken, part.seats));
      this.heat.say(i, part_words(part));
    });
  }

  // places = free + held + confirmed, and of which leg.
  show_sum(view, of, leg) {
    const ok = adds_up(of, leg);
    const [places, free, held, confirmed] = [of.places, leg.free, leg.held, leg.confirmed].map(
      (n) => whole.format(n),
    );
    const name = leg_name(view, of, leg.leg);
    const quotas =
      leg.within_quotas === undefined
        ? ""
        : `; quotas leave ${whole.format(leg.within_quotas)} of the free ones`;
    const where = this.is_wide ? name : `${name}, the leg with the fewest`;
    set(this.sum, "data-ok", String(ok));
    put(
      this.sum,
      `${places} places ${ok ? "=" : "≠"} ${free} free + ${held} held + ${confirmed} confirmed — ${where}${quotas}`,
    );
  }
}
