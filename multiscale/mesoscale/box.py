"""Boxes of cells in two and three dimensions in the place of rows: the same states, many replicas.

A stage that drives rows of cells (`kinetics.Overdamped`) can drive boxes without knowing: cells of
a box are numbered like its array, so that P keeps the shape (batch, 3, cells). SI units.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.evolve import Evolution, step_limit
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.kinetics import State, StepTooLongError
from multiscale.mesoscale.model import FieldModel

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoxKinetics:
    """dP/dt = L (E - dF/dP) + noise for boxes, one set of Landau coefficients per replica.

    Parameters
    ----------
    model : PhaseField
        The same energy as a row: coefficients of each replica, as many cells as the box, spacing,
        gradient, background permittivity and temperature.
    shape : three ints
        Cells along the axes of the box.
    mobility : float
        Kinetic coefficient L, S/m.
    dt, radius : float
        Time step, s, and largest |P| expected, C/m^2.
    elasticity : Elasticity or None

    Raises
    ------
    ValueError
        If the box has another number of cells than the model.
    StepTooLongError
        If the explicit part is unstable at dt.
    """

    model: PhaseField
    shape: tuple[int, int, int]
    mobility: float
    dt: float
    radius: float
    elasticity: Elasticity | None = None

    def __post_init__(self) -> None:
        """Refuse a box that does not fit and a time step above the limit."""
        if int(np.prod(self.shape)) != self.model.cells:
            raise ValueError(
                f"shape is {self.shape}, expected {self.model.cells} cells as the model has. "
                "Correct one of them."
            )
        limit = box_limit(self.model, self.shape, self.mobility, self.radius, self.elasticity)
        if self.dt > limit:
            raise StepTooLongError(self.dt, limit)

    @cached_property
    def evolutions(self) -> list[Evolution]:
        """Steps of each set of coefficients; equal sets share theirs."""
        known: dict[bytes, Evolution] = {}
        for row in self.model.coefficients:
            if row.tobytes() not in known:
                box = field_model(self.model, row, self.shape, self.elasticity)
                known[row.tobytes()] = Evolution(box, self.mobility)
        return [known[row.tobytes()] for row in self.model.coefficients]

    def noise_shape(self) -> tuple[int, ...]:
        """One normal number per component and cell."""
        return (3, self.model.cells)

    def start(self, P: Array, xi: Array) -> State:
        """Return the state at P; there are no velocities."""
        del xi
        return State(P, np.zeros((len(P), 3, 0, self.model.cells)))

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state after len(E) - 1 steps; xi has shape (batch, steps, 3, cells)."""
        out = np.empty_like(state.P)
        rows = self.evolutions if len(self.evolutions) > 1 else self.evolutions * len(out)
        for b, evolution in enumerate(rows):
            box = evolution.start(state.P[b].reshape(3, *self.shape))
            for n in range(len(E) - 1):
                noise = xi[b, n].reshape(3, *self.shape)
                box = evolution.runge_kutta(box, E[n], E[n + 1], self.dt, noise)
            out[b] = evolution.polarization(box).reshape(3, -1)
        return state._replace(P=out)


def field_model(
    row: PhaseField, a: Array, shape: tuple[int, int, int], elasticity: Elasticity | None
) -> FieldModel:
    """Return the box with the Landau coefficients a (10,); cells as long as those of the row."""
    across = float(np.sqrt(row.cross_section))
    return FieldModel(
        Grid(shape, (row.spacing, across, across)),
        a,
        row.gradient,
        elasticity,
        row.background_permittivity,
        kT=row.kT,
    )


def box_limit(
    model: PhaseField,
    shape: tuple[int, int, int],
    mobility: float,
    radius: float,
    elasticity: Elasticity | None = None,
) -> float:
    """Return the longest stable time step, s, for every replica; arguments as in BoxKinetics."""
    rows = np.unique(model.coefficients, axis=0)
    boxes = [field_model(model, row, shape, elasticity) for row in rows]
    return min(step_limit(box, mobility, radius) for box in boxes)
