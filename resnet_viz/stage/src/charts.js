// What each figure becomes at the slider's step. A chart changes a copy of the figure that Python drew: `view` holds its
// `layout` and `traces`, `width`, `height` and `size` (of letters) in pixels, and `measure`, the width of a text; `state` is the
// stage's: `data`, `step`, `log`, `theme`.

import { clip, lastUpTo, numbers, rowOf } from "./data.js";
import { amount, factor, spread } from "./labels.js";
import { conceals } from "./slider.js";

const NARROW = 480; // px: below, labels stand on the lines rather than beside them
const LOG_LOW = 0.001; // nats at the lower end of the loss's logarithmic axis

export const CHARTS = { fan, loss, accuracy, history, engineer };

// Chart A: lines, boxes and labels take the values of the slider's step.
function fan(view, state) {
  const { layout, traces } = view, { data, step } = state;
  const limit = layout.yaxis.range[1];
  const now = data.nets.map((net) => {
    const vector = net.vectors.grad_block;
    if (!vector) return { row: null };
    const index = Math.max(0, lastUpTo(vector.steps, step));
    return { row: rowOf(data, vector, index), words: net.words[index] };
  });
  for (const trace of traces) {
    const row = now[trace.meta?.net]?.row;
    if (!row) continue;
    if (trace.meta.role === "line") {
      trace.y = row.map((value) => clip(value, limit));
      trace.customdata = row.map((value) => factor(value, data.words.infinite));
    }
    if (trace.meta.role === "box") trace.marker = { ...trace.marker, color: row };
  }
  const labels = [];
  for (const note of layout.annotations ?? []) {
    const number = netOf(note);
    if (!now[number]?.row) continue;
    note.y = clip(now[number].row[0] ?? limit, limit);
    note.text = `<b>${data.nets[number].label}</b><br>${now[number].words}`;
    labels.push(note);
  }
  fanRoom(view, state, labels, limit);
}

// Room beside the fan's blocks, in pixels, for what is written there; labels pushed apart.
function fanRoom({ layout, traces, width, height, size, measure }, { data, theme }, labels, limit) {
  const notes = layout.annotations ?? [], narrow = width < NARROW, rooms = { left: 10 };
  if (narrow) {
    for (const note of notes) {
      if (note.name === "strip-right") note.visible = false;
      if (note.name === "strip-left") note.text = note.text.replace(data.words.loss, "").trim();
      if (labels.includes(note)) Object.assign(note, { xanchor: "left", xshift: 8, align: "left", bgcolor: theme.veil });
      if (note.name?.startsWith("first-")) aside(note, traces);
    }
  } else {
    rooms.left = Math.max(...data.nets.map((net) => measure(`${net.label}<br>×99,999, ${data.words.large}`)), 0) + 20;
  }
  rooms.right = Math.max(...notes.filter((note) => note.name === "strip-left").map((note) => measure(note.text)), 40) + 14;
  layout.margin = { l: Math.max(...layout.yaxis.ticktext.map(measure)) + 8, r: 4, t: 2, b: size * 1.7 };
  const blocks = layout.xaxis.tickvals.at(-1);
  const inner = width - layout.margin.l - layout.margin.r;
  const unit = Math.max(2, inner - rooms.left - rooms.right) / blocks;
  layout.xaxis.range = [0.5 - rooms.left / unit, blocks + 0.5 + rooms.right / unit];
  const pixels = (height - layout.margin.t - layout.margin.b) * layout.yaxis.domain[1];
  const tall = labels.some((note) => note.text.split("<br>").length > 2), gap = (tall ? 4.2 : 2.9) * size;
  spread(labels, (y) => pixels * (0.5 - y / (2 * limit)), pixels, gap, narrow ? (tall ? 2.7 : 2) * size : 0);
}

// Move the name of a line of the first step along that line, away from the labels at the left.
function aside(note, traces) {
  const line = traces.find(({ meta }) => meta?.role === "first" && meta.net === +note.name.slice("first-".length));
  const y = numbers(line.y), at = Math.floor(0.55 * y.length);
  [note.x, note.y] = [at + 1, y[at]];
}

// Chart B, on a logarithmic axis where the viewer wants one.
function loss(view, state) {
  const { layout } = view, top = layout.yaxis.range[1];
  if (state.log) {
    for (const note of layout.annotations ?? []) {
      if (note.name === "level") note.y = Math.log10(note.y);
      if (note.name === "apart") Object.assign(note, { y: 0, yanchor: "bottom" });
    }
    layout.yaxis.range = [Math.log10(LOG_LOW), Math.log10(top)];
    Object.assign(layout.yaxis, { type: "log", tickvals: [0.001, 0.01, 0.1, 1], ticktext: ["0.001", "0.01", "0.1", "1"] });
  }
  const words = (value) => (value > 100 ? ` ${state.data.words.over}` : value < 0.005 ? " &lt;0.01" : ` ${value.toFixed(2)}`);
  curves(view, state, { top, words, widest: " &lt;0.01", lines: 1.3 });
}

// Chart C.
function accuracy(view, state) {
  curves(view, state, { top: 100, words: (value) => `<br>${percent(value)}`, widest: "<br>99.9 %", lines: 2.9 });
}

