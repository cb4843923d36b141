import assert from "node:assert/strict";
import test from "node:test";
import { dress } from "../../resnet_viz/stage/src/theme.js";

const PALETTE = { lifted: { "#0072B2": "#56aee2" }, scaleDark: "dark scale", quiet: "grey" };

function dressed(dark) {
  const layout = {
    font: { size: 13 }, coloraxis: { colorscale: "scale" }, yaxis: { title: { font: { color: "#0072B2" } } },
    annotations: [{ font: { color: "#0072B2" } }, { font: { color: "grey" } }], shapes: [{ line: { color: "grey" } }],
  };
  const traces = [
    { marker: { colorscale: "scale" }, line: { color: "#0072B2" } }, { marker: { symbol: "square-open", color: "#D55E00" } }, {},
  ];
  dress(layout, traces, { dark, background: "paper", text: "ink", quiet: "pale", border: "edge", font: "letters" }, PALETTE);
  return { layout, traces };
}

test("a figure takes the page's letters and greys", () => {
  const { layout } = dressed(false);
  assert.deepEqual(layout.font, { size: 13, family: "letters", color: "ink" });
  assert.equal(layout.hoverlabel.bgcolor, "paper");
  assert.deepEqual(layout.annotations.map((note) => note.font.color), ["#0072B2", "pale"]);
  assert.equal(layout.shapes[0].line.color, "pale");
  assert.equal(layout.coloraxis.colorscale, "scale");
});

test("on a dark page texts are lifted and scales dark, and lines keep their colour", () => {
  const { layout, traces } = dressed(true);
  assert.equal(layout.annotations[0].font.color, "#56aee2");
  assert.equal(layout.yaxis.title.font.color, "#56aee2");
  assert.equal(layout.coloraxis.colorscale, "dark scale");
  assert.equal(traces[0].marker.colorscale, "dark scale");
  assert.equal(traces[0].line.color, "#0072B2");
});

test("an open marker is filled with the page's colour", () => {
  assert.deepEqual(dressed(false).traces[1].marker, { symbol: "square", color: "paper" });
});
