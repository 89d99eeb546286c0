"""Crystals in a field, under stress, clamped, as films: sampled moments against exact integrals.

The harmonic crystal in a field E integrates over its atoms in closed form: with u_i = d_i F and
forces g_i = F Z_i^T E on d_i, which sum to zero, its free energy at fixed F is elastic(F) minus
sum_i g_i^2 / 2k, and its mean dipole sum_i Z_i F^T g_i / k. What is left is an integral over F of
at most six dimensions. Sigma as stated, seeds fixed.
"""

from itertools import islice

import numpy as np
import pytest
import torch
from test_ensembles import KT, SOFT, elastic_energy, quadrature, volume_ratio, z_score

from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics, kinetic_energy
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.kinematics import voigt
from multiscale.atoms.toy import ToyCrystal, perovskite

FIELD = np.array([0.04, -0.03, 0.12])  # V/angstrom
STRESS = np.array([[0.01, 0.004, 0.0], [0.004, -0.005, 0.006], [0.0, 0.006, -0.02]])
ATOMS = 5
FOLD = np.array([1, 1, 1, 2, 2, 2])


def run(ensemble, *, walkers=64, steps=6000, timestep=0.002, skip=500, field=FIELD):
    """Return cells, dipoles, cell momenta and kinetic energies, (samples, walkers, ...)."""
    system = perovskite((1, 1, 1), walkers)
    states = dynamics(
        ToyCrystal(SOFT), system, ensemble, timestep=timestep,
        kT=torch.full((walkers,), KT, dtype=torch.float64),
        generators=[walker_generator(17, w) for w in range(walkers)],
        electric_field=None if field is None else torch.from_numpy(field),
    )  # fmt: skip
    kept = [
        (
            s.cell.numpy(),
            s.dipole.numpy(),
            s.cell_momentum.numpy(),
            kinetic_energy(s, system).numpy(),
        )
        for s in islice(states, skip, steps, 5)
    ]
    return tuple(np.stack(part) for part in zip(*kept, strict=True))


def polar(F):
    """Return the free energy gained in the field (n,) in eV and the mean dipole (n, 3)."""
    charges = perovskite((1, 1, 1)).sites.charges.numpy()
    g = np.einsum("ncb,iab,a->nic", F, charges, FIELD)
    mu = np.einsum("iab,ncb,nic->na", charges, F, g) / SOFT.k
    return -(g**2).sum(axis=(1, 2)) / (2 * SOFT.k), mu


def variance_at(F):
    """Return the variance of the dipole at fixed cell, (n, 3): kT times its slope with E."""
    charges = perovskite((1, 1, 1)).sites.charges.numpy()
    return KT / SOFT.k * np.einsum("iab,ncb,ncd,iad->na", charges, F, F, charges)


def grid_of(kind):
    """Return F (n, 3, 3) and ln of the measure V^(N+1) dmu(F) of the nodes."""
    if kind == "flexible":
        nodes, weights = np.polynomial.hermite_e.hermegauss(7)
        grid = np.stack(np.meshgrid(*[nodes] * 6, indexing="ij"), -1).reshape(-1, 6)
        log_w = np.log(np.stack(np.meshgrid(*[weights] * 6, indexing="ij"), -1)).sum(-1).ravel()
        C = np.diag([SOFT.c11 - SOFT.c12] * 3 + [SOFT.c44] * 3)
        C[:3, :3] += SOFT.c12
        strain = grid @ np.linalg.cholesky(np.linalg.inv(C / KT)).T
        metric = np.empty((len(strain), 3, 3))
        for k, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
            metric[:, i, j] = metric[:, j, i] = (i == j) + strain[:, k] * (2 if i == j else 1)
        F = np.linalg.cholesky(metric)  # the lower triangle with F F^T = 1 + 2 strain
        # dmu(F) ~ det(G)^-2 prod F_kk^... : d strain = prod_k F_kk^(3-k) dF up to a factor, and
        # dmu = dF / (F_00^1 F_11^2 F_22^3), V = F_00 F_11 F_22.
        diagonal = np.log(np.diagonal(F, axis1=1, axis2=2))
        measure = (ATOMS + 1) * diagonal.sum(1) - diagonal @ [4, 4, 4]
        return F, log_w + elastic_energy(strain) / KT + measure
    length = np.linspace(0.55, 1.6, 81)
    if kind == "orthorhombic":
        grid = np.stack(np.meshgrid(*[length[::2]] * 3, indexing="ij"), -1).reshape(-1, 3)
        F = grid[:, :, None] * np.eye(3)
        return F, ATOMS * np.log(grid.prod(1))
    tilt = np.linspace(-0.6, 0.6, 41) if kind == "film that tilts" else np.zeros(1)
    a, b, c = (x.ravel() for x in np.meshgrid(tilt, tilt, length, indexing="ij"))
    F = np.tile(np.eye(3), (len(c), 1, 1))
    F[:, 2] = np.stack([a, b, c], -1)
    # Left Haar measure of the rows (a, b, c): da db dc / c^3, of c alone dc / c.
    power = ATOMS + 1 - (3 if kind == "film that tilts" else 1)
    return F, power * np.log(c)


