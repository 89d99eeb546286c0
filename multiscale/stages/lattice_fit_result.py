"""The Dataset of stage lattice_fit and its doubts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema, units
from multiscale.atoms.kinematics import from_voigt
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.fit_bounds import vector_of
from multiscale.lattice.fit_data import Relaxed
from multiscale.lattice.matching_design import COEFFICIENTS
from multiscale.lattice.minimise import minimise
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.projection import displacements
from multiscale.lattice.quadratic import hessian, wave_vectors
from multiscale.materials import Material
from multiscale.stages.lattice_fit_data import KINDS, Cubic, Sample
from multiscale.stages.lattice_fit_errors import Errors, errors_of, rms, variants
from multiscale.stages.lattice_fit_options import Options
from multiscale.stages.lattice_fit_record import UNITS

if TYPE_CHECKING:
    from multiscale.stages.lattice_fit import Found

Array = NDArray[np.float64]
GOOD = 2e-3  # eV per cell
DIRECTIONS = ("001", "011", "111")
_HALVE = np.array([1.0, 1, 1, 0.5, 0.5, 0.5])


def pack(found: "Found", material: Material, options: Options) -> xr.Dataset:
    """Return everything that a fit found out, with its trust entries.

    Parameters
    ----------
    found : Found
    material : Material
    options : Options
    """
    p, c = found.fit.parameters, vector_of(found.fit.parameters)
    seen = errors_of(c, p.a0, found.at, found.learnt)
    new = errors_of(c, p.a0, found.at, found.unseen)
    lattice = _lattice_wells(p, found.wells)
    data = _parameters(p, found.fit.match.covariance) | _configurations(found, seen, new)
    data |= _parts(found, seen, new) | _wells(found.cubic, p, found.wells, lattice)
    other = variants(found.known, found.at, found.learnt, found.unseen, options.soft)
    names = ["as fitted", *other]
    data["variant_error"] = ("variant", [rms(new.off), *other.values()])
    data["pattern"] = (("site", "axis", "axis_b"), found.cubic.mode.pattern)
    assert material.structure is not None
    ds = xr.Dataset(
        data,
        coords={"variant": names, "site": [site.name for site in material.structure.sites]},
        attrs={
            "potential": options.potential, "material": options.material,
            "formula": material.formula, "centre": found.cubic.centre, "reading": options.reading,
            "order": options.order,
            "dipoles": "fitted" if found.known.eps_inf is None else "given",
            "sizes": " ".join("x".join(map(str, size)) for size in options.sizes),
            "held": ", ".join(f"{k} = {v:g}" for k, v in found.fit.held.items()),
            "lost": found.lost,
        },
    )  # fmt: skip
    return _doubts(schema.finish("lattice_fit", ds), found, new)


def _parameters(p: Parameters, covariance: Array) -> dict[str, Any]:
    """Return all numbers of the record, with errors of those that were fitted."""
    values = {f"j{i}": x for i, x in enumerate(p.j, 1)}
    values |= {name: getattr(p, name) for name in UNITS if not name.startswith("j")}
    place = {name: i for i, name in enumerate(COEFFICIENTS)}
    names = list(UNITS)
    full = np.zeros((len(names), len(names)))
    known = [n for n, name in enumerate(names) if name in place]
    rows = [place[names[n]] for n in known]
    full[np.ix_(known, known)] = covariance[np.ix_(rows, rows)]
    return {
        "parameter": ("parameter", names),
        "parameter_units": ("parameter", [UNITS[name] for name in names]),
        "parameter_value": ("parameter", [values[name] for name in names]),
        "parameter_stderr": ("parameter", np.sqrt(full.diagonal())),
        "parameter_covariance": (("parameter", "parameter_b"), full),
    }


def _configurations(found: "Found", seen: Errors, new: Errors) -> dict[str, Any]:
    """Return one value for each configuration, those that were learnt from first."""
    samples: list[Sample] = [*found.learnt, *found.unseen]
    rows = {
        name: np.concatenate(pair) for name, *pair in zip(Errors._fields, seen, new, strict=True)
    }
    volume = found.cubic.a0**3
    where = "configuration"
    return {
        "kind": (where, [KINDS.index(one.kind) for one in samples]),
        "unseen": (where, np.repeat([0, 1], [len(found.learnt), len(found.unseen)])),
        "cells": (where, [float(np.prod(one.size)) for one in samples]),
        "cell_energy": (where, rows["energy"]),
        "cell_energy_model": (where, rows["model"]),
        "force": (where, rows["force_scale"]),
        "force_error": (where, rows["force_error"]),
        "stress_error": (where, units.GPA * rows["pull_error"] / volume),
        "mode_amplitude": (where, rows["amplitude"]),
        "remainder": (where, rows["remainder"]),
        "dipole_lost": (where, [_dipole_beside(found.cubic, one) for one in samples]),
    }


def _parts(found: "Found", seen: Errors, new: Errors) -> dict[str, Any]:
    """Return errors of those learnt from, the unseen, and these kind by kind."""
    kinds = np.array([one.kind for one in found.unseen])
    chosen = {"unseen": np.full(len(kinds), True)} | {f"unseen {k}": kinds == k for k in KINDS}
    chosen["unseen below cubic"] = new.energy < 0
    parts = {"learnt": seen} | {
        name: Errors(*(values[mask] for values in new)) for name, mask in chosen.items()
    }
    parts = {name: e for name, e in parts.items() if len(e.off)}
    off = {name: e.off for name, e in parts.items()}
    return {
        "part": ("part", list(parts)),
        "energy_error": ("part", [rms(x) for x in off.values()]),
        "energy_error_stderr": ("part", [_error_of_rms(x) for x in off.values()]),
        "energy_bias": ("part", [float(x.mean()) for x in off.values()]),
        "energy_spread": ("part", [float(e.energy.std()) for e in parts.values()]),
        "mode_force_error": ("part", [rms(e.force_error) for e in parts.values()]),
        "mode_force": ("part", [rms(e.force_scale) for e in parts.values()]),
    }


def _error_of_rms(values: Array) -> float:
    """Return the standard error of a root mean square."""
    if len(values) < 2:
        return np.nan
    return float(np.std(values**2, ddof=1) / np.sqrt(len(values)) / (2 * rms(values)))


def _dipole_beside(cubic: Cubic, sample: Sample) -> float:
    """Return the dipole of what moves beside the modes, e angstrom per cell."""
    cells = int(np.prod(sample.size))
    rest = sample.relaxed.rest.reshape(cells, -1, 3)
    return float(np.linalg.norm(np.einsum("sab,nsb->a", cubic.born, rest)) / cells)


def _lattice_wells(p: Parameters, wells: Sequence[Relaxed]) -> list[Relaxed | None]:
    """Return the Hamiltonian's rest states of uniform modes, None where there is none."""
    engine = EffectiveHamiltonian(p, (1, 1, 1))
    out: list[Relaxed | None] = []
    for well in wells:
        along = np.sign(np.round(well.modes, 6))
        start = along * np.linalg.norm(well.modes) / np.linalg.norm(along)
        try:
            rest = minimise(engine, start, well.strain)
        except RuntimeError:
            out.append(None)
            continue
        empty = np.zeros((0, 3))
        out.append(Relaxed(rest.enthalpy, rest.modes, rest.strain, empty, rest.strain, empty, 0.0))
    return out


