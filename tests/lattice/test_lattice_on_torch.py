"""The Hamiltonian in torch and the compiled passes give the same numbers; float32 fields too."""

from itertools import islice

import numpy as np
import pytest
import torch
from lattice_cards import BATIO3, PBTIO3

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice import EffectiveHamiltonian, TorchHamiltonian

SIZE = (4, 3, 6)
CELLS = 72
FIELD = torch.tensor([0.01, -0.02, 0.03], dtype=torch.float64)


def bent(engine):
    """Return a lattice of random modes in a sheared and turned cell."""
    rng = np.random.default_rng(1)
    system = engine.system(0.1 * rng.standard_normal((CELLS, 3)))
    F = torch.from_numpy(np.eye(3) + 0.03 * rng.standard_normal((3, 3)))
    return system.replace(cell=system.cell @ F, positions=system.positions @ F)


def answers(one, two):
    system = bent(one)
    return one.evaluate(system, FIELD), two.evaluate(system, FIELD)


@pytest.mark.parametrize("inhomogeneous", [True, False])
@pytest.mark.parametrize("mixed", [True, False])
def test_torch_and_compiled_passes_agree(inhomogeneous, mixed):
    rng = np.random.default_rng(2)
    options = {"inhomogeneous": inhomogeneous, "local_field": 0.01 * rng.random((CELLS, 3))}
    if mixed:
        options["site"] = np.stack([BATIO3.site(), PBTIO3.site()])
        options["kind"] = rng.integers(0, 2, CELLS)
    ours, theirs = answers(
        EffectiveHamiltonian(PBTIO3, SIZE, **options), TorchHamiltonian(PBTIO3, SIZE, **options)
    )
    assert ours.energy.item() == pytest.approx(theirs.energy.item(), rel=1e-12)
    np.testing.assert_allclose(ours.forces, theirs.forces, atol=1e-11)
    np.testing.assert_allclose(ours.stress, theirs.stress, atol=1e-13)
    np.testing.assert_allclose(ours.dipole, theirs.dipole, atol=1e-12)


def test_float32_fields_are_good_to_six_digits():
    for make in (EffectiveHamiltonian, TorchHamiltonian):
        exact, single = answers(
            EffectiveHamiltonian(BATIO3, SIZE), make(BATIO3, SIZE, dtype=np.float32)
        )
        scale = exact.forces.abs().max().item()
        np.testing.assert_allclose(single.forces, exact.forces, atol=2e-6 * scale)
        assert single.energy.item() == pytest.approx(exact.energy.item(), rel=1e-5)
        np.testing.assert_allclose(
            single.stress, exact.stress, atol=1e-5 * exact.stress.abs().max().item()
        )


def test_both_drive_the_same_dynamics():
    last = []
    for make in (EffectiveHamiltonian, TorchHamiltonian):
        engine = make(BATIO3, SIZE)
        run = dynamics(
            engine, engine.system(np.array([0, 0, 0.1])), ensembles.npt_flexible(), timestep=0.002,
            kT=torch.tensor([units.KB * 300], dtype=torch.float64),
            generators=[np.random.default_rng(0)],
        )  # fmt: skip
        last.append(next(islice(run, 20, 21)))
    np.testing.assert_allclose(last[0].positions, last[1].positions, atol=1e-10)
    np.testing.assert_allclose(last[0].cell, last[1].cell, atol=1e-10)


def test_the_energy_of_torch_can_be_differentiated_twice():
    engine = TorchHamiltonian(BATIO3, (2, 2, 2))
    u = 0.1 * torch.randn((8, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    eta = torch.zeros(6, dtype=torch.float64)
    H = torch.autograd.functional.hessian(lambda x: engine.energy(x, eta), u).reshape(24, 24)
    np.testing.assert_allclose(H, H.T, atol=1e-10)
    step, h = torch.zeros(24, dtype=torch.float64), 1e-4
    step[5] = h
    compiled = EffectiveHamiltonian(BATIO3, (2, 2, 2))
    up, down = (compiled.slopes((u + s * step.reshape(8, 3)).numpy(), eta.numpy())[1].ravel()
                for s in (1, -1))  # fmt: skip
    np.testing.assert_allclose((down - up) / (2 * h), H[5], atol=1e-5)


def test_a_dtype_that_is_none_of_the_two_is_refused():
    with pytest.raises(ValueError, match="expected float64 or float32"):
        EffectiveHamiltonian(BATIO3, SIZE, dtype=np.float16)
