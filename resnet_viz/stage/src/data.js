// What `payload.pack` wrote in Python, read back: figures as JSON, and vectors to scrub through.

export const NOT_A_NUMBER = -32768; // as in payload.py

// Plotly's names of number types, as far as NumPy's arrays come in them.
const ARRAYS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

// The payload's head; its `values` are all vectors, one behind the other, in thousandths of a decade. The curves' x and y
// become arrays of numbers, for the slider looks things up in them.
export function unpack(bytes) {
  const copy = new Uint8Array(bytes); // as it came it may be unaligned
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

// An array as Plotly takes it in JSON (`dtype`, and `bdata` in base 64) as numbers; a plain one stays as it is.
export function numbers(array) {
  if (!array?.bdata) return array ?? [];
  const bytes = Uint8Array.from(atob(array.bdata), (c) => c.charCodeAt(0));
  return new ARRAYS[array.dtype](bytes.buffer);
}

// Index of the last of the steps, which ascend, that is not after `step`; −1 where there is none.
export function lastUpTo(steps, step) {
  let low = 0, high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// A vector's row at one of its steps, in decades (log10); null where it is not a number.
export function rowOf(data, vector, index) {
  const from = vector.at + index * vector.width;
  return Array.from(data.values.subarray(from, from + vector.width), (v) => (v === NOT_A_NUMBER ? null : v / 1000));
}

// A value kept within ±limit; null stays null.
export function clip(value, limit) {
  return value === null ? null : Math.max(-limit, Math.min(limit, value));
}
