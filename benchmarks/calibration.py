"""Does the spread of a committee tell the error of its potential? On frames held out of training.

Prints one JSON object per observable: the factor that the spreads still need (1 is perfect), the
shares of errors inside the 68 and 95 % intervals, miscalibration area, reliability curve, rank
correlation of spread and error; and one on the extrapolation grades of the same frames. Half of the
held-out frames fix the scale of the spread, the other half is what the numbers are about.

    OMP_NUM_THREADS=1 python benchmarks/calibration.py [POTENTIAL] [FILE] [--training N]
        [--figure calibration.png] [--save FOLDER]
"""

import argparse
import json
import time
from pathlib import Path

import ase
import numpy as np
import torch

from multiscale.atoms import ElectricPotential, System
from multiscale.atoms.calibration import Calibration, calibrate
from multiscale.atoms.committee import Committee
from multiscale.atoms.extrapolation import Grader, build
from multiscale.atoms.frames import read_labelled, split_frames
from multiscale.atoms.kinematics import voigt
from multiscale.atoms.labels import labels
from multiscale.atoms.posterior import draw_committee, posterior
from multiscale.pipeline import committees
from multiscale.plotting.uncertainty import calibration

DATA = Path(__file__).parents[2] / "shared/datasets/perovskite-pbesol/PbTiO3.extxyz"


def compare(committee: Committee, frames: list[ase.Atoms]) -> dict[str, Calibration]:
    """Return the calibration of every observable on labelled frames."""
    errors: dict[str, list[np.ndarray]] = {"energy": [], "forces": [], "stress": []}
    spreads: dict[str, list[np.ndarray]] = {name: [] for name in errors}
    for atoms in frames:
        y, n = labels(atoms), len(atoms)
        mean, spread = committee.evaluate_with_spread(System.from_ase(atoms), polarization=False)
        errors["energy"].append((mean.energy.numpy() - y.energy) / n)
        spreads["energy"].append(spread.energy.numpy() / n)
        errors["forces"].append((mean.forces.numpy() - y.forces).ravel())
        spreads["forces"].append(spread.forces.numpy().ravel())
        errors["stress"].append(voigt(mean.stress.numpy()[0] - y.stress))
        spreads["stress"].append(voigt(spread.stress.numpy()[0]))
    offset = np.mean(errors["energy"])  # one constant, as in the table of errors
    errors["energy"] = [e - offset for e in errors["energy"]]
    return {
        name: calibrate(
            np.concatenate(errors[name]),
            np.concatenate(spreads[name]),
            members=len(committee.members),
            centred=committee.centre is not None,
            groups=np.repeat(np.arange(len(frames)), [len(e) for e in errors[name]]),
            bins=3 if name == "energy" else 6,
        )
        for name in errors
    }


def tell(**line: object) -> None:
    def plain(value: object) -> object:
        if isinstance(value, np.ndarray):
            return [float(f"{x:.4g}") for x in value]
        return float(f"{value:.4g}") if isinstance(value, float) else value

    print(json.dumps({k: plain(v) for k, v in line.items()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("potential", nargs="?", default="pbtio3-pbesol")
    parser.add_argument("file", nargs="?", type=Path, default=DATA)
    parser.add_argument("--held-out", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0, help="of the split")
    parser.add_argument("--training", type=int, default=0, help="so many training frames; 0: all")
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--save", type=Path, help="write committee and active set to this folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    potential = ElectricPotential.load(arguments.potential)
    frames = read_labelled(arguments.file)
    known, unknown = split_frames(frames, arguments.held_out, arguments.seed)
    training = [frames[k] for k in known]
    if arguments.training:
        training = training[:: max(1, len(training) // arguments.training)]
    fixing, testing = ([frames[k] for k in unknown[n::2]] for n in (0, 1))
    begin = time.process_time()
    distribution = posterior(potential, training, fixing)
    committee = draw_committee(potential, distribution, members=arguments.members)
    seconds = time.process_time() - begin
    about = {
        "benchmark": "calibration", "potential": arguments.potential,
        "file": arguments.file.name, "training_frames": len(training),
        "test_frames": len(testing), "members": arguments.members,
    }  # fmt: skip
    factors = {name: round(f.value, 3) for name, f in distribution.factors.items()}
    tell(**about, prior=distribution.prior, fitted_factors=factors, processor_seconds=seconds)
    results = compare(committee, testing)
    for name, c in results.items():
        tell(
            **about, observable=name, n=len(c.z), factor=c.factor.value,
            factor_stderr=c.factor.stderr, coverage68=c.coverage68, coverage95=c.coverage95,
            miscalibration=c.miscalibration, rank_correlation=c.correlation,
            expected=c.expected, observed=c.observed, observed_stderr=c.observed_stderr,
        )  # fmt: skip
    active = build(potential, map(System.from_ase, [frames[k] for k in known]))
    grader = Grader(potential, active)
    tops = np.array([grader(System.from_ase(a)).max() for a in fixing + testing])
    tell(**about, observable="extrapolation grade", held_out=np.quantile(tops, [0, 0.5, 0.9, 1]))
    if arguments.figure:
        calibration(results).savefig(arguments.figure, dpi=110)
    if arguments.save:
        committees.save(committee, arguments.save)
        committees.save_active_set(active, arguments.save)


if __name__ == "__main__":
    main()
