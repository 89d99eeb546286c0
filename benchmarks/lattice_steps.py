"""Cost of a step of the lattice engine: NPT Langevin at several sizes, next to its transforms.

    OMP_NUM_THREADS=1 python benchmarks/lattice_steps.py [--sizes 16 32 64] [--memory 128]
        [--openferro SOURCE --python PYTHON]

One JSON object per line: processor time in ms of a step (fields in float64 and float32), an
evaluation, its transforms with the matrices between them, the same transforms by torch (MKL), and
the noise; the peak memory in GiB of a run at --memory cells. OpenFerro (github.com/salinelake/
OpenFerro, a source tree) runs in a process of its own, in a Python with jax, turn by turn with
ours: NPT Langevin of the same BaTiO3, in its own precision, which is float32.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from multiscale import materials, units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.spectral import respond
from multiscale.noise import standard_normal

MATERIAL, TIMESTEP, KELVIN = "batio3-zvr1995", 0.002, 300.0
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
PEER = """
import json, pathlib, sys, time
source, size = pathlib.Path(sys.argv[1]), int(sys.argv[2])
example = source / "examples" / "01.BTO_Cooling"
sys.path[:0] = [str(source), str(example)]
import jax, npt
from openferro.simulation import SimulationNPTLangevin
config = json.loads((example / "BaTiO3.json").read_text())
system, dipole, local, cell = npt.build_system(config, size)
for field, tau in ((dipole, 0.1), (local, 1.0), (cell, 1.0)):
    field.set_integrator("isothermal", dt=0.002, temp=300.0, tau=tau)
run = SimulationNPTLangevin(system, pressure=-4.8e4, seed=1)
run.init_velocity(mode="gaussian", temp=300.0)
run.run(3)
for line in sys.stdin:
    start = time.process_time()
    run.run(5)
    jax.block_until_ready([field.get_values() for field in system.get_all_fields()])
    print((time.process_time() - start) / 5, str(dipole.get_values().dtype), flush=True)
"""


def best(call: Callable[[], object], seconds: float = 2.0) -> float:
    """Return the shortest processor time of a call in ms: others may use the machine too."""
    call()
    found, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(found) < 20:
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return 1e3 * min(found)


def walk(L: int, dtype: type = np.float64) -> tuple[EffectiveHamiltonian, Callable[[], object]]:
    """Return an engine of L cubed cells and what takes a step of it."""
    p = materials.load(MATERIAL).lattice.parameters()
    engine = EffectiveHamiltonian(p, (L, L, L), dtype=dtype)
    bath = ensembles.npt_orthorhombic(ensembles.hydrostatic(-4.8) / units.GPA)
    kT = torch.tensor([units.KB * KELVIN], dtype=torch.float64)
    run = dynamics(
        engine, engine.system(np.array([0.0, 0.0, 0.1])), bath, timestep=TIMESTEP, kT=kT,
        generators=[np.random.default_rng(0)],
    )  # fmt: skip
    return engine, lambda: next(run)


def by_torch(L: int) -> float:
    """Return the time of six real transforms there and six back, a field at a time, in ms."""
    field = torch.randn((6, L, L, L), dtype=torch.float64)
    waves = torch.fft.rfftn(field, dim=(1, 2, 3))
    there = best(lambda: [torch.fft.rfftn(one) for one in field])
    return there + best(lambda: [torch.fft.irfftn(one, s=(L, L, L)) for one in waves])


def measure(L: int) -> dict[str, float]:
    """Return the times of one size."""
    engine, step = walk(L)
    room, out, rng = engine._room, np.empty(3 * L**3), np.random.default_rng(0)
    system = engine.system(np.array([0.0, 0.0, 0.1]))
    whole, transforms = best(step), by_torch(L)
    return {
        "L": L, "step_ms": whole, "step_single_ms": best(walk(L, np.float32)[1]),
        "evaluate_ms": best(lambda: engine.evaluate(system)),
        "own_transforms_ms": best(
            lambda: respond(room.u, room.S, room.f, room.w, engine._tables, room.plan)
        ),
        "torch_transforms_ms": transforms, "noise_ms": best(lambda: standard_normal(rng, out)),
        "step_over_torch_transforms": whole / transforms, "ns_per_cell": 1e6 * whole / L**3,
    }  # fmt: skip


def race(L: int, source: Path, python: str, rounds: int = 12) -> dict[str, object]:
    """Return the times of a step here and in OpenFerro, taken turn by turn."""
    ours = {dtype: walk(L, dtype)[1] for dtype in (np.float64, np.float32)}
    peer = subprocess.Popen(
        [python, "-c", PEER, str(source), str(L)], text=True, env=os.environ | {
            "XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"
        }, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert peer.stdin is not None
    assert peer.stdout is not None
    theirs, mine, precision = [], {dtype: [] for dtype in ours}, ""
    for _ in range(rounds):
        print("go", file=peer.stdin, flush=True)
        seconds, precision = peer.stdout.readline().split()
        theirs.append(1e3 * float(seconds))
        for dtype, step in ours.items():
            mine[dtype].append(best(step, 0.0))
    peer.stdin.close()
    peer.wait()
    double, single = (np.array(mine[dtype]) for dtype in (np.float64, np.float32))
    return {
        "L": L, "openferro_ms": min(theirs), "openferro_precision": precision,
        "step_ms": double.min(), "step_single_ms": single.min(),
        "ratio": min(theirs) / double.min(), "ratio_single": min(theirs) / single.min(),
        "median_ratio": float(np.median(np.array(theirs) / double)),
        "median_ratio_single": float(np.median(np.array(theirs) / single)),
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
    parser.add_argument("--openferro", type=Path, help="source tree")
    parser.add_argument("--python", default=sys.executable, help="a Python with jax")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for L in options.sizes:
        sys.stdout.write(json.dumps(measure(L)) + "\n")
        sys.stdout.flush()
    if options.openferro:
        found = race(32, options.openferro.resolve(), options.python)
        sys.stdout.write(json.dumps(found) + "\n")
    if options.memory:
        result = {"L": options.memory, "peak_gib": peak(options.memory)}
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
