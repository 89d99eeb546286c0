"""PLUMED's kernel as the bias against the embedded engine: one JSON object per line.

agreement  hills, energies and forces of both on one trajectory: our rule summed hill by hill, and
           as it is, on its grid
cost       a call for one walker after some numbers of hills, in microseconds of processor time;
           PLUMED sums hills over a neighbour list (the generated input), or on a grid of its own
restart    seconds to start PLUMED again from its files, once a checkpoint

Without a kernel (PLUMED_KERNEL) there is one line that says so.

    OMP_NUM_THREADS=1 PLUMED_KERNEL=... python benchmarks/plumed_bridge.py
"""

import json
import tempfile
import time

import numpy as np

from multiscale import units
from multiscale.sampling import Hills, HillsTable, Metadynamics, Wall, WellTempered, sum_hills
from multiscale.sampling.plumed import PlumedBias
from multiscale.sampling.plumed_input import NEIGHBOURS, plumed_input
from multiscale.sampling.plumed_kernel import find_kernel

SCRATCH = tempfile.TemporaryDirectory(prefix="plumed-bridge-")
KT, SIGMA, NAMES = units.KB * 300, 0.08, ("px", "py", "pz")


class Direct(Metadynamics):
    """Our rule without its grid."""

    def evaluate(self, values):
        """Return energies and forces, hill by hill."""
        gone, sigma = self.hills, np.full(values.shape[1], SIGMA)
        energy, gradient = sum_hills(values, gone.center, sigma, gone.height)
        return energy, -gradient


def settings(d, walkers=1):
    wall = Wall(1.0, 4 * KT / SIGMA**2)
    return WellTempered((SIGMA,) * d, 0.02, 100, 10.0, KT, wall=wall, n_walkers=walkers)


def bridge(d, walkers=1, grid=False):
    text = plumed_input(settings(d, walkers), NAMES[:d])
    if grid:
        corner = ",".join(["1.4"] * d)
        low = ",".join(["-1.4"] * d)
        spacing = ",".join([str(SIGMA / {1: 5, 2: 4, 3: 3}[d])] * d)
        text = text.replace(NEIGHBOURS, f"GRID_MIN={low} GRID_MAX={corner} GRID_SPACING={spacing}")
    folder = tempfile.mkdtemp(dir=SCRATCH.name)
    return PlumedBias(text, NAMES[:d], folder, kT=KT, timestep=0.002, n_walkers=walkers)


def agreement(d, walkers, steps=20_001):
    rng = np.random.default_rng(0)
    path = 1.1 * np.sin(np.cumsum(rng.normal(0, 0.02, (steps, walkers, d)), 0))
    theirs = bridge(d, walkers)
    engines = {"summed": Direct(settings(d, walkers)), "grid": Metadynamics(settings(d, walkers))}
    far = {name: np.zeros(2) for name in engines}
    largest = np.zeros(2)
    for step, values in enumerate(path):
        answer = theirs(values, step)
        largest = np.maximum(largest, [np.abs(x).max() for x in answer])
        for name, ours in engines.items():
            apart = [np.abs(a - b).max() for a, b in zip(answer, ours(values, step), strict=True)]
            far[name] = np.maximum(far[name], apart)
    theirs.commit()
    height = theirs.hills()[1].height
    for name, ours in engines.items():
        ours.commit()
        yield {
            "figure": "agreement", "dimensions": d, "walkers": walkers, "engine": name,
            "hills": len(height), "heights": float(np.abs(ours.hills.height / height - 1).max()),
            "energy": far[name][0] / largest[0], "force": far[name][1] / largest[1],
        }  # fmt: skip


def cost(d, n_hills):
    rng = np.random.default_rng(1)
    s = settings(d)
    center = rng.uniform(-1, 1, (n_hills, d))
    table = HillsTable(
        NAMES[:d], np.arange(n_hills) * 0.2, center, np.full((n_hills, d), SIGMA),
        np.full(n_hills, 1e-4), 10.0,
    )  # fmt: skip
    ours = Metadynamics(s)
    step = np.arange(n_hills) - n_hills
    hills = Hills(step, 0 * step, center, table.height)
    ours.restore(ours.state() | {f"hill_{k}": v for k, v in hills._asdict().items()})
    line = {"figure": "cost", "dimensions": d, "hills": n_hills}
    engines = {"embedded": ours, "plumed": bridge(d), "plumed_grid": bridge(d, grid=True)}
    for name, bias in engines.items():
        if isinstance(bias, PlumedBias):
            bias.begin_from(table)
        values = 0.8 * np.sin(np.cumsum(rng.normal(0, 0.01, (300, 1, d)), 0))
        for i in range(50):
            bias(values[i], i + 1)
        start = time.process_time()
        for i in range(50, 300):
            bias(values[i], i + 1)
        line[f"{name}_us"] = round((time.process_time() - start) / 250 * 1e6, 1)
        if isinstance(bias, PlumedBias):
            start = time.process_time()
            bias.renew()
            line[f"{name}_restart_s"] = round(time.process_time() - start, 3)
    return line


def main():
    def say(line):
        print(json.dumps({"benchmark": "plumed_bridge", **line}), flush=True)

    try:
        find_kernel()
    except ValueError as error:
        say({"skipped": str(error)})
        return
    for d, walkers in ((1, 1), (2, 4), (3, 4)):
        for line in agreement(d, walkers):
            say(line)
    for d in (1, 2, 3):
        for n in (100, 10_000):
            say(cost(d, n))


if __name__ == "__main__":
    main()
