"""Dielectric response: from fluctuations, from finite fields, from the polarizability.

Conventions: fields ~ exp(-iwt), so losses have a positive imaginary part; relative permittivities.
Fluctuation formulas are those of linear response with the field E macroscopic (conducting
boundary): McQuarrie, Statistical Mechanics, ch. 21; Neumann, Mol. Phys. 50, 841 (1983).
Polarization in C/m^2, fields in V/m, volumes in angstrom^3, temperatures in K.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.diagnostics import integrated_time
from multiscale.atoms.spectra import Blocks, Grid, correlations, relaxation, symmetric

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Tensor(NamedTuple):
    """A permittivity (3, 3) and its standard error."""

    value: Array
    stderr: Array


def fluctuation_factor(volume: float, temperature: float) -> float:
    """Return V/(eps0 kT), which turns <dP dP> in (C/m^2)^2 into a relative permittivity.

    Parameters
    ----------
    volume : float
        Of the simulated cell, angstrom^3.
    temperature : float
        In K.
    """
    joule = units.KB * temperature * units.J_PER_M3 * 1e-30
    return float(volume * 1e-30 / (units.EPSILON0 * joule))


def dielectric_spectrum(
    P: Array, volume: float, temperature: float, eps_inf: Array, grid: Grid
) -> Blocks:
    """Return the permittivity eps(w) from the fluctuations of the polarization.

    eps(w) - eps_inf = V/(eps0 kT) [<dP dP> + iw int_0^inf <dP(t) dP(0)> exp(iwt) dt], written as
    -int <dP(t) dP(0)>' exp(iwt) dt, which keeps the sum rule of w eps'' whatever the window.

    Parameters
    ----------
    P : array, shape (walker, time, 3)
        Polarization of the cell in C/m^2, all walkers in the same state.
    volume : float
        Mean volume of the cell, angstrom^3.
    temperature : float
        In K.
    eps_inf : array, shape (3, 3)
        Electronic permittivity; the identity for a model of fixed charges.
    grid : Grid
        From spectra.make_grid().

    Returns
    -------
    Blocks, shape (block, wavenumber, 3, 3)
        Complex.
    """
    moved = P - P.mean(axis=(0, 1))
    found = relaxation(symmetric(correlations(moved, grid)), grid)
    return Blocks(eps_inf + fluctuation_factor(volume, temperature) * found.values)


def static_permittivity(P: Array, volume: float, temperature: float, eps_inf: Array) -> Tensor:
    """Return the static permittivity eps_inf + V/(eps0 kT) <dP dP> from all samples.

    The error is that of as many independent samples as the products hold; the loss to the mean that
    was itself estimated is given back.

    Parameters
    ----------
    P, volume, temperature, eps_inf
        As in dielectric_spectrum().
    """
    moved = P - P.mean(axis=(0, 1))
    size = P.shape[0] * P.shape[1]
    time = [integrated_time(moved[..., a]) for a in range(3)]
    mean, error = np.empty((3, 3)), np.empty((3, 3))
    for a in range(3):
        for b in range(3):
            product = moved[..., a] * moved[..., b]
            lost = np.sqrt(time[a] * time[b]) / size
            mean[a, b] = product.mean() / (1 - min(lost, 0.5))
            error[a, b] = product.std() * np.sqrt(integrated_time(product) / size)
    factor = fluctuation_factor(volume, temperature)
    return Tensor(eps_inf + factor * mean, factor * error)


def permittivity_of_fields(
    P: Array, field: Array, P_stderr: Array | None = None, eps_inf: Array | None = None
) -> Tensor:
    """Return the permittivity 1 + dP/dE / eps0 from the polarization at several fields.

    A straight line is fitted to every component; columns of directions without a field are NaN.

    Parameters
    ----------
    P : array, shape (n, 3)
        Mean polarization at each field, C/m^2.
    field : array, shape (n, 3)
        In V/m; at least two that differ.
    P_stderr : array, shape (n, 3), optional
        Errors of P, which weigh the points and give the error of the slope; without them the
        scatter about the line does.
    eps_inf : array, shape (3, 3), optional
        Added instead of 1 where P holds only what the ions carry.

    Raises
    ------
    ValueError
        If no component of the field varies.
    """
    varied = np.ptp(field, axis=0) > 1e-9 * max(1.0, np.abs(field).max())
    if not varied.any():
        raise ValueError(
            f"field is the same at all {len(field)} points, expected at least two values. Add runs "
            "at other fields."
        )
    design = np.concatenate([np.ones((len(field), 1)), field[:, varied]], axis=1)
    scale = np.abs(design).max(axis=0)
    value, error = np.full((3, 3), np.nan), np.full((3, 3), np.nan)
    for a in range(3):
        known = P_stderr is not None and bool((P_stderr[:, a] > 0).all())
        weight = 1 / P_stderr[:, a] if known and P_stderr is not None else np.ones(len(P))
        matrix = design / scale * weight[:, None]
        inverse = np.linalg.pinv(matrix.T @ matrix)
        line = inverse @ (matrix.T @ (P[:, a] * weight))
        left = len(P) - matrix.shape[1]
        spread = 1.0 if known else _scatter(P[:, a] - design / scale @ line, left)
        value[a, varied] = line[1:] / scale[1:] / units.EPSILON0
        error[a, varied] = np.sqrt(inverse.diagonal()[1:] * spread) / scale[1:] / units.EPSILON0
    return Tensor(value + (np.eye(3) if eps_inf is None else eps_inf), error)


def _scatter(residual: Array, degrees: int) -> float:
    return float((residual**2).sum() / degrees) if degrees > 0 else np.nan


def permittivity_of_polarizability(polarizability: Array, volume: Array | float) -> Array:
    """Return the electronic permittivity eps_inf = 1 + alpha/(eps0 V).

    Parameters
    ----------
    polarizability : array, shape (..., 3, 3)
        Of the cell, d(dipole)/dE in e*angstrom^2/V.
    volume : float or array, shape (...)
        Of the cell, angstrom^3.
    """
    V = np.asarray(volume)[..., None, None]
    return np.asarray(np.eye(3) + polarizability / (units.EPSILON0_ATOMIC * V))


def refraction(eps: ComplexArray) -> ComplexArray:
    """Return the complex refractive index n + i kappa of principal permittivities (...)."""
    root = np.sqrt(eps.astype(np.complex128))
    return np.asarray(np.where(root.real < 0, -root, root))


def absorption(eps: ComplexArray, wavenumber: Array) -> Array:
    """Return the absorption times the refractive index, alpha n = 2 pi nu eps'', in 1/cm.

    alpha is the coefficient of the intensity, exp(-alpha x). The product is what harmonic theory
    calls infrared absorption: it is a sum over modes.

    Parameters
    ----------
    eps : complex array, shape (wavenumber, ...)
        Principal permittivities.
    wavenumber : array, shape (wavenumber,)
        In 1/cm.
    """
    nu = wavenumber.reshape((-1,) + (1,) * (eps.ndim - 1))
    return np.asarray(2 * np.pi * nu * eps.imag)


def kramers_kronig(eps_imag: Array, wavenumber: Array, eps_inf: Array | float = 0.0) -> Array:
    """Return the real part that belongs to an imaginary part, by Kramers and Kronig.

    eps'(v) = eps_inf + 2/pi P int v' eps''(v') / (v'^2 - v^2) dv', with Maclaurin's rule: every
    other point, which leaves the singular one out (Ohta and Ishida, Appl. Spectrosc. 42, 952
    (1988)).

    Parameters
    ----------
    eps_imag : array, shape (wavenumber, ...)
        Zero beyond the last wavenumber.
    wavenumber : array, shape (wavenumber,)
        Evenly spaced from 0, in 1/cm.
    eps_inf : float or array, shape (...)
        Permittivity far above.
    """
    n, step = len(wavenumber), wavenumber[1]
    index = np.arange(n)
    other = (index[:, None] - index) % 2 == 1
    square = wavenumber**2
    gap = np.where(other, square[None, :] - square[:, None], 1.0)
    kernel = np.where(other, wavenumber[None, :] / gap, 0.0)
    return np.asarray(eps_inf + 4 * step / np.pi * np.tensordot(kernel, eps_imag, axes=1))


def oscillator_strength(eps_imag: Array, wavenumber: Array) -> Array:
    """Return 2/pi int v eps'' dv in 1/cm^2: the plasma wavenumber squared (the f-sum rule).

    In a harmonic crystal it is 1/(4 pi^2 c^2 eps0 V) sum_i Z_i^2/m_i, whatever the springs.

    Parameters
    ----------
    eps_imag : array, shape (wavenumber, ...)
        Imaginary part of the permittivity.
    wavenumber : array, shape (wavenumber,)
        In 1/cm.
    """
    nu = wavenumber.reshape((-1,) + (1,) * (eps_imag.ndim - 1))
    return np.asarray(2 / np.pi * np.trapezoid(nu * eps_imag, wavenumber, axis=0))
