"""Hybrid Monte Carlo: exact moments of a harmonic lattice, the same averages as Langevin."""

from itertools import islice

import numpy as np
import pytest
import torch
from lattice_cards import BATIO3

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.system import System
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.monte_carlo import hybrid_monte_carlo

KT = units.KB * 400
PRESSURE = -4.8 / units.GPA


def test_a_harmonic_lattice_has_half_kT_for_each_variable():
    hard = BATIO3.__class__(**{**BATIO3.__dict__, "kappa2": 12.0, "gamma": 0.0, "alpha": 1e-9,
                               "b1xx": 0.0, "b1yy": 0.0, "b4yz": 0.0})  # fmt: skip
    engine = EffectiveHamiltonian(hard, (2, 2, 2), inhomogeneous=False)
    moves = hybrid_monte_carlo(
        engine, np.zeros(3), kT=KT, generator=np.random.default_rng(0), free=np.eye(6), step=0.6,
        length=6,
    )  # fmt: skip
    energy = [s.enthalpy for s in islice(moves, 50, 450)]
    assert np.mean(energy) == pytest.approx(0.5 * 30 * KT, rel=0.06)


@pytest.mark.slow
def test_averages_are_those_of_langevin_dynamics():
    """Mean square of P and mean strain, two routes that share only the energy; four sigma."""
    engine = EffectiveHamiltonian(BATIO3, (2, 2, 2))
    moves = hybrid_monte_carlo(
        engine, np.zeros(3), kT=KT, generator=np.random.default_rng(0), pressure=PRESSURE,
        step=0.5, length=8,
    )  # fmt: skip
    kept = [(s.modes.mean(0) @ s.modes.mean(0), s.strain[:3].mean(), s.accepted)
            for s in islice(moves, 200, 2200)]  # fmt: skip
    square, strain, accepted = np.array(kept).T
    assert 0.5 < accepted.mean() <= 1
    n = 6
    batch = System.concatenate([engine.system()] * n)
    bath = ensembles.npt_orthorhombic(ensembles.hydrostatic(-4.8) / units.GPA, friction=5.0)
    run = dynamics(
        engine, batch, bath, timestep=0.003, kT=torch.full((n,), KT, dtype=torch.float64),
        generators=[np.random.default_rng([1, i]) for i in range(n)],
    )  # fmt: skip
    other = []
    for state in islice(run, 300, 1500, 5):
        u = state.dipole.numpy() / (8 * BATIO3.charge)
        lengths = np.diagonal(state.cell.numpy(), axis1=1, axis2=2) / (2 * BATIO3.a0) - 1
        other.append(((u**2).sum(1), lengths.mean(1)))
    walkers = np.array(other).mean(0)  # (2, n)
    error = walkers.std(1) / np.sqrt(n - 1)
    blocks = np.array([square, strain]).reshape(2, 20, -1).mean(2)
    error = np.hypot(error, blocks.std(1) / np.sqrt(19))
    gap = np.abs(walkers.mean(1) - blocks.mean(1))
    assert (gap < 4 * error).all()
    assert (error[0] / blocks[0].mean() < 0.1) & (error[1] < 2e-4)


def test_steps_out_of_range_are_refused():
    engine = EffectiveHamiltonian(BATIO3, (1, 1, 1))
    with pytest.raises(ValueError, match="step 3, expected"):
        next(hybrid_monte_carlo(
            engine, np.zeros(3), kT=KT, generator=np.random.default_rng(0), step=3.0
        ))  # fmt: skip
