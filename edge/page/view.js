// Puts a scene on the screen. Only what has changed is touched: a screen reader speaks when the
// status changes, not each second, and nobody loses the field in which they type.
import { normalised, wrongIn } from "./buyer.js";
import { entry, hand } from "./calendar.js";
import { ChooserView } from "./chooserview.js";
import { localeOf, momentIn } from "./event.js";
import { describe, dress } from "./eventview.js";
import { classOf, inRows, itinerary } from "./plan.js";
import { tags, words } from "./words.js";

const at = (id) => document.getElementById(id);
// Texts about a seat.
const OF_SEAT = new Set(["seat_taken_detail", "leaves_single_detail"]);

export class View {
  #language;
  #acts;
  #shown = null;
  #most = 1;
  #keys = "";
  // What is wrong with the buyer: null, or a text and its arguments.
  #problem = null;
  #chooser;
  #plan = null;
  // How many seats are chosen on the map, where they are; and what keeps the button from working.
  #count;
  #why;
  // The class that is chosen.
  #class;
  // What is sold, in words; null where nothing is known of that.
  #event = null;
  // The order on the screen.
  #order;
  // Whether the actions stand above the form.
  #above = false;

  // `acts` has what the buttons do: get(buyer, quantity), language(), open(key), quantity(number),
  // `choose` for the chooser, and one for each action.
  constructor(sale, acts) {
    this.sale = sale;
    this.#acts = acts;
    at("sale").textContent = sale;
    at("language").addEventListener("click", () => acts.language());
    at("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    at("fewer").addEventListener("click", () => this.#step(-1));
    at("more").addEventListener("click", () => this.#step(1));
    at("quantity").addEventListener("input", () => this.#label());
    at("quantity").addEventListener("change", () => this.#step(0));
    this.#chooser = new ChooserView(acts.choose, (name, ...args) => this.say(name, ...args));
    at("buyer").addEventListener("input", () => this.#wrong(null));
    at("copy").addEventListener("click", () => this.#copy());
    at("print").addEventListener("click", () => print());
    at("calendar").addEventListener("click", () => this.#calendar());
    at("sure").addEventListener("close", () => at("sure").returnValue === "yes" && acts.cancel());
    at("quantity").value = 1;
  }

  say(name, ...args) {
    const text = words[this.#language][name];
    return typeof text === "function" ? text(...args) : text;
  }

  // What is sold, in words. Before the page first speaks, or when they come later.
  tell(event) {
    this.#event = event;
    dress(event);
    this.#chooser.prices = event.prices ?? {};
    at("language").hidden = event.languages?.length === 1;
  }

  // `given` is a buyer that the shop named; nobody can change it.
  fill(buyer, given) {
    at("buyer").value = given ?? buyer;
    at("buyer").readOnly = given !== null;
  }

  // Says `name` where the page promises that a reload does no harm.
  warn(name) {
    const promise = at("promise");
    if (promise.dataset.say === name) return;
    promise.dataset.say = name;
    if (this.#language) promise.textContent = this.say(name);
  }

  speak(language) {
    const other = language === "en" ? "zh" : "en";
    this.#language = language;
    document.documentElement.lang = tags[language];
    document.title = this.say("title", this.#event?.title ?? this.sale);
    at("language").textContent = words[other].name;
    at("language").lang = tags[other];
    for (const element of document.querySelectorAll("[data-say]")) {
      element.textContent = this.say(
        element.dataset.say,
        this.#event?.zone ?? zone(),
        Boolean(this.#event?.zone),
      );
    }
    if (this.#event) describe(this.#event, language, (name) => this.say(name));
    at("buyer-hint").textContent = this.say(at("buyer").readOnly ? "buyer_given" : "buyer_hint");
    at("fewer").setAttribute("aria-label", this.say("fewer"));
    at("more").setAttribute("aria-label", this.say("more"));
    at("copy").textContent = this.say("copy");
    this.#wrong(this.#problem, false);
    this.#shown = null;
  }

  // `chooser` has what is known of the sale's plan.
  show(scene, chooser) {
    const print = JSON.stringify(scene);
    if (print !== this.#shown || chooser.plan !== this.#plan) {
      this.#shown = print;
      this.#plan = chooser.plan;
      this.#draw(scene);
    }
    this.#chooser.open(chooser);
  }

  #draw(scene) {
    const hadFocus = document.activeElement;
    this.#class = scene.form?.chooser?.class;
    at("main").dataset.tone = scene.tone;
    write("headline", this.#sentence(scene.headline));
    write("detail", scene.detail ? this.#sentence(scene.detail) : "");
    this.#shopSays(scene);
    this.#clock(scene.clock);
    this.#form(scene.form);
    this.#ticket(scene);
    // What can be had instead stands beside what was refused. A button that is moved loses the
    // focus: only if it must be.
    const above = Boolean(scene.instead);
    if (above !== this.#above) at("form")[above ? "before" : "after"](at("actions"));
    this.#above = above;
    this.#actions(scene);
    this.#orders(scene);
    // What had the focus is gone: go on from what has happened, not from the top of the page.
    if (hadFocus.getClientRects().length === 0) at("headline").focus();
  }

  // Moves the hands; `left` is what is left in milliseconds, `of` the whole, if it is known.
  tick(left, of) {
    write("clock-time", duration(left, this.say("day")));
    at("clock-bar").hidden = !of;
    if (of)
      at("clock-bar").firstElementChild.style.inlineSize = `${Math.min(100, (100 * left) / of)}%`;
  }

  #sentence([name, ...args]) {
    if (name.startsWith("opens_")) return this.say(name, this.#moment(args[0]));
    return this.say(name, ...(OF_SEAT.has(name) ? [args[0] ? this.#places(args) : ""] : args));
  }

  #moment(time) {
    const day = { weekday: "short", year: "numeric", month: "short", day: "numeric" };
    const there = this.#event?.zone;
    const hour = { hour: "numeric", minute: "2-digit", timeZoneName: there ? "long" : "short" };
    return momentIn(there, localeOf(this.#language), time, { ...day, ...hour });
  }

  #clock(clock) {
    at("clock").hidden = !clock;
    if (!clock) return;
    write("clock-label", this.say(clock.label, clock.tries));
    if (clock.at) at("clock-time").dateTime = new Date(clock.at).toISOString();
    else at("clock-time").removeAttribute("datetime");
  }

  #form(form) {
    at("form").hidden = !form;
    if (!form) return;
    this.#most = form.most;
    this.#count = form.count;
    this.#why = form.why;
    at("quantity-field").hidden = form.count !== undefined;
    this.#chooser.show(form.chooser ?? null, this.#plan, this.#language);
    at("get").dataset.label = form.label;
    // Not `disabled`: whoever waits for the opening with a finger on the key keeps the focus.
    at("get").setAttribute("aria-disabled", String(!form.ready));
    write("quantity-hint", this.say("quantity_most", form.most));
    this.#step(0);
  }

  // What the shop wants to have said to those who came too late.
  #shopSays({ shop_says }) {
    const { sold_out_text: text, sold_out_url: url } = this.#event ?? {};
    const [says, link] = at("shop-says").children;
    at("shop-says").hidden = !shop_says || !(text || url);
    says.textContent = text ?? "";
    link.hidden = !url;
    if (!url) return;
    link.href = url;
    link.textContent = this.say("sold_out_more", new URL(url).host);
  }

  #ticket({ order, tools }) {
    this.#order = order;
    at("ticket").hidden = !order;
    // What is printed of the page depends on it.
    document.body.dataset.ticket = tools ? order.state : "";
    at("print").hidden = !tools;
    at("calendar").hidden = !(tools && this.#event?.starts_at);
    if (!order) return;
    at("ticket").dataset.state = order.state;
    write("ticket-count", String(order.quantity));
    write("ticket-word", this.say("ticket", order.quantity));
    write("ticket-state", this.say(`state_${order.state}`));
    this.#lines(order);
    write("ticket-buyer", order.buyer);
    // Not the id, which gives the tickets back. An older node knows no number.
    const number = order.number || order.order_id;
    if (at("ticket-id").textContent !== number) write("copy", this.say("copy"));
    write("ticket-id", number);
  }

  // An order is told by its number; its id, which gives tickets back, is in no file.
  #calendar() {
    const { number, quantity, created_at: created } = this.#order;
    const { title, place, organiser, starts_at } = this.#event;
    const words = [
      this.say("count", quantity),
      number && `${this.say("order_id")}: ${number}`,
      ...itinerary(this.#plan, this.#order).map((line) => this.#line(line)),
      organiser,
    ];
    const about = {
      starts_at,
      title,
      place,
      words: words.filter(Boolean).join("\n"),
      url: location.origin + location.pathname,
    };
    const uid = `${number || created}.${this.sale}@${location.hostname}`;
    hand(entry(about, uid, Date.now()), `${this.sale}.ics`);
  }

  // What was ordered of a plan, and the seats.
  #lines(order) {
    const lines = itinerary(this.#plan, order);
    at("ticket-lines").hidden = lines.length === 0;
    at("ticket-lines").replaceChildren(
      ...lines.flatMap((line) => [
        Object.assign(document.createElement("dt"), { textContent: this.#travels(line) }),
        Object.assign(document.createElement("dd"), { textContent: this.#sits(line) }),
      ]),
    );
  }

  #travels({ class: name, journey }) {
    return journey ? `${name}, ${journey.join(" – ")}` : name;
  }

  #line(line) {
    return `${this.#travels(line)}: ${this.#sits(line)}`;
  }

  #sits({ rows, quantity }) {
    return rows.length > 0 ? this.#chooser.places(rows) : this.say("no_seat", quantity);
  }

  // Seats of the class that is chosen.
  #places(names) {
    return this.#chooser.places(inRows(classOf(this.#plan, this.#class), names));
  }

  // What is offered in the place of what was refused: seats, or another way to sit.
  #instead({ label, seats }) {
    return this.say(label, seats ? this.#places(seats) : this.#plan.stops.length > 0);
  }

  #actions({ actions, pay, instead }) {
    // The same buttons stay, and with them the focus.
    const offered = JSON.stringify([this.#language, pay, instead, ...actions]);
    if (offered === at("actions").dataset.offered) return;
    at("actions").dataset.offered = offered;
    at("actions").replaceChildren(
      ...actions.map((name, index) => {
        const button = document.createElement(name === "pay" ? "a" : "button");
        if (name === "pay") button.href = pay;
        else button.type = "button";
        button.dataset.action = name;
        button.className = ["confirm", "pay", "instead"].includes(name)
          ? "main"
          : index === 0
            ? "plain"
            : "quiet";
        button.textContent = name === "instead" ? this.#instead(instead) : this.say(name);
        button.addEventListener("click", () =>
          name === "cancel" ? this.#sure() : this.#acts[name](),
        );
        return button;
      }),
    );
  }

  #orders({ orders, order }) {
    at("orders").hidden = orders.length === 0;
    write("orders-title", this.say(order ? "orders_other" : "orders"));
    // As long as it is the same orders, their buttons stay, and with them the focus.
    const keys = orders.map(({ key }) => key).join();
    if (this.#keys !== keys) {
      this.#keys = keys;
      at("orders-list").replaceChildren(...orders.map(({ key }) => this.#entry(key)));
    }
    for (const [index, { number, quantity, state, ...order }] of orders.entries()) {
      const parts = at("orders-list").children[index].firstElementChild.children;
      const texts = [
        number ?? "",
        state && quantity ? this.say("count", quantity) : "",
        this.say(`state_${state ?? "unread"}`),
      ];
      texts.push(
        itinerary(this.#plan, order)
          .map((line) => this.#line(line))
          .join(". "),
      );
      texts.forEach(
        (text, part) => parts[part].textContent !== text && (parts[part].textContent = text),
      );
      parts[2].dataset.state = state ?? "unread";
    }
  }

  #entry(key) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(
      ...["number", "count", "state", "lines"].map((name) => {
        const part = document.createElement("span");
        part.className = name;
        if (name === "number") part.translate = false;
        return part;
      }),
    );
    button.addEventListener("click", () => this.#acts.open(key));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  #sure() {
    const count = Number(at("ticket-count").textContent);
    write("sure-title", this.say("sure", count));
    write("sure-detail", this.say("sure_detail", count));
    at("sure").returnValue = "no";
    at("sure").showModal();
  }

  get #quantity() {
    return Math.floor(Number(at("quantity").value)) || 1;
  }

  #step(by) {
    const quantity = Math.max(1, Math.min(this.#most, this.#quantity + by));
    at("quantity").value = quantity;
    at("fewer").disabled = quantity <= 1;
    at("more").disabled = quantity >= this.#most;
    this.#label();
  }

  // While a number is typed, too: what is shown for it must not move the button when somebody is
  // about to press it.
  #label() {
    const most = Math.max(1, Math.min(this.#most, this.#quantity));
    const quantity = this.#count ?? most;
    this.#acts.quantity(most);
    write(
      "get",
      quantity === 0 ? this.say("get_none") : this.say(at("get").dataset.label, quantity),
    );
  }

  #submit() {
    this.#step(0);
    // What the shop has named is sent as it is named.
    const buyer = at("buyer").readOnly ? at("buyer").value : normalised(at("buyer").value);
    const problem = wrongIn(buyer);
    if (problem) return this.#wrong(problem);
    if (at("get").getAttribute("aria-disabled") === "true")
      return write("detail", this.say(...(this.#why ?? ["not_yet"])));
    if (at("buyer").value !== buyer) at("buyer").value = buyer;
    this.#acts.get(buyer, this.#count ?? this.#quantity);
  }

  #wrong(problem, focus = true) {
    this.#problem = problem;
    at("buyer").setAttribute("aria-invalid", String(problem !== null));
    write("buyer-wrong", problem ? this.say(...problem) : "");
    if (problem && focus) at("buyer").focus();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(at("ticket-id").textContent);
      write("copy", this.say("copied"));
    } catch {
      // No clipboard here: select the number, so that it can be copied by hand.
      getSelection().selectAllChildren(at("ticket-id"));
    }
  }
}

function write(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

// The time zone in which the device writes times.
function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

// Hours, minutes and seconds, with days in front where there are any. What is left of a second
// counts as one, but for the part by which this page's clock may be behind.
function duration(left, day) {
  const seconds = Math.max(0, Math.ceil(left / 1000 - 0.25));
  const two = (number) => String(number).padStart(2, "0");
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const clock = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return (days ? `${days} ${day} ` : "") + (days || hours ? `${two(hours)}:` : "") + clock;
}
