"""Scale 1 1/2: effective Hamiltonians on a lattice of local modes.

parameters   Parameters: the numbers of a Hamiltonian, refused where they make no crystal
hamiltonian  EffectiveHamiltonian: energy, forces, stress, dipole; drives dynamics() as a potential
crystal      lattices of modes as Systems
short_range  seven constants on three shells; dipoles: Ewald sums; acoustic: relaxed cell corners
quadratic    these together in reciprocal space, the Hessian, the longest time step
passes       the compiled loops over the cells; forces: the last of them; room: their memory
spectral     what stands between them in reciprocal space; transforms, butterflies: its transforms
on_torch     TorchHamiltonian: the same in torch, on any device; reference: as plain formulas
shape        homogeneous strain of the cell and its stress
enthalpy     with field and pressure, as one function: minimise, monte_carlo (statics)
scans        temperature up and down; walls: domain walls and nuclei, their energies
drift        where walls stand and how fast a field drives them; nuclei: round domains
loops        fields and samples of loops by dynamics
maps         variants of the cells, local dipoles; structure: structure factor, equipartition
film         a film between ideal electrodes, by images
continuum    ContinuumStrain: inhomogeneous strain as feram takes it
projection   local modes of atoms; fit_data, fit_modes: energies of a potential at given modes
matching     coefficients from such data by regression; fit_bounds: with a lower bound
"""

from multiscale.lattice.crystal import amplitudes, modes
from multiscale.lattice.hamiltonian import EffectiveHamiltonian
from multiscale.lattice.on_torch import TorchHamiltonian
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.quadratic import hessian

__all__ = [
    "EffectiveHamiltonian",
    "Parameters",
    "TorchHamiltonian",
    "amplitudes",
    "hessian",
    "modes",
]
