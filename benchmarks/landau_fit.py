"""Time of a Landau fit of many grid points at many temperatures, against one pass over the data.

One pass is what numpy needs to read everything once: sums of f, the weights and P. Prints one JSON
object. One thread is enough: OMP_NUM_THREADS=1.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from multiscale import landau

LAWS = ("linear", *("constant",) * 5)


def planted(points: int, temperatures: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return P (n, 3), T (t,) and noisy surfaces (t, n) of PbTiO3 (Haun et al. 1987)."""
    rng = np.random.default_rng(0)
    axis = np.linspace(-0.9, 0.9, round(points ** (1 / 3)))
    P = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    T = np.linspace(400, 900, temperatures)
    rest = np.array([0, -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])
    constant, slope = landau.free_energy(P, rest), (P**2).sum(axis=1) * 3.8e5
    f = constant + slope * (T - 752)[:, None]
    for i in range(len(f)):
        f[i] += 1e5 * rng.standard_normal(len(P), dtype=np.float32)
    return P, T, f


def best(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of several times, s."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Fit, time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--temperatures", type=int, default=20)
    given = parser.parse_args()
    P, T, f = planted(given.points, given.temperatures)
    weights = np.full_like(f, 1e-10)

    def fit() -> landau.JointFit:
        reduced = landau.reduce_grid(P, f, weights)
        return landau.fit_laws(landau.whitened(reduced, T), LAWS)

    seconds = best(fit, 2)
    one_pass = best(lambda: (f.sum(), weights.sum(), P.sum()))
    print(
        json.dumps(
            {
                "benchmark": "landau_fit",
                "points": len(P),
                "temperatures": len(T),
                "seconds": round(seconds, 3),
                "one_pass_seconds": round(one_pass, 4),
                "ratio": round(seconds / one_pass, 1),
                "T0_error_K": round(float(fit().zero_temperature()[0] - 752), 4),
            }
        )
    )


if __name__ == "__main__":
    main()
