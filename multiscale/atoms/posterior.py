"""Bayesian posterior of the readout weights: committees that share their features.

Energy, forces and stress are linear in the readout weights w (readout.py), so their posterior is
normal with precision sum_l J_l^T J_l / sigma_l^2 + prior: the last-layer Laplace approximation, or
prediction rigidity, of Bigi, Chong, Ceriotti and Grasselli, Mach. Learn.: Sci. Technol. 5, 045018
(2024). Its scale is not derived but measured: real errors are misfits of the model, not noise, so
one factor per label is fitted on frames that did not train, and the prior is the one that makes
those frames most likely. Members are draws from it: Kellner and Ceriotti, Mach. Learn.: Sci.
Technol. 5, 035006 (2024).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import ase
import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.calibration import Factor, scale_factor
from multiscale.atoms.committee import Committee
from multiscale.atoms.kinematics import voigt
from multiscale.atoms.labels import labels
from multiscale.atoms.network import Network
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.readout import design, in_double, readout_weights, reference, with_readout
from multiscale.atoms.system import System

Array = NDArray[np.float64]
LABELS = ("energy", "forces", "stress")
PRIORS = np.logspace(-12, 0, 25)
"""Precisions of the prior that are tried, as shares of the data's mean precision of a weight."""


class Rows(NamedTuple):
    """The linear model of one label: truth less prediction (n,), and its slopes J (n, P).

    Energies are per atom (eV), forces eV/angstrom, stress eV/angstrom^3.
    """

    residual: Array
    J: Array


class Normal(NamedTuple):
    """Sums over frames for one label: J^T J (P, P), J^T residual (P,), sum of squares, count."""

    JTJ: Array
    JTr: Array
    square: float
    n: int

    @property
    def variance(self) -> float:
        """Return the mean squared residual."""
        return self.square / self.n


