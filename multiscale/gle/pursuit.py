"""Fit a passive network to spectra: greedy choice of modes, everything refined after each."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.likelihood import (
    Bath,
    Evaluation,
    Model,
    evaluate,
    observed,
    pack,
    score_candidates,
    unpack,
)
from multiscale.gle.modes import EMPTY, Network, join
from multiscale.gle.spectra import Spectra

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

LONGEST_STEP = 1.5  # in the logarithm of a parameter
# -log-likelihood a mode must gain. Relaxations: Akaike, 1 for each of two parameters. Oscillations:
# 2.5 for each of four, as the best of hundreds of lines is tried
RELAXATION, OSCILLATION = 2.0, 10.0
CONVERGED = 5e-3  # predicted gain of -ln p at which a refinement ends
TRIAL = 25  # iterations a trial gets
FINAL = 200  # iterations the best of each order get
LAME = 30.0  # more that a pair of poles must gain that hardly oscillates
SPREAD = 4.0  # of the cost between models that are averaged


class Limits(NamedTuple):
    """Range of rates a window and a time between frames can tell apart, 1/ps."""

    slowest: float
    fastest: float


class Fit(NamedTuple):
    """A fitted model and its -log-likelihood."""

    model: Model
    value: float


def refine(
    model: Model,
    bath: Bath,
    spectra: Spectra,
    limits: Limits,
    n_iter: int = 60,
    converged: float = CONVERGED,
) -> Fit:
    """Return the local minimum of -ln p from model, by damped Fisher scoring on logarithms.

    It ends when the next step promises less than `converged`, or after n_iter steps.
    """
    low, high = _bounds(model.network, bath, limits)
    p = np.clip(pack(model), low, high)
    damping = 1e-3
    now = unpack(p, model.network)
    seen = observed(now, bath, spectra)
    here = evaluate(now, bath, seen)
    for _ in range(n_iter):
        step, gain = _step(here, damping, p, low, high)
        trial = p + step
        there = evaluate(unpack(trial, model.network), bath, seen)
        if there.value < here.value:
            p, damping = trial, max(damping / 5, 1e-9)
            now = unpack(p, model.network)
            seen = observed(now, bath, spectra)
            here = evaluate(now, bath, seen)
            if abs(gain) < converged:
                break
        else:
            damping = max(10 * damping, 1e-6)
            if damping > 1e6 or abs(gain) < 0.1 * converged:
                break
    return Fit(now, here.value)


def _step(
    here: Evaluation, damping: float, p: Array, low: Array, high: Array
) -> tuple[Array, float]:
    """Return the damped scoring step inside the box, and the decrease it predicts.

    A component that would leave its range stops there and the others are solved for again: a weight
    on its way to zero asks for huge steps of its logarithm and must not spoil the rest.
    """
    floor, ceiling = np.maximum(low - p, -LONGEST_STEP), np.minimum(high - p, LONGEST_STEP)
    scale = np.sqrt(np.diag(here.scoring) + 1e-12)
    H = here.scoring / np.outer(scale, scale) + damping * np.eye(scale.size)
    g = here.gradient / scale
    step = np.zeros_like(p)
    free = ceiling > floor
    free &= ~(((p <= low) & (g > 0)) | ((p >= high) & (g < 0)))
    while free.any():
        right = g[free] + H[np.ix_(free, ~free)] @ (step * scale)[~free]
        step[free] = -np.linalg.lstsq(H[np.ix_(free, free)], right, rcond=1e-12)[0] / scale[free]
        outside = free & ((step < floor) | (step > ceiling))
        if not outside.any():
            break
        step[outside] = np.clip(step, floor, ceiling)[outside]
        free &= ~outside
    return step, float(-step @ here.gradient)


def _bounds(network: Network, bath: Bath, limits: Limits) -> tuple[Array, Array]:
    """Return the box of `pack`: weights only have to stay positive, rates stay resolvable."""
    slow, fast = np.log(limits.slowest), np.log(limits.fastest)
    tiny, huge = np.log(1e-6 * limits.slowest**2), np.log(1e4 * limits.fastest**2)
    k, j = network.rate.size, network.decay.size
    tilt = 0.9 if bath.tilt_error > 0 else 0.0
    low = [-np.inf, -tilt, *[tiny] * k, *[slow] * k, *[tiny] * 2 * j, *[slow] * 2 * j]
    high = [np.inf, tilt, *[huge] * k, *[fast] * k, *[huge] * 2 * j, *[fast] * 2 * j]
    return np.array(low), np.array(high)


def dictionary(limits: Limits) -> Network:
    """Return unit atoms to choose from: relaxations, and oscillations one line width apart."""
    rates = np.geomspace(limits.slowest, limits.fastest, 24)
    pairs = [
        (g, w)
        for g in np.geomspace(max(limits.slowest, limits.fastest / 200), limits.fastest / 2, 9)
        for w in np.arange(max(g / 2, limits.slowest), 0.95 * limits.fastest, g)
    ]
    decay, frequency = np.array(pairs).T
    one = np.ones(decay.size)
    return Network(np.ones(rates.size), rates, one, one, decay, frequency)


class Atoms(NamedTuple):
    """Unit atoms and their K(i w) in the bins: relaxations, then g+ and g- of the oscillations."""

    network: Network
    response: Complex  # (n_relaxations + 2 n_oscillations, n_bins)


def respond(network: Network, spectra: Spectra) -> Atoms:
    """Return the unit atoms of network with their responses."""
    s = 1j * spectra.omega
    g, w = network.decay[:, None], network.frequency[:, None]
    D = (s + g) ** 2 + w**2
    return Atoms(network, np.concatenate([1 / (s + network.rate[:, None]), (s + 2 * g) / D, s / D]))


def start(bath: Bath, spectra: Spectra, limits: Limits, mass: float) -> Model:
    """Return the best single relaxation of a coarse grid, as first guess."""
    models = [
        Model(mass, 0.0, EMPTY._replace(weight=np.array([f * r]), rate=np.array([r])))
        for r in np.geomspace(limits.slowest, limits.fastest, 12)
        for f in np.geomspace(0.03 * limits.slowest, limits.fastest, 16)
    ]
    values = [evaluate(model, bath, observed(model, bath, spectra)).value for model in models]
    return models[int(np.argmin(values))]


def pursue(
    bath: Bath,
    spectra: Spectra,
    limits: Limits,
    *,
    mass: float,
    n_modes: int,
) -> Fit:
    """Return the passive model of at most n_modes modes that the spectra pay for; see `search`."""
    return search(bath, spectra, limits, mass=mass, n_modes=n_modes)[0]


def search(bath: Bath, spectra: Spectra, limits: Limits, *, mass: float, n_modes: int) -> list[Fit]:
    """Return the models met on the way that the data cannot tell from the best, best first.

    Modes enter one at a time: the atoms with the steepest normalised score are tried, everything is
    refined, and the best is kept until none pays for its parameters. Then modes that are not worth
    their parameters leave, and modes are exchanged: the way out of a local minimum.
    """
    fit = refine(start(bath, spectra, limits, mass), bath, spectra, limits)
    atoms, met = respond(dictionary(limits), spectra), [fit]

    def refined(models: list[Model]) -> list[Fit]:
        fits = [refine(model, bath, spectra, limits, TRIAL) for model in models]
        met.extend(fits)
        return fits

    def grown(model: Model) -> list[Model]:
        room = _n_modes(model.network) < n_modes
        return _candidates(model, bath, spectra, atoms) if room else []

    while True:
        best = min(refined(grown(fit.model)), key=cost, default=fit)
        if cost(best) >= cost(fit):
            break
        fit = best
    improving = True
    while improving:
        smaller = refined(_smaller(fit.model))
        exchanged = [f for base in smaller for f in refined(grown(base.model))]
        best = min([*smaller, *exchanged], key=cost, default=fit)
        improving = cost(best) < cost(fit) - 0.5
        fit = best if cost(best) < cost(fit) else fit
    finalists = _best_of_each_order([*met, fit])
    return sorted(
        (refine(f.model, bath, spectra, limits, FINAL, 1e-4) for f in finalists), key=cost
    )


def _smaller(model: Model) -> list[Model]:
    if _n_modes(model.network) < 2:
        return []
    return [model._replace(network=network) for network in _without_one(model.network)]


def _best_of_each_order(met: list[Fit]) -> list[Fit]:
    """Return the best fit per number of relaxations and oscillations, within SPREAD of all."""
    lowest = min(cost(fit) for fit in met)
    best: dict[tuple[int, int], Fit] = {}
    for fit in sorted(met, key=cost):
        if cost(fit) < lowest + SPREAD:
            best.setdefault((fit.model.network.rate.size, fit.model.network.decay.size), fit)
    return list(best.values())


def _n_modes(network: Network) -> int:
    return network.rate.size + network.decay.size


def cost(fit: Fit) -> float:
    """Return -ln p with what its parameters have to gain."""
    network = fit.model.network
    # a pair that decays before it turns mimics relaxations, with more freedom than can be checked
    lame = np.count_nonzero(network.frequency < 0.5 * network.decay)
    modes = RELAXATION * network.rate.size + OSCILLATION * network.decay.size
    return float(fit.value + modes + LAME * lame)


def _without_one(network: Network) -> list[Network]:
    """Return every network with one mode less."""
    c, r, a, b, g, w = network
    relaxations = [Network(np.delete(c, i), np.delete(r, i), a, b, g, w) for i in range(r.size)]
    oscillations = [
        Network(c, r, *(np.delete(part, i) for part in (a, b, g, w))) for i in range(g.size)
    ]
    return relaxations + oscillations


def _candidates(model: Model, bath: Bath, spectra: Spectra, atoms: Atoms) -> list[Model]:
    """Return model plus one mode: the two best relaxations and the three best oscillations."""
    seen = observed(model, bath, spectra)
    slope, curvature = score_candidates(model, bath, seen, atoms.response)
    score = np.where(slope < 0, -slope / np.sqrt(curvature), 0.0)
    weight = np.maximum(-slope, 0) / curvature
    networks = with_one_more(model.network, atoms.network, score, weight)
    return [model._replace(network=network) for network in networks]


def with_one_more(network: Network, atoms: Network, score: Array, weight: Array) -> list[Network]:
    """Return network plus one mode: the two best relaxations, the three best oscillations.

    score and weight of unit atoms (n,): relaxations, then g+ and g- of the oscillations.
    """
    k, j = atoms.rate.size, atoms.decay.size
    found = [
        join(network, EMPTY._replace(weight=weight[[i]], rate=atoms.rate[[i]]))
        for i in peaks(score[:k], 2)
    ]
    for i in peaks(np.maximum(score[k : k + j], score[k + j :]), 3):
        a, b = weight[k + i], weight[k + j + i]
        small = 0.02 * max(a, b)
        parts = (max(a, small), max(b, small), atoms.decay[i], atoms.frequency[i])
        one = Network(np.zeros(0), np.zeros(0), *(np.array([part]) for part in parts))
        found.append(join(network, one))
    return found


def peaks(score: Array, n: int) -> list[int]:
    """Return the indices of the n best positive scores, not neighbours of each other."""
    chosen: list[int] = []
    for i in np.argsort(-score):
        if score[i] <= 0 or len(chosen) == n:
            break
        if all(abs(int(i) - other) > 1 for other in chosen):
            chosen.append(int(i))
    return chosen
