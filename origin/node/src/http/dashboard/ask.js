// The question before something is done: with nothing to type, with a new capacity, or with the id
// of the sale where it cannot be undone.

const $ = (id) => document.getElementById(id);

// Asks. `of` may have `value`, the capacity to change, or `id`, which has to be typed. Resolves
// with the capacity, else with true; with undefined when it was called off.
export function ask(title, text, verb, of = {}) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = verb;
  $("ask-yes").className = of.id === undefined ? "primary" : "danger";
  $("ask-error").textContent = "";
  $("ask-number").hidden = of.value === undefined;
  $("ask-value").value = of.value === undefined ? "" : String(of.value);
  $("ask-name").hidden = of.id === undefined;
  $("ask-id").value = "";
  $("ask-id-label").textContent = of.id === undefined ? "" : `Type ${of.id} to go on`;
  dialog.showModal();
  return new Promise((done) => {
    const end = (answer) => {
      dialog.onclose = null;
      dialog.close();
      done(answer);
    };
    dialog.onclose = () => end(undefined);
    $("ask-no").onclick = () => end(undefined);
    $("ask-yes").onclick = () => {
      const { answer, wrong } = answered(of);
      $("ask-error").textContent = wrong ?? "";
      if (wrong === undefined) end(answer);
    };
    for (const field of ["ask-value", "ask-id"])
      $(field).onkeydown = (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        $("ask-yes").click();
      };
  });
}

// What was typed, or what is wrong with it.
function answered({ value, id }) {
  if (id !== undefined && $("ask-id").value.trim() !== id)
    return { wrong: `That is not the id of this sale, which is ${id}.` };
  if (value === undefined) return { answer: true };
  const wanted = Number($("ask-value").value);
  if ($("ask-value").value === "" || !Number.isSafeInteger(wanted) || wanted < 0)
    return { wrong: "A capacity is a whole number that is not below 0." };
  return { answer: wanted };
}
