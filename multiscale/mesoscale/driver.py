"""Drives of the field model: fields, stresses, temperatures, electrodes with a load. SI units."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale.descent import descend
from multiscale.mesoscale.evolve import Evolution, FieldState
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.relaxation import minimise
from multiscale.mesoscale.resolution import report_resolution
from multiscale.units import EPSILON0

Array = NDArray[np.float64]


class Sample(NamedTuple):
    """What is recorded of a moment."""

    time: float  # s
    field: Array  # (3,) V/m in crystal axes
    polarization: Array  # (3,) mean, C/m^2
    strain: Array  # (6,) mean, engineering shear; zero without elasticity
    resolution: float  # half widths of a wall per cell
    halvings: int = 0  # of the time step, since the sample before, because the energy rose


def sweep(
    evolution: Evolution,
    state: FieldState,
    field_at: Callable[[float], Array],
    times: ArrayLike,
    *,
    steps: int,
    generator: np.random.Generator | None = None,
    stress_at: Callable[[float], Array] | None = None,
) -> Iterator[tuple[Sample, FieldState]]:
    """Yield a sample and the state at each time, after equal steps from the time before.

    Where the field is constant and there is no noise, the energy must fall at every step, or the
    step is done again with half the length (`descent.descend`).

    Parameters
    ----------
    evolution : Evolution
    state : FieldState
        Where to start; its time is that before the first of `times`.
    field_at : function
        Time, s, to the uniform field in crystal axes, V/m, shape (3,).
    times : array, shape (n,)
        Equally spaced, s.
    steps : int
        Steps from one sample to the next.
    generator : numpy.random.Generator or None
        Of the thermal noise; None is without.
    stress_at : function or None
        Time, s, to the mean stress in the box, Pa, shape (6,).

    Raises
    ------
    StepTooLongError, EnergyRisesError
        If the steps are above the limit, or the energy rises whatever their length.
    """
    resolution = report_resolution(evolution.model)
    shape = (3, *evolution.model.grid.shape)
    dt = (float(np.atleast_1d(times)[0]) - state.time) / steps
    evolution.check(dt, 1.1 * float(np.abs(evolution.polarization(state)).max()))
    for end in np.atleast_1d(np.asarray(times, float)):
        if stress_at is not None:
            evolution.model = _stressed(evolution.model, stress_at(state.time))
        halved, at = 0, [field_at(state.time + i * dt) for i in range(steps + 1)]
        if generator is None and all(np.array_equal(E, at[0]) for E in at):
            *_, last = descend(evolution, state, at[0], float(end), dt=dt)
            state, halved = last.state, last.halvings
        else:
            for i in range(steps):
                xi = None if generator is None else generator.standard_normal(shape)
                state = evolution.runge_kutta(state, at[i], at[i + 1], dt, xi)
        state = state._replace(time=float(end))
        sample = _sample(evolution, state, field_at(float(end)), resolution)
        yield sample._replace(halvings=halved), state


def quasi_static_loop(
    model: FieldModel, P: ArrayLike, fields: ArrayLike, *, tolerance: float = 1e-5
) -> Iterator[tuple[Sample, Array]]:
    """Yield a sample and P at rest in each field: the loop in the limit of zero frequency.

    Parameters
    ----------
    model : FieldModel
    P : array, shape (3, nx, ny, nz)
        Where to start, C/m^2.
    fields : array, shape (n, 3)
        In crystal axes, V/m, in the order in which they are applied.
    tolerance : float
        As in `relaxation.minimise`.
    """
    resolution = report_resolution(model)
    P = np.asarray(P, float)
    for number, E in enumerate(np.asarray(fields, float)):
        P = minimise(model, P, E, tolerance=tolerance).P
        yield Sample(float(number), E, P.mean(axis=(1, 2, 3)), _strain(model, P), resolution), P


def cool(
    models: Iterable[FieldModel],
    P: ArrayLike,
    E: ArrayLike,
    *,
    mobility: float,
    dt: float,
    steps: int,
    generator: np.random.Generator,
) -> Iterator[Array]:
    """Yield P after some steps with each model, one per temperature: field cooling.

    Parameters
    ----------
    models : iterable of FieldModel
        With the coefficients and kT of each temperature, on one grid.
    P : array, shape (3, nx, ny, nz)
        Where to start, C/m^2.
    E : array, shape (3,)
        Field during cooling, crystal axes, V/m.
    mobility, dt : float
        L, S/m, and time step, s.
    steps : int
        Steps at each temperature.
    generator : numpy.random.Generator
        Of the thermal noise.
    """
    P = np.asarray(P, float)
    for model in models:
        evolution = Evolution(model, mobility)
        state = evolution.start(P)
        for _ in range(steps):
            state = evolution.runge_kutta(state, E, E, dt, generator.standard_normal(P.shape))
        P = evolution.polarization(state)
        yield P


@dataclass(frozen=True)
class Load:
    """A resistor in series with electrodes; the model has open electrodes (`Electrodes(axis)`).

    Parameters
    ----------
    resistance_area : float
        Resistance times electrode area, Ohm m^2.
    thickness : float
        Between the electrodes, m.
    permittivity : float
        Relative background of the model.
    """

    resistance_area: float
    thickness: float
    permittivity: float

    @property
    def time(self) -> float:
        """Return the charging time of the background capacitor, s."""
        return float(self.resistance_area * EPSILON0 * self.permittivity / self.thickness)

    def charge(self, q: float, voltage: float, polarization: float, dt: float) -> float:
        """Return the charge per area, C/m^2, after dt at given voltage, V, and mean P_n, C/m^2."""
        rest: float = polarization + EPSILON0 * self.permittivity * voltage / self.thickness
        return float(rest + (q - rest) * np.exp(-dt / self.time))

    def field(self, q: float) -> float:
        """Return the field of the charge alone, V/m: what is applied to the open model."""
        return float(q / (EPSILON0 * self.permittivity))


def sweep_with_load(
    evolution: Evolution,
    state: FieldState,
    load: Load,
    voltage_at: Callable[[float], float],
    *,
    dt: float,
    steps: int,
    charge: float = 0.0,
) -> Iterator[tuple[float, float, FieldState]]:
    """Yield charge on the electrodes, C/m^2, field between them, V/m, and state after each step.

    Parameters
    ----------
    evolution : Evolution
        Its model has open electrodes and the background permittivity of the load.
    state : FieldState
    load : Load
    voltage_at : function
        Time, s, to the voltage of the source, V.
    dt, steps : float, int
        Time step, s, below the charging time of the load, and number of steps.
    charge : float
        Free charge per area to start with, C/m^2.

    Raises
    ------
    ValueError
        If the model has no open electrodes, or dt exceeds the charging time.
    """
    electrodes = evolution.model.electrodes
    if electrodes is None or electrodes.series_capacitance > 0:
        raise ValueError(
            f"electrodes are {electrodes!r}, expected open ones. Give the model Electrodes(axis)."
        )
    if dt > load.time:
        raise ValueError(
            f"time step is {dt:.3g} s, expected below the charging time {load.time:.3g} s. "
            "Shorten it, or leave the resistor out."
        )
    n = evolution.model.grid.rotation[:, electrodes.axis]
    mean = _mean(state, n, evolution)
    for _ in range(steps):
        V = 0.5 * (voltage_at(state.time) + voltage_at(state.time + dt))
        guess = load.charge(charge, V, mean, dt)
        new = evolution.runge_kutta(state, load.field(charge) * n, load.field(guess) * n, dt)
        after = _mean(new, n, evolution)
        charge, mean, state = load.charge(charge, V, 0.5 * (mean + after), dt), after, new
        yield charge, load.field(charge - mean), state


def _mean(state: FieldState, n: Array, evolution: Evolution) -> float:
    return float(np.dot(n, state.modes[:, 0, 0, 0].real)) / evolution.model.grid.size


def _stressed(model: FieldModel, stress: Array) -> FieldModel:
    assert model.elasticity is not None
    return replace(model, elasticity=replace(model.elasticity, stress=stress))


def _sample(evolution: Evolution, state: FieldState, E: Array, resolution: float) -> Sample:
    P = evolution.polarization(state)
    mean = P.mean(axis=(1, 2, 3), dtype=float)
    return Sample(state.time, E, mean, _strain(evolution.model, P), resolution)


def _strain(model: FieldModel, P: NDArray[Any]) -> Array:
    """Return the mean strain in crystal axes, shape (6,)."""
    if model.elasticity is None:
        return np.zeros(6)
    e0 = model.spontaneous_strain(P).mean(axis=(1, 2, 3), dtype=float)
    return np.asarray(
        e0 + model.elasticity.compliance @ model.elasticity.mean_stress(e0, model.grid)
    )
