// The stage: charts that move along the steps of a run, all in the browser. One function, called again at every refresh;
// what it keeps between calls hangs on the parent element. The offline handout calls the same function once.

const NOT_A_NUMBER = -32768;
const REPLAY_SECONDS = 8;
const SPEEDS = { "¼×": 0.25, "1×": 1, "4×": 4 };
const CONFIG = { displayModeBar: false, doubleClick: "reset", responsive: false };
const stages = new WeakMap();
let library;

function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("app/static/plotly.min.js", document.baseURI);
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { library = undefined; reject(new Error("plotly.min.js could not be loaded")); };
    document.head.append(script);
  });
  return library;
}

function element(tag, className, attributes = {}, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// ---- data ---------------------------------------------------------------------------------------------------------

function unpack(bytes) {
  const copy = bytes.slice(); // may be unaligned
  const length = new DataView(copy.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(copy.subarray(4, 4 + length)));
  head.values = new Int16Array(copy.buffer, 4 + length);
  return head;
}

const ARRAYS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

function numbers(array) {
  if (!array?.bdata) return array ?? [];
  const bytes = Uint8Array.from(atob(array.bdata), (c) => c.charCodeAt(0));
  return new ARRAYS[array.dtype](bytes.buffer);
}

// Index of the last entry that is not after the step; −1 where there is none.
function lastUpTo(steps, step) {
  let low = 0, high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function rowOf(data, vector, index) {
  const from = vector.at + index * vector.width;
  return Array.from(data.values.subarray(from, from + vector.width), (v) => (v === NOT_A_NUMBER ? null : v / 1000));
}

const clip = (v, limit) => (v === null ? null : Math.max(-limit, Math.min(limit, v)));

// ---- stage --------------------------------------------------------------------------------------------------------

class Stage {
  constructor(root) {
    this.step = 1;
    this.follow = true;
    this.speed = 1;
    this.tab = "twins";
    this.log = false;
    this.plots = {};
    this.build(root);
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.panels);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onTheme = () => this.redraw();
    this.dark.addEventListener("change", this.onTheme);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.onResize = () => { this.fit(); this.redraw(); };
    addEventListener("resize", this.onResize);
  }

  destroy() {
    this.pause();
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.dark.removeEventListener("change", this.onTheme);
    document.removeEventListener("keydown", this.onKey);
    removeEventListener("resize", this.onResize);
    for (const plot of Object.values(this.plots)) window.Plotly?.purge(plot.node);
    this.root.remove();
  }

  build(parent) {
    this.tabs = element("div", "rv-tabs", { role: "tablist" });
    this.panels = element("div", "rv-panels");
    for (const name of ["fan", "loss", "accuracy", "history", "engineer"]) this.panels.append(this.panel(name));
    const button = (text, label, action) => {
      const node = element("button", "rv-button", { type: "button", title: label, "aria-label": label }, text);
      node.onclick = action;
      return node;
    };
    const svg = (path) => {
      const box = element("span", "rv-icon");
      box.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${path}"/></svg>`;
      return box;
    };
    this.icons = { play: "M4 2.5v11l9-5.5z", pause: "M4 3h3v10H4zM9 3h3v10H9z" };
    this.playButton = button(svg(this.icons.play), "Play", () => this.toggle());
    this.slider = element("input", "rv-slider", { type: "range", min: 1, step: 1, "aria-label": "Step" });
    this.slider.oninput = () => this.seek(+this.slider.value);
    this.readout = element("output", "rv-readout");
    this.liveButton = button("● live", "Follow the newest step", () => { this.follow = true; this.seek(this.data.newest, true); });
    this.liveButton.classList.add("rv-live");
    const speeds = element("div", "rv-speeds", { role: "group", "aria-label": "Speed" });
    for (const [text, value] of Object.entries(SPEEDS)) {
      const node = button(text, `Speed ${text}`, () => {
        this.speed = value;
        for (const other of speeds.children) other.setAttribute("aria-pressed", other === node);
      });
      node.setAttribute("aria-pressed", value === this.speed);
      speeds.append(node);
    }
    this.bar = element(
      "div", "rv-bar", {},
      button(svg("M3 3h2v10H3zM13 3v10L6 8z"), "To the first step", () => { this.pause(); this.seek(1); }),
      this.playButton,
      button(svg("M11 3h2v10h-2zM3 3v10l7-5z"), "To the newest step", () => { this.pause(); this.seek(this.data.newest); }),
      this.slider, this.readout, this.liveButton, speeds,
    );
    this.root = element("div", "rv-stage", {}, this.tabs, this.panels, this.bar);
    parent.append(this.root);
  }

  panel(name) {
    const title = element("span", "rv-title"), hint = element("span", "rv-hint"), node = element("div", "rv-plot");
    const header = element("header", "rv-header", {}, title, hint);
    if (name === "loss") {
      this.logButton = element("button", "rv-button rv-log", { type: "button", "aria-pressed": "false" }, "log");
      this.logButton.onclick = () => {
        this.log = !this.log;
        this.logButton.setAttribute("aria-pressed", this.log);
        this.redraw();
      };
      header.append(this.logButton);
    }
    const section = element("section", `rv-panel rv-${name}`, {}, header, node);
    this.plots[name] = { section, title, hint, node, header };
    return section;
  }

  // A refresh: new data, the same plots, zoom and place on the slider.
  receive(component) {
    this.component = component;
    const before = this.data;
    const data = (this.data = unpack(component.data));
    for (const name of ["loss", "accuracy"]) {
      for (const trace of data.figures[name]?.data ?? []) {
        trace.x = numbers(trace.x);
        trace.y = numbers(trace.y);
      }
    }
    if (before?.runs.join() !== data.runs.join()) {
      this.pause();
      this.follow = true;
    }
    if (this.follow && !this.playing) this.step = Math.max(1, data.newest);
    this.step = Math.min(this.step, Math.max(1, data.newest));
    this.slider.max = Math.max(data.live ? data.end : data.newest, 1);
    this.root.classList.toggle("rv-lecture", data.lecture);
    this.drawTabs();
    this.fit();
    return loadPlotly().then(() => {
      this.redraw();
      if (!before && data.replay) this.demonstrate();
    });
  }

  // The slider shows by itself, once a visit, what it is for.
  demonstrate() {
    if (sessionStorage.getItem("resnet-viz-replayed") || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    sessionStorage.setItem("resnet-viz-replayed", "yes");
    this.step = 1;
    this.toggle();
  }

  drawTabs() {
    if (this.tabs.childElementCount === 0) {
      for (const [name, label] of Object.entries(this.data.tabs)) {
        const tab = element("button", "rv-tab", { type: "button", role: "tab" }, label);
        tab.dataset.tab = name;
        tab.onclick = () => {
          this.tab = name;
          this.drawTabs();
          this.redraw();
          this.component.setStateValue("tab", name);
        };
        this.tabs.append(tab);
      }
    }
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", tab.dataset.tab === this.tab);
    this.panels.dataset.tab = this.tab;
  }

  // As high as the window leaves room for, so that the first screen needs no scrolling.
  fit() {
    const scroller = this.root.closest("[data-testid=stMain]") ?? document.documentElement;
    const top = this.root.getBoundingClientRect().top + scroller.scrollTop;
    this.root.style.setProperty("--rv-top", `${Math.round(top)}px`);
  }

  // ---- the slider ----

  seek(step, follow = false) {
    this.step = Math.max(1, Math.min(Math.round(step), this.data.newest || 1));
    this.follow = follow || this.step >= this.data.newest;
    this.redraw();
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.step >= this.data.newest) this.step = 1;
    // The first steps hold the drama: the replay begins slowly, as the square of the time.
    let share = Math.sqrt(this.step / Math.max(1, this.data.newest)), before = performance.now();
    const tick = (now) => {
      share += ((now - before) / 1000 / REPLAY_SECONDS) * this.speed;
      before = now;
      this.seek(Math.max(1, share ** 2 * this.data.newest));
      if (share >= 1) this.pause(); else this.playing = requestAnimationFrame(tick);
    };
    this.playing = requestAnimationFrame(tick);
    this.playButton.querySelector("path").setAttribute("d", this.icons.pause);
  }

  pause() {
    cancelAnimationFrame(this.playing);
    this.playing = undefined;
    this.playButton.querySelector("path").setAttribute("d", this.icons.play);
  }

  key(event) {
    const busy = event.target.closest?.("input, textarea, select, button, [contenteditable], [role=slider]");
    if (!this.data?.lecture || (busy && busy !== this.slider) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") this.toggle();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      this.pause();
      this.seek(this.step + (event.key === "ArrowRight" ? 1 : -1) * (event.shiftKey ? 10 : 1));
    } else return;
    event.preventDefault();
  }

  // ---- drawing ----

  redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (!this.data || !window.Plotly) return;
    this.theme = readTheme(this.root);
    const { data, step } = this;
    this.slider.value = step;
    const max = +this.slider.max, share = (v) => (max > 1 ? Math.max(0, (100 * (v - 1)) / (max - 1)) : 0);
    this.slider.style.setProperty("--rv-at", `${share(step)}%`);
    this.slider.style.setProperty("--rv-upto", `${share(data.newest)}%`);
    const epoch = data.perEpoch ? ` · epoch ${Math.ceil(step / data.perEpoch)}` : "";
    this.readout.value = data.newest ? `step ${step.toLocaleString("en")}${epoch}` : "not started";
    this.slider.setAttribute("aria-valuetext", this.readout.value);
    this.slider.disabled = !data.newest;
    this.liveButton.hidden = !data.live || this.follow;
    const shown = this.tab === "twins" ? ["fan", "loss", "accuracy"] : [this.tab];
    for (const name of Object.keys(this.plots)) {
      if (shown.includes(name) && data.figures[name]) this.plot(name);
    }
    this.root.dataset.ready = "true";
  }

  plot(name) {
    const { node, title, hint, section } = this.plots[name];
    const figure = this.data.figures[name], layout = structuredClone(figure.layout);
    title.textContent = layout.meta.title;
    hint.textContent = layout.meta.hint;
    const box = node.getBoundingClientRect();
    if (box.width < 50 || box.height < 50) return;
    section.setAttribute("aria-label", layout.meta.title);
    const view = { layout, traces: figure.data.map((t) => ({ ...t })), width: box.width, height: box.height };
    Object.assign(layout, { width: box.width, height: box.height });
    layout.font = { ...layout.font, family: this.theme.font, color: this.theme.text };
    layout.hoverlabel = { bgcolor: this.theme.background, bordercolor: this.theme.border, font: { color: this.theme.text } };
    if (box.width < 480 && !this.data.lecture) layout.font.size = 12;
    view.size = layout.font.size;
    if (this.theme.dark) {
      if (layout.coloraxis) layout.coloraxis.colorscale = this.data.scaleDark;
      for (const trace of view.traces) {
        if (trace.marker?.colorscale) trace.marker = { ...trace.marker, colorscale: this.data.scaleDark };
      }
    }
    const written = [...(layout.annotations ?? []), ...Object.keys(layout).filter((k) => k.includes("axis")).map((k) => layout[k].title)];
    for (const { font } of written.filter((w) => w?.font?.color)) {
      if (this.theme.dark) font.color = this.data.lifted[font.color] ?? font.color;
      if (font.color === this.data.quiet) font.color = this.theme.quiet;
    }
    for (const trace of view.traces) this.hollow(trace);
    this[name](view);
    window.Plotly.react(node, view.traces, layout, CONFIG);
    if (!node.dataset.heard) {
      node.dataset.heard = "true";
      node.on("plotly_click", ({ points }) => this.click(name, points[0]));
    }
  }

  // An open marker is filled with the page's colour, so that no line shows through it.
  hollow(trace) {
    if (!trace.marker?.symbol?.endsWith?.("-open")) return;
    trace.marker = { ...trace.marker, symbol: trace.marker.symbol.replace("-open", ""), color: this.theme.background };
  }

  click(name, point) {
    const meta = point.data.meta ?? {};
    if (name === "fan" && meta.skips) this.component.setTriggerValue("arc", { block: point.x, step: this.step });
    if (name === "history") {
      this.pause();
      this.seek(this.data.nets[meta.net].vectors.grad_block.steps[point.pointNumber[1]]);
    }
  }

  fan({ layout, traces, width, height, size }) {
    const limit = layout.yaxis.range[1], narrow = width < 480;
    const now = this.data.nets.map((net) => {
      const vector = net.vectors.grad_block;
      const index = vector ? Math.max(0, lastUpTo(vector.steps, this.step)) : -1;
      return { row: vector ? rowOf(this.data, vector, index) : null, words: net.words[index] };
    });
    for (const trace of traces) {
      const row = now[trace.meta?.net]?.row;
      if (!row) continue;
      if (trace.meta.role === "line") {
        trace.y = row.map((v) => clip(v, limit));
        trace.customdata = row;
      }
      if (trace.meta.role === "box") trace.marker = { ...trace.marker, color: row };
    }
    const notes = layout.annotations ?? [], labels = [];
    for (const note of notes) {
      const number = note.name?.startsWith("net-") ? +note.name.slice(4) : -1;
      if (number < 0 || !now[number]?.row) continue;
      note.y = clip(now[number].row[0] ?? limit, limit);
      note.text = `<b>${this.data.nets[number].label}</b><br>${now[number].words}`;
      labels.push(note);
    }
    // Room beside the blocks, in pixels, for what is written there.
    const textWidth = (note) => measure(note.text, size, this.theme.font);
    const rooms = { left: 10, right: 10 };
    if (!narrow) {
      const widest = this.data.nets.map((net) => `${net.label}<br>×99,999, too loud`);
      rooms.left = Math.max(...widest.map((text) => textWidth({ text }))) + 20;
    } else {
      for (const note of notes) {
        if (note.name === "strip-right") note.visible = false;
        if (note.name === "strip-left") note.text = note.text.replace("loss", "").trim();
        if (labels.includes(note)) Object.assign(note, { xanchor: "left", xshift: 8, align: "left" });
      }
    }
    rooms.right = Math.max(...notes.filter((n) => n.name === "strip-left").map(textWidth), 40) + 14;
    const ticks = Math.max(...layout.yaxis.ticktext.map((t) => measure(t, size, this.theme.font)));
    layout.margin = { l: ticks + 8, r: 4, t: 2, b: size * 1.7 };
    const blocks = layout.xaxis.tickvals.at(-1);
    const inner = width - layout.margin.l - layout.margin.r;
    const unit = Math.max(2, inner - rooms.left - rooms.right) / blocks;
    layout.xaxis.range = [0.5 - rooms.left / unit, blocks + 0.5 + rooms.right / unit];
    const pixels = (height - layout.margin.t - layout.margin.b) * layout.yaxis.domain[1];
    spread(labels, (y) => pixels * (0.5 - y / (2 * limit)), pixels, 2.9 * size, narrow ? 2 * size : 0);
  }

  loss(view) {
    const { layout } = view;
    layout.meta.top = layout.yaxis.range[1];
    if (this.log) {
      const low = 0.001;
      for (const note of layout.annotations ?? []) {
        if (note.name === "level") note.y = Math.log10(note.y);
        if (note.name === "apart") Object.assign(note, { y: 0, yanchor: "bottom" });
      }
      layout.yaxis.range = [Math.log10(low), Math.log10(layout.yaxis.range[1])];
      Object.assign(layout.yaxis, { type: "log", tickvals: [0.001, 0.01, 0.1, 1], ticktext: ["0.001", "0.01", "0.1", "1"] });
    }
    this.curves(view, (value) => (value > 100 ? " over 100" : value < 0.005 ? " &lt;0.01" : ` ${value.toFixed(2)}`), " <0.01", 1.3);
  }

  accuracy(view) {
    view.layout.meta.top = 100;
    this.curves(view, (value) => `<br>${value.toFixed(0)} %`, "<br>test 99.9 %", 2.9);
  }

  // Charts over steps: strong up to the slider's step, veiled behind it, labels where the lines are now.
  curves({ layout, traces, height, size }, words, widest, lines) {
    const labels = [], ends = (layout.annotations ?? []).filter((note) => note.name?.startsWith("net-"));
    // As they were sent, and as they may become while one scrubs.
    const texts = [...ends.map((note) => note.text), ...this.data.nets.map((net) => net.label + widest)];
    for (const note of ends) {
      const number = +note.name.slice(4);
      const line = traces.find((t) => t.meta?.role === "line" && t.meta.net === number);
      const dot = traces.find((t) => t.meta?.role === "now" && t.meta.net === number);
      const index = lastUpTo(line.x, this.step);
      note.visible = index >= 0;
      dot.visible = index >= 0;
      if (index < 0) continue;
      const value = Math.min(line.y[index], layout.meta.top);
      [dot.x, dot.y] = [[line.x[index]], [value]];
      note.x = Math.max(line.x[index], Math.min(this.step, this.data.end));
      note.y = this.log && layout.yaxis.type === "log" ? Math.log10(Math.max(value, 1e-3)) : value;
      if (note.x < this.data.end) note.bgcolor = this.theme.veil;
      if (index < line.x.length - 1) note.text = `${note.text.slice(0, note.text.indexOf("</b>") + 4)}${words(line.y[index])}`;
      labels.push(note);
    }
    layout.margin = {
      l: measure((layout.yaxis.ticktext ?? ["00"]).join("<br>"), size, this.theme.font) + 8,
      // Room for the widest label there can be, so that no axis moves when one appears.
      r: Math.max(...texts.map((text) => measure(text, size, this.theme.font)), 20) + 16,
      t: 10, b: size * 2.8,
    };
    layout.xaxis.title.standoff = 2;
    const pixels = height - layout.margin.t - layout.margin.b, [low, high] = layout.yaxis.range;
    spread(labels, (y) => (pixels * (high - y)) / (high - low), pixels, lines * size, 0);
    this.cursor(layout, this.data.end, true);
  }

  cursor(layout, end, veil) {
    if (this.step >= this.data.newest) return;
    layout.shapes = [...(layout.shapes ?? [])];
    const shape = { xref: "x", yref: "paper", y0: 0, y1: 1, x0: this.step, layer: "above" };
    if (veil) layout.shapes.push({ ...shape, type: "rect", x1: end, fillcolor: this.theme.veil, line: { width: 0 } });
    layout.shapes.push({ ...shape, type: "line", x1: this.step, line: { width: 1.5, color: this.theme.text } });
  }

  history({ layout, traces }) {
    for (const trace of traces) {
      const vector = this.data.nets[trace.meta.net].vectors.grad_block;
      const rows = vector.steps.map((_, index) => rowOf(this.data, vector, index));
      trace.z = rows[0].map((_, block) => rows.map((row) => row[block]));
    }
    this.cursor(layout, this.data.end, false);
  }

  engineer({ traces }) {
    for (const trace of traces) {
      const vector = this.data.nets[trace.meta.net].vectors[trace.meta.metric];
      if (vector) trace.y = rowOf(this.data, vector, Math.max(0, lastUpTo(vector.steps, this.step)));
    }
  }
}

