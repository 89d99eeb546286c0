"""Fit a passive matrix network to spectral matrices; what `pursuit` does for one variable."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.coupled_likelihood import (
    CoupledBath,
    CoupledModel,
    CoupledSpectra,
    amplitudes,
    atom_gradient,
    atoms_of,
    evaluate,
    folded,
    mass_of,
    pack,
    per_bin,
    pull_of,
    unpack,
    value,
)
from multiscale.gle.modes import Network
from multiscale.gle.pursuit import CONVERGED, LONGEST_STEP, TRIAL, Limits, dictionary, peaks

Array = NDArray[np.float64]


class CoupledFit(NamedTuple):
    """A fitted model and its -log-likelihood."""

    model: CoupledModel
    value: float


def refine(
    model: CoupledModel,
    bath: CoupledBath,
    spectra: CoupledSpectra,
    limits: Limits,
    n_iter: int = 60,
) -> CoupledFit:
    """Return the local minimum of -ln p from model, by damped Fisher scoring."""
    now, alias = model, folded(model, bath, spectra)
    here, damping = evaluate(now, bath, spectra, alias), 1e-3
    for _ in range(n_iter):
        scale = np.sqrt(np.diag(here.scoring)) + 1e-9
        H = here.scoring / np.outer(scale, scale) + damping * np.eye(scale.size)
        step = -np.linalg.lstsq(H, here.gradient / scale, rcond=1e-12)[0] / scale
        trial = _inside(pack(now), step, now, limits)
        gain = float(here.gradient @ (pack(trial) - pack(now)))
        level = value(trial, bath, spectra, alias)
        if level < here.value:
            now, damping = trial, max(damping / 5, 1e-9)
            alias = folded(now, bath, spectra)
            here = evaluate(now, bath, spectra, alias)
            if abs(gain) < CONVERGED:
                break
        else:
            damping = max(10 * damping, 1e-6)
            if damping > 1e6 or abs(gain) < 0.1 * CONVERGED:
                break
    return CoupledFit(now, here.value)


def _inside(p: Array, step: Array, like: CoupledModel, limits: Limits) -> CoupledModel:
    """Return the model after a step whose poles move little and stay resolvable."""
    d = len(like.root)
    poles = slice(d * (d + 1), d * (d + 1) + like.rate.size + 2 * like.decay.size)
    new = p + step
    moved = np.clip(step[poles], -LONGEST_STEP, LONGEST_STEP)
    new[poles] = np.clip(p[poles] + moved, np.log(limits.slowest), np.log(limits.fastest))
    return unpack(new, like)


def cost(fit: CoupledFit) -> float:
    """Return -ln p with what its parameters have to gain (see `pursuit`)."""
    d = len(fit.model.root)
    amplitude = d * (d + 1) / 2
    relaxation, oscillation = 1 + amplitude, 2.5 * (2 + 2 * amplitude)
    return fit.value + relaxation * fit.model.rate.size + oscillation * fit.model.decay.size


def start(bath: CoupledBath, spectra: CoupledSpectra, limits: Limits, mass: Array) -> CoupledModel:
    """Return the best single relaxation, alike in all directions, of a coarse grid."""
    root, d = np.asarray(np.linalg.cholesky(mass), float), len(mass)
    nil = np.zeros(0)
    models = [
        CoupledModel(root, np.zeros((d, d)), np.array([r]), nil, nil, (f * r) ** 0.5 * root[None])
        for r in np.geomspace(limits.slowest, limits.fastest, 10)
        for f in np.geomspace(0.03 * limits.slowest, limits.fastest, 12)
    ]
    values = [value(m, bath, spectra, folded(m, bath, spectra)) for m in models]
    return models[int(np.argmin(values))]


def grown(
    model: CoupledModel, bath: CoupledBath, spectra: CoupledSpectra, atoms: Network
) -> list[CoupledModel]:
    """Return model plus one mode: the two best relaxations and the three best oscillations."""
    alias, omega = folded(model, bath, spectra), spectra.omega
    b = per_bin(model, bath, spectra, alias)
    g, bend = atoms_of(atoms.rate, atoms.decay, atoms.frequency, omega)
    gradient = atom_gradient(pull_of(b, spectra, alias), g, bend, omega, bath.kT)
    root, d = np.linalg.cholesky(mass_of(model)), len(model.root)
    level, axes = np.linalg.eigh(-root.T @ gradient @ root)
    # curvature for an amplitude along the mass: how a like-for-all-directions atom moves ln S
    noise = np.trace(np.linalg.solve(b.S, mass_of(model) + 0j), axis1=1, axis2=2).real / d
    inertia = np.trace(b.response @ mass_of(model), axis1=1, axis2=2) / d
    moved = 2 * bath.kT * g.real * noise - 2 * (1j * omega * g * inertia).real
    curvature = moved**2 @ spectra.weight
    best = level[:, -1]
    k, j = atoms.rate.size, atoms.decay.size
    score = np.where(best > 0, best / np.sqrt(curvature), 0.0)
    share = np.einsum("mia,ma,mja->mij", axes, level.clip(0) / curvature[:, None], axes)
    share += 0.02 * (best.clip(0) / curvature)[:, None, None] * np.eye(d)
    factor = np.asarray(root @ np.linalg.cholesky(share + 1e-12 * np.eye(d) * share.max()))
    models = [_joined(model, atoms.rate[i : i + 1], None, factor[[i]]) for i in peaks(score[:k], 2)]
    for i in peaks(np.maximum(score[k : k + j], score[k + j :]), 3):
        pole = (atoms.decay[i], atoms.frequency[i])
        models.append(_joined(model, np.zeros(0), pole, factor[[k + i, k + j + i]]))
    return models


def _joined(
    model: CoupledModel, rate: Array, pole: tuple[float, float] | None, factor: Array
) -> CoupledModel:
    """Return model with one mode more; factors are those of its atoms."""
    k, j = model.rate.size, model.decay.size
    relax, plus, minus = np.split(model.factor, [k, k + j])
    lower = np.linalg.cholesky(factor @ np.swapaxes(factor, 1, 2) + 1e-14 * np.eye(factor.shape[1]))
    if pole is None:
        parts = np.concatenate([relax, lower, plus, minus])
        return model._replace(rate=np.append(model.rate, rate), factor=parts)
    parts = np.concatenate([relax, plus, lower[:1], minus, lower[1:]])
    decay, frequency = np.append(model.decay, pole[0]), np.append(model.frequency, pole[1])
    return model._replace(decay=decay, frequency=frequency, factor=parts)


def smaller(model: CoupledModel) -> list[CoupledModel]:
    """Return every model with one mode less."""
    k, j = model.rate.size, model.decay.size
    if k + j < 2:
        return []
    fewer = [
        model._replace(rate=np.delete(model.rate, i), factor=np.delete(model.factor, i, 0))
        for i in range(k)
    ]
    for i in range(j):
        poles = (np.delete(model.decay, i), np.delete(model.frequency, i))
        factor = np.delete(model.factor, [k + i, k + j + i], 0)
        fewer.append(model._replace(decay=poles[0], frequency=poles[1], factor=factor))
    return fewer


def pursue(
    bath: CoupledBath, spectra: CoupledSpectra, limits: Limits, *, mass: Array, n_modes: int
) -> CoupledFit:
    """Return the passive model of at most n_modes modes that the spectra pay for."""
    fit = refine(start(bath, spectra, limits, mass), bath, spectra, limits)
    atoms = dictionary(limits)

    def refined(models: list[CoupledModel]) -> list[CoupledFit]:
        return [refine(model, bath, spectra, limits, TRIAL) for model in models]

    while fit.model.rate.size + fit.model.decay.size < n_modes:
        best = min(refined(grown(fit.model, bath, spectra, atoms)), key=cost, default=fit)
        if cost(best) >= cost(fit):
            break
        fit = best
    while True:
        best = min(refined(smaller(fit.model)), key=cost, default=fit)
        if cost(best) >= cost(fit):
            return refine(fit.model, bath, spectra, limits)
        fit = best


def pole_amplitudes(model: CoupledModel) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return (rate (m,), amplitude (m, d, d)): Gamma(t) = Re sum amplitude exp(-rate t)."""
    k, j = model.rate.size, model.decay.size
    relax, plus, minus = np.split(amplitudes(model), [k, k + j])
    share = (model.decay / model.frequency)[:, None, None]
    oscillation = (plus + minus) + 1j * (plus - minus) * share
    rate = np.concatenate([model.rate + 0j, model.decay + 1j * model.frequency])
    return rate, np.concatenate([relax + 0j, oscillation])
