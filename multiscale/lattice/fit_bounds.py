"""From data to a Hamiltonian that can be used: what is held, and a lower bound that is enforced.

A least-squares fit knows nothing beyond the modes that it has seen: there a polynomial of eighth
order may turn down, or have a well of its own. Then the terms that tell directions apart at sixth
order are left out, k3 first, and if that does not help k4 of u^8 is raised in steps, the others
fitted anew, until no state of larger modes lies below those that were seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.matching import Data, Match, match
from multiscale.lattice.matching_design import COEFFICIENTS
from multiscale.lattice.parameters import COULOMB, Parameters
from multiscale.lattice.quadratic import interaction_matrix

Array = NDArray[np.float64]
_LEAST = 0.05  # eV: what the least k4 that is tried adds at the largest mode seen
_STEP, _RAISES = 1.3, 30
_FAR = 4.0  # times the largest mode seen: how far a lower state is looked for
_HIGHER = ("k1", "k2", "k3", "k4")
_NO_DIPOLES = 1e9  # eps_inf of a fit without them


class Known(NamedTuple):
    """What a fit does not find out: lattice constant (angstrom), mode charge (e) and mass (amu).

    eps_inf screens the dipoles; None: their strength is fitted. order is 4 or 8.
    """

    a0: float
    charge: float
    mass: float
    eps_inf: float | None = None
    order: int = 8
    emphasis: float = 30.0


class Fit(NamedTuple):
    """A Hamiltonian, the regression that it comes from, and what was held for a lower bound."""

    parameters: Parameters
    match: Match
    held: Mapping[str, float]


def fit(groups: Sequence[Data], known: Known) -> Fit:
    """Return the effective Hamiltonian that agrees best with data and has a lower bound.

    Parameters
    ----------
    groups : sequence of Data
        One for each supercell.
    known : Known

    Raises
    ------
    ValueError
        If the data do not determine it, or no lower bound is found.
    """
    largest = max(float(np.linalg.norm(g.modes, axis=-1).max()) for g in groups)
    eighth = 0.0
    for held in _trials(known):
        if "k4" in held:  # raised from what the regression without the anisotropic terms found
            eighth = max(_STEP * eighth, _LEAST / largest**8)
            held = {**held, "k4": eighth}  # noqa: PLW2901
        found = _with_dipoles(groups, known, held)
        eighth = float(found.coefficient[COEFFICIENTS.index("k4")])
        p = _parameters(found.coefficient, known)
        if p is not None and not escapes(p, largest):
            return Fit(p, found, held)
    raise ValueError(
        f"the fit of order {known.order} has no lower bound beyond modes of {largest:.3g} "
        "angstrom, expected energies that rise. "
        + ("Take order 8." if known.order == 4 else "Add configurations of larger modes.")
    )


def escapes(p: Parameters, reach: float) -> bool:
    """Tell whether modes beyond `reach` have a lower energy than those within.

    Uniform modes and those alternating along one, two or three axes are looked at, strain relaxed.

    Parameters
    ----------
    p : Parameters
    reach : float
        In angstrom.
    """
    steps = np.linspace(0, _FAR, 201)
    n = _directions()
    x = (reach * steps) ** 2
    square = _softest(p, n)[:, None] * x + _highest(p, n) @ np.stack([x**2, x**3, x**4])
    within = square[:, steps <= 1].min()
    return bool(square[:, steps > 1].min() < within)


def vector_of(p: Parameters) -> Array:
    """Return the coefficients of Parameters, shape (21,), in the order of COEFFICIENTS."""
    named = {f"j{i}": value for i, value in enumerate(p.j, 1)} | {"dipole": p.coupling}
    values = [named[c] if c in named else getattr(p, c) for c in COEFFICIENTS]
    return np.array(values, np.float64)


def _trials(known: Known) -> Iterator[dict[str, float]]:
    """Yield what is held: nothing of the eighth order, anisotropic terms, then k4 as well."""
    if known.order == 4:
        yield dict.fromkeys(_HIGHER, 0.0)
        return
    yield from ({}, {"k3": 0.0}, {"k2": 0.0, "k3": 0.0})
    for _ in range(_RAISES):
        yield {"k2": 0.0, "k3": 0.0, "k4": 0.0}


def _with_dipoles(groups: Sequence[Data], known: Known, held: Mapping[str, float]) -> Match:
    """Return the regression with dipoles as they are known, or of a strength that attracts."""
    if known.eps_inf is not None:
        strength = COULOMB * known.charge**2 / known.eps_inf
        return match(groups, known.a0, held={**held, "dipole": strength}, emphasis=known.emphasis)
    free = match(groups, known.a0, held=held, emphasis=known.emphasis)
    if free.coefficient[COEFFICIENTS.index("dipole")] > 0:
        return free
    return match(groups, known.a0, held={**held, "dipole": 0.0}, emphasis=known.emphasis)


def _parameters(c: Array, known: Known) -> Parameters | None:
    """Return coefficients as Parameters, or None if these refuse them."""
    named = dict(zip(COEFFICIENTS, map(float, c), strict=True))
    strength = named.pop("dipole")
    j = tuple(named.pop(f"j{i}") for i in range(1, 8))
    eps_inf = COULOMB * known.charge**2 / strength if strength > 0 else _NO_DIPOLES
    try:
        return Parameters(
            a0=known.a0, charge=known.charge, mass=known.mass,
            eps_inf=known.eps_inf or eps_inf,
            j=(j[0], j[1], j[2], j[3], j[4], j[5], j[6]), **named,
        )  # fmt: skip
    except ValueError:
        return None


def _directions() -> Array:
    """Return unit vectors (n, 3) of one octant."""
    grid = np.array([v for v in product(range(5), repeat=3) if any(v)], np.float64)
    return np.asarray(np.unique(np.round(grid / np.linalg.norm(grid, axis=1)[:, None], 9), axis=0))


def _softest(p: Parameters, n: Array) -> Array:
    """Return the lowest coefficient of u^2 of modes along n that are uniform or alternate."""
    k = np.pi * np.array([(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1), (1, 0, 0), (1, 0, 1)])
    pairs = np.einsum("na,kab,nb->kn", n, interaction_matrix(k, p), n)
    return np.asarray(p.kappa2 + 0.5 * pairs.min(axis=0))


def _highest(p: Parameters, n: Array) -> Array:
    """Return the coefficients of u^4, u^6 and u^8 along n, homogeneous strain relaxed, (n, 3)."""
    x, y, z = (n**2).T
    tension = np.stack(
        [0.5 * (p.b1xx * a + p.b1yy * (1 - a)) for a in (x, y, z)]
        + [p.b4yz * np.sqrt(a * b) for a, b in ((y, z), (x, z), (x, y))]
    )
    gain = 0.5 * (tension * np.linalg.solve(p.stiffness(), tension)).sum(axis=0)
    fourth = p.alpha + p.gamma * (x * y + y * z + z * x) - gain
    mixed = x**2 * (y + z) + y**2 * (z + x) + z**2 * (x + y)
    sixth = p.k1 + p.k2 * mixed + p.k3 * x * y * z
    return np.stack([fourth, sixth, np.full_like(x, p.k4)], axis=1)
