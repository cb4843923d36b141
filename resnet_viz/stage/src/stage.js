// The stage: charts that move along the steps of a run, all in the browser. The app calls `stage` again at every refresh, the
// handout once; what stays between calls (place on the slider, zoom, tab) hangs on the parent element.

import { CHARTS } from "./charts.js";
import { unpack } from "./data.js";
import { element } from "./dom.js";
import { alternative, measure } from "./labels.js";
import { loadPlotly } from "./library.js";
import { conceals, key, makeBar, pause, seek, toggle } from "./slider.js";
import { dress, readTheme } from "./theme.js";

export { loadPlotly } from "./library.js";
export { still } from "./still.js";

const TWINS = ["fan", "loss", "accuracy"]; // the charts of the first tab; each other tab has one, of its own name
const CONFIG = { displayModeBar: false, doubleClick: "reset", responsive: false };
const stages = new WeakMap();

// Show `component.data`, a payload, under `component.parentElement`. `setStateValue("tab", name)` says which tab is in view,
// `setStateValue("conceals", yes)` whether what comes after the slider's step is kept from the viewer, and
// `setTriggerValue("arc", {block, step})` which skip was clicked. Returns a function that takes all away.
export function stage(component) {
  const parent = component.parentElement, data = unpack(component.data);
  let state = stages.get(parent);
  if (state && state.data.language !== data.language) {
    close(state);
    state = undefined;
  }
  if (!state) stages.set(parent, (state = open(parent, data.words)));
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
  addEventListener("resize", () => { fit(state); state.redraw(); }, { signal });
  return state;
}

function close(state) {
  pause(state);
  cancelAnimationFrame(state.frame);
  state.observer.disconnect();
  state.gone.abort();
  for (const plot of Object.values(state.plots)) window.Plotly?.purge(plot.node);
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

// A refresh: new data, the same plots, zoom and place on the slider.
function receive(state, component, data) {
  const before = state.data;
  Object.assign(state, { component, data });
  if (before?.runs.join() !== data.runs.join()) {
    pause(state);
    state.follow = true;
  }
  const newest = Math.max(1, data.newest);
  state.step = state.follow && !state.playing ? newest : Math.min(state.step, newest);
  // Who has just switched lecture mode on has the focus on the switch, which would take the keys.
  if (data.lecture && !before?.lecture) document.activeElement?.blur();
  state.root.classList.toggle("rv-lecture", data.lecture);
  drawTabs(state);
  fit(state);
  const demonstrates = !before && data.replay && firstVisit();
  if (demonstrates) Object.assign(state, { step: 1, playing: -1 }); // from now on, though the first frame is still to come
  tellConceals(state);
  loadPlotly().then(() => {
    if (demonstrates) {
      state.playing = undefined;
      toggle(state);
    }
    state.redraw();
  });
}

// The slider shows by itself, once a visit, what it is for.
function firstVisit() {
  if (sessionStorage.getItem("resnet-viz-replayed") || matchMedia("(prefers-reduced-motion: reduce)").matches) return false;
  sessionStorage.setItem("resnet-viz-replayed", "yes");
  return true;
}

// The page's headline, too, says only what has happened.
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
      if (at < 0 || to === undefined) return;
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

// The stage is as high as the window leaves room for, so that the first screen needs no scrolling.
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
  window.Plotly.react(node, traces, layout, CONFIG);
  if (!node.dataset.heard) {
    node.dataset.heard = "true";
    node.on("plotly_click", ({ points }) => click(state, name, points[0]));
  }
}

// A click on an arc switches a skip; one on the history goes to that moment.
function click(state, name, point) {
  const meta = point.data.meta ?? {};
  if (name === "fan" && meta.skips) state.component.setTriggerValue("arc", { block: point.x, step: state.step });
  if (name === "history") {
    pause(state);
    seek(state, state.data.nets[meta.net].vectors.grad_block.steps[point.pointNumber[1]]);
  }
}
