"""The numbers of a report: value, standard error and unit, in the customary units of papers."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from multiscale import schema
from multiscale.plotting.md import lattice_of, polarization_of
from multiscale.plotting.style import field_unit, hertz, mev_per_formula_unit


@dataclass(frozen=True)
class Row:
    """One number of the report."""

    what: str
    at: str
    value: float
    error: float
    unit: str
    headline: bool = False
    note: str = ""

    @property
    def text(self) -> str:
        """Return value, error and unit, as many digits as the error deserves, and the note."""
        unit = "" if self.unit == "1" or not math.isfinite(self.value) else f" {self.unit}"
        return f"{with_error(self.value, self.error)}{unit}" + (self.note and f", {self.note}")


class Table(NamedTuple):
    """Rows with a column for each temperature, and what belongs to no single one."""

    columns: list[str]
    cells: dict[str, list[str]]
    others: list[Row]


def by_temperature(rows: Sequence[Row]) -> Table:
    """Return numbers of several stages side by side, a column for each place that they name."""
    columns = list(dict.fromkeys(row.at for row in rows if row.at))
    cells: dict[str, list[str]] = {row.what: [""] * len(columns) for row in rows if row.at}
    for row in rows:
        if row.at:
            cells[row.what][columns.index(row.at)] = row.text
    return Table(columns, cells, [row for row in rows if not row.at])


def with_error(value: float, error: float) -> str:
    """Return "0.81 ± 0.02": two digits of the error; four digits of a value whose error is unknown.

    >>> with_error(0.8123, 0.0234), with_error(12345.0, 678.0), with_error(1.5, float("nan"))
    ('0.812 ± 0.023', '12340 ± 680', '1.5 ± ?')
    >>> with_error(-1.972e8, 3.2e6)
    '(-1.972 ± 0.032)e8'
    """
    if not math.isfinite(value):
        return "not determined"
    if not math.isfinite(error):
        return f"{value:.4g} ± ?"
    if error == 0:
        return f"{value:.4g}"
    digits = 1 - math.floor(math.log10(error))
    power = math.floor(math.log10(max(abs(value), error)))
    if not -3 < digits < 6 and power != 0:  # near one, an exponent would not shorten it
        scale = 10.0**power
        return f"({with_error(value / scale, error / scale)})e{power}"
    if digits <= 0:
        return f"{round(value, digits):.0f} ± {round(error, digits):.0f}"
    return f"{value:.{digits}f} ± {error:.{digits}f}"


CURVATURE = {"a1": "a1, half the curvature at P = 0"}
PHASES = {
    "C": "single well (cubic)",
    "T": "double well (tetragonal)",
    "O": "double well (orthorhombic)",
    "R": "double well (rhombohedral)",
    "M": "double well (monoclinic)",
}


def written(unit: str) -> str:
    """Return a unit as papers write it.

    >>> written("J*m^5/C^4")
    'J m⁵/C⁴'
    """
    raised = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    return re.sub(r"\^(\d+)", lambda found: found[1].translate(raised), unit.replace("*", " "))


def numbers(stage: str, ds: xr.Dataset) -> list[Row]:
    """Return what the report says in numbers about a stage's Dataset."""
    from multiscale.pipeline import numbers_lattice as lattice  # noqa: PLC0415 - it needs Row

    makers = {
        "md": _md,
        "spectra": _spectra,
        "metad": _metad,
        "landau": _landau,
        "gle": _gle,
        "hysteresis": _hysteresis,
        "lattice_fit": _lattice_fit,
        "lattice_loops": _hysteresis,
        **lattice.MAKERS,
    }
    return list(makers[stage](ds)) if stage in makers else []


def _md(ds: xr.Dataset) -> Iterator[Row]:
    P, P_error = polarization_of(ds)
    a, c, ratio = lattice_of(ds)
    for i, T in enumerate(ds["temperature"].values):
        at = f"{T:g} K"
        yield Row("mean polarization in dynamics", at, P[i], P_error[i], "C/m²", headline=True)
        yield Row("c/a", at, ratio[0][i], ratio[1][i], "1", headline=True)
        yield Row("a", at, a[0][i], a[1][i], "Å")
        yield Row("c", at, c[0][i], c[1][i], "Å")


