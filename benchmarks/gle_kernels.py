"""Errors of extracted memory kernels on planted data, with time and memory; peers where installed.

    python benchmarks/gle_kernels.py [SET...] [--seeds 5] [--frames N] [--bootstrap 40]
    python benchmarks/gle_kernels.py --coverage 50 --frames 100000 harm_c
    python benchmarks/gle_kernels.py --peers PYTHON dw --seeds 5

Only positions and the exact mean force are given. One JSON line per set: relative L2 error of K on
[0, 18] and relative error of the friction, RMS over the seeds (matrices: Frobenius), seconds of CPU
per record, and the growth of peak memory over that of the data; and the share of 95 % intervals of
the friction and of K(t) that hold the truth, for which --coverage sets many seeds.

--peers compares with gleqpy, VolterraBasis, memtools, mempred and AIGLETools on the same records of
one coordinate in one run, each method in a process of its own; PYTHON is the interpreter they are
installed for (the one of an environment of theirs: they need old versions of NumPy and SciPy).
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gle_peer_methods import METHODS
from gle_planted_data import SETS, force, record, stream

from multiscale import gle

WINDOW = 18.0
LAGS = np.arange(0, WINDOW, 0.02)


def extract(planted, x, n_bootstrap, seed):
    """Return K (n_lags, d, d) and its error, friction (d, d) and its error."""
    common = {"window": WINDOW, "lag_step": 0.02, "n_bootstrap": n_bootstrap, "seed": seed}
    if x.shape[1] == 1:
        k = gle.extract_kernel(x[:, 0], planted.dt, 1.0, force(planted), **common)
        K = gle.kernel_at(k.rate, k.amplitude, LAGS)[:, None, None]
        sigma = k.stderr[: LAGS.size, None, None]
        return K, sigma, np.array([[k.friction]]), np.array([[k.friction_stderr]])
    k = gle.extract_coupled_kernel([x], planted.dt, 1.0, force(planted), **common)
    K, sigma = k.kernel[: LAGS.size], k.stderr[: LAGS.size]
    return K, sigma, k.friction, k.friction_stderr


def errors(name, frames, seeds, n_bootstrap):
    """Yield one dict per seed."""
    planted = SETS[name]
    truth, friction = planted.kernel(LAGS), planted.friction
    for seed in range(seeds):
        x = record(planted, seed, frames)
        before = resource.getrusage(resource.RUSAGE_SELF)
        start = time.perf_counter()
        K, sigma, found, error = extract(planted, x, n_bootstrap, seed)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
        off = np.abs(K - truth) < 1.96 * sigma
        yield {
            "l2": float(np.linalg.norm(K - truth) / np.linalg.norm(truth)),
            "friction": float(
                np.linalg.norm(found - friction) / np.linalg.norm(friction)
                * np.sign(np.trace(found - friction))
            ),
            "covered": float(np.mean(np.abs(found - friction) < 1.96 * error)),
            "covered_K": float(off[: LAGS.size // 3 : 10].mean()),
            "cpu_s": after.ru_utime - before.ru_utime,
            "wall_s": wall,
            "extra_MB": (after.ru_maxrss - before.ru_maxrss) / 1024,
        }  # fmt: skip


def write_record(planted, seed, frames, folder):
    """Write x, v, memory force f and mean force F of one record."""
    parts = list(stream(planted, seed, frames, full=True))
    for i, name in enumerate("xvf"):
        np.save(folder / f"{name}.npy", np.concatenate([part[:, i] for part in parts]))
    np.save(folder / "F.npy", force(planted)(np.load(folder / "x.npy")))


def run_method(method, python, folder):
    """Return what a method says of its time and memory, or why it is absent."""
    own = METHODS[method][0] == "multiscale"
    script = Path(__file__).with_name("gle_peer_methods.py")
    command = [sys.executable if own else python, "-W", "ignore", str(script), method, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"absent": (done.stderr.splitlines() or ["?"])[-1]}


def compare(name, python, frames, seeds, n_bootstrap, methods):
    """Print one line per method: errors as for ours, on the same records."""
    planted, rows = SETS[name], {method: [] for method in methods}
    truth, friction = planted.kernel(LAGS)[:, 0, 0], planted.friction[0, 0]
    known = {"dt": planted.dt, "harmonic": bool(planted.stiffness.any()), "errors": n_bootstrap}
    with tempfile.TemporaryDirectory() as name_of:
        folder = Path(name_of)
        (folder / "known.json").write_text(json.dumps(known))
        for seed in range(seeds):
            write_record(planted, seed, frames, folder)
            for method in methods:
                row = run_method(method, python, folder)
                if "absent" not in row:
                    found = np.load(folder / "kernel.npz")
                    off = np.interp(LAGS, found["lag"], found["K"]) - truth
                    row["l2"] = float(np.linalg.norm(off) / np.linalg.norm(truth))
                    row["friction"] = float(found["friction"] / friction - 1)
                rows[method].append(row)
    for method, found in rows.items():
        line = {"set": name, "frames": frames or planted.frames, "method": method}
        if any("absent" in row for row in found):
            print(json.dumps(line | found[0]), flush=True)
            continue
        numbers = {
            "seeds": seeds,
            "l2_percent": 100 * rms(found, "l2"),
            "friction_percent": 100 * rms(found, "friction"),
            "wall_s": float(np.median([row["wall_s"] for row in found])),
            "cpu_s": float(np.median([row["cpu_s"] for row in found])),
            "extra_MB": max(row["extra_MB"] for row in found),
        }
        print(json.dumps(line | numbers), flush=True)


def rms(rows, key):
    return float(np.sqrt(np.mean([row[key] ** 2 for row in rows])))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=None)
    parser.add_argument("--bootstrap", type=int, default=40)
    parser.add_argument("--coverage", type=int, default=0, metavar="SEEDS")
    parser.add_argument("--peers", metavar="PYTHON", help="compare with what is installed there")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), help="of the comparison")
    a = parser.parse_args()
    if a.peers:
        for name in a.sets or ["dw"]:
            compare(name, a.peers, a.frames, a.seeds, a.bootstrap, a.methods)
        return
    for name in a.sets or [s for s in SETS if s != "long"]:
        list(errors("harm", 20_000, 1, 2))  # compiles
        rows = list(errors(name, a.frames, a.coverage or a.seeds, a.bootstrap))
        line = {
            "set": name,
            "frames": a.frames or SETS[name].frames,
            "seeds": len(rows),
            "l2_percent": 100 * rms(rows, "l2"),
            "friction_percent": 100 * rms(rows, "friction"),
            "mean_friction_percent": 100 * float(np.mean([r["friction"] for r in rows])),
            "covered_friction": float(np.mean([r["covered"] for r in rows])),
            "covered_K": float(np.mean([r["covered_K"] for r in rows])),
            "cpu_s": float(np.median([r["cpu_s"] for r in rows])),
            "wall_s": float(np.median([r["wall_s"] for r in rows])),
            "extra_MB": max(r["extra_MB"] for r in rows),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
