"""Local collective variables: polarization of planes of unit cells, its sign, domain walls.

The polarization of a group of cells, a plane normal to an axis or a single cell, is q_g = n_groups
sum_(c in g) mu_c / V in C/m^2, each cell taking an equal part of the volume. Its sign is resolved
smoothly by t_g = tanh(q_g / scale), with a scale well below the polarization of a domain: then
t_g = +-1 inside domains whatever their size of polarization.

- Plane: q_g of chosen planes.
- SignResolved: the mean of t_g, from -1 (one domain) over 0 (as much up as down) to 1.
- WallPosition: sum_g (1 + t_g)/2 over planes: how many point up. In a window that holds one wall,
  this is where a sharp wall of the same integrated profile stands (a Gibbs dividing surface),
  counted in planes from the side that points up; over the whole period it is the distance between
  the two walls that periodicity enforces, the coordinate r = n/2 (mean t + 1) of domain motion in
  P. Xie, R. Car and W. E, PNAS 121, e2308668121 (2024).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.compiled import jit
from multiscale.sampling.collective import Collective, volume_of

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Size = tuple[int, int, int]


@dataclass(frozen=True)
class Grouping:
    """Which cells make a group, and which component of their polarization is meant.

    Attributes
    ----------
    size : three int
        Unit cells along the lattice vectors; cells are numbered with the last running fastest.
    axis : int
        Component of the polarization, 0 = x.
    normal : int or None
        Groups are the planes normal to this lattice direction; None: each cell is one.

    Raises
    ------
    ValueError
        If size, axis or normal is impossible.
    """

    size: Size
    axis: int = 2
    normal: int | None = 2

    def __post_init__(self) -> None:
        """Refuse impossible groups."""
        if min(self.size) < 1 or self.axis not in (0, 1, 2) or self.normal not in (0, 1, 2, None):
            raise ValueError(
                f"size is {self.size}, axis {self.axis} and normal {self.normal}, expected "
                "positive numbers of cells and axes out of 0, 1, 2. Correct them."
            )

    @cached_property
    def count(self) -> int:
        """Return the number of groups."""
        return int(np.prod(self.size)) if self.normal is None else self.size[self.normal]

    @cached_property
    def of_cell(self) -> Integers:
        """Return the group of each cell, shape (n_cells,)."""
        cells = np.arange(np.prod(self.size))
        if self.normal is not None:
            cells = np.unravel_index(cells, self.size)[self.normal]
        return np.ascontiguousarray(cells)

    def polarization(self, dipole: Array, cell: Array) -> Array:
        """Return q (n, n_groups) in C/m^2 for dipoles (n, n_cells, 3) and cells (n, 3, 3).

        Raises
        ------
        ValueError
            If the dipoles are not those of so many cells.
        """
        if dipole.ndim != 3 or dipole.shape[1] != len(self.of_cell):
            raise ValueError(
                f"dipoles have shape {dipole.shape}, expected (n, {len(self.of_cell)}, 3) for "
                f"{self.size} cells. Give the dipole of each unit cell."
            )
        return _polarization(dipole, cell, self.axis, self.of_cell, self.count)

    def carry(self, values: Array, slope: Array, q: Array, cell: Array) -> Collective:
        """Return values (n, d) with derivatives, from slopes (n, d, n_groups) by q (n, n_groups).

        dq_g/dmu_c = n_groups/V for each cell of the group; dq/dstrain = -q times unity.
        """
        return Collective(values, *_carry(slope, q, cell, self.axis, self.of_cell))


@jit
def _polarization(dipole: Array, cell: Array, axis: int, of_cell: Integers, count: int) -> Array:
    q = np.zeros((len(cell), count))
    for i in range(len(cell)):
        scale = count * units.C_PER_M2 / volume_of(cell[i])
        for c in range(len(of_cell)):
            q[i, of_cell[c]] += scale * dipole[i, c, axis]
    return q


@jit
def _carry(
    slope: Array, q: Array, cell: Array, axis: int, of_cell: Integers
) -> tuple[Array, Array]:
    n, d, count = slope.shape
    d_dipole, d_strain = np.zeros((n, d, len(of_cell), 3)), np.zeros((n, d, 3, 3))
    for i in range(n):
        scale = count * units.C_PER_M2 / volume_of(cell[i])
        for k in range(d):
            for c in range(len(of_cell)):
                d_dipole[i, k, c, axis] = scale * slope[i, k, of_cell[c]]
            for g in range(count):
                for a in range(3):
                    d_strain[i, k, a, a] -= slope[i, k, g] * q[i, g]
    return d_dipole, d_strain


@dataclass(frozen=True)
class Plane:
    """Polarization of one to three planes of cells, in C/m^2.

    Attributes
    ----------
    groups : Grouping
    planes : tuple of int
        Counted from 0 along the normal.

    Raises
    ------
    ValueError
        If a plane is outside the crystal or named twice.
    """

    local: ClassVar[bool] = True
    groups: Grouping
    planes: tuple[int, ...] = (0,)
    names: tuple[str, ...] = ("plane",)

    def __post_init__(self) -> None:
        """Refuse planes that are not there."""
        inside = all(0 <= p < self.groups.count for p in self.planes)
        if not self.planes or len(set(self.planes)) < len(self.planes) or not inside:
            raise ValueError(
                f"planes are {self.planes}, expected different numbers from 0 to "
                f"{self.groups.count - 1}. Choose planes of the crystal."
            )
        _check_names(self.names, len(self.planes))

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return q (n, d) and derivatives for dipoles (n, n_cells, 3), cells (n, 3, 3)."""
        q = self.groups.polarization(dipole, cell)
        slope = np.eye(self.groups.count)[list(self.planes)]
        slope = np.repeat(slope[None], len(q), axis=0)
        return self.groups.carry(q[:, list(self.planes)], slope, q, cell)


