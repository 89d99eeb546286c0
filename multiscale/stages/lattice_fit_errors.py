"""How far a fitted Hamiltonian is from its potential, and which part of the model loses what."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.fit_bounds import Known, fit, vector_of
from multiscale.lattice.fit_data import Crystal, gather
from multiscale.lattice.matching import match, predict
from multiscale.lattice.matching_design import PAIRS
from multiscale.stages.lattice_fit_data import KINDS, Sample, groups_of

Array = NDArray[np.float64]
Crystals = Mapping[tuple[int, int, int], Crystal]


class Errors(NamedTuple):
    """One row a configuration; energies and slopes per cell.

    energy and model (n,) in eV; force_error and force_scale (n,), root mean squares over the modes,
    eV/angstrom; pull_error (n,), largest component, eV; amplitude (n,), root mean square of the
    modes, and remainder (n,), that of displacements beside them, angstrom.
    """

    energy: Array
    model: Array
    force_error: Array
    force_scale: Array
    pull_error: Array
    amplitude: Array
    remainder: Array

    @property
    def off(self) -> Array:
        """Return model less potential in eV per cell."""
        return self.model - self.energy


def errors_of(c: Array, a0: float, at: Crystals, samples: Sequence[Sample]) -> Errors:
    """Return the errors of coefficients (21,) on samples, in their order."""
    rows = [_one(c, a0, at[one.size], one) for one in samples]
    return Errors(*np.array(rows).reshape(-1, len(Errors._fields)).T)


def rms(values: Array) -> float:
    """Return the root mean square, NaN of nothing."""
    return float(np.sqrt(np.mean(values**2))) if len(values) else np.nan


def variants(
    known: Known, at: Crystals, learnt: Sequence[Sample], unseen: Sequence[Sample], soft: float
) -> dict[str, float]:
    """Return root-mean-square energy errors (eV per cell) of other fits on unseen configurations.

    Each changes one thing. "small modes" learns and is tested below the median energy; "uniform
    alone" learns from uniform modes without any interaction and is tested on them, "wave alone" and
    "warm alone" likewise with the whole model: what they gain is what one on-site energy for all
    kinds costs. NaN where a fit is not possible.

    Parameters
    ----------
    known : Known
    at : Crystals
    learnt, unseen : sequences of Samples
    soft : float
        Energy per cell in eV from which configurations count less.
    """
    refit = partial(_refit, at=at, soft=soft)
    median = float(np.median([_per_cell(one) for one in learnt]))
    out = {
        "fourth order": refit(known._replace(order=4), learnt, unseen),
        "dipoles fitted": refit(known._replace(eps_inf=None), learnt, unseen),
        "without dipoles": refit(known._replace(eps_inf=1e9), learnt, unseen),
        "small modes": refit(known, _below(learnt, median), _below(unseen, median)),
    }
    for kind in KINDS[1:]:
        out[f"{kind} alone"] = refit(known, _of(learnt, kind), _of(unseen, kind))
    out["uniform alone"] = _uniform(known, at, _of(learnt, "uniform"), _of(unseen, "uniform"), soft)
    return out


def _one(c: Array, a0: float, at: Crystal, sample: Sample) -> list[float]:
    data = gather(at, [sample.relaxed])
    energy, forces, pull = predict(c, data, a0)
    n = data.n_cells
    return [
        float(data.energy[0]) / n,
        float(energy[0]) / n,
        rms((forces - data.forces).ravel()),
        rms(data.forces.ravel()),
        float(np.abs(pull - data.pull).max()) / n,
        rms(data.modes.ravel()),
        rms(sample.relaxed.rest.ravel()),
    ]


def _per_cell(sample: Sample) -> float:
    return sample.relaxed.energy / int(np.prod(sample.size))


def _below(samples: Iterable[Sample], limit: float) -> list[Sample]:
    return [one for one in samples if _per_cell(one) <= limit]


def _of(samples: Iterable[Sample], kind: str) -> list[Sample]:
    return [one for one in samples if one.kind == kind]


def _refit(
    known: Known, learnt: Sequence[Sample], unseen: Sequence[Sample], *, at: Crystals, soft: float
) -> float:
    """Return the error of another fit, NaN if it is not possible."""
    if len(learnt) < 10 or not unseen:
        return np.nan
    try:
        c = vector_of(fit(groups_of(at, learnt, soft), known).parameters)
    except ValueError:
        return np.nan
    return rms(errors_of(c, known.a0, at, unseen).off)


def _uniform(
    known: Known, at: Crystals, learnt: Sequence[Sample], unseen: Sequence[Sample], soft: float
) -> float:
    """Return the error of on-site energy and strain alone on uniform modes."""
    if len(learnt) < 20 or not unseen:
        return np.nan
    held = dict.fromkeys(PAIRS, 0.0)
    groups = groups_of(at, learnt, soft)
    c = match(groups, known.a0, held=held, emphasis=known.emphasis).coefficient
    return rms(errors_of(c, known.a0, at, unseen).off)
