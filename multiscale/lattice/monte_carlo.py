"""Monte Carlo of modes and strain: averages without a time step's error and without a mass.

Hybrid Monte Carlo (Duane, Kennedy, Pendleton, Roweth, Phys. Lett. B 195, 216 (1987)): a move is a
short trajectory with fresh momenta, accepted by Metropolis' rule on the whole enthalpy, so that
exp(-beta (U - E.mu + p V)) du deta is sampled exactly, however long the steps are.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.enthalpy import Enthalpy
from multiscale.lattice.hamiltonian import EffectiveHamiltonian
from multiscale.lattice.quadratic import stiffest

Array = NDArray[np.float64]
_AMPLITUDE = 0.15  # angstrom; where the stiffness that scales the momenta is taken


class Sample(NamedTuple):
    """modes (n_cells, 3) in angstrom, strain (6,), enthalpy in eV, whether the move was taken."""

    modes: Array
    strain: Array
    enthalpy: float
    accepted: bool


def hybrid_monte_carlo(  # noqa: PLR0913 (a simulation has this many parts)
    engine: EffectiveHamiltonian,
    u: Array,
    strain: Array | None = None,
    *,
    kT: float,
    generator: np.random.Generator,
    pressure: float = 0.0,
    electric_field: Array | None = None,
    free: Array | None = None,
    step: float = 0.25,
    length: int = 10,
) -> Iterator[Sample]:
    """Yield samples forever; the caller decides when to stop and what to discard.

    Parameters
    ----------
    engine : EffectiveHamiltonian
    u : array, shape (n_cells, 3)
        Modes at the start, angstrom.
    strain : array, shape (6,), optional
        Homogeneous strain at the start; default 0.
    kT : float
        In eV.
    generator : Generator
        Source of momenta and decisions.
    pressure, electric_field, free
        As in minimise(): eV/angstrom^3, V/angstrom, directions of strain; default three lengths.
    step : float
        Of a trajectory, in units of the inverse of the highest frequency; below 2.
    length : int
        Steps of a trajectory.

    Raises
    ------
    ValueError
        If kT or step is out of range.
    """
    if not (kT > 0 and 0 < step < 2):
        raise ValueError(f"kT is {kT:g} eV and step {step:g}, expected > 0 and 0 < step < 2.")
    along = np.eye(6)[:, :3] if free is None else np.asarray(free, np.float64)
    enthalpy = Enthalpy(engine, strain, pressure, electric_field, along)
    p, n = engine.parameters, engine.n_cells
    mass = np.full(3 * n + along.shape[1], stiffest(p, _AMPLITUDE))
    mass[3 * n :] = p.b11 + 2 * p.b12  # the variables of strain are scaled by sqrt(n)
    x = enthalpy.start(u)
    energy, slope = enthalpy(x)
    while True:
        momentum = np.sqrt(mass * kT) * generator.standard_normal(len(x))
        new, new_slope, new_energy = x.copy(), slope, energy
        before = energy + 0.5 * float((momentum**2 / mass).sum())
        for _ in range(length):
            momentum -= 0.5 * step * new_slope
            new += step * momentum / mass
            new_energy, new_slope = enthalpy(new)
            momentum -= 0.5 * step * new_slope
        after = new_energy + 0.5 * float((momentum**2 / mass).sum())
        accepted = bool(np.log(generator.random()) < (before - after) / kT)
        if accepted:
            x, energy, slope = new, new_energy, new_slope
        yield Sample(*enthalpy.split(x), energy, accepted)
