"""Scale 1: a machine-learned potential with electric response, its training and dynamics.

system      batches of atoms (System), what a potential answers (Response)
potential   ElectricPotential: load, evaluate, calculator
enthalpy    U0 - E.mu - E.alpha.E/2 of a learned response; coupling that of fixed Born charges
network     the trainable function in torch; features and harmonics below it
kernel      the same compiled for the CPU; fused, atomic, pointwise and simd below it
frames      labelled structures: read, checked, split; prepare makes them ready for training
train       from files of labelled structures to a potential; optimise is its visible loop
recipe      the options of a training, and its files split; card what is written about the result
gradient    the loss and its gradient, compiled (slopes); autograd the same by torch, on any device
errors      how far a potential is from labelled frames
dynamics    molecular dynamics as a visible generator of states; ensembles, generators
foreign     ForeignPotential: any ASE calculator in place of ours; calculator: ours as one of ASE
spectra     spectra of fluctuations; response (dielectric), raman, vibrations on top of it
phonons     zone-centre phonons and their permittivity; relaxation in a field
toy         an analytic crystal for tests and quick trials
"""

from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.errors import evaluate
from multiscale.atoms.foreign import ForeignPotential
from multiscale.atoms.network import Architecture
from multiscale.atoms.optimise import Schedule, Tolerances
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.recipe import Recipe
from multiscale.atoms.system import Response, Sites, System
from multiscale.atoms.train import train

__all__ = [
    "Architecture",
    "ElectricPotential",
    "ForeignPotential",
    "Recipe",
    "Response",
    "Schedule",
    "Sites",
    "System",
    "Tolerances",
    "dynamics",
    "evaluate",
    "train",
]
