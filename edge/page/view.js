// Puts a scene on the screen. Only what has changed is touched: a screen reader speaks when the status changes, not
// each second, and nobody loses the field in which they type.
import { tags, words } from "./words.js";

const at = (id) => document.getElementById(id);

export class View {
  #language;
  #acts;
  #shown = null;
  #most = 1;

  // `acts` has what the buttons do: get(buyer, quantity), early(), language(), cancel() and one for each action.
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
    at("buyer").addEventListener("input", () => this.#wrong(false));
    at("copy").addEventListener("click", () => this.#copy());
    at("sure").addEventListener("close", () => at("sure").returnValue === "yes" && acts.cancel());
    at("quantity").value = 1;
  }

  say(name, ...args) {
    const text = words[this.#language][name];
    return typeof text === "function" ? text(...args) : text;
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
    document.title = this.say("title", this.sale);
    at("language").textContent = words[other].name;
    at("language").lang = tags[other];
    for (const element of document.querySelectorAll("[data-say]")) {
      element.textContent = this.say(element.dataset.say);
    }
    at("buyer-hint").textContent = this.say(at("buyer").readOnly ? "buyer_given" : "buyer_hint");
    at("fewer").setAttribute("aria-label", this.say("fewer"));
    at("more").setAttribute("aria-label", this.say("more"));
    at("copy").textContent = this.say("copy");
    this.#wrong(at("buyer").getAttribute("aria-invalid") === "true", false);
    this.#shown = null;
  }

  show(scene) {
    const print = JSON.stringify(scene);
    if (print === this.#shown) return;
    this.#shown = print;
    const hadFocus = document.activeElement;
    at("main").dataset.tone = scene.tone;
    write("headline", this.#sentence(scene.headline));
    write("detail", scene.detail ? this.#sentence(scene.detail) : "");
    this.#clock(scene.clock);
    this.#form(scene.form);
    this.#ticket(scene.order);
    this.#actions(scene);
    // What had the focus is gone: go on from what has happened, not from the top of the page.
    if (hadFocus.getClientRects().length === 0) at("headline").focus();
  }

  // Moves the hands; `left` is what is left in milliseconds, `of` the whole, if it is known.
  tick(left, of) {
    write("clock-time", duration(left, this.say("day")));
    at("clock-bar").hidden = !of;
    if (of) at("clock-bar").firstElementChild.style.inlineSize = `${Math.min(100, (100 * left) / of)}%`;
  }

  #sentence([name, ...args]) {
    return this.say(name, ...(name === "opens_detail" ? [this.#moment(args[0])] : args));
  }

  #moment(time) {
    const format = new Intl.DateTimeFormat(tags[this.#language], { dateStyle: "medium", timeStyle: "short" });
    return format.format(time);
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
    at("get").dataset.label = form.label;
    // Not `disabled`: whoever waits for the opening with a finger on the key keeps the focus.
    at("get").setAttribute("aria-disabled", String(!form.ready));
    write("quantity-hint", this.say("quantity_most", form.most));
    this.#step(0);
  }

  #ticket(order) {
    at("ticket").hidden = !order;
    if (!order) return;
    at("ticket").dataset.state = order.state;
    write("ticket-count", String(order.quantity));
    write("ticket-word", this.say("ticket", order.quantity));
    write("ticket-state", this.say(`state_${order.state}`));
    write("ticket-buyer", order.buyer);
    // Not the id, which gives the tickets back. An older node knows no number.
    write("ticket-id", order.number || order.order_id);
  }

  #actions({ actions }) {
    // The same buttons stay, and with them the focus.
    const offered = [this.#language, ...actions].join();
    if (offered === at("actions").dataset.offered) return;
    at("actions").dataset.offered = offered;
    at("actions").replaceChildren(
      ...actions.map((name, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.action = name;
        button.className = name === "confirm" ? "main" : index === 0 ? "plain" : "quiet";
        button.textContent = this.say(name);
        button.addEventListener("click", () => (name === "cancel" ? this.#sure() : this.#acts[name]()));
        return button;
      }),
    );
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

  #label() {
    const quantity = Math.max(1, Math.min(this.#most, this.#quantity));
    write("get", this.say(at("get").dataset.label, quantity));
  }

  #submit() {
    this.#step(0);
    const buyer = at("buyer").value.trim();
    if (!/^[!-~]{1,128}$/.test(buyer)) return this.#wrong(true);
    if (at("get").getAttribute("aria-disabled") === "true") return write("detail", this.say("not_yet"));
    this.#acts.get(buyer, this.#quantity);
  }

  #wrong(is, focus = is) {
    at("buyer").setAttribute("aria-invalid", String(is));
    write("buyer-wrong", is ? this.say("buyer_wrong") : "");
    if (focus) at("buyer").focus();
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

// Hours, minutes and seconds, with days in front where there are any. What is left of a second counts as one, but
// for the part by which this page's clock may be behind.
function duration(left, day) {
  const seconds = Math.max(0, Math.ceil(left / 1000 - 0.25));
  const two = (number) => String(number).padStart(2, "0");
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const clock = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return (days ? `${days} ${day} ` : "") + (days || hours ? `${two(hours)}:` : "") + clock;
}
