"""What an evaluation of the potential costs, and what polarization, a field and a bias add.

Prints one JSON object per line: for each number of atoms of a perovskite the processor time per
atom of energy, forces and stress alone; with the polarization; in a field; under a bias on the
dipole (two passes); with all Born charges; and the ratios to the first. Then the memory per atom of
a large system. The network has the sizes of the shipped ones and random weights; positions change
with every call, as in dynamics, so that neighbour lists age.

    OMP_NUM_THREADS=1 python benchmarks/potential_cost.py [--mixed 64] [--quick]
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from multiscale import materials
from multiscale.atoms import Architecture, ElectricPotential, System
from multiscale.atoms.network import Network

SPECIES, CHARGES = (8, 22, 82), (-2, 4, 2)
FIELD = torch.tensor([0.0, 0.0, 0.01], dtype=torch.float64)


def crystal(size: tuple[int, int, int]) -> System:
    """Return a crystal with thermal displacements."""
    atoms = materials.load("pbtio3").polar(size)
    atoms.positions += 0.05 * np.random.default_rng(0).normal(size=atoms.positions.shape)
    return System.from_ase(atoms)


def cost(call: Callable[[System], Any], system: System, repeats: int) -> float:
    """Return the median processor time of a call in microseconds per atom."""
    rng, times = np.random.default_rng(1), []
    call(system)
    for _ in range(repeats):
        step = torch.from_numpy(0.01 * rng.normal(size=(system.n_atoms, 3)))
        system = system.replace(positions=system.positions + step)
        begin = time.process_time()
        call(system)
        times.append(time.process_time() - begin)
    return 1e6 * float(np.median(times)) / system.n_atoms


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mixed", type=int, default=64)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sizes = {"mixed": arguments.mixed}
    plain = ElectricPotential(Network(Architecture(SPECIES, **sizes)))
    electric = ElectricPotential(
        Network(Architecture(SPECIES, **sizes, response=32, oxidation=CHARGES))
    )
    ways: dict[str, Callable[[System], Any]] = {
        "energy_forces_stress": plain.evaluate,
        "polarization": electric.evaluate,
        "field": lambda s: electric.evaluate(s, FIELD),
        "bias": lambda s: electric.evaluate(s, lambda mu: 0.001 * mu),
        "born_charges": lambda s: electric.evaluate(s, born_charges=True),
    }
    for size in ((2, 2, 2), (4, 4, 4), (6, 6, 6)):
        system = crystal(size)
        repeats = max(5, (4000 if arguments.quick else 40000) // system.n_atoms)
        line = {name: cost(call, system, repeats) for name, call in ways.items()}
        ratios = {f"{name}_ratio": line[name] / line["energy_forces_stress"] for name in ways}
        table = {f"{name}_us_per_atom": x for name, x in line.items()} | ratios
        rounded = {name: round(x, 3) for name, x in table.items()}
        head = {"benchmark": "potential_cost", "atoms": system.n_atoms, "threads": 1}
        print(json.dumps(head | rounded), flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    system = crystal((16, 16, 16))
    electric.evaluate(system)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    line = {"benchmark": "potential_memory", "atoms": system.n_atoms}
    print(json.dumps(line | {"kilobytes_per_atom": round(grown / system.n_atoms, 2)}))


if __name__ == "__main__":
    main()
