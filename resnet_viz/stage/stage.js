// Made by `make stage` from resnet_viz/stage/src: change it there.

// resnet_viz/stage/src/data.js
var NOT_A_NUMBER = -32768;
var ARRAYS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };
function unpack(bytes) {
  const copy = new Uint8Array(bytes);
  const length = new DataView(copy.buffer).getUint32(0, true);
  const data = JSON.parse(new TextDecoder().decode(copy.subarray(4, 4 + length)));
  data.values = new Int16Array(copy.buffer, 4 + length);
  for (const name of ["loss", "accuracy"]) {
    for (const trace of data.figures[name]?.data ?? []) {
      trace.x = numbers(trace.x);
      trace.y = numbers(trace.y);
    }
  }
  return data;
}
function numbers(array) {
  if (!array?.bdata) return array ?? [];
  const bytes = Uint8Array.from(atob(array.bdata), (c) => c.charCodeAt(0));
  return new ARRAYS[array.dtype](bytes.buffer);
}
function lastUpTo(steps, step) {
  let low = 0, high = steps.length;
  while (low < high) {
    const middle = low + high >> 1;
    if (steps[middle] <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
function rowOf(data, vector, index) {
  const from = vector.at + index * vector.width;
  return Array.from(data.values.subarray(from, from + vector.width), (v) => v === NOT_A_NUMBER ? null : v / 1e3);
}
function clip(value, limit) {
  return value === null ? null : Math.max(-limit, Math.min(limit, value));
}

// resnet_viz/stage/src/labels.js
var ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&#37;": "%" };
function plainLines(text) {
  return text.replace(/<\/?b>/g, "").split("<br>").map((line) => line.replace(/&(lt|gt|amp|#37);/g, (e) => ENTITIES[e]));
}
function alternative({ meta, annotations = [] }) {
  const labels = annotations.filter((note) => note.visible !== false).map((note) => plainLines(note.text).join(" ").trim());
  return [meta.title, meta.hint, ...labels].filter(Boolean).join("; ");
}
var context;
function measure(text, size, font) {
  context ??= document.createElement("canvas").getContext("2d");
  context.font = `600 ${size}px ${font}`;
  return Math.ceil(Math.max(...plainLines(text).map((line) => context.measureText(line).width)));
}
function spread(labels, pixel, height, gap, lift = 0) {
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
function factor(log10, infinite) {
  if (log10 === null) return infinite;
  const sign = log10 >= 0 ? "×" : "÷", size = 10 ** Math.abs(log10);
  if (size >= 1e6) return `${sign}10${superscript(Math.round(Math.abs(log10)))}`;
  return sign + Number(size.toPrecision(2)).toLocaleString("en");
}
function amount(log10, infinite) {
  if (log10 === null) return infinite;
  const size = 10 ** log10, power = Math.floor(log10);
  if (power > 5 || power < -4) return `${(size / 10 ** power).toFixed(1)}·10${superscript(power)}`;
  return Number(size.toPrecision(2)).toLocaleString("en", { maximumFractionDigits: 6 });
}
function superscript(number) {
  return String(number).replace(/[-\d]/g, (sign) => sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]);
}

// resnet_viz/stage/src/dom.js
var SVG = "http://www.w3.org/2000/svg";
function element(tag, className, attributes = {}, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
function button(content, label, action) {
  const node = element("button", "rv-button", { type: "button", title: label, "aria-label": label }, content);
  node.onclick = action;
  return node;
}
function icon(path) {
  const svg = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return element("span", "rv-icon", {}, svg);
}

// resnet_viz/stage/src/slider.js
var REPLAY_SECONDS = 8;
var SPEEDS = { "¼×": 0.25, "1×": 1, "4×": 4 };
var PLAY = "M4 2.5v11l9-5.5z";
var PAUSE = "M4 3h3v10H4zM9 3h3v10H9z";
function seek(state, step, follow = false) {
  const { newest } = state.data;
  state.step = Math.max(1, Math.min(Math.round(step), newest));
  state.follow = follow || state.step >= newest;
  state.redraw();
}
function conceals({ data, step, playing }) {
  return !data.live && step < data.newest && Boolean(playing || data.bet);
}
function toggle(state) {
  if (state.playing) pause(state);
  else play(state);
}
function play(state) {
  const { newest } = state.data;
  if (state.step >= newest) state.step = 1;
  let share = Math.sqrt(state.step / Math.max(1, newest)), before = performance.now();
  const tick = (now) => {
    share += (now - before) / 1e3 / REPLAY_SECONDS * state.speed;
    before = now;
    seek(state, share ** 2 * state.data.newest);
    if (share >= 1) pause(state);
    else state.playing = requestAnimationFrame(tick);
  };
  state.playing = requestAnimationFrame(tick);
  state.bar.setPlaying(true);
}
function pause(state) {
  cancelAnimationFrame(state.playing);
  state.playing = void 0;
  state.bar.setPlaying(false);
}
function key(state, event) {
  const busy = event.target.closest?.("input, textarea, select, button, [contenteditable], [role=slider]");
  if (!state.data?.lecture || busy && busy !== state.bar.slider || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key], to = { Home: 1, End: state.data.newest }[event.key];
  if (event.key === " ") toggle(state);
  else if (by || to) {
    pause(state);
    seek(state, to ?? state.step + by * (event.shiftKey ? 10 : 1));
  } else return;
  event.preventDefault();
}
function makeBar(state) {
  const { words } = state;
  const go = (step) => {
    pause(state);
    seek(state, step);
  };
  const playIcon = icon(PLAY);
  const slider = element("input", "rv-slider", { type: "range", min: 1, step: 1, "aria-label": words.slider });
  slider.oninput = () => seek(state, +slider.value);
  const readout = element("output", "rv-readout");
  const live = button(words.live, words.follow, () => seek(state, state.data.newest, true));
  live.classList.add("rv-live");
  live.hidden = true;
  const root = element(
    "div",
    "rv-bar",
    {},
    button(icon("M3 3h2v10H3zM13 3v10L6 8z"), words.first, () => go(1)),
    button(playIcon, words.play, () => toggle(state)),
    button(icon("M11 3h2v10h-2zM3 3v10l7-5z"), words.newest, () => go(state.data.newest)),
    slider,
    readout,
    live,
    makeSpeeds(state)
  );
  const setPlaying = (playing) => playIcon.querySelector("path").setAttribute("d", playing ? PAUSE : PLAY);
  return { root, slider, setPlaying, show: () => show(state, slider, readout, live) };
}
function makeSpeeds(state) {
  const group = element("div", "rv-speeds", { role: "group", "aria-label": state.words.speed });
  for (const [text, value] of Object.entries(SPEEDS)) {
    const node = button(text, `${state.words.speed} ${text}`, () => {
      state.speed = value;
      for (const other of group.children) other.setAttribute("aria-pressed", other === node);
    });
    node.setAttribute("aria-pressed", value === state.speed);
    group.append(node);
  }
  return group;
}
function show({ data, step, follow, words }, slider, readout, live) {
  slider.max = Math.max(data.live ? data.end : data.newest, 1);
  slider.value = step;
  const share = (v) => slider.max > 1 ? Math.max(0, 100 * (v - 1) / (slider.max - 1)) : 0;
  slider.style.setProperty("--rv-at", `${share(step)}%`);
  slider.style.setProperty("--rv-upto", `${share(data.newest)}%`);
  slider.disabled = !data.newest;
  const epoch = data.perEpoch ? words.epoch.replace("{epoch}", Math.ceil(step / data.perEpoch)) : "";
  readout.value = data.newest ? words.step.replace("{step}", step.toLocaleString("en")) + epoch : words.none;
  slider.setAttribute("aria-valuetext", readout.value);
  live.hidden = !data.live || follow;
}

// resnet_viz/stage/src/charts.js
var NARROW = 480;
var LOG_LOW = 1e-3;
var CHARTS = { fan, loss, accuracy, history, engineer };
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
function fanRoom({ layout, traces, width, height, size, measure: measure2 }, { data, theme }, labels, limit) {
  const notes = layout.annotations ?? [], narrow = width < NARROW, rooms = { left: 10 };
  if (narrow) {
    for (const note of notes) {
      if (note.name === "strip-right") note.visible = false;
      if (note.name === "strip-left") note.text = note.text.replace(data.words.loss, "").trim();
      if (labels.includes(note)) Object.assign(note, { xanchor: "left", xshift: 8, align: "left", bgcolor: theme.veil });
      if (note.name?.startsWith("first-")) aside(note, traces);
    }
  } else {
    rooms.left = Math.max(...data.nets.map((net) => measure2(`${net.label}<br>×99,999, ${data.words.large}`)), 0) + 20;
  }
  rooms.right = Math.max(...notes.filter((note) => note.name === "strip-left").map((note) => measure2(note.text)), 40) + 14;
  layout.margin = { l: Math.max(...layout.yaxis.ticktext.map(measure2)) + 8, r: 4, t: 2, b: size * 1.7 };
  const blocks = layout.xaxis.tickvals.at(-1);
  const inner = width - layout.margin.l - layout.margin.r;
  const unit = Math.max(2, inner - rooms.left - rooms.right) / blocks;
  layout.xaxis.range = [0.5 - rooms.left / unit, blocks + 0.5 + rooms.right / unit];
  const pixels = (height - layout.margin.t - layout.margin.b) * layout.yaxis.domain[1];
  const tall = labels.some((note) => note.text.split("<br>").length > 2), gap = (tall ? 4.2 : 2.9) * size;
  spread(labels, (y) => pixels * (0.5 - y / (2 * limit)), pixels, gap, narrow ? (tall ? 2.7 : 2) * size : 0);
}
function aside(note, traces) {
  const line = traces.find(({ meta }) => meta?.role === "first" && meta.net === +note.name.slice("first-".length));
  const y = numbers(line.y), at = Math.floor(0.55 * y.length);
  [note.x, note.y] = [at + 1, y[at]];
}
function loss(view, state) {
  const { layout } = view, top = layout.yaxis.range[1];
  if (state.log) {
    for (const note of layout.annotations ?? []) {
      if (note.name === "level") note.y = Math.log10(note.y);
      if (note.name === "apart") Object.assign(note, { y: 0, yanchor: "bottom" });
    }
    layout.yaxis.range = [Math.log10(LOG_LOW), Math.log10(top)];
    Object.assign(layout.yaxis, { type: "log", tickvals: [1e-3, 0.01, 0.1, 1], ticktext: ["0.001", "0.01", "0.1", "1"] });
  }
  const words = (value) => value > 100 ? ` ${state.data.words.over}` : value < 5e-3 ? " &lt;0.01" : ` ${value.toFixed(2)}`;
  curves(view, state, { top, words, widest: " &lt;0.01", lines: 1.3 });
}
function accuracy(view, state) {
  curves(view, state, { top: 100, words: (value) => `<br>${percent(value)}`, widest: "<br>99.9 %", lines: 2.9 });
}
function curves({ layout, traces, height, size, measure: measure2 }, state, { top, words, widest, lines }) {
  const { data, step, theme } = state;
  const labels = [], ends = (layout.annotations ?? []).filter((note) => netOf(note) >= 0);
  const room = Math.max(...[...ends.map((note) => note.text), ...data.nets.map((net) => net.label + widest)].map(measure2), 20);
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
  layout.margin = { l: measure2((layout.yaxis.ticktext ?? ["00"]).join("<br>")) + 8, r: room + 16, t: 10, b: size * 2.8 };
  layout.xaxis.title.standoff = 2;
  const pixels = height - layout.margin.t - layout.margin.b, [low, high] = layout.yaxis.range;
  spread(labels, (y) => pixels * (high - y) / (high - low), pixels, lines * size);
  cursor(layout, state, !conceals(state));
}
function conceal(layout, traces, step) {
  for (const trace of traces) {
    if (["level", "bet", "now", "test"].includes(trace.meta?.role)) continue;
    const count = lastUpTo(trace.x, step) + 1;
    [trace.x, trace.y] = [trace.x.slice(0, count), trace.y.slice(0, count)];
  }
  layout.shapes = (layout.shapes ?? []).filter((shape) => shape.name !== "apart" || shape.x0 <= step);
  layout.annotations = (layout.annotations ?? []).filter((note) => note.name !== "apart" || note.x <= step);
}
function history({ layout, traces }, state) {
  for (const trace of traces) {
    const vector = state.data.nets[trace.meta.net].vectors.grad_block;
    const rows = vector.steps.map((at, index) => {
      const row = rowOf(state.data, vector, index);
      return conceals(state) && at > state.step ? row.map(() => null) : row;
    });
    trace.z = rows[0].map((_, block) => rows.map((row) => row[block]));
    trace.text = trace.z.map((across) => across.map((value) => value === null ? "" : factor(value, state.data.words.infinite)));
  }
  cursor(layout, state, false);
}
function engineer({ traces }, { data, step }) {
  for (const trace of traces) {
    const vector = data.nets[trace.meta.net].vectors[trace.meta.metric];
    if (!vector) continue;
    trace.y = rowOf(data, vector, Math.max(0, lastUpTo(vector.steps, step)));
    trace.customdata = trace.y.map((value) => amount(value, data.words.infinite));
  }
}
function percent(value) {
  if (value > 0 && value < 0.5) return "&lt;1 %";
  return `${value.toFixed(value >= 99.5 && value < 100 ? 1 : 0)} %`;
}
function cursor(layout, { data, step, theme }, veiled) {
  if (step >= data.newest) return;
  const shape = { xref: "x", yref: "paper", y0: 0, y1: 1, x0: step, layer: "above" };
  const veil = { ...shape, type: "rect", x1: data.end, fillcolor: theme.veil, line: { width: 0 } };
  const line = { ...shape, type: "line", x1: step, line: { width: 1.5, color: theme.text } };
  layout.shapes = [...layout.shapes ?? [], ...veiled ? [veil] : [], line];
}
function netOf(note) {
  return note.name?.startsWith("net-") ? +note.name.slice(4) : -1;
}

// resnet_viz/stage/src/library.js
var library;
function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("app/static/plotly.min.js", document.baseURI);
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      library = void 0;
      reject(new Error("plotly.min.js could not be loaded"));
    };
    document.head.append(script);
  });
  return library;
}

// resnet_viz/stage/src/theme.js
var context2;
function rgb(colour) {
  context2 ??= document.createElement("canvas").getContext("2d");
  context2.fillStyle = colour;
  return [1, 3, 5].map((i) => parseInt(context2.fillStyle.slice(i, i + 2), 16));
}
function readTheme(root) {
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
    veil: `rgba(${r},${g},${b},0.72)`
  };
}
function dress(layout, traces, theme, palette) {
  for (const part of [layout, ...traces]) Object.assign(part, regreyed(part, palette.quiet, theme.quiet));
  layout.font = { ...layout.font, family: theme.font, color: theme.text };
  layout.hoverlabel = { bgcolor: theme.background, bordercolor: theme.border, font: { color: theme.text } };
  if (theme.dark && layout.coloraxis) layout.coloraxis.colorscale = palette.scaleDark;
  for (const trace of traces) {
    if (theme.dark && trace.marker?.colorscale) trace.marker = { ...trace.marker, colorscale: palette.scaleDark };
    hollow(trace, theme.background);
  }
  const axes = Object.keys(layout).filter((key2) => key2.includes("axis"));
  const texts = [...layout.annotations ?? [], ...axes.map((key2) => layout[key2].title)];
  for (const { font } of texts.filter((text) => text?.font?.color)) {
    if (theme.dark) font.color = palette.lifted[font.color] ?? font.color;
  }
}
function regreyed(part, from, to) {
  if (part === from) return to;
  const inner = (value) => regreyed(value, from, to);
  if (Array.isArray(part)) return typeof part[0] === "number" ? part : part.map(inner);
  if (part?.constructor !== Object) return part;
  return Object.fromEntries(Object.entries(part).map(([key2, value]) => [key2, inner(value)]));
}
function hollow(trace, background) {
  if (!trace.marker?.symbol?.endsWith?.("-open")) return;
  trace.marker = { ...trace.marker, symbol: trace.marker.symbol.replace("-open", ""), color: background };
}

// resnet_viz/stage/src/still.js
var CONFIG = { displayModeBar: false, responsive: false };
function still(root, { views, slider, palette }) {
  const sentence = element("p", "rv-sentence", { role: "status" }), aside2 = element("small", "rv-aside");
  const title = element("span", "rv-title"), hint = element("span", "rv-hint"), plot2 = element("div", "rv-still", { role: "img" });
  const scroller = element("div", "rv-scroll", {}, plot2);
  let shown = slider ? views.length - 1 : 0, near = false;
  const show2 = (number) => {
    const view = views[shown = number];
    sentence.replaceChildren(`${view.sentence} `, aside2);
    aside2.textContent = view.aside;
    title.textContent = view.figure.layout.meta.title;
    hint.textContent = view.figure.layout.meta.hint;
    plot2.style.height = `${view.height}px`;
    plot2.setAttribute("aria-label", alternative(view.figure.layout));
    draw2();
  };
  const draw2 = () => {
    const { figure, height } = views[shown], { width } = plot2.getBoundingClientRect();
    if (!near || width < 50) return;
    const layout = structuredClone(figure.layout), traces = figure.data.map((trace) => ({ ...trace }));
    const { coloraxis } = layout;
    dress(layout, traces, readTheme(root), palette);
    Object.assign(layout, { width, height, coloraxis });
    window.Plotly.react(plot2, traces, layout, CONFIG);
  };
  root.append(controls(views, slider, shown, show2), sentence, element("header", "rv-header", {}, title, hint), scroller);
  show2(shown);
  new IntersectionObserver(([entry]) => {
    if (near || !entry.isIntersecting) return;
    near = true;
    draw2();
  }, { rootMargin: "400px" }).observe(root);
  new ResizeObserver(draw2).observe(scroller);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw2);
}
function controls(views, slider, first, show2) {
  if (views.length === 1) return element("span", "");
  if (slider) {
    const readout = element("span", "rv-readout", {}, `${views[first].label} ${slider}`);
    const range = element("input", "rv-slider", { type: "range", min: 0, max: views.length - 1, value: first, "aria-label": slider });
    range.oninput = () => {
      readout.textContent = `${views[range.value].label} ${slider}`;
      show2(+range.value);
    };
    return element("div", "rv-bar", {}, range, readout);
  }
  const buttons = views.map((view, number) => {
    const button2 = element("button", "rv-tab", { type: "button", role: "tab", "aria-selected": number === first }, view.label);
    button2.onclick = () => {
      for (const other of buttons) other.setAttribute("aria-selected", other === button2);
      show2(number);
    };
    return button2;
  });
  return element("div", "rv-tabs", { role: "tablist" }, ...buttons);
}

// resnet_viz/stage/src/stage.js
var TWINS = ["fan", "loss", "accuracy"];
var CONFIG2 = { displayModeBar: false, doubleClick: "reset", responsive: false };
var stages = /* @__PURE__ */ new WeakMap();
function stage(component) {
  const parent = component.parentElement, data = unpack(component.data);
  let state = stages.get(parent);
  if (state && state.data.language !== data.language) {
    close(state);
    state = void 0;
  }
  if (!state) stages.set(parent, state = open(parent, data.words));
  receive(state, component, data);
  return () => {
    stages.delete(parent);
    close(state);
  };
}
function open(parent, words) {
  const state = { step: 1, follow: true, speed: 1, tab: "twins", log: false, words, plots: {}, gone: new AbortController() };
  state.redraw = () => {
    cancelAnimationFrame(state.frame);
    state.frame = requestAnimationFrame(() => draw(state));
  };
  state.tabs = element("div", "rv-tabs", { role: "tablist" });
  state.panels = element("div", "rv-panels");
  for (const name of Object.keys(CHARTS)) state.panels.append(makePanel(state, name));
  state.bar = makeBar(state);
  state.root = element("div", "rv-stage", {}, state.tabs, state.panels, state.bar.root);
  parent.append(state.root);
  state.observer = new ResizeObserver(state.redraw);
  state.observer.observe(state.panels);
  const { signal } = state.gone;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", state.redraw, { signal });
  document.addEventListener("keydown", (event) => key(state, event), { signal });
  addEventListener("resize", () => {
    fit(state);
    state.redraw();
  }, { signal });
  return state;
}
function close(state) {
  pause(state);
  cancelAnimationFrame(state.frame);
  state.observer.disconnect();
  state.gone.abort();
  for (const plot2 of Object.values(state.plots)) window.Plotly?.purge(plot2.node);
  state.root.remove();
}
function makePanel(state, name) {
  const title = element("span", "rv-title"), hint = element("span", "rv-hint"), node = element("div", "rv-plot", { role: "img" });
  const header = element("header", "rv-header", {}, title, hint);
  if (name === "loss") {
    const log = element("button", "rv-button rv-log", { type: "button", "aria-pressed": "false" }, state.words.log);
    log.onclick = () => {
      state.log = !state.log;
      log.setAttribute("aria-pressed", state.log);
      state.redraw();
    };
    header.append(log);
  }
  const section = element("section", `rv-panel rv-${name}`, {}, header, node);
  state.plots[name] = { section, title, hint, node };
  return section;
}
function receive(state, component, data) {
  const before = state.data;
  Object.assign(state, { component, data });
  if (before?.runs.join() !== data.runs.join()) {
    pause(state);
    state.follow = true;
  }
  const newest = Math.max(1, data.newest);
  state.step = state.follow && !state.playing ? newest : Math.min(state.step, newest);
  if (data.lecture && !before?.lecture) document.activeElement?.blur();
  state.root.classList.toggle("rv-lecture", data.lecture);
  drawTabs(state);
  fit(state);
  const demonstrates = !before && data.replay && firstVisit();
  if (demonstrates) Object.assign(state, { step: 1, playing: -1 });
  tellConceals(state);
  loadPlotly().then(() => {
    if (demonstrates) {
      state.playing = void 0;
      toggle(state);
    }
    state.redraw();
  });
}
function firstVisit() {
  if (sessionStorage.getItem("resnet-viz-replayed") || matchMedia("(prefers-reduced-motion: reduce)").matches) return false;
  sessionStorage.setItem("resnet-viz-replayed", "yes");
  return true;
}
function tellConceals(state) {
  const now = conceals(state);
  if (now === Boolean(state.conceals)) return;
  state.conceals = now;
  state.component.setStateValue("conceals", now);
}
function drawTabs(state) {
  if (state.tabs.childElementCount === 0) {
    for (const [name, label] of Object.entries(state.data.tabs)) {
      const tab = element("button", "rv-tab", { type: "button", role: "tab" }, label);
      tab.dataset.tab = name;
      tab.onclick = () => {
        state.tab = name;
        drawTabs(state);
        state.redraw();
        state.component.setStateValue("tab", name);
      };
      state.tabs.append(tab);
    }
    state.tabs.onkeydown = (event) => {
      const tabs = [...state.tabs.children], last = tabs.length - 1, at = tabs.indexOf(event.target);
      const to = { ArrowLeft: at ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last }[event.key];
      if (at < 0 || to === void 0) return;
      event.preventDefault();
      tabs[to].focus();
      tabs[to].click();
    };
  }
  for (const tab of state.tabs.children) {
    tab.setAttribute("aria-selected", tab.dataset.tab === state.tab);
    tab.tabIndex = tab.dataset.tab === state.tab ? 0 : -1;
  }
  state.panels.dataset.tab = state.tab;
}
function fit({ root }) {
  const scroller = root.closest("[data-testid=stMain]") ?? document.documentElement;
  const top = root.getBoundingClientRect().top + scroller.scrollTop;
  root.style.setProperty("--rv-top", `${Math.round(top)}px`);
}
function draw(state) {
  if (!state.data || !window.Plotly) return;
  state.theme = readTheme(state.root);
  tellConceals(state);
  state.bar.show();
  for (const name of state.tab === "twins" ? TWINS : [state.tab]) {
    if (state.data.figures[name]) plot(state, name);
  }
  state.root.dataset.ready = "true";
}
function plot(state, name) {
  const { node, title, hint, section } = state.plots[name], { data, theme } = state;
  const figure = data.figures[name], layout = structuredClone(figure.layout);
  title.textContent = layout.meta.title;
  hint.textContent = layout.meta.hint;
  section.setAttribute("aria-label", layout.meta.title);
  const { width, height } = node.getBoundingClientRect();
  if (width < 50 || height < 50) return;
  const traces = figure.data.map((trace) => ({ ...trace }));
  Object.assign(layout, { width, height });
  dress(layout, traces, theme, data);
  if (width < 480 && !data.lecture) layout.font.size = 12;
  const { size } = layout.font;
  CHARTS[name]({ layout, traces, width, height, size, measure: (text) => measure(text, size, theme.font) }, state);
  node.setAttribute("aria-label", alternative(layout));
  window.Plotly.react(node, traces, layout, CONFIG2);
  if (!node.dataset.heard) {
    node.dataset.heard = "true";
    node.on("plotly_click", ({ points }) => click(state, name, points[0]));
  }
}
function click(state, name, point) {
  const meta = point.data.meta ?? {};
  if (name === "fan" && meta.skips) state.component.setTriggerValue("arc", { block: point.x, step: state.step });
  if (name === "history") {
    pause(state);
    seek(state, state.data.nets[meta.net].vectors.grad_block.steps[point.pointNumber[1]]);
  }
}
export {
  loadPlotly,
  stage,
  still
};
