"""Dielectric and infrared response of alpha-quartz from a potential with a learned response.

Prints one JSON object per line: the relaxation, eps_inf from the polarizability and from clamped
ions in a field, eps_0 from relaxed ions in a field and from the phonons, the infrared bands beside
those of density-functional perturbation theory. Reference: the electric-response training of
Falletta et al., Nat. Commun. 16, 4031 (2025), same functional and cell.

    OMP_NUM_THREADS=1 python benchmarks/quartz_response.py sio2-pbe SiO2.extxyz [--field 0.0364]

The structure is the mean of the frames of the file (thermal motion averages out), relaxed with the
potential at the cell of the file.
"""

import argparse
import json
import time
from pathlib import Path

import ase
import numpy as np
import torch
from ase.io import read
from scipy.optimize import linear_sum_assignment

from multiscale.atoms import phonons, response
from multiscale.atoms.driving import Potential
from multiscale.atoms.relaxation import Relaxed, relax
from multiscale.atoms.system import Response, System
from multiscale.stages.engines import load_engine

DATA = Path("/work/shared/datasets/sio2-electric/SiO2.extxyz")
BANDS = (250, 349, 375, 421, 463, 667, 751, 767, 1042, 1048, 1133)  # 1/cm, DFPT, TO
EPS_INF_ZZ, EPS_0_ZZ = 2.412, 4.746
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


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("potential", nargs="?", default="sio2-pbe")
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--field", type=float, default=0.0364, help="V/angstrom")
    parser.add_argument("--tolerance", type=float, default=2e-4, help="of forces, eV/angstrom")
    parser.add_argument("--step", type=float, default=0.01, help="of the phonons, angstrom")
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


if __name__ == "__main__":
    main()
