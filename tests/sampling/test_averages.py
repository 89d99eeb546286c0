"""Averages of biased frames, energy and entropy by two routes: against planted truths."""

import numpy as np
import pytest

from multiscale import sampling
from multiscale.sampling import averages
from multiscale.sampling.averages import cubic_frames, cubic_operations
from multiscale.sampling.thermodynamics import (
    Level,
    common_weight,
    enthalpy_between,
    entropy_between,
)
from multiscale.units import KB

# P in a double well, and n hidden springs k(P) = k0 (1 + c P^2): F = U0 + (n/2) kT ln k(P) exactly,
# S = -(n/2) k ln k(P), and the mean energy at P is U0 + (n/2) kT: no trace of the springs in it.
HIDDEN, STIFFENING = 40, 0.6
U0 = np.array([-0.5, 0.35])  # eV per (C/m^2)^2, ^4
AXIS = (np.arange(31) + 0.5) * (2 * 1.2 / 31) - 1.2


def energy(P):
    return U0[0] * P**2 + U0[1] * P**4


def entropy(P):
    return -0.5 * HIDDEN * KB * np.log(1 + STIFFENING * P**2)


def draw(T, n, rng, bias=0.0):
    """Frames (P, energy with its thermal noise, log weight) under the bias -bias * F."""
    kT = KB * T
    fine = np.linspace(-1.2, 1.2, 20_001)
    F = energy(fine) - T * entropy(fine)
    p = np.exp(-(1 - bias) * (F - F.min()) / kT)
    P = np.interp(rng.random(n), np.cumsum(p) / p.sum(), fine)
    hidden = 0.5 * kT * rng.chisquare(HIDDEN, n)  # n springs at kT/2 each, whatever their stiffness
    weight = -bias * (energy(P) - T * entropy(P)) / kT
    return P[:, None], energy(P) + hidden, weight


def levels(T, rng, n=200_000, blocks=24):
    values, U, weight = draw(T, n, rng, bias=0.8)
    block = np.arange(n) * blocks // n
    bootstrap = sampling.bootstrap_weights(200, blocks, rng)
    axes, kT = (AXIS,), KB * T

    def reference(P):
        return 0.95 * (energy(P) - T * entropy(P))

    at = reference(values[:, 0])
    F = sampling.free_energy_by_reweighting(
        values, weight, block, axes, kT, reference=(at, reference(AXIS)), bootstrap=bootstrap
    )
    H = averages.mean_by_bin([(values, U)], weight + at / kT, block, axes, bootstrap)
    return Level(F.free_energy, F.sample), Level(H.value, H.sample)


@pytest.fixture(scope="module")
def two_temperatures():
    rng = np.random.default_rng(1)
    T = (380.0, 420.0)
    F, H = zip(*(levels(t, rng) for t in T), strict=True)
    weight = common_weight([f.value for f in F], list(T), KB)
    return T, F, H, weight


def shifted(x, weight):
    return x - (x * weight).sum() / weight.sum()


@pytest.mark.parametrize("route", ["by_difference", "by_energy"])
def test_entropy_is_that_of_the_hidden_springs(two_temperatures, route):
    T, F, H, weight = two_temperatures
    result = entropy_between(F, H, T, (AXIS,), weight, 24)
    found = getattr(result, route)
    good = weight > 0.3
    truth = shifted(entropy(AXIS), weight)[good]
    z = (found.value[good] - truth) / found.stderr[good]
    assert np.sqrt(np.mean(z**2)) < 1.6
    assert np.median(found.stderr[good]) < 0.15 * np.ptp(truth)
    assert result.agreement.holds


def test_enthalpy_at_given_polarization_is_the_bare_well(two_temperatures):
    T, F, H, weight = two_temperatures
    result = enthalpy_between(F, H, T, (AXIS,), weight, 24)
    truth, good = shifted(energy(AXIS), weight), weight > 0.3
    for found in (result.by_difference, result.by_energy):
        z = ((found.value - truth) / found.stderr)[good]
        assert np.sqrt(np.mean(z**2)) < 1.6
    # The free energy is not the energy: the hidden springs make a well of their own.
    assert np.abs(F[0].relative(weight).value - truth)[good].max() > 0.03
    assert result.agreement.holds


def test_a_wrong_energy_is_found_out(two_temperatures):
    # As when the work against a pressure is forgotten: a term in P^2 of 20 meV.
    T, F, H, weight = two_temperatures
    wrong = tuple(Level(h.value + 0.02 * AXIS**2, h.sample + 0.02 * AXIS**2) for h in H)
    assert not entropy_between(F, wrong, T, (AXIS,), weight, 24).agreement.holds


def test_thermodynamic_average_is_that_of_the_unbiased_system():
    rng = np.random.default_rng(2)
    T, n = 400.0, 100_000
    z = []
    for _ in range(40):
        values, U, weight = draw(T, n // 40, rng, bias=0.8)
        block = np.arange(len(U)) * 16 // len(U)
        bootstrap = sampling.bootstrap_weights(200, 16, rng)
        both = np.stack([U, values[:, 0] ** 2], axis=1)
        found = averages.mean(both, weight, block, bootstrap)
        fine = np.linspace(-1.2, 1.2, 20_001)
        F = energy(fine) - T * entropy(fine)
        p = np.exp(-(F - F.min()) / (KB * T))
        truth = np.array([(p * energy(fine)).sum(), (p * fine**2).sum()]) / p.sum()
        truth[0] += 0.5 * HIDDEN * KB * T
        z.append((found.value - truth) / found.stderr)
    z = np.array(z)
    assert np.abs(z.mean(axis=0)).max() < 3 / np.sqrt(40)
    assert 0.6 < np.sqrt((z**2).mean()) < 1.35


def test_images_of_a_strained_frame_restore_the_symmetry():
    # One frame with P along z and strain zz: at P along x the mean strain is xx.
    values = np.tile([[0.2, 0.0, 0.8]], (6, 1))
    strain = np.tile(np.diag([-0.01, -0.01, 0.04]), (6, 1, 1))
    axes = (np.linspace(-1, 1, 11),) * 3
    found = averages.mean_by_bin(
        cubic_frames(values, strain, (0, 1, 2)), np.zeros(6), np.arange(6), axes,
        np.ones((1, 6)),
    )  # fmt: skip
    assert len(cubic_operations((0, 1, 2))) == 48
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    known = np.isfinite(found.value[..., 0, 0])
    assert known.sum() == 24  # the images of (0.2, 0, 0.8): six axes, four neighbours each
    largest = np.abs(grid[known]).argmax(axis=-1)
    for tensor, k in zip(found.value[known], largest, strict=True):
        assert np.argmax(np.diag(tensor)) == k
        assert np.trace(tensor) == pytest.approx(0.02)


def test_bins_that_few_blocks_saw_are_not_known():
    values = np.array([[0.0], [0.0], [0.5]])
    found = averages.mean_by_bin(
        [(values, np.ones(3))], np.zeros(3), np.array([0, 1, 2]), (np.linspace(-1, 1, 5),),
        np.ones((2, 3)),
    )  # fmt: skip
    assert np.isnan(found.value).all()
