"""Speed against DeePMD-kit and MACE: energy, forces and stress of PbTiO3 on one thread.

Each peer runs in a Python environment of its own, in a process that stays alive; the processes take
turns, so that all see the same machine. All get the same consecutive snapshots of a molecular
dynamics run at 300 K and 2 fs, back and forth: neighbour lists age and are rebuilt as in dynamics.
Times are processor time of the process (all its threads), medians over the rounds. The peers have
random weights, which cost as much as trained ones:

- DeePMD-kit, backends tf and pt: se_e2_a with 25-50-100 and 16 axis neurons, 6 angstrom, fitting
  net 240-240-240, uncompressed; with type embedding (8 neurons) in tf, where it exists for this
  descriptor; selection of neighbours 1.2 times what the data need;
- MACE small: 128x0e, two layers, correlation 3, l <= 3, 6 angstrom, float32.

Prints one JSON object per line: microseconds per atom of each, then the ratios to ours.

    python benchmarks/peers_speed.py --deepmd ENV/bin/python --mace ENV/bin/python [--quick]

where the environments have `pip install deepmd-kit[cpu,torch] ase` and `pip install mace-torch`. A
peer without an environment is skipped with a line that says so.
"""

# ruff: noqa: PLC0415 - this file also runs in the environments of the peers, which lack the rest

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

SIZES = {40: (2, 2, 2), 320: (4, 4, 4), 1080: (6, 6, 6)}
OURS = "pbtio3-pbesol"
TARGETS = {"deepmd": 20.0, "mace": 100.0}
ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS",
        "TF_INTRA_OP_PARALLELISM_THREADS", "TF_INTER_OP_PARALLELISM_THREADS",
        "DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS",
    )
} | {"OMP_WAIT_POLICY": "passive", "CUDA_VISIBLE_DEVICES": ""}  # fmt: skip


def snapshots(potential: str, atoms: int, steps: int) -> dict[str, np.ndarray]:
    """Return consecutive positions of a run at 300 K, the cell, species, energies and forces."""
    from itertools import islice

    import torch

    from multiscale import units
    from multiscale.atoms.dynamics import dynamics
    from multiscale.atoms.ensembles import nvt
    from multiscale.atoms.generators import walker_generator
    from multiscale.stages.engines import load_engine
    from multiscale.stages.simulation import SimulationOptions, prepare

    options = SimulationOptions(potential=potential, size=SIZES[atoms], walkers=1)
    engine, system = load_engine(potential), prepare(options, 300.0).system
    run = dynamics(
        engine, system, nvt(5.0), timestep=0.002,
        kT=torch.tensor([300 * units.KB], dtype=torch.float64),
        generators=[walker_generator(0, 0)],
    )  # fmt: skip
    states = list(islice(run, 100, 100 + steps))
    return {
        "positions": np.stack([s.positions.numpy() for s in states]),
        "cell": states[0].cell[0].numpy(),
        "numbers": system.numbers.numpy(),
        "energies": np.array([float(s.energy[0]) for s in states]),
        "forces": np.stack([s.forces.numpy() for s in states]),
    }


