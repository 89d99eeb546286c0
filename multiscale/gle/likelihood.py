"""Likelihood of the spectra of a trajectory under a passive GLE, the noise tied to the kernel.

The record turns into its own noise, R(w) = Z(w) x(w) - F(w), Z = -m w^2 + i w m K(i w) - theta,
where theta corrects the slope of the mean force. R is Gaussian with spectrum S = 2 kT m Re K(i w)
(second fluctuation-dissipation theorem), and v -> R is causal, so that per frequency
-ln p = |R|^2/S + ln S - ln|Z_lin|^2.  The last term, with Z_lin = Z + <U''>, is the Jacobian
restricted to the band: over the whole line it integrates to zero (Bode), and beyond the band the
system is linear with the mean curvature. Frequencies folded back by the sampling add
|Z|^2 S_x(2 pi/dt -+ w) to S. Only x is needed; see the theory page, section "FDT-tied likelihood".
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.likelihood_pass import accumulate, response, score
from multiscale.gle.modes import Network
from multiscale.gle.spectra import Spectra

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


class Bath(NamedTuple):
    """What the likelihood holds fixed."""

    kT: float  # eV  # noqa: N815
    curvature: float  # <U''> of the mean force, eV/unit^2
    tilt_error: float  # prior standard deviation of the relative slope correction; 0 fixes it
    mass: float = 1.0  # prior of the mass, eV ps^2/unit^2
    mass_error: float = 0.0  # its relative standard deviation; 0 leaves the mass free
    white: float = 0.0  # known memoryless friction, 1/ps: adds to K(i w), belongs to no mode


class Model(NamedTuple):
    """Unknowns: mass, relative slope correction theta/<U''>, and the network of the kernel."""

    mass: float
    tilt: float
    network: Network


class Evaluation(NamedTuple):
    """Value, gradient and a positive scoring matrix in the parameters of `pack`."""

    value: float
    gradient: Array
    scoring: Array


def pack(model: Model) -> Array:
    """Return the parameter vector: log mass, tilt, then logs of the network's numbers."""
    logs = (np.log(np.maximum(part, 1e-300)) for part in model.network)
    return np.concatenate([[np.log(model.mass), model.tilt], *logs])


def unpack(parameters: Array, like: Network) -> Model:
    """Return the model of a parameter vector whose network has the sizes of `like`."""
    ends = 2 + np.cumsum([part.size for part in like])
    parts = np.split(np.exp(parameters), ends)[:-1]
    return Model(
        float(np.exp(parameters[0])), float(parameters[1]), Network(parts[0][2:], *parts[1:])
    )


def impedance(model: Model, bath: Bath, omega: Array) -> tuple[Complex, Complex]:
    """Return Z(w) and K(i w) (with the white part) of the model at angular frequencies (n,)."""
    K = response(*model.network, omega) + bath.white
    Z = model.mass * (1j * omega * K - omega**2) - model.tilt * bath.curvature
    return Z, K


def folded(model: Model, bath: Bath, spectra: Spectra) -> Array:
    """Return the spectrum of x that sampling folds onto the bins (n,): linear beyond Nyquist."""
    total = np.zeros_like(spectra.omega)
    for image in (-1, 1, -2, 2):
        omega = np.abs(spectra.omega + image * 2 * np.pi / spectra.step)
        Z, K = impedance(model, bath, omega)
        total += 2 * bath.kT * model.mass * K.real / np.abs(Z + bath.curvature) ** 2
    return total


def noise_ratio(model: Model, bath: Bath, spectra: Spectra) -> Array:
    """Return |R|^2 / (2 kT m Re K) per bin (n,): 1 within 1/sqrt(count) when FDT and GLE hold."""
    Z, K = impedance(model, bath, spectra.omega)
    seen = observed(model, bath, spectra)
    S = 2 * bath.kT * model.mass * K.real + np.abs(Z) ** 2 * seen.alias
    return _power(Z, seen) / S


class Observed(NamedTuple):
    """Spectra as the model at hand sees them: corrected for the taper, and what folds back."""

    omega: Array
    weight: Array
    xx: Array
    xf: Complex
    ff: Array
    alias: Array


def observed(model: Model, bath: Bath, spectra: Spectra) -> Observed:
    """Return spectra with x replaced by x + i (Z'/Z) e: the taper's slope, to first order."""
    omega = spectra.omega
    Z, _ = impedance(model, bath, omega)
    h = 1e-4 * (omega + 1 / spectra.step * 1e-3)
    slope = (impedance(model, bath, omega + h)[0] - impedance(model, bath, omega - h)[0]) / (2 * h)
    q = 1j * slope / Z
    xx = spectra.xx + 2 * (q.conj() * spectra.xe).real + np.abs(q) ** 2 * spectra.ee
    xf = spectra.xf + q * spectra.ef
    return Observed(omega, spectra.weight, xx, xf, spectra.ff, folded(model, bath, spectra))


def _power(Z: Complex, seen: Observed) -> Array:
    return np.asarray(np.abs(Z) ** 2 * seen.xx - 2 * (Z * seen.xf).real + seen.ff, dtype=float)


def evaluate(model: Model, bath: Bath, seen: Observed) -> Evaluation:
    """Return -log-likelihood and its gradient at fixed corrections (`observed` updates them)."""
    size = 2 + sum(part.size for part in model.network)
    gradient, scoring = np.zeros(size), np.zeros((size, size))
    fixed = (model.mass, model.tilt, bath.kT, bath.curvature, bath.white)
    arguments: tuple[Any, ...] = (*model.network, *fixed, *seen, gradient, scoring)
    value = float(accumulate(*arguments))
    if bath.mass_error > 0:
        off = np.log(model.mass / bath.mass) / bath.mass_error
        value += 0.5 * off**2
        gradient[0] += off / bath.mass_error
        scoring[0, 0] += 1 / bath.mass_error**2
    if bath.tilt_error > 0:
        value += 0.5 * (model.tilt / bath.tilt_error) ** 2
        gradient[1] += model.tilt / bath.tilt_error**2
        scoring[1, 1] += 1 / bath.tilt_error**2
    return Evaluation(value, gradient, scoring)


def score_candidates(
    model: Model, bath: Bath, seen: Observed, atoms: Complex
) -> tuple[Array, Array]:
    """Return slope and curvature (n_atoms,) of -ln p in the weight of unit atoms (n_atoms, n)."""
    Z, K = impedance(model, bath, seen.omega)
    S = 2 * bath.kT * model.mass * K.real + np.abs(Z) ** 2 * seen.alias
    slope, curvature = np.zeros(len(atoms)), np.zeros(len(atoms))
    pull = seen.weight * (Z.conj() * seen.xx - seen.xf)
    terms = (Z, S, _power(Z, seen), Z + bath.curvature, pull)
    score(atoms, seen.omega, seen.weight, seen.alias, *terms, model.mass, bath.kT, slope, curvature)
    return slope, curvature
