"""What an extrapolation grade of every atom costs, against an evaluation of energy and forces.

Prints one JSON object per system size and rank: processor time of one thread per atom for grades
alone and for energy, forces and stress along the same short trajectory, and their ratio; every
`stride` steps in a dynamics the overhead is ratio / stride.

    OMP_NUM_THREADS=1 python benchmarks/extrapolation.py [POTENTIAL]
"""

import argparse
import json
import time

import numpy as np
import torch

from multiscale import materials
from multiscale.atoms import ElectricPotential, System
from multiscale.atoms.extrapolation import Grader, build


def rattled(size: int, seed: int) -> System:
    atoms = materials.load("pbtio3").polar(size)
    atoms.positions += 0.05 * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return System.from_ase(atoms)


def best(work, atoms: int) -> float:
    """Return the best processor time per atom in microseconds, out of seven rounds."""
    work()
    times = []
    for _ in range(7):
        begin = time.process_time()
        for _ in range(max(1, 2000 // atoms)):
            work()
        times.append((time.process_time() - begin) / max(1, 2000 // atoms))
    return 1e6 * min(times) / atoms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("potential", nargs="?", default="pbtio3-pbesol")
    name = parser.parse_args().potential
    torch.set_num_threads(1)
    potential = ElectricPotential.load(name)
    frames = [rattled(2, seed) for seed in range(40)]
    for rank in (32, 64, 128):
        begin = time.process_time()
        active = build(potential, frames, rank)
        seconds = time.process_time() - begin
        for size in (2, 4, 6):
            system = rattled(size, 100)
            grader = Grader(potential, active)
            grades = best(lambda g=grader, s=system: g(s), system.n_atoms)
            bare = best(lambda s=system: potential.evaluate(s, polarization=False), system.n_atoms)
            line = {
                "benchmark": "extrapolation", "potential": name, "atoms": system.n_atoms,
                "rank": rank, "threads": 1, "grade_us_per_atom": round(grades, 2),
                "evaluate_us_per_atom": round(bare, 2), "ratio": round(grades / bare, 3),
                "build_seconds": round(seconds, 2),
            }  # fmt: skip
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
