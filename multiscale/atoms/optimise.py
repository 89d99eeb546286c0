"""Training as a visible loop of epochs: Muon and Adam, a cosine learning rate, averaged weights.

Frames and labels in, states out; files are read and written by the command line
(pipeline/training.py). Everything the next epoch needs is in the state, and random numbers belong
to (seed, epoch), so that a resumed training gives the same bits.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.frames import Labels
from multiscale.atoms.gradient import Frame, Squares, Weighting, loss_gradient, measure
from multiscale.atoms.muon import orthogonal
from multiscale.atoms.network import Network

Range = tuple[float, float]
Gradient = Callable[
    [Network, list[Frame], Weighting, np.random.Generator], tuple[Squares, dict[str, Tensor]]
]
BETAS, EPSILON = (0.9, 0.999), 1e-8
CLIP = 2.0
"""A gradient longer than this times the usual length is shortened to it."""
MOMENTUM, MUON_LENGTH = 0.95, 0.2
VECTOR, VECTOR_RATE = 2, 0.1
"""Parameters of up to two axes are a vector for each species; of more, matrices. Vectors move at a
tenth of the rate: hundreds of linear weights that all step at once shake the energy.
"""


@dataclass(frozen=True)
class Tolerances:
    """The error at which each label weighs as much as the others, at the start and at the end.

    A label's weight in the loss is 1 / tolerance^2, going geometrically from the first to the
    second: forces shape the surface first, energies settle it. Units: eV/atom, eV/angstrom,
    eV/angstrom^3, e*angstrom/atom, e, e*angstrom^2/V per atom.
    """

    energy: Range = (0.02, 0.003)
    forces: Range = (0.1, 0.1)
    stress: Range = (0.004, 0.004)
    polarization: Range = (0.03, 0.0005)
    born_charges: Range = (0.1, 0.02)
    polarizability: Range = (0.005, 0.0003)

    def at(self, x: float) -> Weighting:
        """Return the weights after a fraction x of the training."""
        ranges = (getattr(self, name) for name in Labels._fields)
        return Weighting(*(float((a * (b / a) ** x) ** -2) for a, b in ranges))


@dataclass(frozen=True)
class Schedule:
    """How long, how fast, how the labels are weighed.

    average is how much of the averaged weights a step keeps; patience the epochs without a better
    held-out loss after which training stops (0: never); frozen the parameters that stay.
    """

    epochs: int = 300
    batch: int = 4
    learning_rate: float = 4e-3
    final_rate: float = 1e-5
    weight_decay: float = 1e-3
    average: float = 0.995
    tolerances: Tolerances = field(default_factory=Tolerances)
    patience: int = 0
    seed: int = 0
    frozen: tuple[str, ...] = ()


class State(NamedTuple):
    """Where training stands after an epoch.

    network is what is being trained, averaged its exponential moving average (what ships), best the
    averaged weights with the lowest held-out loss (the last ones if nothing is held out); first and
    second are Adam's moments, norm the usual length of the gradient; offsets (n_datasets,) eV/atom
    what each further dataset's energies are shifted by; errors and held_out the root-mean-square
    errors by label, in the order of Labels (NaN where there is none).
    """

    epoch: int
    step: int
    network: Network
    averaged: Network
    best: Network
    best_loss: float
    best_epoch: int
    first: dict[str, Tensor]
    second: dict[str, Tensor]
    norm: float
    offsets: NDArray[np.float64]
    errors: NDArray[np.float64]
    held_out: NDArray[np.float64]


def start(network: Network, n_datasets: int = 1) -> State:
    """Return the state before the first epoch of a network with its references set."""
    zeros = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    nothing = np.full(len(Labels._fields), np.nan)
    return State(
        0,
        0,
        network,
        copy.deepcopy(network),
        copy.deepcopy(network),
        np.inf,
        0,
        zeros,
        {name: z.clone() for name, z in zeros.items()},
        0.0,
        np.zeros(n_datasets),
        nothing,
        nothing,
    )


def epochs(
    state: State,
    frames: Sequence[Frame],
    held_out: Sequence[Frame],
    schedule: Schedule,
    gradient: Gradient = loss_gradient,
) -> Iterator[State]:
    """Yield the state after each epoch until the schedule ends or patience is lost.

    Deterministic for a seed, a version and a machine; a state continues where it was left.

    Parameters
    ----------
    state : State
        From start(), or an earlier state.
    frames, held_out : sequence of Frame
        What is trained on, and what is only measured. Energies are less the species' reference.
    schedule : Schedule
        How.
    gradient : callable
        loss_gradient (compiled, CPU), or autograd_gradient of autograd.py (any device).

    Raises
    ------
    FloatingPointError
        If the errors or the weights are no longer finite.
    """
    per_epoch = -(-len(frames) // schedule.batch)
    while not finished(state, schedule):
        epoch = state.epoch
        rng = np.random.default_rng([schedule.seed, epoch])
        order = rng.permutation(len(frames))
        total, n, drift = np.zeros(6), np.zeros(6), _Drift(len(state.offsets))
        for begin in range(0, len(frames), schedule.batch):
            x = (epoch * per_epoch + begin // schedule.batch) / (schedule.epochs * per_epoch)
            chosen = [
                shifted(frames[k], state.offsets) for k in order[begin : begin + schedule.batch]
            ]
            with np.errstate(invalid="ignore", over="ignore"):  # _clip speaks of divergence
                squares, slopes = gradient(state.network, chosen, schedule.tolerances.at(x), rng)
            state = _clip(state, slopes)
            _move(state, slopes, schedule, _rate(schedule, x))
            keep = min(schedule.average, (1 + state.step) / (10 + state.step))
            _average(state.averaged, state.network, keep)
            state = state._replace(step=state.step + 1)
            total, n = total + squares.total, n + squares.n
            drift.add(chosen, squares.residual)
        state = state._replace(
            epoch=epoch + 1,
            offsets=state.offsets + drift.mean(),
            errors=np.sqrt(np.divide(total, n, out=np.full(6, np.nan), where=n > 0)),
        )
        _check_finite(state, n)
        state = _compare(state, held_out, schedule)
        yield state


def finished(state: State, schedule: Schedule) -> bool:
    """Tell whether a training is over: all epochs done, or patience lost."""
    lost = schedule.patience > 0 and state.epoch - state.best_epoch >= schedule.patience
    return lost or state.epoch >= schedule.epochs


def shifted(frame: Frame, offsets: NDArray[np.float64]) -> Frame:
    """Return a frame with its dataset's energy offset (eV/atom) taken off."""
    if frame.labels.energy is None or not offsets[frame.dataset]:
        return frame
    energy = frame.labels.energy - offsets[frame.dataset] * len(frame.positions)
    return frame._replace(labels=frame.labels._replace(energy=energy))


