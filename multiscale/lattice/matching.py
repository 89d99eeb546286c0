"""The coefficients of an effective Hamiltonian from energies, forces on modes and stresses.

With the corners of the cells relaxed (acoustic.py), energy, forces and the slope by homogeneous
strain are homogeneous of degree one in the coefficients: linear ones, and -1/2 S A^-1 S of degree
two in B1xx, B1yy, B4yz and minus one in B11, B12, B44. By Euler's theorem what the model predicts
is f = J(c) c with J its exact derivative, so that the Gauss-Newton iteration is a repeated linear
regression: c <- argmin |y - J(c_old) c|^2. Force matching with virials: Ercolessi and Adams,
Europhys. Lett. 26, 583 (1994). Errors are those of a sandwich over configurations (White,
Econometrica 48, 817 (1980)), whose rows are not independent of each other.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.matching_design import COEFFICIENTS, Design, Tables

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_ROUNDS = 50
_SETTLED = 1e-9
_EXACT = 1e-10  # misfits below it are rounding
_FLAT = 1e-11  # of the largest curvature of the least squares: below it nothing is determined


class Data(NamedTuple):
    """Configurations of one supercell, with what the potential says about them.

    Attributes
    ----------
    size : three ints
        Cells along x, y and z; z fastest.
    modes : array, shape (n, n_cells, 3)
        In angstrom.
    strain : array, shape (n, 6)
        Homogeneous, engineering shear.
    energy : array, shape (n,)
        Of the whole lattice above the cubic reference, eV.
    forces : array, shape (n, n_cells, 3)
        On the modes, eV/angstrom.
    pull : array, shape (n, 6)
        Slope of the energy by strain at fixed modes, eV.
    weight : array, shape (n,)
        How much each counts.
    """

    size: Size
    modes: Array
    strain: Array
    energy: Array
    forces: Array
    pull: Array
    weight: Array

    @property
    def n_cells(self) -> int:
        """Return the cells of a lattice."""
        return int(np.prod(self.size))

    def take(self, chosen: NDArray[np.int64] | slice) -> "Data":
        """Return some of the configurations."""
        return Data(self.size, *(values[chosen] for values in self[1:]))


class Match(NamedTuple):
    """A fit.

    Attributes
    ----------
    coefficient : array, shape (21,)
        In the order of COEFFICIENTS.
    covariance : array, shape (21, 21)
        Zero where a coefficient was held.
    scale : array, shape (3,)
        Root-mean-square misfits of energy per cell (eV), forces (eV/angstrom), strain slope per
        cell (eV), with which the three kinds were weighed.
    rounds : int
        Regressions until nothing changed.
    """

    coefficient: Array
    covariance: Array
    scale: Array
    rounds: int


def match(
    groups: Sequence[Data],
    a0: float,
    *,
    held: Mapping[str, float] | None = None,
    emphasis: float = 1.0,
) -> Match:
    """Return the coefficients that agree best with data.

    Each kind of data (energies, forces, strain slopes) is weighed by its own misfit, found along
    the way; an energy counts `emphasis` times as much as the number of rows says.

    Parameters
    ----------
    groups : sequence of Data
        One for each supercell.
    a0 : float
        Lattice constant of the reference, angstrom.
    held : mapping, optional
        Coefficients that are known, by name.
    emphasis : float
        Weight of the energies over that of their number.

    Raises
    ------
    ValueError
        If the data do not determine a coefficient, or make a crystal that does not resist strain.
    """
    held = dict(held or {})
    free = np.array([name not in held for name in COEFFICIENTS])
    designs = [Design(group.modes, group.strain, Tables.of(group.size, a0)) for group in groups]
    aims = [np.concatenate(_per_cell(g), axis=1) for g in groups]
    c = np.array([held.get(name, np.nan) for name in COEFFICIENTS])
    scale, rounds, settled = np.ones(3), 0, False
    J = [design.rows(None) for design in designs]
    while not settled and rounds < _ROUNDS:
        new = _solve(J, aims, groups, free, _weights(scale, emphasis), held)
        J = [design.rows(new) for design in designs]
        misfit = _misfit(J, aims, groups, new)
        moved = np.abs(new - np.where(np.isnan(c), 0, c)).max() / np.abs(new).max()
        steady = bool((abs(misfit - scale) < 1e-6 * misfit + _EXACT).all())
        settled = bool(moved < _SETTLED) and steady
        c, scale, rounds = new, np.maximum(misfit, _EXACT), rounds + 1
    covariance = _sandwich(J, aims, groups, c, free, _weights(scale, emphasis))
    return Match(c, covariance, scale, rounds)


def predict(c: Array, data: Data, a0: float) -> tuple[Array, Array, Array]:
    """Return energy (n,), forces (n, n_cells, 3) and strain slope (n, 6) that coefficients give.

    Parameters
    ----------
    c : array, shape (21,)
        In the order of COEFFICIENTS.
    data : Data
        Whose modes and strains are taken.
    a0 : float
        Lattice constant of the reference, angstrom.
    """
    rows = Design(data.modes, data.strain, Tables.of(data.size, a0)).rows(c) @ c
    energy, forces, pull = np.split(rows, [1, rows.shape[1] - 6], axis=1)
    return energy[:, 0] * data.n_cells, forces.reshape(data.forces.shape), pull * data.n_cells


def _per_cell(data: Data) -> tuple[Array, Array, Array]:
    """Return energy and slopes per cell as rows (n, 1 + 3 n_cells + 6)."""
    n = len(data.energy)
    forces = data.forces.reshape(n, -1)
    return data.energy[:, None] / data.n_cells, forces, data.pull / data.n_cells


def _kinds(data: Data) -> NDArray[np.int64]:
    """Return for each row of a configuration whether it is energy 0, force 1 or slope 2."""
    return np.repeat([0, 1, 2], [1, 3 * data.n_cells, 6])


def _weights(scale: Array, emphasis: float) -> Array:
    """Return the factor of rows of each kind."""
    return np.array([np.sqrt(emphasis), 1.0, 1.0]) / scale


def _solve(
    J: list[Array],
    aims: list[Array],
    groups: Sequence[Data],
    free: NDArray[np.bool_],
    weights: Array,
    held: Mapping[str, float],
) -> Array:
    """Return the least-squares coefficients, those not free as they are."""
    fixed = np.array([held.get(name, 0.0) for name in COEFFICIENTS])
    normal, right = np.zeros((len(fixed),) * 2), np.zeros(len(fixed))
    for rows, aim, group in zip(J, aims, groups, strict=True):
        w = np.sqrt(group.weight)[:, None] * weights[_kinds(group)]
        weighed = (rows * w[..., None]).reshape(-1, len(fixed))
        left = ((aim - rows @ fixed) * w).ravel()
        normal += weighed.T @ weighed
        right += weighed.T @ left
    out = fixed.copy()
    out[free] = _invert(normal[np.ix_(free, free)], np.array(COEFFICIENTS)[free]) @ right[free]
    _check_elastic(out)
    return out


def _invert(normal: Array, names: NDArray[np.str_]) -> Array:
    """Return the inverse of a normal matrix, after a look at what it does not determine."""
    size = np.sqrt(np.maximum(normal.diagonal(), 1e-300))
    values, vectors = np.linalg.eigh(normal / size[:, None] / size)
    loose = values < _FLAT * values.max()
    blank = (np.abs(vectors[:, loose]) > 0.1).any(axis=1) | (normal.diagonal() < 1e-30)
    if blank.any():
        raise ValueError(
            f"the data do not determine {', '.join(names[blank])}, expected a unique fit. Add "
            "supercells of other lengths (j5 and j7 need three cells or more along two axes), "
            "configurations of larger strain, or hold some of them."
        )
    return np.asarray((vectors / values) @ vectors.T / size[:, None] / size)


def _check_elastic(c: Array) -> None:
    b11, b12, b44 = (c[COEFFICIENTS.index(name)] for name in ("b11", "b12", "b44"))
    if not (b44 > 0 and b11 > abs(b12) and b11 + 2 * b12 > 0):
        raise ValueError(
            f"b11, b12, b44 came out as {b11:.4g}, {b12:.4g}, {b44:.4g} eV, expected a crystal "
            "that resists strain. Add configurations of other strains."
        )


def _misfit(J: list[Array], aims: list[Array], groups: Sequence[Data], c: Array) -> Array:
    """Return the weighted root-mean-square residual of each kind, shape (3,)."""
    total, count = np.zeros(3), np.zeros(3)
    for rows, aim, group in zip(J, aims, groups, strict=True):
        kinds = np.broadcast_to(_kinds(group), aim.shape).ravel()
        square = group.weight[:, None] * (rows @ c - aim) ** 2
        total += np.bincount(kinds, square.ravel(), 3)
        count += np.bincount(kinds, np.repeat(group.weight, aim.shape[1]), 3)
    return np.asarray(np.sqrt(total / count))


def _sandwich(
    J: list[Array],
    aims: list[Array],
    groups: Sequence[Data],
    c: Array,
    free: NDArray[np.bool_],
    weights: Array,
) -> Array:
    """Return the covariance of the coefficients, configurations being independent."""
    m, n = len(c), sum(map(len, aims))
    normal, middle = np.zeros((m, m)), np.zeros((m, m))
    for rows, aim, group in zip(J, aims, groups, strict=True):
        square = group.weight[:, None] * weights[_kinds(group)] ** 2
        scores = np.einsum("nrc,nr,nr->nc", rows, aim - rows @ c, square)
        normal += np.einsum("nrc,nrd,nr->cd", rows, rows, square, optimize=True)
        middle += scores.T @ scores
    inside = np.ix_(free, free)
    bread = _invert(normal[inside], np.array(COEFFICIENTS)[free])
    out = np.zeros((m, m))
    out[inside] = bread @ middle[inside] @ bread * n / max(1, n - int(free.sum()))
    return out
