"""Dielectric and infrared response of alpha-quartz from a potential with a learned response.

Prints one JSON object per line: the relaxation, eps_inf from the polarizability and from clamped
ions in a field, eps_0 from relaxed ions in a field and from the phonons, the infrared bands beside
those of density-functional perturbation theory. Reference: the electric-response training of
Falletta et al., Nat. Commun. 16, 4031 (2025), same functional and cell.

    OMP_NUM_THREADS=1 python benchmarks/quartz_response.py sio2-pbe SiO2.extxyz [--dynamics 20]

With --dynamics PS it also runs four walkers at 300 K for so long, without field and at -E and +E
along z: eps_0 from fluctuations beside eps_0 from fields, and the infrared bands at temperature.

The structure is the mean of the frames of the file (thermal motion averages out), relaxed with the
potential at the cell of the file.
"""

import argparse
import json
import time
from itertools import islice
from pathlib import Path

import ase
import numpy as np
import torch
from ase.io import read
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks

from multiscale import units
from multiscale.atoms import phonons, response
from multiscale.atoms.diagnostics import integrated_time
from multiscale.atoms.driving import Potential
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.ensembles import nvt
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.relaxation import Relaxed, relax
from multiscale.atoms.spectra import make_grid
from multiscale.atoms.system import Response, System
from multiscale.stages.engines import load_engine

DATA = Path(__file__).parents[2] / "shared/datasets/sio2-electric/SiO2.extxyz"
BANDS = (250, 349, 375, 421, 463, 667, 751, 767, 1042, 1048, 1133)  # 1/cm, DFPT, TO
EPS_INF_ZZ, EPS_0_ZZ = 2.412, 4.746
TEMPERATURE, STRIDE = 300.0, 4
NAMES = ("xx", "yy", "zz")


def mean_structure(path: Path) -> ase.Atoms:
    """Return the mean of the frames, each brought next to the first by whole lattice vectors."""
    frames = read(path, ":")
    cell = np.array(frames[0].cell)
    first = frames[0].get_scaled_positions(wrap=False)
    shifts = []
    for frame in frames:
        away = frame.get_scaled_positions(wrap=False) - first
        away -= np.rint(away)
        shifts.append(away - away.mean(axis=0))
    atoms = frames[0].copy()
    atoms.positions = (first + np.mean(shifts, axis=0)) @ cell
    return atoms


def say(what: str, **values: object) -> None:
    """Print one line."""
    print(json.dumps({"benchmark": "quartz_response", "what": what, **values}), flush=True)


def diagonal(tensor: np.ndarray, digits: int = 4) -> dict[str, float]:
    return {n: round(float(v), digits) for n, v in zip(NAMES, np.diag(tensor), strict=True)}


def relaxed(engine: Potential, system: System, field: torch.Tensor | None, args) -> Relaxed:
    return relax(engine, system, field, tolerance=args.tolerance, most=3000)


def by_fields(engine: Potential, system: System, args, ions: bool) -> np.ndarray:
    """Return the permittivity from the polarization at -E, +E along each axis."""
    fields, P = [], []
    for axis in range(3):
        for sign in (-1, 1):
            field = torch.zeros(3, dtype=torch.float64)
            field[axis] = sign * args.field
            here = relaxed(engine, system, field, args).system if ions else system
            fields.append(field.numpy() * 1e10)
            P.append(engine.evaluate(here, field).polarization[0].numpy())
    return response.permittivity_of_fields(np.array(P), np.array(fields)).value


def lines(modes: phonons.Modes, born: np.ndarray) -> list[tuple[float, float, str]]:
    """Return wavenumber, intensity and polarization of the infrared lines.

    Degenerate pairs that the potential's own errors split count as one line; modes polarized along
    the threefold axis z (A2) and across it (E) never do.
    """
    charge = phonons.mode_charges(modes, born) ** 2
    found = []
    for name, strength in (("z", charge[:, 2]), ("xy", charge[:, :2].sum(axis=1))):
        strong = np.flatnonzero((strength > 1e-3 * charge.max()) & (modes.wavenumber > 100))
        gaps = np.diff(modes.wavenumber[strong]) > 4
        for group in np.split(strong, np.flatnonzero(gaps) + 1):
            at = np.average(modes.wavenumber[group], weights=strength[group])
            found.append((float(at), float(strength[group].sum()), name))
    return found


def bands(modes: phonons.Modes, born: np.ndarray) -> list[dict[str, object]]:
    """Return for each DFPT band a line of the potential, paired so that they are close in all."""
    found = lines(modes, born)
    apart = np.abs(np.array(BANDS)[:, None] - np.array([line[0] for line in found]))
    return [
        {"dfpt": BANDS[i], "found": round(found[j][0], 1), "off": round(found[j][0] - BANDS[i], 1),
         "intensity_e2_amu": round(found[j][1], 4), "polarized": found[j][2]}
        for i, j in zip(*linear_sum_assignment(apart), strict=True)
    ]  # fmt: skip


def polarization(engine: Potential, system: System, field: float, args) -> np.ndarray:
    """Return the polarization of four walkers at 300 K, (walker, time, 3) in C/m^2."""
    walkers = System.concatenate([system] * 4)
    run = dynamics(
        engine, walkers, nvt(friction=0.3), timestep=0.001,
        kT=torch.full((4,), units.KB * TEMPERATURE, dtype=torch.float64),
        generators=[walker_generator(round(1e6 * field) % 97, w) for w in range(4)],
        electric_field=torch.tensor([0.0, 0.0, field], dtype=torch.float64),
    )  # fmt: skip
    samples = islice(run, 2000, 2000 + round(1000 * args.dynamics), STRIDE)
    dipole = np.array([state.dipole.numpy() for state in samples]).swapaxes(0, 1)
    return dipole / float(system.volume) * units.C_PER_M2


