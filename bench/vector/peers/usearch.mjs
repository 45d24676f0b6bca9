// usearch (npm): M 16, expansion at insertion 200; searched through its own binding.
import usearch from "usearch";
import { K, main, measure, timeBuild, timeOpen } from "./vectors.mjs";

const shape = (dimensions) => ({ dimensions, metric: "l2sq", quantization: "f32", connectivity: 16, expansion_add: 200 });

main({
  build(base, store) {
    const index = new usearch.Index(shape(base.dim));
    timeBuildOf(index, base, store);
  },
  search(store, queries, truth) {
    for (const expansion_search of [16, 32, 48, 64, 96, 128, 192, 256, 384, 512]) {
      const index = new usearch.Index({ ...shape(queries.dim), expansion_search });
      timeOpen(() => index.load(store));
      measure(`ef=${expansion_search}`, truth, (i) => index.search(queries.row(i), K, 1).keys);
    }
  },
});

function timeBuildOf(index, base, store) {
  timeBuild(store, () => {
    const keys = BigUint64Array.from({ length: base.count }, (_, i) => BigInt(i));
    index.add(keys, base.values, 2);
    index.save(store);
  });
}
