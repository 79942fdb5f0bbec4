#!/usr/bin/env node
// An engine of typed arrays for Node, without packages: gradcheck run "node examples/engines/engine.mjs"
//
// An operation gives its value and a function from the gradient of that value to the gradients of its operands. Arrays are
// Float64Array or Float32Array, by the format that the request asks for. --broken leaves out the sum over axes that were
// broadcast: the gradient of a bias is that of the first example alone.
//
// The protocol (docs/protocol.md) is at the end; all above it is the engine.

import { createInterface } from "node:readline";

const BROKEN = process.argv.includes("--broken");

class Unsupported extends Error {}

// -- arrays ---------------------------------------------------------------------------------------

const size = (shape) => shape.reduce((a, n) => a * n, 1);

const array = (like, shape, data) => ({ shape, data: data ?? new like.data.constructor(size(shape)) });

const map = (x, f) => array(x, x.shape, x.data.map(f));

/** Return axes (one, several, or null for all) counted from the front. */
const positive = (axes, rank) => (axes === null ? [...Array(rank).keys()] : [axes].flat().map((a) => (a + rank) % rank));

/** Give the index of each entry, in C order. */
function* indices(shape) {
  const index = shape.map(() => 0);
  for (let left = size(shape); left > 0; left--) {
    yield [...index];
    for (let k = shape.length - 1; k >= 0 && ++index[k] === shape[k]; k--) index[k] = 0;
  }
}

/** Return the flat position of an index; axes in front are left out, axes of length one are repeated. */
function position(shape, index) {
  const lead = index.length - shape.length;
  return shape.reduce((flat, n, k) => flat * n + (n === 1 ? 0 : index[k + lead]), 0);
}

/** Return for each entry of a shape the position of the entry of `source` that is repeated there. */
const repeated = (source, shape) => Int32Array.from(indices(shape), (i) => position(source, i));

function common(a, b) {
  const rank = Math.max(a.length, b.length);
  const padded = [a, b].map((s) => [...Array(rank - s.length).fill(1), ...s]);
  return padded[0].map((n, k) => (n === 1 ? padded[1][k] : n));
}

/** Add up what belongs to the same position: the adjoint of repeating and of picking. */
function gathered(g, like, places) {
  const sum = new Float64Array(like.data.length);
  const seen = new Set();
  places.forEach((p, k) => {
    if (!(BROKEN && seen.has(p))) sum[p] += g.data[k];
    if (BROKEN) seen.add(p);
  });
  return array(like, like.shape, like.data.constructor.from(sum));
}

/** Pick entries by their positions in x: an operation of its own, and what others are made of. */
function picked(x, shape, places) {
  const y = array(x, shape);
  places.forEach((p, k) => (y.data[k] = x.data[p]));
  return [y, (g) => [gathered(g, x, places)]];
}

// -- operations: each returns [value, gradient of the value -> gradients of the operands] --------

const unary = (f, slope) => (x) => {
  const y = map(x, f);
  return [y, (g) => [map(g, (v, k) => v * slope(x.data[k], y.data[k]))]];
};

const binary = (f, first, second) => (a, b) => {
  const shape = common(a.shape, b.shape);
  const [p, q] = [repeated(a.shape, shape), repeated(b.shape, shape)];
  const y = array(a, shape);
  p.forEach((i, k) => (y.data[k] = f(a.data[i], b.data[q[k]])));
  const back = (slope) => (g) => map(g, (v, k) => v * slope(a.data[p[k]], b.data[q[k]], y.data[k]));
  return [y, (g) => [gathered(back(first)(g), a, p), gathered(back(second)(g), b, q)]];
};

/** Return the groups of positions along some axes, and the shape of the others. */
function groups(shape, axes) {
  const gone = positive(axes, shape.length);
  const kept = shape.map((n, k) => (gone.includes(k) ? 1 : n));
  const places = repeated(kept, shape);
  const lists = Array.from({ length: size(kept) }, () => []);
  places.forEach((p, k) => lists[p].push(k));
  return { lists, places, kept, dropped: shape.filter((_, k) => !gone.includes(k)) };
}

