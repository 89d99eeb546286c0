"""Settings of a metadynamics run from a short unbiased one: values, and the reason for each."""

import math
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema, units
from multiscale.sampling.advice import (
    Well,
    bulk_modulus,
    crossing_time,
    filling_time,
    find_well,
    quartic_barrier,
    sound_period,
)

Array = NDArray[np.float64]

MOST_BARRIER = 25.0  # kT; higher ones cost too many hills
SMALLEST, LARGEST = 2, 4  # cells along an axis
BIAS_FACTORS = (5.0, 40.0)
CROSSINGS = 20
DURATIONS = (20.0, 2000.0)  # ps
SHORTEST_BAROSTAT = 0.1  # ps
MOST_SIGMAS = {1: 200, 2: 60, 3: 20}  # of the hills, from zero to the wall, by dimensions


class Advice(NamedTuple):
    """One line of the [metad] table: key, value as TOML writes it, and why."""

    key: str
    value: str
    reason: str


class _Seen(NamedTuple):
    """What the run shows of one temperature, scaled to the proposed size."""

    T: float
    well: Well
    barrier: float  # kT

    @property
    def kT(self) -> float:  # noqa: N802
        return float(units.KB * self.T)


def advise(
    md: xr.Dataset, *, axes: str = "xyz", walkers: int = 4, mass: float | None = None
) -> list[Advice]:
    """Return proposed settings for metadynamics of the crystal of an md run.

    Parameters
    ----------
    md : Dataset
        Output of stage md without a field: some tens of ps at the temperatures of interest.
    axes : str
        Components to bias.
    walkers : int
        Walkers to plan for.
    mass : float, optional
        Of the supercell of the run, amu, for the barostat; None: the default time is kept.

    Raises
    ------
    ValueError
        If the run is in a field, or P does not move.
    """
    md = schema.require(md, "md")
    if np.any(md["electric_field"].values):
        raise ValueError(
            "the md run is in an electric field, expected none. Give a run without field."
        )
    size = [int(n) for n in np.atleast_1d(md.attrs.get("size", [0]))]
    cells = int(md.attrs["formula_units"])
    found = [_seen(md, float(T)) for T in md["temperature"].values]
    edge, why = _size(found, size, cells)
    scale = edge**3 / cells
    scaled = [_scaled(one, scale) for one in found]
    tightest = min(scaled, key=lambda one: one.well.width)
    deepest = max(scaled, key=lambda one: one.barrier)
    limit, why_limit = _limit(scaled)
    sigma, why_sigma = _sigma(tightest, limit, len(axes))
    coldest = min(scaled, key=lambda one: one.T)
    height = _round(0.5 * coldest.kT, 2)
    slowest = max(scaled, key=lambda one: one.well.memory)
    pace = _round(max(slowest.well.memory, 10 * float(md.attrs["timestep"])), 2)
    out = [
        Advice("size", f"[{edge}, {edge}, {edge}]", f"{why} The run had {_times(size, cells)}."),
        Advice("axes", f'"{axes}"', "the components that were asked for."),
        Advice("sigma", f'"{sigma:g} C/m^2"', why_sigma),
        Advice(
            "height", f'"{1e3 * height:g} meV"',
            f"half of kT at {coldest.T:g} K, {1e3 * coldest.kT:.3g} meV: single hills stay below "
            "thermal motion.",
        ),
        Advice(
            "pace", f'"{pace:g} ps"',
            f"the correlation time of P in a well, {slowest.well.memory:.3g} ps at {slowest.T:g} "
            "K: the walker forgets a hill before the next.",
        ),
        _bias_factor(deepest),
        Advice("limit", f'"{limit:g} C/m^2"', why_limit),
        _bins(limit, sigma),
        _barostat(md, scale ** (1 / 3), mass),
    ]  # fmt: skip
    return out + _length(scaled, sigma, height, pace, axes, walkers)


def _seen(md: xr.Dataset, T: float) -> _Seen:
    """Return the wells of P at one temperature."""
    P = md["polarization"].sel(temperature=T).transpose("walker", "time", "axis").values
    well = find_well(P, float(md["time"][1] - md["time"][0]))
    if not well.width > 1e-6:
        raise ValueError(
            f"P at {T:g} K varies by {well.width:g} C/m^2, expected thermal motion. Give a run of "
            "a crystal that moves."
        )
    kT = units.KB * T
    return _Seen(T, well, quartic_barrier(well, kT) / kT)


def _size(found: list[_Seen], size: list[int], cells: int) -> tuple[int, str]:
    """Return the edge of the proposed supercell in cells, and why."""
    per_cell = max(one.barrier for one in found) / cells
    if per_cell == 0:
        edge = min(max(*size, SMALLEST), LARGEST)
        return edge, f"no barrier is seen: as the run, within {SMALLEST} to {LARGEST}."
    edge = SMALLEST
    while edge < LARGEST and per_cell * (edge + 1) ** 3 <= MOST_BARRIER:
        edge += 1
    why = (
        f"the barrier is about {per_cell:.3g} kT a cell, {per_cell * edge**3:.3g} kT in all; the "
        f"largest cube of {SMALLEST} to {LARGEST} that keeps it near or below {MOST_BARRIER:g} kT. "
        "Larger cells cross by domain walls (`multiscale sizes` tells)."
    )
    return edge, why


