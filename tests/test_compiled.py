"""Compiled code: the process that compiles and one that loads it agree in every bit."""

import os
import subprocess
import sys

import pytest

RUN = """
import hashlib
import sys
from itertools import islice
import torch
from multiscale.atoms import ElectricPotential, ensembles, toy
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.generators import walker_generator
if sys.argv[1] == "lattice":
    from multiscale import materials
    from multiscale.lattice import EffectiveHamiltonian
    potential = EffectiveHamiltonian.from_record(materials.load("batio3-zvr1995"), (12, 12, 12))
    system = potential.system()
else:
    potential = toy.ToyCrystal() if sys.argv[1] == "toy" else ElectricPotential.load(sys.argv[1])
    system = toy.perovskite((2, 2, 2))
steps = 400 if sys.argv[1] == "toy" else 40
run = dynamics(
    potential, system, ensembles.npt_orthorhombic(), timestep=0.002,
    kT=torch.tensor([0.05], dtype=torch.float64), generators=[walker_generator(5, 0)],
)
last = next(islice(run, steps, None))
parts = (last.positions, last.cell, last.momenta, last.energy)
print(hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest())
"""


@pytest.mark.parametrize(
    "potential",
    ["toy", *(pytest.param(p, marks=pytest.mark.slow) for p in ("lattice", "pbtio3-pbesol-small"))],
)
def test_code_just_compiled_and_code_from_disk_give_the_same_bits(tmp_path, potential):
    said = []
    for seed in ("1", "2"):
        env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", RUN, potential]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        said.append(done.stdout)
    assert list(tmp_path.rglob("*.nbc"))
    assert said[0] == said[1] != ""
