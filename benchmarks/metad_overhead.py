"""What metadynamics adds to a molecular-dynamics step: one JSON object per line.

Bias alone (collective variable, grid interpolation, wall, hills at the given pace), measured on
random polarizations; "share" compares with md_step_ms, the cost of a batch step of four 40-atom
walkers with the shipped potential on one core. Also the memory of the grid, and how the cost of a
step grows with the number of hills (it does not).
"""

import json
import time

import numpy as np
import torch

from multiscale import units
from multiscale.sampling import CellBias, Metadynamics, Polarization, Wall, WellTempered

MD_STEP_MS = 1.5
WALKERS, STEPS, PACE = 4, 20_000, 100
KT = units.KB * 300


def measure(axes: tuple[int, ...], symmetric: bool) -> dict[str, object]:
    d = len(axes)
    metad = Metadynamics(
        WellTempered(
            sigma=(0.08,) * d, height=0.02, pace=PACE, bias_factor=10.0, kT=KT,
            wall=Wall(1.2, 4 * KT / 0.08**2), symmetric=symmetric, n_walkers=WALKERS,
        )
    )  # fmt: skip
    bias = CellBias(Polarization(axes), metad)
    rng = np.random.default_rng(0)
    cell = torch.eye(3, dtype=torch.float64).expand(WALKERS, 3, 3) * 7.9
    scale = 7.9**3 / units.C_PER_M2
    P = [torch.from_numpy(rng.uniform(-1, 1, (WALKERS, 3)) * scale) for _ in range(500)]
    for step in range(2 * PACE + 1):
        bias(P[step], cell, step)
    halves = []
    for first in (1, STEPS // 2):
        start = time.process_time()
        for step in range(first, first + STEPS // 2):
            bias(P[step % 500], cell, step + 2 * PACE)
        halves.append((time.process_time() - start) / (STEPS // 2) * 1e6)
    return {
        "benchmark": "metad_overhead",
        "axes": d,
        "symmetric_hills": symmetric,
        "walkers": WALKERS,
        "pace_steps": PACE,
        "hills": len(metad.hills.step),
        "us_per_step_first_half": round(halves[0], 2),
        "us_per_step_second_half": round(halves[1], 2),
        "share_of_md_step": round(halves[1] / 1000 / MD_STEP_MS, 4),
        "md_step_ms": MD_STEP_MS,
        "grid_mib": round(metad.grid.table.nbytes / 2**20, 2),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in (((2,), False), ((0, 2), False), ((0, 1, 2), False), ((0, 1, 2), True)):
        print(json.dumps(measure(*case)))
