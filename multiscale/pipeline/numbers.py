"""The numbers of a report: value, standard error and unit, in the customary units of papers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from multiscale.plotting.md import lattice_of, polarization_of
from multiscale.plotting.style import field_unit


@dataclass(frozen=True)
class Row:
    """One number of the report."""

    what: str
    at: str
    value: float
    error: float
    unit: str
    headline: bool = False

    @property
    def text(self) -> str:
        """Return value, error and unit, as many digits as the error deserves."""
        return (
            f"{with_error(self.value, self.error)} {'' if self.unit == '1' else self.unit}".strip()
        )


def with_error(value: float, error: float) -> str:
    """Return "0.81 ± 0.02": two digits of the error; four digits of a value whose error is unknown.

    >>> with_error(0.8123, 0.0234), with_error(12345.0, 678.0), with_error(1.5, float("nan"))
    ('0.812 ± 0.023', '12340 ± 680', '1.5 ± ?')
    """
    if not math.isfinite(value):
        return "not determined"
    if not math.isfinite(error):
        return f"{value:.4g} ± ?"
    if error == 0:
        return f"{value:.4g}"
    digits = 1 - math.floor(math.log10(error))
    if abs(digits) > 5:
        power = math.floor(math.log10(max(abs(value), error)))
        scale = 10.0**power
        return f"({with_error(value / scale, error / scale)})e{power}"
    if digits <= 0:
        return f"{round(value, digits):.0f} ± {round(error, digits):.0f}"
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def numbers(stage: str, ds: xr.Dataset) -> list[Row]:
    """Return what the report says in numbers about a stage's Dataset."""
    makers = {
        "md": _md,
        "metad": _metad,
        "landau": _landau,
        "gle": _gle,
        "hysteresis": _hysteresis,
    }
    return list(makers[stage](ds)) if stage in makers else []


def _md(ds: xr.Dataset) -> Iterator[Row]:
    P, P_error = polarization_of(ds)
    a, c, ratio = lattice_of(ds)
    for i, T in enumerate(ds["temperature"].values):
        at = f"{T:g} K"
        yield Row("polarization", at, P[i], P_error[i], "C/m²", headline=True)
        yield Row("c/a", at, ratio[0][i], ratio[1][i], "1", headline=True)
        yield Row("a", at, a[0][i], a[1][i], "Å")
        yield Row("c", at, c[0][i], c[1][i], "Å")


def _metad(ds: xr.Dataset) -> Iterator[Row]:
    for T in ds["temperature"].values:
        one = ds.sel(temperature=T)
        for name in ("recrossings", "coverage"):
            if name in one:
                yield Row(name, f"{T:g} K", float(one[name]), 0.0, "1")


def _landau(ds: xr.Dataset) -> Iterator[Row]:
    covariance = ds["coefficient_covariance"].transpose("temperature", "term", "term_b").values
    for i, T in enumerate(ds["temperature"].values):
        one, at = ds.isel(temperature=i), f"{T:g} K"
        P = one["spontaneous_polarization"].values
        error = _value(one, "spontaneous_polarization_stderr", axis=int(np.abs(P).argmax()))
        yield Row("spontaneous polarization", at, float(np.linalg.norm(P)), error, "C/m²", True)
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
            unit = str(ds["coefficient_units"].values[j]) if "coefficient_units" in ds else "SI"
            error = math.sqrt(max(covariance[i, j, j], 0.0))
            yield Row(str(term), at, float(one["coefficient"].values[j]), error, unit)
    yield from _scalars(ds)


def _scalars(ds: xr.Dataset) -> Iterator[Row]:
    """Numbers of the whole temperature range, such as the transition temperature."""
    for name, variable in ds.data_vars.items():
        if variable.size == 1 and f"{name}_stderr" in ds:
            unit = str(variable.attrs.get("units", "1")).replace("*", " ")
            what = str(name).replace("_", " ")
            error = float(ds[f"{name}_stderr"].values.ravel()[0])
            value = float(variable.values.ravel()[0])
            yield Row(what, "", value, error, unit, name == "transition_temperature")


def _gle(ds: xr.Dataset) -> Iterator[Row]:
    for T in ds["temperature"].values:
        for axis in ds["axis"].values:
            one = ds.sel(temperature=T, axis=axis)
            error = _value(one, "friction_stderr")
            yield Row("friction", f"{T:g} K, {axis}", float(one["friction"]), error, "1/ps")


def _hysteresis(ds: xr.Dataset) -> Iterator[Row]:
    scale, unit = field_unit(float(np.abs(ds["electric_field"].values).max()))
    quantities = (
        ("coercive field", "coercive_field", scale, unit),
        ("remanent polarization", "remanent_polarization", 1.0, "C/m²"),
        ("saturation polarization", "saturation_polarization", 1.0, "C/m²"),
        ("loop area", "loop_area", 1e-6, "MJ/m³"),
    )
    for n in range(ds.sizes["loop"]):
        one = ds.isel(loop=n)
        at = f"{float(one['temperature']):g} K, {float(one['frequency']) / 1e9:g} GHz"
        if not bool(one["switched"]):
            at += ", does not switch"
        for what, name, factor, unit_name in quantities:
            error = factor * _value(one, f"{name}_stderr")
            value = factor * float(one[name])
            yield Row(what, at, value, error, unit_name, headline=name == "coercive_field")


def _value(ds: xr.Dataset, name: str, **where: int) -> float:
    return float(ds[name].isel(where)) if name in ds else math.nan
