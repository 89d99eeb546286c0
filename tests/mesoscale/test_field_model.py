"""The energy of the field model in three dimensions: forces, symmetry, fields and strains."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from mesoscale_cards import (
    C_BATIO3,
    C_PBTIO3,
    G_BATIO3,
    G_PBTIO3,
    P0_PBTIO3,
    Q_BATIO3,
    Q_PBTIO3,
    batio3,
    pbtio3,
)

from multiscale.mesoscale.elasticity import Elasticity, cubic, strain_rotation
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid, orientation
from multiscale.mesoscale.model import FieldModel
from multiscale.units import EPSILON0

NM = 1e-9


def rotation(rng):
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def tensor(C):
    """Return C_ijkl of a cubic crystal by its definition."""
    d = np.eye(3)
    c11, c12, c44 = C
    out = c12 * np.einsum("ij,kl->ijkl", d, d)
    out += c44 * (np.einsum("ik,jl->ijkl", d, d) + np.einsum("il,jk->ijkl", d, d))
    for i in range(3):
        out[i, i, i, i] += c11 - c12 - 2 * c44
    return out


def energy_by_hand(P, a, G, el, edges, R, eps, E):
    """Return the energy per cell, coded apart: every wave on its own, tensors by definition."""
    x, y, z = P**2
    f = a[0] * (x + y + z) + a[1] * (x**2 + y**2 + z**2) + a[2] * (x * y + y * z + z * x)
    f = f + a[3] * (x**3 + y**3 + z**3) + a[5] * x * y * z
    f = f + a[4] * (x**2 * (y + z) + y**2 * (z + x) + z**2 * (x + y))
    total = f.sum() - np.einsum("i,ixyz->", E, P)
    n = P[0].size
    C, (q11, q12, q44) = tensor(el.stiffness), el.electrostriction
    e0 = np.empty((3, 3, *P.shape[1:]))
    for i, j in itertools.product(range(3), range(3)):
        if i == j:
            e0[i, i] = q12 * (P**2).sum(axis=0) + (q11 - q12) * P[i] ** 2
        else:
            e0[i, j] = 0.5 * q44 * P[i] * P[j]
    p, e = np.fft.fftn(P, axes=(1, 2, 3)), np.fft.fftn(e0, axes=(2, 3, 4))
    waves = [2 * np.pi * np.fft.fftfreq(m, d) for m, d in zip(P.shape[1:], edges, strict=True)]
    for i, j, m in np.ndindex(P.shape[1:]):
        k = R @ [waves[0][i], waves[1][j], waves[2][m]]
        if not k.any():
            continue  # stress-free and short-circuited
        D = np.outer(p[:, i, j, m], k)  # D[i, j] = P_i,j without the factor i
        pairs = ((0, 1), (0, 2), (1, 2))
        total += G[0] / 2 * sum(abs(D[s, s]) ** 2 for s in range(3)) / n
        total += G[1] * sum((D[s, s] * np.conj(D[t, t])).real for s, t in pairs) / n
        total += G[2] / 2 * sum(abs(D[s, t] + D[t, s]) ** 2 for s, t in pairs) / n
        total += G[3] / 2 * sum(abs(D[s, t] - D[t, s]) ** 2 for s, t in pairs) / n
        total += abs(p[:, i, j, m] @ k) ** 2 / (2 * EPSILON0 * eps * (k @ k)) / n
        load = np.einsum("ijkl,kl,j->i", C, e[:, :, i, j, m], k)
        u = np.linalg.solve(np.einsum("ijkl,j,l->ik", C, k, k), load)
        rest = 0.5 * (np.outer(u, k) + np.outer(k, u)) - e[:, :, i, j, m]
        total += 0.5 * np.einsum("ij,ijkl,kl->", np.conj(rest), C, rest).real / n
    return total


def test_step_is_the_variational_derivative_of_an_energy_coded_apart():  # T1
    rng = np.random.default_rng(0)
    shape, edges, R = (5, 3, 3), (0.4 * NM, 0.5 * NM, 0.45 * NM), rotation(rng)
    G = tuple(rng.uniform(0.2, 2.0, 4) * 1e-10)
    el = Elasticity(C_PBTIO3, Q_PBTIO3)
    model = FieldModel(Grid(shape, edges, R), pbtio3(), G, el, 10.0)
    P, E = rng.normal(0, 0.4, (3, *shape)), np.array([1e8, -2e7, 3e8])
    args = (pbtio3(), G, el, edges, R, 10.0, E)
    assert model.energy(P, E) * P[0].size == pytest.approx(energy_by_hand(P, *args), rel=1e-12)
    evolution, dt, h = Evolution(model, 1.0), 1e-17, 1e-5
    state = evolution.runge_kutta(evolution.start(P), E, E, dt)
    rate = (evolution.polarization(state) - P) / dt
    worst = []
    for c, i, j, m in rng.integers(0, (3, *shape), (12, 4)):
        up, down = P.copy(), P.copy()
        up[c, i, j, m] += h
        down[c, i, j, m] -= h
        slope = (energy_by_hand(up, *args) - energy_by_hand(down, *args)) / (2 * h)
        worst.append(abs(rate[c, i, j, m] + slope))
    assert max(worst) < 1e-6 * np.sqrt(np.mean(rate**2))


def test_force_with_nyquist_waves_is_the_slope_of_the_energy():  # T1, the trap of even grids
    rng = np.random.default_rng(1)
    grid = Grid((6, 4, 4), (0.4 * NM, 0.5 * NM, 0.45 * NM), rotation(rng))
    model = FieldModel(
        grid,
        np.append(pbtio3(), [1e8, 2e8, 3e8, 4e8]),
        tuple(rng.uniform(0.2, 2.0, 4) * 1e-10),
        Elasticity(C_PBTIO3, Q_PBTIO3, "film", (0.01, 0.02, 0, 0, 0, 0.01), [0, 0, 1e8, 2e8, 0, 0]),
        10.0,
        Electrodes(2, 1e-9),
        local_field=rng.normal(0, 1e7, (3, 6, 4, 4)),
        local_curvature=rng.normal(0, 1e7, (6, 4, 4)),
    )
    P, E = rng.normal(0, 0.4, (3, 6, 4, 4)), np.array([1e8, -2e7, 3e8])
    force = model.force(P, E)
    direction = rng.normal(size=P.shape)
    for h in (1e-4, 1e-5):
        up, down = (model.energy(P + s * h * direction, E) for s in (1, -1))
        slope = (up - down) / (2 * h) * grid.size
    assert slope == pytest.approx(-np.sum(force * direction), rel=1e-7)


@pytest.mark.parametrize("trap", ["transverse", "cross"])
def test_known_traps_are_no_derivatives_of_an_energy_and_ours_is(trap):  # FerroX, Durdiev
    rng = np.random.default_rng(2)
    model = FieldModel(Grid((4, 3, 3), 0.4 * NM), pbtio3(), (1e-10, 2e-11, 3e-11, 2e-11))

    def trapped(P):
        if trap == "transverse":  # G44 + G44' for P_x, but G44 - G44' for P_y and P_z
            other = replace(model, gradient=(1e-10, 2e-11, 3e-11, -2e-11))
            return -np.stack([m.linear_force(P)[c] for c, m in enumerate((model, other, other))])
        modes = np.fft.fftn(P, axes=(1, 2, 3))  # the row of P_z multiplies k_x k_z with P_y
        kx, kz = (2 * np.pi * np.fft.fftfreq(n, 0.4 * NM) for n in (4, 3))
        k = 3e-11 * (kx[:, None] * kz).reshape(4, 1, 3)
        extra = np.fft.ifftn(k * (modes[1] - modes[0])).real
        return -model.linear_force(P) - np.stack([0 * extra, 0 * extra, extra])

    d, e = rng.normal(size=(2, 3, 4, 3, 3))
    size = np.abs(np.sum(e * model.linear_force(d)))
    ours = np.sum(e * model.linear_force(d)) - np.sum(d * model.linear_force(e))
    theirs = np.sum(e * trapped(d)) - np.sum(d * trapped(e))
    assert abs(ours) < 1e-12 * size
    assert abs(theirs) > 1e-3 * size


def test_step_commutes_with_the_cube_group():  # T23
    rng = np.random.default_rng(3)
    model = FieldModel(
        Grid((4, 4, 4), 0.4 * NM), batio3(), G_BATIO3, Elasticity(C_BATIO3, Q_BATIO3), 7.35
    )
    evolution, dt = Evolution(model, 1.0), 1e-10
    P = rng.normal(0, 0.2, (3, 4, 4, 4))

    def step(P):
        return evolution.polarization(evolution.runge_kutta(evolution.start(P), E0, E0, dt))

    E0 = np.zeros(3)
    after = step(P)
    for perm, sign in itertools.product(
        itertools.permutations(range(3)), ((1, -1, 1), (-1, 1, -1))
    ):

        def turn(P, perm=perm, sign=sign):
            Q = P[list(perm)].transpose(0, *(p + 1 for p in perm)) * np.reshape(sign, (3, 1, 1, 1))
            for axis, s in enumerate(sign, 1):
                if s < 0:
                    Q = np.roll(np.flip(Q, axis), 1, axis)
            return Q

        assert step(turn(P)) == pytest.approx(turn(after), abs=1e-12)


def test_translation_and_reversal_commute_with_the_step():  # T23
    rng = np.random.default_rng(4)
    model = FieldModel(
        Grid((4, 6, 5), 0.4 * NM, rotation(rng)), pbtio3(), G_PBTIO3,
        Elasticity(C_PBTIO3, Q_PBTIO3), 10.0,
    )  # fmt: skip
    P, E = rng.normal(0, 0.4, (3, 4, 6, 5)), np.array([1e8, 2e8, -1e8])
    force = model.force(P, E)
    assert model.force(-P, -E) == pytest.approx(-force, rel=1e-9, abs=1e-2)
    shifted = model.force(np.roll(P, (1, 2, 3), (1, 2, 3)), E)
    assert shifted == pytest.approx(np.roll(force, (1, 2, 3), (1, 2, 3)), rel=1e-9, abs=1e-2)


def test_free_stress_has_no_mean_and_no_divergence():  # T23
    rng = np.random.default_rng(5)
    grid = Grid((5, 3, 7), 0.4 * NM)
    model = FieldModel(grid, pbtio3(), elasticity=Elasticity(C_PBTIO3, Q_PBTIO3))
    s = model.stress(rng.normal(0, 0.4, (3, 5, 3, 7)))
    assert np.abs(s.mean(axis=(1, 2, 3))).max() < 1e-12 * np.abs(s).max()
    modes = np.fft.fftn(s, axes=(1, 2, 3))
    k = np.stack(np.meshgrid(*(np.fft.fftfreq(n) for n in (5, 3, 7)), indexing="ij"))
    rows = ((0, 5, 4), (5, 1, 3), (4, 3, 2))
    divergence = np.array([sum(k[j] * modes[v] for j, v in enumerate(row)) for row in rows])
    assert np.abs(divergence).max() < 1e-12 * np.abs(modes).max()


# -- electrostatics ----------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "P0", "eps", "field"), [
    (pbtio3(), 0.757039, 10.0, -8.550e9),
    (batio3(), 0.265230, 10.0, -2.996e9),
])  # fmt: skip
def test_open_slab_feels_its_whole_depolarizing_field(a, P0, eps, field):  # T13
    model = FieldModel(Grid((1, 1, 4), NM), a, (0,) * 4, None, eps, Electrodes(2))
    P = np.zeros((3, 1, 1, 4))
    P[2] = P0
    E_d = -model.linear_force(P)
    assert E_d[2] == pytest.approx(field, rel=1e-3)
    assert np.abs(E_d[:2]).max() == 0


def test_dead_layer_in_series_with_the_film():  # T13, the MFIM card of FerroX
    d_f, d_d, eps_f, eps_d, P = 5e-9, 4e-9, 24.0, 10.0, 0.19506
    stack = Electrodes(2, EPSILON0 * eps_d * d_f / d_d)
    model = FieldModel(Grid((1, 1, 1), d_f), pbtio3(), (0,) * 4, None, eps_f, stack)
    field = -model.linear_force(np.array([0, 0, P]).reshape(3, 1, 1, 1))[2, 0, 0, 0]
    assert field == pytest.approx(-P * d_d / (EPSILON0 * (eps_d * d_f + eps_f * d_d)), rel=1e-12)
    assert field == pytest.approx(-6.04e8, rel=1e-3)
    applied = stack.film_field(1.0, d_f, eps_f)
    assert applied == pytest.approx(eps_d / (eps_d * d_f + eps_f * d_d), rel=1e-12)


def test_charge_wave_is_exact():  # T13
    n, eps = 16, 10.0
    model = FieldModel(Grid((n, n, 1), NM), pbtio3(), (0,) * 4, None, eps)
    x, y, _ = model.grid.positions()
    k = 2 * np.pi * np.array([2, 1]) / (n * NM)
    P = np.zeros((3, n, n, 1))
    P[0] = np.cos(k[0] * x + k[1] * y)
    E_d = -model.linear_force(P)
    along = -k[0] * P[0] / (k @ k) / (EPSILON0 * eps)
    assert E_d[0] == pytest.approx(k[0] * along, abs=1e-3)
    assert E_d[1] == pytest.approx(k[1] * along, abs=1e-3)


def test_polarized_sphere_feels_a_third():  # T13
    n, eps = 64, 10.0
    model = FieldModel(Grid((n, n, n), NM), pbtio3(), (0,) * 4, None, eps)
    r = np.sqrt(((model.grid.positions() / NM - n / 2) ** 2).sum(axis=0))
    inside = np.clip(8.5 - r, 0, 1)  # a smooth surface: less ringing
    P = np.zeros((3, n, n, n))
    P[2] = inside
    field = -model.linear_force(P)[2, r < 3].mean() * 3 * EPSILON0 * eps
    assert field == pytest.approx(-1 + inside.mean(), abs=3e-3)


# -- elasticity --------------------------------------------------------------------------------


def test_dilating_sphere_is_that_of_eshelby():  # T14 (a)
    n, nu, young = 48, 0.3, 1e11
    c12 = young * nu / ((1 + nu) * (1 - 2 * nu))
    c44 = young / (2 * (1 + nu))
    el, grid = Elasticity((c12 + 2 * c44, c12, c44), (1.0, 1.0, 0.0)), Grid((n, n, n), NM)
    r = np.sqrt(((grid.positions() / NM - n / 2) ** 2).sum(axis=0))
    e0 = np.zeros((6, n, n, n))
    e0[:3] = np.clip(6.5 - r, 0, 1)
    phi, S = e0[0].mean(), (1 + nu) / (3 * (1 - nu))
    modes = grid.forward(e0)
    el.stress_modes(modes, grid)
    e = e0 + np.tensordot(el.compliance, grid.backward(modes), axes=1)
    assert S == pytest.approx(0.6190, abs=1e-4)
    assert e[:3, r < 2].mean() == pytest.approx(S + phi * (1 - S), abs=2e-3)


@pytest.mark.parametrize(("C", "Q", "P", "expected"), [
    (C_PBTIO3, Q_PBTIO3, (0, 0, P0_PBTIO3), (2.709e9, 2.709e9)),
    (C_PBTIO3, Q_PBTIO3, (P0_PBTIO3, 0, 0), (-6.421e9, -0.144e9)),
    (C_BATIO3, Q_BATIO3, (0, 0, 0.265230), (0.7023e9, 0.7023e9)),
    (C_BATIO3, Q_BATIO3, (0.265230, 0, 0), (-1.0328e9, 0.0182e9)),
])  # fmt: skip
def test_plate_without_strain_in_plane(C, Q, P, expected):  # T14 (b)
    model = FieldModel(Grid((1, 1, 1), NM), pbtio3(), elasticity=Elasticity(C, Q, "film"))
    s = model.stress(np.reshape(P, (3, 1, 1, 1)))[:, 0, 0, 0]
    assert s[:2] == pytest.approx(expected, rel=2e-3, abs=2e6)
    assert s[2:5] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("P0", "Q", "angle"), [
    (P0_PBTIO3, Q_PBTIO3, 3.708), (0.265230, Q_BATIO3, 0.626),
])  # fmt: skip
def test_twins_rotate(P0, Q, angle):  # T14 (c)
    c, a = 1 + Q[0] * P0**2, 1 + Q[1] * P0**2
    assert 2 * (np.degrees(np.arctan(c / a)) - 45) == pytest.approx(angle, abs=2e-3)


@pytest.mark.parametrize(("normal", "relaxed"), [((1, 1, 0), True), ((1, 0, 0), False)])
def test_only_the_right_twin_plane_is_free_of_stress(normal, relaxed):  # T14 (c)
    grid = Grid((64, 1, 1), NM, orientation(normal, (0, 0, 1)))
    model = FieldModel(grid, batio3(), elasticity=Elasticity(C_BATIO3, Q_BATIO3))
    P = np.zeros((3, 64, 1, 1))
    P[0, :32], P[1, 32:] = 0.265, 0.265
    s = model.stress(P)[:, [16, 48], 0, 0]
    assert (np.abs(s).max() < 2e7) == relaxed  # ringing of the sharp walls only


def test_clamping_costs_the_energy_of_the_mean_strain():  # T14 (d)
    rng = np.random.default_rng(6)
    free = FieldModel(
        Grid((4, 3, 2), NM), pbtio3(), elasticity=Elasticity(C_PBTIO3, Q_PBTIO3, "free")
    )
    clamped = replace(free, elasticity=replace(free.elasticity, boundary="clamped"))
    P = rng.normal(0, 0.4, (3, 4, 3, 2))
    e0 = free.spontaneous_strain(P).mean(axis=(1, 2, 3))
    difference = clamped.energies(P)["elastic"] - free.energies(P)["elastic"]
    assert difference == pytest.approx(0.5 * e0 @ cubic(*C_PBTIO3) @ e0, rel=1e-10)


def test_rotated_strains_keep_their_energy():
    rng = np.random.default_rng(7)
    B, e = strain_rotation(rotation(rng)), rng.normal(size=6)
    isotropic = cubic(3.0, 1.0, 1.0)
    assert (B @ e) @ isotropic @ (B @ e) == pytest.approx(e @ isotropic @ e, rel=1e-12)


# -- refusals ----------------------------------------------------------------------------------


def test_bad_models_are_refused():
    grid = Grid((2, 2, 2), NM)
    with pytest.raises(ValueError, match="gradient energy is -1e-10"):
        FieldModel(grid, pbtio3(), (1e-10, 0, -1e-10, 0))
    with pytest.raises(ValueError, match="boundary is 'tight', expected one of free, clamped"):
        Elasticity(C_PBTIO3, Q_PBTIO3, "tight")
    with pytest.raises(ValueError, match="three orthonormal rows"):
        Grid((2, 2, 2), NM, np.ones((3, 3)))
    with pytest.raises(ValueError, match="expected three positive sizes"):
        Grid((2, 0, 2), NM)


def test_parts_that_do_not_fit_are_refused():
    grid = Grid((2, 2, 2), NM)
    with pytest.raises(ValueError, match="with background_permittivity None, expected axis 0"):
        FieldModel(grid, pbtio3(), electrodes=Electrodes(2))
    with pytest.raises(ValueError, match=r"local_field has shape \(2, 2, 2\), expected \(3, 2"):
        FieldModel(grid, pbtio3(), local_field=np.zeros((2, 2, 2)))
