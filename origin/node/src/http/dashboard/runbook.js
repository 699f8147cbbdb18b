// Shows the runbook of this version, which the node has in it: headings, paragraphs, lists, code.

const place = document.getElementById("runbook");

// Whatever stands in the text becomes text.
export function blocks(text) {
  const made = [];
  let lines = [];
  const close = () => {
    if (lines.length > 0) made.push(block(lines));
    lines = [];
  };
  for (const line of text.split("\n")) {
    const begins = /^(#{1,3} |- |\*\*\w[^*]*\.\*\*)/.test(line);
    if (line.trim() === "" || begins) close();
    if (line.trim() !== "") lines.push(line.trim());
    if (line.startsWith("#")) close();
  }
  close();
  return made;
}

function block(lines) {
  const text = lines.join(" ");
  const [, marks, rest] = /^(#{1,3}|-)? ?(.*)$/s.exec(text);
  const name = marks === undefined ? "p" : marks === "-" ? "li" : `h${marks.length}`;
  const element = document.createElement(name);
  element.append(...inline(marks === undefined ? text : rest));
  // As the links of the alerts name it.
  if (name === "h2") element.id = element.textContent.toLowerCase();
  return element;
}

// `code`, **strong**, and [words](address), whose address leads somewhere only within this page.
function inline(text) {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/);
  return parts.filter(Boolean).map((part) => {
    const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
    if (part.startsWith("`")) return made("code", part.slice(1, -1));
    if (part.startsWith("**")) return made("strong", part.slice(2, -2));
    if (!link) return part;
    const [, words, address] = link;
    if (!address.startsWith("#")) return made("span", words.replaceAll("`", ""));
    return Object.assign(made("a", words), { href: address });
  });
}

function made(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

// Points of a list that follow each other are one list.
function listed(elements) {
  const all = [];
  for (const element of elements) {
    const is_point = element.localName === "li";
    if (is_point && all.at(-1)?.localName !== "ul") all.push(document.createElement("ul"));
    if (is_point) all.at(-1).append(element);
    else all.push(element);
  }
  return all;
}

try {
  const answer = await fetch("/dashboard/runbook.md", { cache: "no-cache" });
  place.replaceChildren(...listed(blocks(await answer.text())));
  // The heading that was asked for is there only now.
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted) {
    wanted.tabIndex = -1;
    wanted.scrollIntoView();
    wanted.focus();
  }
} catch {
  place.textContent = "This node does not answer. The runbook is docs/RUNBOOK.md of lastseat.";
}
