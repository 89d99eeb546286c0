"""Likelihood of the spectra of coupled slow variables under a passive GLE with matrix kernel.

What `likelihood` says of one variable, for d of them: R = Z x - F with
Z = -w^2 M + i w Gamma(i w) - theta, Gamma = sum_j P_j g_j, every P_j = L_j L_j^T; the noise has the
spectral matrix S = 2 kT Re Gamma, and per frequency
-ln p = tr(S^-1 Q) + ln det S - ln|det(Z + U'')|^2, Q = <R R^+>.
Parameters: M = C C^T (Cholesky), theta, logs of the poles, and the lower triangles of all L_j.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from multiscale.gle.coupled_pass import information
from multiscale.gle.likelihood import Evaluation

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


class CoupledSpectra(NamedTuple):
    """Spectral matrices of (h x, h' x, h F), each with d components, in bins."""

    omega: Array  # (n,) 1/ps
    weight: Array  # (n,) independent frequencies
    density: Complex  # (n, 3d, 3d)
    step: float  # ps


class CoupledBath(NamedTuple):
    """What the likelihood holds fixed."""

    kT: float  # eV  # noqa: N815
    curvature: Array  # (d, d) <U''>, eV/unit^2
    tilt_error: float  # standard deviation of theta relative to the curvature; 0 fixes it


class CoupledModel(NamedTuple):
    """Cholesky factor of the mass, theta, poles and factors of the atoms."""

    root: Array  # (d, d) lower triangle
    tilt: Array  # (d, d) lower triangle of theta, eV/unit^2
    rate: Array  # (k,)
    decay: Array  # (j,)
    frequency: Array  # (j,)
    factor: Array  # (k + 2 j, d, d) lower triangles: relaxations, g+ and then g- of oscillations


def pack(model: CoupledModel) -> Array:
    """Return the parameter vector."""
    lower = np.tril_indices(len(model.root))
    poles = np.log(np.concatenate([model.rate, model.decay, model.frequency]))
    factor = model.factor[:, lower[0], lower[1]].ravel()
    return np.concatenate([model.root[lower], model.tilt[lower], poles, factor])


def unpack(p: Array, like: CoupledModel) -> CoupledModel:
    """Return the model of a parameter vector with the sizes of `like`."""
    d, k, j = len(like.root), like.rate.size, like.decay.size
    lower = np.tril_indices(d)
    t = lower[0].size
    parts = np.split(p, np.cumsum([t, t, k, j, j]))
    root, tilt, factor = np.zeros((d, d)), np.zeros((d, d)), np.zeros((k + 2 * j, d, d))
    root[lower], tilt[lower] = parts[0], parts[1]
    factor[:, lower[0], lower[1]] = parts[5].reshape(-1, t)
    return CoupledModel(root, tilt, np.exp(parts[2]), np.exp(parts[3]), np.exp(parts[4]), factor)


def mass_of(model: CoupledModel) -> Array:
    """Return M, (d, d)."""
    return np.asarray(model.root @ model.root.T)


def amplitudes(model: CoupledModel) -> Array:
    """Return P_j, (k + 2 j, d, d)."""
    return np.asarray(model.factor @ np.swapaxes(model.factor, 1, 2))


def atoms_of(rate: Array, decay: Array, frequency: Array, omega: Array) -> tuple[Complex, Complex]:
    """Return atoms g (k + 2 j, n) at i omega and their derivatives in omega."""
    s = 1j * omega
    g, w = decay[:, None], frequency[:, None]
    relaxation = 1 / (s + rate[:, None])
    D = (s + g) ** 2 + w**2
    plus, minus = (s + 2 * g) / D, s / D
    turn = 2 * (s + g) / D
    slope = (-(relaxation**2), 1 / D - plus * turn, 1 / D - minus * turn)
    return np.concatenate([relaxation, plus, minus]), 1j * np.concatenate(slope)


def impedance(model: CoupledModel, P: Array, omega: Array) -> tuple[Complex, Complex, Complex]:
    """Return Z, dZ/dw and Gamma(i w), each (n, d, d)."""
    g, slope = atoms_of(model.rate, model.decay, model.frequency, omega)
    M, theta = mass_of(model), model.tilt + np.tril(model.tilt, -1).T
    Gamma = np.einsum("mn,mij->nij", g, P)
    bent = np.einsum("mn,mij->nij", slope, P)
    w = omega[:, None, None]
    return -(w**2) * M + 1j * w * Gamma - theta, -2 * w * M + 1j * (Gamma + w * bent), Gamma


def folded(model: CoupledModel, bath: CoupledBath, spectra: CoupledSpectra) -> Complex:
    """Return the spectral matrix of x that sampling folds onto the bins, (n, d, d)."""
    P = amplitudes(model)
    total = np.zeros((spectra.omega.size, *model.root.shape), complex)
    for image in (-1, 1, -2, 2):
        omega = spectra.omega + image * 2 * np.pi / spectra.step
        Z, _, Gamma = impedance(model, P, omega)
        response = np.linalg.inv(Z + bath.curvature)
        total = total + response @ (2 * bath.kT * Gamma.real) @ _dagger(response)
    return np.asarray(total)


def _dagger(A: Any) -> Complex:
    return np.asarray(np.conj(np.swapaxes(A, -1, -2)), complex)


class Bins(NamedTuple):
    """Everything per bin that value, gradient and information share."""

    Z: Complex
    S: Complex
    Q: Complex
    response: Any  # (Z + U'')^-1
    Y: Complex  # density Z~^+, (n, 3d, d)


def per_bin(
    model: CoupledModel, bath: CoupledBath, spectra: CoupledSpectra, alias: Complex
) -> Bins:
    """Return what value, gradient and information share."""
    Z, slope, Gamma = impedance(model, amplitudes(model), spectra.omega)
    one = np.broadcast_to(np.eye(Z.shape[1]), Z.shape)
    wide = np.concatenate([Z, 1j * slope, -one], 2)
    Y = spectra.density @ _dagger(wide)
    S = 2 * bath.kT * Gamma.real + Z @ alias @ _dagger(Z)
    return Bins(Z, S, wide @ Y, np.linalg.inv(Z + bath.curvature), Y)


def value(model: CoupledModel, bath: CoupledBath, spectra: CoupledSpectra, alias: Complex) -> float:
    """Return -log-likelihood; infinite where the noise has no positive spectrum."""
    b = per_bin(model, bath, spectra, alias)
    fit = np.trace(np.linalg.solve(b.S, b.Q), axis1=1, axis2=2).real
    logs = np.linalg.slogdet(b.S)[1] + 2 * np.linalg.slogdet(b.response)[1]
    total = float(spectra.weight @ (fit + logs)) + _prior(model, bath)
    return total if np.isfinite(total) else np.inf


def _prior(model: CoupledModel, bath: CoupledBath) -> float:
    if bath.tilt_error == 0:
        return 0.0
    return float(0.5 * np.sum((model.tilt / _tilt_scale(bath)) ** 2))


def _tilt_scale(bath: CoupledBath) -> float:
    return float(bath.tilt_error * np.trace(bath.curvature) / len(bath.curvature))


def noise_ratio(model: CoupledModel, bath: CoupledBath, spectra: CoupledSpectra) -> Array:
    """Return tr(S^-1 <R R^+>)/d per bin: 1 where GLE and fluctuation-dissipation hold."""
    b = per_bin(model, bath, spectra, folded(model, bath, spectra))
    ratio = np.trace(np.linalg.solve(b.S, b.Q), axis1=1, axis2=2).real
    return np.asarray(ratio / b.S.shape[1])


class Pull(NamedTuple):
    """Derivatives of -ln p in dGamma, so that an atom's is Re tr(E sum_n g (..)), all (n, d, d)."""

    inertia: Any  # multiplies dZ
    edge: Any  # multiplies i dZ'
    noise: Any  # multiplies dS = 2 kT Re dGamma


def pull_of(b: Bins, spectra: CoupledSpectra, alias: Complex) -> Pull:
    """Return the derivatives of -ln p of which those of all parameters are made."""
    d = b.Z.shape[1]
    inverse = np.linalg.inv(b.S)
    W = inverse - inverse @ b.Q @ inverse
    n = spectra.weight[:, None, None]
    inertia = b.Y[:, :d] @ inverse + alias @ _dagger(b.Z) @ W - b.response
    return Pull(2 * n * inertia, 2 * n * (b.Y[:, d : 2 * d] @ inverse), n * W)


def atom_gradient(pull: Pull, g: Complex, slope: Complex, omega: Array, kT: float) -> Array:
    """Return d(-ln p)/dP, symmetric (m, d, d), of atoms g (m, n) with derivatives slope in w."""
    first = np.tensordot(1j * omega * g, pull.inertia, 1)
    first -= np.tensordot(g + omega * slope, pull.edge, 1)
    total = first.real + 2 * kT * np.tensordot(g.real, pull.noise.real, 1)
    return np.asarray(0.5 * (total + np.swapaxes(total, 1, 2)))


def evaluate(
    model: CoupledModel,
    bath: CoupledBath,
    spectra: CoupledSpectra,
    alias: Complex,
    linear: bool = False,
) -> Evaluation:
    """Return -log-likelihood, gradient and expected information of the linear process.

    linear: in the lower triangles of M and P_j, instead of those of their factors.
    """
    b = per_bin(model, bath, spectra, alias)
    pull = pull_of(b, spectra, alias)
    terms = _terms(model, spectra.omega, bath.kT, linear)
    parts = ((terms.dZ, pull.inertia), (1j * terms.bend, pull.edge), (terms.dS, pull.noise))
    full: Any = sum(np.tensordot(part, matrix, 1) for part, matrix in parts)
    slopes = terms.chain @ np.einsum("pij,pji->p", terms.E, np.real(full))
    into = np.asarray(np.linalg.inv(np.linalg.cholesky(b.S)), complex)
    outer = np.asarray((alias @ _dagger(b.Z) - b.response @ b.S) @ _dagger(into), complex)
    scoring = np.zeros((len(terms.E),) * 2)
    information(terms.E.astype(complex), terms.dZ, terms.dS, into, outer, spectra.weight, scoring)
    scoring = terms.chain @ scoring @ terms.chain.T
    return _with_prior(model, bath, value(model, bath, spectra, alias), slopes, scoring)


class _Terms(NamedTuple):
    """dZ, dZ' and dS as matrices E (p, d, d) times functions of w (p, n); parameters chain them."""

    E: Array
    dZ: Complex  # noqa: N815
    bend: Complex
    dS: Any  # noqa: N815
    chain: Array  # (n_parameters, p)


def _terms(model: CoupledModel, omega: Array, kT: float, linear: bool) -> _Terms:
    d, k, j = len(model.root), model.rate.size, model.decay.size
    basis = _symmetric(d)
    t, nil = len(basis), np.zeros_like(omega)
    P = amplitudes(model)
    g, slope = atoms_of(model.rate, model.decay, model.frequency, omega)
    dg, dslope, owner = _pole_slopes(model, omega)
    which = np.concatenate([np.arange(k), np.tile(np.arange(k, k + 2 * j), 2)])
    E = np.concatenate([basis, basis, P[which], *[basis] * (k + 2 * j)])
    dG = np.concatenate([dg, np.repeat(g, t, 0)])
    bent = np.concatenate([dslope, np.repeat(slope, t, 0)])
    # complex dZ and real dS; mass: -w^2 dM, theta: -dtheta
    mass, theta = np.tile(-(omega**2) + 0j, (t, 1)), np.full((t, omega.size), -1 + 0j)
    dZ = np.concatenate([mass, theta, 1j * omega * dG])
    bend = np.concatenate([np.tile(-2 * omega + 0j, (t, 1)), 0 * theta, 1j * (dG + omega * bent)])
    dS = np.concatenate([np.tile(nil, (2 * t, 1)), 2 * kT * dG.real])
    products = [np.eye(t) if linear else _products(L) for L in (model.root, *model.factor)]
    blocks = [products[0], np.eye(t), owner, *products[1:]]
    return _Terms(E, dZ, bend, dS, block_diag(*blocks))


def _symmetric(d: int) -> Array:
    """Return the symmetric matrices that each number of a lower triangle sets, (t, d, d)."""
    a, b = np.tril_indices(d)
    basis = np.zeros((a.size, d, d))
    basis[range(a.size), a, b] = basis[range(a.size), b, a] = 1
    return basis


def _products(L: Array) -> Array:
    """Return d(L L^T)/dL in the coordinates of `_symmetric`, (t, t): row, a number of L."""
    a, b = np.tril_indices(len(L))
    unit = np.zeros((a.size, *L.shape))
    unit[range(a.size), a, b] = 1
    half = unit @ L.T
    return np.asarray((half + np.swapaxes(half, 1, 2))[:, a, b])


def _pole_slopes(model: CoupledModel, omega: Array) -> tuple[Complex, Complex, Array]:
    """Return derivatives of atoms and their slopes in the logs of the poles, and which pole."""
    k, j, h = model.rate.size, model.decay.size, 1e-4
    pairs = np.hstack([np.eye(j)] * 2)
    found = []
    for moved, members in ((0, slice(0, k)), (1, slice(k, None)), (2, slice(k, None))):
        ends = []
        for x in (h, -h):
            poles = [model.rate, model.decay, model.frequency]
            poles[moved] = poles[moved] * np.exp(x)
            ends.append(atoms_of(poles[0], poles[1], poles[2], omega))
        found.append([((up - low) / (2 * h))[members] for up, low in zip(*ends, strict=True)])
    dg, dslope = (np.concatenate(part) for part in zip(*found, strict=True))
    return dg, dslope, block_diag(np.eye(k), pairs, pairs)


def _with_prior(
    model: CoupledModel, bath: CoupledBath, total: float, slopes: Array, scoring: Array
) -> Evaluation:
    gradient = slopes.copy()
    lower = np.tril_indices(len(model.root))
    t = lower[0].size
    if bath.tilt_error > 0:
        stiff = 1 / _tilt_scale(bath) ** 2
        gradient[t : 2 * t] += stiff * model.tilt[lower]
        scoring[range(t, 2 * t), range(t, 2 * t)] += stiff
    else:
        gradient[t : 2 * t] = 0
        scoring[t : 2 * t], scoring[:, t : 2 * t] = 0, 0
        scoring[range(t, 2 * t), range(t, 2 * t)] = 1
    return Evaluation(total, gradient, scoring)
