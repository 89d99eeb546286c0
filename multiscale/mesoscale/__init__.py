"""Scale 5: from a Landau energy and its kinetics to switching loops.

Drives and loops
    waveforms    fields as functions of time: triangle, sine, pulses, PUND, staircase, FORC, table
    loops        what a loop says: coercive field, remanence, area, and whether it switched
    measured     loops of instruments: their last cycle, how far two loops differ
    currents     displacement current, switching peaks, leakage and dielectric part
    reversal     first-order reversal curves, Preisach density
    growth       Avrami, Orihara-Ishibashi, coercive field against frequency

A row of cells for many replicas (stage hysteresis)
    polynomial   Landau forces for inner loops, bounds on the energy and its curvature
    field        energy of a row of cells
    kinetics     how it moves: overdamped, or with inertia and memory; with thermal noise
    memory       kernels as auxiliary variables that keep fluctuation-dissipation exact
    steps        compiled steps of a single domain

The field model in one to three dimensions
    grid         cells, wave vectors, orientation of the crystal
    model        all terms of the energy and the forces that follow
    electrodes   open, shorted, or with a dielectric in series
    elasticity   strain in equilibrium, what holds the box; inhomogeneous: varying stiffness
    energies     the terms of the energy
    green        stress of waves of spontaneous strain, compiled
    pointwise    compiled passes over cells; mode_passes: over modes
    threads      work shared among threads
    evolve       overdamped steps of second order, with error control
    on_device    the same steps in torch, for graphics cards
    descent      steps in a constant field whose energy must fall
    guard        the same for intervals of boxes and films under a drive
    inertial     steps with inertia, friction and memory
    retarded     steps with friction and memory, without inertia
    relaxation   states of rest
    driver       loops, stress, field cooling, electrodes with a load
    disorder     random fields, charges, dipole defects
    resolution   whether the grid holds a wall
    specimen     boxes and films under a drive, for stage hysteresis; specimen_strain: their strain;
                 specimen_rest: from rest to rest; specimen_retarded: with memory
    series_load  a resistor and a capacitor in series with a sample
    film         a film between electrodes with dead layers; film_matrices: its waves;
                 film_strain: fringes of strain on a substrate
    domains      variants, walls, nuclei

Walls alone
    wall_laws    velocity against field: Merz, creep, flow, and fits
    wall_model   loops of a cell with moving walls, closed forms
"""

from multiscale.mesoscale.descent import descend
from multiscale.mesoscale.driver import cool, quasi_static_loop, sweep
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.evolve import Evolution, FieldState
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.film import DeadLayer, FilmEvolution, FilmModel
from multiscale.mesoscale.grid import Grid, orientation
from multiscale.mesoscale.inertial import Inertial
from multiscale.mesoscale.kinetics import Memory, Overdamped, State, trajectory
from multiscale.mesoscale.loops import LoopResult, analyse_loop
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.relaxation import Rest, minimise
from multiscale.mesoscale.resolution import CoarseGridWarning, wall_resolution
from multiscale.mesoscale.retarded import Retarded
from multiscale.mesoscale.reversal import ForcMap, forc_map
from multiscale.mesoscale.wall_laws import VelocityFit, fit_velocity
from multiscale.mesoscale.wall_model import WallLoop, WallModel
from multiscale.mesoscale.waveforms import (
    forc,
    pulses,
    pund,
    ramp,
    sine,
    staircase,
    table,
    triangle,
)

__all__ = [
    "CoarseGridWarning",
    "DeadLayer",
    "Elasticity",
    "Electrodes",
    "Evolution",
    "FieldModel",
    "FieldState",
    "FilmEvolution",
    "FilmModel",
    "ForcMap",
    "Grid",
    "Inertial",
    "LoopResult",
    "Memory",
    "Overdamped",
    "PhaseField",
    "Rest",
    "Retarded",
    "State",
    "VelocityFit",
    "WallLoop",
    "WallModel",
    "analyse_loop",
    "cool",
    "descend",
    "fit_velocity",
    "forc",
    "forc_map",
    "minimise",
    "orientation",
    "pulses",
    "pund",
    "quasi_static_loop",
    "ramp",
    "sine",
    "staircase",
    "sweep",
    "table",
    "trajectory",
    "triangle",
    "wall_resolution",
]
