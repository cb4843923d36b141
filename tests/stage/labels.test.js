import assert from "node:assert/strict";
import test from "node:test";
import { alternative, plainLines, factor, spread } from "../../resnet_viz/stage/src/labels.js";

const HEIGHT = 200, GAP = 30;

// Where labels are written, in pixels from the top, of lines that end at these heights.
function written(ends, lift = 0) {
  const labels = ends.map((y) => ({ y }));
  spread(labels, (y) => HEIGHT - y, HEIGHT, GAP, lift);
  return labels.map(({ y, yshift }) => HEIGHT - y - yshift);
}

test("labels with room for all stay where their lines are", () => {
  assert.deepEqual(written([30, 100, 170]), [170, 100, 30]);
});

test("labels that would lie on another are pushed a label's height apart, in their order", () => {
  for (const ends of [[100, 100], [100, 101, 99], [50, 60, 70, 80], [100, 100, 100, 100, 100, 100]]) {
    const places = written(ends).sort((a, b) => a - b);
    for (let i = 1; i < places.length; i++) assert.ok(places[i] - places[i - 1] >= GAP - 1e-9, `${ends}: ${places}`);
  }
  const [upper, lower] = written([101, 100]);
  assert.ok(upper < lower);
});

test("labels keep inside the plot", () => {
  for (const ends of [[0], [200], [-50, 250], [0, 0, 0], [200, 199, 198, 197], [0, 5, 195, 200]]) {
    for (const place of written(ends)) assert.ok(place >= GAP / 2 && place <= HEIGHT - GAP / 2, `${ends}: ${place}`);
  }
});

test("a lifted label stands above its line, below where there is no room above; of two that meet, one above and one below", () => {
  assert.deepEqual(written([100], 25), [75]);
  assert.deepEqual(written([190], 25), [35]);
  assert.deepEqual(written([100, 104], 25), [125, 71]);
});

test("hidden labels take no room", () => {
  const hidden = { y: 100, visible: false }, shown = { y: 100 };
  spread([hidden, shown], (y) => y, HEIGHT, GAP);
  assert.equal(shown.yshift, 0);
  assert.equal(hidden.yshift, undefined);
});

test("a text is measured as it shows: without bold, entities as letters, each line by itself", () => {
  assert.deepEqual(plainLines("<b>plain</b><br>÷60,000, lost"), ["plain", "÷60,000, lost"]);
  assert.deepEqual(plainLines("&lt;b&gt; R&amp;D &#37;{x} &amp;lt;"), ["<b> R&D %{x} &lt;"]);
});

test("a factor is said in two digits, as figures.numbers.factor says it", () => {
  const said = { 0: "×1", 0.45: "×2.8", 1.08: "×12", 3.4149: "×2,600", "-0.61": "÷4.1", "-4.78": "÷60,000", 7.2: "×10⁷", "-12": "÷10¹²" };
  for (const [log10, words] of Object.entries(said)) assert.equal(factor(Number(log10)), words);
  assert.equal(factor(null, "not finite"), "not finite");
});

test("a chart's text alternative is its title, hint and the labels that are seen, as plain text", () => {
  const annotations = [{ text: "<b>plain</b><br>1.65" }, { text: "hidden", visible: false }, { text: "a &lt; b" }];
  assert.equal(alternative({ meta: { title: "Loss", hint: "" }, annotations }), "Loss; plain 1.65; a < b");
});
