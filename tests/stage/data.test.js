import assert from "node:assert/strict";
import test from "node:test";
import { clip, lastUpTo, NOT_A_NUMBER, numbers, rowOf, unpack } from "../../resnet_viz/stage/src/data.js";

// A payload built by hand: length, JSON, int16 values, all little endian.
function payload(head, values) {
  let text = JSON.stringify(head);
  if (Buffer.byteLength(text) % 2) text += " ";
  const json = Buffer.from(text), bytes = Buffer.alloc(4 + json.length + 2 * values.length);
  bytes.writeUInt32LE(json.length, 0);
  json.copy(bytes, 4);
  values.forEach((value, i) => bytes.writeInt16LE(value, 4 + json.length + 2 * i));
  return new Uint8Array(bytes);
}

test("unpack reads head and values, umlauts and all, at any alignment", () => {
  const packed = payload({ title: "‖∂L/∂h‖", figures: {} }, [1, -2, 32767, NOT_A_NUMBER]);
  for (const offset of [0, 1, 2, 3]) {
    const room = new Uint8Array(packed.length + offset);
    room.set(packed, offset);
    const data = unpack(room.subarray(offset));
    assert.equal(data.title, "‖∂L/∂h‖");
    assert.deepEqual([...data.values], [1, -2, 32767, -32768]);
  }
});

test("unpack turns the curves' arrays into numbers", () => {
  const bdata = Buffer.from(new Float32Array([0.5, 2]).buffer).toString("base64");
  const trace = { x: { dtype: "i2", bdata: Buffer.from(new Int16Array([1, 300]).buffer).toString("base64") }, y: { dtype: "f4", bdata } };
  const { figures } = unpack(payload({ figures: { loss: { data: [trace] }, fan: { data: [trace] } } }, []));
  assert.deepEqual([[...figures.loss.data[0].x], [...figures.loss.data[0].y]], [[1, 300], [0.5, 2]]);
  assert.equal(figures.fan.data[0].y.bdata, bdata, "what Plotly reads itself stays packed");
});

test("numbers passes plain arrays on, and none", () => {
  assert.deepEqual(numbers([1, 2]), [1, 2]);
  assert.deepEqual(numbers(undefined), []);
});

test("lastUpTo is the last entry not after the step", () => {
  const steps = [1, 2, 5, 9];
  const naive = (step) => steps.filter((s) => s <= step).length - 1;
  for (let step = -1; step < 12; step++) assert.equal(lastUpTo(steps, step), naive(step), `step ${step}`);
  assert.equal(lastUpTo([], 3), -1);
});

test("rowOf is one step's row in decades, null where it is not a number", () => {
  const data = { values: Int16Array.of(7, 7, 1000, NOT_A_NUMBER, -2500, 0) };
  assert.deepEqual(rowOf(data, { at: 2, width: 2 }, 0), [1, null]);
  assert.deepEqual(rowOf(data, { at: 2, width: 2 }, 1), [-2.5, 0]);
});

test("clip keeps a value within its limit on both sides", () => {
  assert.deepEqual([7, -7, 2, null].map((v) => clip(v, 5)), [5, -5, 2, null]);
});
