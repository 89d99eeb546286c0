"""Scale 3: Landau-Devonshire theory, from a free-energy surface to a field theory. SI units.

polynomials   invariants of m-3m up to order 8; energy, field, curvature
regression    weighted least squares of a surface; refit of its bootstrap samples
laws          coefficients between and across temperatures
minima        states of every phase, stability, boundedness
coercive      susceptibility and intrinsic coercive field
phases        phase sequence, transition temperatures, latent heat, spinodals
strain        reference cell, electrostriction, stiffness from a biased run
summary       predictions of a fit with errors from its samples
clamping      clamped, stress-free and film coefficients
tensors       electrostriction in all conventions, piezoelectric tensors
walls         domain walls in closed form
films         misfit-temperature diagrams of epitaxial films, their responses
wall_profile  any planar wall by minimisation, with elasticity and electrostatics
groups        finite groups from generators, Molien series, projection
bases         invariants of any group: of P, strain and P, gradients of P
batch         energies and fields of many points at the speed of memory
"""

from multiscale.landau.bases import Basis, coupling_basis, gradient_basis, polarization_basis
from multiscale.landau.batch import energies, fields
from multiscale.landau.clamping import clamped, film, stiffness_from_compliance, stress_free
from multiscale.landau.coercive import Coercive, coercive_field, susceptibility
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
from multiscale.landau.groups import molien, point_group
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
    field,
    free_energy,
    invariants,
    order_of,
    terms,
)
from multiscale.landau.regression import Fit, check_magnitudes, draw, fit, identifiable, refit
from multiscale.landau.strain import (
    StrainCoupling,
    cubic_matrix,
    fit_strain_coupling,
    reference_volume,
)
from multiscale.landau.summary import (
    Estimate,
    Summary,
    TransitionSummary,
    highest_transition,
    summarise,
)
from multiscale.landau.tensors import (
    Elasticity,
    Piezoelectric,
    electrostriction,
    electrostriction_constants,
    field_electrostriction,
    piezoelectric,
)
from multiscale.landau.wall_profile import Wall, gradient_matrix, relax_wall, wall_90
from multiscale.landau.walls import Wall180, profile_180, wall_180

__all__ = [
    "FILM_PHASES",
    "TERMS",
    "Array",
    "Basis",
    "Boundedness",
    "Coercive",
    "CurieWeiss",
    "Elasticity",
    "Estimate",
    "FilmDiagram",
    "Fit",
    "Law",
    "Minimum",
    "Piezoelectric",
    "Spinodals",
    "StrainCoupling",
    "Summary",
    "Transition",
    "TransitionSummary",
    "Wall",
    "Wall180",
    "boundedness",
    "check_magnitudes",
    "clamped",
    "coefficient_units",
    "coercive_field",
    "coupling_basis",
    "cubic_matrix",
    "curie_weiss",
    "curie_weiss_law",
    "curvature",
    "draw",
    "electrostriction",
    "electrostriction_constants",
    "energies",
    "field",
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
    "fit_strain_coupling",
    "free_energy",
    "gradient_basis",
    "gradient_matrix",
    "ground_state",
    "highest_transition",
    "identifiable",
    "interpolated",
    "invariants",
    "minima",
    "molien",
    "order_of",
    "phase_sequence",
    "piezoelectric",
    "point_group",
    "polarization_basis",
    "profile_180",
    "reference_volume",
    "refit",
    "relax_wall",
    "spontaneous_polarization",
    "stiffness_from_compliance",
    "stress_free",
    "summarise",
    "susceptibility",
    "terms",
    "uniaxial_spinodals",
    "wall_90",
    "wall_180",
]