const summed = (weight) => (x, { axes, keepdims }) => {
  const { lists, places, kept, dropped } = groups(x.shape, axes);
  const y = array(x, keepdims ? kept : dropped);
  const scale = weight(x.data.length / Math.max(lists.length, 1));
  lists.forEach((list, p) => (y.data[p] = list.reduce((sum, k) => sum + x.data[k], 0) * scale));
  return [y, (g) => [map(x, (_, k) => g.data[places[k]] * scale)]];
};

function softmax(x, { axis }) {
  const { lists } = groups(x.shape, axis);
  const y = array(x, x.shape);
  for (const list of lists) {
    const top = Math.max(...list.map((k) => x.data[k]));
    const powers = list.map((k) => Math.exp(x.data[k] - top));
    const total = powers.reduce((a, b) => a + b, 0);
    list.forEach((k, n) => (y.data[k] = powers[n] / total));
  }
  const back = (g) => {
    const gx = array(x, x.shape);
    for (const list of lists) {
      const along = list.reduce((sum, k) => sum + g.data[k] * y.data[k], 0);
      list.forEach((k) => (gx.data[k] = y.data[k] * (g.data[k] - along)));
    }
    return [gx];
  };
  return [y, back];
}

/** Multiply matrices, n rows of m by m columns of k, as lists of numbers. */
function product(a, b, n, m, k, like) {
  const y = array(like, [n, k]);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < k; j++) {
      let sum = 0;
      for (let l = 0; l < m; l++) sum += a(i, l) * b(l, j);
      y.data[i * k + j] = sum;
    }
  }
  return y;
}

function matmul(a, b) {
  if (a.shape.length > 2 || b.shape.length > 2) throw new Unsupported("matrices in batches");
  const m = a.shape.at(-1);
  const n = size(a.shape.slice(0, -1));
  const k = size(b.shape.slice(1));
  const [A, B] = [(i, l) => a.data[i * m + l], (l, j) => b.data[l * k + j]];
  const y = product(A, B, n, m, k, a);
  y.shape = [...a.shape.slice(0, -1), ...b.shape.slice(1)];
  const back = (g) => {
    const G = (i, j) => g.data[i * k + j];
    const ga = product(G, (j, l) => B(l, j), n, k, m, a);
    const gb = product((l, i) => A(i, l), G, m, n, k, b);
    return [{ ...ga, shape: a.shape }, { ...gb, shape: b.shape }];
  };
  return [y, back];
}

function dense(x, w, b) {
  const [xw, through] = matmul(x, w);
  const [y, added] = OPERATIONS.add(xw, b);
  return [y, (g) => {
    const [gxw, gb] = added(g);
    return [...through(gxw), gb];
  }];
}

/** Return a loss: entries f(p, t) with their two slopes, reduced by an attribute. */
const loss = (f, first, second) => (p, t, { reduction }) => {
  const [entries, apart] = binary(f, first, second)(p, t);
  if (reduction === "none") return [entries, apart];
  const scale = reduction === "mean" ? 1 / entries.data.length : 1;
  const y = array(p, [], p.data.constructor.of(entries.data.reduce((a, b) => a + b, 0) * scale));
  return [y, (g) => apart(map(entries, () => g.data[0] * scale))];
};

function crossEntropy(p, q, { axis, reduction }) {
  const { lists, places, dropped } = groups(p.shape, axis);
  const entries = array(p, dropped);
  lists.forEach((list, n) => (entries.data[n] = -list.reduce((sum, k) => sum + q.data[k] * Math.log(p.data[k]), 0)));
  const scale = reduction === "mean" ? 1 / entries.data.length : 1;
  const whole = reduction !== "none";
  const y = whole ? array(p, [], p.data.constructor.of(entries.data.reduce((a, b) => a + b, 0) * scale)) : entries;
  const from = (g, k) => (whole ? g.data[0] * scale : g.data[places[k]]);
  return [y, (g) => [map(p, (v, k) => (-from(g, k) * q.data[k]) / v), map(q, (_, k) => -from(g, k) * Math.log(p.data[k]))]];
}

