// Puts the chooser of a sale with a plan into its form: journey, class, how close together, and the
// map of a coach or block.
import { MapView } from "./mapview.js";
import { classOf, inRows } from "./plan.js";

const at = (id) => document.getElementById(id);
const TOGETHER = ["row", "coach", "any"];

export class ChooserView {
  #acts;
  #say;
  #map;
  #scene = null;
  // What the lists were made of: they are made anew only for another plan, class or language.
  #made = {};
  // What a ticket of each class costs, as text, by the id of the class.
  prices = {};

  // `acts` has set(changes), toggle(name, most) and map(id of a coach or block, or null); `say` a
  // text by its name.
  constructor(acts, say) {
    this.#acts = acts;
    this.#say = say;
    this.#map = new MapView(at("map-seats"), say, (name) => acts.toggle(name, this.#scene.most));
    at("from").addEventListener("change", () => acts.set({ from: Number(at("from").value) }));
    at("to").addEventListener("change", () => acts.set({ to: Number(at("to").value) }));
    at("together").addEventListener("change", () => acts.set({ together: at("together").value }));
    at("classes").addEventListener("change", ({ target }) => acts.set({ class: target.value }));
    at("block").addEventListener("change", () => acts.map(at("block").value));
    at("map-toggle").addEventListener("click", () =>
      acts.map(this.#scene.seats ? null : this.#blocks[0].id),
    );
    at("map-clear").addEventListener("click", () => acts.set({ seats: [] }));
  }

  get #blocks() {
    return classOf(this.#made.plan, this.#scene.class).blocks;
  }

  // `scene` as chooserScene makes it; null where nothing is chosen.
  show(scene, plan, language) {
    at("chooser").hidden = at("seating").hidden = !scene;
    this.#scene = scene;
    if (!scene) return;
    // One chooses first, and says then who one is.
    if (at("chooser").nextElementSibling === at("buyer-field")) at("get").before(at("buyer-field"));
    if (this.#made.plan !== plan || this.#made.language !== language) this.#make(plan, language);
    this.#stops(plan, scene);
    this.#classes(scene);
    at("together-field").hidden = !scene.apart;
    at("together").value = scene.together;
    at("map-toggle").hidden = !scene.mapped;
    at("map-toggle").setAttribute("aria-expanded", String(scene.seats !== null));
    write("map-toggle", this.#say(scene.seats ? "map_close" : "map_open"));
    at("map").hidden = !scene.seats;
  }

  // What is known of the open map, and of the chosen seats in any; `gone` are those that somebody
  // else has taken.
  open({ block, choice, gone, plan }) {
    if (!this.#scene?.seats || !choice?.seats) return;
    const one = classOf(plan, choice.class);
    if (this.#made.blocks !== one || at("block").options.length === 0) {
      this.#made.blocks = one;
      options(at("block"), one.blocks, (each) => [each.id, this.name(each)]);
    }
    if (block && at("block").value !== block.id) at("block").value = block.id;
    const shown = one.blocks.find(({ id }) => id === block?.id);
    this.#map.show(block?.map ?? null, choice.seats, shown ? this.name(shown) : "");
    const told = (name, seats) => this.#say(name, this.places(inRows(one, seats)));
    const chosen =
      choice.seats.length > 0
        ? told("chosen", choice.seats)
        : this.#say("chosen_none", this.#scene.most);
    write("map-chosen", gone.length > 0 ? `${told("seats_gone", gone)} ${chosen}` : chosen);
    at("map-clear").hidden = choice.seats.length === 0;
  }

  // A coach or block as people call it: by a name of its own, else in their language.
  name({ id, name, kind }) {
    return name ?? (kind ? this.#say(kind, id) : id);
  }

  // Seats, row by row, as text.
  places(rows) {
    const text = ({ block, row, seats }) => {
      const labels = this.#say("seats", seats.join(", "), seats.length);
      return [this.name(block), ...(row ? [this.#say("row", row)] : []), labels].join(
        this.#say("comma"),
      );
    };
    return rows.map(text).join("; ");
  }

  #make(plan, language) {
    // What the choice begins with.
    if (!this.#made.plan) at("quantity").value = this.#scene.quantity;
    this.#made = { plan, language };
    this.#map.forget();
    const stops = plan.stops.map((stop, place) => ({ ...stop, place }));
    options(at("from"), stops.slice(0, -1), ({ place, name, id }) => [place, name ?? id]);
    options(at("together"), TOGETHER, (word) => [
      word,
      this.#say(`together_${word}`, plan.stops.length > 0),
    ]);
    write("classes-title", this.#say(plan.stops.length > 0 ? "class" : "class_hall"));
    const entry = ({ id, name }) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), {
        type: "radio",
        name: "class",
        value: id,
      });
      const span = (className) => Object.assign(document.createElement("span"), { className });
      const [named, left] = [span("name"), span("left")];
      named.textContent = [name ?? id, this.prices[id]].filter(Boolean).join(" · ");
      label.append(input, named, left);
      return label;
    };
    at("classes-list").replaceChildren(...plan.classes.map(entry));
  }

  #stops(plan, { from, to, train }) {
    at("journey").hidden = !train;
    if (!train) return;
    at("from").value = from;
    // Only what comes later.
    if (this.#made.from !== from) {
      this.#made.from = from;
      const later = plan.stops.map((stop, place) => ({ ...stop, place })).slice(from + 1);
      options(at("to"), later, ({ place, name, id }) => [place, name ?? id]);
    }
    at("to").value = to;
  }

  #classes({ classes, class: chosen }) {
    for (const [place, { id, left, none }] of classes.entries()) {
      const label = at("classes-list").children[place];
      // A class of a plan that is newer than the one that is shown.
      if (!label) return;
      const [input, , said] = label.children;
      input.checked = id === chosen;
      label.classList.toggle("none", none);
      const text = left ? this.#say(...left) : "";
      if (said.textContent !== text) said.textContent = text;
    }
  }
}

function options(select, list, of) {
  select.replaceChildren(
    ...list.map((one) => {
      const [value, text] = of(one);
      return Object.assign(document.createElement("option"), { value, textContent: text });
    }),
  );
}

function write(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}
