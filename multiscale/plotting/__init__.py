"""Edge: one function per figure; Dataset in, matplotlib Figure out, without pyplot's global state.

md          traces, lattice parameters, spontaneous polarization
spectra     infrared absorption, permittivity, density of states, Raman map
metad       free-energy cuts and map, convergence; profiles and map over other variables
free_energy effects of size; energy and entropy at P
mean_force  free energy and its slope, two methods against each other
landau      coefficients, fitted profiles against the sampled surface
gradient    stiffness of long waves of the polarization
landau_record G along axes, coefficients with bands, phases in a field, of a model at all T
landau_films phases of a film against misfit and temperature, profiles of walls
gle         kernel, velocity autocorrelation, fluctuation-dissipation residual
lattice     paths of walls, nuclei, maps and distributions of local dipoles, stiffness of waves
lattice_fit a fitted effective Hamiltonian against its potential
walls       velocity, pinning and kernel of domain walls
hysteresis  polarization loops, strain butterflies, switching currents; hysteresis_all: which
switching   coercive field against frequency and size, pulses, sub-loops, measured loops
reversal    first-order reversal curves, their map, Preisach density
domains     maps with a colour wheel, films
parity      a potential against labels, learning curves

Axes carry the units of the field's papers: uC/cm^2, kV/cm or MV/cm, meV per formula unit. What a
stage itself does not trust is said on the figure.
"""

from multiscale.plotting.free_energy import energy_and_entropy, size_study
from multiscale.plotting.gle import (
    dissipation_ratio,
    dissipation_residual,
    kernels,
    velocity_autocorrelation,
)
from multiscale.plotting.gradient import long_waves
from multiscale.plotting.hysteresis import butterflies, loops, switching_currents
from multiscale.plotting.hysteresis_all import all_of as hysteresis_figures
from multiscale.plotting.landau import candidates, coefficients, laws, profiles, strain_coupling
from multiscale.plotting.landau_films import film_phases, wall_profile
from multiscale.plotting.landau_record import directions as landau_directions
from multiscale.plotting.landau_record import phase_diagram
from multiscale.plotting.lattice import (
    felt_stiffness,
    local_dipoles,
    nucleus_radii,
    static_profile,
    variant_map,
    wall_paths,
)
from multiscale.plotting.lattice_fit import fitted_lattice
from multiscale.plotting.md import lattice_parameters, spontaneous_polarization, traces
from multiscale.plotting.mean_force import agreement, mean_force_profiles
from multiscale.plotting.metad import convergence, free_energy_cuts, free_energy_map
from multiscale.plotting.parity import learning_curves, parity
from multiscale.plotting.spectra import all_of as spectra_figures
from multiscale.plotting.variables import (
    free_energy_plane,
    free_energy_profiles,
    is_of_polarization,
)
from multiscale.plotting.walls import wall_motion

__all__ = [
    "agreement",
    "butterflies",
    "candidates",
    "coefficients",
    "convergence",
    "dissipation_ratio",
    "dissipation_residual",
    "energy_and_entropy",
    "felt_stiffness",
    "film_phases",
    "fitted_lattice",
    "free_energy_cuts",
    "free_energy_map",
    "free_energy_plane",
    "free_energy_profiles",
    "hysteresis_figures",
    "is_of_polarization",
    "kernels",
    "landau_directions",
    "lattice_parameters",
    "laws",
    "learning_curves",
    "local_dipoles",
    "long_waves",
    "loops",
    "mean_force_profiles",
    "nucleus_radii",
    "parity",
    "phase_diagram",
    "profiles",
    "size_study",
    "spectra_figures",
    "spontaneous_polarization",
    "static_profile",
    "strain_coupling",
    "switching_currents",
    "traces",
    "variant_map",
    "velocity_autocorrelation",
    "wall_motion",
    "wall_paths",
    "wall_profile",
]
