"""Batch Landau energies against the speed of memory: a copy of the same bytes by numpy.

    python benchmarks/landau_energy.py [--points 4000000] [--repeats 9]

Energies read 24 and write 8 bytes a point; the copy reads 16 and writes 16, the same traffic. Both
are timed in turn in one run, one thread, and the medians compared; target: at least 0.30.
"""

import argparse
import json
import statistics
import time

import numpy as np

from multiscale import landau, materials


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(name: str, points: int, repeats: int) -> dict:
    a = materials.load(name).landau.array(298.0)
    P = np.random.default_rng(0).uniform(-0.5, 0.5, (points, 3))
    source = np.random.default_rng(1).random(2 * points)  # real pages, unlike fresh zeros
    target = np.ones(2 * points)
    out = np.empty(points)
    landau.energies(P[:10], a)  # compiles
    fused, table, copy = [], [], []
    for _ in range(repeats):
        copy.append(seconds(lambda: np.copyto(target, source)))
        fused.append(seconds(lambda: landau.energies(P, a, out=out)))
    table.append(seconds(lambda: landau.free_energy(P[: points // 10], a)))
    one, two = statistics.median(fused), statistics.median(copy)
    return {
        "benchmark": "landau_energy",
        "record": name,
        "order": landau.order_of(a),
        "points": points,
        "ns_per_point": one / points * 1e9,
        "copy_ns_per_point": two / points * 1e9,
        "share_of_memory_bandwidth": two / one,
        "table_ns_per_point": table[0] / (points // 10) * 1e9,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=4_000_000)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    for record in ("pbtio3-haun1987", "batio3-li2005"):
        print(json.dumps(measure(record, arguments.points, arguments.repeats)))
