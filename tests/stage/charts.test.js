import assert from "node:assert/strict";
import test from "node:test";
import { factor } from "../../resnet_viz/stage/src/labels.js";
import { CHARTS } from "../../resnet_viz/stage/src/charts.js";

const THEME = { veil: "veil", text: "text" };
const measure = (text) => 7 * Math.max(...text.split("<br>").map((line) => line.length));

// A net of three blocks recorded at steps 1, 10 and 100: log10 ratios of each block's gradient.
const DATA = {
  words: { infinite: "not finite", loss: "loss", large: "too large", bet: "your bet", over: "over 100" },
  newest: 100, end: 200, values: Int16Array.of(3000, 2000, 0, -6000, -100, 0, -32768, 100, 0),
  nets: [{ label: "plain", words: ["one", "two", "three"], vectors: { grad_block: { steps: [1, 10, 100], width: 3, at: 0 } } }],
};

function fan(step, width = 900) {
  const layout = {
    yaxis: { range: [-5, 5], domain: [0, 0.6], ticktext: ["×1"] }, xaxis: { tickvals: [1, 3] },
    annotations: [{ name: "net-0", text: "", x: 1 }, { name: "strip-right", text: "image" }, { name: "strip-left", text: "loss  plain" },
      { name: "first-0", text: "step 1", x: 1, y: 3 }],
  };
  const first = { meta: { role: "first", net: 0 }, y: [3, 2, 0] };
  const traces = [{ meta: { role: "line", net: 0 } }, { meta: { role: "box", net: 0 }, marker: { cmin: -5 } }, first];
  CHARTS.fan({ layout, traces, width, height: 400, size: 13, measure }, { data: DATA, step, theme: THEME });
  return { layout, line: traces[0], box: traces[1], label: layout.annotations[0] };
}

test("the fan shows the last row recorded up to the slider's step", () => {
  for (const [step, row, words] of [[1, [3, 2, 0], "one"], [9, [3, 2, 0], "one"], [10, [-6, -0.1, 0], "two"], [100, [null, 0.1, 0], "three"]]) {
    const { line, box, label } = fan(step);
    assert.deepEqual(line.customdata, row.map((value) => factor(value, "not finite")));
    assert.deepEqual(box.marker, { cmin: -5, color: row });
    assert.equal(label.text, `<b>plain</b><br>${words}`);
  }
});

test("the fan draws what leaves its axis at the edge; a label without a value stands at the top", () => {
  assert.deepEqual(fan(10).line.y, [-5, -0.1, 0]);
  assert.equal(fan(10).label.y, -5);
  assert.equal(fan(100).label.y, 5);
});

test("the fan leaves room for its labels beside the blocks, on a narrow page none", () => {
  const wide = fan(1), narrow = fan(1, 360);
  const left = (range, width) => ((0.5 - range[0]) / (range[1] - range[0])) * width;
  assert.ok(left(wide.layout.xaxis.range, 900 - wide.layout.margin.l - 4) >= measure("×99,999, too large") + 19);
  assert.ok(left(narrow.layout.xaxis.range, 360 - narrow.layout.margin.l - 4) < 11);
  assert.equal(narrow.layout.annotations[1].visible, false);
  assert.equal(narrow.layout.annotations[2].text, "plain");
});

test("on a narrow page, where labels lie on the lines, the first step's name moves along its line, away from them", () => {
  assert.deepEqual([fan(1).layout.annotations[3].x, fan(1).layout.annotations[3].y], [1, 3]);
  assert.deepEqual([fan(1, 360).layout.annotations[3].x, fan(1, 360).layout.annotations[3].y], [2, 2]);
});

function curves(name, step, settings = {}, more = [], shares = [40, 80]) {
  const layout = {
    xaxis: { title: {} }, yaxis: { range: name === "loss" ? [0, 7] : [0, 103] },
    annotations: [{ name: "net-0", text: "<b>plain</b> end" }, { name: "level", text: "guessing", y: 1 }, { name: "apart", x: 80, y: 1 }],
  };
  const [x, y] = name === "loss" ? [[1, 10, 100], [2, 0.5, 0.25]] : [[50, 100], shares];
  const traces = [{ meta: { role: "line", net: 0 }, x, y }, { meta: { role: "now", net: 0 } }, ...more];
  const view = { layout, traces, width: 500, height: 300, size: 13, measure };
  CHARTS[name](view, { data: DATA, step, log: false, theme: THEME, ...settings });
  return { layout, label: layout.annotations[0], line: traces[0], dot: traces[1] };
}

