// Lines over time on a canvas.

// What is shown: as long as data came, within these bounds unless the caller has others.
const SPAN_MIN_MS = 30_000;
const SPAN_MAX_MS = 180_000;
// Points that are further apart are not joined: where no data came there is no line.
const GAP_MS = 5_000;
const LEFT = 46;
const BOTTOM = 18;
// Distinguishable for people who see few colours, on white and on black.
export const COLORS = [
  "#1c7ed6",
  "#e8590c",
  "#2b8a3e",
  "#9c36b5",
  "#c2255c",
  "#0b7285",
  "#846358",
  "#5c7cfa",
];

// Draws `lines`: [{ color, points: [[milliseconds, value]] }], up to `now`; `unit` writes a value
// at the axis. `most` is the longest time that is shown, `gap` how far apart two points may be that
// a line joins, both in milliseconds.
export function draw(canvas, lines, now, unit, { most = SPAN_MAX_MS, gap = GAP_MS } = {}) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (width === 0) return;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const [quiet, rule] = ["--quiet", "--line"].map((name) => style.getPropertyValue(name));
  pen.font = `11px ${style.fontFamily}`;

  const first = Math.min(
    now,
    ...lines.flatMap((line) => line.points.slice(0, 1).map((point) => point[0])),
  );
  const span = Math.min(most, Math.max(SPAN_MIN_MS, now - first));
  const shown = lines.flatMap((line) => line.points.filter(([at]) => at >= now - span));
  const top = nice(Math.max(0, ...shown.map((point) => point[1])));
  const x = (at) => LEFT + ((at - now + span) / span) * (width - LEFT - 4);
  const y = (value) => 6 + (1 - value / top) * (height - BOTTOM - 6);
  pen.fillStyle = quiet;
  pen.strokeStyle = rule;
  pen.lineWidth = 1;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const part of [0, 0.5, 1]) {
    const at = Math.round(y(top * part)) + 0.5;
    pen.beginPath();
    pen.moveTo(LEFT, at);
    pen.lineTo(width - 4, at);
    pen.stroke();
    pen.fillText(unit(top * part), LEFT - 6, at);
  }
  pen.textBaseline = "alphabetic";
  for (const part of [1, 2 / 3, 1 / 3, 0]) {
    pen.textAlign = part === 1 ? "left" : part === 0 ? "right" : "center";
    const text = part === 0 ? "now" : `${length(part * span)} ago`;
    pen.fillText(text, x(now - part * span), height - 4);
  }
  pen.lineWidth = 1.75;
  pen.lineJoin = "round";
  for (const { color, points } of lines) {
    pen.strokeStyle = color;
    pen.beginPath();
    let before;
    for (const [at, value] of points) {
      if (at < now - span) continue;
      if (before === undefined || at - before > gap) pen.moveTo(x(at), y(value));
      else pen.lineTo(x(at), y(value));
      before = at;
    }
    pen.stroke();
  }
}

// A length of time at the axis.
function length(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 600 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

// The next round number that is not below `value`.
function nice(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((n) => n * power).find((round) => round >= value);
}

// Writes a legend; each entry is { color, text }.
export function legend(list, entries) {
  const key = JSON.stringify(entries);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...entries.map(({ color, text }) => {
      const [item, mark] = [document.createElement("li"), document.createElement("span")];
      mark.style.background = color;
      item.append(mark, text);
      return item;
    }),
  );
}
