"""Temperature scans: one crystal taken through many temperatures, up or down, one after another.

First-order transitions lag behind: scan both ways, and read the two answers as a window.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.driving import Potential
from multiscale.atoms.dynamics import State, dynamics, initial_state
from multiscale.atoms.ensembles import Ensemble
from multiscale.atoms.kinematics import strain
from multiscale.atoms.system import System

Array = NDArray[np.float64]


class Plateau(NamedTuple):
    """What a crystal was like at one temperature of a scan.

    temperature K; samples of polarization (n, 3) C/m^2, strain (n, 6) from the reference cell, and
    energy (n,) eV of the whole lattice; the state at the end.
    """

    temperature: float
    polarization: Array
    strain: Array
    energy: Array
    state: State


def scan(  # noqa: PLR0913 (a simulation has this many parts)
    potential: Potential,
    system: System,
    ensemble: Ensemble | Callable[[float], Ensemble],
    temperatures: Sequence[float],
    *,
    timestep: float,
    equilibration: int,
    steps: int,
    generator: np.random.Generator,
    reference: Array,
    stride: int = 10,
) -> Iterator[Plateau]:
    """Yield a plateau for each temperature in the given order, each from where the last one ended.

    Parameters
    ----------
    potential : Potential
        An EffectiveHamiltonian or any other.
    system : System
        One crystal, the start.
    ensemble : Ensemble, or callable
        A callable makes it for a temperature in K (a pressure that depends on it).
    temperatures : sequence of float
        In K; falling for cooling, rising for heating.
    timestep : float
        In ps.
    equilibration, steps, stride : int
        Steps before the samples, steps with samples, steps between two samples.
    generator : Generator
        Source of the noise, advanced by the scan.
    reference : array, shape (3, 3)
        Cell that strains are counted from, angstrom.

    Raises
    ------
    ValueError
        If the batch holds more than one crystal, or a temperature is not positive.
    FloatingPointError
        If the simulation blows up.
    """
    if system.n_systems != 1:
        raise ValueError(f"system holds {system.n_systems} crystals, expected 1. Scan one by one.")
    state: State | None = None
    for temperature in temperatures:
        bath = ensemble(temperature) if callable(ensemble) else ensemble
        kT = torch.tensor([units.KB * temperature], dtype=torch.float64)
        if state is None:
            state = initial_state(
                potential, system, bath, timestep=timestep, kT=kT, generators=[generator]
            )
        run = dynamics(
            potential, system, bath, timestep=timestep, kT=kT, generators=[generator], state=state
        )
        kept = []
        for n, state in enumerate(islice(run, equilibration + steps), 1 - equilibration):
            if n > 0 and n % stride == 0:
                kept.append(_sample(state))
        assert state is not None
        P, cell, energy = (np.array(column) for column in zip(*kept, strict=True))
        yield Plateau(temperature, P, strain(cell, reference), energy, state)


def _sample(state: State) -> tuple[Array, Array, float]:
    cell = state.cell[0].numpy()
    P = state.dipole[0].numpy() / abs(np.linalg.det(cell)) * units.C_PER_M2
    return P, cell, float(state.energy[0])
