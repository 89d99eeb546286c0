"""A material record in the place of stages landau and gle: the same Datasets, without errors."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import landau as core
from multiscale import materials, schema, units
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.resolution import wall_half_width
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.landau_record import bounded, landau_of

Array = NDArray[np.float64]
ROOM = 298.0  # K
HALF_WIDTH = 1.5  # cells that half a wall gets where no cell length is given
DEFAULT_CELL = 10.0  # angstrom, of a record without gradient energy
INERTIA = 1e-18  # J s^2 m/C^2; overdamped motion does not depend on it


def from_record(options: Options) -> tuple[xr.Dataset, xr.Dataset]:
    """Return what stages landau and gle would write of `options.material`.

    Raises
    ------
    ValueError
        If the record has no Landau set, or it has no lower bound at a temperature.
    """
    return energy(options), kinetics(options)


def shared_values(options: Options) -> dict[str, float]:
    """Return what all temperatures of a record share and a task with one could not know.

    Cell length, angstrom, and amplitude, V/m, where the options leave them open.
    """
    if options.source != "material" or options.model == "wall":
        return {}
    landau, out = energy(options), {}
    if options.cell_length is None and options.dimension:
        out["cell_length"] = float(landau["volume"][0]) ** (1 / 3)
    strongest = landau["coercive_field"].values
    if options.amplitude is None and np.isfinite(strongest).any():
        out["amplitude"] = options.amplitude_ratio * float(np.nanmax(strongest))
    return out


def temperatures(options: Options) -> tuple[float, ...]:
    """Return the temperatures of the loops, K, ascending."""
    return tuple(sorted(set(options.temperatures))) or (ROOM,)


def energy(options: Options) -> xr.Dataset:
    """Return the landau Dataset of the record at the temperatures of the loops."""
    record = materials.load(options.material)
    model, T = landau_of(record), temperatures(options)
    a = np.array([bounded(model, record.name, t) for t in T])
    terms = list(core.terms(core.order_of(a)))
    volume = cell_length(options, a) ** 3
    at = ("temperature", "voigt", "voigt_b")
    unknown = np.zeros((*a.shape, len(terms)))  # a published set has no errors
    states = [core.ground_state(row).polarization for row in a]
    fields = [core.coercive_field(row, options.direction).field for row in a]
    ds = xr.Dataset(
        {
            "coefficient": (("temperature", "term"), a),
            "coefficient_covariance": (("temperature", "term", "term_b"), unknown),
            "volume": ("temperature", np.full(len(T), volume)),
            "spontaneous_polarization": (("temperature", "axis"), np.array(states)),
            "coercive_field": ("temperature", np.array(fields, float)),
        },
        coords={"temperature": list(T), "term": terms, "term_b": terms},
        attrs={"formula_units": 1, "record": record.name, "definition": record.title},
    )  # fmt: skip
    if record.electrostriction is not None:
        ds["electrostriction"] = (at, np.array([record.electrostriction.matrix()] * len(T)))
    if record.elastic is not None:
        ds["stiffness"] = (at, np.array([record.elastic.matrix()] * len(T)))
    return schema.finish("landau", ds)


def coefficients_at(options: Options, temperature: float) -> Array:
    """Return the record's Landau coefficients at any temperature, K, SI."""
    record = materials.load(options.material)
    return np.asarray(bounded(landau_of(record), record.name, temperature))


def cell_length(options: Options, a: Array) -> float:
    """Return the edge of a cell, angstrom: as given, or such that it holds the narrowest wall."""
    if options.cell_length is not None:
        return options.cell_length
    record = materials.load(options.material)
    if record.gradient is None:
        return DEFAULT_CELL
    elastic = None
    if options.elasticity and record.elastic is not None and record.electrostriction is not None:
        C, Q = record.elastic, record.electrostriction
        elastic = Elasticity((1e9 * C.c11, 1e9 * C.c12, 1e9 * C.c44), (Q.q11, Q.q12, Q.q44))
    widths = [wall_half_width(row, options.gradient, elastic) for row in a]
    known = [w for w in widths if np.isfinite(w)]
    return 1e10 * min(known) / HALF_WIDTH if known else DEFAULT_CELL


def kinetics(options: Options) -> xr.Dataset:
    """Return the gle Dataset of the record: mobility, or inertia and kernel, of the options."""
    T = temperatures(options)
    n = len(T)
    volume = float(energy(options)["volume"][0])
    given = options.kernel
    inertia = INERTIA if given is None else given.inertia
    rates = np.array([1.0] if given is None else given.rates)
    friction = 1e-12 / (options.mobility * inertia)
    amplitudes = np.array([friction] if given is None else given.amplitudes)
    if given is not None:
        friction = float(np.sum(amplitudes / rates))
    mass = inertia * volume / (units.J_PER_M3 * 1e-24)
    modes = ("temperature", "axis", "mode")

    def each(values: Array) -> Array:
        return np.broadcast_to(values, (n, 3, len(values))).copy()

    lag = np.arange(4) * 0.01
    kernel = np.exp(-np.outer(lag, rates)) @ amplitudes
    ds = xr.Dataset(
        {
            "kernel": (("temperature", "axis", "lag"), each(kernel)),
            "mass": (("temperature", "axis"), np.full((n, 3), mass)),
            "friction": (("temperature", "axis"), np.full((n, 3), friction)),
            "rate_real": (modes, each(rates)),
            "rate_imag": (modes, each(0 * rates)),
            "amplitude_real": (modes, each(amplitudes)),
            "amplitude_imag": (modes, each(0 * rates)),
            "volume": ("temperature", np.full(n, volume)),
        },
        coords={"temperature": list(T), "lag": lag},
    )  # fmt: skip
    return schema.finish("gle", ds)
