import numpy as np
import pytest

from multiscale.gle.coupled_errors import resampled
from multiscale.gle.coupled_likelihood import (
    CoupledBath,
    CoupledModel,
    CoupledSpectra,
    amplitudes,
    evaluate,
    folded,
    impedance,
    mass_of,
    value,
)
from multiscale.gle.pursuit import Limits

STIFFNESS = np.array([[8.0, 1.0], [1.0, 5.0]])
BATH = CoupledBath(1.0, STIFFNESS, 0.0)
LIMITS = Limits(0.05, 40.0)
COUNT = 30.0
# the second amplitude has a vanishing eigenvalue: its Cholesky factor ends in nearly zero
SINGULAR = np.array([[[4.0, 0.0], [0.5, 2.0]], [[2.0, 0.0], [1.0, 1e-6]], [[1.0, 0], [0.2, 1.0]]])
MODEL = CoupledModel(
    np.eye(2), np.zeros((2, 2)), np.array([5.0]), np.array([0.5]), np.array([6.0]), SINGULAR
)


def exact():
    """Return noise-free spectra of the linear process."""
    omega = np.linspace(0.1, 30, 200)
    blank = CoupledSpectra(
        omega, np.full(omega.size, COUNT), np.zeros((omega.size, 6, 6), complex), 0.05
    )
    Z, _, Gamma = impedance(MODEL, amplitudes(MODEL), omega)
    response = np.linalg.inv(Z + STIFFNESS)
    noise = 2 * Gamma.real
    xx = response @ noise @ response.conj().swapaxes(1, 2) + folded(MODEL, BATH, blank)
    return with_forces(blank, xx)


def with_forces(like, xx):
    density = np.zeros((len(xx), 6, 6), complex)
    density[:, :2, :2], density[:, :2, 4:] = xx, -xx @ STIFFNESS
    density[:, 4:, :2], density[:, 4:, 4:] = -STIFFNESS @ xx, STIFFNESS @ xx @ STIFFNESS
    return like._replace(density=density)


def drawn(spectra, rng):
    """Return spectra as COUNT frequencies per bin would show them (complex Wishart)."""
    xx, n = spectra.density[:, :2, :2], int(COUNT)
    shape = (len(xx), 2, n)
    unit = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / 2**0.5
    half = np.linalg.cholesky(xx) @ unit
    return with_forces(spectra, half @ half.conj().swapaxes(1, 2) / n)


def test_gradient_in_the_amplitudes_themselves():
    regular = MODEL._replace(factor=np.linalg.cholesky(amplitudes(MODEL) + np.eye(2)))
    spectra = exact()
    alias = folded(regular, BATH, spectra)
    gradient = evaluate(regular, BATH, spectra, alias, linear=True).gradient
    lower, P = np.tril_indices(2), amplitudes(regular)
    for j in range(3):
        for i, (a, b) in enumerate(zip(*lower, strict=True)):
            unit, ends = np.zeros((2, 2)), []
            unit[a, b] = unit[b, a] = 1e-5
            for sign in (1, -1):
                moved = P.copy()
                moved[j] += sign * unit
                trial = regular._replace(factor=np.linalg.cholesky(moved))
                ends.append(value(trial, BATH, spectra, alias))
            slope = (ends[0] - ends[1]) / 2e-5
            assert slope == pytest.approx(gradient[6 + 3 + 3 * j + i], rel=1e-4, abs=1e-3)


def test_spread_of_resampled_models_is_that_of_the_information():
    """Also where an amplitude is singular, as the step is in P itself; all models stay passive."""
    spectra, rng = exact(), np.random.default_rng(0)
    others = [drawn(spectra, rng) for _ in range(60)]
    found = resampled(MODEL, BATH, spectra, others, LIMITS)
    P = np.array([amplitudes(model) for model in found])
    assert np.linalg.eigvalsh(P).min() >= -1e-9
    here = evaluate(MODEL, BATH, spectra, folded(MODEL, BATH, spectra), linear=True)
    free = [*range(3), *range(6, here.scoring.shape[0])]
    error = np.sqrt(np.diag(np.linalg.inv(here.scoring[np.ix_(free, free)])))
    mass = np.std([mass_of(model)[0, 0] for model in found])
    assert mass == pytest.approx(error[0], rel=0.35)  # four sigma of 60 draws
    first = np.std(P[:, 0, 0, 0])
    assert first == pytest.approx(error[6], rel=0.35)
    assert np.std(P[:, 1, 1, 1]) < 2 * error[6 + 5]  # the singular one: no step of any size


def test_the_same_spectra_ask_for_the_same_model():
    spectra = exact()
    (same,) = resampled(MODEL, BATH, spectra, [spectra], LIMITS)
    np.testing.assert_allclose(amplitudes(same), amplitudes(MODEL), atol=1e-6)
    assert resampled(MODEL, BATH, spectra, [], LIMITS) == []
