"""Active learning as a loop you can see: explore, stop, select, label, retrain, go on.

    for step in learn(start, explore, labeller, retrain):
        ...                       # save it, judge it, or break

The dynamics runs on the current potential and is graded on the way (extrapolation.py). Frames with
a grade between thresholds.low and .high are candidates; the first above .high ends the run, because
what follows would rest on forces that no data support. The candidates that span most new ground are
labelled, and the potential is trained on. Podryabinkin and Shapeev, Comput. Mater. Sci. 140, 171
(2017).
"""

import copy
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import ase
import numpy as np
import torch
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator

from multiscale import units
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.ensembles import Ensemble
from multiscale.atoms.extrapolation import RANK, ActiveSet, Grader, Thresholds, build
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.labels import labels
from multiscale.atoms.optimise import Schedule, epochs, start
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.prepare import make_frames
from multiscale.atoms.selection import d_optimal
from multiscale.atoms.system import System

Explore = Callable[[ElectricPotential, int], Iterator[System]]
Labeller = Callable[[ase.Atoms], ase.Atoms]
Retrain = Callable[[ElectricPotential, Sequence[ase.Atoms]], ElectricPotential]
Cutter = Callable[[ase.Atoms, int], ase.Atoms]
MOST = 400
"""Candidates that are kept; beyond it every other one is dropped."""


class Tally(NamedTuple):
    """How an exploration went: the highest grade met, states graded, whether it was stopped."""

    grade: float = 0.0
    explored: int = 0
    stopped: bool = False


class Iteration(NamedTuple):
    """One round: the potential after it, and how it came about.

    number of the round, 0 for the start; potential and its active set; all labelled frames that it
    was trained on, and those that this round added; how the exploration before that went.
    """

    number: int
    potential: ElectricPotential
    active: ActiveSet
    frames: tuple[ase.Atoms, ...]
    added: tuple[ase.Atoms, ...] = ()
    tally: Tally = Tally()


def begin(potential: ElectricPotential, frames: Sequence[ase.Atoms], rank: int = RANK) -> Iteration:
    """Return round 0: a potential and the labelled frames that trained it."""
    active = build(potential, map(System.from_ase, frames), rank)
    return Iteration(0, potential, active, tuple(frames))


def learn(
    start: Iteration,
    explore: Explore,
    labeller: Labeller,
    retrain: Retrain,
    *,
    thresholds: Thresholds = Thresholds(),  # noqa: B008  (an immutable tuple)
    count: int = 5,
    cut: Cutter | None = None,
) -> Iterator[Iteration]:
    """Yield the rounds after `start`; end with the one that finds nothing to learn.

    Parameters
    ----------
    start : Iteration
        From begin(), or the last round of a run that was interrupted: nothing else is remembered.
    explore : callable
        explore(potential, number of the round) yields systems, such as molecular_dynamics().
    labeller : callable
        Takes a structure, returns it with at least energy and forces: calculator_labeller().
    retrain : callable
        Takes the potential and all labelled frames, returns a better potential.
    thresholds : Thresholds
        Grades of a candidate, and of the end of a run.
    count : int
        At most so many frames are labelled in a round.
    cut : callable, optional
        cut(atoms, worst atom) returns a smaller cell to label, from cutting.py.

    Raises
    ------
    ValueError
        If thresholds are not in order, or energy or forces are missing or not finite.
    """
    if not 1 <= thresholds.low <= thresholds.high:
        raise ValueError(
            f"thresholds are {tuple(thresholds)}, expected 1 <= low <= high: grades up to 1 are "
            "inside the training data. Correct them."
        )
    now = start
    while True:
        number, rank = now.number + 1, now.active.active.shape[1]
        candidates, tally = search(now, explore(now.potential, number), thresholds)
        if not candidates:
            yield now._replace(number=number, added=(), tally=tally)
            return
        choices = d_optimal(now.potential, now.active, candidates, count, thresholds.low)
        added = []
        for choice in choices:
            (atoms,) = candidates[choice.frame].to_ase()
            atoms.wrap()
            added.append(_labelled(labeller, cut(atoms, choice.atom) if cut else atoms))
        frames = (*now.frames, *added)
        potential = retrain(now.potential, frames)
        active = build(potential, map(System.from_ase, frames), rank)
        now = Iteration(number, potential, active, frames, tuple(added), tally)
        yield now


