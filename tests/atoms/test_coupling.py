"""Fixed Born charges in a field: derivatives of E.mu, independence of the origin."""

import pytest
import torch

from multiscale.atoms.coupling import couple
from multiscale.atoms.system import Sites, System
from multiscale.atoms.toy import perovskite

FIELD = torch.tensor([[0.01, -0.02, 0.03], [0.0, 0.05, -0.01]], dtype=torch.float64)


def crystals() -> tuple[System, Sites]:
    """Return two strained crystals with displaced atoms, and sites with full tensors."""
    rng = torch.Generator().manual_seed(1)
    system = perovskite((1, 2, 1), 2)
    shift = 0.1 * torch.randn(system.positions.shape, generator=rng, dtype=torch.float64)
    strain = torch.eye(3) + 0.03 * torch.randn((2, 3, 3), generator=rng, dtype=torch.float64)
    scaled = system.sites.scaled
    system = system.replace(cell=system.cell @ strain)
    home = torch.einsum("ia,iab->ib", scaled, system.cell[system.system_index])
    noise = 0.3 * torch.randn(system.sites.charges.shape, generator=rng, dtype=torch.float64)
    mean = system.sum_by_system(noise) / system.counts[:, None, None]
    charges = system.sites.charges + noise - mean[system.system_index]
    sites = Sites(scaled, charges)
    return system.replace(positions=home + shift, sites=sites), sites


def test_forces_virial_and_work_are_derivatives_of_one_energy():
    system, sites = crystals()
    out = couple(system, sites, FIELD)
    assert out.forces is not None

    def work(moved: torch.Tensor, deform: torch.Tensor) -> torch.Tensor:
        changed = torch.einsum("ia,iab->ib", moved, deform[system.system_index])
        return couple(
            system.replace(positions=changed, cell=system.cell @ deform), sites, FIELD
        ).work.sum()

    # The work is linear in the positions and bilinear with the strain: differences are exact.
    unit = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    forces, virial = torch.zeros_like(out.forces), torch.zeros_like(out.virial)
    for place in torch.cartesian_prod(torch.arange(len(forces)), torch.arange(3)).tolist():
        step = torch.zeros_like(forces)
        step[tuple(place)] = 0.5
        forces[tuple(place)] = work(system.positions + step, unit) - work(
            system.positions - step, unit
        )
    for s, a, b in ((s, a, b) for s in range(2) for a in range(3) for b in range(3)):
        step = torch.zeros_like(unit)
        step[s, a, b] = 0.5
        virial[s, a, b] = work(system.positions, unit + step) - work(system.positions, unit - step)
    torch.testing.assert_close(out.forces, forces, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(out.virial, virial, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(out.work, (FIELD * out.dipole).sum(1))


def test_a_shift_of_the_whole_crystal_changes_nothing():
    system, sites = crystals()
    moved = system.replace(positions=system.positions + torch.tensor([1.0, -2.0, 0.3]))
    here, there = couple(system, sites, FIELD), couple(moved, sites, FIELD)
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_a_callable_field_acts_like_its_value_but_does_no_work_of_its_own():
    system, sites = crystals()
    seen = []

    def field(dipole: torch.Tensor) -> torch.Tensor:
        seen.append(dipole)
        return FIELD

    given, called = couple(system, sites, FIELD), couple(system, sites, field)
    torch.testing.assert_close(called.forces, given.forces)
    torch.testing.assert_close(called.virial, given.virial)
    torch.testing.assert_close(seen[0], given.dipole)
    assert float(called.work) == 0.0


def test_one_field_serves_all_systems_and_none_only_counts_the_dipole():
    system, sites = crystals()
    both = couple(system, sites, FIELD[:1].expand(2, 3))
    one = couple(system, sites, FIELD[0])
    torch.testing.assert_close(one.work, both.work)
    bare = couple(system, sites, None)
    assert bare.forces is None
    assert bare.dipole.numpy() == pytest.approx(one.dipole.numpy())
