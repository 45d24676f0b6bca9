// usearch (npm): M 16, expansion at insertion 200; searched through its own binding.
import usearch from "usearch";
import { K, main, measure, timeBuild, timeOpen } from "./vectors.mjs";

const shape = (dimensions) => ({ dimensions, metric: "l2sq", quantization: "f32", connectivity: 16, expansion_add: 200 });

main({
  async build(base, store) {
    await timeBuild(store, () => {
      const index = new usearch.Index(shape(base.dim));
      index.add(BigUint64Array.from({ length: base.count }, (_, i) => BigInt(i)), base.values, 2);
      index.save(store);
    });
  },
  async search(store, queries, truth) {
    for (const expansion_search of [16, 32, 48, 64, 96, 128, 192, 256, 384, 512]) {
      const index = new usearch.Index({ ...shape(queries.dim), expansion_search });
      await timeOpen(() => index.load(store));
      await measure(`ef=${expansion_search}`, truth, (i) => index.search(queries.row(i), K, 1).keys);
    }
  },
});
