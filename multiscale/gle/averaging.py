"""Average of the kernels that the data cannot tell apart, as one passive network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.modes import Network, join
from multiscale.gle.pursuit import Fit, cost

Array = NDArray[np.float64]

ALIKE = 0.1  # poles closer than this share of their decay become one
FEWEST = 0.05  # weight below which a model is left out of the average


def shares(fits: Sequence[Fit]) -> Array:
    """Return the weights of models (n,), exp(-cost): Akaike weights (Burnham & Anderson 2002)."""
    costs = np.array([cost(fit) for fit in fits])
    weight = np.exp(costs.min() - costs)
    return np.asarray(weight / weight.sum())


def averaged(fits: Sequence[Fit]) -> Fit:
    """Return the weighted mean of the models: mass and tilt averaged, kernels added.

    A sum of passive kernels is passive. Modes of several models that nearly coincide are merged, so
    that the average has few more than one model. The value is that of the best.
    """
    weight = shares(fits)
    kept = weight > FEWEST
    part = weight[kept] / weight[kept].sum()
    models = [fit.model for fit, keep in zip(fits, kept, strict=True) if keep]
    network = join(*(_scaled(m.network, p) for m, p in zip(models, part, strict=True)))
    mass = float(np.exp(np.sum(part * np.log([m.mass for m in models]))))
    tilt = float(np.sum(part * [m.tilt for m in models]))
    best = models[0]._replace(mass=mass, tilt=tilt, network=merged(network))
    return Fit(best, min(fit.value for fit in fits))


def _scaled(network: Network, share: float) -> Network:
    weights = (network.weight, network.plus, network.minus)
    c, a, b = (share * part for part in weights)
    return network._replace(weight=c, plus=a, minus=b)


def merged(network: Network) -> Network:
    """Return the network with nearly coinciding modes added; the friction of each is kept."""
    c, r = _merge_relaxations(network.weight, network.rate)
    rows = np.array(network[2:]).T.tolist()
    pairs: list[list[float]] = []
    for a, b, g, w in sorted(rows, key=lambda row: -row[0] - row[1]):
        near = [p for p in pairs if np.hypot(p[2] - g, p[3] - w) < ALIKE * min(p[2], g)]
        if not near:
            pairs.append([a, b, g, w])
            continue
        one = near[0]
        old, new = one[0] + one[1], a + b
        one[2] = (old * one[2] + new * g) / (old + new)
        one[3] = (old * one[3] + new * w) / (old + new)
        one[0], one[1] = one[0] + a, one[1] + b
    columns = np.array(pairs).reshape(-1, 4).T
    return Network(c, r, *columns)


def _merge_relaxations(weight: Array, rate: Array) -> tuple[Array, Array]:
    groups: list[list[int]] = []
    for i in np.argsort(rate).tolist():
        if groups and rate[i] < (1 + ALIKE) * rate[groups[-1][0]]:
            groups[-1].append(i)
        else:
            groups.append([i])
    total = np.array([weight[group].sum() for group in groups])
    friction = np.array([(weight[group] / rate[group]).sum() for group in groups])
    return total, total / friction
