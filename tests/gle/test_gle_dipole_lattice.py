"""Lattices of dipoles: the mean force against the lattice engine, its fit, and exact statistics."""

import numpy as np
import pytest
from scipy import stats

from multiscale import materials
from multiscale.gle import dipole_lattice as dl
from multiscale.gle.dipole_lattice_fit import Basis, fit_lattice_force, growth
from multiscale.gle.dipole_lattice_kernel import (
    LatticeKernel,
    friction_between,
    kernel_between,
    lattice_passivity,
    network_at,
    on_site_kernel,
    shell_sums,
)
from multiscale.gle.dipole_lattice_simulate import lattice_trajectory, simulate_lattice
from multiscale.gle.embedding import embed, propagator
from multiscale.gle.modes import poles
from multiscale.lattice import EffectiveHamiltonian

KT = 0.026
SIZE = (4, 3, 6)
SOFT = dl.LatticeForce(
    ("u2", "u4", "u22", "j1", "j2", "j5", "dipole"),
    np.array([0.9, 8.0, -4.0, -0.12, 0.08, 0.03, 0.05]),
    np.zeros((7, 7)),
)
"""A soft lattice: u of some 0.1, force constants of some eV/unit^2."""


def field(size, seed=0, scale=0.1):
    return scale * np.random.default_rng(seed).standard_normal((3, *size))


@pytest.mark.parametrize("name", ["batio3-zvr1995", "pbtio3-feram", "batio3-wc2010"])
def test_terms_of_a_record_give_energy_and_forces_of_the_lattice_engine(name):
    p = materials.load(name).lattice.parameters()
    u = field(SIZE)
    energy, forces, _ = EffectiveHamiltonian(p, SIZE).slopes(u.reshape(3, -1).T, np.zeros(6))
    F, E = dl.lattice_force(u, dl.tables_of(dl.force_of_parameters(p), SIZE))
    assert E == pytest.approx(energy, rel=1e-10)
    np.testing.assert_allclose(F.reshape(3, -1).T, forces, atol=1e-9 * np.abs(forces).max())


def test_every_term_is_the_slope_of_its_energy_and_has_its_divergence():
    u, h = field((3, 4, 2)), 1e-5
    names = dl.names_of(8, elastic=True)
    basis = Basis(names, (3, 4, 2), (0.35, 0.4))
    forces, divergence = basis(u)
    rng = np.random.default_rng(1)
    for t, name in enumerate(names):
        one = dl.LatticeForce((name,), np.ones(1), np.zeros((1, 1)))
        tables = dl.tables_of(one, (3, 4, 2))
        F, _ = dl.lattice_force(u, tables)
        np.testing.assert_allclose(forces[t], F, atol=1e-12 + 1e-10 * np.abs(F).max())
        d = rng.standard_normal(u.shape)
        rise = (dl.lattice_force(u + h * d, tables)[1] - dl.lattice_force(u - h * d, tables)[1]) / h
        assert rise / 2 == pytest.approx(-np.vdot(F, d), rel=1e-6, abs=1e-9)
        own = 0.0
        for i in range(u.size):
            step = np.zeros(u.size)
            step[i] = h
            step = step.reshape(u.shape)
            ahead = dl.lattice_force(u + step, tables)[0]
            own += (ahead - dl.lattice_force(u - step, tables)[0]).flat[i] / (2 * h)
        assert divergence[t] == pytest.approx(own / (u.size / 3), rel=1e-5, abs=1e-7)


def test_force_matching_finds_the_record_from_forces_of_the_lattice_engine():
    p = materials.load("batio3-wc2010").lattice.parameters()
    size, exact = (4, 4, 4), dl.force_of_parameters(p)
    engine = EffectiveHamiltonian(p, size)
    frames = [field(size, seed) for seed in range(20)]
    forces = [engine.slopes(u.reshape(3, -1).T, np.zeros(6))[1].T.reshape(u.shape) for u in frames]
    rng = np.random.default_rng(3)
    options = {"order": 8, "moduli": exact.moduli, "n_blocks": 10}
    clean = fit_lattice_force(frames, KT, forces, **options)
    truth = dict(zip(exact.names, exact.coefficients, strict=True))
    wanted = np.array([truth[name] for name in clean.names])
    np.testing.assert_allclose(clean.coefficients, wanted, rtol=1e-4, atol=1e-4)
    noisy = [f + 0.5 * rng.standard_normal(f.shape) for f in forces]
    fit = fit_lattice_force(frames, KT, noisy, **options)
    error = np.sqrt(fit.covariance.diagonal())
    assert np.abs((fit.coefficients - wanted) / error).max() < 7  # t of 9 degrees, 24 terms
    assert 0.001 < fit.relative_error < 0.1


def test_growth_is_the_energy_of_the_highest_order():
    p = materials.load("batio3-wc2010").lattice.parameters()
    force = dl.force_of_parameters(p, elastic=False)
    assert growth(force, (1, 1, 1)) == pytest.approx(p.k4, rel=1e-9)


def shelled(mass=0.004, b=((9.0, 0.6), (12.0, 0.0), (5.0, -0.4))):
    """Return a kernel with one relaxation and one oscillation that reach the first shell."""
    coupling = np.array(b)
    zero = np.zeros((coupling.size,) * 2)
    return LatticeKernel(
        np.array([4.0]), np.array([3.0]), np.array([9.0]), coupling, zero, mass, KT
    )


