"""Scale 5: from a Landau energy and its kinetics to switching loops.

waveforms    driving fields as functions of time
loops        what a loop says: coercive field, remanence, area, and whether it switched
polynomial   Landau forces for inner loops, bounds on the energy and its curvature
field        the generalised Ginzburg-Landau model: energy of a row of cells
kinetics     how it moves: overdamped, or with inertia and memory; with thermal noise
memory       kernels as auxiliary variables that keep fluctuation-dissipation exact
steps        compiled steps of a single domain
"""

from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.kinetics import Memory, Overdamped, State, trajectory
from multiscale.mesoscale.loops import LoopResult, analyse_loop
from multiscale.mesoscale.waveforms import pund, sine, staircase, table, triangle

__all__ = [
    "LoopResult",
    "Memory",
    "Overdamped",
    "PhaseField",
    "State",
    "analyse_loop",
    "pund",
    "sine",
    "staircase",
    "table",
    "trajectory",
    "triangle",
]