def thermal(engine: Potential, system: System, eps_inf: np.ndarray, args) -> None:
    """Say what dynamics at 300 K gives."""
    start = time.perf_counter()
    fields = [0.0, -args.field, args.field]
    runs = [polarization(engine, system, field, args) for field in fields]
    volume = float(system.volume)
    static = response.static_permittivity(runs[0], volume, TEMPERATURE, eps_inf)
    mean = np.array([P.mean(axis=(0, 1)) for P in runs])
    size = runs[0][..., 2].size
    error = np.array([
        [P[..., a].std() * np.sqrt(integrated_time(P[..., a]) / size) for a in range(3)]
        for P in runs
    ])  # fmt: skip
    E = np.array([[0.0, 0.0, field * 1e10] for field in fields])
    driven = response.permittivity_of_fields(mean, E, error)
    apart = static.value[2, 2] - driven.value[2, 2]
    say("eps_0 zz at 300 K", fluctuations=round(float(static.value[2, 2]), 3),
        fluctuations_stderr=round(float(static.stderr[2, 2]), 3),
        fields=round(float(driven.value[2, 2]), 3),
        fields_stderr=round(float(driven.stderr[2, 2]), 3),
        apart_in_errors=round(float(apart / np.hypot(static.stderr[2, 2], driven.stderr[2, 2])), 2),
        seconds=time.perf_counter() - start)  # fmt: skip
    grid = make_grid(runs[0].shape[1], 0.001 * STRIDE, args.resolution)
    eps = response.dielectric_spectrum(runs[0], volume, TEMPERATURE, eps_inf, grid).mean
    for name, axes in (("xy", (0, 1)), ("z", (2,))):
        one = np.mean([response.absorption(eps[:, a, a], grid.wavenumber) for a in axes], axis=0)
        peaks, _ = find_peaks(one, prominence=0.02 * one.max())
        lines = [[round(float(grid.wavenumber[k])), round(float(one[k]))] for k in peaks]
        say("infrared at 300 K", polarized=name, wavenumber_absorption=lines,
            resolution=args.resolution)  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("potential", nargs="?", default="sio2-pbe")
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--field", type=float, default=0.0364, help="V/angstrom")
    parser.add_argument("--tolerance", type=float, default=2e-4, help="of forces, eV/angstrom")
    parser.add_argument("--step", type=float, default=0.01, help="of the phonons, angstrom")
    parser.add_argument("--dynamics", type=float, default=0.0, help="ps of each run at 300 K")
    parser.add_argument("--resolution", type=float, default=10.0, help="at 300 K, 1/cm")
    parser.add_argument("--dtype", default="float64")
    args = parser.parse_args()
    engine = load_engine(args.potential, args.dtype)
    start = time.perf_counter()
    rest = relaxed(engine, System.from_ase(mean_structure(args.data)), None, args)
    say("relaxation", steps=rest.steps, force=rest.force, seconds=time.perf_counter() - start)

    answer: Response = engine.evaluate(
        rest.system, polarization=True, born_charges=True, polarizability=True
    )
    assert answer.born_charges is not None
    assert answer.polarizability is not None
    born, volume = answer.born_charges.numpy(), float(rest.system.volume)
    eps_inf = response.permittivity_of_polarizability(answer.polarizability[0].numpy(), volume)
    zz = float(eps_inf[2, 2])
    say("eps_inf from polarizability", **diagonal(eps_inf), zz_dft=EPS_INF_ZZ,
        off_percent=round(100 * (zz / EPS_INF_ZZ - 1), 2))  # fmt: skip
    say(
        "eps_inf from clamped ions in fields",
        **diagonal(by_fields(engine, rest.system, args, False)),
    )
    silicon = born[rest.system.numbers.numpy() == 14].mean(axis=0)
    say("born charges", sum_rule=float(np.abs(born.sum(axis=0)).max()), silicon=diagonal(silicon))

    start = time.perf_counter()
    matrix = phonons.hessian(engine, rest.system, args.step)
    modes = phonons.normal_modes(matrix, rest.system.masses.numpy())
    say("phonons", seconds=time.perf_counter() - start,
        lowest=[round(float(v), 1) for v in modes.wavenumber[:6]])  # fmt: skip
    found = bands(modes, born)
    for band in found:
        say("infrared band", **band)
    say("infrared bands", worst=max(abs(b["off"]) for b in found), expected="at most 10 1/cm")
    eps0 = phonons.lattice_permittivity(modes, born, eps_inf, volume)[0].real
    say("eps_0 from phonons", **diagonal(eps0), zz_dft=EPS_0_ZZ,
        off_percent=round(100 * (float(eps0[2, 2]) / EPS_0_ZZ - 1), 2))  # fmt: skip
    start = time.perf_counter()
    eps_field = by_fields(engine, rest.system, args, True)
    say("eps_0 from relaxed ions in fields", **diagonal(eps_field), zz_dft=EPS_0_ZZ,
        off_percent=round(100 * (float(eps_field[2, 2]) / EPS_0_ZZ - 1), 2),
        field_V_per_angstrom=args.field, seconds=time.perf_counter() - start)  # fmt: skip
    say("infrared lines", wavenumber_intensity_polarized=[
        [round(at, 1), round(strength, 4), name] for at, strength, name in lines(modes, born)
    ])  # fmt: skip
    if args.dynamics:
        thermal(engine, rest.system, eps_inf, args)


if __name__ == "__main__":
    main()
