"""Structure factor, local dipoles, nuclei, loops of the lattice: exact samples, planted truth."""

import numpy as np
import pytest
from lattice_cards import BATIO3
from numpy.testing import assert_allclose

from multiscale import units
from multiscale.lattice import EffectiveHamiltonian, hessian
from multiscale.lattice.loops import drive, interval_means, sampling
from multiscale.lattice.maps import (
    SITES,
    directions,
    distribution,
    order,
    shares,
    site_occupation,
    variants,
)
from multiscale.lattice.monte_carlo import hybrid_monte_carlo
from multiscale.lattice.nuclei import (
    GREW,
    UNDECIDED,
    VANISHED,
    critical_radius,
    fates,
    radius,
)
from multiscale.lattice.structure import (
    correlation_length,
    equipartition,
    felt_stiffness,
    structure_factor,
    zone_path,
)
from multiscale.lattice.walls import nucleus

HARD = BATIO3.__class__(**{**BATIO3.__dict__, "kappa2": 12.0, "gamma": 0.0, "alpha": 1e-9,
                           "b1xx": 0.0, "b1yy": 0.0, "b4yz": 0.0})  # fmt: skip
"""Quadratic terms only."""
KT = units.KB * 300


def test_a_sampled_harmonic_lattice_has_the_structure_factor_of_its_hessian():
    """Hybrid Monte Carlo against kT/H, two routes; four standard errors over all waves."""
    size = (4, 4, 4)
    engine = EffectiveHamiltonian(HARD, size, inhomogeneous=False)
    run = hybrid_monte_carlo(
        engine, np.zeros((64, 3)), kT=KT, generator=np.random.default_rng(0),
        free=np.zeros((6, 0)), step=0.4, length=8,
    )  # fmt: skip
    for _ in range(20):
        next(run)
    u = np.array([next(run).modes.copy() for _ in range(400)])
    path = zone_path(size)
    S = structure_factor(u, size, path.place, blocks=16)
    H = hessian(path.wave_vector, HARD)
    ratio, error = equipartition(S, H, KT)
    waves = slice(1, len(path.length) - 1)  # the uniform mode's mean is taken off
    assert (np.abs(ratio - 1) < 4.5 * error)[waves].all()
    assert error[waves].max() < 0.15
    felt = felt_stiffness(S.mean(0), KT)
    assert_allclose(felt[waves], np.linalg.eigvalsh(H)[waves], rtol=0.5)


def test_the_path_runs_through_the_corners_of_the_zone():
    path = zone_path((6, 6, 6))
    at = {name: k for name, k in zip(path.name, path.wave_vector, strict=True) if name}
    assert_allclose(at["X"], [np.pi, 0, 0])
    assert_allclose(at["M"], [np.pi, np.pi, 0])
    assert_allclose(at["R"], [np.pi, np.pi, np.pi])
    assert path.length[-1] == pytest.approx(np.pi * (3 + np.sqrt(3)))
    with pytest.raises(ValueError, match="expected three equal even numbers"):
        zone_path((5, 5, 5))


def test_a_planted_correlation_length_comes_out():
    """Gaussian waves of variance 1/(1 + xi^2 k^2), xi = 2 cells; four standard errors."""
    n, xi, rng = 12, 2.0, np.random.default_rng(0)
    k = 2 * np.pi * np.fft.fftfreq(n)
    square = sum(np.meshgrid(*[2 - 2 * np.cos(k)] * 3, indexing="ij"))
    frames = []
    for _ in range(150):
        white = np.fft.fftn(rng.standard_normal((n, n, n, 3)), axes=(0, 1, 2))
        shaped = white / np.sqrt(1 + xi**2 * square)[..., None]
        frames.append(np.fft.ifftn(shaped, axes=(0, 1, 2)).real.reshape(-1, 3))
    path = zone_path((n, n, n))
    S = structure_factor(np.array(frames), (n, n, n), path.place)
    found = correlation_length(S, path)
    assert found.length == pytest.approx(xi, abs=4 * found.stderr)
    assert found.stderr < 0.25 * xi