def test_kernel_between_cells_is_the_transform_of_its_waves_and_positive():
    kernel, lag = shelled(), np.array([0.0, 0.1])
    steps = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0], [3, 0, 0]])
    K = kernel_between(kernel, lag, steps)
    b = kernel.coupling
    # B^2 = b0^2 + 2 b0 b1 gamma_1 + b1^2 gamma_1^2; gamma_1^2 counts returns, (2, 0, 0), (1, 1, 0)
    for row, value in zip(K[:4, 0], (b[:, 0] ** 2 + 6 * b[:, 1] ** 2, 2 * b[:, 0] * b[:, 1],
                                    2 * b[:, 1] ** 2, b[:, 1] ** 2), strict=True):  # fmt: skip
        assert row == pytest.approx(value.sum())
    assert np.abs(K[4]).max() < 1e-10
    assert lattice_passivity(kernel) >= 0
    assert friction_between(kernel, steps[:1])[0] > 0


def test_lattice_without_bath_conserves_energy():
    kernel = on_site_kernel(np.zeros(0, complex), np.zeros(0, complex), mass=0.004, kT=KT)
    drift = []
    for dt in (0.008, 0.004):
        run = lattice_trajectory(
            kernel,
            SOFT,
            field((4, 4, 4)),
            np.random.default_rng(3),
            dt=dt,
            velocity=np.zeros((3, 4, 4, 4)),
        )
        states = [next(run) for _ in range(round(0.8 / dt))]
        # recorded velocities are half a step old: compare the mean with the kinetic energy there
        total = [s.energy + 0.5 * kernel.mass * np.sum(s.velocity**2) for s in states]
        drift.append(np.ptp(total[len(total) // 2 :]))
    assert drift[1] < 0.6 * drift[0]
    assert drift[1] < 0.05 * abs(np.mean(total))


@pytest.mark.parametrize("on_site", [True, False])
def test_harmonic_lattice_has_the_exact_spectrum_of_modes_and_velocities(on_site):
    names, values = ("u2", "j1", "j2", "dipole"), np.array([1.2, -0.15, 0.1, 0.08])
    force = dl.LatticeForce(names, values, np.zeros((4, 4)))
    size, kernel = (4, 4, 6), shelled()
    if on_site:
        kernel = kernel._replace(coupling=kernel.coupling[:, :1])
    run = lattice_trajectory(kernel, force, field(size), np.random.default_rng(5), dt=0.02)
    tables = dl.tables_of(force, size)
    stiffness = tables.pair + 2 * values[0] * np.eye(3)
    position, speed, n = [], [], 0
    for step in range(12_000):
        state = next(run)
        if step % 10 == 0 and step > 400:
            waves = np.fft.rfftn(state.modes, axes=(1, 2, 3), norm="ortho").reshape(3, -1)
            position.append(np.einsum("ak,kab,bk->k", waves.conj(), stiffness, waves).real)
            fast = np.fft.rfftn(state.velocity, axes=(1, 2, 3), norm="ortho").reshape(3, -1)
            speed.append(kernel.mass * np.sum(np.abs(fast) ** 2, 0))
            n += 1
    # equipartition, 3 kT a wave, by errors of 20 blocks; one run in 1000 has a wave beyond `limit`
    limit = stats.t.isf(0.0005 / (2 * stiffness.shape[0]), 19)
    for samples in (np.array(position), np.array(speed)):
        blocks = samples[: n // 20 * 20].reshape(20, -1, samples.shape[1]).mean(1) / (3 * KT)
        off = (blocks.mean(0) - 1) / (blocks.std(0, ddof=1) / 20**0.5)
        assert np.abs(off).max() < limit
        whole = blocks.mean(1)
        assert abs(whole.mean() - 1) < 4 * whole.std(ddof=1) / 20**0.5


def test_velocities_of_cells_forget_by_the_kernel_between_them():
    """Without mean force dV/dt = -K V: two cells far from linear times share a closed form."""
    kernel = shelled()
    size, dt, n = (4, 4, 4), 0.02, 40
    free = dl.LatticeForce(("u2",), np.zeros(1), np.zeros((1, 1)))
    run = lattice_trajectory(kernel, free, np.zeros((3, *size)), np.random.default_rng(9), dt=dt)
    v = np.array([next(run).velocity for _ in range(8000)])
    gamma = shell_sums(np.array([0.5 * np.pi, np.pi, 0.0]), 1)
    waves = np.fft.fftn(v, axes=(2, 3, 4), norm="ortho")[:, :, 1, 2, 0]
    found = [np.mean(waves[lag:] * waves[: len(waves) - lag].conj()).real for lag in range(n)]
    one = embed(*poles(network_at(kernel, gamma)), mass=kernel.mass, kT=KT)
    E, _ = propagator(one, dt)
    exact = KT / kernel.mass * np.array([np.linalg.matrix_power(E, lag)[0, 0] for lag in range(n)])
    assert np.abs(np.array(found) - exact).max() < 0.08 * exact[0]


def test_bad_input_is_named():
    kernel = shelled()
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="order is 5, expected 2, 4, 6 or 8"):
        dl.names_of(5)
    with pytest.raises(ValueError, match="start has shape"):
        next(lattice_trajectory(kernel, SOFT, np.zeros((4, 4, 4)), rng, dt=0.01))
    with pytest.raises(ValueError, match="dt is 0"):
        simulate_lattice(kernel, SOFT, field(SIZE), rng, dt=0, n_steps=3)
    with pytest.raises(ValueError, match="n_steps is 2 and stride 5"):
        simulate_lattice(kernel, SOFT, field(SIZE), rng, dt=0.01, n_steps=2, stride=5)
    with pytest.raises(ValueError, match="frame 1 is not finite"):
        fit_lattice_force([field(SIZE), np.full((3, *SIZE), np.nan)], KT)
    with pytest.raises(ValueError, match="there are 3 frames, expected at least 40"):
        fit_lattice_force([field(SIZE, seed) for seed in range(3)], KT)