ENSEMBLES = {
    "orthorhombic": ensembles.npt_orthorhombic,
    "flexible": ensembles.npt_flexible,
    "film": ensembles.epitaxial,
    "film that tilts": lambda stress, **kw: ensembles.epitaxial(stress, shear=True, **kw),
}


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_strain_and_dipole_in_a_field_under_stress_are_sampled_exactly(kind):
    reference = perovskite((1, 1, 1)).cell[0].numpy()
    volume = np.linalg.det(reference)
    ensemble = ENSEMBLES[kind](
        STRESS, friction=5.0, barostat_time=0.2, barostat_friction=40.0, reference_cell=reference
    )
    cells, dipoles, momenta, kinetic = run(ensemble)
    F, log_measure = grid_of(kind)
    green = voigt(0.5 * (F @ F.swapaxes(1, 2) - np.eye(3))) * FOLD
    pressure = -np.trace(STRESS) / 3
    deviator = voigt(STRESS + pressure * np.eye(3))
    V = volume * volume_ratio(green)
    gain, mu = polar(F)
    energy = elastic_energy(green) + pressure * V - volume * green @ deviator + gain
    square = mu**2 + variance_at(F)
    moments = np.concatenate([green, green**2, mu, square, V[:, None]], axis=1)
    exact = quadrature(log_measure - energy / KT, moments)
    blind = quadrature(log_measure - (energy - gain) / KT, moments)

    sampled = np.linalg.inv(reference) @ cells
    strain = voigt(0.5 * (sampled @ sampled.swapaxes(-1, -2) - np.eye(3))) * FOLD
    found = np.concatenate(
        [strain, strain**2, dipoles, dipoles**2, np.linalg.det(cells)[..., None]], axis=-1
    )
    moving = np.ptp(found, axis=(0, 1)) > 1e-9
    assert moving[6:].sum() >= 8
    for k in np.flatnonzero(moving):
        assert abs(z_score(found[..., k], exact[k])) < 4, k
    # The test sees the field: without its pull on the cell some moment is far off.
    off = [abs(z_score(found[..., k], blind[k])) for k in np.flatnonzero(moving)]
    assert max(off) > 6
    # Cell momenta and atoms are at the same temperature.
    inertia = (ATOMS + 1) * KT * ensemble.barostat_time**2
    for i, j in np.argwhere(ensemble.active):
        assert abs(z_score(momenta[..., i, j] ** 2, inertia * KT)) < 4
    assert not momenta[..., ~ensemble.active].any()
    assert abs(z_score(kinetic, 1.5 * ATOMS * KT)) < 4


def test_a_clamped_crystal_in_a_field_has_the_exact_dipole_and_fluctuation():
    cells, dipoles, _, _ = run(ensembles.nvt(5.0), steps=4000)
    assert np.ptp(cells, axis=(0, 1)).max() == 0
    gain, mu = polar(np.eye(3)[None])
    assert gain[0] < -KT / 2
    spread = variance_at(np.eye(3)[None])[0]
    for a in range(3):
        assert abs(z_score(dipoles[..., a], mu[0, a])) < 4
        assert abs(z_score((dipoles[..., a] - mu[0, a]) ** 2, spread[a])) < 4


@pytest.mark.parametrize(
    "baths",
    [(1.0, 0.2, 10.0), (20.0, 0.2, 10.0), (5.0, 0.1, 60.0), (5.0, 0.4, 10.0)],
    ids=str,
)
def test_the_volume_does_not_depend_on_the_baths(baths):
    friction, time, cell_friction = baths
    pressure = 0.02
    ensemble = ensembles.npt_orthorhombic(
        ensembles.hydrostatic(pressure), friction=friction, barostat_time=time,
        barostat_friction=cell_friction,
    )  # fmt: skip
    cells, _, _, _ = run(ensemble, field=None)
    F, log_measure = grid_of("orthorhombic")
    green = voigt(0.5 * (F @ F.swapaxes(1, 2) - np.eye(3))) * FOLD
    V = np.linalg.det(perovskite((1, 1, 1)).cell[0].numpy()) * volume_ratio(green)
    energy = elastic_energy(green) + pressure * V
    exact = quadrature(log_measure - energy / KT, np.stack([V, V**2], 1))
    found = np.linalg.det(cells)
    assert abs(z_score(found, exact[0])) < 4
    assert abs(z_score(found**2, exact[1])) < 4
