"""Boxes and films under a drive, several replicas at once: what stage hysteresis moves.

Each has the methods of `kinetics.Kinetics`: P of shape (batch, 3, cells), cells numbered like the
array of the box; a drive of shape (steps + 1, 3), V/m in crystal axes, or (steps + 1, 9) with the
mean stress in the frame of the box, Pa. SI units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale import polynomial
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.evolve import Evolution, FieldState, clamped_quartic
from multiscale.mesoscale.film import FilmEvolution, FilmModel
from multiscale.mesoscale.guard import constant, guarded
from multiscale.mesoscale.kinetics import State, StepTooLongError
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.series_load import SeriesLoad
from multiscale.mesoscale.specimen_strain import stressed
from multiscale.units import EPSILON0

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Boxes:
    """dP/dt = L (E - dF/dP) + noise for boxes; with a load the charge is part of the state.

    In a constant field without noise and load the energy must fall over every interval (`guard`).

    Parameters
    ----------
    rows : sequence of FieldModel
        One per replica, all on the same grid; equal ones may be the same object.
    mobility, dt, radius : float
        L, S/m, time step, s, and largest |P| expected, C/m^2.
    load : SeriesLoad or None
        The models have `Electrodes(load.axis, load.series_capacitance)`.

    Raises
    ------
    StepTooLongError
        If the explicit part or the load is unstable at dt.
    """

    rows: Sequence[FieldModel]
    mobility: float
    dt: float
    radius: float
    load: SeriesLoad | None = None

    def __post_init__(self) -> None:
        """Refuse a time step above the limit."""
        limit = boxes_limit(self.rows, self.mobility, self.radius, self.load)
        if self.dt > limit:
            raise StepTooLongError(self.dt, limit)

    @cached_property
    def evolutions(self) -> list[Evolution]:
        """Steps of each replica; equal models share theirs."""
        known = {id(row): Evolution(row, self.mobility) for row in self.rows}
        return [known[id(row)] for row in self.rows]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells along the axes of the box."""
        return self.rows[0].grid.shape

    def noise_shape(self) -> tuple[int, ...]:
        """One normal number per component and cell."""
        return (3, self.rows[0].grid.size)

    def start(self, P: Array, xi: Array) -> State:
        """Return the state at P, charges compensated in a short circuit."""
        del xi
        y = np.zeros((len(P), 3, 1, 1))  # charge, guarded intervals, halvings
        if self.load is not None:
            y[:, 0, 0, 0] = [self.load.rest(0.0, self._normal(p)) for p in P]
        return State(P, y)

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state after len(E) - 1 steps; xi has shape (batch, steps, 3, cells)."""
        P, y = np.empty_like(state.P), state.y.copy()
        noisy = self.rows[0].kT > 0
        still = constant(E) and not noisy and self.load is None
        for b, (row, evolution) in enumerate(zip(self.rows, self.evolutions, strict=True)):
            evolution.model = stressed(row, E)
            box = evolution.start(state.P[b].reshape(3, *self.shape))
            if still:
                box, halved = self._still(evolution, box, E)
                y[b, 1:, 0, 0] += 1, halved
            for n in range(0 if still else len(E) - 1):
                noise = xi[b, n].reshape(3, *self.shape) if noisy else None
                if self.load is None:
                    box = evolution.runge_kutta(box, E[n, :3], E[n + 1, :3], self.dt, noise)
                    continue
                ends = self._along(E[n, :3]), self._along(E[n + 1, :3])
                q = float(y[b, 0, 0, 0])
                box, y[b, 0] = self._loaded(self.load, evolution, box, q, ends, noise)
            P[b] = evolution.polarization(box).reshape(3, -1)
        return State(P, y)

    def _still(self, evolution: Evolution, box: FieldState, E: Array) -> tuple[FieldState, int]:
        """Return the state after an interval of a constant field, and halvings of its steps."""
        model, field = evolution.model, E[0, :3]

        def run(box: FieldState, parts: int) -> FieldState:
            for _ in range(parts * (len(E) - 1)):
                box = evolution.runge_kutta(box, field, field, self.dt / parts)
            return box

        def energy(box: FieldState) -> tuple[float, float]:
            P = evolution.polarization(box)
            return model.energy(P, field), float(field @ P.mean(axis=(1, 2, 3)))

        precision = float(np.finfo(model.dtype).eps)
        return guarded(run, energy, box, dt=self.dt, precision=precision)

    def _loaded(
        self,
        load: SeriesLoad,
        evolution: Evolution,
        box: FieldState,
        q: float,
        ends: tuple[float, float],
        noise: Array | None,
    ) -> tuple[FieldState, float]:
        """Return state and charge after a step in which the source goes between two fields."""
        size, middle = evolution.model.grid.size, 0.5 * (ends[0] + ends[1])
        before = self._along(box.modes[:, 0, 0, 0].real / size)
        guess = load.charge(q, middle, before, self.dt)
        first = self._unit * load.applied(q, ends[0])
        last = self._unit * load.applied(guess, ends[1])
        box = evolution.runge_kutta(box, first, last, self.dt, noise)
        after = self._along(box.modes[:, 0, 0, 0].real / size)
        if load.resistance_area == 0:
            return box, load.rest(ends[1], after)
        return box, load.charge(q, middle, 0.5 * (before + after), self.dt)

    def inside(self, state: State, field: float) -> float:
        """Return the field in the sample, V/m, of the first replica; field is the source's."""
        if self.load is None:
            return field
        return self.load.inside(float(state.y[0, 0, 0, 0]), self._normal(state.P[0]))

    @cached_property
    def _unit(self) -> Array:
        """Normal of the electrodes in crystal axes."""
        axis = 2 if self.load is None else self.load.axis
        return np.asarray(self.rows[0].grid.rotation[:, axis])

    def _along(self, v: Array) -> float:
        return float(self._unit @ v)

    def _normal(self, P: Array) -> float:
        return self._along(P.mean(axis=-1))


