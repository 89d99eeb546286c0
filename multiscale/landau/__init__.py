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
wall_profile  any planar wall by minimisation, with elasticity and electrostatics
"""

from multiscale.landau.clamping import clamped, film, stiffness_from_compliance, stress_free
from multiscale.landau.coercive import Coercive, coercive_field, susceptibility
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
    "TERMS",
    "Array",
    "Boundedness",
    "Coercive",
    "CurieWeiss",
    "Elasticity",
    "Estimate",
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
    "cubic_matrix",
    "curie_weiss",
    "curie_weiss_law",
    "curvature",
    "draw",
    "electrostriction",
    "electrostriction_constants",
    "field",
    "field_electrostriction",
    "film",
    "fit",
    "fit_strain_coupling",
    "free_energy",
    "gradient_matrix",
    "ground_state",
    "highest_transition",
    "identifiable",
    "interpolated",
    "invariants",
    "minima",
    "order_of",
    "phase_sequence",
    "piezoelectric",
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
