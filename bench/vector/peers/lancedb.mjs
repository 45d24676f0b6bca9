// LanceDB (npm): lists with product quantization, and exact distances of the best, as its guide advises.
import fs from "node:fs";
import * as lancedb from "@lancedb/lancedb";
import { K, main, measure, timeBuild, timeOpen } from "./vectors.mjs";

const ROWS_A_CALL = 20_000;

main({
  async build(base, store) {
    fs.rmSync(store, { recursive: true, force: true });
    await timeBuild(store, async () => {
      const database = await lancedb.connect(store);
      let table = null;
      for (let at = 0; at < base.count; at += ROWS_A_CALL) {
        const length = Math.min(ROWS_A_CALL, base.count - at);
        const rows = Array.from({ length }, (_, i) => ({ id: at + i, vector: Array.from(base.row(at + i)) }));
        if (table) await table.add(rows);
        else table = await database.createTable("rows", rows);
      }
      const numPartitions = Math.round(Math.sqrt(base.count));
      await table.createIndex("vector", { config: lancedb.Index.ivfPq({ numPartitions, numSubVectors: base.dim / 4, distanceType: "l2" }) });
      await table.optimize();
    });
  },
  async search(store, queries, truth) {
    const table = await timeOpen(async () => (await lancedb.connect(store)).openTable("rows"));
    for (const [nprobes, refine] of [[8, 4], [16, 4], [32, 8], [64, 8], [128, 16]]) {
      const find = async (i) => (await table.query().nearestTo(Array.from(queries.row(i))).nprobes(nprobes)
        .refineFactor(refine).limit(K).select(["id", "_distance"]).toArray()).map((hit) => hit.id);
      await measure(`nprobes=${nprobes},refine=${refine}`, truth, find);
    }
  },
});
