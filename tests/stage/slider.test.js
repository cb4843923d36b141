import assert from "node:assert/strict";
import test from "node:test";
import { key, pause, seek, toggle } from "../../resnet_viz/stage/src/slider.js";

// A stage without a page. `frames` runs the browser's next frame at a time in milliseconds.
function made(newest, settings = {}) {
  const state = { step: 1, follow: false, speed: 1, data: { newest, lecture: true }, drawn: 0, played: [], ...settings };
  state.redraw = () => state.drawn++;
  state.bar = { slider: {}, setPlaying: (playing) => state.played.push(playing) };
  return state;
}

function clock(t) {
  let now = 0, next;
  t.mock.method(performance, "now", () => now);
  globalThis.requestAnimationFrame = (call) => { next = call; return 1; };
  globalThis.cancelAnimationFrame = () => { next = undefined; };
  return { at: (ms) => { now = ms; const call = next; next = undefined; call?.(ms); }, waits: () => next !== undefined };
}

test("seek stays within the steps there are, and draws", () => {
  const state = made(100);
  for (const [asked, step] of [[50, 50], [0, 1], [-9, 1], [100, 100], [1e9, 100], [3.6, 4]]) {
    seek(state, asked);
    assert.equal(state.step, step);
  }
  assert.equal(state.drawn, 6);
});

test("seek to the newest step follows it, back from it no longer", () => {
  const state = made(100);
  for (const [step, follow] of [[100, true], [99, false], [1e9, true], [1, false]]) {
    seek(state, step);
    assert.equal(state.follow, follow);
  }
  seek(state, 5, true);
  assert.equal(state.follow, true);
});

test("before the first step there is step 1 alone", () => {
  const state = made(0);
  seek(state, 5);
  assert.equal(state.step, 1);
});

test("a replay takes 8 seconds, its step the square of the time", (t) => {
  const { at, waits } = clock(t), state = made(10_000);
  toggle(state);
  const start = Math.sqrt(1 / 10_000);
  for (const seconds of [0.8, 2, 4, 6]) {
    at(1000 * seconds);
    assert.ok(Math.abs(state.step - 10_000 * (start + seconds / 8) ** 2) <= 1, `${seconds} s: step ${state.step}`);
    assert.ok(waits());
  }
  at(8000);
  assert.equal(state.step, 10_000);
  assert.ok(!waits() && !state.playing, "it stops at the end");
  assert.deepEqual(state.played, [true, false]);
});

test("a replay goes on from the slider's step, and begins anew at the newest", (t) => {
  const { at } = clock(t), middle = made(400, { step: 100 }), end = made(400, { step: 400 });
  toggle(middle);
  at(800);
  assert.equal(middle.step, Math.round(400 * (0.5 + 0.1) ** 2));
  pause(middle);
  toggle(end);
  at(800);
  assert.ok(end.step < 20);
});

test("speed is how fast the time goes", (t) => {
  const { at } = clock(t), state = made(400, { step: 100, speed: 4 });
  toggle(state);
  at(400);
  assert.equal(state.step, Math.round(400 * (0.5 + 0.2) ** 2));
});

test("toggle pauses what plays", (t) => {
  const { waits } = clock(t), state = made(400);
  toggle(state);
  toggle(state);
  assert.ok(!waits() && !state.playing);
});

function press(state, name, settings = {}) {
  const event = { key: name, target: { closest: () => null }, prevented: false, ...settings };
  event.preventDefault = () => (event.prevented = true);
  key(state, event);
  return event.prevented;
}

test("arrows go a step, with shift ten, and take the key from the page", (t) => {
  clock(t);
  const state = made(100, { step: 50 });
  for (const [name, shiftKey, step] of [["ArrowRight", false, 51], ["ArrowLeft", false, 50], ["ArrowRight", true, 60], ["ArrowLeft", true, 50]]) {
    assert.ok(press(state, name, { shiftKey }));
    assert.equal(state.step, step);
  }
});

test("a clicker's keys go ten steps, Home and End to the ends", (t) => {
  clock(t);
  const state = made(100, { step: 50 });
  for (const [name, step] of [["PageDown", 60], ["PageUp", 50], ["End", 100], ["Home", 1], ["PageUp", 1]]) {
    assert.ok(press(state, name));
    assert.equal(state.step, step);
  }
});

test("space plays and pauses", (t) => {
  const { waits } = clock(t), state = made(100);
  assert.ok(press(state, " "));
  assert.ok(waits());
  press(state, " ");
  assert.ok(!waits());
});

test("keys act in lecture mode alone, not while something else has the focus, not with control", (t) => {
  clock(t);
  const quiet = made(100, { step: 50, data: { newest: 100, lecture: false } });
  assert.ok(!press(quiet, "ArrowRight"));
  const state = made(100, { step: 50 });
  assert.ok(!press(state, "ArrowRight", { target: { closest: () => ({}) } }));
  for (const held of ["ctrlKey", "metaKey", "altKey"]) assert.ok(!press(state, "ArrowRight", { [held]: true }));
  assert.ok(!press(state, "x"));
  assert.deepEqual([quiet.step, state.step], [50, 50]);
  assert.ok(press(state, "ArrowRight", { target: { closest: () => state.bar.slider } }), "the slider itself has the focus");
  assert.equal(state.step, 51);
});
