"""Scale 1: a machine-learned potential with electric response, its training and dynamics.

system      batches of atoms (System), what a potential answers (Response)
potential   ElectricPotential: load, evaluate, calculator
network     the trainable energy in torch; features and harmonics below it
kernel      the same compiled for the CPU; fused and simd below it
train       from files of labelled structures to a potential; training is its visible loop
errors      how far a potential is from labelled frames
dynamics    molecular dynamics as a visible generator of states; ensembles, generators
toy         an analytic crystal for tests and quick trials
"""

from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.errors import evaluate
from multiscale.atoms.network import Architecture
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.system import Response, Sites, System
from multiscale.atoms.train import Recipe, train
from multiscale.atoms.training import Schedule, train_epochs

__all__ = [
    "Architecture",
    "ElectricPotential",
    "Recipe",
    "Response",
    "Schedule",
    "Sites",
    "System",
    "dynamics",
    "evaluate",
    "train",
    "train_epochs",
]