def _spectra(ds: xr.Dataset) -> Iterator[Row]:
    routes = {"permittivity_static": "fluctuations", "permittivity_static_field": "fields"}
    for T in ds["temperature"].values:
        for a, axis in enumerate("xyz"):
            one = ds.sel(temperature=T).isel(axis=a, axis_b=a)
            for name, route in routes.items():
                if name in one and np.isfinite(one[name]):
                    error = _value(one, f"{name}_stderr")
                    what = f"ε0 {axis}{axis} from {route}"
                    yield Row(what, f"{T:g} K", float(one[name]), error, "1", True)
            infinite = float(one["permittivity_infinite"])
            yield Row(f"ε∞ {axis}{axis}", f"{T:g} K", infinite, math.nan, "1")
            strongest = one["wavenumber"].values[int(one["infrared_absorption"].values.argmax())]
            yield Row(
                f"strongest infrared line, E ∥ {axis}", f"{T:g} K", strongest, math.nan, "1/cm"
            )


def _metad(ds: xr.Dataset) -> Iterator[Row]:
    for T in ds["temperature"].values:
        one, at = ds.sel(temperature=T), f"{T:g} K"
        if "converged" in one:
            doubts = [d for d in schema.trust(ds) if d.check.endswith(f" at {at}")]
            good = "converged" if float(one["converged"]) else "not converged"
            held = float(sum(d.ok for d in doubts))
            note = f"of {len(doubts)}: {good}"
            yield Row("checks of the free energy that hold", at, held, 0.0, "1", True, note)
        for name in ("recrossings", "coverage"):
            if name in one:
                yield Row(name, at, float(one[name]), 0.0, "1")
        for name, unit in (("correlation_time", "ps"), ("block_length", "ps")):
            if name in one:
                yield Row(name.replace("_", " "), at, float(one[name]), 0.0, unit)
        if "asymmetry" in one:
            yield Row(
                "largest difference of symmetry images", at, float(one["asymmetry"]),
                _value(one, "asymmetry_stderr"), "kT",
            )  # fmt: skip


def _landau(ds: xr.Dataset) -> Iterator[Row]:
    covariance = ds["coefficient_covariance"].transpose("temperature", "term", "term_b").values
    for i, T in enumerate(ds["temperature"].values):
        one, at = ds.isel(temperature=i), f"{T:g} K"
        P = one["spontaneous_polarization"].values
        error = _value(one, "spontaneous_polarization_stderr", axis=int(np.abs(P).argmax()))
        yield Row(
            "spontaneous polarization of the Landau model",
            at,
            float(np.linalg.norm(P)),
            error,
            "C/m²",
            True,
        )
        if "well_depth" in one:
            scale = float(mev_per_formula_unit(one))
            well = PHASES.get(str(one["phase"].values), "double well") if "phase" in one else ""
            yield Row(
                "depth of the well", at, scale * abs(float(one["well_depth"])),
                scale * _value(one, "well_depth_stderr"), "meV/f.u.", True, well,
            )  # fmt: skip
        if "coercive_field" in one:
            scale, unit = field_unit(1e8)
            yield Row(
                "intrinsic coercive field", at, scale * float(one["coercive_field"]),
                scale * _value(one, "coercive_field_stderr"), unit,
            )  # fmt: skip
        if "susceptibility" in one:
            error = _value(one, "susceptibility_stderr")
            yield Row("susceptibility", at, float(one["susceptibility"]), error, "1")
        for j, term in enumerate(ds["term"].values):
            unit = written(str(ds["coefficient_units"].values[j]))
            error = math.sqrt(max(covariance[i, j, j], 0.0))
            value, name = float(one["coefficient"].values[j]), str(term)
            yield Row(CURVATURE.get(name, name), at, value, error, unit, name in CURVATURE)
    yield from _scalars(ds)


def _scalars(ds: xr.Dataset) -> Iterator[Row]:
    """Numbers of the whole temperature range, such as the transition temperature."""
    for name, variable in ds.data_vars.items():
        if variable.size == 1 and f"{name}_stderr" in ds:
            unit = written(str(variable.attrs.get("units", "1")))
            what = str(name).replace("_", " ")
            error = float(ds[f"{name}_stderr"].values.ravel()[0])
            value = float(variable.values.ravel()[0])
            yield Row(what, "", value, error, unit, name == "transition_temperature")