class _Drift:
    """The mean energy residual of each dataset over an epoch; the first dataset defines zero."""

    def __init__(self, n: int) -> None:
        self.total, self.n = np.zeros(n), np.zeros(n)

    def add(self, frames: Sequence[Frame], residual: NDArray[np.float64]) -> None:
        for frame, r in zip(frames, residual, strict=True):
            if np.isfinite(r):
                self.total[frame.dataset] -= r
                self.n[frame.dataset] += 1

    def mean(self) -> NDArray[np.float64]:
        mean = self.total / np.maximum(self.n, 1)
        mean[0] = 0.0
        return mean


def _rate(schedule: Schedule, x: float) -> float:
    """Return the learning rate after a fraction x of the run: short warm-up, then half a cosine."""
    warm = min(1.0, (x + 1e-4) / 0.01)
    low, high = schedule.final_rate, schedule.learning_rate
    return float(warm * (low + 0.5 * (high - low) * (1 + np.cos(np.pi * x))))


def _clip(state: State, slopes: dict[str, Tensor]) -> State:
    """Shorten, in place, a gradient that is longer than CLIP times the usual; renew the usual."""
    norm = float(torch.stack([g.double().square().sum() for g in slopes.values()]).sum().sqrt())
    if not np.isfinite(norm):
        raise _diverged("gradient", state.epoch)
    usual = state.norm or norm
    if norm > CLIP * usual:
        for g in slopes.values():
            g.mul_(CLIP * usual / norm)
    return state._replace(norm=0.99 * usual + 0.01 * min(norm, CLIP * usual))


def _move(state: State, slopes: dict[str, Tensor], schedule: Schedule, rate: float) -> None:
    """Move the parameters, in place: matrices by Muon, vectors by Adam, both with decay.

    Muon steps along the orthogonal factor of the momentum (K. Jordan et al., 2024,
    kellerjordan.github.io/posts/muon), as long as Adam's steps are (Liu et al.,
    arXiv:2502.16982, eq. 4); Adam and its decay: Loshchilov and Hutter, ICLR 2019. On these
    networks a hundred epochs of Muon end where several hundred of Adam alone do.
    """
    t, (b1, b2) = state.step + 1, BETAS
    with torch.no_grad():
        for name, p in state.network.named_parameters():
            if name.startswith(schedule.frozen):
                continue
            m, g = state.first[name], slopes[name]
            p.mul_(1 - rate * schedule.weight_decay)
            if p.ndim > VECTOR:
                m.mul_(MOMENTUM).add_(g)
                step = orthogonal(g + MOMENTUM * m)
                p.add_(step, alpha=-rate * MUON_LENGTH * max(p.shape[-2:]) ** 0.5)
            else:
                v = state.second[name]
                m.lerp_(g, 1 - b1)
                v.mul_(b2).addcmul_(g, g, value=1 - b2)
                scale = (v / (1 - b2**t)).sqrt_().add_(EPSILON)
                p.addcdiv_(m, scale, value=-rate * VECTOR_RATE / (1 - b1**t))


def _average(averaged: Network, network: Network, keep: float) -> None:
    """Move the averaged parameters towards the current ones."""
    with torch.no_grad():
        for a, p in zip(averaged.parameters(), network.parameters(), strict=True):
            a.lerp_(p, 1 - keep)


def _check_finite(state: State, n: NDArray[np.float64]) -> None:
    """Raise FloatingPointError if training has diverged."""
    weights = all(bool(torch.isfinite(p).all()) for p in state.network.parameters())
    if not weights or not np.isfinite(state.errors[n > 0]).all():
        raise _diverged("error or a weight", state.epoch)


def _diverged(what: str, epoch: int) -> FloatingPointError:
    return FloatingPointError(
        f"{what} is infinite at epoch {epoch}, expected finite numbers: training has diverged. "
        "Lower learning_rate, or check the labels."
    )


def _compare(state: State, held_out: Sequence[Frame], schedule: Schedule) -> State:
    """Return the state with its held-out errors, and the best weights renewed."""
    if not held_out:
        return state._replace(best=state.averaged, best_epoch=state.epoch)
    squares = measure(state.averaged, [shifted(f, state.offsets) for f in held_out])
    loss = squares.loss(schedule.tolerances.at(1.0))
    state = state._replace(held_out=np.sqrt(squares.mean))
    if not loss < state.best_loss:
        return state
    return state._replace(
        best=copy.deepcopy(state.averaged), best_loss=loss, best_epoch=state.epoch
    )