def test_variants_and_their_shares():
    names, vectors = directions("tetragonal")
    assert set(names) == {"+x", "-x", "+y", "-y", "+z", "-z"}
    u = np.array([[0, 0, 1.0], [0.1, -2, 0], [0.01, 0, 0.02], [-1, 0.3, 0.2]])
    found = variants(u, vectors, 0.3)
    assert [names[v] if v >= 0 else "none" for v in found] == ["+z", "-y", "none", "-x"]
    part = shares(found, 6)
    assert part.sum() == pytest.approx(1)
    assert part[-1] == 0.25
    assert len(directions("rhombohedral")[0]) == 8
    with pytest.raises(ValueError, match="symmetry is 'cubic', expected one of"):
        directions("cubic")


def test_order_tells_a_gaussian_from_two_sites():
    rng = np.random.default_rng(0)
    gauss = rng.standard_normal((200_000, 3))
    assert_allclose(order(gauss), 3, atol=0.1)
    sites = np.where(rng.random((1000, 3)) < 0.5, 0.1, -0.1)
    assert_allclose(order(sites), 1)
    part = site_occupation(sites)
    assert part.sum() == pytest.approx(1)
    assert_allclose(part, 1 / 8, atol=4 * np.sqrt(1 / 8 / 1000))
    assert site_occupation(np.array([[1, -1, 1.0]]))[SITES.index("+-+")] == 1
    histogram = distribution(gauss)
    assert_allclose(histogram.density.sum(0) * np.diff(histogram.centre)[0], 1)


def test_the_radius_of_a_planted_nucleus_and_its_fate():
    size = (24, 24, 2)
    u = nucleus(size, 0.1, 5.0)
    assert radius(u, size, 0.1) == pytest.approx(5.0, abs=0.3)
    growing, dying, idle = 4 + np.arange(5.0), 4 - np.arange(5.0), np.full(5, 4.0)
    assert_allclose(fates(np.stack([growing, dying, idle])), [GREW, VANISHED, UNDECIDED])


def test_the_critical_radius_lies_between_what_vanishes_and_what_grows():
    starts = np.repeat([3.0, 4, 5, 6], 2)
    clear = np.array([VANISHED] * 4 + [GREW] * 4)
    assert critical_radius(starts, clear) == (4.5, 0.5)
    mixed = np.array([VANISHED] * 3 + [GREW, VANISHED] + [GREW] * 3)
    found = critical_radius(starts, mixed)
    assert found.radius == pytest.approx(4.5)
    assert found.uncertainty == pytest.approx(1.5)
    assert np.isnan(critical_radius(starts, np.full(8, GREW)).radius)


def test_intervals_average_records_without_a_lag():
    plan = sampling(0.01, 0.1, 50, 2)  # 100 ps, 20 records an interval
    assert (plan.every, plan.samples, plan.interval) == (20, 101, 2.0)
    t = np.arange(plan.records) * plan.step
    line = np.stack([t, 2 * t])[..., None]
    found = interval_means(line, plan)
    assert_allclose(found[:, 1:, 0], np.stack([plan.times, 2 * plan.times])[:, 1:])
    late = interval_means(line, plan, settled=True)
    assert_allclose(late[0, :, 0] - plan.times, 0.5 * plan.interval / 2, atol=0.06)


def test_fields_of_loops():
    plan = sampling(0.01, 0.1, 100, 2)
    assert [drive(t, plan, "triangle") for t in (0.0, 25.0, 50.0, 75.0)] == pytest.approx(
        [0, 1, 0, -1], abs=1e-12
    )
    assert drive(25.0, plan, "sine") == pytest.approx(1)
    assert drive(10.3, plan, "steps") == drive(10.0, plan, "triangle")
    with pytest.raises(ValueError, match="expected a multiple of samples_per_cycle = 60"):
        sampling(0.01, 1.0, 60, 2)
