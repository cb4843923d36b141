// Labels at the ends of lines: how wide they are, and how they keep off one another.

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&#37;": "%" };

// The lines that a text in Plotly's markup shows, as plain text.
export function plainLines(text) {
  return text.replace(/<\/?b>/g, "").split("<br>").map((line) => line.replace(/&(lt|gt|amp|#37);/g, (e) => ENTITIES[e]));
}

// What a chart shows, for those who can't see it: its title, hint and labels. `figures.alternative` says so of charts that stand still.
export function alternative({ meta, annotations = [] }) {
  const labels = annotations.filter((note) => note.visible !== false).map((note) => plainLines(note.text).join(" ").trim());
  return [meta.title, meta.hint, ...labels].filter(Boolean).join("; ");
}

let context;

// The width in pixels of a text in Plotly's markup, in bold, which is the wider; `size` in pixels.
export function measure(text, size, font) {
  context ??= document.createElement("canvas").getContext("2d");
  context.font = `600 ${size}px ${font}`;
  return Math.ceil(Math.max(...plainLines(text).map((line) => context.measureText(line).width)));
}

// Shift labels (Plotly's annotations, with `y`) so that none lies on another and all keep inside the plot. `pixel` turns a
// label's y into pixels from the top of a plot `height` high; each label takes `gap` pixels; `lift` first raises the upper half
// of them, one alone too where there is room, and lowers the others, off lines that they would lie on.
export function spread(labels, pixel, height, gap, lift = 0) {
  const placed = labels.filter((label) => label.visible !== false).map((label) => ({ label, want: pixel(label.y) }));
  placed.sort((a, b) => a.want - b.want);
  placed.forEach((place, i) => {
    const up = i < placed.length / 2 && place.want > lift + gap / 2;
    place.at = place.want + (up ? -lift : lift);
  });
  let top = gap / 2;
  for (const place of placed) top = (place.at = Math.max(place.at, top)) + gap;
  let bottom = height - gap / 2;
  for (const place of placed.reverse()) bottom = (place.at = Math.min(place.at, bottom)) - gap;
  for (const { label, want, at } of placed) label.yshift = want - at;
}

// A factor in two digits, given its log10 (null: not a number, said by `infinite`): "×2,600", "÷4.1", "×10⁷". `figures.numbers.factor` says the same.
export function factor(log10, infinite) {
  if (log10 === null) return infinite;
  const sign = log10 >= 0 ? "×" : "÷", size = 10 ** Math.abs(log10);
  if (size >= 1e6) return `${sign}10${superscript(Math.round(Math.abs(log10)))}`;
  return sign + Number(size.toPrecision(2)).toLocaleString("en");
}

// A value in two digits, given its log10 (null: not a number, said by `infinite`): "0.063", "1,200", "2.5·10⁻⁷". `figures.numbers.amount` says the same.
export function amount(log10, infinite) {
  if (log10 === null) return infinite;
  const size = 10 ** log10, power = Math.floor(log10);
  if (power > 5 || power < -4) return `${(size / 10 ** power).toFixed(1)}·10${superscript(power)}`;
  return Number(size.toPrecision(2)).toLocaleString("en", { maximumFractionDigits: 6 });
}

function superscript(number) {
  return String(number).replace(/[-\d]/g, (sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]));
}
