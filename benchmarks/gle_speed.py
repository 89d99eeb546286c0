"""Speed of GLE simulation, and of correlations streamed from disk.

    python benchmarks/gle_speed.py [--frames 100000000] [--replicas 256]

Simulation: particle-steps per second of one thread, four relaxations in a double well, and the
configurational temperature of a harmonic coordinate at a step equal to the memory time.
Correlations: two functions (a 2 x 2 matrix), 900 lags, in single precision read from a file, with
the growth of peak memory. One JSON object per line; seconds are CPU seconds of the one thread.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from multiscale.gle import PolynomialForce, embed, simulate, streamed_correlations

FOUR = embed(np.array([20.0, 5, 1, 0.3]), np.array([30.0, 20, 5, 2]), mass=1.0, kT=1.0)
ONE = embed(np.array([5.0]), np.array([20.0]), mass=1.0, kT=1.0)


def simulation(replicas):
    well = PolynomialForce(0.0, np.array([0.0, 12, 0, -12]))
    rng = np.random.default_rng(0)
    start = rng.choice([-1.0, 1.0], replicas)
    simulate(FOUR, well, start, rng, dt=0.02, n_steps=100, stride=100)
    n = 20_000_000 // replicas
    begun = time.process_time()
    simulate(FOUR, well, start, rng, dt=0.02, n_steps=n, stride=100)
    spent = time.process_time() - begun
    return {"benchmark": "simulate", "replicas": replicas, "per_second": n * replicas / spent}


def temperature():
    spring = PolynomialForce(0.0, np.array([0.0, -8.0]))
    rng = np.random.default_rng(1)
    start = rng.standard_normal(256) / 8**0.5
    run = simulate(ONE, spring, start, rng, dt=0.2, n_steps=100_000)
    blocks = 8 * (run.position**2).reshape(256, 100, -1).mean((0, 2))
    return {
        "benchmark": "configurational temperature at dt = memory time",
        "value": float(blocks.mean()),
        "stderr": float(blocks.std(ddof=1) / 10),
    }


def correlations(frames, n_lags=900, chunk=2**18):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.f4"
        rng = np.random.default_rng(2)
        with path.open("wb") as f:
            for start in range(0, frames, chunk):
                n = min(chunk, frames - start)
                rng.standard_normal((n, 2), dtype=np.float32).tofile(f)
        streamed_correlations([[np.zeros((10 * n_lags, 2), np.float32)]], n_lags)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.process_time()
        with path.open("rb") as f:
            found = streamed_correlations([_chunks(f, chunk)], n_lags)
        spent = time.process_time() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "benchmark": "streamed correlations", "frames": frames, "seconds": spent,
        "ns_per_frame": spent / frames * 1e9, "blocks": len(found.blocks),
        "extra_MB": grown / 1024,
    }  # fmt: skip


def _chunks(file, size):
    while len(chunk := np.fromfile(file, np.float32, 2 * size).reshape(-1, 2)):
        yield chunk


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000_000)
    parser.add_argument("--replicas", type=int, default=256)
    a = parser.parse_args()
    print(json.dumps(simulation(a.replicas)), flush=True)
    print(json.dumps(temperature()), flush=True)
    print(json.dumps(correlations(a.frames)), flush=True)