@dataclass(frozen=True, eq=False)
class Films:
    """The same for films; the field is the voltage over the thickness of the film.

    Parameters
    ----------
    rows : sequence of FilmModel
        One per replica; equal ones may be the same object.
    mobility, dt, radius : float
        L, S/m, time step, s, and largest |P| expected, C/m^2.
    kT : float
        Temperature, J, of the noise; 0 is without.

    Raises
    ------
    StepTooLongError
        If the explicit part is unstable at dt.
    """

    rows: Sequence[FilmModel]
    mobility: float
    dt: float
    radius: float
    kT: float = 0.0  # noqa: N815

    def __post_init__(self) -> None:
        """Refuse a time step above the limit."""
        limit = explicit_limit(self.rows, self.mobility, self.radius)
        if self.dt > limit:
            raise StepTooLongError(self.dt, limit)

    @cached_property
    def evolutions(self) -> list[FilmEvolution]:
        """Steps of each replica; equal models share theirs."""
        known = {id(row): FilmEvolution(row, self.mobility, self.dt, self.kT) for row in self.rows}
        return [known[id(row)] for row in self.rows]

    def noise_shape(self) -> tuple[int, ...]:
        """One normal number per component and cell."""
        return (3, self.rows[0].grid.size)

    def start(self, P: Array, xi: Array) -> State:
        """Return the state at P; there are no velocities."""
        del xi
        return State(P, np.zeros((len(P), 3, 1, 1)))

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state after len(E) - 1 steps; xi has shape (batch, steps, 3, cells)."""
        P, y = np.empty_like(state.P), state.y.copy()
        still = constant(E) and self.kT == 0
        for b, (row, evolution) in enumerate(zip(self.rows, self.evolutions, strict=True)):
            p = state.P[b].reshape(3, *row.shape)
            V = E[:, 2] * row.thickness
            if still:
                p, halved = self._still(evolution, p, V)
                y[b, 1:, 0, 0] += 1, halved
            for n in range(0 if still else len(E) - 1):
                noise = xi[b, n].reshape(3, *row.shape) if self.kT > 0 else None
                p = evolution.step(p, float(V[n]), float(V[n + 1]), noise)
            P[b] = p.reshape(3, -1)
        return State(P, y)

    def _still(self, evolution: FilmEvolution, P: Array, V: Array) -> tuple[Array, int]:
        """Return P after an interval of a constant voltage, and halvings of its steps."""
        voltage = float(V[0])

        def run(P: Array, parts: int) -> Array:
            steps = evolution if parts == 1 else replace(evolution, dt=self.dt / parts)
            for _ in range(parts * (len(V) - 1)):
                P = steps.step(P, voltage, voltage)
            return P

        def energy(P: Array) -> tuple[float, float]:
            model = evolution.model
            return model.energy(P, voltage), model.applied_field(voltage) * float(P[2].mean())

        precision = float(np.finfo(float).eps)
        return guarded(run, energy, P, dt=self.dt, precision=precision)

    def inside(self, state: State, field: float) -> float:
        """Return the mean field in the film, V/m, of the first replica; D is continuous."""
        return film_field(self.rows[0], field, float(state.P[0, 2].mean()))


def film_field(model: FilmModel, field: float, P: float) -> float:
    """Return the mean field in a film, V/m, at mean P_z, C/m^2, with field the voltage over it."""
    dead = sum(layer.thickness / layer.permittivity for layer in model.layers)
    length = model.thickness + model.background_permittivity * dead
    return float((field * model.thickness - P * dead / EPSILON0) / length)


def boxes_limit(
    rows: Sequence[FieldModel], mobility: float, radius: float, load: SeriesLoad | None = None
) -> float:
    """Return the longest stable time step, s, of `Boxes`."""
    limit = explicit_limit(rows, mobility, radius)
    return min(limit, load.time) if load is not None and load.resistance_area > 0 else limit


def explicit_limit(rows: Sequence[Any], mobility: float, radius: float) -> float:
    """Return 2 / (L largest curvature up to radius) of the explicit part of models, s."""
    stiff = 0.0
    for row in {id(row): row for row in rows}.values():
        a = np.array(row.landau, float)
        elastic: Elasticity | None = row.elasticity
        if elastic is not None:
            a[1:3] += clamped_quartic(elastic)
        stiff = max(stiff, polynomial.stiffest(a, radius))
    return 2.0 / (mobility * stiff) if stiff > 0 else np.inf
