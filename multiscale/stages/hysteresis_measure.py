"""Numbers of a loop of stage hysteresis with their errors, from its replicas and samples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale.loops import LoopResult, Loops, measure_loops, summarise
from multiscale.stages.hysteresis_model import Case
from multiscale.stages.hysteresis_options import Options

Array = NDArray[np.float64]
ROUNDING = 1e-9  # relative
REVERSED = 0.1  # of the largest |P|, to both sides: then a pulse or curve reversed it


class Numbers(NamedTuple):
    """Results of a loop."""

    best: LoopResult  # of the replicas of the best fit
    loops: Loops  # the same, each loop of each replica
    samples: Loops  # of samples of the fit
    stderr: dict[str, float]  # thermal error and that of the fit together
    fit_stderr: dict[str, float]  # that of the fit alone


def measure(E: Array, P: Array, case: Case, options: Options, limit: float = 0.0) -> Numbers:
    """Return the numbers of the last block of loops.

    Parameters
    ----------
    E, P : arrays, shape (time,) and (batch, time)
        Field, V/m, and polarization (or D) along it, C/m^2.
    case : Case
    options : Options
    limit : float
        |P| that a complete half cycle reaches; below it the loop is a minor one, C/m^2.
    """
    every = of_block(E, P, case.protocol.blocks[-1], options, limit)
    best = Loops(*(x[: case.replicas] for x in every))
    samples = Loops(*(x[case.replicas :] for x in every))
    result = summarise(best)
    drawn = _quantities(samples)
    fit = {name: fit_error(values, drawn[name]) for name, values in _quantities(best).items()}
    fit["coercive_field"] *= 1.0 if np.isfinite(result.coercive_field) else np.nan
    thermal = {n: _scatter(getattr(result, n), getattr(result, f"{n}_stderr")) for n in fit}
    stderr = {n: _together(thermal[n], fit[n], options) for n in fit}
    return Numbers(result, best, samples, stderr, fit)


def of_block(E: Array, P: Array, block: slice, options: Options, limit: float = 0.0) -> Loops:
    """Return the loops of one amplitude; arguments as in `measure`."""
    every = measure_loops(E[block], P[:, block], options.samples_per_cycle)
    last = P[:, block][:, -options.samples_per_cycle - 1 :]
    top = (1 - 1e-6) * limit
    complete = (last.max(axis=1) >= top) & (last.min(axis=1) <= -top)
    censored = np.where(complete, 0.0, np.nan)[:, None]
    return every._replace(
        coercive_up=every.coercive_up + censored, coercive_down=every.coercive_down + censored
    )


def without_loops(P: Array, options: Options) -> Numbers:
    """Return numbers of a protocol that makes no loops: saturation, and whether P reversed.

    P has shape (batch, time), C/m^2.
    """
    size = float(np.abs(P).max())
    middle = P.mean(axis=0)
    reversed_ = min(middle.max(), -middle.min()) > REVERSED * size
    nan = float("nan")
    result = LoopResult(
        *(nan,) * 10, 0.5 * float(np.ptp(middle)), nan, nan, nan, bool(reversed_),
        options.waveform, nan,
    )  # fmt: skip
    none = Loops(*(np.full((len(P), 1), np.nan) for _ in Loops._fields))
    names = ("coercive_field", "remanence", "saturation", "area")
    return Numbers(result, none, none, dict.fromkeys(names, nan), dict.fromkeys(names, nan))


def _scatter(value: float, stderr: float) -> float:
    """Return a standard error, 0 where it is only rounding."""
    return 0.0 if stderr < ROUNDING * abs(value) else stderr


def _quantities(loops: Loops) -> dict[str, Array]:
    """Return what a loop reports, shape (replica, loop)."""
    return {
        "coercive_field": 0.5 * (loops.coercive_up - loops.coercive_down),
        "remanence": 0.5 * (loops.remanent_up - loops.remanent_down),
        "saturation": loops.saturation,
        "area": loops.area,
    }


def fit_error(best: Array, samples: Array) -> float:
    """Return the standard deviation among the fit's samples beyond that among thermal replicas.

    Shapes (replica, loop) and (sample, loop); a sample that has no value is left out. NaN if
    fewer than three have one.
    """
    rows = samples.mean(axis=1)
    rows = rows[np.isfinite(rows)]
    if rows.size < 3:
        return float("nan")
    thermal = float(best.mean(axis=1).var(ddof=1)) if len(best) > 1 else 0.0
    return float(np.sqrt(max(0.0, float(rows.var(ddof=1)) - np.nan_to_num(thermal))))


def _together(thermal: float, fit: float, options: Options) -> float:
    """Return the root of the sum of squares; an unknown fit error leaves the thermal one.

    A single loop has no thermal error, and needs none if there is no noise.
    """
    if np.isnan(thermal) and not options.thermal_noise and not np.isnan(fit):
        return fit
    return float(np.hypot(thermal, np.nan_to_num(fit)))