def search(
    now: Iteration, states: Iterator[System], thresholds: Thresholds
) -> tuple[list[System], Tally]:
    """Return the candidates that states offer until they end or a grade passes thresholds.high.

    A run that blows up (FloatingPointError) counts as stopped.
    """
    grader = Grader(now.potential, now.active)
    candidates, highest, explored, keep = list[System](), 0.0, 0, 1
    while True:
        try:
            state = next(states, None)
        except FloatingPointError:
            return candidates, Tally(highest, explored, stopped=True)
        if state is None:
            return candidates, Tally(highest, explored, stopped=False)
        explored += 1
        grades = grader(state)
        tops = [float(g.max()) for g in np.split(grades, state.starts[1:-1].tolist())]
        highest = max(highest, *tops)
        stop = highest > thresholds.high
        if stop or explored % keep == 0:
            candidates += [
                s for s, top in zip(singles(state), tops, strict=True) if top > thresholds.low
            ]
        if stop:
            return candidates, Tally(highest, explored, stopped=True)
        if len(candidates) > MOST:
            candidates, keep = candidates[::2], 2 * keep


def singles(system: System) -> list[System]:
    """Return the systems of a batch one by one, without sites."""
    return [System.from_ase(atoms) for atoms in system.to_ase()]


def molecular_dynamics(
    system: System,
    ensemble: Ensemble,
    temperature: float,
    *,
    steps: int,
    timestep: float = 0.002,
    stride: int = 5,
    seed: int = 0,
) -> Explore:
    """Return an exploration by molecular dynamics of every system of a batch.

    Parameters
    ----------
    system : System
        Where each run starts.
    ensemble : Ensemble
        What the cell may do.
    temperature : float
        In K.
    steps : int
        Length of a run.
    timestep : float
        In ps.
    stride : int
        Steps between states that are graded.
    seed : int
        Of the noise, with the number of the round: each round runs another trajectory.
    """

    def explore(potential: ElectricPotential, number: int) -> Iterator[System]:
        walkers = range(system.n_systems)
        kT = torch.full((system.n_systems,), units.KB * temperature, dtype=torch.float64)
        noise = [walker_generator(seed, number * system.n_systems + w) for w in walkers]
        run = dynamics(potential, system, ensemble, timestep=timestep, kT=kT, generators=noise)
        for state in islice(run, stride - 1, steps, stride):
            yield system.replace(positions=state.positions, cell=state.cell)

    return explore


def calculator_labeller(calculator: Calculator) -> Labeller:
    """Return a labeller that asks an ASE calculator for energy, forces and stress."""

    def labeller(atoms: ase.Atoms) -> ase.Atoms:
        asked: ase.Atoms = atoms.copy()
        out: ase.Atoms = atoms.copy()
        asked.calc = calculator
        out.calc = SinglePointCalculator(
            out,
            energy=asked.get_potential_energy(),
            forces=asked.get_forces(),
            stress=asked.get_stress(),
        )
        return out

    return labeller


def _labelled(labeller: Labeller, atoms: ase.Atoms) -> ase.Atoms:
    """Return a labelled structure after seeing that it is one."""
    out = labeller(atoms)
    if len(out) != len(atoms):
        raise ValueError(
            f"labeller returned {len(out)} atoms for {len(atoms)}, expected the same structure. "
            "Correct the labeller."
        )
    y = labels(out)
    if y.energy is None or y.forces is None:
        raise ValueError(
            f"labeller returned a structure with {', '.join(y.names) or 'no labels'}, expected at "
            "least energy and forces. Correct the labeller."
        )
    if not (np.isfinite(y.energy) and np.isfinite(y.forces).all()):
        raise ValueError(
            "labeller returned an energy or forces that are not finite, expected numbers. Look at "
            "the structure: its atoms may overlap, or the calculation failed."
        )
    return out


def further_training(schedule: Schedule) -> Retrain:
    """Return a retraining that continues from the weights at hand, on all frames."""

    def retrain(potential: ElectricPotential, frames: Sequence[ase.Atoms]) -> ElectricPotential:
        network = copy.deepcopy(potential.network).cpu().float()
        reference = network.reference_energy.numpy()
        ready = make_frames(frames, network.architecture, reference)
        (last,) = deque(epochs(start(network), ready, [], schedule), maxlen=1)
        return ElectricPotential(last.best, potential.card, potential.dtype)

    return retrain
