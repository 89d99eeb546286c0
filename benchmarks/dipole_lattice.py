"""A lattice of dipoles trained on 20 x 20 x 12 cells and run at 50 x 50 x 12, against its source.

    OMP_NUM_THREADS=1 python benchmarks/dipole_lattice.py [--kelvin 400] [--train 30] [--run 20]

The source is the effective Hamiltonian of BaTiO3 whose acoustic displacements move by themselves
(`dipole_source`), so that the modes alone have a memory. One JSON object per line: the mean force
against the exact one, the kernel with its checks, and at the larger size structure factor, local
distribution, velocity autocorrelation and mean polarization of GLE, Markov limit and source.
"""

import argparse
import json
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice

import numpy as np
from dipole_source import source_of, start, trajectory

from multiscale import materials, units
from multiscale.gle import dipole_lattice as dl
from multiscale.gle.dipole_lattice_fit import fit_lattice_force
from multiscale.gle.dipole_lattice_kernel import LatticeKernel, friction_between, friction_samples
from multiscale.gle.dipole_lattice_memory import extract_lattice_kernel
from multiscale.gle.dipole_lattice_simulate import lattice_markov_limit, lattice_trajectory
from multiscale.gle.dipole_lattice_statistics import cell_autocorrelation, lattice_statistics

RECORD = "batio3-wc2010"
SMALL, LARGE = (20, 20, 12), (50, 50, 12)
STEP, FRAME, APART = 0.002, 0.01, 0.1  # ps: of integration, of frames, of independent frames
STEPS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0]])
# (w dt)^2/24 of the 130/ps of longitudinal modes shifts their phase: 4 fs spoil <v(t) v(0)>
GLE_STEP = 0.001  # ps
EVERY = 15  # frames between those that the mean force sees
EDGES = np.linspace(-0.3, 0.3, 61)
Frame = tuple[np.ndarray, np.ndarray, np.ndarray]


def source_frames(size, kT: float, seed: int, warm: float) -> Iterator[Frame]:
    """Yield u, v and the force on u of the source, every FRAME, after `warm` ps with friction."""
    s, rng = source_of(RECORD, size), np.random.default_rng(seed)
    warmed = deque(islice(trajectory(s, start(s, rng), kT, STEP, 2.0, rng), round(warm / STEP)), 1)
    every = round(FRAME / STEP)
    for i, state in enumerate(trajectory(s, warmed[0], kT, STEP, 0.0, rng), 1):
        if i % every == 0:
            yield state.u, state.v, state.f


def gle_frames(
    kernel: LatticeKernel, force: dl.LatticeForce, size, seed: int, warm: float
) -> Iterator[Frame]:
    """Yield u, v and nothing of the GLE, every FRAME, after `warm` ps with more friction."""
    rng = np.random.default_rng(seed)
    first = 0.05 * rng.standard_normal((3, *size))
    hot = kernel._replace(white=kernel.white + 4.0)
    start = deque(
        islice(lattice_trajectory(hot, force, first, rng, dt=GLE_STEP), round(warm / GLE_STEP)), 1
    )[0]
    run = lattice_trajectory(kernel, force, start.modes, rng, dt=GLE_STEP, velocity=start.velocity)
    every = round(FRAME / GLE_STEP)
    for i, state in enumerate(run, 1):
        if i % every == 0:
            yield state.modes, state.velocity, state.velocity


def observed(frames: Iterator[Frame], duration: float, size) -> dict[str, object]:
    """Return statistics of a run of `duration` ps, and <v(t) v(0)> of some cells."""
    cells = np.random.default_rng(0).permutation(int(np.prod(size)))[:400]
    kept, speeds, temperature = [], [], []
    apart = round(APART / FRAME)
    for i, (u, v, _) in enumerate(islice(frames, round(duration / FRAME))):
        speeds.append(v.reshape(3, -1)[:, cells].ravel())
        temperature.append(np.mean(v**2))
        if i % apart == 0:
            kept.append(u.astype(np.float32))
    stats = lattice_statistics(np.array(kept), EDGES)
    n_lags = round(1.0 / FRAME)
    vacf, error = cell_autocorrelation(np.array(speeds).T, n_lags)
    return {
        "stats": stats, "vacf": vacf / vacf[0], "vacf_stderr": error / vacf[0],
        "speed": float(np.mean(temperature)),
    }  # fmt: skip


