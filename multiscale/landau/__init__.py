"""Scale 3: Landau-Devonshire theory, from a free-energy surface to a field theory. SI units.

polynomials   invariants of m-3m up to order 8; energy, field, curvature
regression    least squares of a surface, weighted, generalised or robust; refit of its samples
design        regression matrix, what the points determine, checks of magnitude
covariance    covariance between grid points from the samples of a surface
reduction     a surface reduced to sufficient statistics, large grids in one pass
temperature   laws of coefficients in temperature, linear in their parts
stacking      reduced surfaces of all temperatures with unit variance
joint         one fit of all temperatures
ranking       thousands of candidate models by batched normal equations
state_equation  a model from P and strain at T, E, stress, without a surface
selection     which coefficients depend on temperature, and how
laws          coefficients between and across temperatures
minima        states of every phase, stability, boundedness
coercive      susceptibility and intrinsic coercive field
phases        phase sequence, transition temperatures, latent heat, spinodals
strain        reference cell, electrostriction, stiffness from a biased run, cubic
strain_full   the same without symmetry, 6 x 6
summary       predictions of a fit with errors from its samples
clamping      clamped, stress-free and film coefficients
tensors       electrostriction in all conventions, piezoelectric tensors
walls         domain walls in closed form
films         misfit-temperature diagrams of epitaxial films, their responses
film_kernel   compiled minimisation of a film's polynomial
correlations  long waves of a polarization field
gradient      gradient energy from these waves (Ornstein-Zernike)
branches      stiffness of longitudinal and transverse waves
wall_fit      gradient energy from the profile of a simulated wall
wall_profile  any planar wall by minimisation, with elasticity and electrostatics
banded        minimisation of a path between two states
groups        finite groups from generators, Molien series, projection
bases         invariants of any group: of P, strain and P, gradients of P
batch         energies and fields of many points at the speed of memory
switching     reversal of a domain by a field along any direction, with rotation
wall_kinds    neutral coherent walls of a phase: angles and normals
variants      symmetry images of a state, ground state in a field
field_diagram temperature-field diagram, critical end point, tricritical point
basis_minima  minima of a polynomial of any symmetry
basis_fit     least squares of a surface in the invariants of any group
"""

from multiscale.landau.bases import Basis, coupling_basis, gradient_basis, polarization_basis
from multiscale.landau.basis_fit import BasisFit, fit_basis, refit_basis
from multiscale.landau.basis_minima import State, UnboundedBasisError, basis_minima
from multiscale.landau.batch import energies, fields
from multiscale.landau.clamping import clamped, film, stiffness_from_compliance, stress_free
from multiscale.landau.coercive import Coercive, coercive_field, susceptibility
from multiscale.landau.correlations import Waves, polarization_waves
from multiscale.landau.covariance import GridCovariance, grid_covariance
from multiscale.landau.field_diagram import (
    CriticalPoint,
    FieldDiagram,
    Spinodal,
    StabilityLimits,
    TricriticalPoint,
    critical_end_point,
    field_diagram,
    spinodal,
    stability_limits,
    tricritical_point,
    under_pressure,
)
from multiscale.landau.films import (
    FILM_PHASES,
    FilmDiagram,
    film_coefficients,
    film_diagram,
    film_energy,
    film_piezoelectric,
    film_strain,
    film_susceptibility,
)
from multiscale.landau.gradient import GradientFit, fit_gradient
from multiscale.landau.groups import molien, point_group
from multiscale.landau.joint import JointFit, fit_laws
from multiscale.landau.laws import CurieWeiss, curie_weiss, curie_weiss_law, interpolated
from multiscale.landau.minima import (
    Boundedness,
    Minimum,
    boundedness,
    ground_state,
    minima,
    spontaneous_polarization,
)
from multiscale.landau.phases import (
    Law,
    Spinodals,
    Transition,
    phase_sequence,
    uniaxial_spinodals,
)
from multiscale.landau.polynomials import (
    TERMS,
    Array,
    coefficient_units,
    curvature,
    degree_of,
    field,
    free_energy,
    invariants,
    order_of,
    terms,
)
from multiscale.landau.reduction import (
    Reduced,
    reduce_generalised,
    reduce_grid,
    reduce_surface,
    solve,
)
from multiscale.landau.regression import Fit, check_magnitudes, draw, fit, identifiable, refit
from multiscale.landau.selection import Candidate, Selection, choices, select
from multiscale.landau.stacking import Whitened, whitened
from multiscale.landau.state_equation import StateEquation, States, fit_state_equation
from multiscale.landau.strain import (
    StrainCoupling,
    cubic_matrix,
    fit_strain_coupling,
    reference_volume,
)
from multiscale.landau.strain_full import FullCoupling, cubic_part, fit_full_coupling
from multiscale.landau.summary import (
    Estimate,
    Summary,
    TransitionSummary,
    highest_transition,
    summarise,
)
from multiscale.landau.switching import Jump, Switching, switching
from multiscale.landau.temperature import parts as law_parts
from multiscale.landau.tensors import (
    Elasticity,
    Piezoelectric,
    electrostriction,
    electrostriction_constants,
    field_electrostriction,
    piezoelectric,
)
from multiscale.landau.variants import state_in_field, variants
from multiscale.landau.wall_fit import WallFit, cut_walls, fit_wall, gradient_from_wall
from multiscale.landau.wall_kinds import WallKind, wall_kinds
from multiscale.landau.wall_profile import Wall, gradient_matrix, relax_wall, wall_90
from multiscale.landau.walls import Box180, Wall180, profile_180, wall_180, walls_180_in_box