def deepmd_model(python: str, backend: str, folder: Path) -> Path:
    """Return a frozen DeePMD model of random weights, made by two steps of training."""
    data = np.load(folder / "40.npz")
    sets = folder / "data" / "set.000"
    sets.mkdir(parents=True, exist_ok=True)
    kinds = ["Pb", "Ti", "O"]
    (sets.parent / "type_map.raw").write_text("\n".join(kinds))
    order = {82: 0, 22: 1, 8: 2}
    np.savetxt(sets.parent / "type.raw", [order[z] for z in data["numbers"].tolist()], fmt="%d")
    n = len(data["positions"])
    np.save(sets / "coord.npy", data["positions"].reshape(n, -1))
    np.save(sets / "box.npy", np.tile(data["cell"].ravel(), (n, 1)))
    np.save(sets / "energy.npy", data["energies"])
    np.save(sets / "force.npy", data["forces"].reshape(n, -1))
    descriptor = {
        "type": "se_e2_a", "sel": "auto:1.2", "rcut_smth": 0.5, "rcut": 6.0,
        "neuron": [25, 50, 100], "axis_neuron": 16, "seed": 1,
    }  # fmt: skip
    model = {
        "type_map": kinds,
        "descriptor": descriptor,
        "fitting_net": {"neuron": [240, 240, 240], "resnet_dt": True, "seed": 1},
    }
    if backend == "tf":
        model["type_embedding"] = {"neuron": [8], "seed": 1}
    training = {
        "training_data": {"systems": [str(sets.parent)], "batch_size": 1}, "numb_steps": 2,
        "save_freq": 2, "disp_freq": 1, "seed": 1,
    }  # fmt: skip
    work = folder / backend
    work.mkdir()
    settings = {
        "model": model, "training": training, "learning_rate": {"type": "exp", "start_lr": 1e-3},
        "loss": {"type": "ener"},
    }  # fmt: skip
    (work / "input.json").write_text(json.dumps(settings))
    frozen = work / ("frozen.pb" if backend == "tf" else "frozen.pth")
    program = [str(Path(python).parent / "dp"), f"--{backend}"]
    for arguments in (["train", "input.json"], ["freeze", "-o", frozen.name]):
        subprocess.run(
            [*program, *arguments], cwd=work, check=True, capture_output=True,
            env=os.environ | ONE_THREAD,
        )  # fmt: skip
    return frozen


def ours_call(data, potential: str):
    import torch

    from multiscale.atoms import ElectricPotential, System

    torch.set_num_threads(1)
    engine = ElectricPotential.load(potential, dtype=torch.float32)
    numbers = torch.from_numpy(data["numbers"])
    system = System(
        positions=torch.from_numpy(data["positions"][0]),
        cell=torch.from_numpy(data["cell"][None]),
        numbers=numbers,
        masses=torch.ones(len(numbers), dtype=torch.float64),
        system_index=torch.zeros(len(numbers), dtype=torch.int64),
    )

    def call(positions):
        moved = system.replace(positions=torch.from_numpy(positions))
        out = engine.evaluate(moved, polarization=False)
        return out.energy, out.forces, out.stress

    return call


def deepmd_call(data, model: str):
    import torch
    from deepmd.infer import DeepPot

    torch.set_num_threads(1)
    engine = DeepPot(model)
    kinds = {z: engine.get_type_map().index(s) for z, s in ((82, "Pb"), (22, "Ti"), (8, "O"))}
    types = [kinds[z] for z in data["numbers"].tolist()]
    cell = data["cell"].reshape(1, 9)
    return lambda positions: engine.eval(positions.reshape(1, -1), cell, types)[:3]


def mace_call(data, _: str):
    import torch
    from ase import Atoms
    from mace import modules
    from mace.calculators import MACECalculator

    torch.set_num_threads(1)
    torch.manual_seed(0)
    o3 = modules.blocks.o3  # e3nn by way of mace, which makes it load with this torch
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        r_max=6.0, num_bessel=8, num_polynomial_cutoff=5, max_ell=3, interaction_cls=block,
        interaction_cls_first=block, num_interactions=2, num_elements=3,
        hidden_irreps=o3.Irreps("128x0e"), MLP_irreps=o3.Irreps("16x0e"), gate=torch.nn.SiLU(),
        atomic_energies=np.zeros((1, 3)), avg_num_neighbors=70.0, atomic_numbers=[8, 22, 82],
        correlation=3, atomic_inter_scale=[1.0], atomic_inter_shift=[0.0],
    )  # fmt: skip
    calculator = MACECalculator(models=model, device="cpu", default_dtype="float32")
    atoms = Atoms(numbers=data["numbers"], cell=data["cell"], pbc=True)

    def call(positions):
        atoms.positions = positions
        calculator.calculate(atoms)
        return [calculator.results[name] for name in ("energy", "forces", "stress")]

    return call