test("a curve's label and marker are at the slider's step, in its words", () => {
  const { label, dot, layout } = curves("loss", 50);
  assert.deepEqual([label.x, label.y, label.text], [50, 0.5, "<b>plain</b> 0.50"]);
  assert.deepEqual([dot.x, dot.y], [[10], [0.5]]);
  assert.deepEqual(layout.shapes.map((s) => [s.type, s.x0, s.x1]), [["rect", 50, 200], ["line", 50, 50]]);
  assert.equal(curves("accuracy", 60).label.text, "<b>plain</b><br>40 %");
});

test("at the newest step a curve says what Python wrote, without a cursor", () => {
  const { label, layout } = curves("loss", 100);
  assert.equal(label.text, "<b>plain</b> end");
  assert.equal(layout.shapes, undefined);
});

test("a test's star and a bet's answer wait for the end", () => {
  for (const [step, visible, text] of [[99, false, ["your bet", ""]], [100, true, ["your bet: 1.0 off", ""]]]) {
    const star = { meta: { role: "test", net: 0 }, x: [100], y: [80] }, bet = { meta: { role: "bet" }, text: ["your bet: 1.0 off", ""] };
    curves("accuracy", step, {}, [star, bet]);
    assert.deepEqual([star.visible, bet.text], [visible, text]);
  }
});

test("what comes after the slider's step is drawn faint, and not at all in a replay or while a bet is open", () => {
  const settings = (more) => ({ data: { ...DATA, ...more } });
  const drawn = (step, more) => {
    const ghost = { meta: { role: "ghost" }, x: [5, 80], y: [1, 2] }, { line, layout } = curves("loss", step, more, [ghost]);
    return [line.x, ghost.x, layout.annotations.some((note) => note.name === "apart")];
  };
  const all = [[1, 10, 100], [5, 80], true];
  assert.deepEqual(drawn(10, {}), all);
  assert.deepEqual(drawn(10, { playing: 1 }), [[1, 10], [5], false]);
  assert.deepEqual(drawn(10, settings({ bet: true })), [[1, 10], [5], false]);
  assert.deepEqual(drawn(90, { playing: 1 }), [[1, 10], [5, 80], true], "where they part, once it has happened");
  assert.deepEqual(drawn(100, settings({ bet: true })), all, "at the end the bet is answered");
  assert.deepEqual(drawn(10, settings({ bet: true, live: true })), all, "of a live run the newest step is all there is");
});

test("accuracy is said in whole per cents, but 100 % of all alone", () => {
  const said = (value) => {
    const { label } = curves("accuracy", 60, {}, [], [value, 80]);
    return label.text.split("<br>")[1];
  };
  assert.deepEqual([40.4, 99.7, 100, 0.2, 0].map(said), ["40 %", "99.7 %", "100 %", "&lt;1 %", "0 %"]);
});

test("a curve that has not begun has no label and no marker", () => {
  const { label, dot } = curves("accuracy", 49);
  assert.deepEqual([label.visible, dot.visible], [false, false]);
});

test("a logarithmic loss has its labels, levels and axis in powers of ten", () => {
  const { label, layout } = curves("loss", 10, { log: true });
  assert.equal(label.y, Math.log10(0.5));
  assert.deepEqual(layout.yaxis.range, [-3, Math.log10(7)]);
  assert.equal(layout.annotations[1].y, 0);
  assert.equal(layout.yaxis.type, "log");
});

test("history is the vectors, blocks down and steps across; engineer is one row of them", () => {
  const heat = { meta: { net: 0 } };
  CHARTS.history({ layout: {}, traces: [heat] }, { data: DATA, step: 100, theme: THEME });
  assert.deepEqual(heat.z, [[3, -6, null], [2, -0.1, 0.1], [0, 0, 0]]);
  assert.deepEqual(heat.text[0], ["×1,000", "÷10⁶", ""]);
  const line = { meta: { net: 0, metric: "grad_block" } };
  CHARTS.engineer({ traces: [line] }, { data: DATA, step: 10 });
  assert.deepEqual(line.y, [-6, -0.1, 0]);
  assert.deepEqual(line.customdata, ["1.0·10⁻⁶", "0.79", "1"]);
});

test("a history that is replayed shows only what has happened", () => {
  const heat = { meta: { net: 0 } };
  CHARTS.history({ layout: {}, traces: [heat] }, { data: DATA, step: 10, playing: 1, theme: THEME });
  assert.deepEqual(heat.z, [[3, -6, null], [2, -0.1, null], [0, 0, null]]);
});
