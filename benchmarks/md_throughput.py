"""Steps per second of molecular dynamics, and what the loop costs on top of the potential.

Prints one JSON object per line: for each potential, system size and ensemble the time of a step, of
a bare evaluation along the same trajectory, and of the loop alone (a potential that answers at
once). Times are processor time of one thread, the best of five runs.

    OMP_NUM_THREADS=1 python benchmarks/md_throughput.py [name of a potential ...] [--quick]
"""

import argparse
import json
import time
from itertools import islice

import torch

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.driving import Potential
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.shipped import names
from multiscale.atoms.system import Response, System
from multiscale.stages.engines import load_engine
from multiscale.stages.simulation import SimulationOptions, prepare

ENSEMBLES = {
    "nvt": ensembles.nvt(),
    "npt-orthorhombic": ensembles.npt_orthorhombic(),
    "npt-flexible": ensembles.npt_flexible(),
}


class Frozen:
    """A potential that answers the same at once: what is left is the loop."""

    def __init__(self, response: Response) -> None:
        self.response = response

    def evaluate(self, *_: object, **__: object) -> Response:
        """Return the response it was made with."""
        return self.response


def step_time(engine: Potential, system: System, ensemble: ensembles.Ensemble, steps: int) -> float:
    """Return the best time of a step in seconds, out of five runs."""
    run = dynamics(
        engine, system, ensemble, timestep=0.002,
        kT=torch.full((system.n_systems,), units.KB * 300, dtype=torch.float64),
        generators=[walker_generator(0, w) for w in range(system.n_systems)],
    )  # fmt: skip
    list(islice(run, 20))
    return best(lambda: list(islice(run, steps)), steps)


def evaluate_time(
    engine: Potential, system: System, ensemble: ensembles.Ensemble, steps: int
) -> float:
    """Return the best time of an evaluation in seconds, over states of a trajectory."""
    run = dynamics(
        engine, system, ensemble, timestep=0.002,
        kT=torch.full((system.n_systems,), units.KB * 300, dtype=torch.float64),
        generators=[walker_generator(0, w) for w in range(system.n_systems)],
    )  # fmt: skip
    states = list(islice(run, 20, 20 + steps))
    systems = [system.replace(positions=s.positions, cell=s.cell) for s in states]
    return best(lambda: [engine.evaluate(s) for s in systems], steps)


def best(work, steps: int) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) / steps)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("potentials", nargs="*", default=["toy-ferroelectric", *names()])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.potentials:
        for size, walkers in (((2, 2, 2), 4), ((2, 2, 2), 1), ((4, 4, 4), 1)):
            options = SimulationOptions(potential=name, size=size, walkers=walkers)
            system = prepare(options, 300.0).system
            frozen = Frozen(load_engine(name).evaluate(system))
            steps = 20 if arguments.quick else 16000 // system.n_atoms
            for label, ensemble in ENSEMBLES.items():
                step = step_time(load_engine(name), system, ensemble, steps)
                bare = evaluate_time(load_engine(name), system, ensemble, steps)
                loop = step_time(frozen, system, ensemble, 10 * steps)
                line = {
                    "benchmark": "md_throughput", "potential": name, "ensemble": label,
                    "atoms": system.n_atoms // walkers, "walkers": walkers, "threads": 1,
                    "step_ms": 1e3 * step, "evaluate_ms": 1e3 * bare, "loop_ms": 1e3 * loop,
                    "ratio": step / bare, "steps_per_second": 1 / step,
                    "walker_steps_per_second": walkers / step,
                }  # fmt: skip
                print(
                    json.dumps(
                        {k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}
                    )
                )


if __name__ == "__main__":
    main()