def report(name: str, found: dict[str, object], reference: dict[str, object] | None) -> None:
    """Print one run; with a reference, differences in percent and in combined errors."""
    s = found["stats"]
    line: dict[str, object] = {"run": name, "speed2": found["speed"]}
    for key in ("variance", "kurtosis", "polarization", "longitudinal", "transverse"):
        value, error = getattr(s, key), getattr(s, f"{key}_stderr")
        line[key], line[f"{key}_stderr"] = value.tolist(), error.tolist()
        if reference:
            r = reference["stats"]
            old, doubt = getattr(r, key), getattr(r, f"{key}_stderr")
            line[f"{key}_off_percent"] = np.round(100 * (value / old - 1), 2).tolist()
            line[f"{key}_off_sigma"] = np.round((value - old) / np.hypot(error, doubt), 2).tolist()
    if reference:
        r = reference["stats"]
        width = np.diff(s.edges)
        line["density_l1"] = float(np.sum(np.abs(s.density - r.density) * width))
        chance = np.hypot(s.density_stderr, r.density_stderr)
        line["density_l1_chance"] = float(np.sum(0.8 * chance * width))
        off = found["vacf"] - reference["vacf"]
        line["vacf_rms"] = float(np.sqrt(np.mean(off**2)))
        line["vacf_max"] = float(np.abs(off).max())
        line["vacf_chance"] = float(
            np.sqrt(np.mean(found["vacf_stderr"] ** 2 + reference["vacf_stderr"] ** 2))
        )
    print(json.dumps(line), flush=True)


def training_run(kT: float, duration: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return frames of the source on the small lattice, and the forces on every EVERY-th."""
    clock = time.perf_counter()
    u = np.empty((round(duration / FRAME), 3, *SMALL), np.float32)
    pushes = []
    for i, (x, _, f) in enumerate(islice(source_frames(SMALL, kT, 1, 8.0), len(u))):
        u[i] = x
        if i % EVERY == 0:
            pushes.append(f.astype(np.float32))
    print(json.dumps({"source_s": time.perf_counter() - clock, "frames": len(u)}), flush=True)
    return u, pushes


def mean_force(u: np.ndarray, kT: float, name: str, **given: object) -> dl.LatticeForce | None:
    """Return a fit of the mean force, printed beside the exact one; None if it was refused."""
    exact = dl.force_of_parameters(materials.load(RECORD).lattice.parameters())
    clock = time.perf_counter()
    try:
        force = fit_lattice_force(u[::EVERY], kT, n_blocks=25, **given)
    except ValueError as err:
        print(json.dumps({"mean_force": name, "refused": str(err)}), flush=True)
        return None
    truth = dict(zip(exact.names, exact.coefficients, strict=True))
    error = np.sqrt(np.diag(force.covariance))
    a, b = (dl.lattice_force(u[-1].astype(float), dl.tables_of(t, SMALL))[0]
            for t in (force, exact))  # fmt: skip
    print(json.dumps({
        "mean_force": name, "seconds": time.perf_counter() - clock,
        "relative_error": float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2))),
        "terms": {n: [float(c), float(e), float(truth[n])] for n, c, e in
                  zip(force.names, force.coefficients, error, strict=True)},
    }), flush=True)  # fmt: skip
    return force


def train(kT: float, duration: float) -> tuple[dl.LatticeForce, LatticeKernel]:
    """Return mean force and kernel from the source on the small lattice; print what they are."""
    u, pushes = training_run(kT, duration)
    p = materials.load(RECORD).lattice.parameters()
    moduli = dl.force_of_parameters(p).moduli
    kept = mean_force(u, kT, "forces", forces=pushes, order=8, moduli=moduli)
    assert kept is not None
    mean_force(u, kT, "configurations, order 8", order=8, moduli=moduli)
    mean_force(u, kT, "configurations, order 4", order=4, moduli=moduli)
    mean_force(u, kT, "forces, no strain", forces=pushes, order=8)
    clock = time.perf_counter()
    fit = extract_lattice_kernel([u], FRAME, kT, kept, window=2.0, shells=1, n_modes=6)
    k = fit.kernel
    print(json.dumps({
        "kernel": "", "seconds": time.perf_counter() - clock, "mass": k.mass,
        "mass_stderr": k.mass_stderr, "mass_of_record": p.mass * units.AMU,
        "rate": k.rate.tolist(), "decay": k.decay.tolist(), "frequency": k.frequency.tolist(),
        "coupling": k.coupling.tolist(), "gain": fit.gain.tolist(),
        "friction": friction_between(k, STEPS).tolist(),
        "friction_stderr": friction_samples(k, STEPS).std(0, ddof=1).tolist(),
        "checks": {c.check: [c.value, c.ok, c.message] for c in k.checks},
    }), flush=True)  # fmt: skip
    return kept, k


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kelvin", type=float, default=400.0)
    parser.add_argument("--train", type=float, default=30.0, help="ps on the small lattice")
    parser.add_argument("--run", type=float, default=20.0, help="ps on the large lattice")
    parser.add_argument("--small-only", action="store_true", help="compare at 20 x 20 x 12")
    given = parser.parse_args()
    kT = units.KB * given.kelvin
    force, kernel = train(kT, given.train)
    size = SMALL if given.small_only else LARGE
    runs = {"gle": kernel, "markov": lattice_markov_limit(kernel)}
    reference = observed(source_frames(size, kT, 2, 8.0), given.run, size)
    report("source", reference, None)
    for name, one in runs.items():
        found = observed(gle_frames(one, force, size, 3, 8.0), given.run, size)
        report(name, found, reference)


if __name__ == "__main__":
    main()
