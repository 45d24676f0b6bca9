"""sqlite-vec (npm), loaded into Debian's SQLite: every vector is looked at, so there is one setting,
and fewer queries are enough. Calls and figures are those of vectors.hpp."""
import json
import os
import pathlib
import sqlite3
import sys
import time

import numpy

K = 10
QUERIES = 100
HERE = pathlib.Path(__file__).resolve().parent


def read_rows(path, kind):
    dim = int(numpy.fromfile(path, numpy.int32, 1)[0])
    return numpy.fromfile(path, numpy.int32).reshape(-1, dim + 1)[:, 1:].view(kind)


def read_vectors(path, metric):
    rows = read_rows(path, numpy.float32)
    if metric == "cosine":
        rows = rows / numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    return numpy.ascontiguousarray(rows, numpy.float32)


def opened(store):
    database = sqlite3.connect(store)
    database.enable_load_extension(True)
    database.load_extension(str(next(HERE.glob("node_modules/sqlite-vec-*/vec0.so"))))
    return database


def show(**figure):
    print(json.dumps(figure))


def build(base, store, metric):
    rows = read_vectors(base, metric)
    pathlib.Path(store).unlink(missing_ok=True)
    cpu, wall = time.process_time(), time.monotonic()
    database = opened(store)
    database.execute(f"CREATE VIRTUAL TABLE rows USING vec0(v float[{rows.shape[1]}])")
    database.executemany("INSERT INTO rows(rowid, v) VALUES (?, ?)", ((i, row.tobytes()) for i, row in enumerate(rows)))
    database.commit()
    database.close()
    show(kind="build", cpu_s=time.process_time() - cpu, wall_s=time.monotonic() - wall, bytes=os.path.getsize(store))


def search(store, queries, truth, metric):
    rows, wanted = read_vectors(queries, metric)[:QUERIES], read_rows(truth, numpy.int32)[:QUERIES]
    start = time.monotonic()
    database = opened(store)
    show(kind="open", ms=(time.monotonic() - start) * 1e3)
    hits = 0
    start = time.process_time()
    for row, keys in zip(rows, wanted):
        found = database.execute("SELECT rowid FROM rows WHERE v MATCH ? AND k = ?", (row.tobytes(), K))
        hits += len({key for key, in found} & set(keys[:K].tolist()))
    spent = time.process_time() - start
    show(kind="point", setting="exact", recall=hits / (len(rows) * K), us=spent / len(rows) * 1e6)


{"build": build, "search": search}[sys.argv[1]](*sys.argv[2:])