@dataclass(frozen=True)
class SignResolved:
    """Mean of tanh(q/scale) over planes or cells, from -1 to 1.

    Attributes
    ----------
    groups : Grouping
    scale : float
        In C/m^2; about a quarter of the polarization inside a domain.

    Raises
    ------
    ValueError
        If scale is not positive.
    """

    local: ClassVar[bool] = True
    groups: Grouping
    scale: float = 0.2
    names: tuple[str, ...] = ("sign",)

    def __post_init__(self) -> None:
        """Refuse a scale that resolves no sign."""
        _check_scale(self.scale)
        _check_names(self.names, 1)

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return the mean (n, 1) and derivatives for dipoles (n, n_cells, 3), cells (n, 3, 3)."""
        q = self.groups.polarization(dipole, cell)
        t = np.tanh(q / self.scale)
        slope = (1 - t**2) / (self.scale * self.groups.count)
        return self.groups.carry(t.mean(axis=1, keepdims=True), slope[:, None], q, cell)


@dataclass(frozen=True)
class WallPosition:
    """Number of planes in a window whose polarization is positive, sum of (1 + tanh(q/scale))/2.

    Attributes
    ----------
    groups : Grouping
        With a normal.
    scale : float
        In C/m^2; about a quarter of the polarization inside a domain.
    first : int
        First plane of the window.
    planes : int or None
        Its length; it may run through the periodic boundary. None: all planes.

    Raises
    ------
    ValueError
        If the groups are no planes, the window does not fit or scale is not positive.
    """

    local: ClassVar[bool] = True
    groups: Grouping
    scale: float = 0.2
    first: int = 0
    planes: int | None = None
    names: tuple[str, ...] = ("wall",)

    def __post_init__(self) -> None:
        """Refuse a window that does not fit."""
        _check_scale(self.scale)
        _check_names(self.names, 1)
        if self.groups.normal is None:
            raise ValueError("normal is None, expected the axis of the planes. Give 0, 1 or 2.")
        count = self.groups.count
        if not 0 <= self.first < count or not 1 <= self.length <= count:
            raise ValueError(
                f"the window has {self.length} planes from {self.first} on, expected it within "
                f"{count} planes. Correct first or planes."
            )

    @property
    def length(self) -> int:
        """Return the number of planes of the window."""
        return self.groups.count if self.planes is None else self.planes

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return the position (n, 1) and derivatives for dipoles (n, n_cells, 3) and cells."""
        window = self._window
        q = self.groups.polarization(dipole, cell)
        t = np.tanh(q / self.scale)
        values = (0.5 * (1 + t)) @ window[:, None]
        slope = 0.5 * window * (1 - t**2) / self.scale
        return self.groups.carry(values, slope[:, None], q, cell)

    @cached_property
    def _window(self) -> Array:
        """Return one for each plane inside the window, zero outside."""
        window = np.zeros(self.groups.count)
        window[(self.first + np.arange(self.length)) % self.groups.count] = 1.0
        return window


def _check_scale(scale: float) -> None:
    if not scale > 0:
        raise ValueError(
            f"scale is {scale}, expected a positive polarization in C/m^2. Take about a quarter "
            "of that inside a domain."
        )


def _check_names(names: tuple[str, ...], count: int) -> None:
    if len(names) != count:
        raise ValueError(f"names are {names}, expected {count}. Give one for each component.")
