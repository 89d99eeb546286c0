"""The path of a bias back to atoms and cell: finite differences of the bias energy."""

import numpy as np
import pytest
import torch

from multiscale import units
from multiscale.sampling import CellBias, Metadynamics, Polarization, Wall, WellTempered

KT = 0.025
CHARGES = np.random.default_rng(8).normal(size=(6, 3, 3))
CHARGES -= CHARGES.mean(axis=0)


def crystal(seed=0):
    rng = np.random.default_rng(seed)
    cell = np.diag([4.0, 4.2, 4.4]) + rng.normal(0, 0.1, (3, 3))
    return cell, rng.uniform(0, 1, (6, 3)), rng.normal(0, 0.03, (6, 3))


def dipole(cell, displaced):
    return np.einsum("iab,ib->a", CHARGES, displaced @ cell)


def learned_bias(axes, on="components"):
    d = len(axes)
    metad = Metadynamics(
        WellTempered(
            sigma=(0.2,) * d, height=0.02, pace=1, bias_factor=5.0, kT=KT,
            wall=Wall(0.3, 2.0, on), upper=(3.0,) * d,
        )
    )  # fmt: skip
    rng = np.random.default_rng(4)
    for step in range(30):
        metad(rng.normal(0, 0.4, (1, d)), step)
    metad.commit()
    return CellBias(Polarization(axes), metad)


@pytest.mark.parametrize("axes", [(2,), (0, 2), (0, 1, 2), (2, 0)])
@pytest.mark.parametrize("on", ["components", "modulus"])
def test_forces_and_stress_of_the_bias_are_its_derivatives(axes, on):
    bias = learned_bias(axes, on)
    cell, _, displaced = crystal()

    def energy(cell, displaced):
        mu = torch.from_numpy(dipole(cell, displaced)[None])
        return float(bias(mu, torch.from_numpy(cell[None]), 0)[0][0])

    mu = torch.from_numpy(dipole(cell, displaced)[None])
    value, field, stress = bias(mu, torch.from_numpy(cell[None]), 0)
    assert value[0] > 1e-3
    force = np.einsum("iab,a->ib", CHARGES, field[0].numpy())  # on atoms, Cartesian
    step = 1e-5
    for i in range(2):
        for b in range(3):
            shift = np.zeros((6, 3))
            shift[i, b] = step
            fractional = shift @ np.linalg.inv(cell)
            numeric = energy(cell, displaced + fractional) - energy(cell, displaced - fractional)
            assert force[i, b] == pytest.approx(-numeric / (2 * step), abs=1e-8)
    # Full stress: at fixed dipole, plus -field.dmu/dstrain, which the potential adds.
    u = displaced @ cell
    d_mu = np.einsum("iac,ib->abc", CHARGES, u).transpose(0, 2, 1)  # dmu_a / dstrain_cb
    volume = abs(np.linalg.det(cell))
    total = stress[0].numpy() - np.einsum("a,acb->cb", field[0].numpy(), d_mu) / volume
    for c in range(3):
        for b in range(3):
            strain = np.zeros((3, 3))
            strain[b, c] = step  # rows of the cell: h -> h (1 + strain), u_c += u_b strain_bc
            up, down = (
                energy(cell @ (np.eye(3) + strain), displaced),
                energy(cell @ (np.eye(3) - strain), displaced),
            )
            assert total[c, b] == pytest.approx((up - down) / (2 * step) / volume, abs=1e-9)


def test_stress_of_the_bias_knows_the_volume():
    # s = C mu / V: at fixed dipole a volume strain changes s by -s, nothing else.
    cell, _, displaced = crystal(3)
    s = Polarization((0, 1, 2))(dipole(cell, displaced)[None], cell[None])
    scaled = Polarization((0, 1, 2))(dipole(cell, displaced)[None], cell[None] * 1.001 ** (1 / 3))
    assert np.allclose(scaled.values - s.values, -s.values * 0.001, rtol=1e-2)
    assert np.allclose(s.values[0], dipole(cell, displaced) / np.linalg.det(cell) * units.C_PER_M2)


@pytest.mark.parametrize("axes", [(), (0, 0), (3,), (0, 1, 2, 0)])
def test_impossible_axes_are_refused(axes):
    with pytest.raises(ValueError, match="expected one to three different numbers"):
        Polarization(axes)


def test_names_follow_the_axes():
    assert Polarization((2, 0)).names == ("pz", "px")
