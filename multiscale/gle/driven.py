"""Mean force from driven records, with the kernel frozen: maximum likelihood.

Out of equilibrium there is no density to invert, and regression of the force on x is biased, as the
noise remembers. But with the kernel known the innovations of the record (`innovations`) are white
and linear in the coefficients of the force, so that least squares on them is the likelihood. Their
variance says whether the kernel of equilibrium still holds under the drive.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.embedding import Embedding
from multiscale.gle.force_bases import Basis
from multiscale.gle.force_sums import spread
from multiscale.gle.innovations import innovations, steady_filter
from multiscale.gle.mean_force_fit import BasisForce, MeanForceFit
from multiscale.gle.validation import Check, records_of

Array = NDArray[np.float64]
Drive = float | Sequence[float] | Callable[[Array], Array]
WHITE_LAGS = 20
SMALL = 0.1  # misfit of the fastest motion that does no harm to the force
COARSE = 0.6  # fastest angular frequency times frame time; beyond it the force errs by 3 %


def refit_force(  # noqa: PLR0913 (every argument but five has a default)
    trajectory: Array | Sequence[Array],
    dt: float,
    embedding: Embedding,
    basis: Basis,
    drive: Drive,
    *,
    known: Callable[[Array], Array] | None = None,
    n_blocks: int = 64,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> MeanForceFit:
    """Return the mean force of driven (or equilibrium) records, kernel and mass kept as they are.

    Parameters
    ----------
    trajectory : array (n_frames,) or (n_walkers, n_frames), or a sequence of arrays
        The slow variable x every dt.
    dt : time between frames, ps; well below a tenth of the fastest period
    embedding : Embedding
        Kernel, mass and kT of equilibrium.
    basis : Basis
        See `force_bases`.
    drive : known force on x, eV per unit of x
        A number, one per record, or a function of the time since the record began, (n,) ps -> (n,).
    known : callable, optional
        Part of the mean force that is not fitted, (n,) -> (n,).
    n_blocks, n_bootstrap, seed : blocks and replicas of the bootstrap, its random stream

    Raises
    ------
    ValueError
        If frames are not finite, records too short for the kernel's memory, or drives do not match
        the records.
    """
    records = records_of(trajectory)
    steady = steady_filter(embedding, dt)
    found = []
    for x, push in zip(records, _drives(records, dt, drive), strict=True):
        total = push if known is None else push + known(x)
        found.append(innovations(steady, x, total, basis.values(x).T))
    blocks = _blocks(found, max(4, n_blocks))
    n = len(blocks.right)
    c = _solved(blocks, np.ones(n))
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    draws = rng.multinomial(n, np.full(n, 1 / n), n_bootstrap)
    samples = spread(np.array([_solved(blocks, draw.astype(float)) for draw in draws]), n)
    rest = [part[0] + c @ part[1:] for part in found]
    fit = MeanForceFit(BasisForce(basis, c), samples, embedding.kT, ())
    checks = (
        _known(fit, blocks),
        *_white(rest, steady.variance),
        _frames(fit, embedding, records, dt),
    )
    return replace(fit, checks=checks)


class _Blocks(NamedTuple):
    """Sums of the answers to the basis functions, with each other and with the innovations."""

    gram: Array  # (n_blocks, size, size), eV
    right: Array  # (n_blocks, size)


def _drives(records: Sequence[Array], dt: float, drive: Drive) -> list[Array]:
    """Return the known force at the frames of each record, eV per unit of x."""
    if callable(drive):
        return [
            np.asarray(drive(dt * np.arange(len(x), dtype=np.float64)), np.float64) for x in records
        ]
    each = np.atleast_1d(np.asarray(drive, float))
    if each.size not in (1, len(records)):
        raise ValueError(
            f"{each.size} drives were given for {len(records)} records, expected one or one each. "
            "Correct them."
        )
    return [np.full(len(x), f) for x, f in zip(records, np.resize(each, len(records)), strict=True)]


def _blocks(found: Sequence[Array], n_blocks: int) -> _Blocks:
    grams, rights = [], []
    for part in found:
        for piece in np.array_split(part, max(1, round(n_blocks / len(found))), axis=1):
            grams.append(piece[1:] @ piece[1:].T)
            rights.append(piece[1:] @ piece[0])
    return _Blocks(np.array(grams), np.array(rights))


def _solved(blocks: _Blocks, weight: Array) -> Array:
    """Return the coefficients of weighted blocks."""
    gram, right = np.tensordot(weight, blocks.gram, 1), weight @ blocks.right
    scale = np.sqrt(np.diag(gram).clip(1e-300))
    found = np.linalg.lstsq(gram / np.outer(scale, scale), -right / scale, rcond=1e-12)[0]
    return np.asarray(found / scale)


def _known(fit: MeanForceFit, blocks: _Blocks) -> Check:
    """Return the error of the mean force, weighted by what the record saw of it."""
    gram, c = blocks.gram.sum(0), fit.force.coefficients
    noise = float(np.sqrt(np.sum(gram * fit.covariance) / max(c @ gram @ c, 1e-300)))
    return Check(
        "mean force", noise, "standard error below 0.2 of it", noise < 0.2,
        f"the standard error of the mean force is {100 * noise:.0f} % of it (rms): run longer",
    )  # fmt: skip


def _white(rest: Sequence[Array], variance: float) -> tuple[Check, Check]:
    """Return whether the innovations have the variance of the frozen kernel, and are white."""
    n = sum(e.size for e in rest)
    ratio = sum(float(e @ e) for e in rest) / n / variance
    repeats = [sum(float(e[k:] @ e[:-k]) for e in rest) for k in range(1, WHITE_LAGS + 1)]
    largest = max(repeats, key=abs) / (n * ratio * variance)
    chance = n**-0.5
    return (
        Check(
            "kernel holds", ratio, "1 within 4 standard errors or 0.1",
            abs(ratio - 1) < max(4 * 2**0.5 * chance, SMALL),
            f"what the past does not foretell has {ratio:.3f} times the variance that the frozen "
            "kernel gives it: if far from 1, mass, temperature or the fast part of the kernel are "
            "not those of these records",
        ),
        Check(
            "innovations", largest, "autocorrelation within 5 standard errors or 0.1",
            abs(largest) < max(5 * chance, SMALL),
            f"what the past does not foretell repeats itself, autocorrelation {largest:.2f}: the "
            "kernel is not that of these records, or the basis is too small",
        ),
    )  # fmt: skip


def _frames(fit: MeanForceFit, embedding: Embedding, records: Sequence[Array], dt: float) -> Check:
    """Return the fastest free oscillation over the frame rate."""
    samples = np.concatenate([x[:: max(1, len(x) // 2000)] for x in records])
    stiffest = float(np.quantile(np.abs(fit.force.slope(samples)), 0.95))
    memory = float(embedding.coupling @ embedding.coupling)
    fastest = (memory + stiffest / embedding.mass) ** 0.5 * dt
    return Check(
        "force frames", fastest, f"below {COARSE}", fastest < COARSE,
        f"the fastest oscillation advances by {fastest:.2f} radians from frame to frame: beyond "
        f"{COARSE} the mean force errs by about its square over 12; store frames more often",
    )  # fmt: skip
