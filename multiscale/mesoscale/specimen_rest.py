"""Boxes and films under a drive that go from rest to rest, as `specimen`. SI units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale.film import FilmModel
from multiscale.mesoscale.kinetics import State
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.relaxation import minimise
from multiscale.mesoscale.specimen import film_field
from multiscale.mesoscale.specimen_strain import stressed

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Resting:
    """Boxes or films that go from rest to rest: loops in the limit of zero frequency.

    Parameters
    ----------
    rows : sequence of FieldModel or FilmModel
    tolerance : float
        As in `relaxation.minimise`.
    """

    rows: Sequence[FieldModel | FilmModel]
    tolerance: float = 1e-5

    def noise_shape(self) -> tuple[int, ...]:
        """One number per component and cell, unused."""
        return (3, self.rows[0].grid.size)

    def start(self, P: Array, xi: Array) -> State:
        """Return the state at P."""
        del xi
        return State(P, np.zeros((len(P), 1, 1, 1)))

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state of rest nearest to this one in the last field."""
        del xi
        P = np.empty_like(state.P)
        for b, row in enumerate(self.rows):
            p = state.P[b].reshape(3, *row.grid.shape)
            if isinstance(row, FilmModel):
                found = minimise(row, p, float(E[-1, 2]) * row.thickness, tolerance=self.tolerance)
            else:
                model = stressed(row, E[-1:])
                found = minimise(model, p, E[-1, :3], tolerance=self.tolerance)
            P[b] = found.P.reshape(3, -1)
        return state._replace(P=P)

    def inside(self, state: State, field: float) -> float:
        """Return the field in the sample, V/m, of the first replica."""
        first = self.rows[0]
        if isinstance(first, FilmModel):
            return film_field(first, field, float(state.P[0, 2].mean()))
        return field
