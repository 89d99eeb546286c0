"""What a fitted model says about the spectra it was fitted to."""

import numpy as np
from numpy.typing import NDArray

from multiscale.gle import coupled_likelihood as coupled
from multiscale.gle.likelihood import Bath, Model, impedance, noise_ratio, pack, unpack
from multiscale.gle.modes import friction_of, poles
from multiscale.gle.specification import Specification, specification
from multiscale.gle.spectra import Spectra
from multiscale.gle.validation import Check, frames_check, noise_check, window_check

Array = NDArray[np.float64]


def mass_guess(spectra: Spectra, kT: float) -> float:
    """Return kT/<v^2> with the velocity spectrum integrated over the band (an upper bound)."""
    width = np.gradient(spectra.omega)
    return float(kT * np.pi / np.sum(width * spectra.omega**2 * spectra.xx))


def relaxation_time(spectra: Spectra, below: float) -> float:
    """Return the integral correlation time of x, ps, from its spectrum below a frequency, 1/ps.

    A mean over that band, whatever the bins: a drift lies in its first frequencies only.
    """
    variance = np.sum(np.gradient(spectra.omega) * spectra.xx) / np.pi
    low = spectra.omega < max(below, spectra.omega[0] * 1.001)
    level = np.sum((spectra.weight * spectra.xx)[low]) / np.sum(spectra.weight[low])
    return float(0.5 * level / variance)


def fit_checks(
    model: Model, bath: Bath, spectra: Spectra, window: float, dt: float
) -> tuple[Check, ...]:
    """Return the checks of window (ps), frames (every dt ps) and noise spectrum."""
    rate, amplitude = poles(model.network)
    total = friction_of(rate, amplitude)
    late = friction_of(rate, amplitude * np.exp(-rate * window))
    Z, K = impedance(model, bath, spectra.omega)
    S = 2 * bath.kT * model.mass * K.real / np.abs(Z + bath.curvature) ** 2
    inside = np.sum(np.gradient(spectra.omega) * spectra.omega**2 * S) / np.pi
    outside = 1 - float(inside) * model.mass / bath.kT
    return (
        window_check(abs(late) / total, window),
        frames_check(outside, dt),
        noise_check(noise_ratio(model, bath, spectra), spectra.weight),
    )


def fdt_residual(model: Model, bath: Bath, spectra: Spectra, lag: Array) -> Array:
    """Return the cosine transform of noise spectrum/(m kT) - 2 Re K over the band, (n_lags,)."""
    _, K = impedance(model, bath, spectra.omega)
    excess = (noise_ratio(model, bath, spectra) - 1) * 2 * K.real
    width = np.gradient(spectra.omega)
    return np.asarray(np.cos(np.multiply.outer(lag, spectra.omega)) @ (excess * width) / np.pi)


def over_identified(model: Model, bath: Bath, spectra: Spectra) -> Specification:
    """Return ratios by band and the J-test of a model; a fixed slope of F is not adjusted."""
    parameters = pack(model)
    scale = np.ones_like(parameters)
    scale[1] = float(bath.tilt_error > 0)
    # a mode whose weight has gone to zero is no freedom of the fit
    scale[2:][np.exp(parameters[2:]) < 1e-200] = 0

    def ratio(p: Array) -> Array:
        return noise_ratio(unpack(p, model.network), bath, spectra)

    return specification(ratio, parameters, scale, spectra.omega, spectra.weight)


def coupled_over_identified(
    model: coupled.CoupledModel, bath: coupled.CoupledBath, spectra: coupled.CoupledSpectra
) -> Specification:
    """Return the same of coupled variables: the ratio is tr(S^-1 <R R^+>)/d."""
    parameters, d = coupled.pack(model), len(model.root)
    t, free = d * (d + 1) // 2, float(bath.tilt_error > 0)
    poles_of = model.rate.size + 2 * model.decay.size
    size = np.sqrt(np.trace(coupled.amplitudes(model), axis1=1, axis2=2))
    scale = np.concatenate(
        [
            np.full(t, np.linalg.norm(model.root)),
            np.full(t, free * np.linalg.norm(bath.curvature)),
            np.ones(poles_of),
            np.repeat(size, t),
        ]
    )

    def ratio(p: Array) -> Array:
        return coupled.noise_ratio(coupled.unpack(p, model), bath, spectra)

    return specification(ratio, parameters, scale, spectra.omega, d * spectra.weight)