def _gle(ds: xr.Dataset) -> Iterator[Row]:
    for T in ds["temperature"].values:
        for axis in ds["axis"].values:
            one = ds.sel(temperature=T, axis=axis)
            error = _value(one, "friction_stderr")
            at = f"{T:g} K, {axis}"
            yield Row("friction", at, float(one["friction"]), error, "1/ps")
            z = _value(one, "grote_hynes_rate")
            if z > 0:
                error = _value(one, "grote_hynes_friction_stderr")
                value = float(one["grote_hynes_friction"])
                note = f"what counts over the barrier, left at z = {z:.3g} 1/ps"
                yield Row("kernel at the Grote-Hynes rate", at, value, error, "1/ps", note=note)
            if "j_p_value" in one:
                freedom = int(one["j_freedom"])
                note = f"J = {float(one['j_statistic']):.0f} for {freedom} degrees of freedom"
                yield Row("p value of the equation", at, float(one["j_p_value"]), 0, "1", note=note)
            if "passivity_margin" in one:
                least = float(one["passivity_margin"])
                yield Row("least Re K(iω)", at, least, 0, "1/ps")


HEADLINES = ("coercive_field", "imprint", "remanent_polarization", "switched_polarization")


def _hysteresis(ds: xr.Dataset) -> Iterator[Row]:
    scale, unit = field_unit(float(np.abs(ds["electric_field"].values).max()))
    quantities = (
        ("coercive field", "coercive_field", scale, unit),
        ("imprint", "imprint", scale, unit),
        ("remanent polarization", "remanent_polarization", 1.0, "C/m²"),
        ("saturation polarization", "saturation_polarization", 1.0, "C/m²"),
        ("loop area", "loop_area", 1e-6, "MJ/m³"),
        ("switched polarization", "switched_polarization", 1.0, "C/m²"),
        ("nonswitched polarization", "nonswitched_polarization", 1.0, "C/m²"),
    )
    loops = ds.attrs.get("waveform") not in ("pund", "pulses", "forc")
    for one in (ds.isel(loop=n) for n in range(ds.sizes["loop"])):
        size = f", {1e9 * float(one['half_length']):g} nm" if "half_length" in one else ""
        at, frequency = f"{float(one['temperature']):g} K{size}", hertz(float(one["frequency"]))
        state = "switched" if bool(one["switched"]) else "does not switch"
        notes = {"coercive_field": str(one["state"].values) if "state" in one else state}
        for what, name, factor, unit_name in quantities:
            if name not in one or not (loops or np.isfinite(one[name])):
                continue
            value, error = factor * float(one[name]), factor * _value(one, f"{name}_stderr")
            if name == "imprint" and error > 0:
                notes[name] = symmetry(value / error)
            yield Row(
                f"{what}, {frequency}", at, value, error, unit_name,
                name in HEADLINES, notes.get(name, ""),
            )  # fmt: skip


def _lattice_fit(ds: xr.Dataset) -> Iterator[Row]:
    for name in ds["part"].values:
        part = ds.sel(part=name)
        error, spread = (
            1e3 * _value(part, "energy_error_stderr"),
            1e3 * part["energy_spread"].item(),
        )
        yield Row(
            f"energy error, {name}", "", 1e3 * part["energy_error"].item(), error, "meV per cell",
            name == "unseen", f"of a spread of {spread:.0f}",
        )  # fmt: skip
    for source in ds["source"].values:
        well = ds.sel(source=source, direction="001")
        depth, P = -1e3 * well["well_energy"].item(), well["well_polarization"].item()
        yield Row(f"depth of the [001] well, {source}", "", depth, math.nan, "meV per cell", True)
        yield Row(f"polarization of the [001] well, {source}", "", P, math.nan, "C/m²")
    for name in ds["parameter"].values:
        one = ds.sel(parameter=name)
        unit = written(str(one["parameter_units"].item()))
        value, error = one["parameter_value"].item(), one["parameter_stderr"].item()
        yield Row(f"lattice {name}", "", value, error, unit)


def symmetry(errors: float) -> str:
    """Return what an imprint of so many standard errors says about E -> -E."""
    far = f"{abs(errors):.1f} errors from E → -E symmetry"
    return "E → -E symmetric within error" if abs(errors) <= 2 else far


def _value(ds: xr.Dataset, name: str, **where: int) -> float:
    return float(ds[name].isel(where)) if name in ds else math.nan
