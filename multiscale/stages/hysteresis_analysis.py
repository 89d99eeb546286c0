"""What stage hysteresis says beyond a loop: charge, current peaks, pulses, FORC, sub-loops."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.mesoscale import currents
from multiscale.mesoscale.loops import summarise
from multiscale.mesoscale.reversal import curves_from_record, forc_map
from multiscale.stages.hysteresis_drive import reversal_fields
from multiscale.stages.hysteresis_measure import of_block
from multiscale.stages.hysteresis_model import Case
from multiscale.stages.hysteresis_options import Options

Array = NDArray[np.float64]
PEAKS = 8  # of the current, the largest ones
PULSES = ("preset", "P", "U", "N", "D")


def electrical(t: Array, inside: Array, P: Array, options: Options) -> dict[str, Array]:
    """Return D, charge with leakage (C/m^2) and current density (A/m^2) of a record.

    Parameters
    ----------
    t, inside, P : arrays, shape (time,)
        Time, s, field in the sample, V/m, and polarization along it, C/m^2.
    """
    D = currents.displacement(inside, P, options.permittivity)
    middle = 0.5 * (inside[1:] + inside[:-1])
    leaked = np.concatenate([[0.0], np.cumsum(options.conductivity * middle * np.diff(t))])
    return {"D": D, "charge": D + leaked, "current": currents.current(t, D + leaked)}


def peaks(t: Array, E: Array, J: Array, case: Case) -> dict[str, xr.Variable]:
    """Return the switching peaks of the last cycle, or of the whole protocol, by size."""
    span = slice(-case.protocol.per_unit - 1, None) if case.protocol.blocks else slice(None)
    t, E, J = t[span], E[span], J[span]
    found = currents.current_peaks(t, E, J) if np.abs(J).max() > 0 else []
    largest = sorted(found, key=lambda p: -abs(p.charge))[:PEAKS]
    table = np.full((4, PEAKS), np.nan)
    for i, peak in enumerate(sorted(largest, key=lambda p: p.time)):
        table[:, i] = peak.time * 1e12, peak.field, peak.current, peak.charge
    units = {
        "peak_time": "ps", "peak_field": "V/m", "peak_current": "A/m^2", "peak_charge": "C/m^2",
    }  # fmt: skip
    return {
        name: xr.Variable(("loop", "peak"), row[None], {"units": unit})
        for (name, unit), row in zip(units.items(), table, strict=True)
    }


def linear_parts(t: Array, E: Array, charge: Array, options: Options) -> dict[str, xr.Variable]:
    """Return permittivity and conductivity as a meter would find them behind the crests."""
    if options.waveform not in ("triangle", "sine") or not np.abs(E).max() > 0:
        return {}
    parts = currents.separate_linear_parts(t, E, charge)
    values = {"apparent_permittivity": (parts.permittivity, "1"),
              "apparent_conductivity": (parts.conductivity, "S/m")}  # fmt: skip
    out = {n: xr.Variable("loop", [v], {"units": u}) for n, (v, u) in values.items()}
    switching = xr.Variable(("loop", "time"), parts.polarization[None], {"units": "C/m^2"})
    return out | {"switching_polarization": switching}


def pulsed(charge: Array, rows: Array, case: Case, options: Options) -> dict[str, xr.Variable]:
    """Return what each pulse did; charge (time,) with leakage, rows (replica, time) of P.

    For PUND also the switched and the nonswitched polarization, with the error of the replicas.
    """
    rise, width, _ = options.pulse.shape
    n = case.protocol.per_unit
    start = np.arange(case.protocol.samples // n) * n
    top, end = start + round((rise + width) * n), start + n
    mean = rows.mean(axis=0)
    values = {
        "pulse_charge": charge[top] - charge[start],
        "pulse_polarization": mean[top],
        "pulse_remanence": mean[end],
    }
    out = {
        k: xr.Variable(("loop", "pulse"), v[None], {"units": "C/m^2"}) for k, v in values.items()
    }
    if options.waveform == "pund":
        each = rows - mean + charge  # every replica with the linear parts
        q = each[:, top] - each[:, start]
        switched, rest = 0.5 * (q[:, 1] - q[:, 2] - q[:, 3] + q[:, 4]), 0.5 * (q[:, 2] - q[:, 4])
        for name, x in (("switched_polarization", switched), ("nonswitched_polarization", rest)):
            error = x.std(ddof=1) / np.sqrt(len(x)) if len(x) > 1 else np.nan
            out[name] = xr.Variable("loop", [x.mean()], {"units": "C/m^2"})
            out[f"{name}_stderr"] = xr.Variable("loop", [error], {"units": "C/m^2"})
    return out


def reversal_map(E: Array, P: Array, case: Case, options: Options) -> xr.Dataset:
    """Return FORC map and Preisach density of a record; E and P of shape (time,)."""
    n, A = options.reversals, case.amplitude
    reversal = A * reversal_fields(options)
    field = np.linspace(-A, A, n + 1)
    curves = curves_from_record(E, P, reversal, field)[::-1]
    found = forc_map(reversal[::-1], field, curves, half_width=2)
    coercivity, bias = np.linspace(0, A, n + 1), np.linspace(-A, A, 2 * n + 1)
    c, b = np.meshgrid(coercivity, bias, indexing="ij")
    volts, charge = {"units": "V/m"}, {"units": "C/m^2"}
    pairs, plane = ("loop", "reversal_field", "forc_field"), ("loop", "coercivity", "bias")
    density = {"units": "C/m^2/(V/m)^2"}
    return xr.Dataset(
        {
            "reversal_curves": (pairs, curves[None], charge),
            "forc_density": (pairs, found.density[None], density),
            "preisach_density": (plane, found.preisach(c, b)[None], density),
            "forc_total": ("loop", [found.total()], charge),
        },
        coords={
            "reversal_field": ("reversal_field", found.reversal, volts),
            "forc_field": ("forc_field", field, volts),
            "coercivity": ("coercivity", coercivity, volts),
            "bias": ("bias", bias, volts),
        },
    )  # fmt: skip


def sub_loops(
    E: Array, P: Array, case: Case, options: Options, limit: float
) -> dict[str, xr.Variable]:
    """Return the numbers of each amplitude; E (time,), P (replica, time)."""
    if not options.amplitudes:
        return {}
    results = [
        summarise(of_block(E, P[: case.replicas], block, options, limit))
        for block in case.protocol.blocks
    ]
    table = {
        "subloop_amplitude": (case.amplitude * np.array(options.amplitudes), "V/m"),
        "subloop_coercive_field": ([r.coercive_field for r in results], "V/m"),
        "subloop_remanent_polarization": ([r.remanence for r in results], "C/m^2"),
        "subloop_area": ([r.area for r in results], "J/m^3"),
    }
    return {
        name: xr.Variable(("loop", "subloop"), np.array(v, float)[None], {"units": u})
        for name, (v, u) in table.items()
    }