CALLS = {"ours": ours_call, "deepmd": deepmd_call, "mace": mace_call}


def there_and_back(positions: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the snapshots forwards and backwards, forever."""
    while True:
        yield from positions[:-1]
        yield from positions[:0:-1]


def work(kind: str, folder: Path, argument: str) -> None:
    """Serve in a process: read "atoms calls", print the processor time of a call in seconds."""
    import time

    running = {}
    for line in sys.stdin:
        atoms, calls = map(int, line.split())
        if atoms not in running:
            data = np.load(folder / f"{atoms}.npz")
            running[atoms] = CALLS[kind](data, argument), there_and_back(data["positions"])
            for _ in range(2):
                running[atoms][0](next(running[atoms][1]))
        call, frames = running[atoms]
        start = time.process_time()
        for _ in range(calls):
            call(next(frames))
        print(f"TIME {(time.process_time() - start) / calls}", flush=True)


class Worker:
    """A process that evaluates one potential; calls(atoms) in a turn take about a second."""

    def __init__(self, python: str, kind: str, folder: Path, argument: str = "") -> None:
        self.process = subprocess.Popen(
            [python, __file__, "--worker", kind, str(folder), argument],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | ONE_THREAD,
        )  # fmt: skip

    def time(self, atoms: int, calls: int) -> float:
        """Return the processor time of a call in seconds."""
        self.process.stdin.write(f"{atoms} {calls}\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.startswith("TIME "):
                return float(line.split()[1])
            said.append(line)
        raise RuntimeError(f"a worker ended:\n{''.join(said[-20:])}")


def measure(workers: dict[str, Worker], sizes: list[int], rounds: int, turn: float) -> None:
    """Time all workers in turns and print what was found."""
    for atoms in sizes:
        calls = {n: max(1, round(turn / w.time(atoms, 1))) for n, w in workers.items()}
        times = {name: [] for name in workers}
        for _ in range(rounds):
            for name, worker in workers.items():
                times[name].append(worker.time(atoms, calls[name]))
        for name, seconds in times.items():
            show(potential=name, atoms=atoms, us_per_atom=1e6 * median(seconds) / atoms,
                 ms_per_call=1e3 * median(seconds), calls=calls[name] * rounds)  # fmt: skip
        for name in list(times)[1:]:
            ratio = median(t / o for t, o in zip(times[name], times["ours"], strict=True))
            target = TARGETS[name.split("-")[0]]
            show(peer=name, atoms=atoms, times_slower_than_ours=ratio, target=target)


def show(**values: object) -> None:
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}
    print(json.dumps({"benchmark": "peers_speed", "threads": 1, **rounded}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deepmd", help="python of an environment with deepmd-kit")
    parser.add_argument("--mace", help="python of an environment with mace-torch")
    parser.add_argument("--potential", default=OURS, help="ours: shipped name or folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    arguments = parser.parse_args()
    rounds, turn = (2, 0.3) if arguments.quick else (7, 1.5)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for atoms in {40, *arguments.sizes}:
            data = snapshots(arguments.potential, atoms, 20 if arguments.quick else 60)
            np.savez(folder / f"{atoms}.npz", **data)
        workers = {"ours": Worker(sys.executable, "ours", folder, arguments.potential)}
        if arguments.deepmd:
            for backend in ("tf", "pt"):
                model = deepmd_model(arguments.deepmd, backend, folder)
                worker = Worker(arguments.deepmd, "deepmd", folder, str(model))
                workers[f"deepmd-{backend}"] = worker
        if arguments.mace:
            workers["mace"] = Worker(arguments.mace, "mace", folder)
        for peer in ("deepmd", "mace"):
            if not getattr(arguments, peer):
                show(peer=peer, skipped=f"no environment: give --{peer} PYTHON")
        measure(workers, arguments.sizes, rounds, turn)
        for worker in workers.values():
            worker.process.stdin.close()
            worker.process.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        main()