def _wells(
    cubic: Cubic, p: Parameters, potential: Sequence[Relaxed], lattice: Sequence[Relaxed | None]
) -> dict[str, Any]:
    """Return energy, mode, polarization and strain of the wells, of potential and Hamiltonian."""
    dims = ("source", "direction")
    both: list[list[Relaxed | None]] = [list(potential), list(lattice)]

    def table(value: Any, width: tuple[int, ...] = ()) -> Array:
        empty = np.full(width, np.nan)
        return np.array([[empty if w is None else value(w) for w in row] for row in both])

    def polarization(well: Relaxed) -> float:
        volume = p.a0**3 * float(np.linalg.det(np.eye(3) + from_voigt(well.strain * _HALVE)))
        if not len(well.rest):
            return float(p.charge * np.linalg.norm(well.modes) / volume * units.C_PER_M2)
        d = displacements(cubic.mode, well.modes, (1, 1, 1)) + well.rest
        dipole = np.einsum("sab,sb->a", cubic.born, d)
        return float(np.linalg.norm(dipole) / volume * units.C_PER_M2)

    return {
        "source": ("source", ["potential", "lattice"]),
        "direction": ("direction", list(DIRECTIONS)),
        "well_energy": (dims, table(lambda w: w.energy)),
        "well_mode": (dims, table(lambda w: np.linalg.norm(w.modes))),
        "well_polarization": (dims, table(polarization)),
        "well_strain": ((*dims, "voigt"), table(lambda w: w.strain, (6,))),
    }


def softest_wave(p: Parameters, uniform: bool = False) -> float:
    """Return the lowest force constant of all waves, or of uniform modes, eV/angstrom^2.

    Parameters
    ----------
    p : Parameters
    uniform : bool
        Of uniform modes alone.
    """
    k = np.zeros((1, 3)) if uniform else wave_vectors((12, 12, 12)).reshape(-1, 3)
    return float(np.linalg.eigvalsh(hessian(k, p)).min())


def _doubts(ds: xr.Dataset, found: "Found", new: Errors) -> xr.Dataset:
    """Does it predict energies, does it fall into the right well, did everything come to rest?"""
    error = rms(new.off)
    ds = schema.add_trust(
        ds, "energies of unseen configurations", 1e3 * error,
        expected=f"root mean square below {1e3 * GOOD:g} meV per cell", ok=error < GOOD,
        message="The model cannot hold what the potential knows: see variant_error for the part "
        "that loses it. Transition temperatures follow the wells, not this number alone.",
    )  # fmt: skip
    depth = ds["well_energy"].sel(direction="001").values
    ratio = float(depth[1] / depth[0])
    ds = schema.add_trust(
        ds, "depth of the [001] well over the potential's", ratio,
        expected="between 0.9 and 1.1", ok=abs(ratio - 1) < 0.1,
        message="Phases and the transition will be off by as much. Give uniform modes more weight.",
    )  # fmt: skip
    waves = softest_wave(found.fit.parameters) - softest_wave(found.fit.parameters, uniform=True)
    ds = schema.add_trust(
        ds, "softest wave less the uniform mode", waves, expected="above -0.3 eV/angstrom^2",
        ok=waves > -0.3,
        message="Waves are softer than the polar mode, which large lattices may follow into "
        "modulated states. Add supercells that hold these waves, such as (4, 4, 1); if that does "
        "not help, seven constants cannot hold the potential's dispersion.",
    )  # fmt: skip
    order = np.argsort(ds["well_energy"].values, axis=1)[:, 0]
    ds = schema.add_trust(
        ds, "direction of the lowest well", float(order[1]), expected=f"{order[0]} of {DIRECTIONS}",
        ok=bool(order[0] == order[1]),
        message="Another phase than the potential's is the ground state.",
    )  # fmt: skip
    share = found.lost / max(1, found.lost + len(found.learnt) + len(found.unseen))
    return schema.add_trust(
        ds, "configurations that did not come to rest", share, expected="below 5 %",
        ok=share < 0.05,
        message="The potential leaves its domain at modes of this size: lower the temperatures.",
    )  # fmt: skip