function reshape(x, { shape }) {
  const given = [shape].flat();
  const known = given.filter((n) => n !== -1).reduce((a, n) => a * n, 1);
  return picked(x, given.map((n) => (n === -1 ? x.data.length / known : n)), x.data.map((_, k) => k));
}

function transpose(x, { axes }) {
  const order = axes === null ? positive(null, x.shape.length).reverse() : positive(axes, x.shape.length);
  const shape = order.map((k) => x.shape[k]);
  const places = Int32Array.from(indices(shape), (i) => position(x.shape, order.map((_, k) => i[order.indexOf(k)])));
  return picked(x, shape, places);
}

function squeeze(x, { axes }) {
  const ones = x.shape.flatMap((n, k) => (n === 1 ? [k] : []));
  const gone = axes === null ? ones : positive(axes, x.shape.length);
  return reshape(x, { shape: x.shape.filter((_, k) => !gone.includes(k)) });
}

/** Slice as ONNX does: bounds beyond an end are moved to it. */
function slice(x, { starts, stops, axes, steps }) {
  const ranges = x.shape.map((n) => [...Array(n).keys()]);
  starts.forEach((start, k) => {
    const axis = axes === null ? k : (axes[k] + x.shape.length) % x.shape.length;
    const [n, step] = [x.shape[axis], steps === null ? 1 : steps[k]];
    const [low, high] = step > 0 ? [0, n] : [-1, n - 1];
    const inside = (i) => Math.min(Math.max(i < 0 ? i + n : i, low), high);
    const [first, last] = [inside(start), inside(stops[k])];
    const count = Math.max(0, Math.ceil((last - first) / step));
    ranges[axis] = Array.from({ length: count }, (_, i) => first + i * step);
  });
  const shape = ranges.map((r) => r.length);
  return picked(x, shape, Int32Array.from(indices(shape), (i) => position(x.shape, i.map((n, k) => ranges[k][n]))));
}

function concatenate(...given) {
  const [xs, { axis }] = [given.slice(0, -1), given.at(-1)];
  const along = (axis + xs[0].shape.length) % xs[0].shape.length;
  const shape = xs[0].shape.map((n, k) => (k === along ? xs.reduce((sum, x) => sum + x.shape[k], 0) : n));
  const y = array(xs[0], shape);
  let start = 0;
  const parts = xs.map((x) => {
    const shift = start;
    start += x.shape[along];
    return Int32Array.from(indices(x.shape), (i) => position(shape, i.map((n, k) => (k === along ? n + shift : n))));
  });
  xs.forEach((x, n) => parts[n].forEach((p, k) => (y.data[p] = x.data[k])));
  return [y, (g) => xs.map((x, n) => map(x, (_, k) => g.data[parts[n][k]]))];
}

const logistic = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

