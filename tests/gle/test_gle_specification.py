import numpy as np
import pytest
from gle_planted import AMPLITUDE, HARMONIC, RATE, WINDOW, harmonic
from scipy.stats import kstest

from multiscale.gle import extract_kernel
from multiscale.gle.diagnosis import over_identified
from multiscale.gle.likelihood import Bath, Model
from multiscale.gle.modes import network_of
from multiscale.gle.pursuit import Limits, refine
from multiscale.gle.specification import bands, specification
from multiscale.gle.spectra import average, grouped_spectra

DT = 0.1


def test_bands_are_in_order_and_full():
    omega = np.linspace(0.01, 30, 700)
    weight = np.full(700, 5.0)
    index = bands(omega, weight)
    assert index[0] == 0
    assert set(np.diff(index).tolist()) <= {0, 1}
    assert np.bincount(index, weight).min() >= 24


def test_p_is_uniform_for_exponential_spectra():
    """Ratios that are exponential by construction, two parameters fitted by their own scores."""
    rng, omega = np.random.default_rng(1), np.linspace(0.05, 10, 600)
    weight = np.full(600, 8.0)
    shapes = np.stack([np.ones(600), np.log(omega)])
    found = []
    for _ in range(200):
        noise = rng.gamma(weight, 1 / weight)
        p = np.zeros(2)
        for _ in range(20):
            r = noise * np.exp(-p @ shapes)
            F = (weight * r * shapes) @ shapes.T
            p += np.linalg.solve(F, shapes @ (weight * (r - 1)))

        def ratio(q, noise=noise):
            return noise * np.exp(-q @ shapes)

        found.append(specification(ratio, p, np.ones(2), omega, weight).p_value)
    assert kstest(found, "uniform").pvalue > 0.01


def test_where_the_fit_stopped_does_not_matter():
    """The same p value half an error away from the optimum: nuisance directions are projected."""
    rng, omega = np.random.default_rng(2), np.linspace(0.05, 10, 600)
    noise = rng.gamma(8.0, 1 / 8, 600)

    def ratio(q):
        return noise * np.exp(-q[0] * np.ones(600))

    here, off = (
        specification(ratio, np.array([p]), np.ones(1), omega, np.full(600, 8.0))
        for p in (0.0, 0.5 / 4800**0.5)
    )
    assert off.statistic == pytest.approx(here.statistic, rel=0.01)
    assert here.freedom == here.ratio.size - 1


def planted(seed, modes):
    """Return the test of a fit with the number of modes of the truth, or with fewer of them."""
    x = harmonic(60_000, DT, seed)
    pairs = [(x, HARMONIC(x))]
    grouped = grouped_spectra(
        pairs, DT, resolution=np.pi / (4 * WINDOW), band=0.5 * np.pi / DT, edge=20 * WINDOW
    )
    spectra, bath = average(grouped), Bath(1.0, 8.0, 0.0, 1.0, 0.1)
    start = Model(1.0, 0.0, network_of(RATE[modes], AMPLITUDE[modes]))
    limits = Limits(1 / WINDOW, 0.5 * np.pi / DT)
    return over_identified(refine(start, bath, spectra, limits, 100).model, bath, spectra)


def test_p_is_uniform_on_planted_records():
    found = [planted(seed, [0, 1, 2]).p_value for seed in range(40)]
    assert kstest(found, "uniform").pvalue > 0.01


@pytest.mark.parametrize("modes", [[0, 1], [1, 2]])
def test_a_missing_mode_is_found_out(modes):
    found = planted(0, modes)
    assert found.p_value < 1e-6
    off = np.abs(found.ratio - 1) / found.stderr
    assert off.max() > 5  # the table says where


def test_too_few_modes_fail_the_check_of_the_kernel():
    x = harmonic(60_000, DT, 1)
    settings = {"window": WINDOW, "n_bootstrap": 0}
    right = extract_kernel(x, DT, 1.0, HARMONIC, **settings)
    wrong = extract_kernel(x, DT, 1.0, HARMONIC, n_modes=1, **settings)
    checks = [{c.check: c for c in k.checks}["specification"] for k in (right, wrong)]
    assert checks[0].ok
    assert not checks[1].ok
    assert "needs more modes" in checks[1].message
