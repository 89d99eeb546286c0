"""Several collective variables as one of one to three dimensions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.collective import Collective, CollectiveVariable

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Joined:
    """The components of several variables, one after the other.

    If one of them is local, all are functions of the dipoles of the unit cells, and variables of
    the whole dipole take their sum.

    Attributes
    ----------
    variables : tuple of CollectiveVariable

    Raises
    ------
    ValueError
        If there are not one to three components, or two have the same name.
    """

    variables: tuple[CollectiveVariable, ...]

    def __post_init__(self) -> None:
        """Refuse what has too many dimensions or ambiguous names."""
        names = self.names
        if not 1 <= len(names) <= 3 or len(set(names)) < len(names):
            raise ValueError(
                f"collective variables are {', '.join(names) or 'none'}, expected one to three "
                "with different names. Remove some."
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of all components."""
        return tuple(name for variable in self.variables for name in variable.names)

    @cached_property
    def local(self) -> bool:
        """Return whether one of them is local."""
        return any(variable.local for variable in self.variables)

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return values (n, d) and derivatives; see CollectiveVariable."""
        local, d = self.local, len(self.names)
        total = dipole.sum(axis=1) if local else dipole
        shape = dipole.shape[1:]
        out = Collective(
            np.empty((len(cell), d)),
            np.empty((len(cell), d, *shape)),
            np.empty((len(cell), d, 3, 3)),
        )
        k = 0
        for variable in self.variables:
            s = variable(dipole if variable.local else total, cell)
            part = slice(k, k := k + s.values.shape[1])
            every = s.d_dipole[:, :, None] if local and not variable.local else s.d_dipole
            out.values[:, part], out.d_dipole[:, part], out.d_strain[:, part] = s[0], every, s[2]
        return out
