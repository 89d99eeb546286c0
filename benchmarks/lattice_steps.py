"""Cost of a step of the lattice engine: NPT Langevin at several sizes, next to its own transforms.

    OMP_NUM_THREADS=1 python benchmarks/lattice_steps.py [--sizes 16 32 64] [--memory 128]

One JSON object per line: step, evaluation, Fourier transforms and Gaussian noise in ms (best of
several), the ratio of step to transforms, and the peak memory in GiB of a run at --memory cells.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from multiscale import materials, units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice import EffectiveHamiltonian

MATERIAL, TIMESTEP, KELVIN = "batio3-zvr1995", 0.002, 300.0


def best(call: Callable[[], object], seconds: float = 2.0) -> float:
    """Return the shortest processor time of a call in ms: others may use the machine too."""
    call()
    found, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(found) < 3:
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return 1e3 * min(found)


def walk(L: int) -> tuple[EffectiveHamiltonian, Callable[[], object]]:
    """Return an engine of L cubed cells and what takes a step of it."""
    engine = EffectiveHamiltonian.from_record(materials.load(MATERIAL), (L, L, L))
    bath = ensembles.npt_orthorhombic(ensembles.hydrostatic(-4.8) / units.GPA)
    kT = torch.tensor([units.KB * KELVIN], dtype=torch.float64)
    run = dynamics(
        engine, engine.system(np.array([0.0, 0.0, 0.1])), bath, timestep=TIMESTEP, kT=kT,
        generators=[np.random.default_rng(0)],
    )  # fmt: skip
    return engine, lambda: next(run)


def measure(L: int) -> dict[str, float]:
    """Return the times of one size."""
    engine, step = walk(L)
    field = torch.randn((6, L, L, L), dtype=torch.float64)
    waves = torch.fft.rfftn(field, dim=(1, 2, 3))
    noise, out = np.random.default_rng(0), np.empty((L**3, 3))
    system = engine.system(np.array([0.0, 0.0, 0.1]))
    transforms = best(lambda: torch.fft.rfftn(field, dim=(1, 2, 3)))
    transforms += best(lambda: torch.fft.irfftn(waves, s=(L, L, L), dim=(1, 2, 3)))
    whole = best(step)
    return {
        "L": L, "step_ms": whole, "evaluate_ms": best(lambda: engine.evaluate(system)),
        "transforms_ms": transforms, "noise_ms": best(lambda: noise.standard_normal(out=out)),
        "step_over_transforms": whole / transforms, "ns_per_cell": 1e6 * whole / L**3,
    }  # fmt: skip


def peak(L: int) -> float:
    """Return the peak memory in GiB of a fresh process that takes three steps."""
    code = (
        f"import lattice_steps as b; _, s = b.walk({L}); [s() for _ in range(3)]; print(b.used())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=__file__.rpartition("/")[0] or ".",
    )  # fmt: skip
    return float(done.stdout)


def used() -> float:
    """Return the peak memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[12, 16, 32])
    parser.add_argument("--memory", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for L in options.sizes:
        sys.stdout.write(json.dumps(measure(L)) + "\n")
    if options.memory:
        result = {"L": options.memory, "peak_gib": peak(options.memory)}
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
