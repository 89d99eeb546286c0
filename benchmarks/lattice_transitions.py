"""Transitions of BaTiO3 (Zhong, Vanderbilt, Rabe) on cooling and heating, against feram's runs.

    OMP_NUM_THREADS=1 python benchmarks/lattice_transitions.py 16 325 180 [--step 5]
        [--start 0.1 0 0.1] [--equilibration 15] [--sampling 30] [--lengths-only]

One JSON object per temperature: polarization times V/V0 in C/m^2 and strain. The pressure is
-5.0 GPa and all six strains move, as in feram's example 03; --lengths-only holds the shears at
zero, which costs the rhombohedral phase about 10 K. Give the first temperature before the last:
the scan cools if it falls. A temperature takes 4 (16^3) or 15 (24^3) quiet seconds.
"""

import argparse
import json
import sys

import numpy as np
import torch

from multiscale import materials, units
from multiscale.atoms import ensembles
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.scans import scan

TIMESTEP = 0.004


def main() -> None:
    """Scan as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", type=int)
    parser.add_argument("first", type=float, help="K")
    parser.add_argument("last", type=float, help="K")
    parser.add_argument("--step", type=float, default=5.0, help="K")
    parser.add_argument("--start", type=float, nargs=3, default=[0.0, 0.0, 0.0], help="angstrom")
    parser.add_argument("--equilibration", type=float, default=15.0, help="ps")
    parser.add_argument("--sampling", type=float, default=30.0, help="ps")
    parser.add_argument("--lengths-only", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    p = materials.load("batio3-zvr1995").lattice.parameters()
    engine = EffectiveHamiltonian(p, (options.size,) * 3)
    stress = ensembles.hydrostatic(-5.0) / units.GPA
    make = ensembles.npt_orthorhombic if options.lengths_only else ensembles.npt_flexible
    sign = 1 if options.last > options.first else -1
    plateaus = scan(
        engine, engine.system(np.array(options.start), np.array([0.014] * 3 + [0.0] * 3)),
        make(stress, friction=2.0),
        np.arange(options.first, options.last + 0.5 * sign * options.step, sign * options.step),
        timestep=TIMESTEP, equilibration=int(options.equilibration / TIMESTEP),
        steps=int(options.sampling / TIMESTEP), generator=np.random.default_rng(options.seed),
        reference=engine.reference,
    )  # fmt: skip
    for plateau in plateaus:
        strain = plateau.strain.mean(0)
        P = plateau.polarization.mean(0) * np.prod(1 + strain[:3])
        found = {
            "kelvin": plateau.temperature, "P": P.round(4).tolist(),
            "strain": strain.round(5).tolist(),
        }  # fmt: skip
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
