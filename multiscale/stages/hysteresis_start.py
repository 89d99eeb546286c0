"""How the sample of stage hysteresis begins: poled, striped, random, or cooled in a field."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.mesoscale import polynomial
from multiscale.stages.hysteresis_bodies import bodies
from multiscale.stages.hysteresis_model import Setup, a1_slope, at_temperature, row_model
from multiscale.stages.hysteresis_motion import Motion
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.hysteresis_record import coefficients_at

Array = NDArray[np.float64]
RANDOM = 0.1  # root mean square of a random start, over P0


def begin(
    setup: Setup,
    landau: xr.Dataset,
    gle: xr.Dataset,
    options: Options,
    generators: list[np.random.Generator],
) -> Array:
    """Return the polarization of every row of the batch at the start, (batch, 3, cells)."""
    if options.start == "stripes":
        half = np.where(np.arange(setup.shape[0]) < setup.shape[0] / 2, 1.0, -1.0)
        return np.asarray(setup.start * np.repeat(half, int(np.prod(setup.shape[1:]))))
    if options.start in ("random", "cooled"):
        P0 = float(np.abs(setup.start).max()) or 1.0
        noise = [g.standard_normal(setup.start.shape[1:]) for g in generators]
        random = RANDOM * P0 * np.array(noise)
        if options.start == "random":
            return random
        return _cooled(random, setup, landau, gle, options, generators)
    return setup.start


def _cooled(
    P: Array,
    setup: Setup,
    landau: xr.Dataset,
    gle: xr.Dataset,
    options: Options,
    generators: list[np.random.Generator],
) -> Array:
    """Return P after a ramp of temperature in a field; every row has the best fit's energy."""
    ramp = options.cooling
    assert ramp is not None
    end = setup.case.temperature
    here = at_temperature(landau, end, "landau")
    motion = Motion.read(at_temperature(gle, end, "gle"), options)
    volume, slope = float(here["volume"]) * 1e-30, a1_slope(landau, end, options)
    time = ramp.duration * 1e-12 / ramp.stages
    for T in np.linspace(ramp.temperature, end, ramp.stages):
        a = np.repeat(coefficients(landau, float(T), options)[None], len(P), axis=0)
        model = row_model(a, volume, float(T), options)
        bulk = bodies(model, here, slope, options)
        radius = 1.5 * max(polynomial.extreme_polarization(a[0], abs(ramp.field), options.axis),
                           float(np.abs(P).max()))  # fmt: skip
        steps = int(np.ceil(time / (options.step_fraction * motion.limit(model, bulk, radius))))
        mover = motion.mover(model, bulk, time / max(steps, 1), radius)
        E = np.zeros((max(steps, 1) + 1, 3 if options.stress is None else 9))
        E[:, :3] = ramp.field * options.axis
        shape = (len(E) - 1, *mover.noise_shape())
        xi = np.stack([g.standard_normal(shape) for g in generators])
        P = mover.advance(mover.start(P, xi[:, 0]), E, xi).P
    return P


def coefficients(landau: xr.Dataset, temperature: float, options: Options) -> Array:
    """Return Landau coefficients at any temperature, (10,): of the record, or interpolated.

    Raises
    ------
    ValueError
        If landau has no temperatures around this one.
    """
    if options.source == "material":
        return np.asarray(polynomial.pad_terms(coefficients_at(options, temperature))[0])
    T = landau["temperature"].values
    if not T.min() - 0.5 <= temperature <= T.max() + 0.5:
        raise ValueError(
            f"cooling passes {temperature:g} K, expected from {T.min():g} to {T.max():g} K, the "
            "temperatures of stage landau. Run it higher, or begin lower."
        )
    names = [str(term) for term in landau["term"].values]
    values = landau["coefficient"].transpose("temperature", "term").values
    here = dict(zip(names, (np.interp(temperature, T, v) for v in values.T), strict=True))
    return np.array([here.get(term, 0.0) for term in polynomial.TERMS])
