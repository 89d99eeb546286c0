"""The law of the next innovation given the last ones: a mixture density network, exactly white.

e_n = sqrt(h_n) z_n. The variance h_n = 1 - beta + beta sum_i w_i e_(n-i)^2 (w_i >= 0, sum 1) has
mean one for every beta < 1 (Engle, Econometrica 50, 987 (1982)); z_n is drawn from a mixture of
normal laws whose weights, means and widths a network of one hidden layer reads from the last e
(Bishop, NCRG/94/004 (1994)), shifted and scaled to mean 0 and variance 1 in closed form. So
whatever the weights are, <e_n> = 0 given the past and <e_n e_m> = delta_nm.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

Array = NDArray[np.float64]

NARROWEST = 0.05  # width of a component before scaling
STEEPEST = 0.95  # largest beta
RANGE = 4.0  # innovations enter the network through RANGE tanh(e / RANGE)
BATCH, RATE = 2048, 0.03


class Network(NamedTuple):
    """Weights: hidden layer, mixture (logits, means, log widths in turn), and the variance."""

    inward: Array  # (hidden, memory)
    bias: Array  # (hidden,)
    outward: Array  # (3 components, hidden)
    offset: Array  # (3 components,)
    lags: Array  # (memory,) logits of w_i
    beta: Array  # (1,) logit of beta / STEEPEST


def first(memory: int, hidden: int, components: int, rng: np.random.Generator) -> Network:
    """Return small random weights: nearly a fixed mixture of narrow and wide, no clusters."""
    widths = np.linspace(-1.0, 1.0, components)
    offset = np.concatenate([-np.abs(widths), np.zeros(components), widths])
    return Network(
        rng.standard_normal((hidden, memory)) / memory**0.5,
        np.zeros(hidden),
        0.01 * rng.standard_normal((3 * components, hidden)),
        offset + 0.01 * rng.standard_normal(3 * components),
        np.zeros(memory),
        np.full(1, -2.0),
    )


def _law(n: Any, past: Any, ops: Any) -> tuple[Any, Any, Any, Any]:
    """Return weights, means, widths (batch, components) of z, h (batch,); ops numpy or torch."""
    layer = ops.tanh(RANGE * ops.tanh(past / RANGE) @ n.inward.T + n.bias)
    out = layer @ n.outward.T + n.offset
    c = out.shape[1] // 3
    weight = ops.exp(out[:, :c] - _highest(out[:, :c]))
    weight = weight / weight.sum(1)[:, None]
    mean, width = out[:, c : 2 * c], NARROWEST + ops.exp(out[:, 2 * c :])
    mean = mean - (weight * mean).sum(1)[:, None]
    spread = ops.sqrt((weight * (width**2 + mean**2)).sum(1))[:, None]
    share = ops.exp(n.lags - _highest(n.lags[None])[0])
    beta = STEEPEST / (1 + ops.exp(-n.beta))
    h = 1 - beta + beta * (past**2 @ (share / share.sum()))
    return weight, mean / spread, width / spread, h


def _highest(rows: Any) -> Any:
    """Return the largest of each row as a column, without its gradient."""
    if isinstance(rows, torch.Tensor):
        return rows.detach().max(1).values[:, None]
    return rows.max(1)[:, None]


def _log_density(law: tuple[Any, Any, Any, Any], e: Any, ops: Any) -> Any:
    weight, mean, width, h = law
    z = (e / ops.sqrt(h))[:, None]
    terms = weight / width * ops.exp(-0.5 * ((z - mean) / width) ** 2)
    return ops.log(terms.sum(1) + 1e-30) - 0.5 * ops.log(h) - 0.5 * np.log(2 * np.pi)


def _windows(e: Array, memory: int) -> tuple[Array, Array]:
    """Return the past (n, memory), latest first, and the innovation (n,) that followed."""
    view = np.lib.stride_tricks.sliding_window_view(e, memory + 1)
    return view[:, -2::-1], view[:, -1]


def log_likelihood(network: Network, e: Array) -> Array:
    """Return ln p of the innovations of a record (n,) but the first few, (n - memory,)."""
    past, then = _windows(e, network.inward.shape[1])
    return np.asarray(_log_density(_law(network, past, np), then, np))


def train(
    records: Sequence[Array],
    *,
    memory: int,
    hidden: int,
    components: int,
    n_steps: int,
    rng: np.random.Generator,
) -> Network:
    """Return the weights of greatest likelihood of records of innovations (n,), by Adam.

    Parameters
    ----------
    records : sequence of arrays (n,), mean 0 and variance 1
    memory, hidden, components : sizes of the network
    n_steps : batches of BATCH innovations
    rng : of the first weights and the batches
    """
    pairs = [_windows(e, memory) for e in records]
    past, then = (np.concatenate(part) for part in zip(*pairs, strict=True))
    start = first(memory, hidden, components, rng)
    weights = [torch.tensor(w, requires_grad=True) for w in start]
    network: Any = Network(*weights)  # type: ignore[arg-type]
    adam = torch.optim.Adam(weights, RATE)
    cooling = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=n_steps)
    for _ in range(n_steps):
        drawn = rng.integers(0, len(then), min(BATCH, len(then)))
        x, e = torch.from_numpy(past[drawn]), torch.from_numpy(then[drawn])
        adam.zero_grad()
        loss = -_log_density(_law(network, x, torch), e, torch).mean()
        loss.backward()
        adam.step()
        cooling.step()
    return Network(*(w.detach().numpy().copy() for w in weights))


def draw(network: Network, n_steps: int, n_series: int, rng: np.random.Generator) -> Array:
    """Return innovations (n_series, n_steps), after a start of Gaussian ones that is dropped."""
    memory = network.inward.shape[1]
    warm = 10 * memory
    e = np.empty((n_series, n_steps + warm))
    e[:, :memory] = rng.standard_normal((n_series, memory))
    for n in range(memory, n_steps + warm):
        weight, mean, width, h = _law(
            network, e[:, n - 1 : n - memory - 1 if n > memory else None : -1], np
        )
        ends = np.cumsum(weight, 1)
        which = (rng.random(n_series)[:, None] > ends[:, :-1]).sum(1)[:, None]
        mean, width = (np.take_along_axis(a, which, 1)[:, 0] for a in (mean, width))
        e[:, n] = np.sqrt(h) * (mean + width * rng.standard_normal(n_series))
    return e[:, warm:]


def packed(network: Network) -> bytes:
    """Return the weights in the safetensors format."""
    return save({name: np.ascontiguousarray(w) for name, w in network._asdict().items()})


def unpacked(data: bytes) -> Network:
    """Return the network of `packed` bytes.

    Raises
    ------
    ValueError
        If weights are missing.
    """
    found = load(data)
    if missing := [name for name in Network._fields if name not in found]:
        raise ValueError(
            f"the weights have no {missing[0]!r}, expected {', '.join(Network._fields)}. Give the "
            "file of a learned noise."
        )
    return Network(*(np.asarray(found[name], np.float64) for name in Network._fields))