def _scaled(one: _Seen, scale: float) -> _Seen:
    """Return what a supercell of `scale` times the cells would show: width^2 goes as 1/cells."""
    well = one.well._replace(width=one.well.width / math.sqrt(scale))
    return _Seen(one.T, well, one.barrier * scale)


def _bias_factor(deepest: _Seen) -> Advice:
    low, high = BIAS_FACTORS
    factor = min(max(float(round(deepest.barrier)), low), high)
    if deepest.barrier == 0:
        why = "no barrier is seen, the least that is useful."
    else:
        why = (
            f"barrier over kT, {deepest.barrier:.3g} at {deepest.T:g} K, between {low:g} and "
            f"{high:g}: gamma kT is then the barrier (A. Barducci, G. Bussi and M. Parrinello, "
            "Phys. Rev. Lett. 100, 020603 (2008)). From the wells' curvature as of a quartic well; "
            "a first-order crystal may have three times more."
        )
    return Advice("bias_factor", f"{factor:g}", why)


def _limit(scaled: list[_Seen]) -> tuple[float, str]:
    """Return the wall and why it is there."""
    widest = max(scaled, key=lambda one: one.well.position + 4 * one.well.width)
    well, widths = widest.well, 4 if widest.well.polar else 5
    limit = math.ceil(20 * (well.position + widths * well.width)) / 20
    return limit, (
        f"the wells at {well.position:.3g} C/m^2 and {widths} thermal widths of {well.width:.3g} "
        f"({widest.T:g} K), rounded up."
    )


def _sigma(tightest: _Seen, limit: float, d: int) -> tuple[float, str]:
    """Return the width of the hills and why."""
    width = tightest.well.width
    why = (
        f"half the narrowest thermal width of P in a well, {width:.3g} C/m^2 at {tightest.T:g} K "
        "(A. Laio and F. L. Gervasio, Rep. Prog. Phys. 71, 126601 (2008))"
    )
    least = limit / MOST_SIGMAS[d]
    if 0.5 * width >= least:
        return _round(0.5 * width, 2), f"{why}."
    return _round(least * 1.005, 3), (
        f"1/{MOST_SIGMAS[d]} of the limit, which a grid in {d} dimensions bears; {why} would be "
        f"{0.5 * width:.2g}."
    )


def _bins(limit: float, sigma: float) -> Advice:
    bins = max(21, math.ceil(2.4 * limit / sigma))
    bins += 1 - bins % 2
    return Advice("bins", f"{bins}", f"bins of {2 * limit / bins:.3g} C/m^2, narrower than sigma.")


def _barostat(md: xr.Dataset, longer: float, mass: float | None) -> Advice:
    """Return the barostat's time; longer: how much longer the edges of the proposed cell are."""
    cell = md["cell"].transpose("temperature", "walker", "time", "axis", "axis_b").values
    volume = np.abs(np.linalg.det(cell))
    if mass is None or np.ptp(volume) < 1e-9 * volume.mean():
        why = "the cell of the run was fixed" if mass is not None else "no mass is known"
        return Advice("barostat_time", '"0.5 ps"', f"the default: {why}.")
    kT = units.KB * float(md["temperature"][0])
    modulus = bulk_modulus(volume[0], kT)
    length = float(np.linalg.norm(cell, axis=-1).mean(axis=(0, 1, 2)).max()) * longer
    period = sound_period(length, modulus, mass * units.AMU / float(volume[0].mean()))
    value = _round(max(period, SHORTEST_BAROSTAT), 2)
    return Advice(
        "barostat_time", f'"{value:g} ps"',
        f"the period 2L/c of the slowest sound wave of the cell, {period:.3g} ps, from its bulk "
        f"modulus of {modulus * units.GPA:.3g} GPa (H. C. Andersen, J. Chem. Phys. 72, 2384 "
        f"(1980)); at least {SHORTEST_BAROSTAT:g} ps.",
    )  # fmt: skip


def _length(
    scaled: list[_Seen], sigma: float, height: float, pace: float, axes: str, walkers: int
) -> list[Advice]:
    """Return duration, share that fills, walkers and blocks."""
    d = len(axes)
    fill = max(
        filling_time(
            max(one.barrier, 2.0) * one.kT, one.well.position + 2 * one.well.width, sigma, height,
            pace, d, walkers,
        )
        for one in scaled
    )  # fmt: skip
    cross = max(crossing_time(one.well, one.well.position + 2 * one.well.width) for one in scaled)
    wanted = fill + CROSSINGS * cross
    duration = _round(min(max(wanted, DURATIONS[0]), DURATIONS[1]), 2)
    discard = min(max(math.ceil(20 * fill / duration) / 20, 0.2), 0.5)
    blocks = max(4, math.ceil(6 / walkers))
    return [
        Advice("walkers", f"{walkers}", "as asked for; more fill faster."),
        Advice(
            "duration", f'"{duration:g} ps"',
            f"filling takes about {fill:.3g} ps, a crossing by diffusion {cross:.3g} ps: filling "
            f"and {CROSSINGS} crossings a walker are {wanted:.3g} ps, cut to {DURATIONS[0]:g} ... "
            f"{DURATIONS[1]:g}.",
        ),
        Advice("discard", f"{discard:g}", "the filling's share of the run, 0.2 to 0.5."),
        Advice("blocks", f"{blocks}", f"{blocks * walkers} blocks in all for the errors."),
    ]  # fmt: skip


def _round(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _times(size: list[int], cells: int) -> str:
    return "x".join(map(str, size)) if len(size) == 3 else f"{cells} cells"