// A chart over steps: strong up to the slider's step, veiled behind it, labels where the lines are now. `top`: the highest value
// drawn; `words`: a value as the label says it; `widest`: the widest of these; `lines`: a label's height in letters.
function curves({ layout, traces, height, size, measure }, state, { top, words, widest, lines }) {
  const { data, step, theme } = state;
  const labels = [], ends = (layout.annotations ?? []).filter((note) => netOf(note) >= 0);
  // Room for the widest label there can be, as they were sent or while one scrubs, so that no axis moves when one appears.
  const room = Math.max(...[...ends.map((note) => note.text), ...data.nets.map((net) => net.label + widest)].map(measure), 20);
  for (const note of ends) {
    const [line, dot] = ["line", "now"].map((role) => traces.find((t) => t.meta?.role === role && t.meta.net === netOf(note)));
    const index = lastUpTo(line.x, step);
    note.visible = dot.visible = index >= 0;
    if (index < 0) continue;
    const value = Math.min(line.y[index], top);
    [dot.x, dot.y] = [[line.x[index]], [value]];
    note.x = Math.max(line.x[index], Math.min(step, data.end));
    note.y = layout.yaxis.type === "log" ? Math.log10(Math.max(value, LOG_LOW)) : value;
    if (note.x < data.end) note.bgcolor = theme.veil;
    if (index < line.x.length - 1) note.text = `${note.text.slice(0, note.text.indexOf("</b>") + 4)}${words(line.y[index])}`;
    labels.push(note);
  }
  for (const trace of traces) {
    if (trace.meta?.role === "test") trace.visible = step >= trace.x[0];
    if (trace.meta?.role === "bet" && step < data.newest) trace.text = [data.words.bet, ""];
  }
  if (conceals(state)) conceal(layout, traces, step);
  layout.margin = { l: measure((layout.yaxis.ticktext ?? ["00"]).join("<br>")) + 8, r: room + 16, t: 10, b: size * 2.8 };
  layout.xaxis.title.standoff = 2;
  const pixels = height - layout.margin.t - layout.margin.b, [low, high] = layout.yaxis.range;
  spread(labels, (y) => (pixels * (high - y)) / (high - low), pixels, lines * size);
  cursor(layout, state, !conceals(state)); // with nothing beyond the slider, a veil would lie on the bet alone
}

// Leave out what comes after a step: the lines beyond it, recorded ones behind them too, and where they will part.
function conceal(layout, traces, step) {
  for (const trace of traces) {
    if (["level", "bet", "now", "test"].includes(trace.meta?.role)) continue;
    const count = lastUpTo(trace.x, step) + 1;
    [trace.x, trace.y] = [trace.x.slice(0, count), trace.y.slice(0, count)];
  }
  layout.shapes = (layout.shapes ?? []).filter((shape) => shape.name !== "apart" || shape.x0 <= step);
  layout.annotations = (layout.annotations ?? []).filter((note) => note.name !== "apart" || note.x <= step);
}

// The History tab's heatmaps, from the vectors that the fan has; in a replay only what has happened.
function history({ layout, traces }, state) {
  for (const trace of traces) {
    const vector = state.data.nets[trace.meta.net].vectors.grad_block;
    const rows = vector.steps.map((at, index) => {
      const row = rowOf(state.data, vector, index);
      return conceals(state) && at > state.step ? row.map(() => null) : row;
    });
    trace.z = rows[0].map((_, block) => rows.map((row) => row[block]));
    trace.text = trace.z.map((across) => across.map((value) => (value === null ? "" : factor(value, state.data.words.infinite))));
  }
  cursor(layout, state, false);
}

// The Engineer tab's vectors at the slider's step.
function engineer({ traces }, { data, step }) {
  for (const trace of traces) {
    const vector = data.nets[trace.meta.net].vectors[trace.meta.metric];
    if (!vector) continue;
    trace.y = rowOf(data, vector, Math.max(0, lastUpTo(vector.steps, step)));
    trace.customdata = trace.y.map((value) => amount(value, data.words.infinite));
  }
}

// An accuracy in per cent, as `words.numbers.percent` says it.
function percent(value) {
  if (value > 0 && value < 0.5) return "&lt;1 %";
  return `${value.toFixed(value >= 99.5 && value < 100 ? 1 : 0)} %`;
}

// A line at the slider's step, and a veil over what lies behind it.
function cursor(layout, { data, step, theme }, veiled) {
  if (step >= data.newest) return;
  const shape = { xref: "x", yref: "paper", y0: 0, y1: 1, x0: step, layer: "above" };
  const veil = { ...shape, type: "rect", x1: data.end, fillcolor: theme.veil, line: { width: 0 } };
  const line = { ...shape, type: "line", x1: step, line: { width: 1.5, color: theme.text } };
  layout.shapes = [...(layout.shapes ?? []), ...(veiled ? [veil] : []), line];
}

// Number of the net whose label this is; −1 for any other annotation.
function netOf(note) {
  return note.name?.startsWith("net-") ? +note.name.slice(4) : -1;
}
