"""A fitted Hamiltonian as a material record in TOML, which potential = "lattice" runs."""

import json

import xarray as xr

from multiscale import schema
from multiscale.materials import Material, parse
from multiscale.records_lattice import Lattice

_SECOND, _SIXTH = "eV/angstrom^2", "eV/angstrom^6"
UNITS = {
    "a0": "angstrom",
    "kappa2": _SECOND,
    "alpha": "eV/angstrom^4",
    "gamma": "eV/angstrom^4",
    "k1": _SIXTH,
    "k2": _SIXTH,
    "k3": _SIXTH,
    "k4": "eV/angstrom^8",
    **{f"j{i}": _SECOND for i in range(1, 8)},
    "b11": "eV",
    "b12": "eV",
    "b44": "eV",
    "b1xx": _SECOND,
    "b1yy": _SECOND,
    "b4yz": _SECOND,
    "charge": "e",
    "eps_inf": "1",
    "mass": "amu",
}
"""Unit of each number of the [lattice] table; j1 ... j7 are one list there."""
_GIVEN = ("charge", "eps_inf", "mass")
_CHECK = (0.01, -0.02, 0.015)  # angstrom


def record_text(ds: xr.Dataset, name: str) -> str:
    """Return the TOML text of a fit as a material record, checked by reading it.

    Parameters
    ----------
    ds : Dataset
        Output of stage lattice_fit.
    name : str
        Of the record: that of its file without .toml.
    """
    ds = schema.require(ds, "lattice_fit")
    pairs = zip(ds["parameter"].values, ds["parameter_value"].values, strict=True)
    values = {str(n): float(v) for n, v in pairs}
    numbers = {n: v for n, v in values.items() if not n.startswith("j")}
    j = [values[f"j{i}"] for i in range(1, 8)]
    well = ds.sel(source="lattice", direction="001")
    strain = 1 + well["well_strain"].values
    shape = {"polar": float(well["well_mode"]), "axis_ratio": float(strain[2] / strain[0])}
    bare = Lattice.model_construct(None, **{**numbers, **shape, "j": tuple(j)})
    lines = [*_head(ds, name), "", "[lattice]"]
    lines += [_line(n, v, UNITS[n]) for n, v in numbers.items() if n not in _GIVEN]
    lines += ["j = [", *(f"  {_quoted(x, _SECOND)}," for x in j), "]"]
    lines += [_line(n, numbers[n], UNITS[n]) for n in _GIVEN]
    lines += [_line("polar", shape["polar"], "angstrom")]
    lines += [_line("axis_ratio", shape["axis_ratio"], "1")]
    mode = ", ".join(_quoted(x, "angstrom") for x in _CHECK)
    energy = _quoted(bare.short_range_energy(_CHECK), "eV")
    lines += ["", "[lattice.check]", f"mode = [{mode}]", f"energy = {energy}", ""]
    text = "\n".join(lines)
    parse(text, name)
    return text


def record_of(ds: xr.Dataset, name: str) -> Material:
    """Return a fit as a material record."""
    return parse(record_text(ds, name), name)


def _head(ds: xr.Dataset, name: str) -> list[str]:
    """Return name, title, source and what the fit loses."""
    error = 1e3 * float(ds["energy_error"].sel(part="unseen"))
    count = int((ds["unseen"].values == 1).sum())
    potential = ds.attrs["potential"]
    title = f"{ds.attrs['formula']}, effective Hamiltonian fitted to the potential {potential}"
    notes = (
        f"Order {ds.attrs['order']}, modes about {ds.attrs['centre']} ({ds.attrs['reading']}), "
        f"supercells {ds.attrs['sizes']}; energies of {count} unseen configurations within "
        f"{error:.2g} meV per cell (root mean square)."
    )
    citation = f"Fit by stage lattice_fit of multiscale to the potential {potential}"
    pairs = {"name": name, "title": title, "formula": str(ds.attrs["formula"])}
    head = [f"{key} = {json.dumps(value)}" for key, value in pairs.items()]
    return [*head, f"citation = [{json.dumps(citation)}]", f"notes = {json.dumps(notes)}"]


def _quoted(value: float, unit: str) -> str:
    return json.dumps(f"{value!r}" if unit == "1" else f"{value!r} {unit}")


def _line(name: str, value: float, unit: str) -> str:
    return f"{name} = {_quoted(value, unit)}"