__all__ = [
    "FILM_PHASES",
    "TERMS",
    "Array",
    "Basis",
    "BasisFit",
    "Boundedness",
    "Box180",
    "Candidate",
    "Coercive",
    "CriticalPoint",
    "CurieWeiss",
    "Elasticity",
    "Estimate",
    "FieldDiagram",
    "FilmDiagram",
    "Fit",
    "FullCoupling",
    "GradientFit",
    "GridCovariance",
    "JointFit",
    "Jump",
    "Law",
    "Minimum",
    "Piezoelectric",
    "Reduced",
    "Selection",
    "Spinodal",
    "Spinodals",
    "StabilityLimits",
    "State",
    "StateEquation",
    "States",
    "StrainCoupling",
    "Summary",
    "Switching",
    "Transition",
    "TransitionSummary",
    "TricriticalPoint",
    "UnboundedBasisError",
    "Wall",
    "Wall180",
    "WallFit",
    "WallKind",
    "Waves",
    "Whitened",
    "basis_minima",
    "boundedness",
    "check_magnitudes",
    "choices",
    "clamped",
    "coefficient_units",
    "coercive_field",
    "coupling_basis",
    "critical_end_point",
    "cubic_matrix",
    "cubic_part",
    "curie_weiss",
    "curie_weiss_law",
    "curvature",
    "cut_walls",
    "degree_of",
    "draw",
    "electrostriction",
    "electrostriction_constants",
    "energies",
    "field",
    "field_diagram",
    "field_electrostriction",
    "fields",
    "film",
    "film_coefficients",
    "film_diagram",
    "film_energy",
    "film_piezoelectric",
    "film_strain",
    "film_susceptibility",
    "fit",
    "fit_basis",
    "fit_full_coupling",
    "fit_gradient",
    "fit_laws",
    "fit_state_equation",
    "fit_strain_coupling",
    "fit_wall",
    "free_energy",
    "gradient_basis",
    "gradient_from_wall",
    "gradient_matrix",
    "grid_covariance",
    "ground_state",
    "highest_transition",
    "identifiable",
    "interpolated",
    "invariants",
    "law_parts",
    "minima",
    "molien",
    "order_of",
    "phase_sequence",
    "piezoelectric",
    "point_group",
    "polarization_basis",
    "polarization_waves",
    "profile_180",
    "reduce_generalised",
    "reduce_grid",
    "reduce_surface",
    "reference_volume",
    "refit",
    "refit_basis",
    "relax_wall",
    "select",
    "solve",
    "spinodal",
    "spontaneous_polarization",
    "stability_limits",
    "state_in_field",
    "stiffness_from_compliance",
    "stress_free",
    "summarise",
    "susceptibility",
    "switching",
    "terms",
    "tricritical_point",
    "under_pressure",
    "uniaxial_spinodals",
    "variants",
    "wall_90",
    "wall_180",
    "wall_kinds",
    "walls_180_in_box",
    "whitened",
]