class Posterior(NamedTuple):
    """A normal distribution of readout weights about those of the potential.

    root (P, P): the covariance is root root^T before the factors; prior: precision of the prior as
    a share of the data's; factors: by label, what standard deviations are multiplied with.
    """

    root: Array
    prior: float
    factors: dict[str, Factor]

    def deviation(self, J: Array) -> Array:
        """Return the standard deviation of J @ w before the factor, (n, P) -> (n,)."""
        return np.asarray(np.linalg.norm(J @ self.root, axis=1))

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return n deviations of the weights before the factors, (n, P), whose mean is zero."""
        z = rng.standard_normal((n, len(self.root)))
        return np.asarray((z - z.mean(axis=0)) @ self.root.T)


def rows_of(network: Network, atoms: ase.Atoms) -> dict[str, Rows]:
    """Return the linear model of every label that a frame has; network from in_double()."""
    system, y, n = System.from_ase(atoms), labels(atoms), len(atoms)
    model, w = design(network, system), readout_weights(network).ravel()
    out = {}
    if y.energy is not None:
        J = model.energy / n
        out["energy"] = Rows((y.energy - reference(network, system)) / n - J @ w, J)
    if y.forces is not None:
        out["forces"] = Rows(y.forces.ravel() - model.forces @ w, model.forces)
    if y.stress is not None:
        out["stress"] = Rows(voigt(y.stress) - model.stress @ w, model.stress)
    return out


def normal_of(rows: Rows) -> Normal:
    """Return the normal equations of some rows."""
    residual, J = rows
    return Normal(J.T @ J, J.T @ residual, float(residual @ residual), len(residual))


def accumulate(network: Network, frames: Iterable[ase.Atoms]) -> dict[str, Normal]:
    """Return the normal equations of every label; memory does not grow with the frames.

    Parameters
    ----------
    network : Network
        From in_double().
    frames : iterable of ase.Atoms
        With energy, forces or stress, any subset each.

    Raises
    ------
    ValueError
        If there is no label.
    """
    total: dict[str, Normal] = {}
    for atoms in frames:
        for name, (r, J) in rows_of(network, atoms).items():
            part = normal_of(Rows(r, J))
            total[name] = part if name not in total else _add(total[name], part)
    if not total:
        raise ValueError(
            "labels of the frames are none, expected energy, forces or stress. Pass labelled "
            "frames."
        )
    return total


def posterior(
    potential: ElectricPotential, training: Iterable[ase.Atoms], calibration: Sequence[ase.Atoms]
) -> Posterior:
    """Return the posterior of the readout weights, scaled so that held-out errors are likely.

    Parameters
    ----------
    potential : ElectricPotential
        Trained on `training`.
    training : iterable of ase.Atoms
        Labelled frames that fix the weights.
    calibration : sequence of ase.Atoms
        Labelled frames that did not train: they choose prior and factors, so they must not be used
        to test the spread.

    Raises
    ------
    ValueError
        If either has no label, or the calibration frames have no forces.
    """
    network = in_double(potential.network)
    each = [rows_of(network, atoms) for atoms in calibration]
    return infer(accumulate(network, training), each)


def infer(normals: dict[str, Normal], each: Sequence[dict[str, Rows]]) -> Posterior:
    """Return the posterior of a linear model from its normal equations and held-out rows.

    Parameters
    ----------
    normals : dict
        Label -> sums over the training data, residuals being those of the fitted model.
    each : sequence of dict
        For every held-out frame: label -> rows; forces among them.

    Raises
    ------
    ValueError
        If no frame has forces.
    """
    if not any("forces" in frame for frame in each):
        raise ValueError(
            f"calibration has {len(each)} frames and no forces, expected labelled frames that did "
            "not train. Hold some out."
        )
    data, U = np.linalg.eigh(_precision(normals))
    names = [name for name in LABELS if any(name in frame for frame in each)]
    held_out = {name: _join([frame[name] for frame in each if name in frame]) for name in names}
    squares = {name: (J @ U) ** 2 for name, (_, J) in held_out.items()}
    prior = min(PRIORS, key=lambda share: _surprise(_shifted(data, share), held_out, squares))
    spectrum = _shifted(data, prior)
    factors = {}
    for name, (residual, _) in held_out.items():
        lengths = [len(frame[name].residual) if name in frame else 0 for frame in each]
        groups = np.repeat(np.arange(len(each)), lengths)
        deviation = np.sqrt(squares[name] @ (1 / spectrum))
        factors[name] = scale_factor(residual, deviation, groups=groups)
    return Posterior(U / np.sqrt(spectrum), float(prior), factors)


def readout_committee(
    potential: ElectricPotential,
    training: Iterable[ase.Atoms],
    calibration: Sequence[ase.Atoms],
    *,
    members: int = 8,
    seed: int = 0,
) -> Committee:
    """Return a committee that shares the potential's features and is centred on it.

    Parameters
    ----------
    potential, training, calibration
        As for posterior().
    members : int
        How many, at least 4.
    seed : int
        Of the draw.

    Raises
    ------
    ValueError
        As posterior(), or if members is below 4.
    """
    return draw_committee(
        potential, posterior(potential, training, calibration), members=members, seed=seed
    )


def draw_committee(
    potential: ElectricPotential, distribution: Posterior, *, members: int = 8, seed: int = 0
) -> Committee:
    """Return a committee drawn from a posterior; arguments as for readout_committee().

    The members' scatter is that of calibrated forces; energy and stress carry what remains of
    their own factors.
    """
    scale = distribution.factors["forces"].value
    drawn = distribution.draw(members, np.random.default_rng(seed)) * scale
    w = readout_weights(potential.network)
    factors = {name: f.value / scale for name, f in distribution.factors.items()}
    return Committee(
        [with_readout(potential, w + d.reshape(w.shape)) for d in drawn],
        centre=potential,
        factors=factors,
    )


def refit_readout(
    potential: ElectricPotential, frames: Iterable[ase.Atoms], prior: float = 1e-6
) -> ElectricPotential:
    """Return the potential with the readout weights that fit labelled frames best.

    A weighted ridge regression: each label weighs by its mean squared residual before the fit, and
    the prior holds the weights to what they were. The features stay as they are: this takes
    seconds where training takes hours, and learns less.

    Parameters
    ----------
    potential : ElectricPotential
        Where the weights start.
    frames : iterable of ase.Atoms
        All labelled frames, old and new.
    prior : float
        Precision of the prior as a share of the data's mean precision of a weight.
    """
    network = in_double(potential.network)
    normals = accumulate(network, frames)
    precision = _precision(normals)
    pull = np.sum([n.JTr / n.variance for n in normals.values()], axis=0)
    ridge = prior * np.trace(precision) / len(precision) * np.eye(len(precision))
    w = readout_weights(network)
    return with_readout(potential, w + np.linalg.solve(precision + ridge, pull).reshape(w.shape))


def _add(a: Normal, b: Normal) -> Normal:
    """Return the sums over the rows of both."""
    return Normal(a.JTJ + b.JTJ, a.JTr + b.JTr, a.square + b.square, a.n + b.n)


def _precision(normals: dict[str, Normal]) -> Array:
    """Return the precision of the weights from all labels, each weighed by its own residuals."""
    return np.asarray(np.sum([n.JTJ / n.variance for n in normals.values()], axis=0))


def _join(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several frames as one."""
    return Rows(*(np.concatenate(x) for x in zip(*parts, strict=True)))


def _shifted(data: Array, share: float) -> Array:
    """Return eigenvalues of the data's precision with those of the prior added."""
    return np.asarray(np.maximum(data, 0.0) + share * data.mean())


def _surprise(spectrum: Array, held_out: dict[str, Rows], squares: dict[str, Array]) -> float:
    """Return minus the log likelihood of held-out residuals, each label at its best factor."""
    total = 0.0
    for name, (residual, _) in held_out.items():
        variance = squares[name] @ (1 / spectrum)
        factor = np.mean(residual**2 / variance)
        total += 0.5 * float(np.log(factor * variance).sum())
    return total