const OPERATIONS = {
  neg: unary((x) => -x, () => -1),
  exp: unary(Math.exp, (x, y) => y),
  log: unary(Math.log, (x) => 1 / x),
  sqrt: unary(Math.sqrt, (x, y) => 0.5 / y),
  square: unary((x) => x * x, (x) => 2 * x),
  reciprocal: unary((x) => 1 / x, (x, y) => -y * y),
  abs: unary(Math.abs, Math.sign),
  sin: unary(Math.sin, Math.cos),
  cos: unary(Math.cos, (x) => -Math.sin(x)),
  tanh: unary(Math.tanh, (x, y) => 1 - y * y),
  logistic: unary(logistic, (x, y) => y * (1 - y)),
  softplus: unary((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), logistic),
  relu: unary((x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)),
  add: binary((a, b) => a + b, () => 1, () => 1),
  sub: binary((a, b) => a - b, () => 1, () => -1),
  mul: binary((a, b) => a * b, (a, b) => b, (a) => a),
  div: binary((a, b) => a / b, (a, b) => 1 / b, (a, b, y) => -y / b),
  maximum: binary(Math.max, (a, b) => (a >= b ? 1 : 0), (a, b) => (a < b ? 1 : 0)),
  minimum: binary(Math.min, (a, b) => (a <= b ? 1 : 0), (a, b) => (a > b ? 1 : 0)),
  sum: summed(() => 1),
  mean: summed((n) => 1 / n),
  softmax, matmul, dense, reshape, transpose, squeeze, slice, concatenate,
  cross_entropy: crossEntropy,
  squared_error: loss((p, t) => (p - t) ** 2, (p, t) => 2 * (p - t), (p, t) => -2 * (p - t)),
  mean_squared_error: loss((p, t) => (p - t) ** 2, (p, t) => 2 * (p - t), (p, t) => -2 * (p - t)),
  half_squared_error: loss((p, t) => (p - t) ** 2 / 2, (p, t) => p - t, (p, t) => t - p),
};

// -- the reverse sweep ----------------------------------------------------------------------------

function run({ dtype, graph, values, wrt }) {
  const Floats = { float64: Float64Array, float32: Float32Array }[dtype];
  const arrays = Object.create(null);
  for (const [name, x] of Object.entries(values)) arrays[name] = { shape: x.shape, data: Floats.from(x.data, Number) };
  const back = Object.create(null);
  for (const { name, op, inputs, attributes } of graph.nodes) {
    if (!(op in OPERATIONS)) throw new Unsupported(`no operation ${op}`);
    const extra = Object.keys(attributes).length ? [attributes] : [];
    [arrays[name], back[name]] = OPERATIONS[op](...inputs.map((x) => arrays[x]), ...extra);
  }
  const [output] = graph.outputs;
  const adjoints = Object.create(null);
  adjoints[output] = map(arrays[output], () => 1);
  for (const { name, inputs } of [...graph.nodes].reverse()) {
    if (!(name in adjoints)) continue;
    back[name](adjoints[name]).forEach((g, k) => {
      const sum = adjoints[inputs[k]];
      adjoints[inputs[k]] = sum ? map(sum, (v, i) => v + g.data[i]) : g;
    });
  }
  const pick = (from, names) => Object.fromEntries(names.filter((n) => n in from).map((n) => [n, written(from[n])]));
  const nodes = graph.nodes.map((n) => n.name);
  const zeros = (name) => adjoints[name] ?? map(arrays[name], () => 0);
  return {
    loss: written(arrays[output]),
    gradients: Object.fromEntries(wrt.map((name) => [name, written(zeros(name))])),
    node_values: pick(arrays, nodes),
    node_adjoints: pick(adjoints, nodes),
  };
}

// -- the protocol ---------------------------------------------------------------------------------

/** JSON.stringify would make null of NaN and of infinities. */
const spelled = (x) => (Number.isFinite(x) ? x : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf");

const written = ({ shape, data }) => ({ shape, data: Array.from(data, spelled) });

function answer(request) {
  if (request.kind === "run") return run(request);
  if (request.kind !== "hello") throw new Error(`no request of the kind ${request.kind}`);
  const name = BROKEN ? "typed-arrays-broken" : "typed-arrays";
  return { name, version: process.version, dtypes: ["float64", "float32"], ops: Object.keys(OPERATIONS) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let found;
  try {
    found = { success: true, ...answer(request) };
  } catch (error) {
    found = { success: false, unsupported: error instanceof Unsupported, error: error.message };
  }
  process.stdout.write(`${JSON.stringify({ id: request.id, ...found })}\n`);
}
