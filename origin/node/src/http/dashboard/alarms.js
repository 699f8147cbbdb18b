// What is wrong now, as the nodes say it: a sentence for each, since when, and where in the runbook
// it is told what to do.

const $ = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

// Shows them; none while what is known is old, for they may be over.
export function show_alarms(alarms, stale) {
  const shown = stale ? [] : (alarms ?? []);
  const list = $("alarm-list");
  const key = JSON.stringify(shown);
  $("alarms").hidden = shown.length === 0;
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...shown.map(entry));
}

// Whether one of them cannot wait.
export const is_urgent = (alarms, stale) =>
  !stale && (alarms ?? []).some(({ severity }) => severity === "page");

function entry({ alert, severity, what, since, nodes }) {
  const [item, name, link] = ["li", "strong", "a"].map((tag) => document.createElement(tag));
  item.dataset.severity = severity;
  item.dataset.alert = alert;
  name.textContent = severity === "page" ? "Now: " : "Today: ";
  link.href = `/dashboard/runbook#${alert.toLowerCase()}`;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = `what to do (${alert})`;
  const of = nodes?.length > 0 ? `, node${nodes.length > 1 ? "s" : ""} ${nodes.join(", ")}` : "";
  item.append(name, `${what} Since ${clock.format(since)}${of}: `, link);
  return item;
}
