"""The Dataset of stage gle: kernels, errors, and what speaks for and against them."""

import json
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import gle, schema
from multiscale.gle.orientation import Oriented

Array = NDArray[np.float64]


class Part(NamedTuple):
    """What one group of equivalent axes gives."""

    axes: tuple[int, ...]
    kernel: gle.Kernel
    measured: Array  # velocity autocorrelation, normalised (n_lags,)
    error: Array
    model: Array
    stiffness_ratio: float  # Landau over data


def pack(
    md: xr.Dataset, points: list[tuple[Oriented, list[Part]]], volume: Array, bath: float
) -> xr.Dataset:
    """Return the Dataset of all temperatures, every axis with the kernel of its group.

    volume : of the supercell at each temperature, angstrom^3; bath : friction of the run, 1/ps.
    """
    by_axis = [[_of_axis(parts, axis) for axis in range(3)] for _, parts in points]
    n_modes = max(part.kernel.rate.size for row in by_axis for part in row)

    def each(get: Any) -> Array:
        return np.array([[get(part) for part in row] for row in by_axis])

    def padded(get: Any, fill: complex) -> Array:
        def pad(part: Part) -> Any:
            values = get(part.kernel)
            return np.pad(values, (0, n_modes - values.size), constant_values=fill)

        return each(pad)

    rate, amplitude = padded(lambda k: k.rate, 1), padded(lambda k: k.amplitude, 0)
    TA = ("temperature", "axis")
    TAL, TAM = (*TA, "lag"), (*TA, "mode")
    STA = ("sample", *TA)
    unit_m, unit_f = {"units": "eV*ps^2*m^4/C^2"}, {"units": "1/ps"}
    variables: dict[str, Any] = {
        "kernel": (TAL, each(lambda p: p.kernel.kernel)),
        "kernel_stderr": (TAL, each(lambda p: p.kernel.stderr)),
        "mass": (TA, each(lambda p: p.kernel.mass)),
        "mass_stderr": (TA, each(lambda p: p.kernel.mass_stderr), unit_m),
        "mass_sample": (STA, np.moveaxis(each(lambda p: p.kernel.mass_samples), -1, 0), unit_m),
        "friction": (TA, each(lambda p: p.kernel.friction)),
        "friction_stderr": (TA, each(lambda p: p.kernel.friction_stderr)),
        "friction_sample": (
            STA, np.moveaxis(each(lambda p: p.kernel.friction_samples), -1, 0), unit_f,
        ),
        "rate_real": (TAM, rate.real),
        "rate_imag": (TAM, rate.imag),
        "amplitude_real": (TAM, amplitude.real),
        "amplitude_imag": (TAM, amplitude.imag),
        "fdt_residual": (TAL, each(lambda p: p.kernel.fdt_residual / p.kernel.kernel[0])),
        "velocity_autocorrelation": (TAL, each(lambda p: p.measured)),
        "velocity_autocorrelation_model": (TAL, each(lambda p: p.model)),
        "passivity_margin": (TA, each(lambda p: p.kernel.passivity_margin)),
        "volume": ("temperature", volume),
        **_specified(by_axis),
        **_at_barrier(each),
        "mean_polarization": (TA, np.array([o.mean for o, _ in points]), {"units": "C/m^2"}),
    }  # fmt: skip
    attrs = {k: md.attrs[k] for k in ("definition", "reference_structure", "formula_units")}
    attrs["frame"] = (
        "each walker is turned by the cubic symmetry that brings its largest mean component to +z"
    )
    attrs["equivalent_axes"] = json.dumps([o.groups for o, _ in points])
    attrs["bath_friction"] = f"{bath:g} 1/ps, not in friction and kernel"
    attrs["convention"] = (
        "m dv/dt = F - m int K(s) v(t-s) ds + R, <R(t)R(0)> = m kT K(t); "
        "K(t) = Re sum amplitude exp(-rate t); fdt_residual is relative to K(0); unused modes have "
        "amplitude 0 and rate 1"
    )
    coords = {"temperature": md["temperature"].values, "lag": by_axis[0][0].kernel.lag}
    return xr.Dataset(variables, coords, attrs)


def _at_barrier(each: Any) -> dict[str, Any]:
    """Return the numbers at the barrier; `each` collects a number over temperatures and axes."""
    names = {
        "barrier_position": "position",
        "barrier_frequency": "frequency",
        "grote_hynes_rate": "rate",
        "grote_hynes_friction": "friction",
        "grote_hynes_friction_stderr": "friction_stderr",
        "transmission": "transmission",
    }
    TA = ("temperature", "axis")
    return {
        name: (TA, each(lambda p, of=of: getattr(p.kernel.barrier, of)))
        for name, of in names.items()
    }


def _specified(by_axis: list[list[Part]]) -> dict[str, Any]:
    """Return the J-test and the fluctuation-dissipation ratios, padded with NaN."""
    tests = [[part.kernel.specification for part in row] for row in by_axis]
    n = max(test.omega.size for row in tests for test in row)
    TA, TAB = ("temperature", "axis"), ("temperature", "axis", "band")
    out: dict[str, Any] = {}
    for name, of in (
        ("fdt_frequency", "omega"),
        ("fdt_ratio", "ratio"),
        ("fdt_ratio_stderr", "stderr"),
    ):
        rows = [[getattr(test, of) for test in row] for row in tests]
        wide = [[np.pad(v, (0, n - v.size), constant_values=np.nan) for v in row] for row in rows]
        out[name] = (TAB, np.array(wide))
    for name, of in (
        ("j_statistic", "statistic"),
        ("j_freedom", "freedom"),
        ("j_p_value", "p_value"),
    ):
        out[name] = (TA, np.array([[float(getattr(test, of)) for test in row] for row in tests]))
    return out


def _of_axis(parts: list[Part], axis: int) -> Part:
    return next(part for part in parts if axis in part.axes)


def doubts(ds: xr.Dataset, T: float, oriented: Oriented, parts: list[Part]) -> xr.Dataset:
    """Add what speaks for and against the kernels of one temperature."""
    for part in parts:
        where = f"{''.join('xyz'[a] for a in part.axes)} at {T:g} K"
        for c in part.kernel.checks:
            ds = schema.add_trust(
                ds, f"{c.check} {where}", c.value, expected=c.expected, ok=c.ok,
                message=c.message[0].upper() + c.message[1:] + ".",
            )  # fmt: skip
        ratio = part.stiffness_ratio
        ds = schema.add_trust(
            ds, f"Landau stiffness {where}", ratio, expected="between 0.5 and 2 of the run's",
            ok=0.5 < ratio < 2,
            message="Ratio of the Landau model's stiffness to that of the run's fluctuations: if "
            "off, the run is too short, left its well, or the Landau fit misses the minimum.",
        )  # fmt: skip
        off = float(np.sqrt(np.mean((part.model - part.measured) ** 2)))
        ds = schema.add_trust(
            ds, f"velocity autocorrelation {where}", off, expected="rms deviation below 0.1",
            ok=off < 0.1,
            message="Deviation of the simulated generalised Langevin equation from the run.",
        )  # fmt: skip
    switched = len(oriented.left_out)
    return schema.add_trust(
        ds, f"walkers that switched at {T:g} K", switched, expected="0", ok=switched == 0,
        message="Walkers whose polarization switched while the others' did not were left out.",
    )  # fmt: skip
