// The page's own colours and letters, and how figures, which come in those of a light page, put them on.

let context;

function rgb(colour) {
  context ??= document.createElement("canvas").getContext("2d");
  context.fillStyle = colour; // any CSS colour comes back as #rrggbb
  return [1, 3, 5].map((i) => parseInt(context.fillStyle.slice(i, i + 2), 16));
}

// The theme around an element, from the variables that Streamlit and the handout set.
export function readTheme(root) {
  const style = getComputedStyle(root), read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const background = read("--st-background-color", "#ffffff");
  const text = read("--st-text-color", "#222222"), [r, g, b] = rgb(background);
  return {
    background,
    text,
    quiet: `rgba(${rgb(text)},0.66)`,
    border: read("--st-border-color", "#ccc"),
    font: style.fontFamily,
    dark: 0.3 * r + 0.6 * g + 0.1 * b < 128,
    veil: `rgba(${r},${g},${b},0.72)`,
  };
}

// Dress a figure for a theme. `palette` is what Python sends beside the figures: `lifted` (a pair's colour → the brighter one
// that a dark page needs for text), `scaleDark` (the diverging scale of a dark page) and `quiet` (the grey of small print).
export function dress(layout, traces, theme, palette) {
  for (const part of [layout, ...traces]) Object.assign(part, regreyed(part, palette.quiet, theme.quiet));
  layout.font = { ...layout.font, family: theme.font, color: theme.text };
  layout.hoverlabel = { bgcolor: theme.background, bordercolor: theme.border, font: { color: theme.text } };
  if (theme.dark && layout.coloraxis) layout.coloraxis.colorscale = palette.scaleDark;
  for (const trace of traces) {
    if (theme.dark && trace.marker?.colorscale) trace.marker = { ...trace.marker, colorscale: palette.scaleDark };
    hollow(trace, theme.background);
  }
  const axes = Object.keys(layout).filter((key) => key.includes("axis"));
  const texts = [...(layout.annotations ?? []), ...axes.map((key) => layout[key].title)];
  for (const { font } of texts.filter((text) => text?.font?.color)) {
    if (theme.dark) font.color = palette.lifted[font.color] ?? font.color;
  }
}

// A part of a figure with one grey in another's place; rows of numbers stay the same arrays.
function regreyed(part, from, to) {
  if (part === from) return to;
  const inner = (value) => regreyed(value, from, to);
  if (Array.isArray(part)) return typeof part[0] === "number" ? part : part.map(inner);
  if (part?.constructor !== Object) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, inner(value)]));
}

// An open marker is filled with the page's colour, so that no line shows through it.
function hollow(trace, background) {
  if (!trace.marker?.symbol?.endsWith?.("-open")) return;
  trace.marker = { ...trace.marker, symbol: trace.marker.symbol.replace("-open", ""), color: background };
}