// Labels pushed apart so that none lies on another: each is `gap` pixels high and keeps inside the plot; `lift` raises all.
function spread(labels, pixel, height, gap, lift) {
  const placed = labels.filter((n) => n.visible !== false).map((note) => ({ note, want: pixel(note.y) }));
  for (const label of placed) label.at = label.want + (label.want > lift + gap / 2 ? -lift : lift);
  placed.sort((a, b) => a.at - b.at);
  let floor = gap / 2;
  for (const label of placed) floor = (label.at = Math.max(label.at, floor)) + gap;
  let ceiling = height - gap / 2;
  for (const label of placed.reverse()) ceiling = (label.at = Math.min(label.at, ceiling)) - gap;
  for (const { note, want, at } of placed) note.yshift = want - at;
}

let context;
function measure(text, size, font) {
  context ??= document.createElement("canvas").getContext("2d");
  context.font = `600 ${size}px ${font}`;
  const plain = text.replace(/<\/?b>/g, "").replace("&lt;", "<").split("<br>");
  return Math.ceil(Math.max(...plain.map((line) => context.measureText(line).width)));
}

function rgb(colour) {
  context ??= document.createElement("canvas").getContext("2d");
  context.fillStyle = colour; // any CSS colour comes back as #rrggbb
  return [1, 3, 5].map((i) => parseInt(context.fillStyle.slice(i, i + 2), 16));
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
    veil: `rgba(${r},${g},${b},0.72)`,
  };
}

export default function (component) {
  const parent = component.parentElement;
  let stage = stages.get(parent);
  if (!stage) stages.set(parent, (stage = new Stage(parent)));
  stage.receive(component);
  return () => {
    stages.delete(parent);
    stage.destroy();
  };
}
