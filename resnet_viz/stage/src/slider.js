// The slider: moving along a run's steps, by hand, by keys, or as a replay. `state` is the stage's: `step`, `follow` (keep to the
// newest step), `speed`, `playing`, `data`, `redraw`, and `bar`, which this file makes.

import { button, element, icon } from "./dom.js";

const REPLAY_SECONDS = 8; // for a whole run, at speed 1
const SPEEDS = { "¼×": 0.25, "1×": 1, "4×": 4 };
const PLAY = "M4 2.5v11l9-5.5z", PAUSE = "M4 3h3v10H4zM9 3h3v10H9z";

// Go to a step that there is. The newest one, or `follow`, means: keep to the newest from now on.
export function seek(state, step, follow = false) {
  const { newest } = state.data;
  state.step = Math.max(1, Math.min(Math.round(step), newest));
  state.follow = follow || state.step >= newest;
  state.redraw();
}

// Whether what lies beyond the slider is kept from the viewer: during a replay, and while a bet is open. Of a live run the newest
// step is all there is.
export function conceals({ data, step, playing }) {
  return !data.live && step < data.newest && Boolean(playing || data.bet);
}

export function toggle(state) {
  if (state.playing) pause(state); else play(state);
}

// Replay from here, or from the first step where this is the newest. The first steps hold the drama: the replay begins slowly, the
// step as the square of the time.
function play(state) {
  const { newest } = state.data;
  if (state.step >= newest) state.step = 1;
  let share = Math.sqrt(state.step / Math.max(1, newest)), before = performance.now();
  const tick = (now) => {
    share += ((now - before) / 1000 / REPLAY_SECONDS) * state.speed;
    before = now;
    seek(state, share ** 2 * state.data.newest);
    if (share >= 1) pause(state); else state.playing = requestAnimationFrame(tick);
  };
  state.playing = requestAnimationFrame(tick);
  state.bar.setPlaying(true);
}

export function pause(state) {
  cancelAnimationFrame(state.playing);
  state.playing = undefined;
  state.bar.setPlaying(false);
}

// Keys, in lecture mode alone: space plays and pauses, arrows go a step, with shift ten; clickers' PageUp and PageDown go ten, Home
// and End to the ends. They stay with whatever else has the focus.
export function key(state, event) {
  const busy = event.target.closest?.("input, textarea, select, button, [contenteditable], [role=slider]");
  if (!state.data?.lecture || (busy && busy !== state.bar.slider) || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key], to = { Home: 1, End: state.data.newest }[event.key];
  if (event.key === " ") toggle(state);
  else if (by || to) {
    pause(state);
    seek(state, to ?? state.step + by * (event.shiftKey ? 10 : 1));
  } else return;
  event.preventDefault();
}

// The bar beneath the charts: its root, the slider, and how it shows a state.
export function makeBar(state) {
  const { words } = state;
  const go = (step) => { pause(state); seek(state, step); };
  const playIcon = icon(PLAY);
  const slider = element("input", "rv-slider", { type: "range", min: 1, step: 1, "aria-label": words.slider });
  slider.oninput = () => seek(state, +slider.value);
  const readout = element("output", "rv-readout");
  const live = button(words.live, words.follow, () => seek(state, state.data.newest, true));
  live.classList.add("rv-live");
  live.hidden = true; // until there is something to follow
  const root = element(
    "div", "rv-bar", {},
    button(icon("M3 3h2v10H3zM13 3v10L6 8z"), words.first, () => go(1)),
    button(playIcon, words.play, () => toggle(state)),
    button(icon("M11 3h2v10h-2zM3 3v10l7-5z"), words.newest, () => go(state.data.newest)),
    slider, readout, live, makeSpeeds(state),
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
  const share = (v) => (slider.max > 1 ? Math.max(0, (100 * (v - 1)) / (slider.max - 1)) : 0);
  slider.style.setProperty("--rv-at", `${share(step)}%`);
  slider.style.setProperty("--rv-upto", `${share(data.newest)}%`);
  slider.disabled = !data.newest;
  const epoch = data.perEpoch ? words.epoch.replace("{epoch}", Math.ceil(step / data.perEpoch)) : "";
  readout.value = data.newest ? words.step.replace("{step}", step.toLocaleString("en")) + epoch : words.none;
  slider.setAttribute("aria-valuetext", readout.value);
  live.hidden = !data.live || follow;
}
