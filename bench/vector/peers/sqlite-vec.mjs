// sqlite-vec (npm): every vector is looked at, so there is one setting, and fewer queries are enough.
import fs from "node:fs";
import Database from "better-sqlite3";
import * as sqliteVec from "sqlite-vec";
import { K, main, measure, timeBuild, timeOpen } from "./vectors.mjs";

const QUERIES = 100;

function open(store) {
  const database = new Database(store);
  sqliteVec.load(database);
  return database;
}

main({
  async build(base, store) {
    fs.rmSync(store, { force: true });
    await timeBuild(store, () => {
      const database = open(store);
      database.exec(`CREATE VIRTUAL TABLE rows USING vec0(v float[${base.dim}])`);
      const insert = database.prepare("INSERT INTO rows(rowid, v) VALUES (?, ?)");
      database.transaction(() => {
        for (let i = 0; i < base.count; i++) insert.run(BigInt(i), base.row(i));
      })();
      database.close();
    });
  },
  async search(store, queries, truth) {
    const database = await timeOpen(() => open(store));
    const find = database.prepare("SELECT rowid FROM rows WHERE v MATCH ? AND k = ?").pluck();
    await measure("exact", truth, (i) => find.all(queries.row(i), K), QUERIES);
    database.close();
  },
});
