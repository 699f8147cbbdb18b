// The shop's colour, made such that it can be read on this page (WCAG 2.2, contrast of 4.5 to 1).

// `--paper` and `--card` of style.css: the lighter and the darker scheme.
export const SCHEMES = { light: ["#f5f2ec", "#fffdf9"], dark: ["#141412", "#1e1d1a"] };
const ENOUGH = 4.6;

const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function luminance(colour) {
  const [r, g, b] = channels(colour).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// The colour, moved towards black on the light scheme and towards white on the dark one as far as
// it has to be.
export function readable(colour, scheme) {
  const end = scheme === "light" ? 0 : 255;
  for (let part = 0; part <= 1; part += 0.02) {
    const mixed = channels(colour).map((value) => Math.round(value + (end - value) * part));
    const found = `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
    if (SCHEMES[scheme].every((paper) => contrast(found, paper) >= ENOUGH)) return found;
  }
  return scheme === "light" ? "#000000" : "#ffffff";
}
