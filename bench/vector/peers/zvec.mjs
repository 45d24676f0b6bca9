// zvec (npm): its two fastest indexes, with its own refiner where it has one.
import fs from "node:fs";
import zvec from "@zvec/zvec";
import { K, main, measure, timeBuild, timeOpen } from "./vectors.mjs";

const { ZVecIndexType: Type, ZVecMetricType: Metric, ZVecDataType: Data } = zvec;
const which = process.env.ZVEC_INDEX ?? "hnsw";

zvec.ZVecInitialize({ queryThreads: 1, optimizeThreads: 2, logLevel: 3 });

function indexOf(count) {
  if (which === "hnsw") return { indexType: Type.HNSW, metricType: Metric.L2, m: 16, efConstruction: 200 };
  const nList = 2 ** Math.round(Math.log2(Math.sqrt(count)));
  return { indexType: Type.IVF_RABITQ, metricType: Metric.L2, nList, totalBits: 4 };
}

function settings() {
  if (which === "hnsw") return [32, 64, 128, 256, 384].map((ef) => [`ef=${ef}`, { indexType: Type.HNSW, ef }]);
  return [8, 16, 32, 64, 128].map((nprobe) => [`nprobe=${nprobe}`, { indexType: Type.IVF_RABITQ, nprobe, isUsingRefiner: true }]);
}

main({
  async build(base, store) {
    fs.rmSync(store, { recursive: true, force: true });
    await timeBuild(store, () => {
      const vectors = { name: "v", dataType: Data.VECTOR_FP32, dimension: base.dim, indexParams: indexOf(base.count) };
      const rows = zvec.ZVecCreateAndOpen(store, new zvec.ZVecCollectionSchema({ name: "rows", vectors }));
      for (let at = 0; at < base.count; at += 1000) {
        const length = Math.min(1000, base.count - at);
        rows.insertSync(Array.from({ length }, (_, i) => ({ id: String(at + i), vectors: { v: Array.from(base.row(at + i)) } })));
      }
      rows.optimizeSync();
      rows.closeSync();
    });
  },
  async search(store, queries, truth) {
    const rows = await timeOpen(() => zvec.ZVecOpen(store));
    for (const [name, params] of settings()) {
      await measure(name, truth, (i) => rows.querySync({ fieldName: "v", vector: Array.from(queries.row(i)), topk: K, params }).map((hit) => hit.id));
    }
    rows.closeSync();
  },
});
