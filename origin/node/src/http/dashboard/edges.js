// The edges of the last minutes, one by one, as the nodes have seen them.

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
// Of a name, as much as tells two edges apart.
const NAME_LETTERS = 8;
// Rates are those of this time.
const SPAN_MS = 3_000;

const WAYS = {
  requests: "Worker, or gateway without a link",
  link: "gateway, over a link",
  in_process: "gateway in the node",
};

export class EdgesTable {
  // What each had asked, some seconds ago and now.
  #seen = new Map();

  // Shows those of a status; `ago` says a time in words.
  show({ at, edges, more_edges }, ago) {
    const listed = edges ?? [];
    $("edges-card").hidden = listed.length === 0;
    const more = more_edges > 0 ? `, and ${whole.format(more_edges)} more` : "";
    const title = `${whole.format(listed.length)} seen in the last five minutes${more}`;
    if ($("edges-note").textContent !== title) $("edges-note").textContent = title;
    for (const name of this.#seen.keys())
      if (!listed.some(({ edge }) => edge === name)) this.#seen.delete(name);
    const rows = listed.map((edge) => this.#row(edge, at, ago));
    $("edges-table").tBodies[0].replaceChildren(...rows);
  }

  #row(edge, at, ago) {
    const row = document.createElement("tr");
    row.dataset.edge = edge.edge;
    const name = edge.edge.slice(0, NAME_LETTERS);
    const head = cell("th", edge.address ? `${edge.address} · ${name}` : name);
    head.scope = "row";
    head.title = edge.edge;
    const rate = this.#rate(edge, at);
    row.append(
      head,
      cell("td", WAYS[edge.way] ?? edge.way),
      cell("td", edge.zone ?? "–"),
      cell("td", whole.format(edge.requests), "num"),
      cell("td", rate === undefined ? "–" : whole.format(Math.round(rate)), "num"),
      cell("td", whole.format(edge.granted), "num"),
      cell("td", whole.format(edge.budget), "num"),
      cell("td", `${ago(Math.max(0, at - edge.last_at))} ago`, "num"),
    );
    return row;
  }

  // Requests a second; undefined before it was seen for a while. A sum that fell, because a node
  // began anew, is no rate.
  #rate({ edge, requests }, at) {
    const points = this.#seen.get(edge) ?? [];
    this.#seen.set(edge, points);
    if (points.at(-1)?.at !== at) points.push({ at, requests });
    while (points.length > 1 && points[1].at <= at - SPAN_MS) points.shift();
    const [first, last] = [points[0], points.at(-1)];
    const more = last.requests - first.requests;
    return last.at > first.at && more >= 0 ? (more * 1000) / (last.at - first.at) : undefined;
  }
}

function cell(name, text, class_name = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = class_name;
  return made;
}
