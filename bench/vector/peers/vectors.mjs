// What every peer that comes from npm needs; see vectors.hpp for the calls and the figures.
import fs from "node:fs";

export const K = 10;

// Reads .fvecs or .ivecs: each row is its length as an int32, then as many values of four bytes.
export function readRows(path, Type) {
  const bytes = fs.readFileSync(path);
  const dim = bytes.readInt32LE(0);
  const count = bytes.length / (4 + 4 * dim);
  const values = new Type(count * dim);
  for (let i = 0; i < count; i++) {
    const at = bytes.byteOffset + i * (4 + 4 * dim) + 4;
    values.set(new Type(bytes.buffer.slice(at, at + 4 * dim)), i * dim);
  }
  return { values, count, dim, row: (i) => values.subarray(i * dim, (i + 1) * dim) };
}

export function readVectors(path, metric) {
  const rows = readRows(path, Float32Array);
  if (metric === "cosine") {
    for (let i = 0; i < rows.count; i++) {
      const row = rows.row(i);
      const norm = Math.hypot(...row);
      for (let j = 0; norm > 0 && j < row.length; j++) row[j] /= norm;
    }
  }
  return rows;
}

const cpu = () => {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1e6;
};

function bytesOf(path) {
  const stat = fs.statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return fs.readdirSync(path).reduce((sum, name) => sum + bytesOf(`${path}/${name}`), 0);
}

const print = (figure) => console.log(JSON.stringify(figure));

export async function timeBuild(store, build) {
  const start = { cpu: cpu(), wall: performance.now() };
  await build();
  const spent = { cpu_s: cpu() - start.cpu, wall_s: (performance.now() - start.wall) / 1e3 };
  print({ kind: "build", ...spent, bytes: bytesOf(store) });
}

export async function timeOpen(open) {
  const start = performance.now();
  const index = await open();
  print({ kind: "open", ms: performance.now() - start });
  return index;
}

// `one(i)` searches for query i and returns the keys of what it found, or a promise of them. CPU time
// of the process.
export async function measure(setting, truth, one) {
  for (let i = 0; i < 50; i++) await one(i); // the compiler's warm-up
  let hits = 0;
  let spent = 0;
  for (let i = 0; i < truth.count; i++) {
    const start = cpu();
    const found = await one(i);
    spent += cpu() - start;
    const wanted = new Set(truth.row(i).subarray(0, K));
    for (const key of found) hits += wanted.has(Number(key));
  }
  print({ kind: "point", setting, recall: hits / (truth.count * K), us: (spent / truth.count) * 1e6 });
}

// Calls one of { build(base, store, metric), search(store, queries, truth, metric) }.
export async function main({ build, search }) {
  const [mode, ...rest] = process.argv.slice(2);
  if (mode === "build") await build(readVectors(rest[0], rest[2]), rest[1], rest[2]);
  else await search(rest[0], readVectors(rest[1], rest[3]), readRows(rest[2], Int32Array), rest[3]);
}
