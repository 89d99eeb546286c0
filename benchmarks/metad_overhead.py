"""What metadynamics costs: one JSON object per line.

share     the bias on top of a molecular-dynamics step of 40 atoms, per potential
batch     64 walkers of 40 atoms in one batch against one crystal of 2560, per atom and step
grid      memory of the bias grid, and its bound
deposits  a call of the bias after 10 and after 10^6 hills (the hills are on the grid: the same)

Processor time of one thread. The machine may be shared: what is compared takes turns in pieces of a
few steps, and the median of the ratios of neighbouring pieces is what counts.

    OMP_NUM_THREADS=1 python benchmarks/metad_overhead.py [name of a potential ...] [--quick]
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.generators import walker_generator
from multiscale.sampling import CellBias, Metadynamics, Polarization, Wall, WellTempered
from multiscale.sampling.grid import MAX_GRID_BYTES
from multiscale.stages.engines import load_engine
from multiscale.stages.simulation import SimulationOptions, prepare

KT = units.KB * 300
PACE = 100  # steps between hills
AXES = {1: (2,), 2: (0, 2), 3: (0, 1, 2)}


def settings(d: int, walkers: int, symmetric: bool = False) -> WellTempered:
    return WellTempered(
        sigma=(0.08,) * d, height=0.02, pace=PACE, bias_factor=10.0, kT=KT,
        wall=Wall(1.2, 4 * KT / 0.08**2), symmetric=symmetric, n_walkers=walkers,
    )  # fmt: skip


def run_of(name: str, size: tuple[int, int, int], walkers: int, d: int = 0) -> Iterator[object]:
    """Return molecular dynamics, biased in d components of P or not at all."""
    material = name.partition("-")[0]
    options = SimulationOptions(potential=name, material=material, size=size, walkers=walkers)
    ready = prepare(options, 300.0)
    bias = CellBias(Polarization(AXES[d]), Metadynamics(settings(d, walkers))) if d else None
    return dynamics(
        ready.engine, ready.system, ensembles.npt_orthorhombic(), timestep=0.002, kT=ready.kT,
        generators=[walker_generator(0, w) for w in range(walkers)], bias=bias,
    )  # fmt: skip


def turns(pieces: list[Callable[[], object]], rounds: int) -> np.ndarray:
    """Return the processor time of each piece in each round, taking turns, (rounds, pieces)."""
    times = np.empty((rounds, len(pieces)))
    for r in range(rounds):
        order = np.arange(len(pieces)) if r % 2 else np.arange(len(pieces))[::-1]
        for k in order:
            start = time.process_time()
            pieces[k]()
            times[r, k] = time.process_time() - start
    return times


def advance(run: Iterator[object], steps: int) -> Callable[[], object]:
    list(islice(run, 5))  # compiled, neighbours found
    return lambda: list(islice(run, steps))


def spread(ratio: np.ndarray) -> list[float]:
    return [round(float(x), 4) for x in np.percentile(ratio, [25, 75])]


def measure_share(name: str, d: int, rounds: int) -> dict[str, object]:
    steps = 10
    runs = [run_of(name, (2, 2, 2), 1, n) for n in (0, d)]
    times = turns([advance(run, steps) for run in runs], rounds) / steps
    ratio = times[:, 1] / times[:, 0]
    engine = load_engine(name)
    return {
        "measure": "share", "potential": name, "atoms": 40, "axes": d,
        "charges": "learned" if getattr(engine, "electric", False) else "fixed",
        "md_step_ms": round(1e3 * float(np.median(times[:, 0])), 4),
        "bias_share": round(float(np.median(ratio)) - 1, 4), "quartiles": spread(ratio - 1),
    }  # fmt: skip


def measure_batch(name: str, rounds: int) -> dict[str, object]:
    shapes = [((2, 2, 2), 64), ((8, 8, 8), 1), ((2, 2, 2), 1)]
    runs = [run_of(name, size, walkers, 3) for size, walkers in shapes]
    atoms = np.array([5 * np.prod(size) * walkers for size, walkers in shapes])
    times = turns([advance(run, n) for run, n in zip(runs, (1, 1, 64), strict=True)], rounds)
    each = times / np.array([1, 1, 64]) / atoms
    ratio, gain = each[:, 0] / each[:, 1], each[:, 2] / each[:, 0]
    return {
        "measure": "batch", "potential": name, "axes": 3,
        "us_per_atom_step_64_walkers": round(1e6 * float(np.median(each[:, 0])), 3),
        "us_per_atom_step_2560_atoms": round(1e6 * float(np.median(each[:, 1])), 3),
        "us_per_atom_step_1_walker": round(1e6 * float(np.median(each[:, 2])), 3),
        "walkers_over_large": round(float(np.median(ratio)), 4), "quartiles": spread(ratio),
        "gain_over_one_walker": round(float(np.median(gain)), 3),
    }  # fmt: skip


def measure_grid(d: int, symmetric: bool) -> dict[str, object]:
    grid = settings(d, 1, symmetric).empty_bias()
    return {
        "measure": "grid", "axes": d, "symmetric_hills": symmetric, "limit_c_m2": 1.2,
        "sigma_c_m2": 0.08, "nodes": int(np.prod(grid.counts)),
        "mib": round(grid.table.nbytes / 2**20, 2), "most_mib": MAX_GRID_BYTES // 2**20,
    }  # fmt: skip


def deposited(d: int, hills: int) -> Metadynamics:
    """Return a bias of one walker that holds so many hills at random places."""
    metad = Metadynamics(settings(d, 1))
    rng = np.random.default_rng(0)
    metad.restore(
        metad.state()
        | {
            "hill_step": np.arange(hills), "hill_walker": np.zeros(hills, dtype=np.int64),
            "hill_center": rng.uniform(-1, 1, (hills, d)), "hill_height": np.full(hills, 1e-6),
        }
    )  # fmt: skip
    return metad


def measure_deposits(d: int, most: int, rounds: int) -> dict[str, object]:
    calls = 500
    values = np.random.default_rng(1).uniform(-1, 1, (calls, 1, d))

    def piece(metad: Metadynamics) -> Callable[[], object]:
        return lambda: [metad(v, -1 - i) for i, v in enumerate(values)]

    times = turns([piece(deposited(d, n)) for n in (10, most)], rounds) / calls
    ratio = times[:, 1] / times[:, 0]
    return {
        "measure": "deposits", "axes": d, "hills": [10, most],
        "us_per_call": [round(1e6 * float(t), 2) for t in np.median(times, axis=0)],
        "ratio": round(float(np.median(ratio)), 4), "quartiles": spread(ratio),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "potentials", nargs="*", default=["pbtio3-pbesol-small", "pbtio3-pbesol", "batio3-pbesol"]
    )
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds, most = (5, 10_000) if arguments.quick else (100, 1_000_000)

    def say(line: dict[str, object]) -> None:
        print(json.dumps({"benchmark": "metad_overhead", **line}), flush=True)

    for name in arguments.potentials:
        for d in AXES:
            say(measure_share(name, d, rounds))
        say(measure_batch(name, max(3, rounds // 5)))
    for d, symmetric in ((1, False), (2, False), (3, False), (3, True)):
        say(measure_grid(d, symmetric))
    for d in (1, 2):  # a million hills of three dimensions take minutes to plant
        say(measure_deposits(d, most, rounds))


if __name__ == "__main__":
    main()
